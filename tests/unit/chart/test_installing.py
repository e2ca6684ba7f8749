"""Helm and kubectl put the chart on a real API server, over an older one, and take it away."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from cluster import paths, tools
from unit.chart import server
from unit.chart.chart import CHART, NAMESPACE, ROOT, rendered

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

KINDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MIGRATIONS = f"{KINDS}/volumemigrations.detour.dev"
PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "PriorityClass": "priorityclasses",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
OF_NO_NAMESPACE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "PriorityClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
EVERYTHING = (
    "networkPolicy.enabled=true",
    "networkPolicy.apiServerCIDRs[0]=10.0.0.1/32",
    "failPoints=true",
    "metrics.dashboard.enabled=true",
    "imageRegistry=mirror.example:5000",
    "imagePullSecrets[0].name=pull",
    "podAnnotations.a=b",
    "switchDrivers[0].namespace=array",
    "switchDrivers[0].serviceAccount=mover",
    "operator.nodeSelector.a=b",
    "nodeAgent.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    ".nodeSelectorTerms[0].matchExpressions[0].key=a",
    "nodeAgent.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    ".nodeSelectorTerms[0].matchExpressions[0].operator=Exists",
)


@pytest.fixture(scope="module")
def asked():
    with server.running() as running:
        for name in (NAMESPACE, "kubevirt"):
            running.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        yield running


@pytest.fixture
def shell(asked, tmp_path):
    """Runs a command line of a document, in the repository, as the cluster's administrator."""
    tools.ensure("helm", "kubectl")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(asked.kubeconfig()))
    found = f"{paths.binaries()}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": found}

    def run(line):
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=300,
        )  # fmt: skip

    return run


def path(item):
    """Where objects of its kind are created."""
    group = item["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    kind = item["kind"]
    place = "" if kind in OF_NO_NAMESPACE else f"/namespaces/{item['metadata']['namespace']}"
    return f"{root}{place}/{PLURALS.get(kind, kind.lower() + 's')}"


@pytest.mark.parametrize("settings", [(), EVERYTHING], ids=["by default", "with everything"])
def test_the_api_server_takes_each_object_and_knows_all_of_its_fields(asked, settings):
    for item in rendered(*settings):
        where = f"{path(item)}?fieldValidation=Strict&dryRun=All"
        status, told = asked.ask("POST", where, item)
        assert status == 201, f"{item['kind']} {item['metadata']['name']}: {told}"


def commands():
    """The lines that the page on upgrades has one type, by what they begin with."""
    text = (ROOT / "docs" / "upgrades.md").read_text()
    lines = [
        line for block in re.findall(r"```\n(.*?)```", text, re.S) for line in block.splitlines()
    ]
    (kinds,) = {line for line in lines if line.startswith("helm show crds")}
    (release,) = {line for line in lines if line.startswith("helm upgrade")}
    return kinds, release


def older(tmp_path):
    """A chart whose VolumeMigration lacks a field that it has today."""
    chart = tmp_path / "older"
    shutil.copytree(CHART, chart)
    definition = yaml.safe_load((chart / "crds" / "volumemigrations.yaml").read_text())
    del copying(definition)["ioPriority"]
    (chart / "crds" / "volumemigrations.yaml").write_text(yaml.safe_dump(definition))
    return chart


def copying(definition):
    """The fields of spec.copy."""
    (version,) = definition["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec["properties"]["copy"]["properties"]


def test_an_older_release_is_upgraded_as_the_page_says_and_its_kinds_stay(asked, shell, tmp_path):
    kinds, release = commands()
    installed = shell(f"helm install detour {older(tmp_path)} --namespace {NAMESPACE}")
    assert installed.returncode == 0, installed.stderr
    assert "ioPriority" not in copying(asked.do("GET", MIGRATIONS))

    upgraded = shell(release.removesuffix(" --wait"))
    assert upgraded.returncode == 0, upgraded.stderr
    assert "ioPriority" not in copying(asked.do("GET", MIGRATIONS)), "Helm does not change kinds"
    without_force = shell(kinds.replace(" --force-conflicts", ""))
    assert "conflict with" in without_force.stderr, "it was Helm that wrote the field"
    applied = shell(kinds)
    assert applied.returncode == 0, applied.stderr
    for name in ("volumemigrations", "attachmentswitches", "volumemigrationplans"):
        assert f"{name}.detour.dev serverside-applied" in applied.stdout
    assert "ioPriority" in copying(asked.do("GET", MIGRATIONS))

    again = shell(f"helm upgrade --install detour charts/detour --namespace {NAMESPACE}")
    assert again.returncode == 0, again.stderr
    # Nothing runs here that could carry out the hook.
    gone = shell(f"helm uninstall detour --no-hooks --namespace {NAMESPACE}")
    assert gone.returncode == 0, gone.stderr
    assert "ioPriority" in copying(asked.do("GET", MIGRATIONS))


def test_kinds_as_templates_would_be_refused_where_helm_has_installed_them_from_crds(
    shell, tmp_path
):
    """Why they are in ``crds``."""
    chart = tmp_path / "templated"
    shutil.copytree(CHART, chart)
    for definition in (chart / "crds").iterdir():
        definition.rename(chart / "templates" / definition.name)
    kinds, _ = commands()
    assert shell(kinds).returncode == 0
    refused = shell(f"helm upgrade --install templated {chart} --namespace {NAMESPACE}")
    assert refused.returncode != 0
    assert "invalid ownership metadata" in refused.stderr


def test_the_same_is_installed_without_helm(asked, shell):
    written = shell("make --assume-old=.venv/ready manifests")
    assert written.returncode == 0, written.stderr
    applied = shell("kubectl apply --server-side --force-conflicts -k build/manifests")
    assert applied.returncode == 0, applied.stderr
    labels = asked.do("GET", f"/api/v1/namespaces/{NAMESPACE}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    for item in rendered():
        hook = "helm.sh/hook" in item["metadata"].get("annotations", {})
        status, _ = asked.ask("GET", f"{path(item)}/{item['metadata']['name']}")
        assert status == (404 if hook else 200), item["metadata"]["name"]
