"""Journals as files: ``<state>/switches/<switch uid>/journal.json``."""

import os
from pathlib import Path

from detour_agent.adapters.files import make_folder, replace_file
from detour_agent.domain.journal import Record, UnreadableJournalError, decode, encode
from detour_agent.errors import InvariantBroken

# Not readable but passable: the guest's user reaches the overlays below by their path.
FOLDER_MODE = 0o711


class JournalFiles:
    """Implements ``JournalStore``."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def read(self, switch_uid: str) -> Record | None:
        """The record; None only if there is no file.

        Raises:
            InvariantBroken: there is a file and it cannot be read.
        """
        path = self._path(switch_uid)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InvariantBroken("JournalUnreadable", f"{path}: {error}") from error
        try:
            record = decode(text)
        except UnreadableJournalError as error:
            raise InvariantBroken("JournalUnreadable", f"{path}: {error}") from error
        if record.switch_uid != switch_uid:
            raise InvariantBroken("JournalUnreadable", f"{path} is of switch {record.switch_uid}")
        return record

    def write(self, record: Record) -> None:
        """Replace the record.

        Raises:
            InvariantBroken: the disk does not take it; nothing may go on without it.
        """
        path = self._path(record.switch_uid)
        try:
            make_folder(path.parent, FOLDER_MODE)
            replace_file(path, encode(record))
        except OSError as error:
            raise InvariantBroken("JournalNotWritten", f"{path}: {error}") from error

    def _path(self, switch_uid: str) -> Path:
        return self._state / "switches" / plain_name(switch_uid) / "journal.json"


def plain_name(name: str) -> str:
    """A name that stays in its directory.

    Raises:
        InvariantBroken: it does not.
    """
    if not name or name.startswith(".") or os.sep in name:
        raise InvariantBroken("NameNotPlain", f"{name!r} cannot be a file name")
    return name
