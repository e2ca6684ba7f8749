"""One pass over one switch: look, decide, carry out, report."""

import contextlib
import dataclasses
import logging
from typing import Protocol

from detour_agent.domain.chain import JobInfo
from detour_agent.domain.decisions import decide
from detour_agent.domain.ports import Ports
from detour_agent.domain.situation import Seen
from detour_agent.domain.status import Facts, node_status
from detour_agent.domain.step import Action, Step
from detour_agent.errors import DetourError, InvariantBroken, NotYet, StepFailed, Unreachable
from detour_agent.metrics import families
from detour_agent.metrics.switches import SWITCHES
from detour_agent.publishing import Publisher, refusal, without_refusal
from detour_agent.steps import inspect, tending
from detour_agent.steps.carry_out import PASSIVE, carry_out
from detour_agent.steps.context import Look, Memory, Pass, Switch, error_of
from detour_crds.attachment_switch import Node, Order, Qemu, Stage, Stopped, Top

log = logging.getLogger(__name__)

AT_ONCE = 0.0
BUSY_SECONDS = 0.5
"""How soon a job under way on this node is looked at again; this asks libvirt, not the API."""
UNSEEN_SECONDS = 2.0
IDLE_SECONDS = 30.0
LONGEST_BACK_OFF_SECONDS = 30.0
ENDED_ROWS = frozenset({"L3", "L20", "C11", "D3", "D9", "M16"})


class StatusWriter(Protocol):
    """Writes ``status.node`` of a switch."""

    def patch_node(self, switch: Switch, node: Node) -> None:
        """Send all of it; errors ``NotYet``, ``Unreachable``, ``StepFailed`` if refused."""


@dataclasses.dataclass(slots=True)
class Passes:
    """The passes over one switch, one after the other."""

    ports: Ports
    writer: StatusWriter
    memory: Memory = dataclasses.field(default_factory=Memory)
    publisher: Publisher = dataclasses.field(default_factory=Publisher)
    _logged: tuple[object, ...] = ()

    def run(self, switch: Switch) -> tuple[Switch, float | None]:
        """Make one pass; the switch as it is then, and seconds until the next one.

        None: only an event can bring something new.
        """
        if not switch.compute.token:
            return switch, None
        try:
            look = inspect.look(switch, self.ports, self.memory)
        except InvariantBroken as error:
            return self._stop(switch, error)
        look = tending.judged(look, switch, self.ports, self.memory)
        step = decide(look.wanted, look.seen)
        self._log(switch, look.seen, step)
        work = Pass(switch=switch, look=look, ports=self.ports, memory=self.memory)
        try:
            work = tending.tend(work)
            step = tending.held_up(work, step)
            if step.action in PASSIVE:
                return self._report(switch, look, step)
            carry_out(step, work)
        except InvariantBroken as error:
            return self._stop(switch, error)
        except (NotYet, Unreachable, StepFailed) as error:
            return self._failed(switch, look, step, error)
        self.memory.failures = 0
        self.memory.last_error = None
        families.PASSES.labels(families.DONE).inc()
        return switch, AT_ONCE

    def _report(self, switch: Switch, look: Look, step: Step) -> tuple[Switch, float | None]:
        families.PASSES.labels(families.DONE).inc()
        before = _same_attempt(switch)
        changed = self._publish(switch, _report_of(switch, look, step, self.memory))
        reached_more = _same_attempt(changed).reached != before.reached
        return changed, AT_ONCE if reached_more else _delay(step, look)

    def _failed(
        self, switch: Switch, look: Look, step: Step, error: DetourError
    ) -> tuple[Switch, float | None]:
        """Show the error and try again, later each time."""
        families.PASSES.labels(families.FAILED).inc()
        families.STEP_FAILURES.labels(error.reason).inc()
        self.memory.failures += 1
        self.memory.last_error = error_of(error)
        log.warning("%s failed: %s", step.action, error, extra=_about(switch, look.seen, step))
        changed = self._publish(switch, _report_of(switch, look, step, self.memory))
        delay = BUSY_SECONDS * 2 ** min(self.memory.failures - 1, 6)
        return changed, min(delay, LONGEST_BACK_OFF_SECONDS, _latest(look))

    def _stop(self, switch: Switch, error: InvariantBroken) -> tuple[Switch, float | None]:
        """Touch nothing and say why; what can be known without the journal is unknown here."""
        families.PASSES.labels(families.STOPPED).inc()
        log.error("stopped: %s", error, extra={"switch": f"{switch.namespace}/{switch.name}"})
        node = dataclasses.replace(
            _same_attempt(switch),
            token=switch.compute.token,
            observed_order=switch.compute.order or Order.NONE,
            top=Top.UNKNOWN,
            qemu=Qemu.UNKNOWN,
            stopped=Stopped(reason=error.reason, message=error.message),
        )
        return self._publish(switch, node), IDLE_SECONDS

    def _publish(self, switch: Switch, node: Node) -> Switch:
        """Send what is new; what could not be sent is sent by a later pass."""
        SWITCHES.tell(switch.uid, f"{switch.namespace}/{switch.name}", node)
        now = self.ports.clock.now()
        if not self.publisher.is_due(switch.node, node, now):
            return switch
        try:
            written = self._write(switch, node)
        except StepFailed as error:
            return self._tell_refused(switch, error)
        if written is not switch:
            self.publisher.written(now)
        return written

    def _tell_refused(self, switch: Switch, error: StepFailed) -> Switch:
        """Have at least that written; the rest is tried again by the next pass."""
        node = refusal(switch.node, switch.compute.token, error.message)
        if node is switch.node:
            return switch
        with contextlib.suppress(StepFailed):
            return self._write(switch, node)
        return switch

    def _write(self, switch: Switch, node: Node) -> Switch:
        """The switch with what was written, itself if the API did not take it.

        Raises:
            StepFailed: it takes no such status.
        """
        try:
            self.writer.patch_node(switch, node)
        except (NotYet, Unreachable, StepFailed) as error:
            families.REPORTS.labels(families.NOT_WRITTEN).inc()
            log.warning(
                "status not written: %s",
                error,
                extra={"switch": f"{switch.namespace}/{switch.name}"},
            )
            if isinstance(error, StepFailed):
                raise
            return switch
        families.REPORTS.labels(families.WRITTEN).inc()
        return dataclasses.replace(switch, node=node)

    def _log(self, switch: Switch, seen: Seen, step: Step) -> None:
        """Say each new thing once, and every effect before it is tried."""
        now = (step.row, step.action, seen.stage, seen.top, seen.qemu, switch.compute.order)
        if now != self._logged or step.action not in PASSIVE:
            self._logged = now
            reason = f" ({step.reason})" if step.reason else ""
            log.info("%s%s", step.action, reason, extra=_about(switch, seen, step))


def _about(switch: Switch, seen: Seen, step: Step) -> dict[str, str]:
    return {
        "switch": f"{switch.namespace}/{switch.name}",
        "vm": switch.virtual_machine,
        "node": switch.compute.node or "",
        "stage": str(seen.stage),
        "row": step.row,
    }


def _same_attempt(switch: Switch) -> Node:
    """The last report, as far as it is of this attempt."""
    same = switch.node.token == switch.compute.token
    return without_refusal(switch.node) if same else Node()


def _report_of(switch: Switch, look: Look, step: Step, memory: Memory) -> Node:
    facts = Facts(
        token=switch.compute.token,
        record=look.record,
        overlays=look.overlays,
        overlay_bytes=look.overlay_bytes,
        pressure=look.verdict.pressure,
        job=_job(look),
        inspection=look.inspection,
        pauses=memory.pauses,
        error=memory.last_error or memory.tending_error or look.problem,
    )
    return node_status(look.wanted, look.seen, step, facts, _same_attempt(switch))


def _job(look: Look) -> JobInfo:
    return look.report.job if look.report else JobInfo()


def _latest(look: Look) -> float:
    """Seconds until a guest on the overlay is to be looked at, whatever else is done."""
    return look.verdict.look if look.seen.top is Top.OVERLAY else IDLE_SECONDS


def _delay(step: Step, look: Look) -> float | None:
    if step.action is Action.WAIT:
        return UNSEEN_SECONDS if look.problem else BUSY_SECONDS
    if look.seen.top is Top.OVERLAY:
        return _latest(look)
    reported = look.wanted.reported in (Order.SOURCE, Order.DESTINATION)
    ended = step.row in ENDED_ROWS and reported
    tombstone = look.seen.stage in (Stage.DONE, Stage.CANCELLED, Stage.NONE, Stage.MISSING)
    return None if ended and tombstone else IDLE_SECONDS
