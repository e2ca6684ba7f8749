"""The few forms of the system call bpf(2) that device rules of control groups take."""

import ctypes
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from detour_agent.privileged.syscalls import call, undisturbed

NUMBERS: Final = {"x86_64": 321, "aarch64": 280, "s390x": 351, "ppc64le": 361}
PROG_LOAD, PROG_ATTACH, PROG_GET_FD_BY_ID = 5, 8, 13
OBJ_GET_INFO_BY_FD, PROG_QUERY = 15, 16
TYPE_CGROUP_DEVICE: Final = 15
ATTACH_CGROUP_DEVICE: Final = 6
F_ALLOW_MULTI, F_REPLACE = 2, 4
MOST_PROGRAMS: Final = 64
"""``BPF_CGROUP_MAX_PROGS``: a group has no more."""
INSTRUCTION_BYTES: Final = 8
ATTRIBUTE_BYTES: Final = 48
INFO_BYTES: Final = 40
LICENSE: Final = b"Apache-2.0"


def attached(group: int) -> tuple[tuple[int, ...], int]:
    """Ids of the device programs of a group, an open directory, and how they are attached.

    Raises:
        OSError: the kernel has no such programs, or one may not ask.
    """
    ids = (ctypes.c_uint32 * MOST_PROGRAMS)()
    given = (group, ATTACH_CGROUP_DEVICE, 0, 0, ctypes.addressof(ids), MOST_PROGRAMS)
    answer = _bpf(PROG_QUERY, struct.pack("=IIIIQI", *given))
    flags, count = struct.unpack_from("=I", answer, 12)[0], struct.unpack_from("=I", answer, 24)[0]
    return tuple(ids[:count]), flags


def instructions(program: int) -> bytes:
    """A program as the kernel runs it; for device programs that is as it was loaded.

    Raises:
        OSError: it has gone, or the kernel does not hand it out.
    """
    with _opened(program) as descriptor:
        length = struct.unpack_from("=I", _info(descriptor, 0, 0), 20)[0]
        text = ctypes.create_string_buffer(length)
        shown = _info(descriptor, length, ctypes.addressof(text))
        if not struct.unpack_from("=Q", shown, 32)[0]:
            raise PermissionError(f"the kernel does not hand out the program {program}")
        return text.raw


def replace(group: int, program: int, text: bytes, flags: int) -> None:
    """Put another program at the place of one, in one step.

    Raises:
        OSError: the kernel refuses the program or the exchange.
    """
    new = _load(text)
    try:
        with _opened(program) as old:
            several = flags & F_ALLOW_MULTI
            mode = (flags | F_REPLACE, old) if several else (flags, 0)
            _bpf(PROG_ATTACH, struct.pack("=IIIII", group, new, ATTACH_CGROUP_DEVICE, *mode))
    finally:
        os.close(new)


def attach(group: int, text: bytes) -> None:
    """Attach one more program to a group, as container runtimes do."""
    new = _load(text)
    try:
        given = (group, new, ATTACH_CGROUP_DEVICE, F_ALLOW_MULTI)
        _bpf(PROG_ATTACH, struct.pack("=IIII", *given))
    finally:
        os.close(new)


@contextmanager
def _opened(program: int) -> Iterator[int]:
    descriptor = _number(PROG_GET_FD_BY_ID, struct.pack("=III", program, 0, 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _load(text: bytes) -> int:
    """The verifier leaves off with EAGAIN where a signal waits (Linux kernel/bpf/verifier.c)."""
    code, licence = ctypes.create_string_buffer(text, len(text)), ctypes.c_char_p(LICENSE)
    count = len(text) // INSTRUCTION_BYTES
    where = ctypes.cast(licence, ctypes.c_void_p).value or 0
    given = (TYPE_CGROUP_DEVICE, count, ctypes.addressof(code), where)
    return undisturbed(lambda: _number(PROG_LOAD, struct.pack("=IIQQ", *given)))


def _info(program: int, length: int, where: int) -> bytes:
    """``struct bpf_prog_info`` as far as the instructions."""
    info = ctypes.create_string_buffer(INFO_BYTES)
    struct.pack_into("=I", info, 20, length)
    struct.pack_into("=Q", info, 32, where)
    given = (program, INFO_BYTES, ctypes.addressof(info))
    _bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", *given))
    return info.raw


def _bpf(command: int, attribute: bytes) -> bytes:
    """The attribute as the kernel left it."""
    buffer = ctypes.create_string_buffer(attribute, ATTRIBUTE_BYTES)
    call(_syscall(), "bpf", command, buffer, ATTRIBUTE_BYTES)
    return buffer.raw


def _number(command: int, attribute: bytes) -> int:
    buffer = ctypes.create_string_buffer(attribute, ATTRIBUTE_BYTES)
    return call(_syscall(), "bpf", command, buffer, ATTRIBUTE_BYTES)


def _syscall() -> int:
    number = NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(f"device programs are not known for {platform.machine()}")
    return number
