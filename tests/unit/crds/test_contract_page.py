"""docs/contract.md names tests and invariants that exist."""

import pathlib
import re

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
