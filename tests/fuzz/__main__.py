"""``make fuzz``: RUNS cases from SEED on, or those of the file that REPLAY names.

What was seen is written to ``build/fuzz.json``.
"""

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from cluster import paths
from fuzz import cases, whole
from fuzz.cases import Case

FILE = Path("build") / "fuzz.json"
DEFAULTS = {"SEED": "1", "RUNS": "2000"}


def chosen(environment: Mapping[str, str]) -> list[Case]:
    """The cases that are asked for.

    Raises:
        ValueError: SEED or RUNS is no number.
    """
    replay = environment.get("REPLAY")
    if replay:
        return [cases.from_json(item["case"]) for item in json.loads(Path(replay).read_text())]
    seed, runs = (int(environment.get(name) or value) for name, value in DEFAULTS.items())
    return [cases.drawn(each) for each in range(seed, seed + runs)]


def main() -> int:
    """0 if nothing was as it must not be."""
    signal.signal(signal.SIGTERM, _end)
    wanted = chosen(os.environ)
    with whole.prepared() as (asked, operator):
        report = whole.run(asked, operator, wanted)
    path = paths.REPOSITORY / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([dataclasses.asdict(item) for item in report.outcomes], indent=1))
    print(report.summary(), f"written to {FILE}", sep="\n")
    return 0 if report.good else 1


def _end(_number: int, _frame: FrameType | None) -> None:
    """Leave by way of everything that ends programs."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
