"""Asks Detour itself whether a disk could be moved, by a VolumeMigration with ``spec.dryRun``.

It changes nothing (docs/gitops.md) and is deleted once it has answered, and when the asking is
interrupted.
"""

from typing import Final

from detour_kubectl.domain import manifests, migrations, verdicts
from detour_kubectl.domain.manifests import Wish
from detour_kubectl.domain.verdicts import Judgement
from detour_kubectl.looking import machines
from detour_kubectl.looking.migrations import absent
from detour_kubectl.port import MIGRATIONS, Clock, Cluster

EVERY_SECONDS: Final = 0.5
GONE_SECONDS: Final = 30.0
"""As long is waited for it to go: one more of the same VM would be told that it is busy."""


def ask(
    cluster: Cluster, clock: Clock, namespace: str, name: str, wish: Wish, *, seconds: float
) -> Judgement:
    """The answer, or that there was none within so many seconds."""
    made = cluster.create(MIGRATIONS, namespace, manifests.dry_run(wish, namespace, name))
    its_name = str(made["metadata"]["name"])
    try:
        return _answer(cluster, clock, namespace, its_name, machine=wish.machine, seconds=seconds)
    finally:
        cluster.delete(MIGRATIONS, namespace, its_name)
        _until_gone(cluster, clock, namespace, its_name)


def _answer(
    cluster: Cluster, clock: Clock, namespace: str, name: str, *, machine: str, seconds: float
) -> Judgement:
    start = clock.now()
    while True:
        raw = cluster.get(MIGRATIONS, namespace, name)
        if raw is None:
            raise absent(namespace, name)
        found = migrations.read(raw)
        running = machines.is_running(cluster, namespace, machine)
        answer = verdicts.judge(found, running=running)
        if answer is not None:
            return answer
        if (clock.now() - start).total_seconds() >= seconds:
            return verdicts.unanswered(found)
        clock.sleep(EVERY_SECONDS)


def _until_gone(cluster: Cluster, clock: Clock, namespace: str, name: str) -> None:
    start = clock.now()
    while cluster.get(MIGRATIONS, namespace, name) is not None:
        if (clock.now() - start).total_seconds() >= GONE_SECONDS:
            return
        clock.sleep(EVERY_SECONDS)
