"""The storage side in the world: what it sees, and what each of its writes does and tests."""

import dataclasses
import functools

from detour_crds.attachment_switch import AttachmentSwitchStatus, Order, Position
from detour_crds.conditions import MigrationCondition, Status
from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.volume_migration import (
    ClaimTemplate,
    Destination,
    VirtualMachineRef,
    VolumeMigrationSpec,
    VolumeMigrationStatus,
)
from detour_operator.reconcile.objects import Meta
from detour_operator.storage_side import actions
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
from unit.model import compute
from unit.model.facts import NOTHING_TOLD, Copying, D, Disk, Switch
from unit.model.node import SIZE
from unit.model.world import World

NOW = "2026-01-01T00:00:00Z"
UID = "11112222-migration"
HASHABLE = {"labels": (), "annotations": ()}
"""A late write is part of a world."""
SPEC = VolumeMigrationSpec(
    virtual_machine=VirtualMachineRef(name="vm"),
    volume="data",
    destination=Destination(claim_template=ClaimTemplate(name=D)),
)


@functools.cache
def decided(decide, migration, switch, claim, destination, copying):
    """The decision, and the status that is published before it is carried out."""
    seen = _observe(migration, switch, claim, destination, copying)
    decision = decide(seen)
    return decision, reduced(status(seen, decision))


def look(decide, world: World):
    """The decision in this world."""
    return decided(
        decide, world.migration, world.switch, world.machine.claim, world.cluster.destination,
        world.copying,
    )  # fmt: skip


def _observe(migration, switch, claim, destination, copying):
    around = None
    if switch is None:
        around = Surroundings(
            virtual_machine=SeenVirtualMachine(name="vm", uid="vm", claims={"data": claim}),
            source=_claim(claim),
            destination=_claim(D, created_for=UID) if destination else None,
            storage_class_exists=True,
            template_bytes=None,
            destination_users=(),
        )
    finalizers = (MIGRATION_FINALIZER,) if migration.finalizer else ()
    return Observation(
        now=NOW,
        meta=Meta(
            name="move",
            namespace="ns",
            uid=UID,
            deleting=migration.deleting,
            finalizers=finalizers,
        ),
        spec=dataclasses.replace(SPEC, cancel=migration.cancel, hold=migration.hold),
        status=migration.status,
        switch=_seen_switch(switch) if switch else None,
        surroundings=around,
        jobs=_jobs(copying),
        copiers=(SeenCopier(name="copier", ended=False),) if copying.alive else (),
    )


def _claim(name, created_for=None):
    return SeenClaim(
        name=name,
        uid=name,
        phase="Bound",
        deleting=False,
        block=False,
        access_modes=("ReadWriteOnce",),
        storage_class="fast",
        requested=SIZE,
        request=str(SIZE),
        capacity=SIZE,
        created_for=created_for,
    )


def _seen_switch(switch):
    return SeenSwitch(
        meta=Meta(
            name="move", namespace="ns", uid=switch.uid, deleting=switch.deleting, **HASHABLE
        ),
        spec=dataclasses.replace(compute.SPEC, position=switch.wanted),
        status=AttachmentSwitchStatus(
            position=switch.position,
            conditions=switch.conditions,
            compute=switch.compute,
            node=switch.node,
        ),
        ours=True,
    )


def _jobs(copying):
    if not copying.job:
        return ()
    job = SeenJob(
        name="job",
        uid=f"job-{copying.number}",
        deleting=False,
        switch_uid=copying.switch,
        token=copying.token,
        finished=copying.job in ("complete", "failed"),
        failed=copying.job == "failed",
        suspended=copying.job == "suspended",
        failure_reason="BackoffLimitExceeded",
        failure_message="m",
    )
    return (job,)


def reduced(found):
    """What of a status anything follows from."""
    kept = {
        MigrationCondition.COPIED: (Status.FALSE,),
        MigrationCondition.SUCCEEDED: (Status.TRUE, Status.FALSE),
    }
    conditions = tuple(
        dataclasses.replace(item, message="m", last_transition_time=None, observed_generation=None)
        for item in found.conditions
        if item.status in kept.get(MigrationCondition(item.type), ())
    )
    return dataclasses.replace(
        NOTHING_TOLD, start_time=found.start_time, copied=found.copied, conditions=conditions
    )


def writes(world: World, found):
    """The writes of a pass in order, each with the object whose resource version it tests.

    The status comes first; what follows it is sent with the version that it left.
    """
    decision, after = found
    made = [] if after == world.migration.status else [("migration", after)]
    return made + [(ON.get(type(action), ""), action) for action in decision.actions]


ON = {actions.AddFinalizer: "migration", actions.RemoveFinalizer: "migration"}
"""Everything else is created under a name that can be had once, or tests a uid."""


def write(world: World, what):
    """One write that meets its object as it was read; None if the API refuses it."""
    match what:
        case VolumeMigrationStatus():
            return None if world.migration.gone else world.alter("migration", status=what)
        case actions.AddFinalizer():
            return world.alter("migration", finalizer=True)
        case actions.RemoveFinalizer():
            return world.alter("migration", finalizer=False, gone=world.migration.deleting)
        case actions.CreateClaim():
            free = not world.cluster.destination
            return world.alter("cluster", destination=True) if free else None
        case actions.CreateSwitch():
            return _create_switch(world)
        case actions.CreateJob():
            return _create_job(world, what)
        case actions.StartJob(_, uid):
            return _start_job(world, uid)
        case actions.DeleteJob(_, uid):
            return _delete_job(world, uid)
        case actions.SetPosition(meta, position):
            return _set_position(world, meta, position)
    raise AssertionError(what)


def _create_switch(world):
    """Each has its own uid, and so its own folder on the node."""
    if world.switch is not None:
        return None
    number = world.cluster.switches + 1
    here = world.change(switch=Switch(number=number), disk=Disk())
    return here.alter("cluster", switches=number)


def _create_job(world, job):
    """A Job's name can be had again as soon as an older one of that name is gone."""
    if world.copying.job or world.migration.gone:
        return None
    number = world.copying.number + 1
    return world.alter(
        "copying", job="suspended", number=number, switch=job.switch_uid, token=job.token
    )


def _start_job(world, uid):
    if not _is_there(world, uid):
        return None
    begins = world.copying.job == "suspended"
    return world.alter("copying", job="running") if begins else world


def _delete_job(world, uid):
    if not _is_there(world, uid):
        return None
    copying = world.copying
    return world.change(copying=Copying(leftover=copying.alive, number=copying.number))


def _is_there(world, uid):
    return bool(world.copying.job) and uid == f"job-{world.copying.number}"


def _set_position(world, meta, position):
    """The CRD's rules: nothing follows Source, and none after Destination was ordered."""
    switch = world.switch
    if switch is None or switch.uid != meta.uid:
        return None
    if switch.wanted is position:
        return world
    refused = switch.node is not None and switch.node.refused is True
    past = switch.order is Order.DESTINATION and not refused
    if switch.wanted is Position.SOURCE or (position is Position.SOURCE and past):
        return None
    return world.alter("switch", wanted=position)
