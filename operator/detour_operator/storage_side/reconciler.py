"""One pass for one migration: gather, decide, publish, act."""

import time
from collections.abc import Callable

from detour_crds.serialise import serialise
from detour_crds.volume_migration import VolumeMigrationStatus
from detour_operator.adapters import migrations
from detour_operator.adapters.client import Api
from detour_operator.adapters.events import Events
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.errors import Refused
from detour_operator.reconcile.publishing import Words, is_only_told
from detour_operator.reconcile.turn import Turns
from detour_operator.reconcile.workers import Next
from detour_operator.settings import Settings
from detour_operator.storage_side import fallback, measuring, status
from detour_operator.storage_side.apply import apply
from detour_operator.storage_side.decision import begins_or_waits
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.gather import Progress, gather
from detour_operator.storage_side.news import news

TOLD = ("observedGeneration", "progress", "overlay", "pauses")
"""What of the status makes no pass needed, beside the words of the conditions: limits of time rest
on the progress, and have their own time."""


class StorageSide:
    """The storage side's reconciler. It remembers only when it last read a log, or wrote."""

    def __init__(
        self,
        api: Api,
        settings: Settings,
        turns: Turns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._settings = settings
        self._turns = turns
        self._events = Events(api)
        self._progress = Progress(api)
        self._words = Words(clock)

    def reconcile(self, namespace: str, name: str) -> Next:
        """Make one pass."""
        found = migrations.get(self._api, namespace, name)
        if found is None:
            measuring.gone(namespace, name)
            self._turns.withdraw(namespace, name)
            return Next(None)
        seen = gather(self._api, found, self._progress, self._settings.limits, self._turns)
        decision = decide(seen)
        if seen.surroundings is not None and not begins_or_waits(decision):
            self._turns.withdraw(namespace, name)
        # What is recorded is durable before anything is done on the strength of it.
        after = status.status(seen, decision)
        told = is_only_told(found.raw.get("status") or {}, serialise(after), TOLD)
        wait = self._words.wait(found.meta.uid) if told and after != found.status else 0.0
        if not wait:
            found = self._publish(found, after)
        measuring.seen(found)
        for action in decision.actions:
            try:
                apply(self._api, self._settings, found, action)
            except Refused as error:
                failed = fallback.refused(seen, decision, action, error.message)
                self._publish(found, status.status(seen, failed))
                raise
        settled = told and not decision.actions
        version = found.meta.resource_version if settled else None
        return Next(decision.after, version).within(wait)

    def _publish(self, found: FoundMigration, after: VolumeMigrationStatus) -> FoundMigration:
        published = migrations.publish(self._api, found, after)
        if published is not found:
            self._words.written(found.meta.uid)
            measuring.count(found, after)
        for item in news(found.status.conditions, after.conditions):
            self._events.emit(published.raw, item.reason, item.message, warning=item.warning)
        return published


def reconciler(api: Api, settings: Settings, turns: Turns) -> StorageSide:
    """The storage side, ready to make passes."""
    return StorageSide(api, settings, turns)
