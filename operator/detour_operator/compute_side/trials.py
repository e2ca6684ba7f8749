"""When the lock is tried: once, a moment after it was put on, and then every five seconds.

An API server needs up to about a second to know of a new parameter of a policy (measured): a
trial at once would be in vain. Whatever wakes the reconciler in between is told the last "no"
again. A lock that was seen to bite is tried in every pass, so that all the rest is seen after it.
"""

import dataclasses
import threading
from collections.abc import Callable

from detour_crds.attachment_switch import Handover, Position
from detour_operator.adapters.lock_attempts import Trial
from detour_operator.adapters.lock_proof import LockProof
from detour_operator.compute_side.observation import Proof, Switch

FIRST_SECONDS = 1.5
AGAIN_SECONDS = 5.0

TOO_EARLY = Proof(
    bites=False, reason="Locking", message="the lock is on; the API servers are told of it"
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Due:
    """The next trial of one lock, on the monotonic clock, and what is known until then."""

    at: float
    known: Proof = TOO_EARLY


class Trials:
    """Paces the trials of all locks that are not proven yet. Any thread may ask."""

    def __init__(self, lock: LockProof, clock: Callable[[], float]) -> None:
        self._lock = lock
        self._clock = clock
        self._due: dict[str, _Due] = {}
        self._mutex = threading.Lock()

    def proof(self, switch: Switch) -> Proof | None:
        """Whether the switch's lock bites, None if it is off; tries it if it is time to.

        Raises:
            Unreachable: an API server could not be asked.
        """
        if not switch.compute.locked:
            self.forget(switch)
            return None
        now = self._clock()
        due = _Due(now) if switch.compute.lock_proven else self._of(switch, now)
        if now < due.at:
            return dataclasses.replace(due.known, after=due.at - now)
        self._set(switch, _Due(now + AGAIN_SECONDS, due.known))
        found = self._try(switch)
        self._set(switch, _Due(now if found.bites else now + AGAIN_SECONDS, found))
        return found

    def forget(self, switch: Switch) -> None:
        """The lock is off: the next one is a new one."""
        self._lock.forget(_trial(switch))
        with self._mutex:
            self._due.pop(switch.uid, None)

    def _try(self, switch: Switch) -> Proof:
        proven = bool(switch.compute.lock_proven)
        answer = self._lock.ask(_trial(switch), proven=proven)
        return Proof(
            bites=answer.bites,
            namespace_ends=answer.namespace_ends,
            reason=answer.reason,
            message=answer.message,
            after=AGAIN_SECONDS,
        )

    def _of(self, switch: Switch, now: float) -> _Due:
        with self._mutex:
            return self._due.setdefault(switch.uid, _Due(now + FIRST_SECONDS))

    def _set(self, switch: Switch, due: _Due) -> None:
        with self._mutex:
            self._due[switch.uid] = due


def _trial(switch: Switch) -> Trial:
    """As the policies see it (``restarting`` in the chart's ``_lock.tpl``)."""
    not_permitted = switch.compute.handover is Handover.NOT_PERMITTED
    restarting = not_permitted and switch.status.position is Position.DESTINATION
    machine = switch.spec.virtual_machine.name
    return Trial(switch.namespace, machine, switch.name, restarting)
