"""Quantities as the CRDs' patterns allow them."""

import pytest

from detour_crds.quantities import bytes_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("4096", 4096),
        ("10Gi", 10 * 1024**3),
        ("1.5Gi", 3 * 512 * 1024**2),
        ("1k", 1000),
        ("1Ki", 1024),
        ("2E", 2 * 1000**6),
        ("0.1", 1),
    ],
)
def test_bytes(text, expected):
    assert bytes_of(text) == expected


@pytest.mark.parametrize("text", ["", "Gi", "1iG", "1Gii", "1m", "-", "1e3x"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match=r"."):
        bytes_of(text)
