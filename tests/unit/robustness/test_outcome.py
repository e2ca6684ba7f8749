"""How an end is read, what a stop asks for, and which ends are no good."""

import pytest

from cluster import paths
from robustness import outcome, stages
from robustness.faults import FAULTS
from robustness.outcome import End, Outcome, complaints
from robustness.plan import Stage
from robustness.record import Record, summary
from robustness.systematic import BY_STORAGE, RUNS


def status(phase="Copying", **conditions):
    listed = [
        {"type": kind, "status": value, "reason": reason}
        for kind, (value, reason) in conditions.items()
    ]
    return {"status": {"phase": phase, "conditions": listed}}


@pytest.mark.parametrize(
    ("succeeded", "end"),
    [
        (("True", "Moved"), End.COMPLETED),
        (("False", "Cancelled"), End.CANCELLED),
        (("False", "SwitchDeleted"), End.CANCELLED),
        (("False", "CopyFailed"), End.FAILED),
    ],
)
def test_ends(succeeded, end):
    known = stages.conditions(status(Succeeded=succeeded, Stalled=("True", "CopyFailed")))
    assert outcome.end_of(known).end is end
    assert outcome.stop_of(known) == "", "it has ended: nobody is waited for"


def test_one_under_way_may_wait_for_a_person():
    known = stages.conditions(
        status(Succeeded=("Unknown", "Merging"), Stalled=("True", "AmbiguousPivot"))
    )
    assert outcome.end_of(known) is None
    assert outcome.stop_of(known) == "AmbiguousPivot"


def test_each_stop_that_is_answered_or_waited_for_is_explained():
    for reason in [*outcome.STEPS, *outcome.PASSING, *outcome.BY_USER]:
        assert outcome.is_documented(reason), reason
    assert not outcome.is_documented("NoSuchReason")


@pytest.mark.parametrize(
    ("end", "cancelled", "fails", "bad"),
    [
        (Outcome(end=End.COMPLETED), False, False, False),
        (Outcome(end=End.COMPLETED), True, True, False),
        (Outcome(end=End.CANCELLED, reason="Cancelled"), False, False, True),
        (Outcome(end=End.CANCELLED, reason="Cancelled"), True, False, False),
        (Outcome(end=End.GONE), False, False, True),
        (Outcome(end=End.FAILED, reason="CopyFailed"), False, False, True),
        (Outcome(end=End.FAILED, reason="CopyFailed"), False, True, False),
        (Outcome(end=End.FAILED, reason="NoSuchReason"), False, True, True),
    ],
)
def test_ends_that_are_no_good(end, cancelled, fails, bad):
    assert bool(complaints(end, may_be_cancelled=cancelled, may_fail=fails)) is bad


def test_stages_are_seen_by_what_a_user_sees():
    assert stages.reached({}) == set()
    assert stages.reached(status("Preparing")) == {Stage.APPLIED}
    merging = status("Merging", Locked=("True", "L"), Copied=("True", "C"))
    assert stages.reached(merging) == {
        Stage.APPLIED, Stage.LOCKED, Stage.COPYING, Stage.COPIED, Stage.MERGING,
    }  # fmt: skip


def test_a_run_that_has_not_ended_is_no_good():
    record = Record(name="7", move="live", faults=("a|b",), outcome="", problems=(), seconds=3)
    assert not record.good
    assert "0 of 1 runs were good" in summary([record])
    assert record.row() == "| 7 | live | a/b |  | it did not end | 3 s |"


def test_the_page_names_every_fault_and_every_systematic_run():
    page = (paths.REPOSITORY / "docs" / "robustness.md").read_text()
    assert [name for name in FAULTS if f"`{name}`" not in page] == []
    assert [name for name in (*RUNS, *BY_STORAGE) if name not in page] == []
