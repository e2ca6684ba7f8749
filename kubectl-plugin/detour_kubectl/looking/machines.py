"""Reads VirtualMachines."""

from detour_kubectl.domain import machines
from detour_kubectl.errors import NotThereError
from detour_kubectl.port import INSTANCES, MACHINES, Cluster, Json


def one(cluster: Cluster, namespace: str, name: str) -> Json:
    """A VirtualMachine.

    Raises:
        NotThereError: it does not exist.
    """
    found = cluster.get(MACHINES, namespace, name)
    if found is None:
        raise NotThereError(
            f"there is no VirtualMachine {name} in the namespace {namespace}",
            f"`kubectl get vm -n {namespace}` shows those there are; is --namespace right?",
        )
    return found


def names(cluster: Cluster, namespace: str) -> list[str]:
    """The names of all."""
    return sorted(raw["metadata"]["name"] for raw in cluster.list(MACHINES, namespace))


def volumes(cluster: Cluster, namespace: str, name: str) -> tuple[str, ...]:
    """The volumes on claims of one."""
    return machines.volumes_on_claims(one(cluster, namespace, name))


def is_running(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether it has an instance."""
    return cluster.get(INSTANCES, namespace, name) is not None
