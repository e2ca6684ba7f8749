"""The alerts, raised and not raised, by Prometheus' own promtool."""

import pathlib
import subprocess

import pytest
import yaml

from unit.chart.chart import CHART

RULES = CHART / "rules" / "detour.yaml"
CASES = pathlib.Path(__file__).parent / "data" / "rules_test.yaml"


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def verdict(folder, rules):
    """Whether the cases hold for these rules, and what promtool said."""
    file = folder / "detour.yaml"
    file.write_text(rules)
    cases = folder / "rules_test.yaml"
    cases.write_text(CASES.read_text().replace("[RULES]", f'["{file}"]'))
    done = promtool("test", "rules", cases)
    return done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_the_rules():
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_raised_where_it_should_be_and_only_there(tmp_path):
    passed, said = verdict(tmp_path, RULES.read_text())
    assert passed, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("> 0.8", "> 0.95"), ('le="1.0"', 'le="0.05"'), ("or vector(0)", ""), ("|404", "")],
)
def test_a_wrong_rule_is_noticed(tmp_path, right, wrong):
    text = RULES.read_text()
    assert right in text
    passed, _ = verdict(tmp_path, text.replace(right, wrong))
    assert not passed


def test_each_rule_has_a_case():
    cases = yaml.safe_load(CASES.read_text())["tests"]
    raised = {
        item["alertname"]
        for case in cases
        for item in case.get("alert_rule_test", ())
        if item["exp_alerts"]
    }
    quiet = {
        item["alertname"]
        for case in cases
        for item in case.get("alert_rule_test", ())
        if not item["exp_alerts"]
    }
    asked = str(cases)
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["alert"] in raised, rule["alert"]
            else:
                feeds = [other for other in group_expressions() if rule["record"] in other]
                assert rule["record"] in asked or feeds, rule["record"]
    assert len(quiet) > 8, "most are seen not to be raised too"


def group_expressions():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]
