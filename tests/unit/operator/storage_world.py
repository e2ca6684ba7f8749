"""A small world around the storage side: durable facts, and everything that can happen to them.

The compute side, the copier and the user are played here by what they may do at any moment. Times
stand still, so that two worlds that differ in nothing else are the same one.
"""

import dataclasses

from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Compute,
    DestinationClaim,
    Inspection,
    Node,
    ObjectRef,
    Order,
    Position,
)
from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.volume_migration import (
    ClaimTemplate,
    Destination,
    Phase,
    VirtualMachineRef,
    VolumeMigrationSpec,
    VolumeMigrationStatus,
)
from detour_operator.reconcile.objects import Meta
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.observation import (
    Observation,
    SeenClaim,
    SeenCopier,
    SeenJob,
    SeenSwitch,
    SeenVirtualMachine,
    Surroundings,
)
from detour_operator.storage_side.status import status

NOW = "2026-01-01T00:00:00Z"
UID = "11112222-aaaa"
SWITCH_UID = "33334444-bbbb"
TOKEN = f"{SWITCH_UID[:8]}-1"
SIZE = 1024
SOURCE, DESTINATION = "source", "destination"


def claim(name, **changes):
    """A bound filesystem claim of 1 KiB."""
    plain = SeenClaim(
        name=name,
        uid=name,
        phase="Bound",
        deleting=False,
        block=False,
        access_modes=("ReadWriteOnce",),
        storage_class="fast",
        request="1Ki",
        requested=SIZE,
        capacity=SIZE,
        created_for=None,
    )
    return dataclasses.replace(plain, **changes)


def condition(kind, is_true, reason="Because", message="it is so"):
    return Condition(
        type=kind, status=Status.TRUE if is_true else Status.FALSE, reason=reason, message=message
    )


@dataclasses.dataclass(frozen=True)
class Switch:
    """The switch and its compute side: ``at`` is where the attachment is."""

    wanted: Position = Position.FROZEN
    at: str = "new"  # new, refused, frozen, mirrored, ordered, destination, source
    deleting: bool = False

    def seen(self):
        orders = {"frozen": Order.OVERLAY, "mirrored": Order.MIRRORED, "source": Order.SOURCE}
        ends = {"destination": Position.DESTINATION, "source": Position.SOURCE}
        order = orders.get(self.at, Order.NONE)
        if self.at in ("ordered", "destination"):
            order = Order.DESTINATION
        frozen = self.at in ("frozen", "mirrored", "ordered", "destination")
        position = ends.get(self.at, Position.FROZEN if frozen else Position.NOWHERE)
        return SeenSwitch(
            meta=Meta(name="m", namespace="ns", uid=SWITCH_UID, deleting=self.deleting),
            spec=AttachmentSwitchSpec(
                virtual_machine=VirtualMachineRef(name="vm"),
                volume="data",
                destination=DestinationClaim(claim_name=DESTINATION),
                position=self.wanted,
            ),
            status=AttachmentSwitchStatus(
                position=position,
                conditions=(
                    condition("Accepted", self.at != "refused", "InstanceNotRunning"),
                    condition("SourceFrozen", frozen),
                    condition("SourceReleased", self.at == "destination"),
                    condition("Ready", self.at == "destination", "Cancelled"),
                ),
                compute=Compute(
                    token=TOKEN,
                    attempt=1,
                    node="node",
                    order=order,
                    source_claim=ObjectRef(name=SOURCE, uid=SOURCE),
                ),
                node=Node(
                    token=TOKEN,
                    inspection=Inspection(reason="Accepted", virtual_size_bytes=SIZE),
                ),
            ),
            ours=True,
        )


SPEC = VolumeMigrationSpec(
    virtual_machine=VirtualMachineRef(name="vm"),
    volume="data",
    destination=Destination(claim_template=ClaimTemplate(name=DESTINATION)),
)
NOTHING_YET = VolumeMigrationStatus()


@dataclasses.dataclass(frozen=True)
class World:
    """Durable facts; ``job`` is running, complete, failed or deleted (its pod may live)."""

    spec: VolumeMigrationSpec = SPEC
    status: VolumeMigrationStatus = NOTHING_YET
    deleting: bool = False
    finalizer: bool = False
    gone: bool = False
    claim: bool = False
    switch: Switch | None = None
    job: str = ""
    copier: bool = False
    whole: bool = False
    vm: str = SOURCE

    def __repr__(self):
        """The part of a test's name that tells it from others."""
        switch = self.switch
        at = f"{switch.wanted}-{switch.at}{'-deleting' * switch.deleting}" if switch else "none"
        facts = {
            "cancel": self.spec.cancel,
            "hold": self.spec.hold,
            "deleting": self.deleting,
            "gone": self.gone,
            "claim": self.claim,
            "copier": self.copier,
            "whole": self.whole,
        }
        told = ",".join(name for name, is_so in facts.items() if is_so)
        return f"{self.status.phase or 'New'} switch={at} job={self.job} {told}"

    def observe(self):
        finalizers = (MIGRATION_FINALIZER,) if self.finalizer else ()
        return Observation(
            now=NOW,
            meta=Meta(
                name="m",
                namespace="ns",
                uid=UID,
                generation=1,
                deleting=self.deleting,
                finalizers=finalizers,
            ),
            spec=self.spec,
            status=self.status,
            switch=self.switch.seen() if self.switch else None,
            surroundings=None if self.switch else self.surroundings(),
            jobs=self.seen_jobs(),
            copiers=(SeenCopier(name="pod", ended=False),) if self.copier else (),
        )

    def surroundings(self):
        made = claim(DESTINATION, phase="Pending", capacity=None, created_for=UID)
        return Surroundings(
            virtual_machine=SeenVirtualMachine(name="vm", uid="vm", claims={"data": self.vm}),
            source=claim(self.vm),
            destination=made if self.claim else None,
            storage_class_exists=True,
            template_bytes=None,
            destination_users=(),
        )

    def seen_jobs(self):
        if self.job in ("", "deleted"):
            return ()
        return (
            SeenJob(
                name="job",
                uid="job",
                deleting=False,
                switch_uid=SWITCH_UID,
                token=TOKEN,
                finished=self.job in ("complete", "failed"),
                failed=self.job == "failed",
                failure_reason="BackoffLimitExceeded",
                failure_message="it failed too often",
            ),
        )

    def passes(self):
        """What one pass leaves behind, ended by a crash after each of its effects, or whole."""
        seen = self.observe()
        decision = decide(seen)
        here = dataclasses.replace(self, status=status(seen, decision))
        worlds = [here]
        for action in decision.actions:
            here = here.after(action)
            worlds.append(here)
        return worlds

    def after(self, action):
        """The world after one effect; what the API refuses changes nothing."""
        change = dataclasses.replace
        match action:
            case actions.AddFinalizer():
                return change(self, finalizer=True)
            case actions.RemoveFinalizer():
                return change(self, finalizer=False, gone=self.deleting)
            case actions.CreateClaim():
                return change(self, claim=True)
            case actions.CreateSwitch():
                return self if self.switch else change(self, switch=Switch())
            case actions.CreateJob():
                return self if self.job else change(self, job="running", whole=False)
            case actions.DeleteJob():
                return change(self, job="deleted" if self.copier else "")
            case actions.SetPosition(_, position):
                return self.asked(position)
        raise AssertionError(action)

    def asked(self, position):
        switch = self.switch
        final = switch.wanted is Position.SOURCE
        if final or (position is Position.SOURCE and switch.at == "ordered"):
            return self
        return dataclasses.replace(self, switch=dataclasses.replace(switch, wanted=position))

    def fair(self):
        """What the others do sooner or later."""
        return {*self.compute_side(), *self.copying()} - {self}

    def compute_side(self):
        if self.switch is None:
            return
        switch, back = self.switch, self.switch.wanted is Position.SOURCE or self.switch.deleting
        forward = switch.wanted is Position.DESTINATION
        steps = {"refused": ["new"], "new": ["frozen"], "ordered": ["destination"]}
        if forward:
            steps |= {"frozen": ["mirrored"], "mirrored": ["ordered"]}
        nexts = steps.get(switch.at, [])
        if back and switch.at in ("new", "refused", "frozen", "mirrored"):
            nexts = ["source"]
        for at in nexts:
            vm = DESTINATION if at == "destination" else self.vm
            moved = dataclasses.replace(switch, at=at)
            yield dataclasses.replace(self, switch=moved, vm=vm)
        if switch.deleting and switch.at in ("destination", "source"):
            yield dataclasses.replace(self, switch=None)

    def copying(self):
        if self.job == "running":
            if self.copier:
                yield dataclasses.replace(self, job="complete", copier=False, whole=True)
            else:
                yield dataclasses.replace(self, copier=True, whole=False)
        if self.job == "deleted":
            yield dataclasses.replace(self, job="", copier=False)

    def accidents(self):
        """What may happen at any moment, and what the user may do."""
        spec, switch = self.spec, self.switch
        if self.gone:
            return set()
        worlds = set()
        if not spec.cancel:
            worlds.add(dataclasses.replace(self, spec=dataclasses.replace(spec, cancel=True)))
        if spec.hold:
            worlds.add(dataclasses.replace(self, spec=dataclasses.replace(spec, hold=False)))
        if not self.deleting:
            worlds.add(dataclasses.replace(self, deleting=True, gone=not self.finalizer))
        if switch and not switch.deleting:
            gone = dataclasses.replace(switch, deleting=True)
            worlds.add(dataclasses.replace(self, switch=gone))
        if switch and switch.at == "new":
            worlds.add(dataclasses.replace(self, switch=dataclasses.replace(switch, at="refused")))
        if switch and switch.at == "mirrored":  # the destination failed: back by itself
            worlds.add(dataclasses.replace(self, switch=dataclasses.replace(switch, at="source")))
        if self.job == "running":
            worlds.add(dataclasses.replace(self, copier=False))
            worlds.add(dataclasses.replace(self, job="failed", copier=False))
        return worlds - {self}

    def ended(self):
        found = find(self.status.conditions, MigrationCondition.SUCCEEDED)
        return None if found is None or found.status is Status.UNKNOWN else found.status

    def check(self):
        """What must be so in every world that can be reached."""
        switch = self.switch
        if self.copier:
            assert switch is None or switch.wanted is Position.FROZEN, "a copier outlived its time"
            assert self.ended() is None
        if switch and switch.wanted is Position.DESTINATION:
            assert self.whole, "completed without a whole copy"
            assert self.status.copied is not None
            assert self.status.copied.token == TOKEN
        if self.job == "running":
            assert self.status.start_time, "copied before the freeze was recorded"
        if self.ended() is Status.TRUE:
            assert self.vm == DESTINATION
        if self.ended() is Status.FALSE:
            assert self.vm == SOURCE
            assert switch is None or switch.at == "source"
        if self.gone and switch:
            assert switch.at in ("destination", "source", "new", "refused")
            assert not self.copier
        if self.ended() is None and self.status.phase:
            assert self.status.phase not in (Phase.SUCCEEDED, Phase.CANCELLED, Phase.FAILED)
