"""A small world around the storage side: durable facts, and everything that can happen to them.

The compute side, the copier and the user are played here by what they may do at any moment; in
``unit.model`` they are the real ones.
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
    Destination,
    Phase,
    Trust,
    Verify,
    VirtualMachineRef,
    VolumeMigrationSpec,
    VolumeMigrationStatus,
)
from detour_operator.reconcile.objects import Meta
from detour_operator.storage_side import actions
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.observation import Observation, SeenSwitch
from detour_operator.storage_side.status import status
from unit.operator import storage_seen
from unit.operator.storage_seen import NOW

UID = "11112222-aaaa"
SWITCH_UID = "33334444-bbbb"
TOKEN = f"{SWITCH_UID[:8]}-1"
SIZE = 1024
SOURCE, DESTINATION = "source", "destination"


def claim(name, **changes):
    """A bound filesystem claim of 1 KiB."""
    return storage_seen.claim(name, SIZE, **changes)


def condition(kind, is_true, reason="Because", message="it is so"):
    return Condition(
        type=kind, status=Status.TRUE if is_true else Status.FALSE, reason=reason, message=message
    )


@dataclasses.dataclass(frozen=True)
class Switch:
    """The switch and its compute side: ``at`` is where the attachment is."""

    wanted: Position = Position.FROZEN
    at: str = "new"  # new, refused, locked, frozen, mirrored, ordered, destination, source
    deleting: bool = False
    stop: str | None = None
    trust: Trust | None = None
    answered_stop: str | None = None

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
                trust=self.trust,
                answered_stop=self.answered_stop,
            ),
            status=AttachmentSwitchStatus(
                stop=self.stop,
                position=position,
                conditions=(
                    condition("Accepted", self.at != "refused", "InstanceNotRunning"),
                    condition("Locked", self.at == "locked" or frozen),
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
                    destination_claim=ObjectRef(name=DESTINATION, uid=DESTINATION),
                ),
                node=Node(
                    token=TOKEN,
                    inspection=Inspection(reason="Accepted", virtual_size_bytes=SIZE),
                ),
            ),
            ours=True,
        )


SPEC = storage_seen.spec(DESTINATION)
ONTO_CLAIM = dataclasses.replace(SPEC, destination=Destination(claim_name=DESTINATION))
OVERWRITE = dataclasses.replace(
    SPEC, destination=Destination(claim_name=DESTINATION, overwrite=True)
)
CREATIONS = (
    actions.CreateClaim,
    actions.CreateSwitch,
    actions.CreateJob,
    actions.CreateSnapshot,
)
NOTHING_YET = VolumeMigrationStatus()


@dataclasses.dataclass(frozen=True)
class World:
    """Durable facts; ``job`` is running, complete, failed or deleted (its pod may live).

    ``looks``: that Job only looks. ``data`` is whose data the destination holds: nobody's,
    somebody else's (``foreign``) or what a copier has written (``ours``). ``moved``: a VM that
    names the destination has its disk there, as the claim's mark says.
    """

    spec: VolumeMigrationSpec = SPEC
    status: VolumeMigrationStatus = NOTHING_YET
    deleting: bool = False
    finalizer: bool = False
    gone: bool = False
    ending: bool = False
    may_end: bool = False
    claim: bool = False
    switch: Switch | None = None
    job: str = ""
    looks: bool = False
    data: str = ""
    copier: bool = False
    whole: bool = False
    vm: str = SOURCE
    moved: bool = True

    def __repr__(self):
        """The part of a test's name that tells it from others."""
        switch = self.switch
        at = f"{switch.wanted}-{switch.at}{'-deleting' * switch.deleting}" if switch else "none"
        facts = {
            "cancel": self.spec.cancel,
            "hold": self.spec.hold,
            "deleting": self.deleting,
            "gone": self.gone,
            "ending": self.ending,
            "claim": self.claim,
            "copier": self.copier,
            "whole": self.whole,
            "looks": self.looks,
            self.data: bool(self.data),
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
            jobs=storage_seen.jobs(
                "" if self.job == "deleted" else self.job,
                *("job", SWITCH_UID, TOKEN),
                verify=Verify.NONE if self.looks else self.spec.copy.verify,
                looks=self.looks,
            ),
            copiers=storage_seen.copiers(self.copier),
            namespace_ends=self.ending,
        )

    def surroundings(self):
        made = claim(DESTINATION, phase="Pending", capacity=None, created_for=UID)
        if self.spec.destination.claim_name:
            made = claim(DESTINATION)
        if self.vm == DESTINATION and self.moved:
            made = dataclasses.replace(made, holds="vm/data")
        return storage_seen.surroundings(claim(self.vm), made if self.claim else None)

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
        assert not (self.ending and isinstance(action, CREATIONS)), action
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
                if self.job:
                    return self
                return change(self, job="running", looks=action.look, whole=False)
            case actions.DeleteJob():
                return change(self, job="deleted" if self.copier else "", looks=False)
            case actions.SetPosition(_, position):
                return self.asked(position)
            case actions.DeleteSwitch():
                return change(self, switch=change(self.switch, deleting=True))
        raise AssertionError(action)

    def asked(self, position):
        switch = self.switch
        final = switch.wanted is Position.SOURCE
        if final or (position is Position.SOURCE and switch.at == "ordered"):
            return self
        return dataclasses.replace(self, switch=dataclasses.replace(switch, wanted=position))

    def fair(self):
        """What the others do sooner or later."""
        return {*self.compute_side(), *self.copying(), *self.namespace()} - {self}

    def namespace(self):
        """What is in a namespace that is being deleted is deleted too."""
        if self.ending and not self.deleting:
            yield dataclasses.replace(self, deleting=True, gone=not self.finalizer)
        if self.ending and self.switch and not self.switch.deleting:
            gone = dataclasses.replace(self.switch, deleting=True)
            yield dataclasses.replace(self, switch=gone)
        if self.ending and self.copier:
            yield dataclasses.replace(self, copier=False)

    def compute_side(self):
        if self.switch is None:
            return
        switch, back = self.switch, self.switch.wanted is Position.SOURCE or self.switch.deleting
        forward = switch.wanted is Position.DESTINATION
        steps = {
            "refused": ["new"],
            "new": ["locked"],
            "locked": ["frozen"],
            "ordered": ["destination"],
        }
        if forward:
            steps |= {"frozen": ["mirrored"], "mirrored": ["ordered"]}
        nexts = steps.get(switch.at, [])
        if back and switch.at in ("new", "refused", "locked", "frozen", "mirrored"):
            nexts = ["source"]
        if self.ending and switch.at == "ordered":  # let go, if its guest has stopped
            nexts = [*nexts, "source"]
        for at in nexts:
            vm = DESTINATION if at == "destination" else self.vm
            moved = dataclasses.replace(switch, at=at)
            yield dataclasses.replace(self, switch=moved, vm=vm)
        if switch.deleting and switch.at in ("destination", "source"):
            yield dataclasses.replace(self, switch=None)

    def copying(self):
        if self.job == "running" and self.looks and self.copier:
            found = "failed" if self.data else "complete"
            yield dataclasses.replace(self, job=found, copier=False)
        elif self.job == "running" and self.copier:
            yield dataclasses.replace(self, job="complete", copier=False, whole=True)
        elif self.job == "running" and not self.ending:
            data = self.data if self.looks else "ours"
            yield dataclasses.replace(self, copier=True, whole=False, data=data)
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
        if self.may_end and not self.ending:
            worlds.add(dataclasses.replace(self, ending=True))
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
        if self.data == "ours" and self.spec.destination == ONTO_CLAIM.destination:
            assert self.status.empty_claim_uid, "written to before it was known to be empty"
        if self.copier:
            assert switch is None or switch.wanted is Position.FROZEN, "a copier outlived its time"
            assert self.ended() is None
        if switch and switch.wanted is Position.DESTINATION:
            assert self.whole, "completed without a whole copy"
            assert self.status.copied is not None
            assert self.status.copied.token == TOKEN
            assert self.status.copied.verified or self.spec.copy.verify is Verify.NONE
        if self.looks and self.copier:
            assert self.data != "ours", "its own half copy would be taken for somebody's data"
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
