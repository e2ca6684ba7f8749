"""docs/contract.md names tests and invariants that exist."""

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "contract.md").read_text()
TESTS = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
INVARIANTS = [
    name
    for line in PAGE.splitlines()
    if "model: `" in line
    for name in re.findall(r"`([a-z_]+)`", line)
]


def test_every_test_that_is_named_is_there():
    missing = [
        f"{path}::{name}"
        for path, name in TESTS
        if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert TESTS
    assert missing == []


def test_every_invariant_that_is_named_is_checked_by_the_model():
    checked = (ROOT / "tests/unit/model/invariants.py").read_text()
    assert INVARIANTS
    assert [name for name in INVARIANTS if f"def {name}(" not in checked] == []


STATES = (ROOT / "docs" / "states.md").read_text()
BEYOND = {"D1", "D8"}
"""Rows of the protocol as it was designed that are none of the code's."""


def first_cells(heading):
    """The first cells of a section's table, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].removeprefix("| ") for line in lines[1:]]


def rows_named(cell):
    """The rows of a cell such as ``L0 to L2, L5: words``."""
    for part in cell.partition(":")[0].split(", "):
        first, _, last = part.partition(" to ")
        numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
        yield from (f"{first[0]}{number}" for number in numbers)


NOT_ON_A_CLUSTER = {
    "L21": "libvirt's daemon has to die within milliseconds of a call",
    "H2": "a commit through QEMU itself has to be found half done",
    "H4": "it has to fail at its very end",
    "D1": "no pod merges by itself, the node agent does",
    "D8": "after `done` nothing of the guest's is to be merged",
    "R6": "as D1: what the agent merges it sees nobody have open",
}
"""What no end-to-end test shows, and why."""


def test_each_row_and_rule_is_met_on_a_cluster_or_it_is_said_why_not():
    unmet = set()
    for heading in ("Rows", "Rules"):
        section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
        for line in lines:
            named, on_a_cluster, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            shown = re.findall(r"`(tests/[\w/]+)", on_a_cluster)
            assert all(path.startswith("tests/e2e/") for path in shown), line
            unmet |= set() if shown else set(rows_named(named))
    assert unmet == set(NOT_ON_A_CLUSTER)


def test_each_row_has_its_line():
    named = [row for cell in first_cells("Rows") for row in rows_named(cell)]
    assert len(named) == len(set(named))
    written = set(re.findall(r"^\| ([A-Z][0-9]+) \|", STATES, re.MULTILINE))
    assert set(named) == written | BEYOND | {"T1"}


def test_each_rule_has_its_line():
    written = re.findall(r"^\| (R[0-9]+) ", STATES, re.MULTILINE)
    assert first_cells("Rules") == written


def test_each_field_has_its_line():
    fields = set()
    for crd in ("volumemigrations", "attachmentswitches"):
        document = yaml.safe_load((ROOT / "charts/detour/crds" / f"{crd}.yaml").read_text())
        schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        fields |= set(schema["properties"]["spec"]["properties"])
    named = [name for cell in first_cells("Fields") for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(fields)
