"""Keeps the line of those that wait, and looks at what is under way."""

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable

from detour_crds.volume_migration import Phase
from detour_operator.adapters import claims, instances, migrations
from detour_operator.adapters.client import Api
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.reconcile.turn import GIVEN, Turn, Wish
from detour_operator.reconcile.workers import Next
from detour_operator.settings import InFlight
from detour_operator.turns.line import Place, Waiting, places, told, whose_turn

LOOK_SECONDS = 5.0
SEEN_SECONDS = 60.0
"""So long a turn that was given is kept for a move that is not seen to be under way yet."""
UNDER_WAY = frozenset(
    {
        Phase.PREPARING,
        Phase.FREEZING,
        Phase.COPYING,
        Phase.MERGING,
        Phase.SWITCHING,
        Phase.CLEANING_UP,
        Phase.CANCELLING,
    }
)
"""A move that is held after its copy is none: it may be held for days, and then only finishes."""

Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """A turn: what the move weighs on, and when it was given or asked about last."""

    places: frozenset[Place]
    at: float


class Keeper:
    """Implements ``Turns``; as a reconciler it looks whose turn has come.

    Args:
        api: the API.
        limits: moves at a time.
        wake: called with namespace and name of a migration whose turn has come.
        watch: called when the first one waits.
        clock: seconds.
    """

    def __init__(
        self,
        api: Api,
        limits: InFlight,
        wake: Callable[[str, str], None],
        watch: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._limits = api, limits
        self._wake, self._watch, self._clock = wake, watch, clock
        self._mutex = threading.Lock()
        self._looking = threading.Lock()
        """Held while the API is asked, which may take long; the other one never is then."""
        self._waiting: dict[Key, Waiting] = {}
        self._given: dict[Key, Given] = {}
        self._under_way: dict[Key, frozenset[Place]] = {}
        self._looked: float | None = None

    def ask(self, wish: Wish) -> Turn:
        """Whether it may begin now; from then on it waits, or has its turn."""
        if not any(dataclasses.astuple(self._limits)):
            return GIVEN
        key = (wish.namespace, wish.name)
        asked = Waiting(
            created=wish.created,
            key=key,
            places=places(self._node_of(wish), wish.storage_classes),
        )
        self._look()
        with self._mutex:
            turn, served = self._answer(asked)
        for namespace, name in served:
            self._wake(namespace, name)
        if not turn.given:
            self._watch()
        return turn

    def _answer(self, asked: Waiting) -> tuple[Turn, list[Key]]:
        """Its turn, and the others whose turn has come meanwhile."""
        key, served = asked.key, list[Key]()
        if key not in self._under_way and key not in self._given:
            self._waiting[key] = asked
            served = [other for other in self._serve() if other != key]
        if key in self._under_way or key in self._given:
            self._given[key] = Given(asked.places, self._clock())
            return GIVEN, served
        lacking = self._line()[key]
        return Turn(given=False, why=told(lacking, self._limits) if lacking else ""), served

    def withdraw(self, namespace: str, name: str) -> None:
        """It does not begin after all."""
        with self._mutex:
            self._waiting.pop((namespace, name), None)
            self._given.pop((namespace, name), None)

    def reconcile(self, _namespace: str, _name: str) -> Next:
        """See whose turn has come, for as long as somebody waits."""
        with self._mutex:
            if not self._waiting:
                return Next(None)
        self._look()
        with self._mutex:
            served = self._serve()
            more = bool(self._waiting)
        for namespace, name in served:
            self._wake(namespace, name)
        return Next(LOOK_SECONDS if more else None)

    def _serve(self) -> list[Key]:
        served = [key for key, lacking in self._line().items() if lacking is None]
        for key in served:
            self._given[key] = Given(self._waiting.pop(key).places, self._clock())
        return served

    def _line(self) -> dict[Key, Place | None]:
        taken: Counter[Place] = Counter()
        for weighs_on in {
            **{key: given.places for key, given in self._given.items()},
            **self._under_way,
        }.values():
            taken.update(weighs_on)
        return whose_turn(self._waiting.values(), taken, self._limits)

    def _look(self) -> None:
        """Look at what is under way, unless that was done just now.

        Raises:
            Unreachable: it is not known.
        """
        with self._looking:
            now = self._clock()
            if self._looked is not None and now - self._looked < LOOK_SECONDS:
                return
            found = migrations.in_phases(self._api, UNDER_WAY)
            weights = {(one.meta.namespace, one.meta.name): self._weight(one) for one in found}
            self._looked = now
            with self._mutex:
                self._under_way = weights
                self._given = {
                    key: given
                    for key, given in self._given.items()
                    if key not in weights and now - given.at < SEEN_SECONDS
                }

    def _weight(self, found: FoundMigration) -> frozenset[Place]:
        """What a move under way weighs on; after a restart as the API says it."""
        key = (found.meta.namespace, found.meta.name)
        with self._mutex:
            given = self._given.get(key)
            known = given.places if given else self._under_way.get(key)
        return known or places(found.status.node, self._classes_of(found))

    def _classes_of(self, found: FoundMigration) -> frozenset[str]:
        named = (found.status.source_claim, found.status.destination_claim)
        template = found.spec.destination.claim_template
        classes = {template.storage_class_name if template else None}
        for name in filter(None, named):
            raw = claims.get(self._api, found.meta.namespace, name)
            classes.add(raw["spec"].get("storageClassName") if raw else None)
        return frozenset(filter(None, classes))

    def _node_of(self, wish: Wish) -> str | None:
        raw = instances.get(self._api, wish.namespace, wish.virtual_machine)
        return (raw.get("status") or {}).get("nodeName") if raw else None
