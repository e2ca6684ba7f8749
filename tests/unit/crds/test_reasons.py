"""Every reason that a user can meet is explained."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[3]
PAGES = ("when-things-go-wrong.md", "copy-methods.md")
PAGE = "".join((ROOT / "docs" / name).read_text() for name in PAGES)
WHERE = {
    "refusals of the storage side": "operator/detour_operator/storage_side/preflight.py",
    "copy methods": "operator/detour_operator/storage_side/methods.py",
    "what the storage makes": "operator/detour_operator/storage_side/by_storage.py",
    "the claim it makes": "operator/detour_operator/storage_side/making.py",
    "the snapshot of the source": "operator/detour_operator/storage_side/snapshot.py",
    "refusals of the compute side": "operator/detour_operator/compute_side/preflight.py",
    "its destination": "operator/detour_operator/compute_side/fitting.py",
    "limits": "operator/detour_operator/compute_side/limits.py",
    "inspection": "node-agent/detour_agent/domain/inspection.py",
    "copier": "copier/detour_copier/errors.py",
    "its comparison": "copier/detour_copier/comparing.py",
    "a look at the destination": "copier/detour_copier/emptiness.py",
    "what is said meanwhile": "operator/detour_operator/storage_side/emptiness.py",
}
REASON = re.compile(r'"((?!ReadWrite|PersistentVolume)(?:[A-Z][a-z]+){2,})"')


@pytest.mark.parametrize("path", WHERE.values(), ids=WHERE)
def test_each_reason_has_its_line(path):
    reasons = set(REASON.findall((ROOT / path).read_text()))
    assert reasons, "the reasons are elsewhere now"
    assert {reason for reason in reasons if f"`{reason}`" not in PAGE} == set()
