"""A missing journal (J1), and chains that contradict the record (X1 to X4)."""

from detour_agent.domain.conditions import (
    COMMITTING,
    MIRRORING,
    OFFLINE,
    cancel,
    foreign,
    on,
    sure,
)
from detour_agent.domain.situation import Job, PathImage, Seen, Wanted
from detour_agent.domain.step import Action, Rule, Step, stops
from detour_crds.attachment_switch import Order, Stage, Top

AGAINST_RECORD = "ChainAgainstRecord"
FOREIGN_CHAIN = "ForeignChain"


def _against_record_on_source(wanted: Wanted, seen: Seen) -> bool:
    if not sure(wanted, seen) or seen.top is not Top.SOURCE:
        return False
    if seen.stage is Stage.MISSING:
        return wanted.ever_reported and not cancel(wanted)
    if seen.stage is Stage.NONE:
        return wanted.order in (Order.MIRRORED, Order.DESTINATION)
    if seen.stage is Stage.START:
        return wanted.order not in (Order.OVERLAY, Order.SOURCE)
    ahead = (Stage.OVERLAY, Stage.MIRROR, Stage.REFUSED, Stage.PIVOT, Stage.DONE)
    return seen.stage in ahead or seen.stage in OFFLINE


def _rebuilds(wanted: Wanted, seen: Seen) -> bool:
    missing = sure(wanted, seen) and seen.stage is Stage.MISSING
    return missing and not _against_record_on_source(wanted, seen)


def _rebuilt_stage(wanted: Wanted, seen: Seen) -> Stage:
    """A promise never to pivot was given on the overlay, and is kept."""
    if seen.top is Top.DESTINATION:
        return Stage.DONE
    if seen.top is Top.SOURCE:
        return Stage.CANCELLED if cancel(wanted) else Stage.NONE
    if seen.job in COMMITTING:
        return Stage.CANCEL
    if wanted.refused:
        return Stage.REFUSED
    # A lost job is aborted in stage mirror, and on the way back as well.
    mirrored = seen.job in (*MIRRORING, Job.LOST) or seen.path is PathImage.DESTINATION
    return Stage.MIRROR if mirrored else Stage.OVERLAY


RULES = (
    Rule(
        "J1",
        _rebuilds,
        lambda w, s: Step("J1", Action.REBUILD, stage=_rebuilt_stage(w, s)),
    ),
    Rule("X1", _against_record_on_source, stops("X1", AGAINST_RECORD)),
    Rule(
        "X2",
        lambda w, s: (
            sure(w, s)
            and s.top is Top.DESTINATION
            and s.stage not in (Stage.PIVOT, Stage.DONE, Stage.MISSING)
        ),
        stops("X2", AGAINST_RECORD),
    ),
    Rule("X3", foreign, stops("X3", FOREIGN_CHAIN)),
    Rule(
        "X4",
        on(Top.OVERLAY, Stage.NONE, Stage.DONE, Stage.CANCELLED, *OFFLINE),
        stops("X4", AGAINST_RECORD),
    ),
)
