"""From the frozen source to a whole copy of it; pure.

``copied`` is recorded under the switch's uid and token once the Job is complete and no copier is
alive. A Job of another switch, token, method or verification is ended before a new one is created.
Where the storage makes the destination (``by_storage``), or somebody else does (``external``), the
Job copies nothing: it sees that it is there, and compares it with the source if that is asked for.
A claim that was there before is seen to be empty first (``emptiness``).
"""

import dataclasses

from detour_crds.attachment_switch import Position
from detour_crds.conditions import Status, SwitchCondition, is_true
from detour_crds.quantities import bytes_of
from detour_crds.volume_migration import (
    Copied,
    CopyMethod,
    IoPriority,
    Phase,
    Verify,
    VolumeMode,
)
from detour_operator.reconcile.times import is_over
from detour_operator.storage_side import (
    by_storage,
    destination,
    emptiness,
    external,
    fallback,
    methods,
    snapshot,
    verification,
)
from detour_operator.storage_side.actions import CreateJob, SetPosition, StartJob
from detour_operator.storage_side.decision import (
    AT_ONCE,
    BUSY_SECONDS,
    COPY_FAILED,
    Decision,
    compute_of,
    copy_gave_up,
    delete_jobs,
    method_of,
)
from detour_operator.storage_side.observation import Observation, SeenCopier, SeenJob, SeenSwitch

UID_PART = 8
UNHEARD = 4


def is_frozen(switch: SeenSwitch) -> bool:
    """Whether the source is frozen, and under the token that the compute side has now."""
    compute, node = compute_of(switch), switch.status.node
    # Of a machine that was stopped at the start no node agent has anything to report.
    told = compute.offline or (node is not None and node.token == compute.token)
    return (
        bool(compute.token)
        and bool(told)
        and is_true(switch.status.conditions, SwitchCondition.SOURCE_FROZEN)
    )


def is_copied(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether the destination is whole, as recorded for this very switch and token."""
    copied = seen.status.copied
    return (
        copied is not None
        and copied.switch_uid == switch.meta.uid
        and copied.token == compute_of(switch).token
        and (bool(copied.verified) or not verification.is_asked(seen))
    )


def decide(seen: Observation, switch: SeenSwitch) -> Decision:
    """The next step while the source is frozen and the switch is not asked for more."""
    if is_copied(seen, switch):
        return _go_on(seen, switch)
    if seen.status.start_time is None:
        return Decision(phase=Phase.COPYING, facts={"start_time": seen.now}, after=AT_ONCE)
    if method_of(seen) is CopyMethod.EXTERNAL and not external.is_to_be_verified(seen, switch):
        return external.decide(seen, switch)
    trouble = by_storage.trouble(seen, switch)
    if trouble is not None:
        return fallback.give_up(seen, *trouble)
    job = _job_of(seen, switch)
    if any(other is not job for other in seen.jobs):
        message = "waiting for the copiers of an earlier attempt to end"
        return _waiting(message, seen, others_than=job)
    late = by_storage.is_late(switch) and method_of(seen) is not CopyMethod.HYPERVISOR
    if job is not None and late and not by_storage.is_fit(seen, switch):
        return _waiting("waiting for the copiers of another claim to end", seen, None)
    if job is None:
        return _create(seen, switch)
    return _from_job(seen, switch, job)


def _go_on(seen: Observation, switch: SeenSwitch) -> Decision:
    done = snapshot.delete_all(seen)
    unnamed = by_storage.naming(seen, switch)
    if unnamed is not None:
        return dataclasses.replace(unnamed, actions=(*done, *unnamed.actions))
    if seen.spec.hold:
        return Decision(phase=Phase.HOLDING, actions=done)
    complete = SetPosition(switch.meta, Position.DESTINATION)
    return Decision(phase=Phase.MERGING, actions=(*done, complete))


def _job_of(seen: Observation, switch: SeenSwitch) -> SeenJob | None:
    looks = emptiness.is_to_be_seen(seen, switch)
    verify = Verify.NONE if looks else seen.spec.copy.verify
    wanted = (switch.meta.uid, compute_of(switch).token, method_of(seen), verify, looks)
    return next(
        (
            job
            for job in seen.jobs
            if not job.deleting
            and (job.switch_uid, job.token, job.method, job.verify, job.looks) == wanted
        ),
        None,
    )


def _waiting(message: str, seen: Observation, others_than: SeenJob | None) -> Decision:
    name = others_than.name if others_than else ""
    actions = tuple(action for action in delete_jobs(seen) if action.name != name)
    return Decision(phase=Phase.COPYING, message=message, actions=actions, after=BUSY_SECONDS)


def _create(seen: Observation, switch: SeenSwitch) -> Decision:
    if not all(copier.ended for copier in seen.copiers):
        return _waiting("waiting for the copiers of an earlier attempt to end", seen, None)
    if seen.rivals:
        message = f"the destination claim is used by {', '.join(seen.rivals)} as well"
        return copy_gave_up("DestinationInUse", message)
    late = by_storage.is_late(switch) and method_of(seen) is not CopyMethod.HYPERVISOR
    not_yet = by_storage.destination_decision(seen, switch) if late else None
    return not_yet or _create_job(seen, switch)


def _create_job(seen: Observation, switch: SeenSwitch) -> Decision:
    method, compute, size = method_of(seen), compute_of(switch), _guest_bytes(switch)
    source = compute.source_claim.name if compute.source_claim else None
    where_and_what = compute.offline or (compute.node and size)
    looks = emptiness.is_to_be_seen(seen, switch)
    noted = emptiness.is_noted(seen, switch) or not looks
    if not source or not noted or not compute.token or not where_and_what:
        message = "waiting for the switch to say what is to be copied, and where"
        return Decision(phase=Phase.COPYING, message=message, after=BUSY_SECONDS)
    block = compute.volume_mode is VolumeMode.BLOCK
    job = CreateJob(
        name=f"detour-copy-{seen.meta.uid[:UID_PART]}-{compute.attempt or 1}",
        switch_uid=switch.meta.uid,
        token=compute.token,
        node=None if compute.offline else compute.node,
        source_claim=source,
        copies=method in emptiness.WRITES,
        verify=seen.spec.copy.verify,
        bytes_per_second=_limit(seen),
        idle=seen.spec.copy.io_priority is IoPriority.IDLE,
        destination_claim=destination.claim_name(seen.meta, seen.spec),
        size_bytes=size,
        method=method,
        source_block=block,
        destination_block=seen.destination.block if seen.destination else block,
        se_linux_level=compute.se_linux_level or "",
    )
    job = emptiness.looking(job) if looks else job
    return _told(seen, Decision(phase=Phase.COPYING, actions=(job,), after=AT_ONCE))


def _limit(seen: Observation) -> int | None:
    limit = seen.spec.copy.bandwidth_limit
    return None if limit is None else bytes_of(limit)


def _told(seen: Observation, decision: Decision) -> Decision:
    """The decision with what ``Copied`` says where there is no progress in bytes."""
    if seen.switch is not None and emptiness.is_to_be_seen(seen, seen.switch):
        return emptiness.told(decision)
    if method_of(seen) not in methods.BY_STORAGE or decision.facts:
        return decision
    if verification.is_running(seen):
        return decision
    name = destination.claim_name(seen.meta, seen.spec)
    message = f"the storage is making the claim {name}"
    condition = fallback.copying(Status.UNKNOWN, "Restoring", decision.message or message)
    return dataclasses.replace(decision, told=(condition,))


def _guest_bytes(switch: SeenSwitch) -> int | None:
    """The disk as the guest sees it; None for a stopped one: its image is copied as it is."""
    if compute_of(switch).offline:
        return None
    node = switch.status.node
    return node.inspection.virtual_size_bytes if node and node.inspection else None


def _from_job(seen: Observation, switch: SeenSwitch, job: SeenJob) -> Decision:
    if job.suspended:
        start = StartJob(job.name, job.uid)
        decision = Decision(phase=Phase.COPYING, actions=(start,), after=BUSY_SECONDS)
        return _told(seen, decision)
    if job.failed:
        reason, message = _why(seen.copiers, job)
        if verification.ends_it(seen, reason):
            return copy_gave_up(reason, message)
        return fallback.give_up(seen, reason, message)
    if not job.finished or not all(copier.ended for copier in seen.copiers):
        waiting = next((copier.waiting for copier in seen.copiers if copier.waiting), job.waiting)
        if _is_stuck(seen, waiting):
            limit = f"the copy has not got on for {seen.copy_limit_seconds:g} seconds"
            message = f"{limit}: {waiting}" if waiting else limit
            return fallback.give_up(seen, "CopyStuck", message)
        decision = Decision(phase=Phase.COPYING, message=waiting, after=BUSY_SECONDS)
        return _told(seen, decision)
    if job.looks:
        return emptiness.found(seen, switch)
    size = _guest_bytes(switch) or next(
        (copier.result_bytes for copier in seen.copiers if copier.result_bytes), None
    )
    late = seen.destination if by_storage.is_late(switch) else None
    copied = Copied(
        switch_uid=job.switch_uid,
        token=job.token,
        bytes=size,
        verified=True if verification.is_asked(seen) else None,
        claim_uid=late.uid if late else None,
    )
    facts = {"copied": copied, "copied_time": seen.now, **_shared(seen)}
    return Decision(phase=Phase.COPYING, facts=facts, after=AT_ONCE)


def _shared(seen: Observation) -> dict[str, object]:
    """That nothing had to be copied is told with the method."""
    chosen = seen.status.copy_method
    if chosen is None or not any(copier.shared_blocks for copier in seen.copiers):
        return {}
    reason = "source and destination are on one file system, which shares their blocks (reflink)"
    return {"copy_method": dataclasses.replace(chosen, reason=reason)}


def has_got_on(seen: Observation) -> bool:
    """Whether the copier has said that it is further than it was."""
    if seen.progress is None:
        return False
    before, done = seen.status.progress, seen.progress.bytes_done
    if before is None:
        return True
    if seen.progress.verifying:
        return before.bytes_verified is None or done > before.bytes_verified
    return done > (before.bytes_done or 0)


def got_on_last(seen: Observation) -> str | None:
    """When that was, or when the source was frozen."""
    before = seen.status.progress
    since = (before.advanced_time if before else None) or seen.status.start_time
    # A method that took over begins anew: times are text that sorts, all in UTC.
    begun = [job.created for job in seen.jobs if job.created]
    return max([*begun, since]) if since else since


def _is_stuck(seen: Observation, waiting: str) -> bool:
    """Whether the copy is to be given up.

    A copier of which nothing can be heard is given four times as long: it may be well.
    """
    if has_got_on(seen) or by_storage.is_making(seen):
        return False
    heard = seen.progress is not None or bool(waiting)
    limit = seen.copy_limit_seconds * (1 if heard else UNHEARD)
    limit += verification.seconds_for_a_step(seen, _limit(seen))
    return is_over(got_on_last(seen), seen.now, limit)


def _why(copiers: tuple[SeenCopier, ...], job: SeenJob) -> tuple[str, str]:
    """The last copier's own words, else the Job's."""
    told = [copier for copier in copiers if copier.result_reason]
    if told:
        return told[-1].result_reason, told[-1].result_message
    message = job.failure_message or "the copier failed without a word"
    return job.failure_reason or COPY_FAILED, message
