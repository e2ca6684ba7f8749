"""Every reason that docs/when-things-go-wrong.md explains is met by a test."""

import ast
import functools
import pathlib
import re

import pytest

from unit.kubectl_plugin.reasons_page import PAGE, entries

TESTS = pathlib.Path(__file__).parents[2]
LISTS = {"test_reasons.py", "test_reasons_met.py"}
FED = ("unit", "robustness")
"""Files that have reasons in lists, and a folder whose tests are fed them: none is met there."""
NOT_MET: dict[str, str] = {}
"""Reasons that no test can bring about, with why."""
REASONS = sorted({entry["reason"] for entry in entries(PAGE.read_text())})


@functools.cache
def named() -> dict[str, set[str]]:
    """The words in the strings of all tests, but for what explains them, by their files."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("*.py"):
        if path.name in LISTS or path.relative_to(TESTS).parts[:2] == FED:
            continue
        tree = ast.parse(path.read_text())
        explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in explained:
                for word in re.findall(r"\b[A-Z][A-Za-z]+\b", str(node.value)):
                    found.setdefault(word, set()).add(str(path.relative_to(TESTS)))
    return found


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_met(reason):
    files = named().get(reason, set())
    tests = {file for file in files if pathlib.Path(file).name.startswith("test_")}
    assert bool(tests) != (reason in NOT_MET), files
