"""What to do next for one switch, from what is seen now; pure, and total over what can be seen.

The invariants, each kept by code that observes the earlier fact (docs/states.md, section 3):

* Nothing is ordered before the lock was seen to bite and everything was looked at again after it.
* The instance is handed over only between a reached Mirrored and the order Destination, or back
  before the order Source, or once the destination is the truth.
* The lock comes off last: the machine and the instance name the claim that holds the data, the
  fence is closed, ``migratedVolumes`` is gone, and no unknown QEMU is left.
* Nothing follows the order Source, and the order Destination is left only by the node agent's
  promise never to pivot.

Calling :func:`decide` again after a crash at any point, or twice at once, is safe.
"""

import dataclasses

from detour_crds.attachment_switch import AttachmentSwitchStatus, Order, Position
from detour_operator.compute_side import (
    abandoning,
    answering,
    beside,
    budget,
    cancelling,
    guest,
    lock,
    namespace,
    offline,
    overlay_claim,
    waking,
)
from detour_operator.compute_side.actions import Action, AddFinalizer, RemoveFinalizer
from detour_operator.compute_side.conditions import conditions
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.start import start
from detour_operator.compute_side.step import Step, act
from detour_operator.compute_side.switching import switch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The actions to carry out, and then the status to publish.

    ``status`` has no times and nothing of the node agent's; it is written with the resource
    version that was observed. ``after`` are the seconds until the next look, None for on events.
    """

    reason: str
    message: str
    actions: tuple[Action, ...]
    status: AttachmentSwitchStatus
    after: float | None

    @property
    def changes_switch(self) -> bool:
        """Whether an action changes the switch itself: its status is then for the next pass."""
        return any(isinstance(item, (AddFinalizer, RemoveFinalizer)) for item in self.actions)


def decide(seen: Observation) -> Decision:
    """Choose the next step."""
    return published(seen, next_step(seen))


def published(seen: Observation, step: Step) -> Decision:
    """A step together with the status that tells of it."""
    before = seen.switch.status
    return Decision(
        reason=step.reason,
        message=step.message,
        actions=step.actions,
        status=AttachmentSwitchStatus(
            observed_generation=seen.switch.generation,
            position=step.position or before.position or Position.NOWHERE,
            stop=step.stop,
            conditions=conditions(seen, step),
            compute=step.compute or before.compute,
        ),
        after=step.after,
    )


def next_step(seen: Observation) -> Step:
    """The first line that fits; recovery's rows U before everything but the end."""
    if seen.switch.ended:
        return _ended(seen)
    if seen.unknown:
        return _cannot_look(seen)
    if not seen.switch.finalizer:
        return _finalizer(seen)
    if seen.switch.compute.offline:
        return offline.switch(seen)
    if seen.switch.order is not Order.NONE:
        step = (
            lock.put_on(seen)
            or abandoning.heard_again(seen)
            or namespace.let_go(seen)
            or _stopped(seen)
            or abandoning.lost_node(seen)
            or guest.lost(seen)
            or overlay_claim.keep_up(seen)
        )
        if step is not None:
            return step
    why = cancelling.reason(seen)
    if why is not None:
        return cancelling.cancel(seen, why)
    if seen.switch.order is Order.NONE:
        return start(seen)
    return budget.keep_up(seen) or switch(seen)


def _cannot_look(seen: Observation) -> Step:
    """Row U1: unknown is not absent, so nothing is done."""
    message = f"could not read: {', '.join(seen.unknown)}; nothing is done until that is known"
    return Step(reason="CannotLook", message=message)


def _finalizer(seen: Observation) -> Step:
    if seen.switch.deleting:
        message = (
            "the object is being deleted without Detour's finalizer: it cannot be held any more"
        )
        return Step(reason="Deleted", message=message, after=None)
    return act("Preparing", "taking the switch up", AddFinalizer())


def _ended(seen: Observation) -> Step:
    end = _end(seen)
    woken = waking.wake(seen, end)
    if woken is None and seen.switch.deleting and seen.switch.finalizer:
        return act("Deleted", "the switch has ended and may go", RemoveFinalizer())
    return woken or end


def _end(seen: Observation) -> Step:
    if seen.switch.status.position is Position.DESTINATION:
        message = beside.told(seen, "the machine is on the destination")
        return Step(reason="Switched", message=message, after=None)
    why = cancelling.ended(seen)
    return Step(reason=why.reason, message=beside.told(seen, why.message), after=None)


def _stopped(seen: Observation) -> Step | None:
    """The node agent keeps everything until a person has decided, and so does the operator.

    With an answer to this very stop the operator goes on: the node agent acts by the answer as
    soon as the order goes its way. While the node is lost its agent acts by none; what is asked
    then is whether to do without it.
    """
    node = seen.switch.node
    lost = seen.node_lost is True and not guest.at_end(seen)
    if node is None or node.stopped is None or lost or answering.is_answered(seen, node.stopped):
        return None
    told = node.stopped.message or "the node agent stopped: everything is kept"
    return answering.stopped(seen, node.stopped, told)
