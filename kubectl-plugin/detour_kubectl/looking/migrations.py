"""Reads migrations, and changes the two fields that people change."""

from typing import Any

from detour_kubectl.domain import migrations, naming
from detour_kubectl.domain.manifests import Wish
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.errors import NotAllowedError, NotThereError
from detour_kubectl.port import CLAIMS, MIGRATIONS, SWITCHES, Cluster, Json


def one(cluster: Cluster, namespace: str, name: str) -> Migration:
    """A migration with its switch.

    Raises:
        NotThereError: it does not exist.
    """
    raw = cluster.get(MIGRATIONS, namespace, name)
    if raw is None:
        raise absent(namespace, name)
    return migrations.read(raw, switch(cluster, namespace, name))


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
    if cluster.patch(MIGRATIONS, migration.namespace, migration.name, {"spec": spec}) is None:
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
