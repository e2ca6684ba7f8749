"""What differs between image files and block devices; a copy may be from one to the other."""

import dataclasses
from pathlib import Path
from typing import Protocol

from detour_copier import devices, images


class Kind(Protocol):
    """How one of the two is treated; errors are ``CopyError``."""

    @property
    def DRIVER(self) -> str:  # noqa: N802 - a constant of the module
        """QEMU's block driver for it."""

    def size_of(self, path: Path) -> int:
        """Bytes of the image of a guest that is stopped."""

    def check_source(self, path: Path, size: int) -> None:
        """See that the source holds exactly the guest's disk."""

    def prepare_destination(self, path: Path, size: int) -> None:
        """Have a destination that can take that many bytes."""

    def make_durable(self, path: Path, size: int) -> None:
        """See that nothing but the copy is on it, and have it survive a power failure."""


def of(*, block: bool) -> Kind:
    """The kind of a claim of the mode Block, or Filesystem."""
    return devices if block else images


@dataclasses.dataclass(frozen=True, slots=True)
class Kinds:
    """What source and destination are."""

    source: Kind = images
    destination: Kind = images

    @property
    def may_share_blocks(self) -> bool:
        """Whether both are files, which one file system may have."""
        return self.source is images and self.destination is images

    @property
    def unpacks(self) -> bool:
        """Whether the whole of a device becomes a file."""
        return self.source is devices and self.destination is images


FILES = Kinds()
