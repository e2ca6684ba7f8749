"""The port that Prometheus asks, what asks it, and the files that go with it."""

import json
import subprocess

import pytest
import yaml

from detour_operator import settings
from unit.chart.chart import CHART, NAMESPACE, of_kind, rendered

pytestmark = pytest.mark.timeout(1800)  # Helm may have to be built first

WORKLOADS = {
    "operator": ("Deployment", "detour-operator"),
    "node-agent": ("DaemonSet", "detour-node-agent"),
}


def template(part, *settings):
    kind, name = WORKLOADS[part]
    return of_kind(kind, *settings)[name]["spec"]["template"]


@pytest.mark.parametrize("part", WORKLOADS)
def test_the_port_is_told_named_and_served(part):
    (container,) = template(part, "metrics.port=9999")["spec"]["containers"]
    given = {item["name"]: item.get("value") for item in container["env"]}
    assert given["DETOUR_METRICS_PORT"] == "9999"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["metrics"] == 9999
    assert not any("hostPort" in port for port in container["ports"])
    service = of_kind("Service", "metrics.port=9999")[f"detour-{part}-metrics"]["spec"]
    (port,) = service["ports"]
    assert (port["port"], port["targetPort"], service["clusterIP"]) == (9999, "metrics", "None")
    labels = template(part)["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    other = next(name for name in WORKLOADS if name != part)
    assert not service["selector"].items() <= template(other)["metadata"]["labels"].items()


@pytest.mark.parametrize("part", WORKLOADS)
def test_off_nobody_listens(part):
    off = yaml.safe_dump(template(part, "metrics.enabled=false"))
    assert "METRICS_PORT" not in off
    assert "name: metrics" not in off
    assert of_kind("Service", "metrics.enabled=false") == {}


def test_the_port_is_not_that_of_the_probes():
    with pytest.raises(subprocess.CalledProcessError):
        rendered(f"metrics.port={settings.HEALTH_PORT}")


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule", "ConfigMap"])
def test_what_takes_more_than_kubernetes_is_not_there_unless_asked_for(kind):
    assert of_kind(kind) == {}


@pytest.mark.parametrize(
    ("kind", "endpoints"), [("PodMonitor", "podMetricsEndpoints"), ("ServiceMonitor", "endpoints")]
)
def test_a_monitor_finds_what_it_asks(kind, endpoints):
    key = f"metrics.{kind[0].lower()}{kind[1:]}"
    asked = (f"{key}.enabled=true", f"{key}.labels.release=mine", f"{key}.interval=15s")
    monitors = of_kind(kind, *asked)
    assert set(monitors) == {f"detour-{part}" for part in WORKLOADS}
    for part in WORKLOADS:
        monitor = monitors[f"detour-{part}"]
        assert monitor["metadata"]["labels"]["release"] == "mine"
        (endpoint,) = monitor["spec"][endpoints]
        assert (endpoint["port"], endpoint["interval"]) == ("metrics", "15s")
        selected = monitor["spec"]["selector"]["matchLabels"].items()
        service = of_kind("Service")[f"detour-{part}-metrics"]["metadata"]["labels"]
        labels = template(part)["metadata"]["labels"] if kind == "PodMonitor" else service
        assert selected <= labels.items()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (("podMonitor.enabled=true", "serviceMonitor.enabled=true"), "twice"),
        (("podMonitor.enabled=true", "enabled=false"), "metrics.enabled"),
        (("podMonitor.interval=soon",), "interval"),
        (("port=80",), "port"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_by_their_names(settings, word):
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered(*(f"metrics.{setting}" for setting in settings))
    assert word in refused.value.stderr


def test_the_rules_are_those_of_the_file():
    rule = of_kind("PrometheusRule", "metrics.rules.enabled=true")["detour"]
    assert rule["spec"] == yaml.safe_load((CHART / "rules" / "detour.yaml").read_text())
    assert rule["metadata"]["namespace"] == NAMESPACE


def dashboard():
    return json.loads((CHART / "dashboards" / "detour.json").read_text())


def test_the_dashboard_is_that_of_the_file_and_found_by_its_label():
    found = of_kind("ConfigMap", "metrics.dashboard.enabled=true")["detour-dashboard"]
    assert json.loads(found["data"]["detour.json"]) == dashboard()
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_no_two_panels_of_the_dashboard_are_one_upon_the_other():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
