"""From an action to the step that carries it out."""

from collections.abc import Callable, Mapping

from detour_agent.domain.step import Action, Step
from detour_agent.steps import commit, direct, divert, mirror, offline, pivot, record
from detour_agent.steps.context import Pass

EFFECTS: Mapping[Action, Callable[[Pass], None]] = {
    Action.BEGIN: divert.begin,
    Action.START: divert.start,
    Action.DISCARD: divert.discard,
    Action.RESTART: divert.restart,
    Action.OVER_MOUNT: mirror.over_mount,
    Action.COPY: mirror.copy,
    Action.PIVOT: pivot.pivot,
    Action.RELEASE: pivot.release,
    Action.ABORT: commit.abort,
    Action.UNMOUNT: commit.unmount,
    Action.COMMIT: commit.commit,
    Action.COMMIT_PIVOT: commit.commit_pivot,
    Action.HEAL: commit.heal,
    Action.HEAL_COMPLETE: commit.heal_complete,
    Action.COMPARE: offline.compare,
    Action.MERGE: offline.merge,
    Action.REMOVE_OVERLAY: commit.remove_overlay,
    Action.BEGIN_MIRROR: direct.begin,
    Action.MAKE: direct.make,
    Action.SHOW: direct.show,
    Action.MIRROR: direct.mirror,
    Action.SWAP: direct.swap,
    Action.DROP: direct.drop,
    Action.TIDY: direct.tidy,
}
WRITES = {Action.JOURNAL: record.journal, Action.REBUILD: record.rebuild}
PASSIVE = frozenset(Action) - set(EFFECTS) - set(WRITES)
"""Actions that change nothing."""


def carry_out(step: Step, work: Pass) -> None:
    """Carry a step out.

    Raises:
        NotYet, Unreachable, StepFailed: see the loop; the next look says what is so.
    """
    if step.action in WRITES and step.stage is not None:
        WRITES[step.action](work, step.stage)
    elif step.action in EFFECTS:
        EFFECTS[step.action](work)
