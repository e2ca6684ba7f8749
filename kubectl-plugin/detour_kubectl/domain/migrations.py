"""A VolumeMigration, with its AttachmentSwitch if that is known, and how it stands."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from detour_crds.attachment_switch import AttachmentSwitchSpec, AttachmentSwitchStatus
from detour_crds.conditions import Condition, MigrationCondition, Status, find
from detour_crds.serialise import parse
from detour_crds.volume_migration import Phase, VolumeMigrationSpec, VolumeMigrationStatus
from detour_kubectl.errors import PluginError

CANCELLED = "Cancelled"
WITHOUT_A_MOVE = frozenset({"AlreadyThere", "DryRunPassed"})
"""Reasons of a success in which nothing was moved."""


class Outcome(StrEnum):
    """How a migration stands, for somebody who waits for it."""

    RUNNING = "Running"
    HOLDING = "Holding"
    REFUSED = "Refused"
    STALLED = "Stalled"
    SUCCEEDED = "Succeeded"
    CANCELLED = "Cancelled"
    FAILED = "Failed"


ENDED = frozenset({Outcome.SUCCEEDED, Outcome.CANCELLED, Outcome.FAILED})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What was read; the switch is None where it is not there or was not asked for."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    created: str
    spec: VolumeMigrationSpec
    status: VolumeMigrationStatus
    switch: AttachmentSwitchStatus | None = None
    switch_spec: AttachmentSwitchSpec | None = None

    def condition(self, kind: MigrationCondition) -> Condition | None:
        """One condition, if it is there."""
        return find(self.status.conditions, kind)

    def holds(self, kind: MigrationCondition, status: Status = Status.TRUE) -> bool:
        """Whether a condition is there and has that status."""
        found = self.condition(kind)
        return found is not None and found.status is status


def read(raw: Mapping[str, Any], switch: Mapping[str, Any] | None = None) -> Migration:
    """A migration from the API's JSON, and its switch.

    Raises:
        PluginError: it has values that this version of the plugin does not know.
    """
    meta = raw["metadata"]
    with _known(f"VolumeMigration {meta['name']}"):
        found = Migration(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            resource_version=meta.get("resourceVersion", ""),
            created=meta.get("creationTimestamp", ""),
            spec=parse(VolumeMigrationSpec, raw.get("spec")),
            status=parse(VolumeMigrationStatus, raw.get("status")),
        )
    return beside(found, switch)


def beside(migration: Migration, switch: Mapping[str, Any] | None) -> Migration:
    """The migration with the switch that was read from the API's JSON.

    Raises:
        PluginError: as of :func:`read`.
    """
    if switch is None:
        return migration
    with _known(f"AttachmentSwitch {migration.name}"):
        return dataclasses.replace(
            migration,
            switch=parse(AttachmentSwitchStatus, switch.get("status")),
            switch_spec=parse(AttachmentSwitchSpec, switch.get("spec")),
        )


@contextlib.contextmanager
def _known(what: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{what} cannot be read: {error}",
            "the cluster's Detour is newer than this plugin: `kubectl detour version` shows both;"
            " install the plugin of the cluster's version",
        ) from error


def outcome(migration: Migration) -> Outcome:
    """How it stands, by its conditions; the phase only tells a hold apart."""
    succeeded = migration.condition(MigrationCondition.SUCCEEDED)
    if succeeded is not None and succeeded.status is Status.TRUE:
        return Outcome.SUCCEEDED
    if succeeded is not None and succeeded.status is Status.FALSE:
        return Outcome.CANCELLED if succeeded.reason == CANCELLED else Outcome.FAILED
    if migration.holds(MigrationCondition.STALLED):
        return Outcome.STALLED
    if migration.status.phase is Phase.REFUSED:
        return Outcome.REFUSED
    if migration.status.phase is Phase.HOLDING:
        return Outcome.HOLDING
    return Outcome.RUNNING


def has_ended(migration: Migration) -> bool:
    """Whether nothing follows any more."""
    return outcome(migration) in ENDED


def reason(migration: Migration) -> str:
    """Why it stands where it stands, in one word; empty before the first visit."""
    told = migration.condition(MigrationCondition.READY)
    return told.reason if told is not None else ""


def message(migration: Migration) -> str:
    """The same in a sentence."""
    told = migration.condition(MigrationCondition.READY)
    if told is None:
        return "Detour has not looked at it yet: is its operator running? `kubectl detour doctor`"
    return told.message


def destination(migration: Migration) -> str:
    """The claim it goes to; before that is decided, what was asked for."""
    wanted = migration.spec.destination
    template = wanted.claim_template
    named = template.name if template is not None else wanted.claim_name
    return migration.status.destination_claim or named or migration.name
