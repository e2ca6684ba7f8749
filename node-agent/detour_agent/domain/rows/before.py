"""What is asked before anything else (U1), and a guest that is gone with nothing left to do."""

from detour_agent.domain.conditions import gone, unsure
from detour_agent.domain.step import (
    Action,
    Rule,
    does,
    either,
    overlay_is_there,
)
from detour_crds.attachment_switch import Order, Qemu, Stage, Top

RULES = (
    Rule(
        "U1",
        lambda w, s: (
            s.qemu is Qemu.UNKNOWN
            or (s.qemu is Qemu.RUNNING and s.top is Top.UNKNOWN)
            or unsure(w, s)
        ),
        does("U1", Action.WAIT),
    ),
    Rule(
        "D9",
        lambda w, s: gone(s, Stage.DONE) and w.reported is not Order.DESTINATION,
        does("D9", Action.REPORT),
    ),
    Rule(
        "D9",
        lambda w, s: gone(s, Stage.DONE) and w.reported is Order.DESTINATION,
        either("D9", overlay_is_there, Action.REMOVE_OVERLAY, Action.REST),
    ),
    Rule(
        "D3",
        lambda w, s: gone(s, Stage.CANCELLED) and w.reported is not Order.SOURCE,
        does("D3", Action.REPORT),
    ),
    Rule(
        "D3",
        lambda w, s: gone(s, Stage.CANCELLED) and w.reported is Order.SOURCE,
        either("D3", overlay_is_there, Action.REMOVE_OVERLAY, Action.REST),
    ),
)
