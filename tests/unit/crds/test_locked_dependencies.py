"""What is installed is what was locked: each package at one version, by its hashes."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
INSTALLS = [
    line.strip()
    for name in ("Dockerfile", "Makefile")
    for line in (ROOT / name).read_text().splitlines()
    if re.search(r"pip install .*-r ", line)
]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_package_is_locked_by_hash(lock):
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert entries
    for entry in entries:
        assert re.match(r"[\w.\-]+==[\w.]+( ;.*)? \\\n", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_nothing_is_installed_past_the_hashes():
    assert INSTALLS
    assert [line for line in INSTALLS if "--require-hashes" not in line] == []
