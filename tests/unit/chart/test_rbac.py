"""The operator's roles allow what its code asks of the API, and nothing else."""

import ast
import importlib
import re

import pytest

from detour_operator.adapters import api_servers, resources, virtual_machine_handover
from unit.chart.chart import CHART, ROOT, of_kind

pytestmark = pytest.mark.timeout(1800)  # Helm may have to be built first

SOURCES = ROOT / "operator" / "detour_operator"
VERBS = {
    "get": "get",
    "list": "list",
    "create": "create",
    "merge_patch": "patch",
    "json_patch": "patch",
    "delete": "delete",
    "watch": "watch",
    "text": "get",
}
KNOWN = {**vars(resources), **vars(api_servers), **vars(virtual_machine_handover)}

SWITCHES = ("detour.dev", "attachmentswitches")
MIGRATIONS = ("detour.dev", "volumemigrations")
PLANS = ("detour.dev", "volumemigrationplans")
# Calls whose kind of object is a variable, by the function they are in.
VARIABLE = {
    "adapters/stored.py:_set_finalizers": {(*SWITCHES, "patch"), (*MIGRATIONS, "patch")},
    "adapters/stored.py:patch_status": {
        ("detour.dev", "attachmentswitches/status", "patch"),
        ("detour.dev", "volumemigrations/status", "patch"),
        ("detour.dev", "volumemigrationplans/status", "patch"),
    },
    "adapters/lock_attempts.py:_try": {
        ("kubevirt.io", "virtualmachineinstancemigrations", "create"),
        ("kubevirt.io", "virtualmachineinstances", "create"),
    },
    "installed.py:complaint": {(*kind, "list") for kind in (SWITCHES, MIGRATIONS, PLANS)},
    "handlers/watches.py:_run": {("", "pods", "watch"), ("batch", "jobs", "watch")},
    "handlers/watches.py:wait_for_kinds": {
        (*kind, "list") for kind in (SWITCHES, MIGRATIONS, PLANS)
    },
    "compute_side/gather.py:_get": {
        ("kubevirt.io", "virtualmachines", "get"),
        ("", "persistentvolumeclaims", "get"),
    },
}
# kopf watches Detour's own objects; the client's leader election keeps the lease.
BY_LIBRARIES = {
    *((*kind, verb) for kind in (SWITCHES, MIGRATIONS, PLANS) for verb in ("list", "watch")),
    *(("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update")),
}
# Kubernetes lets every account ask this about itself (system:basic-user).
OF_EVERYBODY = {("authorization.k8s.io", "selfsubjectaccessreviews", "create")}
# What no call shows: requests are made in the name of KubeVirt's controller.
IMPERSONATION = {("", "serviceaccounts", "impersonate")}


def calls():
    """Every call of a verb of the API client: where, the verb, and the arguments."""
    for path in SOURCES.rglob("*.py"):
        where = str(path.relative_to(SOURCES))
        if where == "adapters/client.py":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if is_api_call(node):
                    yield f"{where}:{function.name}", node


def is_api_call(node):
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    client = ast.unparse(node.func.value).split(".")[-1].lstrip("_")
    return node.func.attr in VERBS and client == "api"


def used():
    found = set()
    for where, call in calls():
        kind = KNOWN.get(getattr(call.args[0], "id", None)) if call.args else None
        if not isinstance(kind, resources.Resource):
            assert where in VARIABLE, f"{where}: of which kind is {ast.unparse(call)}?"
            found |= VARIABLE[where]
            continue
        plural = kind.plural
        if call.func.attr == "text":
            plural += f"/{ast.literal_eval(call.args[3])}"
        found.add((kind.group, plural, VERBS[call.func.attr]))
    return (found | BY_LIBRARIES | IMPERSONATION) - OF_EVERYBODY


def allowed(*settings):
    return {
        (group, resource, verb)
        for kind in ("ClusterRole", "Role")
        for name, role in of_kind(kind, *settings).items()
        if name.startswith(("detour-operator", "detour-uninstall", "detour-test"))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_operator_may_do_what_it_does():
    assert used() - allowed() == set()


def test_the_operator_may_do_nothing_else():
    assert allowed() - used() == set()


def test_every_variable_call_is_still_there():
    assert set(VARIABLE) <= {where for where, _ in calls()}


def test_impersonation_is_of_one_account_and_can_be_left_out():
    (rule,) = of_kind("Role")["detour-operator-handover"]["rules"]
    assert rule["resourceNames"] == [virtual_machine_handover.CONTROLLER]
    assert rule["verbs"] == ["impersonate"]
    assert allowed("impersonation.enabled=false") == allowed() - IMPERSONATION


USERS = "rbac-users.yaml"


def rules():
    """Each rule of a role as it is written, with the line of comment above it."""
    for path in sorted(CHART.glob("templates/rbac-*.yaml")):
        before = ""
        for line in path.read_text().splitlines():
            if line.startswith("  - apiGroups:"):
                yield path.name, before
            before = line


def test_every_rule_for_people_has_its_reason():
    found = [comment for name, comment in rules() if name == USERS]
    assert found
    assert all(comment.startswith("  # ") for comment in found), found


def test_every_rule_names_a_function_that_needs_it():
    found = [item for item in rules() if item[0] != USERS]
    assert len(found) == len(re.findall(r"- apiGroups:", texts()))
    for name, comment in found:
        assert comment.startswith("  # needed by: "), f"{name}: {comment}"
        for function in comment.removeprefix("  # needed by: ").split(", "):
            if function.startswith("detour_operator."):
                assert callable(resolved(function)), f"{name}: {function}"
            else:
                assert defined(function), f"{name}: {function}"


def texts():
    files = ("operator", "node-agent", "uninstall", "test")
    return "".join((CHART / "templates" / f"rbac-{name}.yaml").read_text() for name in files)


def resolved(function):
    parts = function.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    return None


def defined(function):
    """Without an import: the node agent's modules need libvirt."""
    *module, owner, name = function.split(".")
    path = ROOT / "node-agent" / "/".join(module)
    tree = ast.parse(path.with_suffix(".py").read_text())
    return any(
        isinstance(item, ast.FunctionDef) and item.name == name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == owner
        for item in node.body
    )


def test_the_node_agent_reads_switches_and_writes_their_status():
    rights = {
        (resource, verb)
        for rule in of_kind("ClusterRole")["detour-node-agent"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        ("attachmentswitches", "list"),
        ("attachmentswitches", "watch"),
        ("attachmentswitches/status", "patch"),
    }


def test_helm_test_asks_about_its_own_namespace_and_only_while_it_runs():
    assert "detour-test" not in of_kind("ClusterRole")
    for kind in ("ServiceAccount", "Role", "RoleBinding"):
        annotations = of_kind(kind)["detour-test"]["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "test"
        assert int(annotations["helm.sh/hook-weight"]) < 0, "they come before the pod"
        assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]
