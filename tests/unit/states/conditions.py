"""The conditions under which a step is taken, found from the situations in which it is.

A condition says of some facts which values they have, and nothing of the others. Together the
conditions of a step hold in all of its situations and in no other that was enumerated.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

Facts = Mapping[str, Hashable]
Condition = dict[str, frozenset[Hashable]]
S = TypeVar("S", bound=Hashable)
MAIN = ("answered", "trust", "qemu", "top", "stage", "order")
LAST_TO_GO = (*MAIN, "job", "path", "target", "base", "equal")
"""Where either of two facts tells the same, that one is named."""
MOST = 4
"""Conditions of one step; with more of them a sentence says it better."""


class Enumeration(Generic[S]):
    """Situations and their steps. A set of situations is a number with a bit for each."""

    def __init__(self, situations: Iterable[tuple[Facts, S]]) -> None:
        self.steps: dict[S, int] = defaultdict(int)
        self.values: dict[str, dict[Hashable, int]] = defaultdict(dict)
        found: dict[tuple[str, Hashable], list[int]] = defaultdict(list)
        steps: dict[S, list[int]] = defaultdict(list)
        self.size = 0
        for number, (facts, step) in enumerate(situations):
            steps[step].append(number)
            for fact in facts.items():
                found[fact].append(number)
            self.size = number + 1
        for (name, value), numbers in found.items():
            self.values[name][value] = _bits(numbers, self.size)
        for step, numbers in steps.items():
            self.steps[step] = _bits(numbers, self.size)

    def conditions(self, step: S) -> list[Condition] | None:
        """The conditions of a step; None if it takes more of them than anybody would read."""
        wanted = self.steps[step]
        for most in range(1, MOST + 1):
            found = self._split(wanted, wanted, most)
            if found is not None:
                return sorted(found, key=self._order)
        return None

    def _split(self, part: int, wanted: int, most: int) -> list[Condition] | None:
        """Conditions that cover a part of the wanted situations, and only wanted ones."""
        condition = self._around(part)
        if not self._holds(condition) & ~wanted:
            return [self._shortened(condition, wanted)]
        if most > 1:
            for name in self._names():
                found = self._along(name, part, wanted, most)
                if found is not None:
                    return found
        return None

    def _along(self, name: str, part: int, wanted: int, most: int) -> list[Condition] | None:
        """Values of one fact that go with the same values of the others are taken together."""
        alike: dict[tuple[frozenset[Hashable], ...], int] = defaultdict(int)
        for bits in self.values[name].values():
            if part & bits:
                around = self._around(part & bits)
                alike[*(around[other] for other in around if other != name)] |= part & bits
        if not 1 < len(alike) <= most:
            return None
        found: list[Condition] = []
        for piece in alike.values():
            more = self._split(piece, wanted, most - len(alike) + 1)
            if more is None:
                return None
            found += [condition for condition in more if condition not in found]
        return found

    def _around(self, part: int) -> Condition:
        """The narrowest condition that holds in all of them."""
        return {
            name: frozenset(value for value, bits in values.items() if part & bits)
            for name, values in self.values.items()
        }

    def _holds(self, condition: Condition) -> int:
        here = (1 << self.size) - 1
        for name, allowed in condition.items():
            if len(allowed) < len(self.values[name]):
                union = 0
                for value in allowed:
                    union |= self.values[name][value]
                here &= union
        return here

    def _shortened(self, condition: Condition, wanted: int) -> Condition:
        """Without the facts that do not matter."""
        for name in reversed(self._names()):
            rest = {key: value for key, value in condition.items() if key != name}
            if not self._holds(rest) & ~wanted:
                condition = rest
        return condition

    def _names(self) -> list[str]:
        first = [name for name in LAST_TO_GO if name in self.values]
        return first + [name for name in self.values if name not in first]

    def _order(self, condition: Condition) -> list[list[int]]:
        """As the values are declared."""
        places = {
            name: {v: i for i, v in enumerate(values)} for name, values in self.values.items()
        }
        return [
            sorted(places[name][value] for value in condition.get(name, ())) or [-1]
            for name in self._names()
        ]


def _bits(numbers: Iterable[int], size: int) -> int:
    text = bytearray(size // 8 + 1)
    for number in numbers:
        text[number // 8] |= 1 << number % 8
    return int.from_bytes(text, "little")
