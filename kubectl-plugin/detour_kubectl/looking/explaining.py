"""Gathers what ``explain`` says: conditions, events, and the lines of three programs' logs."""

from collections.abc import Callable
from typing import Final, TypeVar

from detour_crds import names
from detour_kubectl.domain import logs, news, story
from detour_kubectl.domain.logs import LogLine
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.domain.news import News
from detour_kubectl.domain.story import Explanation
from detour_kubectl.errors import NotAllowedError, NotThereError, RefusedError
from detour_kubectl.looking import migrations
from detour_kubectl.port import EVENTS, PODS, Cluster, Json

T = TypeVar("T")

MOST_EVENTS: Final = 20
MOST_LINES: Final = 12
READ_LINES: Final = 2000
OPERATOR: Final = "app.kubernetes.io/name=detour,app.kubernetes.io/component=operator"
AGENT: Final = "app.kubernetes.io/name=detour,app.kubernetes.io/component=node-agent"


def explain(cluster: Cluster, namespace: str, name: str, *, detour_namespace: str) -> Explanation:
    """Everything that is to be said of a migration.

    Raises:
        NotThereError: it does not exist.
    """
    migration = migrations.one(cluster, namespace, name)
    unseen: list[str] = []
    events = _seen(lambda: _events(cluster, migration), unseen)
    log = (
        *_seen(lambda: _operator(cluster, migration, detour_namespace), unseen),
        *_seen(lambda: _agent(cluster, migration, detour_namespace), unseen),
        *_seen(lambda: _copier(cluster, migration), unseen),
    )
    last = logs.last(log, most=MOST_LINES)
    return story.explain(migration, events=events, log=last, unseen=tuple(dict.fromkeys(unseen)))


def _seen(look: Callable[[], tuple[T, ...]], unseen: list[str]) -> tuple[T, ...]:
    """What is not allowed is no error here: the rest is worth reading."""
    try:
        return look()
    except (NotAllowedError, NotThereError, RefusedError) as error:
        unseen.append(error.message)
        return ()


def _events(cluster: Cluster, migration: Migration) -> tuple[News, ...]:
    about = f"involvedObject.name={migration.name}"
    found = cluster.list(EVENTS, migration.namespace, fields=about)
    ours = [item for item in found if item["involvedObject"].get("kind") in OURS]
    return news.news(ours, most=MOST_EVENTS)


OURS = frozenset({"VolumeMigration", "AttachmentSwitch"})


def _operator(cluster: Cluster, migration: Migration, where: str) -> tuple[LogLine, ...]:
    found: tuple[LogLine, ...] = ()
    for pod in cluster.list(PODS, where, labels=OPERATOR):
        found += logs.about(migration, "operator", _log(cluster, pod))
    return found


def _agent(cluster: Cluster, migration: Migration, where: str) -> tuple[LogLine, ...]:
    node = migration.status.node
    if not node:
        return ()
    found: tuple[LogLine, ...] = ()
    for pod in cluster.list(PODS, where, labels=AGENT, fields=f"spec.nodeName={node}"):
        found += logs.about(migration, f"node-agent on {node}", _log(cluster, pod))
    return found


def _copier(cluster: Cluster, migration: Migration) -> tuple[LogLine, ...]:
    label = f"{names.MIGRATION_LABEL}={migration.name},{names.COMPONENT_LABEL}=copier"
    found: tuple[LogLine, ...] = ()
    for pod in cluster.list(PODS, migration.namespace, labels=label):
        found += logs.every("copier", _log(cluster, pod))
    return found


def _log(cluster: Cluster, pod: Json) -> str:
    meta = pod["metadata"]
    return cluster.log(meta["namespace"], meta["name"], lines=READ_LINES)
