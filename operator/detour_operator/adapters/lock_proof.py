"""Proves that the lock bites: a live migration is tried, as a dry run, at every API server.

A server that has not heard of the lock yet would let the machine live-migrate or restart onto the
frozen source (recovery, ordering: the lock is on at every API server before the start). Only a
refusal by our own policy in the name of this very switch counts.

Servers that cannot be asked one by one are asked over and over by new connections, each of which
may lead to another one, and for longer than a server needs to hear of a lock.
"""

import dataclasses
import threading
import time
from collections.abc import Callable

from detour_operator.adapters.api_servers import ApiServers
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import LIVE_MIGRATIONS
from detour_operator.errors import Conflict, Forbidden, Refused, Unreachable

POLICY = "detour-lock-live-migrations"
"""Name of the ValidatingAdmissionPolicy in the chart."""
SETTLE_SECONDS = 4.0
"""A server looks once a second which policies and parameters there are (apiserver 1.36,
``policyRefreshIntervalDefault``); parameters reach it by a watch."""
TRIALS_EACH = 6
"""New connections in a pass for each server there may be."""
FEWEST_SERVERS = 3
"""As many there may be if nobody says how many there are."""
LEAST_TRIALS_EACH = 12
"""Before the first proof. One of three servers is missed by 36 connections once in two million."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API servers said; with reason and message where one did not refuse as it must.

    ``namespace_ends``: all of them said that nothing can be created in the namespace any more.
    """

    bites: bool
    namespace_ends: bool = False
    reason: str = ""
    message: str = ""


BITES = Answer(bites=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """A live migration that the lock of a switch has to refuse."""

    namespace: str
    machine: str
    switch: str


@dataclasses.dataclass(slots=True)
class _Streak:
    """Refusals in a row, with none that was missing."""

    since: float
    trials: int = 0


class LockProof:
    """Asks every API server; remembers since when those behind one address have all refused."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._servers = ApiServers(api)
        self._clock = clock
        self._streaks: dict[Trial, _Streak] = {}
        self._mutex = threading.Lock()

    def ask(self, trial: Trial, *, proven: bool) -> Answer:
        """Whether all refuse.

        Args:
            trial: what is tried.
            proven: the lock was seen to bite before, and has not been off since.

        Raises:
            Unreachable: nobody could be asked.
        """
        servers = self._servers.find()
        hidden, answers = servers.hidden, []
        for server in servers.addressed:
            try:
                answers.append(_ask_one(server, trial, proven=proven))
            except Unreachable:
                hidden = True
                continue
            if not answers[-1].bites and not answers[-1].namespace_ends:
                return answers[-1]
        if hidden:
            number = max(servers.number or FEWEST_SERVERS, len(servers.addressed))
            answers.append(self._by_new_connections(trial, number, proven=proven))
        return _together(answers)

    def forget(self, trial: Trial) -> None:
        """The lock is off: a later one is proven from the beginning."""
        with self._mutex:
            self._streaks.pop(trial, None)

    def _by_new_connections(self, trial: Trial, number: int, *, proven: bool) -> Answer:
        with self._mutex:
            streak = self._streaks.setdefault(trial, _Streak(self._clock()))
        answers = []
        for _ in range(TRIALS_EACH * number):
            with self._servers.by_new_connection() as server:
                answers.append(_ask_one(server, trial, proven=proven))
            if not answers[-1].bites and not answers[-1].namespace_ends:
                self.forget(trial)
                return answers[-1]
        streak.trials += TRIALS_EACH * number
        waited = self._clock() - streak.since
        if proven or (waited >= SETTLE_SECONDS and streak.trials >= LEAST_TRIALS_EACH * number):
            return _together(answers)
        message = (
            f"the API servers cannot be asked one by one: {streak.trials} connections in"
            f" {waited:.0f} s were refused the live migration, and more are tried"
        )
        return Answer(bites=False, reason="LockNotProven", message=message)


def _ask_one(api: Api, trial: Trial, *, proven: bool) -> Answer:
    try:
        api.create(LIVE_MIGRATIONS, trial.namespace, _manifest(trial), dry_run=True)
    except Forbidden as error:
        if _namespace_ends(error.message, trial.namespace):
            told = dataclasses.replace(_not_proven(error.message), namespace_ends=True)
            return dataclasses.replace(BITES, namespace_ends=True) if proven else told
        return _judge(error.message, trial.switch)
    except (Refused, Conflict) as error:
        return _not_proven(str(error))
    return Answer(
        bites=False,
        reason="LockNotEffective",
        message=(
            f"the API server would accept a live migration of {trial.machine}: the policy {POLICY}"
            " of Detour's chart is missing, or has not taken effect yet"
        ),
    )


def _together(answers: list[Answer]) -> Answer:
    """The first that does not bite, else a refusal; of a namespace's end all must speak."""
    ends = all(answer.namespace_ends for answer in answers)
    first = next((answer for answer in answers if not answer.bites), BITES)
    return dataclasses.replace(first, namespace_ends=ends)


def _namespace_ends(message: str, namespace: str) -> bool:
    """Whether nothing can be created in the namespace any more, a live migration included.

    It is asked before the policies (apiserver 1.36, ``lifecycle``): without this a move that is
    under way could not be ended, nor its namespace be deleted (measured).
    """
    return f"namespace {namespace} because it is being terminated" in message


def _judge(message: str, switch: str) -> Answer:
    ours = f"ValidatingAdmissionPolicy '{POLICY}'" in message
    return BITES if ours and f"AttachmentSwitch {switch} " in message else _not_proven(message)


def _not_proven(message: str) -> Answer:
    told = f"the trial of the lock was refused by something else: {message}"
    return Answer(bites=False, reason="LockNotProven", message=told)


def _manifest(trial: Trial) -> Json:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": f"detour-trial-{trial.switch}"[:253].rstrip("-.")},
        "spec": {"vmiName": trial.machine},
    }
