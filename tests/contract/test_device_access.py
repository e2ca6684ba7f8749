"""The device rules of real control groups, of both versions, as a process in them meets them."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.conftest import filled, loop_device
from detour_agent.privileged import access, bpf
from detour_agent.privileged import device_programs as programs
from detour_crds.attachment_switch import Identity

MOUNTED = Path("/proc/self/mountinfo").read_text()
OPENS = 'echo $$ > "$1/cgroup.procs" && exec dd if="$2" of=/dev/null count=1'


def opens(group: Path, device: Path) -> bool:
    """Whether a process in the group may open the device."""
    command = ["sh", "-c", OPENS, "sh", str(group), str(device)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "Operation not permitted" in done.stderr, done.stderr
    return done.returncode == 0


def number(device: Path) -> tuple[int, int]:
    found = device.stat().st_rdev
    return os.major(found), os.minor(found)


@contextlib.contextmanager
def group_of(kind: str, controller: str) -> Iterator[Path]:
    point = next(access._points(MOUNTED, kind, controller), None)
    if point is None:
        pytest.skip(f"this machine has no control groups of the kind {kind}")
    made = Path(point) / f"detour-contract-{os.getpid()}"
    made.mkdir()
    try:
        yield made
    finally:
        made.rmdir()


@contextlib.contextmanager
def listed() -> Iterator[tuple[Path, Callable[[tuple[int, int]], bool]]]:
    """A group of version 1 that allows character devices alone, as a runtime would have it."""
    with group_of("cgroup", "devices") as group:
        (group / "devices.deny").write_text("a")
        (group / "devices.allow").write_text("c *:* rwm")
        yield group, lambda device: access._in_list(group, device)


@contextlib.contextmanager
def programmed() -> Iterator[tuple[Path, Callable[[tuple[int, int]], bool]]]:
    """A group of version 2 with two such programs, as a runtime and systemd attach them."""
    with group_of("cgroup2", "") as group:
        descriptor = os.open(group, os.O_RDONLY)
        characters_only = b"".join(
            (
                programs._instruction(programs.LOAD_WORD, 2, 1),
                programs._instruction(programs.AND, 2, value=programs.TYPE_MASK),
                programs._instruction(programs.JUMP_UNLESS_EQUAL, 2, offset=2, value=2),
                programs._instruction(programs.MOVE, 0, value=1),
                programs._instruction(programs.EXIT),
                programs._instruction(programs.MOVE, 0, value=0),
                programs._instruction(programs.EXIT),
            )
        )
        for _ in range(2):
            bpf.attach(descriptor, characters_only)
        os.close(descriptor)
        yield group, lambda device: programs.allow(group, device)


@pytest.mark.parametrize("rules", [listed, programmed])
def test_one_device_is_allowed_and_no_other(tmp_path, rules):
    files = [filled(tmp_path / name, 1 << 20) for name in ("one", "other")]
    with (
        rules() as (group, allow),
        loop_device(files[0]) as one,
        loop_device(files[1]) as other,
    ):
        assert not opens(group, one)
        assert allow(number(one))
        assert opens(group, one)
        assert not opens(group, other)
        assert opens(group, Path("/dev/zero"))
        assert not allow(number(one)), "it is allowed already"
        assert allow(number(other))
        assert opens(group, one)
        assert opens(group, other)
        assert not allow(number(one))


def test_the_rules_of_a_guest_are_widened_through_the_agents_child(block_bench):
    """In the groups of this very process, which allow everything: nothing is to be done."""
    bench = block_bench
    mounts = bench.agent.ports.mounts
    image = Identity(device=bench.destination.stat().st_rdev)
    mounts.allow(bench.guest, bench.agent.switch.attached, image)
