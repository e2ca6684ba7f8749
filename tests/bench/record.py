"""What a benchmark found, and where it is written to."""

import dataclasses
import json
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Record:
    """One figure; ``goal`` is the most it may be."""

    name: str
    value: float
    unit: str
    goal: float
    how: str

    @property
    def reached(self) -> bool:
        """Whether the goal was reached."""
        return self.value <= self.goal


def write(records: list[Record], conditions: list[str]) -> None:
    """Write build/benchmarks.json and docs/benchmarks.md."""
    found = [
        {**dataclasses.asdict(record), "value": round(record.value, 3), "reached": record.reached}
        for record in records
    ]
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "benchmarks.json").write_text(json.dumps(found, indent=2) + "\n")
    (ROOT / "docs" / "benchmarks.md").write_text(page(records, conditions))


def page(records: list[Record], conditions: list[str]) -> str:
    """The document."""
    rows = [
        f"| {record.name} | {record.value:.2f} {record.unit} | {record.goal:g} "
        f"| {'yes' if record.reached else '**no**'} | {record.how} |"
        for record in records
    ]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. Figures of one machine say little: read the ratios, each of",
            "which comes from one run on one machine, and measure on yours.",
            "",
            *(f"- {line}" for line in conditions),
            "",
            "| what | value | goal, at most | reached | how |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def machine() -> str:
    """What it ran on."""
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{cores} cores, Linux {platform.release().split('-')[0]}, QEMU without KVM"
