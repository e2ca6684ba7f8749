"""Takes up this node's switches: a watch that tells, and one worker per switch that acts.

A switch never has two workers. A worker with nothing left to do ends, and an event of its switch
starts another one.
"""

import logging
import threading
from collections.abc import Callable, Collection
from typing import Any, Protocol

from detour_agent.adapters.switches import read_switch
from detour_agent.errors import NotYet, Unreachable
from detour_agent.metrics import families
from detour_agent.metrics.switches import SWITCHES
from detour_agent.one_pass import LONGEST_BACK_OFF_SECONDS, Passes
from detour_agent.steps.context import Switch

log = logging.getLogger(__name__)

FIRST_BACK_OFF_SECONDS = 1.0


class Source(Protocol):
    """Where switches come from."""

    def list(self) -> tuple[list[dict[str, Any]], str]:
        """All of this node's, and a version."""

    def watch(self, version: str) -> Any:
        """Events from a version on."""


class Worker:
    """Makes the passes over one switch in a thread of its own."""

    def __init__(self, passes: Passes, forget: Callable[[Switch], None]) -> None:
        self._passes = passes
        self._forget = forget
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._newest: Switch | None = None
        self._running = False
        self._left = False

    @property
    def rests(self) -> bool:
        """Whether no thread is at work."""
        with self._lock:
            return not self._running

    def give(self, switch: Switch) -> None:
        """Tell the worker what the API has now; start its thread if it rests."""
        with self._lock:
            self._newest = switch
            self._left = False
            self._wake.set()
            if not self._running:
                self._running = True
                name = f"switch-{switch.uid[:8]}"
                threading.Thread(target=self._run, args=(switch,), name=name, daemon=True).start()

    def leave(self) -> None:
        """The switch is no longer this node's: end after the pass under way."""
        with self._lock:
            self._left = True
            self._newest = None
            self._wake.set()

    def _run(self, switch: Switch) -> None:
        delay: float | None = 0.0
        while not self._ends(switch, delay):
            self._wake.wait(delay)
            switch = self._take(switch)
            try:
                switch, delay = self._passes.run(switch)
            except Exception:
                families.PASSES.labels(families.UNEXPECTED).inc()
                log.exception("pass failed", extra={"switch": f"{switch.namespace}/{switch.name}"})
                delay = LONGEST_BACK_OFF_SECONDS

    def _ends(self, switch: Switch, delay: float | None) -> bool:
        """Whether the thread has nothing left to do; decided under the lock that starts it."""
        with self._lock:
            done = self._left or (delay is None and self._newest is None)
            if done:
                self._running = False
                self._forget(switch)
                SWITCHES.forget(switch.uid)
            return done

    def _take(self, switch: Switch) -> Switch:
        """The newest of what the API said and what the last pass knows."""
        with self._lock:
            self._wake.clear()
            newest, self._newest = self._newest, None
            return newest or switch


class Loop:
    """Distributes what the watch tells to the workers."""

    def __init__(
        self,
        source: Source,
        passes: Callable[[], Passes],
        forget: Callable[[Switch], None],
        collect: Callable[[Collection[str]], None],
    ) -> None:
        self._source = source
        self._passes = passes
        self._forget = forget
        self._collect = collect
        self._workers: dict[str, Worker] = {}
        self._versions: dict[str, str] = {}

    def run(self, stopped: threading.Event) -> None:
        """List and watch until told to stop; an API that is away is asked again, ever later."""
        back_off = FIRST_BACK_OFF_SECONDS
        while not stopped.is_set():
            try:
                version = self._list()
                back_off = FIRST_BACK_OFF_SECONDS
                self._collect(self._workers.keys())
                self._follow(version, stopped)
            except NotYet as error:
                log.info("listing again: %s", error)
            except Unreachable as error:
                log.warning("%s", error)
                stopped.wait(back_off)
                back_off = min(back_off * 2, LONGEST_BACK_OFF_SECONDS)

    def _list(self) -> str:
        """Compare with everything that is there: it catches what a watch let slip by."""
        items, version = self._source.list()
        there = {item["metadata"]["uid"] for item in items}
        for uid, worker in list(self._workers.items()):
            if uid not in there:
                worker.leave()
                if worker.rests:
                    del self._workers[uid]
                    self._versions.pop(uid, None)
        for item in items:
            self._give(item)
        return version

    def _follow(self, version: str, stopped: threading.Event) -> None:
        """One watch to its end."""
        for kind, item in self._source.watch(version):
            if stopped.is_set():
                return
            if kind == "DELETED":
                worker = self._workers.get(item["metadata"]["uid"])
                if worker is not None:
                    worker.leave()
                    self._versions.pop(item["metadata"]["uid"], None)
            elif kind in ("ADDED", "MODIFIED"):
                self._give(item)

    def _give(self, item: dict[str, Any]) -> None:
        """Hand an object on, once per version: a switch that has ended is not woken by a list."""
        try:
            switch = read_switch(item)
        except (KeyError, ValueError) as error:
            log.error("unreadable AttachmentSwitch: %s", error)  # noqa: TRY400
            return
        version = str(item["metadata"].get("resourceVersion", ""))
        if version and self._versions.get(switch.uid) == version:
            return
        self._versions[switch.uid] = version
        if switch.uid not in self._workers:
            self._workers[switch.uid] = Worker(self._passes(), self._forget)
        self._workers[switch.uid].give(switch)
