"""Reads whether the policies of the lock are there, bound and able to deny.

Most of what they refuse cannot be tried without harm if it were not refused, or is allowed to the
operator itself. API servers look once a second which policies there are; that each of them knows
of a lock is what the trials prove: the policies have the parameters in common.
"""

import threading
from collections.abc import Callable, Iterable

from detour_crds.names import (
    COMPONENT_LABEL,
    LOCK_POLICIES,
    SUPERSEDED_LABEL,
    SUPERSEDED_POLICY,
)
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS

LOCK = "lock"
"""Component of the policies and their bindings, by which they are found."""
MAY_IGNORE = frozenset(
    {"detour-lock-claims", "detour-lock-claim-users", "detour-lock-claim-copies"}
)
"""About what everybody uses: nobody may have to wait for Detour."""
WITHOUT_PARAMETERS = frozenset({"detour-lock-holders", "detour-lock-switches"})
FRESH_SECONDS = 10.0
"""For so long that all are there is believed, of all locks that are proven together."""


class LockPolicies:
    """Looks at them, not more often than is of use. Any thread may ask."""

    def __init__(self, api: Api, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock
        self._good_until = clock()
        self._mutex = threading.Lock()

    def complaint(self, *, anew: bool = True) -> str | None:
        """What is wrong with the first that is not in force; None if all are.

        Args:
            anew: they are looked at now, and not believed to be as they were a moment ago.

        Raises:
            Unreachable: they could not be looked at.
            Forbidden: the operator may not look at them.
        """
        now = self._clock()
        with self._mutex:
            if now < self._good_until and not anew:
                return None
        selector = f"{COMPONENT_LABEL}={LOCK}"
        policies = self._api.list(ADMISSION_POLICIES, None, label_selector=selector)
        bindings = self._api.list(ADMISSION_POLICY_BINDINGS, None, label_selector=selector)
        found = first_complaint(policies, bindings)
        with self._mutex:
            self._good_until = now if found else now + FRESH_SECONDS
        return found


def first_complaint(policies: Iterable[Json], bindings: Iterable[Json]) -> str | None:
    """Of all the lock's policies; pure."""
    by_name = {policy["metadata"]["name"]: policy for policy in policies}
    bound = list(bindings)
    for name in LOCK_POLICIES:
        wrong = _wrong(name, by_name.get(name), bound)
        if wrong is not None:
            return wrong
    return None


def _wrong(name: str, policy: Json | None, bindings: list[Json]) -> str | None:
    if policy is None:
        return f"the ValidatingAdmissionPolicy {name} is missing"
    # The API server's default is Fail.
    if policy["spec"].get("failurePolicy", "Fail") != "Fail" and name not in MAY_IGNORE:
        return f"the ValidatingAdmissionPolicy {name} has failurePolicy Ignore instead of Fail"
    own = [item for item in bindings if item["spec"].get("policyName") == name]
    if not own:
        return f"the ValidatingAdmissionPolicyBinding {name} is missing"
    if not any(_denies_everywhere(name, binding["spec"]) for binding in own):
        return (
            f"the ValidatingAdmissionPolicyBinding {name} does not deny, or not everywhere:"
            " it is not as in Detour's chart"
        )
    return None


def _denies_everywhere(name: str, binding: Json) -> bool:
    if "Deny" not in (binding.get("validationActions") or ()) or binding.get("matchResources"):
        return False
    if name in WITHOUT_PARAMETERS:
        return True
    parameters = binding.get("paramRef") or {}
    labels = {"matchLabels": {SUPERSEDED_LABEL: "true"}} if name == SUPERSEDED_POLICY else {}
    narrowed = parameters.get("name") or parameters.get("namespace")
    return not narrowed and parameters.get("selector") == labels
