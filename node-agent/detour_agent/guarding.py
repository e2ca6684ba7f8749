"""Fail points around every effect of the agent: around each verb of its ports that is no look.

A port's new verb is an effect, with points of its own, unless it is named here as a look. Where
fail points are off the ports are handed back as they are.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

import detour_failpoints
from detour_agent.collecting import Records
from detour_agent.domain import ports as outside
from detour_agent.domain.journal import Record
from detour_agent.domain.ports import BlockDomain, Ports, Process
from detour_agent.one_pass import StatusWriter

PORTS: Final[Mapping[str, type]] = {
    "domain": BlockDomain,
    "processes": outside.Processes,
    "images": outside.Images,
    "mounts": outside.Mounts,
    "offline": outside.Offline,
    "journal": outside.JournalStore,
    "clock": outside.Clock,
    "reports": StatusWriter,
    "records": Records,
}
"""Everything through which the agent reaches the outside."""
LOOKS: Final[Mapping[str, frozenset[str]]] = {
    "domain": frozenset({"report", "capacity", "tune", "close"}),
    "processes": frozenset(
        {"find_guest", "find_holder", "find_finisher", "find_overlay_holder", "opened"}
    ),
    "images": frozenset({"settle", "present", "found", "allocated_bytes", "room"}),
    "mounts": frozenset(
        {"canonical_image", "destination_image", "finisher_image", "shown_image", "is_shown"}
    ),
    "offline": frozenset({"holding_data", "equal", "identical"}),
    "journal": frozenset({"read"}),
    "clock": frozenset({"now"}),
    "reports": frozenset(),
    "records": frozenset({"found"}),
}
P = TypeVar("P")


def effects(port: str) -> tuple[str, ...]:
    """The verbs of a port that change something."""
    verbs = (name for name in vars(PORTS[port]) if not name.startswith("_"))
    return tuple(verb for verb in verbs if verb not in LOOKS[port])


def ports(of: Ports) -> Ports:
    """The ports with fail points around their effects, where those are on."""
    if not detour_failpoints.is_on():
        return of
    names = (field.name for field in dataclasses.fields(of) if field.name in PORTS)
    changed: dict[str, Any] = {name: _Guarded(getattr(of, name), name) for name in names}

    def connect(process: Process, domain: str, volume: str) -> BlockDomain:
        return cast("BlockDomain", _Guarded(of.connect(process, domain, volume), "domain"))

    return dataclasses.replace(of, connect=connect, **changed)


def guarded(port: P, name: str) -> P:
    """One port more of that name."""
    return cast("P", _Guarded(port, name)) if detour_failpoints.is_on() else port


class _Guarded:
    """Stands in for a port."""

    def __init__(self, port: object, name: str) -> None:
        self._port = port
        self._name = name
        self._effects = effects(name)

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._port, verb)
        return functools.partial(self._effect, verb, found) if verb in self._effects else found

    def _effect(self, verb: str, call: Any, *given: Any, **named: Any) -> Any:
        stage = [part.stage for part in given if isinstance(part, Record)]
        point = ".".join(("agent", self._name, verb, *stage))
        with detour_failpoints.around(point):
            return call(*given, **named)
