"""Text that a spec may have, and text that it may not: both are told apart as the CRDs do."""

import fractions
import pathlib
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from detour_crds import json_text
from detour_crds.quantities import UNITS, bytes_of
from unit.crds.test_local_references import properties
from unit.hostile import MANY

CRDS = pathlib.Path(__file__).parents[3] / "crds"
QUANTITY = r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|k)?$"
ODD = ("1/2", "1_0", "+1", "-1", " 1", "1 ", "1\n", "1e9", "1e999999999", "\u0661", "1.", ".5",
       "1/0", "NaN", "Infinity", "0x10", "1Gi\n")  # fmt: skip


def test_every_quantity_of_a_spec_has_the_pattern_that_is_read():
    for path in CRDS.glob("*.yaml"):
        (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        found = {
            name: below
            for name, below in properties(spec)
            if name.rpartition(".")[2].lower().endswith(("limit", "size"))
            and below["type"] == "string"
            and "enum" not in below
        }
        assert found
        for name, below in found.items():
            assert (below["pattern"], below["maxLength"]) == (QUANTITY, 32), name


@pytest.mark.thorough
def test_a_quantity_is_read_if_the_api_server_takes_it_and_only_then():
    # RE2, as the API server has it: no digits but ASCII's, and $ is the end.
    pattern = re.compile(QUANTITY[1:-1], re.ASCII)

    @MANY
    @given(st.text(max_size=32) | st.from_regex(pattern, fullmatch=True) | st.sampled_from(ODD))
    def holds(text):
        if pattern.fullmatch(text) is None:
            with pytest.raises(ValueError, match="is not a quantity"):
                bytes_of(text)
            return
        digits = text.rstrip("".join(UNITS))
        exact = fractions.Fraction(digits) * UNITS[text[len(digits) :]]
        assert exact <= bytes_of(text) < exact + 1

    holds()


@pytest.mark.thorough
def test_what_is_no_json_has_one_error():
    @MANY
    @given(st.text() | st.binary() | st.sampled_from(("[" * 100_000, '{"a":' * 100_000)))
    def holds(text):
        try:
            json_text.read(text)
        except ValueError:
            return

    holds()
