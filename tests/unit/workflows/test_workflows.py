"""GitHub's workflows: what they use is pinned, what they call is there, and they may do little."""

import pathlib
import re

import pytest
import yaml

from cluster.kind import releases

ROOT = pathlib.Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
CALL = r"""(?:^ +(?:- run: )?|PATH" )make ([a-z0-9-]+)\b"""
PINNED = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\S+)$")


def used():
    """Each action: where, its name, commit and version."""
    for path in WORKFLOWS:
        for line in path.read_text().splitlines():
            if "uses: " in line:
                found = PINNED.search(line)
                assert found, f"{path.name}: {line.strip()} is not pinned by commit and version"
                yield path.name, found["action"], found["commit"], found["version"]


def jobs():
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield path.name, name, job


def test_an_action_is_the_same_everywhere():
    found = {}
    for where, action, commit, version in used():
        assert found.setdefault(action, (commit, version)) == (commit, version), where
    assert found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_without_asking_for_more_a_job_may_only_read(path):
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_who_writes_is_named():
    writing = {
        (where, name)
        for where, name, job in jobs()
        if "write" in job.get("permissions", {}).values()
    }
    assert writing == {
        ("release.yaml", "images"),
        ("release.yaml", "publish"),
        ("dependencies.yaml", "lock"),
    }


def test_no_credentials_are_left_for_others_to_find():
    for where, name, job in jobs():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                kept = step.get("with", {}).get("persist-credentials", True)
                # The one that pushes a branch.
                assert kept is False or (where, name) == ("dependencies.yaml", "lock")


def test_every_job_ends():
    for where, name, job in jobs():
        assert job.get("timeout-minutes") or name == "version", f"{where}: {name}"


def test_the_targets_that_are_called_are_there():
    called = set()
    for path in WORKFLOWS:
        called |= set(re.findall(CALL, path.read_text(), re.M))
    matrix = next(job for _, name, job in jobs() if name == "make")["strategy"]["matrix"]
    called |= set(matrix["target"])
    assert called - TARGETS == set()
    assert {"lint", "unit", "contract", "model", "e2e", "audit", "sbom", "chart", "krew"} <= called


def test_each_release_of_kubevirt_that_is_known_is_tested_and_the_newest():
    job = next(job for where, _, job in jobs() if where == "e2e-kind.yaml")
    assert set(job["strategy"]["matrix"]["kubevirt"]) == {*releases.NODE_IMAGES, "newest"}


def test_the_images_are_the_dockerfile_s():
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    built = next(job for _, name, job in jobs() if name == "images")["strategy"]["matrix"]
    assert set(built["target"]) <= set(stages)
    (released,) = (
        job["strategy"]["matrix"]["include"]
        for where, name, job in jobs()
        if (where, name) == ("release.yaml", "images")
    )
    assert {item["target"] for item in released} == set(built["target"])


def test_the_registry_is_the_repositorys_own_to_name():
    hosts = re.findall(
        r"\b(?:ghcr|quay|docker|gcr|registry)\.(?:io|k8s\.io)\b",
        "\n".join(path.read_text() for path in WORKFLOWS),
    )
    assert hosts == []
