"""A person's answer to a stop of the node agent: it counts for the stop that it names.

An answer that was there before the stop, in a manifest or for an earlier one, names none that is
to come: the stop is asked anew.
"""

from detour_crds import stops
from detour_crds.attachment_switch import Stopped
from detour_crds.volume_migration import Trust
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.step import Step, stall


def is_answered(seen: Observation, stop: Stopped) -> bool:
    """Whether ``spec.trust`` was given for this very stop."""
    spec = seen.switch.spec
    return spec.trust is not None and spec.answered_stop == _name(seen, stop)


def trusts_source(seen: Observation) -> bool:
    """Whether a stop of this attempt's node agent was answered with the source."""
    spec, token = seen.switch.spec, seen.switch.compute.token
    of_agent = stops.reason_of(spec.answered_stop, token) is not None
    return of_agent and spec.trust is Trust.SOURCE


def stopped(seen: Observation, stop: Stopped, message: str) -> Step:
    """Wait for an answer to this stop, and say if the one that is there is another's."""
    name = _name(seen, stop)
    if name is not None and seen.switch.spec.trust is not None and not is_answered(seen, stop):
        message += "; spec.trust answers another stop than this one"
    return stall(stop.reason or "Stopped", message, name)


def _name(seen: Observation, stop: Stopped) -> str | None:
    """None of one that takes no answer."""
    return stops.of_guest(stop.reason or "", seen.switch.compute.token or "")
