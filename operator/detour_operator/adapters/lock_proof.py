"""Proves that the lock bites: what it must refuse is tried, as a dry run, at every API server.

A server that has not heard of the lock yet would let the machine live-migrate or restart onto the
frozen source (recovery, ordering: the lock is on at every API server before the start). Only a
refusal by our own policy in the name of this very switch counts. Policies about what cannot be
tried are looked at instead (``lock_policies``).

Servers that cannot be asked one by one are asked over and over by new connections, each of which
may lead to another one, and for longer than a server needs to hear of a lock. Once that was proven
whichever the operator is connected to is asked: that a policy has gone all of them hear in time.
"""

import dataclasses
import threading
import time
from collections.abc import Callable

from detour_operator.adapters.api_servers import ApiServers
from detour_operator.adapters.client import Api
from detour_operator.adapters.lock_attempts import BITES, Answer, Trial, ask_one
from detour_operator.adapters.lock_policies import LockPolicies
from detour_operator.errors import Forbidden, Unreachable

SETTLE_SECONDS = 4.0
"""A server looks once a second which policies and parameters there are (apiserver 1.36,
``policyRefreshIntervalDefault``); parameters reach it by a watch."""
TRIALS_EACH = 6
"""New connections in a pass for each server there may be."""
FEWEST_SERVERS = 3
"""As many there may be if nobody says how many there are."""
LEAST_TRIALS_EACH = 12
"""Before the first proof. One of three servers is missed by 36 connections once in two million."""


@dataclasses.dataclass(slots=True)
class _Streak:
    """Refusals in a row, with none that was missing."""

    since: float
    trials: int = 0


class LockProof:
    """Asks every API server; remembers since when those behind one address have all refused."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._policies = LockPolicies(api, clock)
        self._servers = ApiServers(api, clock)
        self._clock = clock
        self._streaks: dict[Trial, _Streak] = {}
        self._mutex = threading.Lock()

    def ask(self, trial: Trial, *, proven: bool) -> Answer:
        """Whether all refuse.

        Args:
            trial: the lock.
            proven: the lock was seen to bite before, and has not been off since.

        Raises:
            Unreachable: nobody could be asked.
        """
        incomplete = self._incomplete(proven=proven)
        if incomplete is not None:
            return incomplete
        servers = self._servers.find()
        hidden, answers = servers.hidden, []
        for server in servers.addressed:
            try:
                answers.append(ask_one(server, trial, proven=proven))
            except Unreachable:
                self._servers.leave_out(server)
                hidden = True
                continue
            if not answers[-1].bites and not answers[-1].namespace_ends:
                return answers[-1]
        if hidden:
            number = max(servers.number or FEWEST_SERVERS, len(servers.addressed))
            answers.append(self._of_hidden(trial, number, proven=proven))
        return _together(answers)

    def forget(self, trial: Trial) -> None:
        """The lock is off: a later one is proven from the beginning."""
        with self._mutex:
            self._streaks.pop(trial, None)

    def _incomplete(self, *, proven: bool) -> Answer | None:
        try:
            wrong = self._policies.complaint(anew=not proven)
        except Forbidden as error:
            message = f"it cannot be seen whether the lock's policies are there: {error.message}"
            return Answer(bites=False, reason="LockNotProven", message=message)
        if wrong is None:
            return None
        message = f"{wrong}: install Detour's chart again, with helm upgrade; this goes on then"
        return Answer(bites=False, reason="LockIncomplete", message=message)

    def _of_hidden(self, trial: Trial, number: int, *, proven: bool) -> Answer:
        if proven:
            answer = ask_one(self._api, trial, proven=True)
            if not answer.namespace_ends:
                return answer
            # That is for all of them to say.
        return self._by_new_connections(trial, number, proven=proven)

    def _by_new_connections(self, trial: Trial, number: int, *, proven: bool) -> Answer:
        with self._mutex:
            streak = self._streaks.setdefault(trial, _Streak(self._clock()))
        answers = []
        for _ in range(TRIALS_EACH * number):
            with self._servers.by_new_connection() as server:
                answers.append(ask_one(server, trial, proven=proven))
            if not answers[-1].bites and not answers[-1].namespace_ends:
                self.forget(trial)
                return answers[-1]
        streak.trials += TRIALS_EACH * number
        waited = self._clock() - streak.since
        if proven or (waited >= SETTLE_SECONDS and streak.trials >= LEAST_TRIALS_EACH * number):
            return _together(answers)
        message = (
            f"the API servers cannot be asked one by one: {streak.trials} connections in"
            f" {waited:.0f} s were refused what the lock must refuse, and more are tried"
        )
        return Answer(bites=False, reason="LockNotProven", message=message)


def _together(answers: list[Answer]) -> Answer:
    """The first that does not bite, else a refusal; of a namespace's end all must speak."""
    ends = all(answer.namespace_ends for answer in answers)
    first = next((answer for answer in answers if not answer.bites), BITES)
    return dataclasses.replace(first, namespace_ends=ends)
