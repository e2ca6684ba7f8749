"""docs/states.md says what the code does: its tables are drawn anew and compared."""

import dataclasses
import difflib
import pathlib
import re
from collections import defaultdict

import pytest

from detour_agent.domain.decisions import RULES
from detour_agent.domain.rows import direct
from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Target, Wanted
from detour_crds.attachment_switch import Order, Stage, Top
from unit.agent import world
from unit.states import diagrams, page, points, tables

ROOT = pathlib.Path(__file__).parents[3]
PAGE = page.PATH.read_text()
OPERATOR = ROOT / "operator" / "detour_operator"
NAMED = re.compile(r"\brows? ((?:[A-Z]\d+(?: to |, | and )?)+)", re.IGNORECASE)
BY_HAND = re.compile(r"^\| ([A-Z]\d+) \|", re.MULTILINE)

OF_DIRECT = {"direct", "made", "shown", "left"}
"""Facts that the drawn tables do not depend on: the rows of QEMU's own copy are another table."""
EVERY_VALUE = {
    **{"top": Top, "stage": Stage, "order": Order, "job": Job},
    **{"path": PathImage, "target": Target, "base": Target, "libvirt": Libvirt},
}


@pytest.mark.thorough
def test_the_page_is_as_the_code_is():
    old, new = PAGE.splitlines(), page.drawn(PAGE).splitlines()
    difference = "\n".join(
        difflib.unified_diff(old, new, "the page", "the code", lineterm="", n=0)
    )
    assert not difference, f"`make states` draws docs/states.md anew:\n{difference}"


@pytest.mark.thorough
def test_each_fact_that_decides_is_varied():
    situations = [*points.running(), *points.gone()]
    found = defaultdict(set)
    for facts, _ in [*situations, *points.answered(situations)]:
        for name, value in facts.items():
            found[name].add(value)
    for kind in (Wanted, Seen):
        names = {field.name for field in dataclasses.fields(kind)} - OF_DIRECT
        assert not [name for name in names if len(found[name]) < 2]
    for name, values in EVERY_VALUE.items():
        assert found[name] == set(values)


def test_each_row_and_each_step_says_what_it_is_about():
    assert f"| {tables.MISSING} |" not in PAGE


def test_each_row_of_the_code_is_on_the_page_and_no_other():
    drawn = {row for block in page.BLOCK.findall(PAGE) for row in BY_HAND.findall(block[2])}
    assert drawn == {rule.row for rule in RULES}


def test_each_row_of_qemus_own_copy_is_on_the_page_and_no_other():
    by_hand = set(BY_HAND.findall(page.BLOCK.sub("", PAGE)))
    rows = {rule.row for rule in direct.RULES}
    assert {row for row in by_hand if row.startswith("M")} == {
        row for row in rows if row.startswith("M")
    }
    assert rows <= set(BY_HAND.findall(PAGE))


def test_each_row_of_the_operator_is_cited_by_its_code():
    by_hand = {row for row in BY_HAND.findall(page.BLOCK.sub("", PAGE)) if not row.startswith("M")}
    assert by_hand
    assert by_hand <= set().union(*map(cited, OPERATOR.rglob("*.py")))


def test_each_row_that_is_cited_is_on_the_page():
    there = {*BY_HAND.findall(PAGE), "T1"}
    for path in [*OPERATOR.rglob("*.py"), *(ROOT / "node-agent").rglob("*.py")]:
        assert cited(path) <= there, path


def cited(path):
    """The rows that a module names; ``D4 to D16`` are all between them that the page has."""
    rows = set()
    for named in NAMED.findall(path.read_text()):
        rows |= set(re.findall(r"[A-Z]\d+", named))
        for family, first, last in re.findall(r"([A-Z])(\d+) to \1(\d+)", named):
            between = {f"{family}{number}" for number in range(int(first), int(last) + 1)}
            rows |= between & set(BY_HAND.findall(PAGE))
    return rows


@pytest.mark.thorough
def test_each_step_to_another_stage_is_an_arrow():
    """In the world where the agent's effects are carried out as well as decided."""
    found = set(diagrams.arrows(points.running()))
    for here in world.explore():
        for after in world.agent(here, RULES):
            if after.stage is not here.stage:
                assert (here.stage, after.stage) in found
