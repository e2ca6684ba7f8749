"""Each value is documented, has a schema that is closed, and does what it says."""

import subprocess

import jsonschema
import pytest
import yaml

from cluster import paths, tools
from unit.chart.chart import CHART, ROOT, of_kind, rendered

pytestmark = pytest.mark.timeout(1800)  # Helm may have to be built first

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text())
OF_HELM = {"global"}
"""Helm itself hands it to every chart."""


def resolved(schema):
    name = schema.get("$ref", "").removeprefix("#/definitions/")
    return SCHEMA["definitions"][name] if name else schema


def sections(values=VALUES, schema=SCHEMA, where="values"):
    """Each mapping of values that the schema names the members of."""
    schema = resolved(schema)
    if not isinstance(values, dict) or "properties" not in schema:
        return
    yield where, values, schema
    for key, value in values.items():
        yield from sections(value, schema["properties"].get(key, {}), f"{where}.{key}")


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)


def test_the_schema_names_every_value_and_no_other():
    optional = {"requests", "limits", "nodeAffinity", "podAffinity", "podAntiAffinity"}
    for where, values, schema in sections():
        assert set(values) - OF_HELM == set(schema["properties"]) - OF_HELM - (
            optional - set(values)
        ), where
        assert schema["additionalProperties"] is False, where


def test_what_has_a_default_that_is_used_cannot_be_taken_away():
    for where, values, schema in sections():
        if where.endswith((".resources", ".affinity")):
            continue
        used = {key for key, value in values.items() if value not in ("", [], {})}
        assert set(schema["required"]) == used, where


WRONG = {
    "a format of logs": "logFormat=xml",
    "a digest without its kind": f"operator.image.digest={'0' * 64}",
    "a policy": "copier.image.pullPolicy=Sometimes",
    "no replica": "operator.replicas=0",
    "a limit that no stage can keep": "limits.mergingSeconds=29",
    "a registry with a scheme": "imageRegistry=https://mirror.example",
    "a secret without a name": "imagePullSecrets[0].secret=x",
    "a port": "networkPolicy.apiServerPorts[0]=70000",
    "an address without its length": "networkPolicy.apiServerCIDRs[0]=10.0.0.1",
    "a relative folder": "nodeAgent.stateDirectory=detour",
    "an effect": "operator.tolerations[0].effect=Never",
    "a kind of affinity": "nodeAgent.affinity.vmAffinity.x=y",
    "a value that is taken away": "operator.image=null",
    "a name of a class": "operator.priorityClassName=High",
}


@pytest.mark.parametrize("setting", WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_refused_by_name(setting):
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered(setting)
    assert "values don't meet the specifications of the schema" in refused.value.stderr
    assert setting.split("=")[0].split(".")[0].split("[")[0] in refused.value.stderr


def drawn():
    tools.ensure("helm-docs")
    words = ["--dry-run", "--log-level=error", "--sort-values-order=file"]
    return subprocess.run(
        [paths.binaries() / "helm-docs", *words, f"--chart-search-root={CHART.parent}"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip


def test_the_page_has_the_values_as_they_are():
    page = (CHART / "README.md").read_text()
    assert drawn().strip() == page.strip(), "draw it anew: make chart-docs"


def test_every_value_says_what_it_is_for():
    lines = (CHART / "README.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    values = rows[1:]
    assert len(values) > 30
    for row in values:
        assert len(row) == 4, f"{row[0]} has no description (# -- above it in values.yaml)"


WORKLOADS = {
    "operator": ("Deployment", "detour-operator"),
    "nodeAgent": ("DaemonSet", "detour-node-agent"),
}


def pods(*settings):
    """The specs of all pods that the chart makes, by the names of what makes them."""
    found = {}
    for item in rendered(*settings):
        if item["kind"] == "Pod":
            found[item["metadata"]["name"]] = item["spec"]
        elif item["kind"] in ("Deployment", "DaemonSet", "Job"):
            found[item["metadata"]["name"]] = item["spec"]["template"]["spec"]
    return found


def images(*settings):
    found = {name: spec["containers"][0]["image"] for name, spec in pods(*settings).items()}
    environment = pods(*settings)["detour-operator"]["containers"][0]["env"]
    copier = next(item for item in environment if item["name"] == "DETOUR_COPIER_IMAGE")
    return {**found, "copier": copier["value"]}


DIGEST = f"sha256:{'1' * 64}"
REPOSITORIES = {
    "localhost/detour-operator": "mirror.example:5000/a/detour-operator",
    "ghcr.example/o/detour-operator": "mirror.example:5000/a/o/detour-operator",
    "host:5000/o/detour-operator": "mirror.example:5000/a/o/detour-operator",
    "o/detour-operator": "mirror.example:5000/a/o/detour-operator",
    "detour-operator": "mirror.example:5000/a/detour-operator",
}


def test_a_registry_takes_the_place_of_every_image_s():
    for name, image in images("imageRegistry=mirror.example:5000/a").items():
        assert image.startswith("mirror.example:5000/a/detour-"), name
        assert image.endswith(":dev"), name


@pytest.mark.parametrize(("repository", "mirrored"), REPOSITORIES.items())
def test_what_is_a_registry_in_a_repository(repository, mirrored):
    settings = ("imageRegistry=mirror.example:5000/a", f"operator.image.repository={repository}")
    assert images(*settings)["detour-operator"] == f"{mirrored}:dev"
    assert images(settings[1])["detour-operator"] == f"{repository}:dev"


def test_each_image_can_be_pinned():
    pinned = [f"{part}.image.digest={DIGEST}" for part in ("operator", "nodeAgent", "copier")]
    assert {image.partition("@")[2] for image in images(*pinned).values()} == {DIGEST}


def test_every_pod_of_detour_s_own_can_be_pulled_with_a_secret():
    for name, spec in pods("imagePullSecrets[0].name=pull").items():
        assert spec["imagePullSecrets"] == [{"name": "pull"}], name


@pytest.mark.parametrize(("part", "workload"), WORKLOADS.items())
def test_where_pods_run_can_be_said(part, workload):
    kind, name = workload
    settings = (
        f"{part}.nodeSelector.pool=infra",
        f"{part}.tolerations[0].key=infra",
        f"{part}.tolerations[0].operator=Exists",
        f"{part}.affinity.nodeAffinity.x=y",
        f"{part}.priorityClassName=mine",
    )
    spec = of_kind(kind, *settings)[name]["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"pool": "infra"}
    assert spec["tolerations"] == [{"key": "infra", "operator": "Exists"}]
    assert spec["affinity"] == {"nodeAffinity": {"x": "y"}}
    assert spec["priorityClassName"] == "mine"
    assert "priorityClassName" not in pods(f"{part}.priorityClassName=")[name]


def test_by_default_the_operator_s_pods_keep_apart_and_drains_take_one_at_a_time():
    deployment = of_kind("Deployment")["detour-operator"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    budget = of_kind("PodDisruptionBudget")["detour-operator"]["spec"]
    (term,) = deployment["template"]["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    for selector in (budget["selector"], term["podAffinityTerm"]["labelSelector"]):
        assert selector["matchLabels"].items() <= labels.items()
    assert budget["maxUnavailable"] == 1
    assert not of_kind("PodDisruptionBudget", "operator.podDisruptionBudget.enabled=false")


def test_the_network_policy_is_for_every_pod_of_the_chart_and_off_unless_asked_for():
    assert not of_kind("NetworkPolicy")
    settings = ("networkPolicy.enabled=true", "networkPolicy.apiServerCIDRs[0]=10.0.0.1/32")
    spec = of_kind("NetworkPolicy", *settings)["detour"]["spec"]
    chosen = spec["podSelector"]["matchLabels"]
    templates = [item for item in rendered() if "template" in item.get("spec", {})]
    alone = [item for item in rendered() if item["kind"] == "Pod"]
    labelled = [item["spec"]["template"] for item in templates] + alone
    assert len(labelled) == 4
    for pod in labelled:
        assert chosen.items() <= pod["metadata"]["labels"].items()
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    (to,) = spec["egress"]
    assert [port["port"] for port in to["ports"]] == [443, 6443]
    assert to["to"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
    (probes,) = spec["ingress"]
    ports = pods()["detour-operator"]["containers"][0]["ports"]
    assert probes["ports"][0]["port"] in {port["name"] for port in ports}
