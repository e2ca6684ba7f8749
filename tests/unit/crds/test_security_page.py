"""docs/security.md names tests that exist, and each "cannot" has one."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", PAGE)


def test_every_test_that_is_named_is_there():
    missing = [
        f"{path}::{name}"
        for path, name in TESTS
        if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert TESTS
    assert missing == []


def test_every_row_of_what_cannot_be_names_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not re.match(r"\| (cannot|has|the pods) .*shown by", row)]
    assert claims
    assert [row for row in claims if "`tests/" not in row] == []
