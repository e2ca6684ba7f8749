"""A process is killed, or held up, where a point is armed, once, and nowhere else."""

import signal
import subprocess
import sys
import time

import pytest

import detour_failpoints

SCRIPT = """
import sys, pathlib, detour_failpoints
detour_failpoints.watch(pathlib.Path(sys.argv[1]))
for effect in ("one", "two"):
    with detour_failpoints.around(effect):
        print("had", effect, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    detour_failpoints.watch(tmp_path)
    yield tmp_path
    detour_failpoints.watch(None)


def run(folder):
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("point", "had"), [("one.before", ""), ("one.after", "had one\n"), ("two.before", "had one\n")]
)
def test_killed_where_it_is_armed_and_only_once(tmp_path, point, had):
    (tmp_path / point).write_text("kill\n")
    assert run(tmp_path) == (-signal.SIGKILL, had)
    assert [path.name for path in tmp_path.iterdir()] == [f"{point}.hit"]
    assert run(tmp_path) == (0, "had one\nhad two\n")


def test_the_first_process_of_a_container_dies_as_well(folder, monkeypatch):
    """To it the kernel does not deliver a signal of its own."""
    died = []
    monkeypatch.setattr("os.kill", lambda _pid, _number: None)
    monkeypatch.setattr("os._exit", died.append)
    (folder / "effect.before").write_text("kill")
    with pytest.raises(ValueError, match="kill"):  # what comes after the end of the process
        detour_failpoints.reach("effect.before")
    assert died == [137]


def test_held_up(folder):
    (folder / "effect.before").write_text("0.2")
    began = time.monotonic()
    with detour_failpoints.around("effect"):
        pass
    assert time.monotonic() - began >= 0.2
    assert (folder / "effect.before.hit").exists()


def test_all_points_of_one_moment_are_hit_by_one_death(folder, monkeypatch):
    died = []
    monkeypatch.setattr(detour_failpoints, "_die", lambda: died.append(1))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    for point, told in (("a.before", "kill"), ("b.before", "kill"), ("b.after", "kill")):
        (folder / point).write_text(told)
    with pytest.raises(ValueError, match="kill"), detour_failpoints.around("a", "b"):
        pass
    assert died == [1]
    assert {path.name for path in folder.iterdir()} == {"a.before.hit", "b.before.hit", "b.after"}


def test_after_an_effect_that_failed_there_is_no_point(folder):
    (folder / "effect.after").write_text("kill")
    with pytest.raises(KeyError), detour_failpoints.around("effect"):
        raise KeyError
    assert (folder / "effect.after").exists()


def test_off_nothing_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_a, **_k: pytest.fail("looked"))
    assert not detour_failpoints.is_on()
    with detour_failpoints.around("effect"):
        pass
