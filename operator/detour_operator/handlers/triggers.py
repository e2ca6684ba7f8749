"""What changed, as keys on the queue. kopf watches our own kinds of objects."""

from typing import Any

import kopf

from detour_crds import names
from detour_operator.reconcile.queue import Key, Queue

MIGRATION = "VolumeMigration"
SWITCH = "AttachmentSwitch"
PLAN = "VolumeMigrationPlan"
HOLDERS = "Holders"
"""All of the cluster's, looked at together: nothing tells of a launcher that has ended."""

TURNS = "Turns"
"""Those that wait for their turn, together: what ends is not told to them."""

PLAN_SECONDS = 5.0
"""So long a plan waits after the first news of its migrations for more: it looks at the whole
namespace."""


def register(registry: kopf.OperatorRegistry, queue: Queue) -> None:
    """Have every change of a migration, a switch or a plan reconciled."""

    def migration_changed(meta: kopf.Meta, **_: Any) -> None:
        queue.tell(_key(MIGRATION, meta), meta["resourceVersion"])
        plan = (meta.get("labels") or {}).get(names.PLAN_LABEL)
        if plan:
            queue.add(Key(PLAN, meta.namespace or "", plan), PLAN_SECONDS)

    def switch_changed(meta: kopf.Meta, **_: Any) -> None:
        queue.tell(_key(SWITCH, meta), meta["resourceVersion"])
        # A migration's switch has its name. One that another controller made has no migration, and
        # the pass for it finds nothing.
        queue.add(_key(MIGRATION, meta))

    def plan_changed(meta: kopf.Meta, **_: Any) -> None:
        queue.tell(_key(PLAN, meta), meta["resourceVersion"])

    for plural, changed in (
        (names.VOLUME_MIGRATIONS, migration_changed),
        (names.ATTACHMENT_SWITCHES, switch_changed),
        (names.VOLUME_MIGRATION_PLANS, plan_changed),
    ):
        kopf.on.event(names.GROUP, names.VERSION, plural, registry=registry)(changed)


def begin(queue: Queue) -> None:
    """Have what no event tells of reconciled for the first time."""
    queue.add(Key(HOLDERS, "", ""))


def _key(kind: str, meta: kopf.Meta) -> Key:
    return Key(kind, meta.namespace or "", meta.name or "")
