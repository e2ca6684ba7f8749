"""Looks at everything a decision for one migration rests on.

Whatever cannot be looked at ends the pass (Unreachable): nothing follows from not knowing.
"""

import time
from collections.abc import Callable

from detour_crds.attachment_switch import Position
from detour_operator.adapters import claims, events, jobs, switches, virtual_machines
from detour_operator.adapters.client import Api
from detour_operator.adapters.migrations import FoundMigration
from detour_operator.errors import Unreachable
from detour_operator.storage_side import destination, reading
from detour_operator.storage_side.decisions import is_ended
from detour_operator.storage_side.observation import (
    CopierProgress,
    Observation,
    SeenClaim,
    SeenCopier,
    SeenSwitch,
    Surroundings,
)

PROGRESS_SECONDS = 5.0
ENDS = (Position.DESTINATION, Position.SOURCE)


class Progress:
    """Reads copiers' logs, each at most every few seconds."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._next: dict[tuple[str, str], float] = {}

    def read(self, namespace: str, pod: str) -> CopierProgress | None:
        """How far the copier is; None if it did not say, or was asked just now."""
        now = self._clock()
        if now < self._next.get((namespace, pod), now):
            return None
        self._next = {key: at for key, at in self._next.items() if at > now}
        self._next[namespace, pod] = now + PROGRESS_SECONDS
        try:
            return reading.progress(jobs.last_words(self._api, namespace, pod))
        except Unreachable:
            return None  # kubelet may be slow to answer; nothing depends on the progress


def gather(api: Api, found: FoundMigration, progress: Progress) -> Observation:
    """Look; of an ended migration only at its switch."""
    switch = _switch(api, found)
    seen = Observation(
        now=events.now(), meta=found.meta, spec=found.spec, status=found.status, switch=switch
    )
    if is_ended(seen):
        return seen
    ours = switch is not None and switch.ours
    namespace, name = found.meta.namespace, found.meta.name
    seen_jobs = tuple(reading.job(raw) for raw in jobs.of_migration(api, namespace, name))
    copiers = tuple(reading.copier(raw) for raw in jobs.pods_of_migration(api, namespace, name))
    return Observation(
        now=seen.now,
        meta=found.meta,
        spec=found.spec,
        status=found.status,
        switch=switch,
        surroundings=None if ours else _surroundings(api, found),
        rivals=_rivals(api, found) if ours and not seen_jobs else (),
        jobs=seen_jobs,
        copiers=copiers,
        progress=_progress(progress, namespace, copiers),
    )


def _switch(api: Api, found: FoundMigration) -> SeenSwitch | None:
    there = switches.get(api, found.meta.namespace, found.meta.name)
    return None if there is None else reading.switch(there, found.meta.uid)


def _progress(
    progress: Progress, namespace: str, copiers: tuple[SeenCopier, ...]
) -> CopierProgress | None:
    running = [copier for copier in copiers if not copier.ended and not copier.waiting]
    return progress.read(namespace, running[-1].name) if running else None


def _surroundings(api: Api, found: FoundMigration) -> Surroundings:
    namespace, spec = found.meta.namespace, found.spec
    raw = virtual_machines.get(api, namespace, spec.virtual_machine.name)
    machine = None if raw is None else reading.virtual_machine(raw)
    source_name = machine.claims.get(spec.volume) if machine else None
    source = _claim(api, namespace, source_name) if source_name else None
    name = destination.claim_name(found.meta, spec)
    template = spec.destination.claim_template
    return Surroundings(
        virtual_machine=machine,
        source=source,
        destination=_claim(api, namespace, name),
        storage_class_exists=_class_exists(api, found, source),
        template_bytes=claims.bytes_of(template.size) if template and template.size else None,
        destination_users=_users(api, found, name),
    )


def _claim(api: Api, namespace: str, name: str) -> SeenClaim | None:
    raw = claims.get(api, namespace, name)
    return None if raw is None else reading.claim(raw)


def _class_exists(api: Api, found: FoundMigration, source: SeenClaim | None) -> bool | None:
    template = found.spec.destination.claim_template
    if template is None or source is None:
        return None
    name = destination.storage_class(template, source)
    return claims.storage_class_exists(api, name) if name else None


def _users(api: Api, found: FoundMigration, claim: str) -> tuple[str, ...]:
    namespace = found.meta.namespace
    return (
        *(f"pod {name}" for name in claims.pods_using(api, namespace, claim)),
        *(f"VirtualMachine {name}" for name in virtual_machines.using(api, namespace, claim)),
        *_rivals(api, found),
    )


def _rivals(api: Api, found: FoundMigration) -> tuple[str, ...]:
    """Switches under way, not ours, that have our destination at one of their ends."""
    claim = destination.claim_name(found.meta, found.spec)
    return tuple(
        f"AttachmentSwitch {other.meta.name}"
        for other in switches.in_namespace(api, found.meta.namespace)
        if other.meta.name != found.meta.name
        and other.status.position not in ENDS
        and claim in _claims_of(other)
    )


def _claims_of(switch: switches.FoundSwitch) -> set[str | None]:
    source = switch.status.compute.source_claim if switch.status.compute else None
    wanted = switch.spec.destination
    return {wanted.claim_name if wanted else None, source.name if source else None}
