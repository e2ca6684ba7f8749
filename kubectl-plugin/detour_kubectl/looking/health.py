"""Gathers what the doctor looks at. What cannot be looked at is a finding of its own."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from detour_crds import names
from detour_kubectl.domain import health, rights
from detour_kubectl.domain.health import Finding, Unseen
from detour_kubectl.domain.rights import RIGHTS, Right
from detour_kubectl.errors import NotAllowedError, NotThereError, RefusedError
from detour_kubectl.port import (
    ACCESS_REVIEWS,
    BINDINGS,
    DAEMON_SETS,
    DEPLOYMENTS,
    INSTANCES,
    KUBEVIRTS,
    NODES,
    PODS,
    POLICIES,
    Cluster,
    Json,
)

T = TypeVar("T")

OPERATOR: Final = "detour-operator"
AGENT: Final = "detour-node-agent"
AGENT_PODS: Final = "app.kubernetes.io/name=detour,app.kubernetes.io/component=node-agent"
RUNS_MACHINES: Final = "kubevirt.io/schedulable=true"
"""KubeVirt's own label of a node that may run virtual machines."""
VERSION_LABEL: Final = "app.kubernetes.io/version"


def findings(
    cluster: Cluster, namespace: str, *, detour_namespace: str, version: str
) -> Iterable[Finding]:
    """One after another, as they are found."""
    yield _kubernetes(cluster)
    yield _kubevirt(cluster)
    yield _definitions(cluster)
    yield _operator(cluster, detour_namespace)
    yield _agents(cluster, detour_namespace)
    yield _lock(cluster)
    yield health.versions(installed_version(cluster, detour_namespace), version)
    yield _launchers(cluster, namespace)
    yield _rights(cluster, namespace, detour_namespace)


def installed_version(cluster: Cluster, detour_namespace: str) -> str | None:
    """The chart's word for the Detour that is installed; None if that cannot be seen."""
    found = _seen(lambda: cluster.get(DEPLOYMENTS, detour_namespace, OPERATOR))
    if found is None or isinstance(found, Unseen):
        return None
    label = (found["metadata"].get("labels") or {}).get(VERSION_LABEL)
    return None if label is None else str(label)


def kubevirt_version(cluster: Cluster) -> str | None:
    """KubeVirt's version; None if it is not installed or cannot be seen."""
    found = _seen(lambda: cluster.list(KUBEVIRTS, None))
    if isinstance(found, Unseen) or not found:
        return None
    version = (found[0].get("status") or {}).get("observedKubeVirtVersion")
    return None if version is None else str(version)


def _seen(look: Callable[[], T]) -> T | Unseen:
    try:
        return look()
    except (NotAllowedError, NotThereError, RefusedError) as error:
        return Unseen(error.message, error.hint)


def _kubernetes(cluster: Cluster) -> Finding:
    found = _seen(cluster.version)
    if isinstance(found, Unseen):
        return health.unseen("Kubernetes", found)
    return health.kubernetes(found)


def _kubevirt(cluster: Cluster) -> Finding:
    try:
        return health.kubevirt(cluster.list(KUBEVIRTS, None))
    except NotThereError:
        return health.kubevirt([])
    except (NotAllowedError, RefusedError) as error:
        return health.unseen("KubeVirt", Unseen(error.message, error.hint))


def _definitions(cluster: Cluster) -> Finding:
    found = _seen(lambda: cluster.kinds(names.GROUP, names.VERSION))
    if isinstance(found, Unseen):
        return health.unseen("CRDs", found)
    wanted = (names.VOLUME_MIGRATIONS, names.ATTACHMENT_SWITCHES, names.VOLUME_MIGRATION_PLANS)
    return health.definitions(found, wanted)


def _operator(cluster: Cluster, where: str) -> Finding:
    found = _seen(lambda: cluster.get(DEPLOYMENTS, where, OPERATOR))
    if isinstance(found, Unseen):
        return health.unseen("operator", found)
    return health.operator(found, where)


def _agents(cluster: Cluster, where: str) -> Finding:
    found = _seen(lambda: cluster.get(DAEMON_SETS, where, AGENT))
    nodes = _seen(lambda: cluster.list(NODES, None, labels=RUNS_MACHINES))
    pods = _seen(lambda: cluster.list(PODS, where, labels=AGENT_PODS))
    for fact in (found, nodes, pods):
        if isinstance(fact, Unseen):
            return health.unseen("node agents", fact)
    return health.agents(
        found if not isinstance(found, Unseen) else None,
        where,
        nodes=() if isinstance(nodes, Unseen) else _names(nodes),
        ready_on=() if isinstance(pods, Unseen) else _ready_on(pods),
    )


def _ready_on(pods: Iterable[Json]) -> list[str]:
    return [
        str(pod["spec"]["nodeName"])
        for pod in pods
        if any(
            (item["type"], item["status"]) == ("Ready", "True")
            for item in (pod.get("status") or {}).get("conditions") or []
        )
    ]


def _lock(cluster: Cluster) -> Finding:
    policies = _seen(lambda: cluster.list(POLICIES, None))
    bindings = _seen(lambda: cluster.list(BINDINGS, None))
    if isinstance(policies, Unseen):
        return health.unseen("lock", policies)
    if isinstance(bindings, Unseen):
        return health.unseen("lock", bindings)
    return health.lock(_names(policies), bindings)


def _launchers(cluster: Cluster, namespace: str) -> Finding:
    found = _seen(lambda: cluster.list(INSTANCES, namespace))
    if isinstance(found, Unseen):
        return health.unseen(f"launchers in {namespace}", found)
    return health.launchers(found, namespace)


def _rights(cluster: Cluster, namespace: str, detour_namespace: str) -> Finding:
    def is_denied(right: Right) -> bool:
        where = detour_namespace if right.of_detour else namespace
        return not rights.is_allowed(
            cluster.create(ACCESS_REVIEWS, None, rights.review(right, where))
        )

    denied = _seen(lambda: [right for right in RIGHTS if is_denied(right)])
    if isinstance(denied, Unseen):
        return health.unseen(f"permissions in {namespace}", denied)
    return rights.finding(denied, namespace, detour_namespace)


def _names(objects: Iterable[Json]) -> list[str]:
    return [str(item["metadata"]["name"]) for item in objects]
