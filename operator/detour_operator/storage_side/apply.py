"""Carries out actions, each of which may be repeated."""

import logging

from detour_crds import names
from detour_operator.adapters import claims, jobs, stored, switches
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
    CreateSwitch,
    DeleteJob,
    RemoveFinalizer,
    SetPosition,
    StartJob,
)

log = logging.getLogger(__name__)


def apply(api: Api, settings: Settings, found: FoundMigration, action: Action) -> None:
    """Have one effect.

    Raises:
        Conflict: something is not as it was when it was looked at; the next pass looks again.
    """
    meta = found.meta
    about = {"kind": "VolumeMigration", "namespace": meta.namespace, "object": meta.name}
    log.info("Starting %s", type(action).__name__, extra=about)
    match action:
        case AddFinalizer():
            stored.add_finalizer(api, VOLUME_MIGRATIONS, meta, names.MIGRATION_FINALIZER)
        case RemoveFinalizer():
            stored.remove_finalizer(api, VOLUME_MIGRATIONS, meta, names.MIGRATION_FINALIZER)
        case CreateClaim():
            _create_claim(api, found, action)
        case CreateSwitch(spec):
            owner = owner_reference(found.raw, controller=True)
            switches.create(api, meta.namespace, meta.name, spec, owner)
        case CreateJob():
            jobs.create(api, _job(settings, found, action))
        case StartJob(name, uid):
            jobs.start(api, meta.namespace, name, uid)
        case DeleteJob(name, uid):
            jobs.delete(api, meta.namespace, name, uid)
        case SetPosition(switch, position):
            switches.set_position(api, switch, position)


def _create_claim(api: Api, found: FoundMigration, action: CreateClaim) -> None:
    claims.create(
        api,
        found.meta.namespace,
        action.name,
        storage_class=action.storage_class,
        access_modes=action.access_modes,
        size=action.size,
        created_for=found.meta.uid,
    )


def _job(settings: Settings, found: FoundMigration, action: CreateJob) -> jobs.CopyJob:
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
        se_linux_level=action.se_linux_level,
        switch_uid=action.switch_uid,
        token=action.token,
    )
