"""The recovery table: exactly one row for each situation, and each row as it is written down."""

import itertools

import pytest

from detour_agent.domain.decisions import RULES, decide
from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Target, Wanted
from detour_agent.domain.step import Action, Step
from detour_crds.attachment_switch import Order, Qemu, Stage, Top
from unit.agent import situations

S, OV, D = Top.SOURCE, Top.OVERLAY, Top.DESTINATION
SRC, DST = PathImage.SOURCE, PathImage.DESTINATION


@pytest.mark.parametrize(
    "every",
    [
        situations.running,
        situations.with_flags,
        situations.not_running,
        situations.stopped,
        situations.missing_journals,
    ],
)
@pytest.mark.thorough
def test_exactly_one_row_matches(every):
    for wanted, seen in every():
        rows = [rule.row for rule in RULES if rule.matches(wanted, seen)]
        assert len(rows) == 1, (wanted, seen, rows)


def test_the_law_names_no_row_that_is_missing():
    rows = {rule.row for rule in RULES}
    agent_rows = {f"L{number}" for number in range(21)} | {f"C{number}" for number in range(1, 12)}
    stopped = {f"D{number}" for number in (2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14)}
    assert rows >= agent_rows | stopped | {"J1", "X1", "X2", "X3", "U1", "U4", "U5"}


def seen(top, stage, **facts):
    return Seen(top=top, stage=stage, **facts)


def journal(row, stage):
    return Step(row, Action.JOURNAL, stage=stage)


GOOD = {"target": Target.GOOD}
FAILED = {"target": Target.FAILED}
BASE = {"base": Target.GOOD}
READY = {"job": Job.MIRROR_READY}
COMMIT_READY = {"job": Job.COMMIT_READY, "base_is_source": True}

ROWS = [
    ("L0", S, Stage.NONE, Order.NONE, {}, Step("L0", Action.INSPECT)),
    ("L1", S, Stage.NONE, Order.OVERLAY, {}, Step("L1", Action.BEGIN)),
    ("L2", S, Stage.START, Order.OVERLAY, {}, Step("L2", Action.START)),
    (
        "L2 no tries left",
        S,
        Stage.START,
        Order.OVERLAY,
        {"tries_left": False},
        Step("L2", Action.STOP, reason="StartFailed"),
    ),
    ("L3", S, Stage.NONE, Order.SOURCE, {}, Step("L3", Action.REPORT)),
    ("L4", S, Stage.START, Order.SOURCE, {}, Step("L4", Action.DISCARD)),
    ("L5", OV, Stage.START, Order.OVERLAY, {}, journal("L5", Stage.OVERLAY)),
    (
        "L5 source still writable",
        OV,
        Stage.START,
        Order.OVERLAY,
        {"source_writable": True},
        Step("L5", Action.WAIT),
    ),
    ("L6", OV, Stage.OVERLAY, Order.OVERLAY, {}, Step("L6", Action.REPORT)),
    ("L7", OV, Stage.OVERLAY, Order.MIRRORED, {}, journal("L7", Stage.MIRROR)),
    ("L7 later", OV, Stage.OVERLAY, Order.DESTINATION, {}, journal("L7", Stage.MIRROR)),
    ("L8", OV, Stage.MIRROR, Order.MIRRORED, {"path": SRC} | GOOD, Step("L8", Action.OVER_MOUNT)),
    ("L9", OV, Stage.MIRROR, Order.MIRRORED, {"path": DST} | GOOD, Step("L9", Action.COPY)),
    ("L10", OV, Stage.MIRROR, Order.MIRRORED, {"path": DST} | FAILED, Step("L10", Action.REST)),
    (
        "L11",
        OV,
        Stage.MIRROR,
        Order.DESTINATION,
        {"path": DST} | FAILED,
        journal("L11", Stage.REFUSED),
    ),
    ("L12", OV, Stage.MIRROR, Order.MIRRORED, {"job": Job.MIRROR}, Step("L12", Action.WAIT)),
    ("L13", OV, Stage.MIRROR, Order.MIRRORED, READY, Step("L13", Action.WAIT)),
    ("L14", OV, Stage.MIRROR, Order.DESTINATION, READY, journal("L14", Stage.PIVOT)),
    ("L15", OV, Stage.PIVOT, Order.DESTINATION, READY, Step("L15", Action.PIVOT)),
    (
        "L15 ending",
        OV,
        Stage.PIVOT,
        Order.DESTINATION,
        {"job": Job.ENDING},
        Step("L15", Action.WAIT),
    ),
    ("L16 no job", OV, Stage.PIVOT, Order.DESTINATION, {}, journal("L16", Stage.MIRROR)),
    (
        "L16 not ready",
        OV,
        Stage.PIVOT,
        Order.DESTINATION,
        {"job": Job.MIRROR},
        journal("L16", Stage.MIRROR),
    ),
    (
        "L16 lost",
        OV,
        Stage.PIVOT,
        Order.DESTINATION,
        {"job": Job.LOST},
        journal("L16", Stage.MIRROR),
    ),
    ("L17", OV, Stage.REFUSED, Order.DESTINATION, {}, Step("L17", Action.REST)),
    ("L18", D, Stage.PIVOT, Order.DESTINATION, {}, journal("L18", Stage.DONE)),
    ("L19", D, Stage.DONE, Order.DESTINATION, {"source_open": False}, Step("L19", Action.REPORT)),
    ("L19 source open", D, Stage.DONE, Order.DESTINATION, {}, Step("L19", Action.RELEASE)),
    ("L21", OV, Stage.MIRROR, Order.MIRRORED, {"job": Job.LOST}, Step("L21", Action.ABORT)),
    ("C1 start", OV, Stage.START, Order.SOURCE, {}, journal("C1", Stage.CANCEL)),
    ("C1 overlay", OV, Stage.OVERLAY, Order.SOURCE, {}, journal("C1", Stage.CANCEL)),
    ("C1 mirror", OV, Stage.MIRROR, Order.SOURCE, READY, journal("C1", Stage.CANCEL)),
    ("C1 refused", OV, Stage.REFUSED, Order.SOURCE, {}, journal("C1", Stage.CANCEL)),
    ("C2", OV, Stage.CANCEL, Order.SOURCE, READY, Step("C2", Action.ABORT)),
    ("C2 lost", OV, Stage.CANCEL, Order.SOURCE, {"job": Job.LOST}, Step("C2", Action.ABORT)),
    ("C3", OV, Stage.CANCEL, Order.SOURCE, {"path": DST}, Step("C3", Action.UNMOUNT)),
    ("C4", OV, Stage.CANCEL, Order.SOURCE, {"path": SRC}, Step("C4", Action.COMMIT)),
    (
        "C4 libvirt lost sight",
        OV,
        Stage.CANCEL,
        Order.SOURCE,
        {"libvirt": Libvirt.STALE},
        Step("C4", Action.HEAL),
    ),
    ("C5", OV, Stage.CANCEL, Order.SOURCE, {"job": Job.COMMIT}, Step("C5", Action.WAIT)),
    ("C6", OV, Stage.CANCEL, Order.SOURCE, COMMIT_READY, journal("C6", Stage.COMMITPIVOT)),
    (
        "C6 wrong base",
        OV,
        Stage.CANCEL,
        Order.SOURCE,
        {"job": Job.COMMIT_READY},
        Step("C6", Action.ABORT),
    ),
    ("C7", OV, Stage.COMMITPIVOT, Order.SOURCE, COMMIT_READY, Step("C7", Action.COMMIT_PIVOT)),
    ("C8", OV, Stage.COMMITPIVOT, Order.SOURCE, {}, journal("C8", Stage.CANCEL)),
    ("C9 cancel", S, Stage.CANCEL, Order.SOURCE, {}, journal("C9", Stage.CANCELLED)),
    ("C9 commitpivot", S, Stage.COMMITPIVOT, Order.SOURCE, {}, journal("C9", Stage.CANCELLED)),
    ("C10", S, Stage.CANCELLED, Order.SOURCE, {}, Step("C10", Action.REPORT)),
    ("H1", OV, Stage.START, Order.OVERLAY, {"libvirt": Libvirt.STALE}, Step("H1", Action.HEAL)),
    (
        "H5",
        S,
        Stage.COMMITPIVOT,
        Order.OVERLAY,
        {"healing": True},
        Step("H5", Action.RESTART),
    ),
]


@pytest.mark.parametrize(
    ("top", "stage", "order", "facts", "step"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_row(top, stage, order, facts, step):
    assert decide(Wanted(order=order), seen(top, stage, **facts)) == step


@pytest.mark.parametrize(
    ("stage", "top", "order", "row"),
    [
        (Stage.DONE, D, Order.DESTINATION, "L20"),
        (Stage.CANCELLED, S, Order.SOURCE, "C11"),
    ],
)
@pytest.mark.parametrize(
    ("there", "action"), [(True, Action.REMOVE_OVERLAY), (False, Action.REST)]
)
def test_the_overlay_goes_only_after_the_report(stage, top, order, row, there, action):
    facts = seen(top, stage, overlay_present=there, source_open=False)
    assert decide(Wanted(order=order, reported=order), facts) == Step(row, action)
    assert decide(Wanted(order=order), facts).action is Action.REPORT


@pytest.mark.parametrize(
    ("top", "facts", "order", "stage"),
    [
        (D, {}, Order.DESTINATION, Stage.DONE),
        (OV, {"job": Job.COMMIT}, Order.SOURCE, Stage.CANCEL),
        (OV, {"job": Job.MIRROR}, Order.MIRRORED, Stage.MIRROR),
        (OV, {"job": Job.LOST}, Order.MIRRORED, Stage.MIRROR),
        (OV, {"path": DST}, Order.MIRRORED, Stage.MIRROR),
        (OV, {}, Order.OVERLAY, Stage.OVERLAY),
        (S, {}, Order.SOURCE, Stage.CANCELLED),
    ],
)
def test_a_missing_journal_is_rebuilt_from_the_chain(top, facts, order, stage):
    step = decide(Wanted(order=order, ever_reported=True), seen(top, Stage.MISSING, **facts))
    assert step == Step("J1", Action.REBUILD, stage=stage)


def test_a_missing_journal_on_the_source_after_a_report_stops():
    step = decide(Wanted(order=Order.OVERLAY, ever_reported=True), seen(S, Stage.MISSING))
    assert step == Step("X1", Action.STOP, reason="ChainAgainstRecord")


@pytest.mark.parametrize(
    "stage", [Stage.OVERLAY, Stage.MIRROR, Stage.REFUSED, Stage.PIVOT, Stage.DONE]
)
@pytest.mark.parametrize("order", Order)
def test_source_against_the_record_stops(stage, order):
    assert decide(Wanted(order=order), seen(S, stage)).row == "X1"


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.PIVOT, Stage.DONE, Stage.MISSING}))
@pytest.mark.parametrize("order", Order)
def test_destination_against_the_record_stops(stage, order):
    assert decide(Wanted(order=order), seen(D, stage)).row == "X2"


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.NONE, Stage.MISSING}))
def test_a_foreign_chain_is_not_touched(stage):
    step = decide(Wanted(order=Order.OVERLAY), seen(Top.FOREIGN, stage))
    assert step == Step("X3", Action.STOP, reason="ForeignChain")


def test_before_any_order_a_strange_chain_is_only_inspected():
    assert decide(Wanted(order=Order.NONE), seen(Top.FOREIGN, Stage.NONE)).row == "L0"


UNKNOWN = [
    {"top": Top.UNKNOWN},
    {"qemu": Qemu.UNKNOWN},
]


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("order", Order)
def test_nothing_follows_from_not_knowing(unknown, stage, order):
    facts = Seen(**({"top": S, "stage": stage} | unknown))
    assert decide(Wanted(order=order), facts) == Step("U1", Action.WAIT)


@pytest.mark.thorough
def test_a_commit_never_starts_unless_the_source_is_at_its_path():
    commits = (Action.COMMIT, Action.HEAL)
    for path, job, libvirt, order, stage in itertools.product(
        PathImage, Job, Libvirt, Order, Stage
    ):
        facts = seen(OV, stage, path=path, job=job, libvirt=libvirt, target=Target.GOOD)
        if decide(Wanted(order=order), facts).action in commits:
            assert path is SRC
            assert job is Job.NONE


@pytest.mark.thorough
def test_a_commit_never_pivots_onto_anything_but_the_source():
    pivots = (Action.COMMIT_PIVOT, Action.HEAL_COMPLETE)
    for wanted, facts in situations.running():
        assert decide(wanted, facts).action not in pivots or facts.base_is_source


FIRST = {"equal": None}
EQUAL, OTHER = {"equal": True}, {"equal": False}
DEST = Order.DESTINATION
STOPPED = [
    ("U4 no order yet", Stage.OVERLAY, Order.OVERLAY, GOOD, Step("U4", Action.REST)),
    ("U4 no finisher yet", Stage.MIRROR, DEST, {}, Step("U4", Action.REST)),
    ("D3 none", Stage.NONE, Order.SOURCE, {}, Step("D3", Action.REPORT)),
    ("D4 first", Stage.PIVOT, DEST, GOOD | FIRST, Step("D4", Action.COMPARE)),
    ("D4", Stage.PIVOT, DEST, GOOD | EQUAL, journal("D4", Stage.DONE)),
    ("D5", Stage.PIVOT, DEST, GOOD | OTHER, Step("D5", Action.STOP, reason="AmbiguousPivot")),
    ("D5 unreadable", Stage.PIVOT, DEST, FAILED, Step("D5", Action.STOP, reason="AmbiguousPivot")),
    ("D6", Stage.COMMITPIVOT, Order.SOURCE, BASE | EQUAL, journal("D6", Stage.CANCELLED)),
    (
        "D7",
        Stage.COMMITPIVOT,
        Order.SOURCE,
        BASE | OTHER,
        Step("D7", Action.STOP, reason="AmbiguousCommit"),
    ),
    (
        "D10",
        Stage.OFFLINE_FINISH,
        DEST,
        FAILED,
        Step("D10", Action.STOP, reason="DestinationFailed"),
    ),
    ("D11 first", Stage.OFFLINE_FINISH, DEST, GOOD | FIRST, Step("D11", Action.COMPARE)),
    ("D11", Stage.OFFLINE_FINISH, DEST, GOOD | OTHER, Step("D11", Action.MERGE)),
    ("D11 merged", Stage.OFFLINE_FINISH, DEST, GOOD | EQUAL, journal("D11", Stage.DONE)),
    ("D12", Stage.OFFLINE_COMMIT, Order.SOURCE, BASE | OTHER, Step("D12", Action.MERGE)),
    ("D12 a commit cut off", Stage.CANCEL, Order.SOURCE, BASE | OTHER, Step("D12", Action.MERGE)),
    ("D12 merged", Stage.CANCEL, Order.SOURCE, BASE | EQUAL, journal("D12", Stage.CANCELLED)),
    (
        "D12 no source",
        Stage.CANCEL,
        Order.SOURCE,
        {"base": Target.FAILED},
        Step("D12", Action.STOP, reason="SourceFailed"),
    ),
    (
        "D13 never diverted",
        Stage.START,
        Order.SOURCE,
        {"overlay_handed": False, "overlay_present": False},
        journal("D13", Stage.CANCELLED),
    ),
    *(
        (f"D13 {stage}", stage, Order.SOURCE, BASE, journal("D13", Stage.OFFLINE_COMMIT))
        for stage in (Stage.START, Stage.OVERLAY, Stage.MIRROR, Stage.REFUSED)
    ),
    ("D14", Stage.OVERLAY, DEST, GOOD, journal("D14", Stage.OFFLINE_FINISH)),
    ("D14 mirror", Stage.MIRROR, DEST, GOOD, journal("D14", Stage.OFFLINE_FINISH)),
    ("D14 failed", Stage.MIRROR, DEST, FAILED, journal("D14", Stage.REFUSED)),
    ("U4 refused", Stage.REFUSED, DEST, GOOD, Step("U4", Action.REST)),
]


@pytest.mark.parametrize(
    ("stage", "order", "facts", "step"),
    [row[1:] for row in STOPPED],
    ids=[row[0] for row in STOPPED],
)
def test_row_of_a_guest_that_is_gone(stage, order, facts, step):
    wanted = Wanted(order=order, ever_reported=True)
    assert decide(wanted, seen(Top.UNKNOWN, stage, qemu=Qemu.GONE, **facts)) == step


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("ever", [True, False])
def test_d2_a_journal_that_may_have_been_there_is_missing(there, ever):
    facts = seen(Top.UNKNOWN, Stage.MISSING, qemu=Qemu.GONE, overlay_present=there)
    step = decide(Wanted(order=Order.SOURCE, ever_reported=ever), facts)
    never = Step("D3", Action.REPORT)
    missing = Step("D2", Action.STOP, reason="JournalMissing")
    assert step == (missing if there or ever else never)


@pytest.mark.parametrize("handed", [True, False])
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("stage", Stage)
def test_u5_without_its_overlay_nothing_is_merged(stage, order, handed):
    facts = Seen(
        qemu=Qemu.GONE,
        top=Top.UNKNOWN,
        stage=stage,
        overlay_present=False,
        overlay_handed=handed,
        target=Target.GOOD,
        base=Target.GOOD,
        equal=False,
    )
    step = decide(Wanted(order=order), facts)
    ended = (Stage.NONE, Stage.MISSING, Stage.DONE, Stage.CANCELLED)
    never_had = stage is Stage.START and not handed
    missing = step == Step("U5", Action.STOP, reason="OverlayMissing")
    assert missing == (stage not in ended and not never_had)
    assert step.action is not Action.MERGE
