"""Which control groups hold a guest's device rules, and what the rules and programs say."""

import errno
import os
from pathlib import Path

import pytest

from detour_agent.privileged import device_programs
from detour_agent.privileged.access import allows, list_groups, program_groups
from detour_agent.privileged.device_programs import begins_with, prefix
from detour_agent.privileged.errors import NotSoError

POD = "pod11112222-3333-4444-5555-666677778888"
SLICE = f"/kubepods.slice/kubepods-{POD.replace('-', '_')}.slice"
OLD = """30 25 0:26 / /sys/fs/cgroup/devices rw shared:9 - cgroup cgroup rw,devices
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"""
NEW = "30 25 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate"


def test_version_1_has_a_list():
    belongs = f"9:devices:/kubepods/{POD}/abc\n3:cpu,cpuacct:/x\n0::/"
    assert list_groups(belongs, OLD) == (Path(f"/sys/fs/cgroup/devices/kubepods/{POD}/abc"),)
    assert program_groups(belongs, OLD) == (Path("/sys/fs/cgroup/unified"),)


@pytest.mark.parametrize("inner", ["cri-containerd-abc.scope", "crio-abc.scope/container"])
def test_version_2_has_programs_from_the_process_up_to_its_pod(inner):
    groups = program_groups(f"0::{SLICE}/{inner}", NEW)
    assert groups[0] == Path(f"/sys/fs/cgroup{SLICE}/{inner}")
    assert groups[-1] == Path(f"/sys/fs/cgroup{SLICE}")
    assert len(groups) == inner.count("/") + 2
    assert list_groups(f"0::{SLICE}/{inner}", NEW) == ()


def test_outside_of_a_pod_only_the_process_s_own_group_is_touched():
    assert program_groups("0::/system.slice/x", NEW) == (Path("/sys/fs/cgroup/system.slice/x"),)


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ("a *:* rwm", True),
        ("b 7:3 rw", True),
        ("b 7:3 rwm", True),
        ("b 7:* rw", True),
        ("b *:* m", False),
        ("b 7:3 r", False),
        ("c 7:3 rwm", False),
        ("b 7:30 rwm", False),
        ("c 1:3 rwm\nb 7:3 rw", True),
        ("", False),
    ],
)
def test_a_list_allows_a_device_to_be_read_and_written(rules, allowed):
    assert allows(rules, (7, 3)) is allowed


def test_prefixes_are_found_one_behind_the_other_and_nothing_else_is():
    program = b"\x95" + bytes(7)
    both = prefix((7, 3)) + prefix((253, 1 << 19)) + program
    assert begins_with(both, prefix((7, 3)))
    assert begins_with(both, prefix((253, 1 << 19)))
    assert not begins_with(both, prefix((7, 4)))
    assert not begins_with(program + prefix((7, 3)), prefix((7, 3)))
    assert not begins_with(b"", prefix((7, 3)))


OLD_PROGRAM, NEW_PROGRAM = 1, 2


class Kernel:
    """The kernel's side of device programs; it may refuse to load one, or hand out another."""

    def __init__(self, error: int = 0, *, blinds: bool = False) -> None:
        self.programs = {OLD_PROGRAM: b"\x95" + bytes(7)}
        self._error, self._blinds = error, blinds

    def attached(self, _group):
        return tuple(self.programs), 0

    def instructions(self, program):
        return self.programs[program]

    def replace(self, _group, program, text, _flags):
        if self._error:
            raise OSError(self._error, os.strerror(self._error), "bpf")
        del self.programs[program]
        self.programs[NEW_PROGRAM] = b"\x07" + text if self._blinds else text


def widened(monkeypatch, tmp_path, kernel):
    for name in ("attached", "instructions", "replace"):
        monkeypatch.setattr(device_programs.bpf, name, getattr(kernel, name))
    return device_programs.allow(tmp_path, (7, 3))


def test_a_program_is_widened_once(monkeypatch, tmp_path):
    kernel = Kernel()
    assert widened(monkeypatch, tmp_path, kernel) is True
    assert widened(monkeypatch, tmp_path, kernel) is False


@pytest.mark.parametrize("kernel", [Kernel(errno.EINVAL), Kernel(blinds=True)])
def test_a_kernel_that_blinds_programs_is_told_of(monkeypatch, tmp_path, kernel):
    with pytest.raises(NotSoError, match=r"net\.core\.bpf_jit_harden") as raised:
        widened(monkeypatch, tmp_path, kernel)
    assert raised.value.reason == "DeviceNotAllowed"


def test_what_else_the_kernel_says_is_its_own(monkeypatch, tmp_path):
    with pytest.raises(PermissionError):
        widened(monkeypatch, tmp_path, Kernel(errno.EPERM))
