"""A guest of one boot sector that writes when it is told to, through its virtio device.

Unlike ``qemu-io`` at the monitor it has an error policy: QEMU pauses it when a write fails. For
each byte on its serial line it writes 64 KiB further on, which begin with their own sector number,
and answers ``A`` once the write was acknowledged, ``E`` if it failed.
"""

import contextlib
import socket
from pathlib import Path

SECTOR = 512
WRITE_BYTES = 64 * 1024
CODE = bytes.fromhex(
    "fa"  # cli
    "31c0"  # xor ax, ax
    "8ed8"  # mov ds, ax
    "8ed0"  # mov ss, ax
    "bc007c"  # mov sp, 0x7c00
    "fb"  # sti
    "88164a7c"  # mov [drive], dl
    "bb0010"  # mov bx, 0x1000
    "8ec3"  # mov es, bx
    # next:
    "bafd03"  # mov dx, 0x3fd        line status
    "ec"  # wait: in al, dx
    "a801"  # test al, 1          a byte is there
    "74fb"  # jz wait
    "baf803"  # mov dx, 0x3f8
    "ec"  # in al, dx
    "66a1537c"  # mov eax, [lba]
    "2666a30000"  # mov es:[0], eax
    "be4b7c"  # mov si, packet
    "b80043"  # mov ax, 0x4300      write sectors
    "8a164a7c"  # mov dl, [drive]
    "cd13"  # int 0x13
    "b041"  # mov al, 'A'
    "7302"  # jnc tell
    "b045"  # mov al, 'E'
    "baf803"  # tell: mov dx, 0x3f8
    "ee"  # out dx, al
    "668106537c80000000"  # add dword [lba], 128
    "ebca"  # jmp next
    "00"  # drive
    "1000 8000 0000 0010"  # packet: 128 sectors from 0x1000:0
    "8000000000000000"  # lba
)


def boot_sector() -> bytes:
    """What the disk begins with."""
    return CODE.ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


class WritingGuest:
    """The guest's serial line."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(path))
        self._line.setblocking(False)
        self.told = 0
        self.answers = b""

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def write(self, count: int) -> None:
        """Ask for more writes."""
        self._line.setblocking(True)
        self._line.sendall(b"w" * count)
        self._line.setblocking(False)
        self.told += count

    def acknowledged(self) -> int:
        """Writes that the guest was told are done."""
        with contextlib.suppress(BlockingIOError):
            self.answers += self._line.recv(65536)
        start = self.answers.find(b"A")
        return self.answers.count(b"A", max(start, 0))

    def failed(self) -> bool:
        """Whether a write came back to the guest as an error."""
        self.acknowledged()
        return b"E" in self.answers


def lost(image: Path, acknowledged: int) -> list[int]:
    """The acknowledged writes that an image does not hold."""
    found = []
    with image.open("rb") as file:
        for number in range(acknowledged):
            sector = 128 * (number + 1)
            file.seek(sector * SECTOR)
            there = file.read(WRITE_BYTES)
            if there[:4] != sector.to_bytes(4, "little") or any(there[4:]):
                found.append(number)
    return found
