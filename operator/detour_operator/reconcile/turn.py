"""Whose turn it is to begin, as one side asks; who answers sees the moves of the whole cluster."""

import dataclasses
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A move that could begin.

    Attributes:
        namespace: of migration and virtual machine.
        name: of the migration.
        created: when, as the API writes it; who came first begins first.
        virtual_machine: whose node has work by it.
        storage_classes: of source and destination, as far as these have one.
    """

    namespace: str
    name: str
    created: str
    virtual_machine: str
    storage_classes: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """Whether it may begin; ``why`` not, for people."""

    given: bool = True
    why: str = ""


GIVEN = Turn()


class Turns(Protocol):
    """Answers, and keeps the place of who has asked."""

    def ask(self, wish: Wish) -> Turn:
        """Whether it may begin now; from then on it waits, or has its turn.

        Raises:
            Unreachable: it is not known what is under way.
        """

    def withdraw(self, namespace: str, name: str) -> None:
        """It does not begin after all; no error if it has not asked."""


class Unlimited:
    """Everybody begins at once."""

    def ask(self, wish: Wish) -> Turn:
        """Yes."""
        del wish
        return GIVEN

    def withdraw(self, namespace: str, name: str) -> None:
        """There is no place to give up."""
