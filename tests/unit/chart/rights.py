"""An API server with Detour's roles and policies, and accounts that may do more or less."""

from collections.abc import Iterator, Sequence

from cluster.process import wait_until
from unit.chart.chart import NAMESPACE, of_kind
from unit.chart.server import Server

OPERATOR = f"system:serviceaccount:{NAMESPACE}:detour-operator"
DETOUR = "/apis/detour.dev/v1alpha1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
KINDS = {
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "ValidatingAdmissionPolicy": f"{ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{ADMISSION}/validatingadmissionpolicybindings",
}
"""Of what the chart installs, what is asked about here; the lock has tests of its own."""
POLICIES = (
    "detour-node-agent",
    "detour-plan-requesters",
    "detour-requesters",
    "detour-switch-requesters",
)

MACHINES = {
    "apiGroups": ["kubevirt.io"],
    "resources": ["virtualmachines"],
    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
}
"""As KubeVirt's role ``kubevirt.io:edit``, which is added to ``edit``."""
ONE_MACHINE = MACHINES | {"verbs": ["update"], "resourceNames": ["web"]}
CLAIMS = {
    "apiGroups": [""],
    "resources": ["persistentvolumeclaims"],
    "verbs": ["create", "delete"],
}
ONE_CLAIM = CLAIMS | {"verbs": ["delete"], "resourceNames": ["spare"]}

EDITOR, WITHOUT_MACHINES, WITHOUT_CLAIMS = "editor", "without-machines", "without-claims"
OF_ONE, SWITCHES_ONLY, MACHINES_AND_SWITCHES = "of-one", "switches-only", "machines-and-switches"
DRIVER, PLANS_ONLY = "driver", "plans-only"
PLANS = {
    "apiGroups": ["detour.dev"],
    "resources": ["volumemigrationplans"],
    "verbs": ["create", "update", "patch"],
}
ACCOUNTS: dict[str, tuple[Sequence[str], Sequence[dict]]] = {
    EDITOR: (("detour-edit",), (MACHINES, CLAIMS)),
    WITHOUT_MACHINES: (("detour-edit",), (CLAIMS,)),
    WITHOUT_CLAIMS: (("detour-edit",), (MACHINES,)),
    OF_ONE: (("detour-edit",), (ONE_MACHINE, ONE_CLAIM)),
    SWITCHES_ONLY: (("detour-admin",), (CLAIMS,)),
    MACHINES_AND_SWITCHES: (("detour-admin",), (MACHINES,)),
    DRIVER: (("detour-switch-driver",), ()),
    PLANS_ONLY: ((), (MACHINES, CLAIMS, PLANS)),
}
"""Each in the namespace ``vms``: the chart's roles it has there, and further rules."""


def install(server: Server) -> None:
    """Detour's kinds, roles and policies, and the accounts."""
    for definition in of_kind("CustomResourceDefinition").values():
        server.do("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    for name in ("volumemigrations", "attachmentswitches", "volumemigrationplans"):
        path = f"{DETOUR}/{name}"
        wait_until(lambda path=path: server.ask("GET", path)[0] == 200, path, 60)
    for namespace in ("vms", "others", NAMESPACE):
        server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    for path, item in _of_chart():
        server.do("POST", path, item)
    for account, (roles, rules) in ACCOUNTS.items():
        _grant(server, account, roles, rules)
    _until_in_force(server)


def _of_chart() -> Iterator[tuple[str, dict]]:
    for kind, path in KINDS.items():
        for name, item in of_kind(kind).items():
            if not kind.startswith("Validating") or name in POLICIES:
                yield path, item


def _grant(server: Server, account: str, roles: Sequence[str], rules: Sequence[dict]) -> None:
    own = {"metadata": {"name": account}, "rules": list(rules)}
    server.do("POST", f"{RBAC}/namespaces/vms/roles", own)
    references = [("ClusterRole", role) for role in roles] + [("Role", account)]
    for kind, name in references:
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": f"{account}-{kind.lower()}"},
            "roleRef": {"apiGroup": group, "kind": kind, "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": account}],
        }
        server.do("POST", f"{RBAC}/namespaces/vms/rolebindings", binding)


def _until_in_force(server: Server) -> None:
    """Roles and policies reach the server that enforces them a moment after they were written."""
    last = [
        (f"{DETOUR}/namespaces/vms/volumemigrations", migration(), WITHOUT_MACHINES),
        (f"{DETOUR}/namespaces/vms/attachmentswitches", switch(), SWITCHES_ONLY),
        (f"{DETOUR}/namespaces/vms/volumemigrationplans", plan(), WITHOUT_MACHINES),
    ]
    for path, body, user in last:
        wait_until(
            lambda path=path, body=body, user=user: (
                "you may not move" in server.refusal("POST", path, body, user=user)
            ),
            path,
            60,
        )
    wait_until(
        lambda: (
            server.refusal("POST", last[0][0], migration(), user=EDITOR) == ""
            and server.refusal("POST", last[2][0], plan(), user=EDITOR) == ""
            and server.refusal("POST", last[1][0], switch(), user=DRIVER) == ""
        ),
        "the roles",
        60,
    )


def migration(machine: str = "web", name: str = "move", **spec: object) -> dict:
    """A VolumeMigration; by default onto a claim that is there."""
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {"name": name},
        "spec": {
            "virtualMachine": {"name": machine},
            "volume": "data",
            "destination": {"claimName": "spare"},
            **spec,
        },
    }


def switch(machine: str = "web", name: str = "move", **spec: object) -> dict:
    """An AttachmentSwitch that names no destination yet."""
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "AttachmentSwitch",
        "metadata": {"name": name},
        "spec": {"virtualMachine": {"name": machine}, "volume": "data", **spec},
    }


def plan(name: str = "all", **spec: object) -> dict:
    """A VolumeMigrationPlan of every disk that is on the class ``slow``."""
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigrationPlan",
        "metadata": {"name": name},
        "spec": {"storageClasses": [{"from": "slow", "to": "fast"}], **spec},
    }


def agent_token(server: Server, node: str, name: str) -> str:
    """What kubelet puts into the pod of a node's agent, as the API server issues it."""
    pods, accounts = (
        f"/api/v1/namespaces/{NAMESPACE}/{kind}" for kind in ("pods", "serviceaccounts")
    )
    made = server.do("POST", pods, _agent_pod(node, name))
    bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": made["metadata"]["uid"]}
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [], "boundObjectRef": bound},
    }
    answer = server.do("POST", f"{accounts}/detour-node-agent/token", request)
    return str(answer["status"]["token"])


def _agent_pod(node: str, name: str) -> dict:
    return {
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "serviceAccountName": "detour-node-agent",
            "containers": [{"name": "c", "image": "i"}],
        },
    }
