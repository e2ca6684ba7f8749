"""Detour's chart on the API server, but for what takes nodes; and the kinds it is about."""

from cluster.process import wait_until
from kubevirt.crds import crds
from unit.chart.chart import NAMESPACE, rendered
from unit.chart.locked import CLASS, define, optional_kinds
from unit.chart.server import Server

PLURALS = {
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "PriorityClass": "priorityclasses",
    "Service": "services",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
WORKLOADS = ("Deployment", "DaemonSet", "Job", "Pod")
DEFINITION = "CustomResourceDefinition"


def install(server: Server) -> None:
    """As Helm does: Detour's kinds, then everything else of the chart.

    Raises:
        LookupError: the chart has an object of a kind that is not known here.
    """
    items = rendered()
    define(server, *(item for item in items if item["kind"] == DEFINITION))
    define(server, *crds(), *optional_kinds())
    server.do("POST", "/apis/storage.k8s.io/v1/storageclasses", CLASS)
    for name in (NAMESPACE, "kubevirt"):
        server.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for item in items:
        if item["kind"] not in (DEFINITION, *WORKLOADS):
            server.do("POST", _path(item), item)
    _until_the_policies_are_known(server)


def _path(item: dict) -> str:
    group, namespace = item["apiVersion"], item["metadata"].get("namespace")
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    if item["kind"] not in PLURALS:
        raise LookupError(f"the chart has a {item['kind']}: say how it is installed here")
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{inside}/{PLURALS[item['kind']]}"


def _until_the_policies_are_known(server: Server) -> None:
    """A policy reaches the API server a moment after it was written: one refuses what is asked."""
    path = "/apis/detour.dev/v1alpha1/namespaces/default/volumemigrations"
    wish = {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {"name": "probe"},
        "spec": {
            "virtualMachine": {"name": "web"},
            "volume": "data",
            "destination": {"claimName": "spare"},
        },
    }
    joe = {
        "metadata": {"name": "joe"},
        "subjects": [{"kind": "User", "name": "joe", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "detour-edit",
        },
    }
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
    server.do("POST", roles, joe)
    wait_until(lambda: "spec.virtualMachine" in server.refusal("POST", path, wish), path, 60)
