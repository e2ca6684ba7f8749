"""A start that libvirt lost sight of is undone, with the intents of a cancel (H1 to H5)."""

from detour_agent.domain.conditions import ON_COMMITPIVOT, ON_START, SOURCE_BACK, heals, lost_start
from detour_agent.domain.situation import Job
from detour_agent.domain.step import Action, Rule, does, journals
from detour_crds.attachment_switch import Stage

RULES = (
    Rule(
        "H1",
        lambda w, s: ON_START(w, s) and lost_start(w, s) and s.job is Job.NONE,
        does("H1", Action.HEAL),
    ),
    Rule(
        "H2",
        lambda w, s: (
            ON_START(w, s) and lost_start(w, s) and s.job in (Job.COMMIT, Job.ENDING, Job.UNKNOWN)
        ),
        does("H2", Action.WAIT),
    ),
    Rule(
        "H3",
        lambda w, s: ON_START(w, s) and lost_start(w, s) and s.job is Job.COMMIT_READY,
        journals("H3", Stage.COMMITPIVOT),
    ),
    Rule(
        "H4",
        lambda w, s: (
            ON_COMMITPIVOT(w, s)
            and heals(w, s)
            and s.job is not Job.ENDING
            and not (s.job is Job.COMMIT_READY and s.base_is_source)
        ),
        journals("H4", Stage.START),
    ),
    Rule(
        "H5",
        lambda w, s: SOURCE_BACK(w, s) and heals(w, s),
        does("H5", Action.RESTART),
    ),
)
