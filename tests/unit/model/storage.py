"""The storage side in the world: what it sees, and what each of its writes does and tests."""

import dataclasses
import functools

from detour_crds.attachment_switch import AttachmentSwitchStatus, Order, Position
from detour_crds.conditions import MigrationCondition, Status
from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.volume_migration import CopyMethod, CopySpec, VolumeMigrationStatus
from detour_operator.reconcile.objects import Meta
from detour_operator.storage_side import actions, by_storage
from detour_operator.storage_side.observation import Observation, SeenSwitch
from detour_operator.storage_side.status import status
from unit.model import compute
from unit.model.facts import NOTHING_TOLD, Copying, D, Disk, S, Switch
from unit.model.node import SIZE
from unit.model.world import World
from unit.operator import storage_seen

UID = "11112222-migration"
HASHABLE = {"labels": (), "annotations": ()}
"""A late write is part of a world."""
SPEC = storage_seen.spec(D)
BY_QEMU = CopySpec(method=CopyMethod.HYPERVISOR)
A_WHILE_AGO = "2025-12-31T23:58:00Z"
"""Long enough for a driver that is in trouble; not long enough for one that says nothing."""
LONG_AGO = "2025-12-31T00:00:00Z"


@functools.cache
def decided(decide, migration, switch, claim, destination, copying, made, filled):
    """The decision, and the status that is published before it is carried out."""
    seen = _observe(migration, switch, claim, destination, copying, made, filled)
    decision = decide(seen)
    return decision, reduced(status(seen, decision))


def look(decide, world: World):
    """The decision in this world."""
    return decided(
        decide, world.migration, world.switch, world.machine.claim, world.cluster.destination,
        world.copying, world.made, world.cluster.filled,
    )  # fmt: skip


def _observe(migration, switch, claim, destination, copying, made, filled):
    around, there = None, _seen_claim(made, filled) if destination else None
    if switch is None:
        around = storage_seen.surroundings(storage_seen.claim(claim, SIZE), there)
        offered = storage_seen.storage() if made.offers else None
        around = dataclasses.replace(around, storage=offered)
    begun = by_storage.begun(migration.status.copy_method)
    finalizers = (MIGRATION_FINALIZER,) if migration.finalizer else ()
    return Observation(
        now=storage_seen.NOW,
        meta=Meta(
            name="move",
            namespace="ns",
            uid=UID,
            deleting=migration.deleting,
            finalizers=finalizers,
        ),
        spec=dataclasses.replace(
            SPEC,
            cancel=migration.cancel,
            hold=migration.hold,
            when_stopped=migration.when_stopped,
            trust=migration.trust,
            answered_stop=migration.answered_stop,
            copy=BY_QEMU if migration.by_qemu else SPEC.copy,
        ),
        status=migration.status,
        switch=_seen_switch(switch) if switch else None,
        surroundings=around,
        jobs=storage_seen.jobs(
            copying.job, f"job-{copying.number}", copying.switch, copying.token, copying.method
        ),
        copiers=storage_seen.copiers(copying.alive),
        source=storage_seen.claim(S, SIZE) if begun else None,
        destination=there if begun or migration.by_qemu else None,
        snapshots=_seen_snapshots(made) if begun else (),
        not_provisioned="no" if begun and (made.refused or made.lacks_its_source) else None,
    )


def _seen_claim(made, filled):
    pending = {} if made.bound else {"phase": "Pending", "capacity": None}
    return storage_seen.claim(
        D,
        SIZE,
        uid=made.claim_uid,
        created_for=None if made.foreign else UID,
        deleting=made.leaving,
        deleting_since=LONG_AGO if made.overdue else storage_seen.NOW,
        data_source=made.source or None,
        token=made.token or None,
        created=A_WHILE_AGO,
        holds="vm/data" if filled else None,
        **(pending if made.source else {}),
    )


def _seen_snapshots(made):
    if not made.snapshot:
        return ()
    seen = storage_seen.snapshot(
        *made.of,
        uid=f"snapshot-{made.snapshots}",
        deleting=made.going,
        ready=made.snapshot == "ready",
        error="no" if made.snapshot == "failing" else "",
        created=A_WHILE_AGO,
    )
    return (seen,)


def _seen_switch(switch):
    return SeenSwitch(
        meta=Meta(
            name="move", namespace="ns", uid=switch.uid, deleting=switch.deleting, **HASHABLE
        ),
        spec=dataclasses.replace(
            compute.spec(switch),
            position=switch.wanted,
            trust=switch.trust,
            answered_stop=switch.answered_stop,
            when_stopped=switch.when_stopped,
        ),
        status=AttachmentSwitchStatus(
            stop=switch.stop,
            position=switch.position,
            conditions=switch.conditions,
            compute=switch.compute,
            node=switch.node,
        ),
        ours=True,
    )


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
    begun = by_storage.begun(found.copy_method)
    return dataclasses.replace(
        NOTHING_TOLD,
        start_time=found.start_time,
        copied=found.copied,
        conditions=conditions,
        copy_method=found.copy_method if begun or _by_qemu(found) else None,
        source_claim=found.source_claim if begun else None,
        discarded_claim_uid=found.discarded_claim_uid if begun else None,
    )


def _by_qemu(found):
    return found.copy_method is not None and found.copy_method.name == CopyMethod.HYPERVISOR


def writes(world: World, found):
    """The writes of a pass in order, each with the object whose resource version it tests.

    The status comes first; what follows it is sent with the version that it left.
    """
    decision, after = found
    made = [] if after == world.migration.status else [("migration", after)]
    return made + [(ON.get(type(action), ""), action) for action in decision.actions]


ON = {actions.AddFinalizer: "migration", actions.RemoveFinalizer: "migration"}
"""Everything else is created under a name that can be had once, or tests a uid."""


def write(world: World, what):  # noqa: C901, PLR0912 - one line per write
    """One write that meets its object as it was read; None if the API refuses it."""
    match what:
        case VolumeMigrationStatus():
            return None if world.migration.gone else world.alter("migration", status=what)
        case actions.AddFinalizer():
            return world.alter("migration", finalizer=True)
        case actions.RemoveFinalizer():
            return world.alter("migration", finalizer=False, gone=world.migration.deleting)
        case actions.CreateClaim():
            return _create_claim(world, what)
        case actions.DeleteClaim(_, uid):
            same = world.cluster.destination and uid == world.made.claim_uid
            return world.alter("made", leaving=True) if same else None
        case actions.CreateSnapshot():
            return _create_snapshot(world, what)
        case actions.DeleteSnapshot(_, uid):
            same = world.made.snapshot and uid == f"snapshot-{world.made.snapshots}"
            return world.alter("made", going=True) if same else None
        case actions.CreateSwitch(spec):
            return _create_switch(world, spec)
        case actions.DeleteSwitch(meta):
            return _delete_switch(world, meta)
        case actions.CreateJob():
            return _create_job(world, what)
        case actions.StartJob(_, uid):
            return _start_job(world, uid)
        case actions.DeleteJob(_, uid):
            return _delete_job(world, uid)
        case actions.SetPosition(meta, position):
            return _set_position(world, meta, position)
        case actions.SetTrust(meta, trust, stop):
            return _answer(world, meta, trust, stop)
        case actions.TakeTrustBack(meta):
            return _answer(world, meta, None, None)
        case actions.SetWhenStopped(meta, when):
            same = world.switch is not None and world.switch.uid == meta.uid
            return world.alter("switch", when_stopped=when) if same else None
        case actions.NameDestination(meta, _):
            same = world.switch is not None and world.switch.uid == meta.uid
            return world.alter("switch", named=True) if same else None
    raise AssertionError(what)


def _delete_switch(world, meta):
    """The finalizer holds it until it has ended."""
    if world.switch is None or world.switch.uid != meta.uid:
        return None
    if world.switch.finalizer:
        return world.alter("switch", deleting=True)
    return world.change(switch=None)


def _answer(world, meta, trust, stop):
    same = world.switch is not None and world.switch.uid == meta.uid
    return world.alter("switch", trust=trust, answered_stop=stop) if same else None


def _create_switch(world, spec):
    """Each has its own uid, and so its own folder on the node."""
    if world.switch is not None:
        return None
    number = world.cluster.switches + 1
    switch = Switch(
        number=number,
        when_stopped=spec.when_stopped,
        named=spec.destination is not None,
        mirror=spec.mirror is not None,
    )
    here = world.change(switch=switch, disk=Disk())
    return here.alter("cluster", switches=number)


def _create_job(world, job):
    """A Job's name can be had again as soon as an older one of that name is gone."""
    if world.copying.job or world.migration.gone:
        return None
    number = world.copying.number + 1
    return world.alter(
        "copying", job="suspended", number=number, switch=job.switch_uid, token=job.token,
        method=job.method,
    )  # fmt: skip


def _create_claim(world, claim):
    if world.cluster.destination:
        return None
    made = dataclasses.replace(
        world.made,
        claims=world.made.claims + 1,
        source="/".join(claim.data_source or ()),
        token=claim.token,
        bound=False,
        refused=False,
        foreign=False,
        leaving=False,
        overdue=False,
    )
    return world.change(made=made).alter("cluster", destination=True, filled=False)


def _create_snapshot(world, snapshot):
    """The name is that of one attempt."""
    if world.made.snapshot:
        return None
    number = world.made.snapshots + 1
    return world.alter(
        "made", snapshot="taking", snapshots=number, of=(snapshot.switch_uid, snapshot.token),
        torn=False, going=False,
    )  # fmt: skip


def _start_job(world, uid):
    if not _is_there(world, uid):
        return None
    begins = world.copying.job == "suspended"
    return world.alter("copying", job="running") if begins else world


def _delete_job(world, uid):
    if not _is_there(world, uid):
        return None
    copying = world.copying
    left = Copying(leftover=copying.alive, number=copying.number, method=copying.method)
    return world.change(copying=left)


def _is_there(world, uid):
    return bool(world.copying.job) and uid == f"job-{world.copying.number}"


def _set_position(world, meta, position):
    """The CRD's rules: nothing follows Source, and none after Destination was ordered.

    Nor is Destination asked for without a claim.
    """
    switch = world.switch
    if switch is None or switch.uid != meta.uid:
        return None
    if switch.wanted is position:
        return world
    if position is Position.DESTINATION and not switch.named:
        return None
    refused = switch.node is not None and switch.node.refused is True
    past = switch.order is Order.DESTINATION and not refused
    if switch.wanted is Position.SOURCE or (position is Position.SOURCE and past):
        return None
    return world.alter("switch", wanted=position)
