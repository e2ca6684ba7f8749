"""Whether an overlay is still as Detour made it, before anything here opens it by its format.

The guest's QEMU writes the file, header included. Whoever breaks out of a guest into its QEMU
could have the header name another file as the place of the data, and qemu-img, which runs as root,
would read and write that. https://www.qemu.org/docs/master/interop/qcow2.html
"""

import os
import struct
from typing import Final

MAGIC: Final = 0x514649FB
VERSION: Final = 3
HEADER: Final = struct.Struct(">4x I 16x Q I 24x I 8x Q")
"""Version, virtual size, way of encryption, number of snapshots, incompatible features."""
HEADER_BYTES: Final = 104
DIRTY, CORRUPT, EXTENDED_L2 = 1, 1 << 1, 1 << 4
FEATURES: Final = DIRTY | CORRUPT | EXTENDED_L2
"""What QEMU sets by itself, and what Detour asks for. Not among them: an external data file, and
whatever a later QEMU may know."""


def foreign(descriptor: int, virtual_size_bytes: int | None) -> str | None:
    """What in an open overlay's header is not Detour's; None if all is.

    Args:
        descriptor: the overlay.
        virtual_size_bytes: the disk's size; None where it is not known.

    Raises:
        OSError: it cannot be read.
    """
    read = os.pread(descriptor, HEADER_BYTES, 0)
    if len(read) < HEADER_BYTES or int.from_bytes(read[:4], "big") != MAGIC:
        return "it is no qcow2 image"
    version, size, encryption, snapshots, features = HEADER.unpack_from(read)
    if version != VERSION:
        return f"it is of version {version}"
    if features & ~FEATURES:
        return f"it has the features {features:#x}"
    if encryption or snapshots:
        return "it is encrypted, or has snapshots"
    if virtual_size_bytes is not None and size != virtual_size_bytes:
        return f"its disk has {size} bytes, not {virtual_size_bytes}"
    return None
