"""A run: programs, scenes, many cases at once, and what has to be so when all have ended."""

import concurrent.futures
import contextlib
import dataclasses
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cluster.process import wait_until
from detour_crds import names
from fuzz import installed, programs, scene
from fuzz.cases import Case
from fuzz.programs import Operator
from fuzz.running import Outcome, Running, known_reasons
from unit.chart import server
from unit.chart.locked import api
from unit.chart.rights import migration
from unit.chart.server import Server

NAMESPACES = 6
"""Each has a scene, and the cases whose seed falls to it."""
AT_ONCE = 18
"""Cases: some have a machine to themselves, others meet."""
PLAIN_SECONDS = 300
NOT_FOUND = 404


@dataclasses.dataclass(slots=True)
class Report:
    """What a run has seen.

    Attributes:
        outcomes: one for each case.
        problems: of the whole: what is left, what the operator logged, that it is gone.
        memory_kib: of the operator, before the first case and after the last.
        threads: likewise.
        leases_lost: how often the machine was too busy for the operator to renew its lease.
    """

    outcomes: list[Outcome]
    problems: list[str]
    memory_kib: tuple[int, int]
    threads: tuple[int, int]
    leases_lost: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing was as it must not be."""
        return not self.problems and not any(item.problems for item in self.outcomes)

    def summary(self) -> str:
        """A few lines for people."""
        taken = sum(item.accepted for item in self.outcomes)
        reasons = Counter(reason for item in self.outcomes for reason in item.reasons)
        told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        bad = [item for item in self.outcomes if item.problems]
        lines = [
            f"{len(self.outcomes)} cases, {taken} of them taken by the API server",
            f"reasons: {told}",
            "memory of the operator: {:,} KiB before, {:,} KiB after".format(*self.memory_kib),
            "its threads: {} before, {} after".format(*self.threads),
            f"leases lost, and the process started again: {self.leases_lost}",
            f"{len(bad)} cases with problems, {len(self.problems)} problems of the whole",
            *(f"SEED={item.case.seed} RUNS=1: {'; '.join(item.problems)}" for item in bad),
            *self.problems,
        ]
        return "\n".join(lines)


@contextlib.contextmanager
def prepared(at_a_time: int = 0) -> Iterator[tuple[Server, Operator]]:
    """The programs, with Detour installed.

    Args:
        at_a_time: moves that may be under way; 0 for any number, so that no
            case waits for another one.
    """
    with (
        server.running("RBAC") as asked,
        tempfile.TemporaryDirectory(prefix="detour-fuzz-") as name,
    ):
        installed.install(asked)
        with programs.running(asked, Path(name), at_a_time) as operator:
            yield asked, operator


def run(asked: Server, operator: Operator, chosen: Sequence[Case]) -> Report:
    """Carry all cases out."""
    namespaces = [f"fuzz-{number}" for number in range(NAMESPACES)]
    for namespace in namespaces:
        scene.build(asked, namespace)
    before = {name: scene.objects(asked, name) for name in namespaces}
    memory, threads = operator.memory_kib(), operator.threads()
    code = known_reasons()

    def one(case: Case) -> Outcome:
        namespace = namespaces[case.seed % NAMESPACES]
        return Running(asked, namespace, case, code).outcome()

    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    try:
        outcomes = list(pool.map(one, chosen))
    finally:
        # Who is asked to end does not wait for cases: they fail once the API server is gone.
        pool.shutdown(wait=False, cancel_futures=True)
    problems = list(_plain(asked))
    for namespace in namespaces:
        problems += _left(asked, namespace, before[namespace])
    problems += operator.bugs()
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: operator.ended or operator.is_alive(), "its probe", PLAIN_SECONDS)
    if not operator.is_alive():
        problems.append("the operator has ended, or does not answer its probe")
        return Report(outcomes, problems, (memory, 0), (threads, 0))
    after = (memory, operator.memory_kib()), (threads, operator.threads())
    return Report(outcomes, problems, *after, operator.leases_lost)


def _plain(asked: Server) -> Iterator[str]:
    """A move that nothing is wrong with: locked, cancelled, gone."""
    namespace = "fuzz-plain"
    scene.build(asked, namespace)
    before = scene.objects(asked, namespace)
    path = f"{api(namespace, names.API_VERSION)}/volumemigrations"
    wish = migration(scene.STOPPED, "plain", destination={"claimName": "spare"})
    asked.do("POST", path, wish)
    told: list[dict[str, Any]] = []

    def says(kind: str, status: str) -> bool:
        found = asked.do("GET", f"{path}/plain").get("status", {})
        told[:] = found.get("conditions") or []
        return any(item["type"] == kind and item["status"] == status for item in told)

    try:
        wait_until(lambda: says("Locked", "True"), "its lock", PLAIN_SECONDS)
        asked.do("PATCH", f"{path}/plain", {"spec": {"cancel": True}})
        wait_until(lambda: says("Succeeded", "False"), "its end", PLAIN_SECONDS)
        asked.do("DELETE", f"{path}/plain")
        wait_until(lambda: asked.ask("GET", f"{path}/plain")[0] == NOT_FOUND, "it to go")
    except TimeoutError as error:
        ready = next((item for item in told if item["type"] == "Ready"), {})
        yield f"a plain move: {error}: {ready.get('reason')}: {ready.get('message')}"
        return
    yield from _left(asked, namespace, before)


def _left(asked: Server, namespace: str, before: dict[str, Any]) -> list[str]:
    """What is not as it was, once the garbage collector has had its time."""
    found: list[str] = []

    def is_clean() -> bool:
        now = scene.objects(asked, namespace)
        found[:] = list(_differences(before, now))
        return not found

    with contextlib.suppress(TimeoutError):
        wait_until(is_clean, "nothing to be left", PLAIN_SECONDS)
    return found


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterable[str]:
    for path in sorted({*before, *now}):
        if path not in now:
            yield f"{path} is gone"
        elif path not in before:
            if not _is_to_stay(now[path]):
                yield f"{path} is left"
        elif before[path] != now[path]:
            changed = [key for key in now[path] if before[path].get(key) != now[path][key]]
            yield f"{path} is not as it was: {', '.join(changed)}"


def _is_to_stay(item: dict[str, Any]) -> bool:
    """A claim that was made from a template is its user's (``spec.destination.claimTemplate``)."""
    annotations = item["metadata"].get("annotations") or {}
    return names.DESTINATION_OF_ANNOTATION in annotations
