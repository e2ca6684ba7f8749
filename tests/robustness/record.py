"""What is kept of each run: a table for people, build/robustness.json for everybody else."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from cluster import paths
from robustness import plan
from robustness.plan import SYSTEMATIC, Run

FILE = Path("build") / "robustness.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run.

    Attributes:
        name: its seed, or the name of a systematic one.
        move: the migration in words.
        faults: each with its moment, and what became of it.
        outcome: how it ended; empty if it did not.
        problems: what must not be; a run without them is good.
        seconds: what it took.
        run: the run itself, from which it can be repeated whatever is drawn by then.
    """

    name: str
    move: str
    faults: tuple[str, ...]
    outcome: str
    problems: tuple[str, ...]
    seconds: int
    run: Run | None = None

    @property
    def good(self) -> bool:
        """Whether all was as it must be."""
        return not self.problems and bool(self.outcome)

    def row(self) -> str:
        """As a line of docs/robustness.md."""
        told = "good" if self.good else "; ".join(self.problems) or "it did not end"
        cells = (self.name, self.move, "; ".join(self.faults), self.outcome, told)
        return f"| {' | '.join(_cell(cell) for cell in cells)} | {self.seconds} s |"


HEAD = "| seed | move | faults | outcome | verdict | took |\n|---|---|---|---|---|---|"
LONGEST = 400


def write(records: Sequence[Record]) -> Path:
    """Write them to the file, and say which that is."""
    path = paths.REPOSITORY / FILE
    path.parent.mkdir(exist_ok=True)
    found = [{**dataclasses.asdict(record), "good": record.good} for record in records]
    path.write_text(json.dumps(found, indent=2) + "\n")
    return path


def runs_of(path: Path) -> list[Run]:
    """The runs that a file of records has, but for systematic ones.

    Raises:
        ValueError: it is no such file.
    """
    told = [record.get("run") for record in json.loads(path.read_text())]
    found = [plan.read(run) for run in told if run]
    return [run for run in found if run.seed != SYSTEMATIC]


def summary(records: Sequence[Record]) -> str:
    """The table, and how many were good."""
    good = sum(record.good for record in records)
    rows = [record.row() for record in records]
    return "\n".join([HEAD, *rows, "", f"{good} of {len(records)} runs were good"])


def _cell(text: str) -> str:
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return " ".join(short.replace("|", "/").split())
