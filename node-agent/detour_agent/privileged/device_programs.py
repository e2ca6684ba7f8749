"""Device rules of version 2 control groups: a program per group, all of which must agree.

Allowing a device takes a wider program in the place of each, in one step, for a group without any
allows everything (https://docs.kernel.org/admin-guide/cgroup-v2.html#device-controller). The wider
program is a few instructions that allow this one device, and behind them the old program as the
kernel hands it out.
"""

import errno
import os
import struct
from pathlib import Path

from detour_agent.privileged import bpf
from detour_agent.privileged.errors import NotSoError, verify

BLOCK = 1
"""``BPF_DEVCG_DEV_BLOCK``."""
MKNOD = 1
"""``BPF_DEVCG_ACC_MKNOD``: stays as the old program says."""
TYPE_MASK = 0xFFFF
TYPE_BITS = 16

MOVE, MOVE_REGISTER, EXIT = 0xB7, 0xBF, 0x95
LOAD_WORD = 0x61
AND, SHIFT_RIGHT = 0x57, 0x77
JUMP_UNLESS_EQUAL, JUMP_IF_SET = 0x55, 0x45
RESULT, CONTEXT, ACCESS, NUMBER = 0, 1, 2, 3
"""Registers; the context is the only one that the old program may count on."""
NUMBERS_AT = (7 * 8 + 4, 9 * 8 + 4)
"""Where the device's two numbers stand in a prefix, in bytes."""
HARDENED = "net.core.bpf_jit_harden may be 2 on the node"
"""With it the kernel rewrites each program as it loads it (blinding of constants, Linux
kernel/bpf/core.c), with a register that programs may not have: what it hands out it does not load
again, and a prefix of ours is not to be recognised in it. The setting is shown in the initial
network namespace alone, so it is not asked here."""
MAJOR_OFFSET, MINOR_OFFSET = 4, 8
"""In ``struct bpf_cgroup_dev_ctx``, after the word with access and type."""


def allow(group: Path, device: tuple[int, int]) -> bool:
    """Have every program of a group allow a block device; False if they all did.

    Raises:
        OSError: the kernel refuses.
        NotSoError: it takes no wider program, or one does not allow it afterwards.
    """
    descriptor = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        wanted = prefix(device)
        changed = False
        for program in _narrow(descriptor, wanted):
            _widen(descriptor, program, wanted)
            changed = True
        left = _narrow(descriptor, wanted)
        message = f"programs {left} of {group} do not show that they allow {device}; {HARDENED}"
        verify(not left, "DeviceNotAllowed", message)
        return changed
    finally:
        os.close(descriptor)


def prefix(device: tuple[int, int]) -> bytes:
    """Instructions that allow reading and writing one block device, else go on behind them."""
    return b"".join(
        (
            _instruction(LOAD_WORD, ACCESS, CONTEXT),
            _instruction(MOVE_REGISTER, NUMBER, ACCESS),
            _instruction(AND, NUMBER, value=TYPE_MASK),
            _instruction(JUMP_UNLESS_EQUAL, NUMBER, offset=8, value=BLOCK),
            _instruction(SHIFT_RIGHT, ACCESS, value=TYPE_BITS),
            _instruction(JUMP_IF_SET, ACCESS, offset=6, value=MKNOD),
            _instruction(LOAD_WORD, NUMBER, CONTEXT, offset=MAJOR_OFFSET),
            _instruction(JUMP_UNLESS_EQUAL, NUMBER, offset=4, value=device[0]),
            _instruction(LOAD_WORD, NUMBER, CONTEXT, offset=MINOR_OFFSET),
            _instruction(JUMP_UNLESS_EQUAL, NUMBER, offset=2, value=device[1]),
            _instruction(MOVE, RESULT, value=1),
            _instruction(EXIT),
        )
    )


def begins_with(program: bytes, wanted: bytes) -> bool:
    """Whether one of the prefixes of ours, one behind the other, is this one."""
    length = len(wanted)
    while _is_ours(program[:length]):
        if program[:length] == wanted:
            return True
        program = program[length:]
    return False


def _is_ours(instructions: bytes) -> bool:
    """Whether it is a prefix for some device, which stands in two instructions."""
    if len(instructions) < len(prefix((0, 0))):
        return False
    major, minor = (struct.unpack_from("<i", instructions, at)[0] for at in NUMBERS_AT)
    return instructions == prefix((major, minor))


def _narrow(group: int, wanted: bytes) -> tuple[int, ...]:
    """Ids of the programs that do not allow it by a prefix of ours."""
    return tuple(
        program
        for program in bpf.attached(group)[0]
        if not begins_with(bpf.instructions(program), wanted)
    )


def _widen(group: int, program: int, wanted: bytes) -> None:
    _, flags = bpf.attached(group)
    try:
        bpf.replace(group, program, wanted + bpf.instructions(program), flags)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        message = f"the node's kernel does not let the device rules be widened; {HARDENED}"
        raise NotSoError("DeviceNotAllowed", message) from error


def _instruction(code: int, to: int = 0, of: int = 0, *, offset: int = 0, value: int = 0) -> bytes:
    """``struct bpf_insn``."""
    return struct.pack("<BBhi", code, of << 4 | to, offset, value)
