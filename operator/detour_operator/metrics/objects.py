"""What is so of the objects there are: told by each pass, and added up when Prometheus asks.

A standby has seen no object and tells of none.
"""

import dataclasses
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from detour_crds.volume_migration import Phase
from detour_operator.metrics.families import REGISTRY
from detour_operator.metrics.labels import REASONS

Name = tuple[str, str]
"""Namespace and name."""
Seen = TypeVar("Seen")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSeen:
    """A VolumeMigration; ``stalled`` is the reason why a person must act, empty if none must."""

    phase: Phase
    stalled: str = ""
    method: str = ""
    bytes_per_second: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSeen:
    """An AttachmentSwitch, of whatever storage controller."""

    locked: bool
    stalled: str = ""


class Objects(Collector):
    """The last that was seen of each object."""

    def __init__(self) -> None:
        self._migrations: dict[Name, MigrationSeen] = {}
        self._switches: dict[Name, SwitchSeen] = {}
        self._mutex = threading.Lock()

    def migration(self, name: Name, seen: MigrationSeen | None) -> None:
        """Remember a migration as it is; None forgets one that is gone."""
        with self._mutex:
            _keep(self._migrations, name, seen)

    def switch(self, name: Name, seen: SwitchSeen | None) -> None:
        """Remember a switch as it is; None forgets one that is gone."""
        with self._mutex:
            _keep(self._switches, name, seen)

    def describe(self) -> Iterator[Metric]:
        """The names, which the registry asks for; no object has been seen then."""
        return self.collect()

    @override
    def collect(self) -> Iterator[Metric]:
        """All of them, added up."""
        with self._mutex:
            migrations = tuple(self._migrations.values())
            switches = tuple(self._switches.values())
        phases = Counter(item.phase for item in migrations)
        yield _family(
            "detour_operator_migrations",
            "VolumeMigrations there are, by phase; those that ended stay until they are deleted.",
            "phase",
            {phase.value: phases[phase] for phase in Phase},
        )
        yield _family(
            "detour_operator_migrations_stalled",
            "VolumeMigrations for which a person must act, failed and cancelled ones aside.",
            "reason",
            _stalled(migrations),
        )
        yield _family(
            "detour_operator_copy_bytes_per_second",
            "How fast the copies under way get on together, by copy method.",
            "method",
            _rates(migrations),
        )
        yield _family(
            "detour_operator_switches_stalled",
            "AttachmentSwitches, of whatever storage controller, for which a person must act.",
            "reason",
            _stalled(switches),
        )
        locks = GaugeMetricFamily(
            "detour_operator_locks_held",
            "AttachmentSwitches that have a virtual machine locked.",
        )
        locks.add_metric((), sum(item.locked for item in switches))
        yield locks


def _keep(known: dict[Name, Seen], name: Name, seen: Seen | None) -> None:
    if seen is None:
        known.pop(name, None)
    else:
        known[name] = seen


def _stalled(items: Iterable[MigrationSeen | SwitchSeen]) -> Mapping[str, int]:
    return Counter(REASONS.label(item.stalled) for item in items if item.stalled)


def _rates(migrations: Iterable[MigrationSeen]) -> Mapping[str, int]:
    rates: Counter[str] = Counter()
    for item in migrations:
        if item.phase is Phase.COPYING:
            rates[item.method] += item.bytes_per_second
    return rates


def _family(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family


OBJECTS = Objects()
REGISTRY.register(OBJECTS)
