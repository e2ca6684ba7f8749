"""One pass for one migration: gather, decide, publish, act."""

from detour_crds.volume_migration import VolumeMigrationStatus
from detour_operator.adapters import migrations
from detour_operator.adapters.client import Api
from detour_operator.adapters.events import Events
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.reconcile.publishing import is_only_told
from detour_operator.reconcile.workers import Next
from detour_operator.settings import Settings
from detour_operator.storage_side import status
from detour_operator.storage_side.apply import apply
from detour_operator.storage_side.decisions import decide
from detour_operator.storage_side.gather import Progress, gather
from detour_operator.storage_side.news import news

TOLD = ("observedGeneration", "progress", "overlay", "pauses")
"""What of the status no later pass rests on."""


class StorageSide:
    """The storage side's reconciler. It remembers nothing but when it read which log last."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self._api = api
        self._settings = settings
        self._events = Events(api)
        self._progress = Progress(api)

    def reconcile(self, namespace: str, name: str) -> Next:
        """Make one pass."""
        found = migrations.get(self._api, namespace, name)
        if found is None:
            return Next(None)
        seen = gather(self._api, found, self._progress, self._settings.limits)
        decision = decide(seen)
        # What is recorded is durable before anything is done on the strength of it.
        now = self._publish(found, status.status(seen, decision))
        for action in decision.actions:
            apply(self._api, self._settings, now, action)
        told = is_only_told(found.raw.get("status") or {}, now.raw.get("status") or {}, TOLD)
        settled = told and not decision.actions
        return Next(decision.after, now.meta.resource_version if settled else None)

    def _publish(self, found: FoundMigration, after: VolumeMigrationStatus) -> FoundMigration:
        published = migrations.publish(self._api, found, after)
        for item in news(found.status.conditions, after.conditions):
            self._events.emit(published.raw, item.reason, item.message, warning=item.warning)
        return published


def reconciler(api: Api, settings: Settings) -> StorageSide:
    """The storage side, ready to make passes."""
    return StorageSide(api, settings)
