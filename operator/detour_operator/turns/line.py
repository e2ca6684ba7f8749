"""First come, first served, and nobody is passed over for ever; pure."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping

from detour_operator.settings import InFlight

CLUSTER, NODE, STORAGE_CLASS = "cluster", "node", "storage class"


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Place:
    """What bears so many moves at a time: the cluster, a node, a storage class."""

    kind: str
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A move that asked for its turn, with everything that would have work by it."""

    created: str
    key: tuple[str, str]
    places: frozenset[Place]


def places(node: str | None, storage_classes: Iterable[str]) -> frozenset[Place]:
    """What a move weighs on; a stopped machine has no node."""
    found = {Place(CLUSTER), *(Place(STORAGE_CLASS, name) for name in storage_classes)}
    return frozenset(found | ({Place(NODE, node)} if node else set()))


def whose_turn(
    waiting: Iterable[Waiting], taken: Mapping[Place, int], limits: InFlight
) -> dict[tuple[str, str], Place | None]:
    """For each that waits: None where it is its turn, else what is full.

    Who cannot begin lets later ones pass that can. But for the first of them room is kept
    wherever there is some: one that needs two places would else see each taken in turn for ever.
    """
    count, kept, found = Counter(taken), False, {}
    for one in sorted(waiting, key=lambda item: (item.created, item.key)):
        lacking = next(
            (place for place in sorted(one.places) if _full(place, count, limits)), None
        )
        found[one.key] = lacking
        if lacking is None or not kept:
            count.update(one.places)
            kept = kept or lacking is not None
    return found


def told(place: Place, limits: InFlight) -> str:
    """What it waits for, for people."""
    where, setting = {
        CLUSTER: ("in the cluster", "inFlight.cluster"),
        NODE: (f"on node {place.name}", "inFlight.perNode"),
        STORAGE_CLASS: (f"from or to storage class {place.name}", "inFlight.perStorageClass"),
    }[place.kind]
    return (
        f"waiting for its turn: no more than {_limit(place, limits)} moves are under way {where}"
        f" at a time (the chart's {setting}), and others came first"
    )


def _full(place: Place, count: Mapping[Place, int], limits: InFlight) -> bool:
    limit = _limit(place, limits)
    return limit > 0 and count[place] >= limit


def _limit(place: Place, limits: InFlight) -> int:
    """Moves at a time; 0 for any number."""
    by_kind = {
        CLUSTER: limits.cluster,
        NODE: limits.per_node,
        STORAGE_CLASS: limits.per_storage_class,
    }
    return by_kind[place.kind]
