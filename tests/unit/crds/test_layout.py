"""What the tree must never get."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize("folder", ["operator", "tests/unit/operator"])
def test_folder_does_not_shadow_pythons_own_operator_module(folder):
    assert not (ROOT / folder / "__init__.py").exists()
