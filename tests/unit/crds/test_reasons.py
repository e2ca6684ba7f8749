"""Every reason that a user can meet is explained."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "when-things-go-wrong.md").read_text()
WHERE = {
    "refusals of the storage side": "operator/detour_operator/storage_side/preflight.py",
    "refusals of the compute side": "operator/detour_operator/compute_side/preflight.py",
    "inspection": "node-agent/detour_agent/domain/inspection.py",
    "copier": "copier/detour_copier/errors.py",
}
REASON = re.compile(r'"((?!ReadWrite)(?:[A-Z][a-z]+){2,})"')


@pytest.mark.parametrize("path", WHERE.values(), ids=WHERE)
def test_each_reason_has_its_line(path):
    reasons = set(REASON.findall((ROOT / path).read_text()))
    assert reasons, "the reasons are elsewhere now"
    assert {reason for reason in reasons if f"`{reason}`" not in PAGE} == set()
