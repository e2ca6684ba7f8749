"""Two agents of one node, as an update of the DaemonSet may have them: one acts."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from detour_agent.adapters import node_lock

HOLDS = """
import pathlib, sys
from detour_agent.adapters import node_lock
node_lock.take_lock(pathlib.Path(sys.argv[1]))
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def before(tmp_path: Path):
    """An agent of the node that has the lock, as a process."""
    command = [sys.executable, "-c", HOLDS, tmp_path / "agent.lock"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == b"taken\n"
        yield process
        process.kill()


def test_the_second_waits_until_the_first_has_ended(before, tmp_path: Path, monkeypatch):
    """However it ends: the lock goes with its process."""
    asked = []
    real = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        asked.append(operation)
        if operation == fcntl.LOCK_EX:
            before.kill()
        real(descriptor, operation)

    monkeypatch.setattr(node_lock.fcntl, "flock", flock)
    os.close(node_lock.take_lock(tmp_path / "agent.lock"))
    assert asked == [fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_EX]
    assert before.wait() != 0


def test_one_that_is_alone_does_not_wait(tmp_path: Path, monkeypatch):
    asked = []
    monkeypatch.setattr(node_lock.fcntl, "flock", lambda _file, how: asked.append(how))
    os.close(node_lock.take_lock(tmp_path / "agent.lock"))
    assert asked == [fcntl.LOCK_EX | fcntl.LOCK_NB]
