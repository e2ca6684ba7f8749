"""Looks at everything a decision for one migration rests on.

Whatever cannot be looked at ends the pass (Unreachable): nothing follows from not knowing.
"""

import dataclasses
import threading
import time
from collections.abc import Callable

from detour_crds.attachment_switch import Position
from detour_crds.quantities import bytes_of
from detour_crds.volume_migration import CopyMethod, SourceReclaimPolicy
from detour_operator.adapters import (
    claims,
    events,
    jobs,
    namespaces,
    snapshots,
    storage,
    switches,
    virtual_machines,
)
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.errors import Refused, Unreachable
from detour_operator.reconcile.objects import Meta
from detour_operator.reconcile.times import is_over
from detour_operator.reconcile.turn import GIVEN, Turn, Turns, Wish
from detour_operator.settings import Limits
from detour_operator.storage_side import (
    by_storage,
    copying,
    destination,
    hypervisor,
    offering,
    reading,
)
from detour_operator.storage_side.decision import has_moved, is_ended, method_of, wants_back
from detour_operator.storage_side.observation import (
    Aftermath,
    CopierProgress,
    Observation,
    SeenClaim,
    SeenCopier,
    SeenSwitch,
    Surroundings,
)

PROGRESS_SECONDS = 5.0
STARTING_SECONDS = 15.0
"""So long a pod may take to start before its events are read: some warn where nothing is wrong."""
LOOKS_AT_DESTINATION = (CopyMethod.EXTERNAL, CopyMethod.HYPERVISOR)
ENDS = (Position.DESTINATION, Position.SOURCE)


class Progress:
    """Reads copiers' logs, each at most every few seconds; for all workers together."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._next: dict[tuple[str, str], float] = {}
        self._mutex = threading.Lock()

    def read(self, namespace: str, pod: str) -> CopierProgress | None:
        """How far the copier is; None if it did not say, or was asked just now."""
        if not self._is_due(namespace, pod):
            return None
        try:
            return reading.progress(jobs.last_words(self._api, namespace, pod))
        except (Unreachable, Refused):
            # kubelet may be slow to answer, and refuses while a container is being made; nothing
            # depends on the progress.
            return None

    def _is_due(self, namespace: str, pod: str) -> bool:
        """Whether it may be read now; if so, it is not due again for a while."""
        now = self._clock()
        with self._mutex:
            if now < self._next.get((namespace, pod), now):
                return False
            self._next = {key: at for key, at in self._next.items() if at > now}
            self._next[namespace, pod] = now + PROGRESS_SECONDS
            return True


def gather(
    api: Api, found: FoundMigration, progress: Progress, limits: Limits, turns: Turns
) -> Observation:
    """Look; of an ended migration only at its switch and at what became of its source."""
    switch = _switch(api, found)
    seen = Observation(
        now=events.now(), meta=found.meta, spec=found.spec, status=found.status, switch=switch
    )
    if is_ended(seen):
        return _after_the_end(api, seen)
    ours = switch is not None and switch.ours
    namespace, name = found.meta.namespace, found.meta.name
    seen_jobs = tuple(reading.job(raw) for raw in jobs.of_migration(api, namespace, name))
    copiers = tuple(reading.copier(raw) for raw in jobs.pods_of_migration(api, namespace, name))
    looked = dataclasses.replace(
        seen,
        surroundings=None if ours else _surroundings(api, found),
        rivals=_rivals_at_the_destination(api, found) if ours and not seen_jobs else (),
        jobs=seen_jobs,
        copiers=copiers,
        progress=_progress(progress, namespace, copiers),
        copy_limit_seconds=limits.copying,
        external_limit_seconds=limits.external,
        namespace_ends=namespaces.is_ending(api, namespace),
    )
    looked = dataclasses.replace(looked, turn=_turn(turns, found, looked))
    return hypervisor.with_progress(_made_by_others(api, _with_trouble(api, looked)))


def _turn(turns: Turns, found: FoundMigration, seen: Observation) -> Turn:
    around, begun = seen.surroundings, seen.status.start_time is not None
    if around is None or begun or wants_back(seen) or seen.spec.dry_run:
        return GIVEN
    wanted, there = seen.spec.destination.claim_template, around.destination
    source = around.source
    made = destination.storage_class(wanted, source) if wanted and source else None
    classes = (source and source.storage_class, there.storage_class if there else made)
    wish = Wish(
        namespace=found.meta.namespace,
        name=found.meta.name,
        created=found.raw["metadata"].get("creationTimestamp") or "",
        virtual_machine=seen.spec.virtual_machine.name,
        storage_classes=frozenset(name for name in classes if name),
    )
    return turns.ask(wish)


def _with_trouble(api: Api, seen: Observation) -> Observation:
    """With why a copier does not start, which its own status may not say."""
    namespace = seen.meta.namespace

    def trouble(uid: str, created: str | None) -> str:
        if not is_over(created, seen.now, STARTING_SECONDS):
            return ""
        try:
            told = jobs.last_trouble(api, namespace, uid)
        except (Unreachable, Refused):
            return ""  # words rest on it, and how long one that is not heard of is given
        return f"the copier waits: {told}" if told else ""

    copiers = tuple(
        dataclasses.replace(copier, waiting=trouble(copier.uid, copier.created))
        if copier.pending and not copier.waiting
        else copier
        for copier in seen.copiers
    )
    without = tuple(
        job
        if copiers or job.suspended or job.finished or job.deleting
        else dataclasses.replace(job, waiting=trouble(job.uid, job.created))
        for job in seen.jobs
    )
    return dataclasses.replace(seen, copiers=copiers, jobs=without)


def _made_by_others(api: Api, seen: Observation) -> Observation:
    """With what the storage or somebody else makes, or what a Job is to copy to."""
    namespace, begun = seen.meta.namespace, by_storage.begun(seen.status.copy_method)
    looks = method_of(seen) in LOOKS_AT_DESTINATION or _is_before_a_copy(seen)
    if not begun and not looks:
        return seen
    name = destination.claim_name(seen.meta, seen.spec)
    there, source = _claim(api, namespace, name), seen.status.source_claim
    if not begun:
        return dataclasses.replace(seen, destination=there)
    made = snapshots.of_migration(api, namespace, seen.meta.name)
    pending = there is not None and there.phase == "Pending"
    return dataclasses.replace(
        seen,
        source=_claim(api, namespace, source) if source else None,
        destination=there,
        snapshots=tuple(reading.snapshot(raw) for raw in made),
        not_provisioned=(
            claims.why_not_provisioned(api, namespace, there.uid) if there and pending else None
        ),
    )


def _is_before_a_copy(seen: Observation) -> bool:
    """Whether a copy Job may follow, which is to be told the destination's volume mode."""
    switch = seen.switch
    return switch is not None and switch.ours and not seen.jobs and copying.is_frozen(switch)


def _after_the_end(api: Api, seen: Observation) -> Observation:
    name, uid = seen.status.source_claim, seen.status.source_claim_uid
    if not has_moved(seen) or seen.meta.deleting or name is None or uid is None:
        return seen
    namespace, source = seen.meta.namespace, _claim(api, seen.meta.namespace, name)
    raw = virtual_machines.get(api, namespace, seen.spec.virtual_machine.name)
    machine = None if raw is None else reading.virtual_machine(raw)
    wanted = seen.spec.source_reclaim_policy is SourceReclaimPolicy.DELETE and source is not None
    users = _users(api, seen.meta, name) if wanted else ()
    after = Aftermath(virtual_machine=machine, source=source, source_users=users)
    return dataclasses.replace(seen, aftermath=after)


def _switch(api: Api, found: FoundMigration) -> SeenSwitch | None:
    there = switches.get(api, found.meta.namespace, found.meta.name)
    return None if there is None else reading.switch(there, found.meta.uid)


def _progress(
    progress: Progress, namespace: str, copiers: tuple[SeenCopier, ...]
) -> CopierProgress | None:
    running = [copier for copier in copiers if not (copier.ended or copier.pending)]
    return progress.read(namespace, running[-1].name) if running else None


def _surroundings(api: Api, found: FoundMigration) -> Surroundings:
    namespace, spec = found.meta.namespace, found.spec
    raw = virtual_machines.get(api, namespace, spec.virtual_machine.name)
    machine = None if raw is None else reading.virtual_machine(raw)
    source_name = machine.claims.get(spec.volume) if machine else None
    source = _claim(api, namespace, source_name) if source_name else None
    name = destination.claim_name(found.meta, spec)
    template = spec.destination.claim_template
    there = _claim(api, namespace, name)
    kind = _class(api, found, source)
    made = source if there is None else None
    return Surroundings(
        virtual_machine=machine,
        source=source,
        destination=there,
        storage_class_exists=None if kind is None else bool(kind),
        storage=offering.storage(api, spec, made, kind or {}),
        destination_reaches=offering.reaches(api, namespace, source, there, kind or {}),
        template_bytes=bytes_of(template.size) if template and template.size else None,
        destination_users=_users(api, found.meta, name),
        destination_mounted=any(claims.pods_using(api, namespace, name)),
    )


def _claim(api: Api, namespace: str, name: str) -> SeenClaim | None:
    raw = claims.get(api, namespace, name)
    return None if raw is None else reading.claim(raw)


def _class(api: Api, found: FoundMigration, source: SeenClaim | None) -> Json | None:
    """The class the destination would be created with, empty if it is not there; None if none."""
    template = found.spec.destination.claim_template
    if template is None or source is None:
        return None
    name = destination.storage_class(template, source)
    return (storage.storage_class(api, name) or {}) if name else None


def _users(api: Api, migration: Meta, claim: str) -> tuple[str, ...]:
    namespace = migration.namespace
    return (
        *(f"pod {name}" for name in claims.pods_using(api, namespace, claim)),
        *(f"VirtualMachine {name}" for name in virtual_machines.using(api, namespace, claim)),
        *_rivals(api, migration, claim),
    )


def _rivals(api: Api, migration: Meta, claim: str) -> tuple[str, ...]:
    """Switches under way, not ours, that have a claim at one of their ends."""
    return tuple(
        f"AttachmentSwitch {other.meta.name}"
        for other in switches.in_namespace(api, migration.namespace)
        if other.meta.name != migration.name
        and other.status.position not in ENDS
        and not other.spec.dry_run
        and claim in _claims_of(other)
    )


def _rivals_at_the_destination(api: Api, found: FoundMigration) -> tuple[str, ...]:
    return _rivals(api, found.meta, destination.claim_name(found.meta, found.spec))


def _claims_of(switch: switches.FoundSwitch) -> set[str | None]:
    source = switch.status.compute.source_claim if switch.status.compute else None
    wanted = switch.spec.destination
    return {wanted.claim_name if wanted else None, source.name if source else None}
