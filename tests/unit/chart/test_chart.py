"""What the chart installs: the CRDs as they are, the processes' settings, and the lock."""

import importlib
import subprocess
import tarfile

import pytest
import yaml

from detour_crds import names
from detour_operator import settings
from detour_operator.adapters import lock_attempts, lock_policies, virtual_machine_handover
from detour_operator.compute_side import budget, holder
from detour_operator.handlers import health
from unit.chart.chart import CHART, NAMESPACE, ROOT, helm, of_kind, rendered

pytestmark = pytest.mark.timeout(1800)  # Helm may have to be built first

POLICIES = {
    "detour-lock-live-migrations",
    "detour-lock-instances",
    "detour-lock-machines",
    "detour-lock-machine-requests",
    "detour-lock-pods",
    "detour-lock-holders",
    "detour-lock-budgets",
    "detour-lock-claims",
    "detour-lock-claim-users",
    "detour-lock-claim-copies",
    "detour-lock-copies",
    "detour-lock-switches",
    "detour-superseded",
    "detour-node-agent",
    "detour-plan-requesters",
    "detour-requesters",
    "detour-switch-requesters",
}

# About kinds that everybody uses: nobody may have to wait for Detour.
UNOBTRUSIVE = {"detour-lock-claims", "detour-lock-claim-users", "detour-lock-claim-copies"}


def test_the_crds_are_the_repositorys():
    files = {path.name for path in (ROOT / "crds").glob("*.yaml")}
    assert {path.name for path in (CHART / "crds").iterdir()} == files
    installed = of_kind("CustomResourceDefinition")
    for name in files:
        text = (ROOT / "crds" / name).read_text()
        assert (CHART / "crds" / name).read_text() == text
        definition = yaml.safe_load(text)
        assert installed[definition["metadata"]["name"]] == definition


def test_a_packaged_chart_has_them_too(tmp_path):
    helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        for path in (ROOT / "crds").glob("*.yaml"):
            packed = archive.extractfile(f"detour/crds/{path.name}")
            assert packed is not None, "a symbolic link was packed as one"
            assert packed.read() == path.read_bytes()


def environment(workload):
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return {
        item["name"]: item.get("value", "from the pod") for item in container["env"]
    }, container


def test_the_operator_takes_the_settings_it_is_given():
    given, container = environment(
        of_kind(
            "Deployment", "logFormat=text", "impersonation.enabled=false", "kubevirt.namespace=kv"
        )["detour-operator"]
    )
    read = settings.from_environment(given)
    assert set(given) == {f"DETOUR_{name}" for name in VARIABLES}
    assert read.impersonate is False
    assert read.kubevirt_namespace == "kv"
    assert read.log_format == "text"
    assert read.limits == settings.Limits()
    assert read.in_flight == settings.InFlight()
    assert read.copier_image == "localhost/detour-copier:dev"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"health": settings.HEALTH_PORT, "metrics": read.metrics_port}
    assert container["livenessProbe"]["httpGet"]["path"] == health.PATH


VARIABLES = (
    "NAMESPACE",
    "POD_NAME",
    "COPIER_IMAGE",
    "IMAGE_PULL_POLICY",
    "IMPERSONATE",
    "KUBEVIRT_NAMESPACE",
    "PREPARING_SECONDS",
    "FREEZING_SECONDS",
    "COPYING_SECONDS",
    "EXTERNAL_COPY_SECONDS",
    "MERGING_SECONDS",
    "IN_FLIGHT_CLUSTER",
    "IN_FLIGHT_PER_NODE",
    "IN_FLIGHT_PER_STORAGE_CLASS",
    "LOG_FORMAT",
    "METRICS_PORT",
)


def test_the_operator_has_no_privileges():
    pod = of_kind("Deployment")["detour-operator"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "hostPID" not in pod


def test_the_node_agent_runs_everywhere_and_keeps_its_state_on_the_node():
    agent = of_kind("DaemonSet", "nodeAgent.stateDirectory=/data/detour")["detour-node-agent"]
    given, container = environment(agent)
    pod = agent["spec"]["template"]["spec"]
    assert pod["hostPID"] is True
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["priorityClassName"] == "system-node-critical"
    assert agent["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    assert container["securityContext"] == {"privileged": True, "readOnlyRootFilesystem": True}
    assert given["DETOUR_STATE_DIR"] == "/data/detour"
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"state": "/data/detour", "tmp": "/tmp"}
    (state,) = [volume for volume in pod["volumes"] if "hostPath" in volume]
    assert state["hostPath"] == {"path": "/data/detour", "type": "DirectoryOrCreate"}


def test_fail_points_are_off_unless_asked_for_and_nobody_but_root_of_the_node_arms_them():
    for kind, name in (("Deployment", "detour-operator"), ("DaemonSet", "detour-node-agent")):
        manifest = yaml.safe_dump(of_kind(kind)[name])
        assert "FAIL_POINTS" not in manifest
        assert "fail-points" not in manifest
    operator = of_kind("Deployment", "failPoints=true")["detour-operator"]
    given, container = environment(operator)
    folder = settings.from_environment(given).fail_points
    (mount,) = [item for item in container["volumeMounts"] if item["mountPath"] == folder]
    volumes = operator["spec"]["template"]["spec"]["volumes"]
    (volume,) = [item for item in volumes if item["name"] == mount["name"]]
    assert "emptyDir" in volume
    agent, container = environment(of_kind("DaemonSet", "failPoints=true")["detour-node-agent"])
    state = container["volumeMounts"][0]["mountPath"]
    assert agent["DETOUR_FAIL_POINTS"] == f"{state}/fail-points"


def test_a_digest_is_used_in_place_of_the_tag():
    digest = f"sha256:{'0' * 64}"
    _, container = environment(
        of_kind("DaemonSet", f"nodeAgent.image.digest={digest}")["detour-node-agent"]
    )
    assert container["image"] == f"localhost/detour-node-agent@{digest}"


def test_uninstalling_asks_first_and_may_do_nothing_but_ask():
    job = of_kind("Job")["detour-uninstall"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert callable(importlib.import_module(container["command"][-1]).main)
    assert container["image"] == "localhost/detour-operator:dev"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["serviceAccountName"] in of_kind("ServiceAccount")
    rules = of_kind("ClusterRole")["detour-uninstall"]["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["attachmentswitches"], ["list"]),
        (["persistentvolumeclaims"], ["list"]),
    ]


def test_the_holders_priority_class_is_there():
    assert holder.PRIORITY_CLASS in of_kind("PriorityClass")


def test_a_value_nobody_reads_is_refused():
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered("operator.replica=3")
    assert "replica" in refused.value.stderr


SELECTED = {
    "AttachmentSwitch": {},
    "PersistentVolumeClaim": {"matchLabels": {names.SUPERSEDED_LABEL: "true"}},
}
"""The parameters of a policy, by their kind."""


def test_the_policy_reads_the_mark_that_the_operator_sets():
    text = yaml.safe_dump(of_kind("ValidatingAdmissionPolicy")["detour-superseded"], width=1000)
    for name in (
        names.SUPERSEDED_LABEL,
        names.SUPERSEDED_BY_ANNOTATION,
        names.SUPERSEDED_FOR_ANNOTATION,
    ):
        assert name in text


def test_the_lock_is_complete_and_bound():
    policies = of_kind("ValidatingAdmissionPolicy")
    bindings = of_kind("ValidatingAdmissionPolicyBinding")
    assert set(policies) == set(bindings) == POLICIES
    for name, binding in bindings.items():
        spec = policies[name]["spec"]
        assert binding["spec"]["policyName"] == name
        assert binding["spec"]["validationActions"] == ["Deny"]
        assert spec["failurePolicy"] == ("Ignore" if name in UNOBTRUSIVE else "Fail")
        kind = (spec.get("paramKind") or {}).get("kind")
        assert ("paramRef" in binding["spec"]) is (kind is not None)
        if kind is not None:
            assert binding["spec"]["paramRef"] == {
                "selector": SELECTED[kind],
                "parameterNotFoundAction": "Allow",
            }


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_refusal_says_why_and_is_forbidden(name):
    for validation in of_kind("ValidatingAdmissionPolicy")[name]["spec"]["validations"]:
        assert validation["reason"] == "Forbidden"
        assert validation.get("message") or validation.get("messageExpression")
        assert "\n" not in validation.get("messageExpression", "")


def test_the_documents_name_every_policy_of_the_lock():
    told = (ROOT / "docs" / "lock.md").read_text()
    for name in (name for name in POLICIES if name.startswith("detour-lock-")):
        assert f"`{name.removeprefix('detour-lock-')}`" in told, name


@pytest.mark.parametrize("name", lock_attempts.TRIED)
def test_the_proof_of_the_lock_recognises_the_policy(name):
    policy = of_kind("ValidatingAdmissionPolicy")[name]
    why = next(item for item in policy["spec"]["variables"] if item["name"] == "why")
    assert "AttachmentSwitch ' + params.metadata.name" in why["expression"]
    assert "? ' of the" in why["expression"], "the name must end in a space"
    assert ": ' of a" in why["expression"], "the name must end in a space"


def test_the_operator_looks_at_every_policy_that_the_lock_is_made_of():
    found = {
        kind: [
            item
            for item in of_kind(kind).values()
            if item["metadata"]["labels"].get(names.COMPONENT_LABEL) == lock_policies.LOCK
        ]
        for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    }
    for items in found.values():
        assert {item["metadata"]["name"] for item in items} == set(names.LOCK_POLICIES)
    assert lock_policies.first_complaint(*found.values()) is None
    assert lock_policies.MAY_IGNORE == UNOBTRUSIVE


def test_the_policies_know_the_accounts():
    operator = f"system:serviceaccount:{NAMESPACE}:detour-operator"
    controller = virtual_machine_handover.controller_user("kv")
    policies = of_kind("ValidatingAdmissionPolicy", "kubevirt.namespace=kv")
    text = yaml.safe_dump(policies["detour-lock-instances"], width=1000)
    assert operator in text
    assert controller in text
    assert names.FENCE_ANNOTATION_PREFIX in text
    assert operator in yaml.safe_dump(policies["detour-lock-machines"], width=1000)
    assert names.SWITCH_FINALIZER in yaml.safe_dump(policies["detour-lock-switches"], width=1000)
    bound = {
        subject["name"]: subject["namespace"]
        for binding in of_kind("ClusterRoleBinding").values()
        for subject in binding["subjects"]
    }
    accounts = ("detour-operator", "detour-node-agent", "detour-uninstall")
    assert bound == dict.fromkeys(accounts, NAMESPACE)


def test_a_driver_may_ask_and_neither_answer_nor_lock():
    rights = {
        (resource, verb)
        for rule in of_kind("ClusterRole")["detour-switch-driver"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    verbs = {"get", "list", "watch", "create", "update", "patch", "delete", "drive"}
    assert rights == {("attachmentswitches", verb) for verb in verbs}


def test_switch_drivers_are_accounts_by_namespace_and_name():
    named = ("switchDrivers[0].namespace=array", "switchDrivers[0].serviceAccount=mover")
    policies = of_kind("ValidatingAdmissionPolicy", *named)
    knowing = {name for name, item in policies.items() if "array:mover" in str(item)}
    assert knowing == {"detour-lock-claim-copies"}
    for wrong in ("a'] || true || '", "", "A"):
        with pytest.raises(subprocess.CalledProcessError):
            rendered(f"switchDrivers[0].namespace={wrong}", named[1])


def test_people_get_their_rights_by_kubernetes_own_roles():
    for role in ("view", "edit", "admin"):
        labels = of_kind("ClusterRole")[f"detour-{role}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"


def test_the_lock_knows_the_budget_that_has_evictions_wait():
    made = budget.manifest("ns", "move", "switch-uid", "vmi-uid")
    spec = of_kind("ValidatingAdmissionPolicy")["detour-lock-budgets"]["spec"]
    assert spec["matchConstraints"]["objectSelector"]["matchLabels"] == made["metadata"]["labels"]
    assert "'detour-' + params.metadata.name" in spec["validations"][0]["expression"]
