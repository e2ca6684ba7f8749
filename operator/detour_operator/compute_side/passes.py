"""One pass for one switch: look, decide, act, and publish what changed."""

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any

from detour_crds.conditions import SwitchCondition, is_true, stamped
from detour_crds.serialise import serialise
from detour_operator.adapters import events, stored, switches
from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import ATTACHMENT_SWITCHES
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.compute_side import decisions, measuring
from detour_operator.compute_side.apply import Apply
from detour_operator.compute_side.conditions import PRESSED
from detour_operator.compute_side.decisions import Decision
from detour_operator.compute_side.gather import Documents, Gather
from detour_operator.compute_side.observation import Observation
from detour_operator.compute_side.step import Step
from detour_operator.errors import Conflict, ReasonedError
from detour_operator.reconcile.publishing import Words, is_only_told, status_patch, turned
from detour_operator.reconcile.workers import Next, Reconciler
from detour_operator.settings import Settings

log = logging.getLogger(__name__)

OWNED = ("observedGeneration", "position", "stop", "conditions", "compute")
"""What of the status the compute side writes; ``node`` is the node agent's."""
TOLD = ("observedGeneration",)
"""What of that no later pass rests on, beside the messages."""


def reconciler(api: Api, settings: Settings) -> Reconciler:
    """The compute side."""
    return ComputeSide(api, settings)


class ComputeSide:
    """Reconciles AttachmentSwitches."""

    def __init__(
        self,
        api: Api,
        settings: Settings,
        now: Callable[[], str] = events.now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._settings = settings
        self._gather = Gather(api, settings, clock)
        self._events = events.Events(api)
        self._words = Words(clock)
        self._now = now

    def reconcile(self, namespace: str, name: str) -> Next:
        """Make one pass."""
        found = switches.get(self._api, namespace, name)
        if found is None:
            measuring.gone(namespace, name)
            return Next(None)
        measuring.seen(found)
        seen, documents = self._gather.look(found)
        decision = decisions.decide(seen)
        if decision.actions:
            self._look_again(found)
        self._act(seen, decision, documents)
        if decision.changes_switch:
            return Next(decision.after)
        before = found.raw.get("status") or {}
        after = {**before, **self._status(found, decision)}
        told = is_only_told(before, after, TOLD)
        wait = self._words.wait(found.meta.uid) if told and after != before else 0.0
        if not wait:
            found = self._publish(found, decision)
        settled = told and not decision.actions
        version = found.meta.resource_version if settled else None
        return Next(decision.after, version).within(wait)

    def _look_again(self, found: FoundSwitch) -> None:
        """See that the switch is as it was when everything else was read.

        Actions test their own objects, which may be younger than the switch they follow from.

        Raises:
            Conflict: it was changed meanwhile.
        """
        now = switches.get(self._api, found.meta.namespace, found.meta.name)
        if now is None or now.meta.resource_version != found.meta.resource_version:
            raise Conflict("the switch was changed while everything else was looked at")

    def _act(self, seen: Observation, decision: Decision, documents: Documents) -> None:
        apply = Apply(self._api, self._settings, documents)
        about = {"object": seen.switch.name, "namespace": seen.switch.namespace}
        for action in decision.actions:
            log.info("%s: %s", decision.reason, action, extra=about)
            try:
                apply.action(action)
            except ReasonedError as error:
                self._publish(documents.switch, decisions.published(seen, _failed(error)))
                raise

    def _publish(self, found: FoundSwitch, decision: Decision) -> FoundSwitch:
        """Write the status if it changed, and only if the switch is as it was seen.

        So an order never follows from a position, or from a report of the node agent, that is not
        so any more.
        """
        patch = status_patch(found.raw.get("status"), self._status(found, decision), OWNED)
        raw = stored.patch_status(self._api, ATTACHMENT_SWITCHES, found.meta, patch)
        self._tell(found, decision)
        if raw is None:
            return found
        self._words.written(found.meta.uid)
        written = switches.read(raw)
        measuring.count(found, written)
        measuring.seen(written)
        return written

    def _status(self, found: FoundSwitch, decision: Decision) -> dict[str, Any]:
        conditions = stamped(
            found.status.conditions,
            decision.status.conditions,
            now=self._now(),
            generation=found.meta.generation,
        )
        return serialise(dataclasses.replace(decision.status, conditions=conditions))

    def _tell(self, found: FoundSwitch, decision: Decision) -> None:
        pressed = [reason for reason, _ in PRESSED.values()]
        for item in turned(found.status.conditions, decision.status.conditions):
            if item.type == SwitchCondition.SOURCE_FROZEN and item.reason in pressed:
                self._events.emit(found.raw, item.reason, item.message, warning=True)
            if item.type == SwitchCondition.READY:
                bad = is_true(decision.status.conditions, SwitchCondition.STALLED)
                self._events.emit(found.raw, item.reason, item.message, warning=bad)


def _failed(error: ReasonedError) -> Step:
    return Step(reason=error.reason, message=f"tried and failed: {error.message}")
