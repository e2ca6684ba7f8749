"""Has kind's own loader read the configuration: `python -m cluster.kind.check`.

kind decodes strictly before it looks for an engine, so none is needed: it is pointed at none.
"""

import os
import sys

from cluster import paths, tools
from cluster.process import run

CONFIGURATION = paths.CLUSTER_SOURCES / "kind" / "cluster.yaml"
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent.sock", "KIND_EXPERIMENTAL_PROVIDER": "docker"}


def complaint() -> str:
    """What kind's loader has against the configuration; empty if nothing."""
    tools.ensure("kind")
    words = ["create", "cluster", "--name=never-made", f"--config={CONFIGURATION}"]
    done = run(
        [paths.binaries() / "kind", *words],
        check=False,
        timeout=60,
        env={**os.environ, **NO_ENGINE},
    )
    if done.returncode == 0:
        return "kind made a cluster although it was given no engine"
    came_to_the_engine = "failed to get docker info" in done.stderr
    return "" if came_to_the_engine else done.stderr


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    found = complaint()
    print(found or f"{CONFIGURATION.name}: kind reads it")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
