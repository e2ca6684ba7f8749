"""Processes: found by pod uid in every spelling of a cgroup, and only gone when all were seen."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from detour_agent.adapters.cgroups import belongs_to_pod, is_guest
from detour_agent.adapters.numbers import start_time
from detour_agent.adapters.process import lines, run
from detour_agent.adapters.processes import NodeProcesses
from detour_agent.adapters.serial_calls import SerialCalls
from detour_agent.domain.ports import Process
from detour_agent.errors import Unreachable

UID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
UNDERSCORED = UID.replace("-", "_")
ID = "8f7e" * 16
CGROUPS = {
    "v1, cgroupfs": f"12:pids:/kubepods/burstable/pod{UID}/{ID}\n"
    f"1:name=systemd:/kubepods/burstable/pod{UID}/{ID}\n",
    "v1, cgroupfs, a root of the node's own": f"4:memory:/node2/kubepods/pod{UID}/{ID}\n0::/\n",
    "v2, cgroupfs": f"0::/kubepods/besteffort/pod{UID}/{ID}\n",
    "v2, systemd": "0::/kubepods.slice/kubepods-burstable.slice/"
    f"kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope\n",
    "v2, systemd, crun": f"0::/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/"
    f"crio-{ID}.scope/container\n",
    "v2, seen from a cgroup namespace": f"0::/../../kubepods-pod{UNDERSCORED}.slice/"
    f"cri-containerd-{ID}.scope\n",
}


@pytest.mark.parametrize("cgroup", CGROUPS.values(), ids=CGROUPS.keys())
def test_pod_of_a_process(cgroup: str):
    assert belongs_to_pod(cgroup, UID)
    assert not belongs_to_pod(cgroup, UID[:-1])
    assert not belongs_to_pod(cgroup, "1" + UID[1:])
    assert not belongs_to_pod(cgroup, "")


@pytest.mark.parametrize(
    ("arguments", "domain", "expected"),
    [
        (["qemu", "-name", "guest=ns_vm,debug-threads=on", "-S"], "ns_vm", True),
        (["qemu", "-name", "guest=ns_vm2,debug-threads=on"], "ns_vm", False),
        (["sh", "-c", "guest=ns_vm"], "ns_vm", False),
        (["qemu", "-name"], "ns_vm", False),
    ],
)
def test_the_guest_by_its_command_line(arguments, domain, expected):
    assert is_guest("\0".join([*arguments, ""]).encode(), domain) is expected


class Proc:
    """A ``/proc`` of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, pid: int, *, cgroup: str = "", arguments: tuple[str, ...] = (), comm: str = "qemu",
        state: str = "S", threads: int = 1, start: int = 77, mountinfo: str = "",
    ) -> Path:  # fmt: skip
        folder = self.folder / str(pid)
        folder.mkdir()
        (folder / "cgroup").write_text(cgroup)
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in arguments))
        (folder / "comm").write_text(comm + "\n")
        rest = " ".join(["0"] * 18)
        (folder / "stat").write_text(f"{pid} (a name) with) {state} {rest} {start} 0 0\n")
        (folder / "mountinfo").write_text(mountinfo)
        for thread in range(threads):
            (folder / "task" / str(pid + thread)).mkdir(parents=True)
        return folder


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    (tmp_path / "self").mkdir()
    return Proc(tmp_path)


OURS = CGROUPS["v2, systemd"]
QEMU = ("qemu-system-x86_64", "-name", "guest=ns_vm,debug-threads=on")


def test_guest_is_found_and_told_from_its_neighbours(proc: Proc):
    proc.add(5, cgroup=OURS.replace("0b1c", "ffff"), arguments=QEMU)
    proc.add(6, cgroup=OURS, arguments=("virt-launcher", "--name", "vm"))
    proc.add(7, cgroup=OURS, arguments=QEMU, start=123)
    processes = NodeProcesses(proc.folder)
    assert processes.find_guest(UID, "ns_vm") == Process(7, 123)
    assert processes.find_guest(UID, "ns_other") is None


def test_a_pid_that_was_used_again_is_not_the_guest(proc: Proc):
    folder = proc.add(7, cgroup=OURS, arguments=QEMU, start=123)
    processes = NodeProcesses(proc.folder)
    assert processes.find_guest(UID, "ns_vm") == Process(7, 123)
    (folder / "stat").write_text((folder / "stat").read_text().replace("123", "456"))
    (folder / "cgroup").write_text("0::/other\n")
    assert processes.find_guest(UID, "ns_vm") is None


def test_a_dead_guest_is_gone_but_an_ending_one_is_not(proc: Proc):
    proc.add(7, cgroup=OURS, state="Z")
    assert NodeProcesses(proc.folder).find_guest(UID, "ns_vm") is None
    proc.add(8, cgroup=OURS, state="Z", threads=2)
    with pytest.raises(Unreachable, match="GuestEnding"):
        NodeProcesses(proc.folder).find_guest(UID, "ns_vm")


def test_not_being_able_to_look_is_not_gone(proc: Proc):
    folder = proc.add(7, cgroup=OURS, arguments=QEMU)
    (folder / "cgroup").unlink()
    (folder / "cgroup").mkdir()
    with pytest.raises(Unreachable):
        NodeProcesses(proc.folder).find_guest(UID, "ns_vm")


def test_holder_is_the_process_with_the_destination_and_not_the_sandbox(proc: Proc):
    mount = "36 35 98:0 / {} rw - ext4 /dev/sda rw\n"
    proc.add(7, cgroup=OURS, comm="pause", mountinfo=mount.format("/"))
    proc.add(8, cgroup=OURS, comm="sleep", mountinfo=mount.format("/detour/destination"))
    assert NodeProcesses(proc.folder).find_holder(UID) == Process(8, 77)


def test_open_files_with_their_mode(tmp_path: Path):
    read, written = tmp_path / "read", tmp_path / "written"
    read.touch()
    with read.open("rb"), written.open("wb"):
        me = Process(os.getpid(), start_time(Path("/proc/self")))
        files = {file.identity.inode: file.writable for file in NodeProcesses().opened(me)}
    assert files[read.stat().st_ino] is False
    assert files[written.stat().st_ino] is True
    with pytest.raises(Unreachable, match="another one"):
        NodeProcesses().opened(Process(os.getpid(), 1))


def test_child_processes():
    assert run(["false"]).exit_code == 1
    assert run(["cat"], given="words").output == "words"
    with pytest.raises(Unreachable, match="ChildTimedOut"):
        run(["sleep", "1000"], timeout_seconds=0.2)
    assert run(["no-such-program"]).exit_code != 0


def test_a_child_s_threads_do_not_reserve_all_that_it_may_have():
    asked = ["sh", "-c", "echo $MALLOC_ARENA_MAX"]
    assert run(asked).output == "2\n"
    with lines(asked) as read:
        assert list(read) == ["2\n"]


PARENT = """
import sys
from detour_agent.adapters.process import run
run(["sh", "-c", "echo $$ > $0; exec sleep 1000", sys.argv[1]], timeout_seconds=1000)
"""


def test_children_die_with_the_agent(tmp_path: Path):
    written = tmp_path / "pid"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(written)], env=environment)
    wait_for(lambda: written.exists() and written.read_text().strip())
    child = Path("/proc", written.read_text().strip())
    parent.kill()
    parent.wait()
    wait_for(lambda: not child.exists() or " Z " in (child / "stat").read_text())


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_call_that_hangs_is_left_behind_and_nothing_overlaps_it():
    release = threading.Event()
    calls = SerialCalls("test", 0.2)
    with pytest.raises(Unreachable, match="no answer"):
        calls.call(release.wait)
    made: list[int] = []
    with pytest.raises(Unreachable, match="earlier call"):
        calls.call(lambda: made.append(1))
    assert made == []
    release.set()
    while not made:  # it ends when it is scheduled
        with contextlib.suppress(Unreachable):
            calls.call(lambda: made.append(2))
    assert made == [2]


def test_the_error_of_a_call_reaches_the_caller():
    def fails() -> None:
        raise Unreachable("Away", "gone")

    with pytest.raises(Unreachable, match="Away"):
        SerialCalls("test", 5).call(fails)
