"""The chart as Helm renders it."""

import functools
import pathlib
import subprocess

import yaml

from cluster import paths, tools

ROOT = pathlib.Path(__file__).parents[3]
CHART = ROOT / "charts" / "detour"
NAMESPACE = "detour-system"


def helm(*arguments):
    """Helm's standard output."""
    tools.ensure("helm")
    return subprocess.run(
        [paths.binaries() / "helm", *arguments], capture_output=True, text=True, check=True
    ).stdout


@functools.cache
def rendered(*settings):
    """All objects, as a list, with ``--set`` for each of the settings."""
    values = [part for setting in settings for part in ("--set", setting)]
    text = helm(
        "template", "detour", str(CHART), "--namespace", NAMESPACE,
        "--kube-version", "1.32.0", "--include-crds", *values,
    )  # fmt: skip
    return [item for item in yaml.safe_load_all(text) if item]


def of_kind(kind, *settings):
    """The rendered objects of a kind, by their names."""
    return {item["metadata"]["name"]: item for item in rendered(*settings) if item["kind"] == kind}
