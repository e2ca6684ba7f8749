"""Reads migrations, and changes the fields that people change."""

from typing import Any

from detour_crds.conditions import MigrationCondition
from detour_crds.volume_migration import Trust
from detour_kubectl.domain import migrations, naming
from detour_kubectl.domain.manifests import Wish
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.errors import NotAllowedError, NotThereError, RefusedError
from detour_kubectl.port import CLAIMS, MIGRATIONS, SWITCHES, Cluster, Json


def one(cluster: Cluster, namespace: str, name: str) -> Migration:
    """A migration with its switch.

    Raises:
        NotThereError: it does not exist.
    """
    raw = _raw(cluster, namespace, name)
    return migrations.read(raw, switch(cluster, namespace, name))


def one_to_answer(cluster: Cluster, namespace: str, name: str) -> Migration:
    """The same, for whom the switch has to say which image may be trusted.

    Raises:
        NotThereError: it does not exist.
        NotAllowedError: people may not look at switches.
    """
    raw = _raw(cluster, namespace, name)
    return migrations.read(raw, cluster.get(SWITCHES, namespace, name))


def _raw(cluster: Cluster, namespace: str, name: str) -> Json:
    raw = cluster.get(MIGRATIONS, namespace, name)
    if raw is None:
        raise absent(namespace, name)
    return raw


def several(cluster: Cluster, namespace: str | None) -> tuple[Migration, ...]:
    """All migrations of a namespace, or of all; without their switches."""
    found = (migrations.read(raw) for raw in cluster.list(MIGRATIONS, namespace))
    return tuple(sorted(found, key=lambda item: (item.namespace, item.created, item.name)))


def with_switch(cluster: Cluster, migration: Migration) -> Migration:
    """The same migration with its switch, which none that has ended needs."""
    if migrations.has_ended(migration):
        return migration
    found = switch(cluster, migration.namespace, migration.name)
    return migrations.beside(migration, found)


def switch(cluster: Cluster, namespace: str, name: str) -> Json | None:
    """The AttachmentSwitch of that name; None also where people may not look at switches."""
    try:
        return cluster.get(SWITCHES, namespace, name)
    except NotAllowedError:
        return None


def change(cluster: Cluster, migration: Migration, spec: dict[str, Any]) -> None:
    """Change fields of the spec.

    Raises:
        NotThereError: it has gone meanwhile.
    """
    _patch(cluster, migration, {"spec": spec})


def answer(cluster: Cluster, shown: Migration, image: Trust) -> None:
    """Answer the stop that was shown, if nothing that the answer is about has changed since.

    It names the stop besides, so that it counts for no other one in any case.

    Raises:
        NotThereError: the migration has gone meanwhile.
        RefusedError: it has changed.
    """
    now = one_to_answer(cluster, shown.namespace, shown.name)
    if _asked(now) != _asked(shown):
        raise RefusedError(
            f"{shown.name} has changed while it was looked at, and was not answered",
            f"look again: `kubectl detour explain {shown.name} -n {shown.namespace}`",
        )
    held = {"uid": now.uid, "resourceVersion": now.resource_version}
    spec = {"trust": image.value, "answeredStop": now.status.stop}
    _patch(cluster, now, {"metadata": held, "spec": spec})


def _asked(migration: Migration) -> tuple[object, ...]:
    told = migration.condition(MigrationCondition.STALLED)
    message = told.message if told is not None else None
    return migration.uid, migration.status.stop, migration.spec, message


def _patch(cluster: Cluster, migration: Migration, patch: Json) -> None:
    if cluster.patch(MIGRATIONS, migration.namespace, migration.name, patch) is None:
        raise absent(migration.namespace, migration.name)


def free_name(cluster: Cluster, namespace: str, wish: Wish) -> str:
    """A name that neither a migration nor, where one is made, a claim has."""
    base = naming.proposed(
        wish.machine, wish.volume, wish.to_claim or wish.to_class or "same-class"
    )
    taken = {raw["metadata"]["name"] for raw in cluster.list(MIGRATIONS, namespace)}
    if wish.to_claim is None:
        taken |= _claims(cluster, namespace)
    return naming.free(base, taken)


def _claims(cluster: Cluster, namespace: str) -> set[str]:
    """None where they cannot be looked at: the operator refuses a claim that is there."""
    try:
        return {raw["metadata"]["name"] for raw in cluster.list(CLAIMS, namespace)}
    except NotAllowedError:
        return set()


def absent(namespace: str, name: str) -> NotThereError:
    """That there is no such migration."""
    return NotThereError(
        f"there is no VolumeMigration {name} in the namespace {namespace}",
        f"`kubectl detour list -n {namespace}` shows those there are; -A those of all namespaces",
    )
