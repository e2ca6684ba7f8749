"""What is so of the switches that the agent works on, from its last report of each."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from detour_agent.metrics.families import REGISTRY
from detour_crds.attachment_switch import Node

LABELS = ("switch",)
"""Namespace and name, as the logs have it: ``namespace`` is the pod's own in most set-ups."""


class Switches(Collector):
    """The last report of each switch that is worked on; there are as many series as those."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, Node]] = {}
        self._mutex = threading.Lock()

    def tell(self, uid: str, switch: str, node: Node) -> None:
        """Remember a report, whether it could be written or not."""
        with self._mutex:
            self._told[uid] = (switch, node)

    def forget(self, uid: str) -> None:
        """The work on this switch has ended: its series go."""
        with self._mutex:
            self._told.pop(uid, None)

    def describe(self) -> Iterator[Metric]:
        """The names, which the registry asks for; nothing is worked on then."""
        return self.collect()

    @override
    def collect(self) -> Iterator[Metric]:
        """A gauge for each thing that is known of each switch."""
        with self._mutex:
            told = tuple(self._told.values())
        at_work = GaugeMetricFamily(
            "detour_agent_switches", "AttachmentSwitches that the agent works on."
        )
        at_work.add_metric((), len(told))
        yield at_work
        stopped = GaugeMetricFamily(
            "detour_agent_stopped_switches",
            "AttachmentSwitches that the agent does not touch until a person has decided.",
            labels=("reason",),
        )
        reasons = [node.stopped.reason for _, node in told if node.stopped is not None]
        for reason, count in Counter(reasons).items():
            stopped.add_metric((reason or "",), count)
        yield stopped
        # The work on one that was deleted may last into that on another one of its name.
        latest = dict(told)
        for name, text, value in OF_EACH:
            yield _family(name, text, value, latest)


def _overlay_bytes(node: Node) -> int | None:
    return node.overlay.bytes if node.overlay else None


def _overlay_limit(node: Node) -> int | None:
    return node.overlay.limit_bytes if node.overlay else None


def _job_done(node: Node) -> int | None:
    return node.merge.bytes_done if node.merge else None


def _job_total(node: Node) -> int | None:
    return node.merge.bytes_total if node.merge else None


Value = Callable[[Node], int | None]
OF_EACH: tuple[tuple[str, str, Value], ...] = (
    ("detour_agent_overlay_bytes", "Bytes that the overlay takes.", _overlay_bytes),
    (
        "detour_agent_overlay_limit_bytes",
        "Bytes that the overlay may take, if there is a limit.",
        _overlay_limit,
    ),
    (
        "detour_agent_job_done_bytes",
        "Bytes that the block job has behind it: merge, copy or commit.",
        _job_done,
    ),
    (
        "detour_agent_job_total_bytes",
        "Bytes that the block job has to do in all, which grow while the guest writes.",
        _job_total,
    ),
)


def _family(name: str, text: str, value: Value, told: Mapping[str, Node]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=LABELS)
    for switch, node in told.items():
        found = value(node)
        if found is not None:
            family.add_metric((switch,), found)
    return family


SWITCHES = Switches()
REGISTRY.register(SWITCHES)
