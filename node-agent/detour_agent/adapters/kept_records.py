"""The records on this node's disk, whether anybody asks for their switches or not."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from detour_agent.adapters.files import plain_name, sync_folder
from detour_agent.adapters.images import OVERLAYS
from detour_agent.adapters.journal_files import NAME, JournalFiles
from detour_agent.domain.journal import Record
from detour_agent.domain.tombstones import Found
from detour_agent.errors import InvariantBroken, StepFailed

SPARE = f".{NAME}.new"
OWN = frozenset({NAME, SPARE, "overlay"})


class KeptRecords:
    """Implements ``Records``; times are those of the files."""

    def __init__(
        self, state: Path, journal: JournalFiles, clock: Callable[[], float] = time.time
    ) -> None:
        self._switches = state / "switches"
        self._journal = journal
        self._clock = clock

    def found(self) -> tuple[Found, ...]:
        """Every record that can be read; what cannot be read is kept, and not ours to judge.

        Raises:
            OSError: the folder of all of them cannot be read.
        """
        return tuple(self._found())

    def remove(self, switch_uid: str) -> None:
        """Remove a record with the overlays beside it, and its folders; never anything else.

        Raises:
            StepFailed: something else is there; the record is then kept.
        """
        folder = self._switches / plain_name(switch_uid)
        try:
            others = {path.name for path in folder.iterdir()} - OWN
            if others:
                raise StepFailed("RecordNotRemoved", f"{folder} has {', '.join(sorted(others))}")
            for overlay in (folder / "overlay").glob(OVERLAYS):
                overlay.unlink()
            with contextlib.suppress(FileNotFoundError):
                (folder / "overlay").rmdir()
            (folder / SPARE).unlink(missing_ok=True)
            (folder / NAME).unlink()
            folder.rmdir()
            sync_folder(self._switches)
        except OSError as error:
            raise StepFailed("RecordNotRemoved", f"{folder}: {error}") from error

    def _found(self) -> Iterator[Found]:
        if not self._switches.is_dir():
            return
        for folder in sorted(self._switches.iterdir()):
            try:
                record = self._journal.read(folder.name)
                if record is not None:
                    yield self._judged(folder, record)
            except (InvariantBroken, OSError):
                continue

    def _judged(self, folder: Path, record: Record) -> Found:
        return Found(
            switch_uid=record.switch_uid,
            stage=record.stage,
            age_seconds=self._clock() - (folder / NAME).stat().st_mtime,
            overlay=_overlay(folder, record),
            owes=record.tune_before is not None,
        )


def _overlay(folder: Path, record: Record) -> bool | None:
    """None where it was named and is not looked for here: it was on a volume, or never made."""
    there = folder / "overlay"
    if there.is_dir():
        return any(there.iterdir())
    return None if record.overlays else False
