"""Carries out actions, each of which may be repeated."""

import logging
from typing import assert_never

import detour_failpoints
from detour_operator.adapters import migrations
from detour_operator.adapters.client import Api
from detour_operator.adapters.plans import FoundPlan
from detour_operator.errors import AlreadyExists
from detour_operator.plans.actions import (
    Action,
    CancelMigration,
    CreateMigration,
    WithdrawMigration,
)

log = logging.getLogger(__name__)


def apply(api: Api, found: FoundPlan, action: Action) -> None:
    """Have one effect.

    Raises:
        Conflict: something is not as it was when it was looked at; the next pass looks again.
        Refused: the API server does not take it.
    """
    name = type(action).__name__
    meta = found.meta
    about = {"kind": "VolumeMigrationPlan", "namespace": meta.namespace, "object": meta.name}
    log.info("Starting %s %s", name, action.name, extra=about)
    with detour_failpoints.around(f"plans.{name}"):
        _apply(api, found, action)


def _apply(api: Api, found: FoundPlan, action: Action) -> None:
    namespace = found.meta.namespace
    match action:
        case CreateMigration():
            try:
                migrations.create(api, namespace, action.name, found.raw, action.spec)
            except AlreadyExists:
                # Made by a pass that was cut off, or by somebody else: the next look tells.
                log.info("There is a VolumeMigration %s", action.name)
        case WithdrawMigration():
            migrations.withdraw(api, namespace, action.name, action.resource_version)
        case CancelMigration():
            migrations.cancel(api, namespace, action.name, action.resource_version)
        case _:
            assert_never(action)
