"""Every pod but the node agent's is admitted where Pod Security enforces ``restricted``."""

import json
import re

import pytest

from cluster.process import wait_until
from detour_operator.adapters import jobs
from detour_operator.compute_side import finisher, holder
from unit.chart import server
from unit.chart.chart import ROOT, of_kind

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

OWNER = {"apiVersion": "detour.dev/v1alpha1", "kind": "AttachmentSwitch", "name": "m", "uid": "u"}
LEVEL = "s0:c1,c2"


def copier(**changes):
    given = {
        "name": "copy", "namespace": "vms", "migration": "m", "owner": OWNER, "image": "copier",
        "image_pull_policy": "Never", "node": "n", "source_claim": "old",
        "destination_claim": "new", "size_bytes": 4096, "se_linux_level": LEVEL,
        "switch_uid": "s", "token": "t-1", "method": "HostAssisted",
    }  # fmt: skip
    template = jobs.manifest(jobs.CopyJob(**{**given, **changes}))["spec"]["template"]
    return {"metadata": {"name": "copy", **template["metadata"]}, "spec": template["spec"]}


def held(**changes):
    given = {
        "namespace": "vms", "switch": "m", "switch_uid": "12345678", "launcher_name": "l",
        "launcher_uid": "l", "node": "n", "claim": "new", "se_linux_level": LEVEL,
        "image": "copier", "pull_policy": "Never",
    }  # fmt: skip
    return holder.manifest(holder.Holder(**{**given, **changes}))


def finishing(**changes):
    given = {
        "namespace": "vms", "switch": "m", "switch_uid": "12345678", "owner": OWNER, "node": "n",
        "source": "old", "destination": "new", "overlay": "o", "se_linux_level": LEVEL,
        "image": "copier", "pull_policy": "Never",
    }  # fmt: skip
    return finisher.manifest(finisher.Finisher(**{**given, **changes}))


def installed(kind, name):
    spec = of_kind(kind)[name]["spec"]
    spec = spec if kind == "Pod" else spec["template"]["spec"]
    return {"metadata": {"name": name}, "spec": spec}


IN_USERS_NAMESPACES = {
    "copier": copier(),
    "copier of a device": copier(source_block=True, destination_block=True),
    "copier that verifies": copier(verify=jobs.Verify.CHECKSUM, idle=True),
    "copier that looks": copier(copies=False, look=True),
    "holder": held(),
    "holder of a device": held(block=True),
    "holder of an overlay": held(overlay=True),
    "finisher": finishing(),
    "finisher of devices": finishing(block=True),
}
OF_CHART = {
    "operator": ("Deployment", "detour-operator"),
    "uninstall": ("Job", "detour-uninstall"),
    "test": ("Pod", "detour-test"),
    "node agent": ("DaemonSet", "detour-node-agent"),
}
RESTRICTED = [*IN_USERS_NAMESPACES, "operator", "uninstall", "test"]


def made(what):
    pod = IN_USERS_NAMESPACES.get(what) or installed(*OF_CHART[what])
    pod = json.loads(json.dumps(pod))
    # The API server knows no classes here.
    pod["spec"].pop("priorityClassName", None)
    return pod


@pytest.fixture(scope="module")
def asked():
    with server.running() as running:
        for level in ("restricted", "baseline"):
            labels = {"pod-security.kubernetes.io/enforce": level}
            namespace = {"metadata": {"name": level, "labels": labels}}
            running.do("POST", "/api/v1/namespaces", namespace)
        wait_until(lambda: told(running, "restricted", made("node agent")), "the admission", 60)
        yield running


def told(running, namespace, pod):
    pod["metadata"]["namespace"] = namespace
    return running.refusal("POST", f"/api/v1/namespaces/{namespace}/pods", pod)


@pytest.mark.parametrize("what", RESTRICTED)
def test_it_is_admitted_where_pods_are_restricted(asked, what):
    assert told(asked, "restricted", made(what)) == ""


def test_the_node_agent_alone_is_not_and_that_for_these_reasons(asked):
    said = told(asked, "baseline", made("node agent"))
    reasons = said.partition('violates PodSecurity "baseline:latest": ')[2]
    assert reasons == (
        'host namespaces (hostPID=true), hostPath volumes (volume "state"), privileged '
        '(container "node-agent" must not set securityContext.privileged=true)'
    )


@pytest.mark.parametrize("what", [*IN_USERS_NAMESPACES, *OF_CHART])
def test_what_it_writes_to_is_its_volumes_alone(what):
    for container in made(what)["spec"]["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("what", RESTRICTED)
def test_it_has_no_capabilities_and_the_runtime_s_own_filter_of_calls(what):
    spec = made(what)["spec"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["securityContext"]["runAsNonRoot"] is True
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize("what", IN_USERS_NAMESPACES)
def test_what_asks_nothing_of_the_api_has_no_token(what):
    assert made(what)["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("what", OF_CHART)
def test_what_asks_the_api_says_so_and_its_account_gives_no_token_unasked(what):
    spec = made(what)["spec"]
    assert spec["automountServiceAccountToken"] is True
    account = of_kind("ServiceAccount")[spec["serviceAccountName"]]
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("what", [*IN_USERS_NAMESPACES, *OF_CHART])
def test_no_pod_needs_a_shell(what):
    for container in made(what)["spec"]["containers"]:
        words = [*container.get("command", []), *container.get("args", [])]
        assert not {"sh", "bash", "/bin/sh", "/bin/bash", "-c"} & set(words)


def test_images_start_their_program_and_only_the_agent_s_as_root():
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    found = {}
    for stage in stages:
        name, user = stage.split("\n")[0].split(" AS ")[-1], re.search(r"^USER (\S+)", stage, re.M)
        if user is not None:
            found[name] = user[1]
            assert 'ENTRYPOINT ["python3", "-m", ' in stage
    assert found == {"operator": "65532:65532", "node-agent": "0:0", "copier": "107:107"}
