"""What `setup.sh` takes for installed; apt fails here before anything is changed."""

import os
import re
import subprocess

import pytest

from cluster import paths

SCRIPT = paths.CLUSTER_SOURCES / "setup.sh"
PACKAGES = re.search(r'packages="\$\*\n(.*?)"', SCRIPT.read_text(), re.S)[1].split()
OF_DOCKER = {"containerd", "runc"}


@pytest.fixture
def asked_for(tmp_path):
    """Runs the script where dpkg knows these lines, and says what was to be installed."""

    def run(*lines):
        programs = {
            "dpkg-query": f"cat <<'END'\n{chr(10).join(lines)}\nEND",
            "apt-get": "exit 1",
        }
        for name, text in programs.items():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(
            [SCRIPT], check=False, env=environment, capture_output=True, text=True
        )
        words = done.stdout.split()
        assert (done.returncode == 0) is (words == []), done.stderr
        return set(words) - {"installing"}

    return run


def installed(packages):
    return [f"installed {name}, " for name in packages]


def test_with_all_of_them_nothing_is_asked_for(asked_for):
    assert asked_for(*installed(PACKAGES)) == set()


def test_docker_s_containerd_is_kept(asked_for):
    others = installed(set(PACKAGES) - OF_DOCKER)
    assert asked_for(*others, "installed containerd.io, containerd, runc (= 1.3)") == set()


def test_what_was_removed_or_has_a_longer_name_is_not_there(asked_for):
    others = installed(set(PACKAGES) - OF_DOCKER)
    removed = ["config-files containerd, ", "installed runc-doc, "]
    assert asked_for(*others, *removed) == OF_DOCKER
