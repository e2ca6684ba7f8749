"""Every reason that a user can meet is explained."""

import ast
import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[3]
PAGES = ("when-things-go-wrong.md", "copy-methods.md")
PAGE = "".join((ROOT / "docs" / name).read_text() for name in PAGES)
PROGRAMS = ("operator/detour_operator", "node-agent/detour_agent", "copier/detour_copier")
FILES = sorted(path for program in PROGRAMS for path in (ROOT / program).rglob("*.py"))

SEVERAL_WORDS = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+|[A-Z]+\b)+")
"""A reason, wherever it is written."""
ANY = re.compile(r"[A-Z][A-Za-z]+")
GIVEN = {"InvariantBroken", "Refusal", "Rejected", "stall"}
"""What takes a reason first, of one word too, and has a person act."""
TRIED_AGAIN = {
    *("LastError", "NotSoError", "NotYet", "StepFailed", "Unreachable"),
    *("_abort", "_do", "expect", "verify"),
}
"""What takes a reason of the node agent's that is in ``status.node.lastError`` until the step has
been repeated: the page has one paragraph for all of them."""
TRIED_AGAIN_BY_NAME = {
    *("JournalUnreachable", "MountFailed"),
    *("OverlayPlaceUnreachable", "OverlayPlaceUnreadable"),
}
"""Such reasons that are no argument where they are written."""
PROGRESS = {
    "Preparing",
    *("CleaningUp", "ClosingFence", "HandingOver", "OpeningFence"),
    *("NotChecked", "NotFrozen", "NotLocked", "NotPermitted", "NotProven", "NotReleased"),
    *("NotBegun", "NotReported", "NotRequested", "NotStalled", "NotYetKnown"),
    *("InstanceHandedOver", "InstanceHandoverFinished", "MachineHandedOver", "SourceReleased"),
}
"""Told while nothing is wrong."""
OTHER_WORDS = {
    *("AttachmentSwitch", "VolumeMigration", "VolumeMigrationPlan"),
    *("DataVolume", "DeleteOptions", "PersistentVolumeClaim", "PodDisruptionBudget"),
    *("SelfSubjectAccessReview", "VirtualMachineInstance", "VirtualMachineInstanceMigration"),
    *("DoesNotExist", "FailJob", "IfNotPresent", "RerunOnFailure"),
    *("NoSchedule", "NotIn", "OnRootMismatch"),
    *("PodScheduled", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", "RuntimeDefault"),
    *("AlreadyExists", "BearerToken", "VolumesChange"),
    *("RerunOnFailure", "WaitAsReceiver"),
    *("BlockDomain", "LeftHolders", "NotWritten", "OverlayImage"),
}
"""No reasons of Detour's: kinds and values of the API, and names in the code."""


@functools.cache
def written(path):
    """The reasons in a file: of stops, of whatever it is, and of steps that are repeated."""
    stops, found, repeated = set(), set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and matches(SEVERAL_WORDS, node):
            found.add(node.value)
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [item for item in node.args if matches(ANY, item)]
        if name in GIVEN and given and given[0] is node.args[0]:
            stops.add(given[0].value)
        if name in TRIED_AGAIN and "node-agent" in path.parts:
            repeated |= {item.value for item in given}
    return stops, found, repeated


def matches(pattern, node):
    value = getattr(node, "value", None)
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def name_of(path):
    return str(path.relative_to(ROOT))


def of_all(kind):
    return set().union(*(written(path)[kind] for path in FILES))


@pytest.mark.parametrize("path", [path for path in FILES if any(written(path))], ids=name_of)
def test_each_reason_has_its_line(path):
    stops, found, _ = written(path)
    told = stops - PROGRESS | found - PROGRESS - OTHER_WORDS - TRIED_AGAIN_BY_NAME - of_all(2)
    assert {reason for reason in told if f"`{reason}`" not in PAGE} == set()


def test_what_is_left_out_is_written_somewhere():
    left_out = PROGRESS | OTHER_WORDS | TRIED_AGAIN_BY_NAME
    assert left_out - of_all(0) - of_all(1) == set()
