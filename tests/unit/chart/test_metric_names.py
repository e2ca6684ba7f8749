"""Every metric that rules, dashboard and page name is there, and each that is there is named."""

import json
import re

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.process_collector import ProcessCollector

from detour_agent.metrics import families as of_agent
from detour_agent.metrics import switches as _switches  # noqa: F401 - it registers its gauges
from detour_operator.metrics import families as of_operator
from detour_operator.metrics import objects as _objects  # noqa: F401 - it registers its gauges
from unit.chart.chart import CHART, ROOT

PAGE = ROOT / "docs" / "metrics.md"
NAMED = re.compile(r"detour_(?:operator|agent)_[a-z_]+")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def known():
    """Each metric: name as it is asked for, type, labels, help."""
    for registry in (of_operator.REGISTRY, of_agent.REGISTRY):
        for collector in registry._collector_to_names:
            if isinstance(collector, ProcessCollector):
                continue
            if isinstance(collector, MetricWrapperBase):
                found = [(collector._name, collector._type, collector._documentation, collector)]
            else:
                found = [(m.name, m.type, m.documentation, m) for m in collector.collect()]
            for name, kind, text, of in found:
                shown = f"{name}_total" if kind == "counter" else name
                yield shown, kind, tuple(of._labelnames), text


METRICS = {name: (kind, labels, text) for name, kind, labels, text in known()}
SERIES = {
    name + ("" if kind == "counter" else suffix)
    for name, (kind, _, _) in METRICS.items()
    for suffix in SUFFIXES[kind]
}


def dashboard():
    return json.loads((CHART / "dashboards" / "detour.json").read_text())


def rules():
    groups = yaml.safe_load((CHART / "rules" / "detour.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


RECORDED = {rule["record"] for rule in rules() if "record" in rule}
ALERTS = {rule["alert"] for rule in rules() if "alert" in rule}
EXPRESSIONS = {
    "rules": [rule["expr"] for rule in rules()],
    "dashboard": [
        target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())
    ],
}


def without_recorded(expression):
    for name in re.findall(r"[a-z]+:[a-z_]+:[a-z0-9_]+", expression):
        assert name in RECORDED, name
        expression = expression.replace(name, "")
    return expression


@pytest.mark.parametrize("of", EXPRESSIONS)
def test_every_series_that_is_asked_for_is_there(of):
    named = {name for text in EXPRESSIONS[of] for name in NAMED.findall(without_recorded(text))}
    assert named
    assert named - SERIES == set()


def test_every_metric_is_shown_by_the_dashboard():
    told = {name for text in EXPRESSIONS["dashboard"] for name in NAMED.findall(text)}
    shown = str(EXPRESSIONS["dashboard"])
    recorded = [rule for rule in rules() if rule.get("record", "alert") in shown]
    told |= {name for rule in recorded for name in NAMED.findall(rule["expr"])}
    missing = {
        name
        for name, (kind, _, _) in METRICS.items()
        if not told & {name if kind == "counter" else name + end for end in SUFFIXES[kind]}
    }
    assert missing == set()


@pytest.mark.parametrize("of", EXPRESSIONS)
def test_labels_in_expressions_are_those_of_the_metrics(of):
    ours = {label for _, labels, _ in METRICS.values() for label in labels}
    of_prometheus = {"le", "pod", "instance", "job"}
    for text in EXPRESSIONS[of]:
        for group in re.findall(r"(?:by|without|on) \(([^)]*)\)", text):
            assert {label.strip() for label in group.split(",")} <= ours | of_prometheus, text
        for name, matchers in re.findall(r"(detour_[a-z_]+)\{([^}]*)\}", text):
            base = re.sub("_(bucket|sum|count)$", "", name)
            allowed = {*METRICS.get(name, METRICS.get(base))[1], "le"}
            assert set(re.findall(r"(\w+)[=!]", matchers)) <= allowed, text


def row(name):
    kind, labels, text = METRICS[name]
    base = name.removesuffix("_total")
    unit = "bytes/s" if base.endswith("bytes_per_second") else ""
    unit = unit or next((u for u in ("seconds", "bytes") if base.endswith(f"_{u}")), "")
    shown = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {kind} | {shown} | {unit} | {text.removesuffix('.')} |"


def test_the_page_has_a_row_for_each_metric_and_for_no_other():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `detour_")]
    assert sorted(lines) == sorted(row(name) for name in METRICS)
    named = set(NAMED.findall(re.sub(r"[a-z]+:[a-z_]+:[a-z0-9_]+", "", PAGE.read_text())))
    assert named - SERIES - set(METRICS) == set()


def test_the_page_has_a_row_for_each_alert_and_each_recorded_series():
    page = PAGE.read_text()
    assert set(re.findall(r"^\| `(Detour\w+)` \|", page, re.MULTILINE)) == ALERTS
    assert set(re.findall(r"`([a-z]+:[a-z_]+:[a-z0-9_]+)`", page)) == RECORDED


def test_names_follow_prometheus_conventions():
    for name, (kind, labels, text) in METRICS.items():
        assert name.endswith("_total") is (kind == "counter"), name
        assert not re.search("milli|kilo|percent|minutes", name), name
        assert kind != "histogram" or name.endswith("_seconds"), name
        assert text.endswith("."), name
        assert not {"namespace", "pod", "job", "instance"} & set(labels), "Prometheus sets them"
