"""What a benchmark found, and where it is written to."""

import dataclasses
import json
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Record:
    """One figure; ``goal`` is the most it may be, None where it is reported alone."""

    name: str
    value: float
    unit: str
    goal: float | None
    how: str

    @property
    def reached(self) -> bool | None:
        """Whether the goal was reached; None if there is none."""
        return None if self.goal is None else self.value <= self.goal

    def line(self) -> str:
        """For the terminal."""
        goal = "" if self.goal is None else f"goal {self.goal:g}"
        return f"{self.name:<60} {self.value:8.2f} {self.unit:<4} {goal}"


@dataclasses.dataclass(frozen=True)
class Part:
    """What one part of the benchmarks found.

    Attributes:
        records: the figures.
        conditions: under which they were taken, and what could not be measured; a line each.
        details: Markdown that follows the table of the figures.
        passed: whether the verifier found everything that the guests had written.
    """

    records: list[Record]
    conditions: list[str]
    details: list[str] = dataclasses.field(default_factory=list)
    passed: bool = True


def write(parts: list[Part], *, whole: bool) -> None:
    """Write build/benchmarks.json, and docs/benchmarks.md if all parts were run."""
    found = [
        {**dataclasses.asdict(record), "value": round(record.value, 3), "reached": record.reached}
        for part in parts
        for record in part.records
    ]
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "benchmarks.json").write_text(json.dumps(found, indent=2) + "\n")
    if whole:
        (ROOT / "docs" / "benchmarks.md").write_text(page(parts))


def page(parts: list[Part]) -> str:
    """The document."""
    lines = [
        "# Benchmarks",
        "",
        "From `make bench`, which writes this page when all of its parts are run; a part that",
        "was run alone is taken over by hand. Figures of one machine say little: read the",
        "ratios, each of which comes from one run on one machine, and measure on yours.",
        "",
        f"- {machine()}",
        *(f"- {line}" for part in parts for line in part.conditions),
        "",
        "| what | value | goal, at most | reached | how |",
        "|---|---|---|---|---|",
        *(_row(record) for part in parts for record in part.records),
        "",
        *(line for part in parts for line in part.details),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(record: Record) -> str:
    goal = "" if record.goal is None else f"{record.goal:g}"
    reached = {None: "", True: "yes", False: "**no**"}[record.reached]
    value = f"{record.value:.2f} {record.unit}"
    return f"| {record.name} | {value} | {goal} | {reached} | {record.how} |"


def machine() -> str:
    """What it ran on."""
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{cores} cores, Linux {platform.release().split('-')[0]}, QEMU without KVM"
