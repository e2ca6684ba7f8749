"""When Detour itself goes back, and what it says of it; every limit comes in as data."""

import dataclasses

import pytest

from detour_crds.attachment_switch import (
    Handover,
    Merge,
    Merged,
    Order,
    OverlayFile,
    Position,
    Pressure,
)
from detour_crds.conditions import Status, SwitchCondition, find
from detour_operator.compute_side import actions, limits
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.observation import Nothing
from detour_operator.settings import Limits
from unit.operator.compute_switches import seen

THEN, SOON, LATE = (f"2026-01-01T00:{minutes}:00Z" for minutes in ("00", "01", "20"))
LOCKED = {"order_time": THEN}
OVERLAY = {"order": Order.OVERLAY, "order_time": THEN}
MIRRORED = {"order": Order.MIRRORED, "order_time": THEN}
FULL = {"overlay": OverlayFile(name="o", bytes=9, pressure=Pressure.REACHED)}
NEAR = {"overlay": OverlayFile(name="o", bytes=9, pressure=Pressure.NEAR)}
FROZEN = {"position": Position.FROZEN}
WANTED = {"wanted": Position.DESTINATION, "position": Position.FROZEN}
GONE_ON = Merge(bytes_done=60, bytes_total=100)
AT_40 = Merged(left_bytes=40, time=THEN)
AT_50 = Merged(left_bytes=50, time=THEN)

REASONS = {
    "the overlay is full": (
        seen(compute=OVERLAY, node={"reached": Order.OVERLAY, **FULL}, **FROZEN),
        "OverlayLimitReached",
    ),
    "full before the freeze was seen": (
        seen(compute=OVERLAY, node=FULL),
        "OverlayLimitReached",
    ),
    "full while it is merged": (
        seen(compute=MIRRORED, node={"reached": Order.OVERLAY, **FULL}, **WANTED),
        "OverlayLimitReached",
    ),
    "near is not full": (
        seen(compute=OVERLAY, node={"reached": Order.OVERLAY, **NEAR}, **FROZEN),
        None,
    ),
    "past the point of no return": (
        seen(compute={"order": Order.DESTINATION, "handover": Handover.INSTANCE}, node=FULL),
        None,
    ),
    "preparing": (seen(compute=LOCKED, now=SOON), None),
    "preparing for too long": (seen(compute=LOCKED, now=LATE), "PreparingTimedOut"),
    "preparing without a lock": (seen(compute={**LOCKED, "locked": False}, now=LATE), None),
    "offline has no such limit": (seen(compute={**LOCKED, "offline": True}, now=LATE), None),
    "freezing": (seen(compute=OVERLAY, node={}, now=SOON), None),
    "freezing for too long": (seen(compute=OVERLAY, node={}, now=LATE), "FreezingTimedOut"),
    "the agent never answers": (seen(compute=OVERLAY, now=LATE), "FreezingTimedOut"),
    "frozen, just now": (
        seen(compute=OVERLAY, node={"reached": Order.OVERLAY}, now=LATE),
        None,
    ),
    "holding has no limit": (seen(compute=OVERLAY, node={}, now=LATE, **FROZEN), None),
    "times that are not known": (seen(compute={"order": Order.OVERLAY}, now=LATE), None),
    "merging": (seen(compute=MIRRORED, node={}, now=SOON, **WANTED), None),
    "a merge that never begins": (
        seen(compute=MIRRORED, node={}, now=LATE, **WANTED),
        "MergingTimedOut",
    ),
    "a merge that got on since": (
        seen(compute={**MIRRORED, "merged": AT_50}, node={"merge": GONE_ON}, now=LATE, **WANTED),
        None,
    ),
    "a merge that does not get on": (
        seen(compute={**MIRRORED, "merged": AT_40}, node={"merge": GONE_ON}, now=LATE, **WANTED),
        "MergingTimedOut",
    ),
    "an instance that is not handed over": (
        seen(
            compute={**MIRRORED, "merged": Merged(left_bytes=0, time=THEN)},
            node={"reached": Order.MIRRORED, "merge": Merge(bytes_done=100, bytes_total=100)},
            now=LATE,
            **WANTED,
        ),
        "HandoverTimedOut",
    ),
    "handed over for too long, and the end of the merge was not noted": (
        seen(
            compute={**MIRRORED, "merged": AT_50},
            node={"reached": Order.MIRRORED, "merge": Merge(bytes_done=100, bytes_total=100)},
            now=LATE,
            **WANTED,
        ),
        "HandoverTimedOut",
    ),
}


@pytest.mark.parametrize(("here", "reason"), REASONS.values(), ids=REASONS)
def test_when_detour_goes_back_by_itself(here, reason):
    decided = decide(here)
    compute = decided.status.compute
    assert compute.cancel_reason == reason
    assert (compute.handover is Handover.NOT_NEEDED) == (reason is not None)
    if reason:
        # Only recorded here: what follows from it waits for a pass that has seen the record.
        assert compute.order is here.switch.order
        assert decided.actions == ()
        assert find(decided.status.conditions, SwitchCondition.READY).message


@pytest.mark.parametrize("reason", limits.MESSAGES)
def test_the_way_back_and_its_end(reason):
    back = {"handover": Handover.NOT_NEEDED, "cancel_reason": reason}
    here = seen(compute={**OVERLAY, **back}, node={"reached": Order.OVERLAY}, **FROZEN)
    assert decide(here).actions == (actions.CloseFence(),)
    closed = {"fence": None}
    here = dataclasses.replace(
        here, instance=dataclasses.replace(here.instance, **closed), now=SOON
    )
    ordered = decide(here).status.compute
    assert (ordered.order, ordered.order_time) == (Order.SOURCE, SOON)
    assert (ordered.cancel_reason, ordered.handover) == (reason, Handover.NOT_NEEDED)
    ended = decide(
        seen(
            compute={**back, "order": Order.SOURCE, "locked": False},
            node={"reached": Order.SOURCE},
            position=Position.SOURCE,
        )
    )
    ready = find(ended.status.conditions, SwitchCondition.READY)
    assert (ready.status, ready.reason) == (Status.FALSE, reason)
    assert ready.message == limits.MESSAGES[reason]


def test_what_was_prepared_in_vain_is_put_back_and_the_reason_kept():
    here = seen(compute=LOCKED, node={}, now=LATE)
    compute = decide(here).status.compute
    assert (compute.cancel_reason, compute.locked) == ("PreparingTimedOut", True)
    turned = {"order_time": THEN, "handover": Handover.NOT_NEEDED}
    turned["cancel_reason"] = "PreparingTimedOut"
    changes = {"instance": {"fence": None}, "holder": Nothing.ABSENT, "budget": Nothing.ABSENT}
    turned["lock_proven"] = False
    here = seen(compute=turned, node={}, now=LATE, **changes)
    assert decide(here).status.compute.locked is False
    unlocked = {**turned, "locked": False, "strategy_before": None}
    status = decide(seen(compute=unlocked, node={}, now=LATE, **changes)).status
    assert status.position is Position.SOURCE
    ready = find(status.conditions, SwitchCondition.READY)
    assert ready.reason == "PreparingTimedOut"


def test_a_cancel_by_the_caller_stays_one():
    here = seen(
        compute={"order": Order.SOURCE, "handover": Handover.PENDING}, node=FULL,
        wanted=Position.SOURCE, now=LATE,
    )  # fmt: skip
    assert decide(here).status.compute.cancel_reason is None


def test_a_merge_that_gets_on_is_noted():
    here = seen(compute=MIRRORED, node={"merge": GONE_ON}, now=SOON, **WANTED)
    assert decide(here).status.compute.merged == Merged(left_bytes=40, time=SOON)


def test_a_merge_that_gets_on_is_not_noted_all_the_time():
    noted = Merged(left_bytes=50, time="2026-01-01T00:00:45Z")
    here = seen(compute={**MIRRORED, "merged": noted}, node={"merge": GONE_ON}, now=SOON, **WANTED)
    assert decide(here).status.compute.merged == noted


def test_the_limits_are_settings():
    here = seen(compute=OVERLAY, node={}, now=SOON, limits=Limits(freezing=59))
    assert decide(here).status.compute.cancel_reason == "FreezingTimedOut"


@pytest.mark.parametrize(
    ("pressure", "reason"),
    [
        (None, "Frozen"),
        (Pressure.NEAR, "OverlayNearLimit"),
        (Pressure.THROTTLED, "OverlayThrottled"),
    ],
)
def test_people_hear_of_an_overlay_near_its_limit(pressure, reason):
    overlay = OverlayFile(name="o", pressure=pressure)
    here = seen(compute=OVERLAY, node={"reached": Order.OVERLAY, "overlay": overlay}, **FROZEN)
    frozen = find(decide(here).status.conditions, SwitchCondition.SOURCE_FROZEN)
    assert (frozen.status, frozen.reason) == (Status.TRUE, reason)
