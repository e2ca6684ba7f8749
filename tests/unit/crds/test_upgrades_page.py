"""docs/upgrades.md names tests that exist, and the versions that the code knows."""

import pathlib
import re

import yaml

from cluster import tools
from cluster.kind import releases
from detour_agent.domain import inspection, journal
from detour_kubectl.domain import health

ROOT = pathlib.Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "upgrades.md").read_text()
TESTS = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)


def row(what):
    (found,) = (line for line in PAGE.splitlines() if line.startswith(f"| {what} |"))
    return found.strip("| ").split(" | ")


def libvirt(number):
    return f"{number // 1_000_000}.{number // 1000 % 1000}"


def test_every_test_that_is_named_is_there():
    missing = [
        f"{path}::{name}"
        for path, name in TESTS
        if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert TESTS
    assert missing == []


def test_the_oldest_kubernetes_is_the_chart_s_and_the_doctor_s():
    least = ".".join(map(str, health.LEAST_KUBERNETES))
    chart = yaml.safe_load((ROOT / "charts" / "detour" / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={least}.0-0"
    assert row("Kubernetes")[1].startswith(f"{least} ")


def test_what_it_was_tried_with_is_what_the_clusters_are_made_of():
    tried = row("Kubernetes")[2]
    assert tried.startswith(tools.KUBERNETES.removeprefix("v").rpartition(".")[0])
    for version, image in releases.NODE_IMAGES.items():
        assert version.removeprefix("v") in row("KubeVirt")[2]
        assert re.search(r":v(\d+\.\d+)", image)[1] in tried


def test_the_oldest_libvirt_is_the_agent_s():
    told = row("libvirt in the launcher")[1]
    assert told.startswith(f"{libvirt(inspection.OLDEST_LIBVIRT)}, ")
    assert f"or {libvirt(inspection.OLDEST_TO_MIRROR)} for" in told


def test_the_format_of_the_journal_is_the_agent_s():
    assert f"(`version`, now {journal.VERSION})" in PAGE
