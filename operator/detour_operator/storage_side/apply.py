"""Carries out actions, each of which may be repeated."""

import logging

import detour_failpoints
from detour_crds import names
from detour_operator.adapters import claims, jobs, snapshots, stored, switches, virtual_machines
from detour_operator.adapters.client import Api
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.adapters.resources import VOLUME_MIGRATIONS
from detour_operator.reconcile.objects import owner_reference
from detour_operator.settings import Settings
from detour_operator.storage_side.actions import (
    Action,
    AddFinalizer,
    CreateClaim,
    CreateJob,
    CreateSnapshot,
    CreateSwitch,
    DeleteClaim,
    DeleteJob,
    DeleteSnapshot,
    DeleteSource,
    DeleteSwitch,
    NameDestination,
    RemoveFinalizer,
    SetPosition,
    SetTrust,
    SetWhenStopped,
    StartJob,
    TakeTrustBack,
)

log = logging.getLogger(__name__)


def apply(api: Api, settings: Settings, found: FoundMigration, action: Action) -> None:
    """Have one effect.

    Raises:
        Conflict: something is not as it was when it was looked at; the next pass looks again.
    """
    meta, name = found.meta, type(action).__name__
    about = {"kind": "VolumeMigration", "namespace": meta.namespace, "object": meta.name}
    log.info("Starting %s", name, extra=about)
    with detour_failpoints.around(f"storage.{name}"):
        _apply(api, settings, found, action)


def _apply(  # noqa: C901, PLR0912 - one line per action
    api: Api, settings: Settings, found: FoundMigration, action: Action
) -> None:
    meta = found.meta
    match action:
        case AddFinalizer():
            stored.add_finalizer(api, VOLUME_MIGRATIONS, meta, names.MIGRATION_FINALIZER)
        case RemoveFinalizer():
            stored.remove_finalizer(api, VOLUME_MIGRATIONS, meta, names.MIGRATION_FINALIZER)
        case CreateClaim():
            claims.create(api, _claim(found, action))
        case DeleteClaim(name, uid):
            claims.delete(api, meta.namespace, name, uid)
        case CreateSnapshot():
            snapshots.create(api, _snapshot(found, action))
        case DeleteSnapshot(name, uid):
            snapshots.delete(api, meta.namespace, name, uid)
        case CreateSwitch(spec):
            owner = owner_reference(found.raw, controller=True)
            switches.create(api, meta.namespace, meta.name, spec, owner)
        case CreateJob():
            jobs.create(api, _job(settings, found, action, _placement(api, found, action)))
        case StartJob(name, uid):
            jobs.start(api, meta.namespace, name, uid)
        case DeleteJob(name, uid):
            jobs.delete(api, meta.namespace, name, uid)
        case DeleteSwitch(switch):
            switches.delete(api, switch)
        case SetTrust(switch, trust, stop):
            switches.set_trust(api, switch, trust, stop)
        case TakeTrustBack(switch):
            switches.take_trust_back(api, switch)
        case SetWhenStopped(switch, when):
            switches.set_when_stopped(api, switch, when)
        case SetPosition(switch, position):
            switches.set_position(api, switch, position)
        case NameDestination(switch, claim):
            switches.name_destination(api, switch, claim)
        case DeleteSource():
            _delete_source(api, meta.namespace, action)


def _claim(found: FoundMigration, action: CreateClaim) -> claims.NewClaim:
    return claims.NewClaim(
        namespace=found.meta.namespace,
        name=action.name,
        storage_class=action.storage_class,
        access_modes=action.access_modes,
        size=action.size,
        block=action.block,
        created_for=found.meta.uid,
        data_source=action.data_source,
        token=action.token,
    )


def _snapshot(found: FoundMigration, action: CreateSnapshot) -> snapshots.NewSnapshot:
    return snapshots.NewSnapshot(
        namespace=found.meta.namespace,
        name=action.name,
        migration=found.meta.name,
        owner=owner_reference(found.raw, controller=True),
        claim=action.claim,
        snapshot_class=action.snapshot_class,
        switch_uid=action.switch_uid,
        token=action.token,
    )


def _delete_source(api: Api, namespace: str, action: DeleteSource) -> None:
    owner = action.data_volume
    if owner is None:
        claims.delete(api, namespace, action.claim, action.uid)
    else:
        claims.delete_data_volume(api, namespace, owner.name, owner.uid)


def _placement(
    api: Api, found: FoundMigration, action: CreateJob
) -> virtual_machines.Placement | None:
    if action.node is not None:
        return None
    name = found.spec.virtual_machine.name
    machine = virtual_machines.get(api, found.meta.namespace, name)
    return virtual_machines.placement_of(machine or {})


def _job(
    settings: Settings,
    found: FoundMigration,
    action: CreateJob,
    placement: virtual_machines.Placement | None,
) -> jobs.CopyJob:
    return jobs.CopyJob(
        name=action.name,
        namespace=found.meta.namespace,
        migration=found.meta.name,
        owner=owner_reference(found.raw, controller=True),
        image=settings.copier_image,
        image_pull_policy=settings.image_pull_policy,
        node=action.node,
        source_claim=action.source_claim,
        destination_claim=action.destination_claim,
        size_bytes=action.size_bytes,
        source_block=action.source_block,
        destination_block=action.destination_block,
        look=action.look,
        method=action.method,
        copies=action.copies,
        verify=action.verify,
        bytes_per_second=action.bytes_per_second,
        idle=action.idle,
        se_linux_level=action.se_linux_level,
        placement=placement,
        switch_uid=action.switch_uid,
        token=action.token,
    )
