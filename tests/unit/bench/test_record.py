"""The page and the file of figures."""

import json

import pytest

from bench import __main__ as bench
from bench import record
from bench.record import Part, Record

PARTS = [
    Part([Record("a", 1.234, "x", 1.5, "how a")], ["condition a"]),
    Part([Record("b", 2, "s", 1, "how b"), Record("c", 3, "x", None, "how c")], ["b"], ["## d"]),
]


def test_the_page_has_a_row_for_each_figure_and_says_what_was_reached():
    page = record.page(PARTS)
    assert "| a | 1.23 x | 1.5 | yes | how a |" in page
    assert "| b | 2.00 s | 1 | **no** | how b |" in page
    assert "| c | 3.00 x |  |  | how c |" in page
    assert page.index("- condition a") < page.index("- b") < page.index("| a |")
    assert page.endswith("\n\n## d\n")


def test_a_run_of_some_parts_leaves_the_page_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "benchmarks.md"
    record.write(PARTS[:1], whole=False)
    assert not page.exists()
    record.write(PARTS, whole=True)
    assert page.read_text() == record.page(PARTS)
    found = json.loads((tmp_path / "build" / "benchmarks.json").read_text())
    assert [(item["value"], item["reached"]) for item in found] == [
        (1.234, True),
        (2, False),
        (3, None),
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ["control", "copier", "moves"]),
        ("copier", ["copier"]),
        ("copier, control", ["control", "copier"]),
    ],
)
def test_parts_are_picked_by_name(words, names):
    assert bench.chosen(words) == names


def test_an_unknown_part_is_named():
    with pytest.raises(LookupError, match="no part copies; there are control, copier, moves"):
        bench.chosen("copier,copies")
