"""From the frozen source to a whole copy of it; pure.

``copied`` is recorded under the switch's uid and token once the Job is complete and no copier is
alive. A Job of another switch or token is ended before a new one is created.
"""

from detour_crds.attachment_switch import Position
from detour_crds.conditions import SwitchCondition, is_true
from detour_crds.volume_migration import Copied, Phase
from detour_operator.storage_side import destination
from detour_operator.storage_side.actions import CreateJob, SetPosition, StartJob
from detour_operator.storage_side.decision import (
    AT_ONCE,
    BUSY_SECONDS,
    COPY_FAILED,
    Decision,
    compute_of,
    delete_jobs,
)
from detour_operator.storage_side.observation import Observation, SeenCopier, SeenJob, SeenSwitch

UID_PART = 8


def is_frozen(switch: SeenSwitch) -> bool:
    """Whether the source is frozen, and under the token that the compute side has now."""
    compute, node = compute_of(switch), switch.status.node
    same = node is not None and bool(compute.token) and node.token == compute.token
    return same and is_true(switch.status.conditions, SwitchCondition.SOURCE_FROZEN)


def is_copied(seen: Observation, switch: SeenSwitch) -> bool:
    """Whether the destination is whole, as recorded for this very switch and token."""
    copied = seen.status.copied
    return (
        copied is not None
        and copied.switch_uid == switch.meta.uid
        and copied.token == compute_of(switch).token
    )


def decide(seen: Observation, switch: SeenSwitch) -> Decision:
    """The next step while the source is frozen and the switch is not asked for more."""
    if is_copied(seen, switch):
        return _go_on(seen, switch)
    if seen.status.start_time is None:
        return Decision(phase=Phase.COPYING, facts={"start_time": seen.now}, after=AT_ONCE)
    job = _job_of(seen, switch)
    if any(other is not job for other in seen.jobs):
        message = "waiting for the copiers of an earlier attempt to end"
        return _waiting(message, seen, others_than=job)
    if job is None:
        return _create(seen, switch)
    return _from_job(seen, switch, job)


def _go_on(seen: Observation, switch: SeenSwitch) -> Decision:
    if seen.spec.hold:
        return Decision(phase=Phase.HOLDING)
    complete = SetPosition(switch.meta, Position.DESTINATION)
    return Decision(phase=Phase.MERGING, actions=(complete,))


def _job_of(seen: Observation, switch: SeenSwitch) -> SeenJob | None:
    token = compute_of(switch).token
    return next(
        (
            job
            for job in seen.jobs
            if not job.deleting and (job.switch_uid, job.token) == (switch.meta.uid, token)
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
        return _failed("DestinationInUse", message)
    compute, node = compute_of(switch), switch.status.node
    inspection = node.inspection if node else None
    size = inspection.virtual_size_bytes if inspection else None
    source = compute.source_claim.name if compute.source_claim else None
    if not size or not source or not compute.node or not compute.token:
        message = "waiting for the switch to say what is to be copied, and where"
        return Decision(phase=Phase.COPYING, message=message, after=BUSY_SECONDS)
    job = CreateJob(
        name=f"detour-copy-{seen.meta.uid[:UID_PART]}-{compute.attempt or 1}",
        switch_uid=switch.meta.uid,
        token=compute.token,
        node=compute.node,
        source_claim=source,
        destination_claim=destination.claim_name(seen.meta, seen.spec),
        size_bytes=size,
        se_linux_level=compute.se_linux_level or "",
    )
    return Decision(phase=Phase.COPYING, actions=(job,), after=AT_ONCE)


def _from_job(seen: Observation, switch: SeenSwitch, job: SeenJob) -> Decision:
    if job.suspended:
        start = StartJob(job.name, job.uid)
        return Decision(phase=Phase.COPYING, actions=(start,), after=BUSY_SECONDS)
    if job.failed:
        return _failed(*_why(seen.copiers, job))
    if not job.finished or not all(copier.ended for copier in seen.copiers):
        waiting = next((copier.waiting for copier in seen.copiers if copier.waiting), "")
        return Decision(phase=Phase.COPYING, message=waiting, after=BUSY_SECONDS)
    node = switch.status.node
    size = node.inspection.virtual_size_bytes if node and node.inspection else None
    copied = Copied(switch_uid=job.switch_uid, token=job.token, bytes=size)
    facts = {"copied": copied, "copied_time": seen.now}
    return Decision(phase=Phase.COPYING, facts=facts, after=AT_ONCE)


def _failed(reason: str, message: str) -> Decision:
    """For good: recorded first, then undone."""
    return Decision(
        phase=Phase.CANCELLING, reason=reason, message=message, copy_failed=True, after=AT_ONCE
    )


def _why(copiers: tuple[SeenCopier, ...], job: SeenJob) -> tuple[str, str]:
    """The last copier's own words, else the Job's."""
    told = [copier for copier in copiers if copier.result_reason]
    if told:
        return told[-1].result_reason, told[-1].result_message
    message = job.failure_message or "the copier failed without a word"
    return job.failure_reason or COPY_FAILED, message
