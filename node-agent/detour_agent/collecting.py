"""Removes the records of moves that are over, once their switches are surely gone."""

import logging
from collections.abc import Collection
from typing import Protocol

from detour_agent.domain import tombstones
from detour_agent.domain.ports import Clock
from detour_agent.domain.tombstones import Found
from detour_agent.errors import DetourError

log = logging.getLogger(__name__)


class Records(Protocol):
    """The records on this node's disk."""

    def found(self) -> tuple[Found, ...]:
        """Every record that can be read."""

    def remove(self, switch_uid: str) -> None:
        """Remove one."""


class AllSwitches(Protocol):
    """All switches of the cluster, of this node or not."""

    def everywhere(self) -> frozenset[str]:
        """Their uids, by a complete answer; error ``Unreachable``."""


class Collector:
    """Remembers since when each switch is absent; a new agent begins to count anew."""

    def __init__(self, records: Records, switches: AllSwitches, clock: Clock) -> None:
        self._records = records
        self._switches = switches
        self._clock = clock
        self._absent: dict[str, float] = {}

    def collect(self, busy: Collection[str]) -> None:
        """Look once; ``busy`` are the switches that somebody works on.

        A switch may be without a node, or of another one: all of the cluster are asked for.
        """
        try:
            self._collect(busy)
        except (DetourError, OSError) as error:
            log.warning("no record was collected: %s", error)

    def _collect(self, busy: Collection[str]) -> None:
        over = [
            found
            for found in self._records.found()
            if tombstones.is_over(found) and found.switch_uid not in busy
        ]
        if not over:
            self._absent.clear()
            return
        there, now = self._switches.everywhere(), self._clock.now()
        asked = [found.switch_uid for found in over]
        self._absent = tombstones.absent_since(self._absent, asked, there, now)
        for found in over:
            if tombstones.may_go(found, self._absent.get(found.switch_uid), now):
                self._remove(found)

    def _remove(self, found: Found) -> None:
        try:
            self._records.remove(found.switch_uid)
        except DetourError as error:
            log.warning("a record was kept: %s", error)
        else:
            log.info("the record of switch %s is collected: %s", found.switch_uid, found.stage)
