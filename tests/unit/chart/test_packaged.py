"""The chart as a release has it: its images are named, and pinned where a digest was given."""

import re
import subprocess
import tomllib

import pytest
import yaml

from unit.chart.chart import CHART, ROOT, helm

pytestmark = pytest.mark.timeout(1800)  # Helm may have to be built first

DIGESTS = {
    "OPERATOR_DIGEST": f"sha256:{'1' * 64}",
    "NODE_AGENT_DIGEST": f"sha256:{'2' * 64}",
}


def make(*words):
    return subprocess.run(
        ["make", "--assume-old=.venv/ready", *words],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture
def packaged():
    version = "99.9.9-test"
    package = ROOT / "dist" / f"detour-{version}.tgz"
    settings = {"REGISTRY": "mirror.example/o/detour", "VERSION": version, **DIGESTS}
    done = make("chart", *(f"{key}={value}" for key, value in settings.items()))
    assert done.returncode == 0, done.stderr
    yield package
    package.unlink()


def test_its_images_are_the_release_s(packaged):
    text = helm("template", "detour", str(packaged), "--kube-version", "1.32.0")
    images = set(re.findall(r"mirror\.example/\S+", text))
    assert images == {
        f"mirror.example/o/detour/detour-operator@{DIGESTS['OPERATOR_DIGEST']}",
        f"mirror.example/o/detour/detour-node-agent@{DIGESTS['NODE_AGENT_DIGEST']}",
        "mirror.example/o/detour/detour-copier:99.9.9-test",
    }
    assert "localhost/" not in text
    chart = yaml.safe_load(helm("show", "chart", str(packaged)))
    assert (chart["version"], chart["appVersion"]) == ("99.9.9-test", "99.9.9-test")
    assert '`"mirror.example/o/detour/detour-copier"`' in helm("show", "readme", str(packaged))


def test_it_has_the_kinds_one_by_one(packaged):
    kinds = [item for item in yaml.safe_load_all(helm("show", "crds", str(packaged))) if item]
    assert {kind["spec"]["names"]["kind"] for kind in kinds} == {
        "AttachmentSwitch",
        "VolumeMigration",
        "VolumeMigrationPlan",
    }


def test_it_is_not_packaged_without_a_registry_and_a_version():
    refused = make("chart", "VERSION=1.0.0")
    assert refused.returncode != 0
    assert "make chart REGISTRY=" in refused.stderr


def test_the_chart_s_version_is_the_program_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == project["version"]
