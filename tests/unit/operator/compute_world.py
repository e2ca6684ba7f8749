"""A world of durable facts around one switch, for enumerating what may happen to it.

The operator is the real ``decide``. Everything else is as docs/states.md says it may behave: a
node agent that follows the table and reports late, a caller, an API server that hears late of the
lock, an operator that stalls before a write and wakes up later, and a few accidents.
"""

import dataclasses
from enum import Enum

from detour_crds import attachment_switch as crds
from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Compute,
    DestinationClaim,
    Handover,
    Inspection,
    LastError,
    Node,
    Order,
    OverlayFile,
    Position,
    Qemu,
)
from detour_crds.volume_migration import VirtualMachineRef
from detour_operator.compute_side import actions, observation
from detour_operator.compute_side.decisions import decide

S, D = "old", "new"
FINAL = "Succeeded"
NOTHING = Compute()
BUDGET = observation.Budget(name="budget", uid="budget", instance="vmi")


class Stage(Enum):
    """The node agent's journal, as coarsely as the operator can tell."""

    NONE = "none"
    OVERLAY = "overlay"
    MERGING = "merging"
    READY = "ready"
    FAILED = "failed"
    REFUSED = "refused"
    DONE = "done"
    CLEAN = "clean"
    CANCELLED = "cancelled"


REACHED = {
    Stage.NONE: Order.NONE,
    Stage.READY: Order.MIRRORED,
    Stage.DONE: Order.DESTINATION,
    Stage.CLEAN: Order.DESTINATION,
    Stage.CANCELLED: Order.SOURCE,
}
JOURNAL = {
    Stage.NONE: crds.Stage.NONE,
    Stage.DONE: crds.Stage.DONE,
    Stage.CLEAN: crds.Stage.DONE,
    Stage.CANCELLED: crds.Stage.CANCELLED,
}
CREATIONS = (
    actions.CreateHolder,
    actions.CreateOverlayClaim,
    actions.CreateOverlayPod,
    actions.CreateFinisher,
    actions.CreateBudget,
)
OPEN = (Stage.NONE, Stage.OVERLAY, Stage.MERGING, Stage.READY, Stage.FAILED, Stage.REFUSED)


@dataclasses.dataclass(frozen=True)
class Late:
    """A write that an operator has decided on and not sent yet; ``on`` is the object it tests."""

    on: str
    what: object


@dataclasses.dataclass(frozen=True)
class World:
    """Durable facts; what is not here cannot be relied on after a crash."""

    # the switch
    wanted: Position = Position.FROZEN
    deleting: bool = False
    finalizer: bool = False
    gone: bool = False
    position: Position = Position.NOWHERE
    compute: Compute = NOTHING
    # what the node agent has done, and what it has told
    stage: Stage = Stage.NONE
    told: Stage | None = None
    qemu: bool = True
    told_qemu: bool = True
    # KubeVirt's objects
    machine: str = S
    strategy: str = ""
    instance: str = S
    fence: bool = False
    migrated: bool = False
    alive: bool = True
    restarted: bool = False
    paused: bool = False
    marked: bool = False
    filled: bool = False
    live_migration: bool = False
    holder: str = ""
    finisher: tuple[str, ...] = ()
    budget: bool = False
    # the API server and the operators
    permitted: bool = True
    heard_of_lock: bool = False
    ending: bool = False
    may_end: bool = False
    late: Late | None = None
    accidents: int = 0

    @property
    def order(self) -> Order:
        return self.compute.order or Order.NONE

    @property
    def ended(self) -> bool:
        return self.position in (Position.SOURCE, Position.DESTINATION) and not self.compute.locked

    @property
    def let_go(self) -> bool:
        """The end without a finisher, which cannot be made any more."""
        return self.ended and self.order is not Order.NONE and self.compute.node is None

    def node(self) -> Node | None:
        if self.told is None or not self.compute.token:
            return None
        failed = self.told is Stage.FAILED
        return Node(
            token=self.compute.token,
            stage=JOURNAL.get(self.told, crds.Stage.OVERLAY),
            reached=REACHED.get(self.told, Order.OVERLAY),
            refused=self.told is Stage.REFUSED,
            qemu=Qemu.RUNNING if self.told_qemu else Qemu.GONE,
            inspection=Inspection(reason="Accepted"),
            overlay=None if self.told in (Stage.NONE, Stage.CLEAN) else OverlayFile(name="o"),
            last_error=LastError(reason="DestinationFailed", message="m") if failed else None,
        )

    def observe(self) -> observation.Observation:
        switch = observation.Switch(
            namespace="ns",
            name="s",
            uid="12345678-0",
            created="1",
            generation=1,
            deleting=self.deleting,
            finalizer=self.finalizer,
            spec=AttachmentSwitchSpec(
                virtual_machine=VirtualMachineRef(name="vm"),
                volume="data",
                destination=DestinationClaim(claim_name=D),
                position=self.wanted,
            ),
            status=AttachmentSwitchStatus(
                position=self.position, compute=self.compute, node=self.node()
            ),
        )
        nothing = observation.Nothing.ABSENT
        proof = observation.Proof(
            bites=self.heard_of_lock, namespace_ends=self.ending, reason="LockNotEffective"
        )
        asked = self.order is Order.MIRRORED and self.compute.handover is Handover.PENDING
        return observation.Observation(
            switch=switch,
            machine=observation.Machine(
                name="vm", uid="vm", claim=self.machine, strategy=self.strategy
            ),
            instance=observation.Instance(
                name="vm",
                uid="later" if self.restarted else "vmi",
                phase="Running" if self.alive or self.restarted else FINAL,
                node="n",
                claim=self.instance,
                fence=self.compute.token if self.fence else None,
                handing_over=self.migrated,
                paused=self.paused,
            ),
            launcher=observation.Pod(name="launcher", uid="launcher", node="n"),
            holder=self._holder() if self.holder else nothing,
            finisher=self._finisher() if self.finisher else nothing,
            budget=BUDGET if self.budget else nothing,
            source_claim=self._source(),
            destination_claim=observation.Claim(
                name=D, uid=D, holds="vm/data" if self.filled else None
            ),
            live_migrations=("vmim",) if self.live_migration else (),
            proof=proof if self.compute.locked else nothing,
            permitted=self.permitted if asked else nothing,
            namespace_ends=self.ending,
        )

    def _source(self) -> observation.Claim:
        disk, by = ("vm/data", D) if self.marked else (None, None)
        return observation.Claim(name=S, uid=S, superseded_for=disk, superseded_by=by)

    def _holder(self) -> observation.Pod:
        return observation.Pod(
            name="holder",
            uid="holder",
            running=self.holder == "running",
            owner="launcher",
            claims=(D,),
        )

    def _finisher(self) -> observation.Pod:
        uid = ",".join(self.finisher)
        return observation.Pod(name="finisher", uid=uid, node="n", claims=self.finisher)

    # What the operator does.

    def act(self, action: actions.Action) -> "World":  # noqa: C901, PLR0912 - one line each
        if self.ending and isinstance(action, CREATIONS):
            return self
        match action:
            case actions.AddFinalizer():
                return self._switch(finalizer=True)
            case actions.RemoveFinalizer():
                return self._switch(finalizer=False, gone=True)
            case actions.TakeStrategyOff():
                return self._on("machine", strategy="")
            case actions.PutStrategyBack(strategy):
                return self._on("machine", strategy=strategy)
            case actions.OpenFence():
                return self._on("instance", fence=True)
            case actions.CloseFence():
                return self._on("instance", fence=False)
            case actions.CreateHolder():
                return self if self.holder else dataclasses.replace(self, holder="pending")
            case actions.DeleteHolder():
                return dataclasses.replace(self, holder="")
            case actions.CreateFinisher(source, destination):
                claims = (source, destination) if destination else (source,)
                return dataclasses.replace(self, finisher=self.finisher or claims)
            case actions.DeleteFinisher(uid):
                same = uid == ",".join(self.finisher)
                return dataclasses.replace(self, finisher=()) if same else self
            case actions.CreateBudget():
                return dataclasses.replace(self, budget=True)
            case actions.DeleteBudget():
                return dataclasses.replace(self, budget=False)
            case actions.HandInstance(old, new):
                assert self.instance == old
                assert self.fence
                return self._on("instance", instance=new, migrated=True)
            case actions.FinishInstance():
                return self._on("instance", migrated=False)
            case actions.HandMachine(_, new, live):
                strategy = "Migration" if live else self.strategy
                return self._on("machine", machine=new, strategy=strategy)
            case actions.MarkSuperseded():
                return self._on("source", marked=True)
            case actions.MarkFilled(disk):
                return self._on("destination", filled=disk is not None)

    def publish(self, status: AttachmentSwitchStatus) -> "World":
        compute = status.compute or Compute()
        if (status.position, compute) == (self.position, self.compute):
            return self
        told = self.told if compute.token == self.compute.token else None
        return self._switch(position=status.position, compute=compute, told=told)

    def _on(self, kind: str, **changes: object) -> "World":
        """A write to an object: what an operator is late with, made from an older look, fails."""
        late = None if self.late and self.late.on == kind else self.late
        return dataclasses.replace(self, late=late, **changes)

    def _switch(self, **changes: object) -> "World":
        return self._on("switch", **changes)

    # What everybody else does.

    def agent(self) -> set["World"]:
        """One step of the node agent: forward, or a report; of a switch of its node alone."""
        found = set()
        if self.let_go:
            return found
        if self.compute.token and (self.told, self.told_qemu) != (self.stage, self.qemu):
            found.add(self._switch(told=self.stage, told_qemu=self.qemu))
        stage = forward(self) if self.qemu or self.stage is Stage.DONE else finish(self)
        if stage is not None:
            found.add(dataclasses.replace(self, stage=stage))
        return found

    def others(self) -> set["World"]:
        """What goes on by itself: the lock is heard of, the holder starts, a migration ends."""
        found = set()
        if self.heard_of_lock != bool(self.compute.locked):
            found.add(dataclasses.replace(self, heard_of_lock=bool(self.compute.locked)))
        if self.holder == "pending":
            found.add(dataclasses.replace(self, holder="running"))
        if self.live_migration:
            found.add(dataclasses.replace(self, live_migration=False))
        if self.paused:
            found.add(self._on("instance", paused=False))
        if not self.alive and self.qemu:
            found.add(dataclasses.replace(self, qemu=False))
        if self.ending and self.finisher:
            found.add(dataclasses.replace(self, finisher=()))
        if self.ending and not self.deleting and not self.gone:
            deleted = self._switch(deleting=True, gone=not self.finalizer)
            found.add(deleted)
        waits_for_restart = (
            self.compute.handover is Handover.NOT_PERMITTED
            and self.position is Position.DESTINATION
            and not self.restarted
        )
        if waits_for_restart:
            restart = {"restarted": True, "alive": False, "qemu": False, "fence": False}
            found.add(self._on("instance", instance=self.machine, **restart))
        return found

    def caller(self) -> set["World"]:
        """Destination once frozen; a cancel, or a deletion, while the API admits it."""
        found = set()
        if self.may_end and not self.ending and not self.ended and self.late is None:
            found.add(dataclasses.replace(self, ending=True))
        if self.position is Position.FROZEN and self.wanted is Position.FROZEN:
            found.add(self._switch(wanted=Position.DESTINATION))
        admitted = self.order is not Order.DESTINATION or self.told is Stage.REFUSED
        if self.wanted is not Position.SOURCE and admitted and not self.ended:
            found.add(self._switch(wanted=Position.SOURCE))
        if not self.deleting and self.finalizer:
            found.add(self._switch(deleting=True))
        return found

    def accidents_from_here(self, most: int) -> set["World"]:
        """The mirror fails, the guest stops or pauses, somebody takes the lock off."""
        if self.accidents >= most:
            return set()
        found = set()
        count = self.accidents + 1
        if self.stage in (Stage.MERGING, Stage.READY):
            failed = {
                Order.MIRRORED: Stage.FAILED,
                Order.DESTINATION: Stage.REFUSED,
            }.get(self.order)
            if failed:
                found.add(dataclasses.replace(self, stage=failed, accidents=count))
        if self.alive and self.order is not Order.NONE:
            found.add(self._on("instance", alive=False, accidents=count))
        if not self.paused and self.order is Order.NONE:
            found.add(self._on("instance", paused=True, accidents=count))
        if self.compute.locked and self.order is not Order.NONE:
            compute = dataclasses.replace(self.compute, locked=False)
            found.add(self._switch(compute=compute, accidents=count))
        if not self.heard_of_lock and not self.live_migration and self.order is Order.NONE:
            found.add(dataclasses.replace(self, live_migration=True, accidents=count))
        return found


def forward(world: World) -> Stage | None:
    """The node agent's next stage by docs/states.md, None to wait."""
    stage, order = world.stage, world.order
    if order is Order.SOURCE and stage in OPEN:
        return Stage.CANCELLED
    steps = {
        (Stage.NONE, Order.OVERLAY): Stage.OVERLAY,
        (Stage.OVERLAY, Order.MIRRORED): Stage.MERGING,
        (Stage.MERGING, Order.MIRRORED): Stage.READY,
        (Stage.MERGING, Order.DESTINATION): Stage.READY,
        (Stage.FAILED, Order.MIRRORED): Stage.MERGING,
        (Stage.FAILED, Order.DESTINATION): Stage.REFUSED,
        (Stage.READY, Order.DESTINATION): Stage.DONE,
    }
    if stage is Stage.DONE:
        return Stage.CLEAN if world.told is Stage.DONE else None
    return steps.get((stage, order))


def finish(world: World) -> Stage | None:
    """The same for a guest that is gone: only on the claims of a finisher that was recorded."""
    if world.stage is Stage.NONE and world.order is Order.SOURCE:
        return Stage.CANCELLED
    recorded = world.compute.finisher_pod
    held = recorded is not None and recorded.uid == ",".join(world.finisher)
    if not held or world.stage not in OPEN:
        return None
    if world.order is Order.SOURCE:
        return Stage.CANCELLED
    if world.order is Order.DESTINATION and D in world.finisher:
        return Stage.DONE if world.stage is not Stage.REFUSED else None
    return None


def truth(stage: Stage) -> str:
    """The image that holds the guest's data."""
    if stage in (Stage.NONE, Stage.CANCELLED):
        return S
    return D if stage in (Stage.DONE, Stage.CLEAN) else "overlay"


WRITES_TO = {
    actions.TakeStrategyOff: "machine",
    actions.PutStrategyBack: "machine",
    actions.HandMachine: "machine",
    actions.OpenFence: "instance",
    actions.CloseFence: "instance",
    actions.HandInstance: "instance",
    actions.FinishInstance: "instance",
    actions.CreateHolder: "holder",
    actions.CreateFinisher: "finisher",
    actions.DeleteFinisher: "finisher",
    actions.CreateBudget: "budget",
    actions.MarkSuperseded: "source",
    actions.MarkFilled: "destination",
}


def operator(world: World) -> list[tuple[object, World]]:
    """Every effect of one pass, each with the world it leaves: a crash may follow any of them."""
    if world.gone:
        return []
    decision = decide(world.observe())
    effects: list[tuple[object, World]] = []
    here = world
    for action in decision.actions:
        here = here.act(action)
        effects.append((action, here))
    if not decision.changes_switch:
        effects.append((decision.status, here.publish(decision.status)))
    return effects


def stalls(world: World) -> set[World]:
    """The operator stops just before its write; another one takes over meanwhile."""
    if world.gone or world.late is not None:
        return set()
    decision = decide(world.observe())
    for action in decision.actions:
        if type(action) in WRITES_TO:
            late = Late(WRITES_TO[type(action)], action)
            return {dataclasses.replace(world, late=late)}
        return set()
    if world.publish(decision.status) == world:
        return set()
    return {dataclasses.replace(world, late=Late("switch", decision.status))}


def wakes(world: World) -> tuple[object, World] | None:
    """The late write arrives. Its tests hold, or it would not be there any more."""
    if world.late is None:
        return None
    what = world.late.what
    here = dataclasses.replace(world, late=None)
    if isinstance(what, AttachmentSwitchStatus):
        return what, here.publish(what)
    return what, here.act(what)
