"""Calls whose answer may be that they were disturbed."""

import ctypes
import errno
import os
from types import SimpleNamespace

import pytest

from detour_agent.privileged import bpf, syscalls
from detour_agent.privileged.paths import FOLDER, STRICT

FOUND = 7


class Kernel:
    """Says a number of times that a call was disturbed, and then that it was made."""

    def __init__(self, disturbed: int, number: int = errno.EAGAIN) -> None:
        self.left, self.number, self.asked = disturbed, number, 0

    def syscall(self, *_given) -> int:
        self.asked += 1
        if self.asked > self.left:
            return FOUND
        ctypes.set_errno(self.number)
        return -1


def kernel(monkeypatch, *given) -> Kernel:
    found = Kernel(*given)
    monkeypatch.setattr(syscalls, "_C", SimpleNamespace(syscall=found.syscall))
    return found


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EINTR])
def test_a_path_is_looked_up_again_where_something_was_renamed_meanwhile(monkeypatch, number):
    asked = kernel(monkeypatch, 3, number)
    assert syscalls.open_beneath(3, "var/run", FOLDER, STRICT) == FOUND
    assert asked.asked == 4


def test_it_is_not_looked_up_for_ever(monkeypatch):
    asked = kernel(monkeypatch, 1000)
    with pytest.raises(BlockingIOError):
        syscalls.open_beneath(3, "var/run", FOLDER, STRICT)
    assert asked.asked == syscalls.TRIES


def test_an_answer_is_taken_at_once(monkeypatch):
    asked = kernel(monkeypatch, 1000, errno.ELOOP)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        syscalls.open_beneath(3, "var/run", FOLDER, STRICT)
    assert asked.asked == 1


def test_a_program_is_loaded_again_that_was_disturbed(monkeypatch):
    """As libbpf does: the verifier leaves off where a signal waits."""
    asked = kernel(monkeypatch, 2)
    monkeypatch.setattr(bpf.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(bpf.os, "close", lambda _descriptor: None)
    bpf.attach(3, bytes(8))
    assert asked.asked == 4
