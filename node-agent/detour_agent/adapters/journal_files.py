"""Journals as files: ``<state>/switches/<switch uid>/journal.json``."""

import os
import stat
from pathlib import Path

from detour_agent.adapters.files import make_folder, replace_file
from detour_agent.adapters.inside import NOBODY
from detour_agent.adapters.places import Places
from detour_agent.domain.journal import Record, UnreadableJournalError, decode, encode
from detour_agent.errors import InvariantBroken, Unreachable

# Not readable but passable: the guest's user reaches the overlays below by their path.
FOLDER_MODE = 0o711
NAME = "journal.json"
MOST_BYTES = 1 << 20
"""A record has some two thousand, and each overlay's name forty more."""


class JournalFiles:
    """Implements ``JournalStore``."""

    def __init__(self, state: Path, places: Places | None = None) -> None:
        self._places = places or Places(state)

    def read(self, switch_uid: str) -> Record | None:
        """The record; None only if there is no file.

        The agent's own is read first, the one beside an overlay on a volume where it has none. The
        latter may be one record ahead, of an intent that nothing followed yet: both are true.

        Raises:
            InvariantBroken: there is a file and it cannot be read.
            Unreachable: the agent has none, and beside the overlay one cannot look.
        """
        own = self._read(self._path(switch_uid), switch_uid)
        if own is not None or self._places.place(switch_uid) is None:
            return own
        beside = self._beside(switch_uid)
        return self._read(beside, switch_uid) if beside is not None else None

    def _read(self, path: Path, switch_uid: str) -> Record | None:
        try:
            text = _text(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InvariantBroken("JournalUnreadable", f"{path}: {error}") from error
        try:
            record = decode(text)
        except UnreadableJournalError as error:
            raise InvariantBroken("JournalUnreadable", f"{path}: {error}") from error
        if record.switch_uid != switch_uid:
            raise InvariantBroken("JournalUnreadable", f"{path} is of switch {record.switch_uid}")
        return record

    def write(self, record: Record) -> None:
        """Replace the record: first beside an overlay on a volume, then in the agent's directory.

        A volume that nobody has mounted may have gone for good, and the move can end without.
        While the guest runs its launcher has the overlay's folder, whoever else is gone.

        Raises:
            InvariantBroken: the disk does not take it; nothing may go on without it.
            Unreachable: the volume is mounted, and one cannot look; nothing was written.
        """
        path, beside = self._path(record.switch_uid), self._beside_if_mounted(record.switch_uid)
        try:
            if beside is not None:
                replace_file(beside, encode(record))
            make_folder(path.parent, FOLDER_MODE)
            replace_file(path, encode(record))
        except OSError as error:
            raise InvariantBroken("JournalNotWritten", f"{path}: {error}") from error

    def _path(self, switch_uid: str) -> Path:
        return self._places.own(switch_uid) / NAME

    def _beside_if_mounted(self, switch_uid: str) -> Path | None:
        if self._places.place(switch_uid) is None:
            return None
        try:
            return self._beside(switch_uid)
        except Unreachable as error:
            if error.reason == NOBODY:
                return None
            raise

    def _beside(self, switch_uid: str) -> Path | None:
        """Beside an overlay on a volume, from when there is a folder for it."""
        made = self._places.is_made(switch_uid)
        return self._places.folder(switch_uid) / NAME if made else None


def _text(path: Path) -> str:
    """What is in the file; beside an overlay a tenant may have put something else in its place.

    Raises:
        FileNotFoundError: there is nothing of that name; a link to nothing is something.
        OSError: it cannot be opened.
        ValueError: it is no file, or longer than a record, or no text.
    """
    # Not to wait for whoever opens the other end of a pipe.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no file")
        read = file.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    return read.decode()
