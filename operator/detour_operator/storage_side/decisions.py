"""What to do next for one migration, from what is seen now; pure and total.

Read from the goal backwards, so that a pass after a crash anywhere falls into the right line. The
status of a decision is durable before its actions are carried out:

- ``startTime`` before a copy Job is created, so that it is known of a switch that is gone whether
  it had frozen the source;
- ``Copied=False`` with its reason before the failed Job is deleted;
- ``copied`` before the switch is asked for Destination.

No copier is alive, and none can start, when ``copied`` is written or the switch is asked for
Source.
"""

import dataclasses

from detour_crds.attachment_switch import AttachmentSwitchSpec, DestinationClaim, Order, Position
from detour_crds.conditions import Status, SwitchCondition, find, is_true
from detour_crds.names import MIGRATION_FINALIZER
from detour_crds.volume_migration import CopyMethod, Phase
from detour_operator.storage_side import (
    after_the_end,
    copying,
    destination,
    discarding,
    dry_run,
    going_back,
    hypervisor,
    methods,
    preflight,
    snapshot,
    starting_again,
    when_stopped,
)
from detour_operator.storage_side.actions import (
    Action,
    AddFinalizer,
    CreateSwitch,
    SetTrust,
    TakeTrustBack,
)
from detour_operator.storage_side.decision import (
    ALREADY_THERE,
    AT_ONCE,
    BUSY_SECONDS,
    HOLD_TOO_LATE,
    LOOK_SECONDS,
    QUEUED,
    QUEUED_SECONDS,
    TOO_LATE,
    Decision,
    compute_of,
    copiers_may_live,
    delete_jobs,
    is_ended,
    is_past_return,
    wants_back,
)
from detour_operator.storage_side.observation import Observation, SeenSwitch


def decide(seen: Observation) -> Decision:
    """The next step; safe to repeat after a crash at any point."""
    if is_ended(seen):
        return after_the_end.decide(seen)
    if MIGRATION_FINALIZER not in seen.meta.finalizers:
        return _first_visit(seen)
    if seen.switch is not None and seen.switch.ours:
        decision = _with_switch(seen, seen.switch)
        return when_stopped.passed_on(seen, seen.switch, decision)
    if seen.status.start_time is not None:
        return _switch_lost(seen)
    if wants_back(seen):
        return going_back.without_switch(seen)
    return starting_again.pause(seen) or _start(seen)


def _first_visit(seen: Observation) -> Decision:
    if seen.meta.deleting:
        return Decision(phase=None, after=None)
    return Decision(phase=Phase.PENDING, actions=(AddFinalizer(),), after=AT_ONCE)


def _start(seen: Observation) -> Decision:
    if seen.switch is not None:
        message = (
            f"an AttachmentSwitch {seen.meta.name} exists that is not of this migration; wait "
            "until it has ended, or choose another name"
        )
        return _refused("SwitchExists", message)
    if seen.surroundings is None:
        return Decision(phase=Phase.PENDING, after=BUSY_SECONDS)
    leftover = discarding.leftover(seen, seen.surroundings)
    if leftover is not None:
        return leftover
    plan = preflight.check(seen, seen.surroundings)
    if isinstance(plan, preflight.Refusal):
        return _refused(plan.reason, plan.message)
    if isinstance(plan, preflight.AlreadyThere):
        return _already_there(seen, plan.claim)
    if not seen.turn.given and not seen.spec.dry_run:
        return Decision(
            phase=Phase.PENDING, reason=QUEUED, message=seen.turn.why, after=QUEUED_SECONDS
        )
    facts = {
        "source_claim": plan.source.name,
        "source_claim_uid": plan.source.uid,
        "destination_claim": plan.destination.name,
        "copy_method": plan.method,
    }
    by_itself = plan.method.name in methods.BY_STORAGE
    create = None if seen.spec.dry_run or by_itself else plan.create
    named = not by_itself and not _is_to_be_seen_first(seen, plan)
    name = plan.destination.name if named else None
    action = create or CreateSwitch(_switch_spec(seen, name))
    return Decision(phase=Phase.PREPARING, facts=facts, actions=(action,), after=AT_ONCE)


def _is_to_be_seen_first(seen: Observation, plan: preflight.Plan) -> bool:
    """Whether the switch gets the claim's name only once that was seen to be empty."""
    wanted = seen.spec.destination
    by_qemu = plan.method.name == CopyMethod.HYPERVISOR
    there = bool(wanted.claim_name) and not wanted.overwrite
    return by_qemu and there and seen.status.empty_claim_uid != plan.destination.uid


def _already_there(seen: Observation, claim: str) -> Decision:
    message = f"the disk is on the claim {claim} already: nothing was moved"
    facts = {"destination_claim": claim, "completion_time": seen.now}
    return Decision(
        phase=Phase.SUCCEEDED, reason=ALREADY_THERE, message=message, facts=facts, after=None
    )


def _refused(reason: str, message: str) -> Decision:
    return Decision(phase=Phase.REFUSED, reason=reason, message=message, after=LOOK_SECONDS)


def _switch_spec(seen: Observation, claim: str | None) -> AttachmentSwitchSpec:
    """Without a claim where that is made from the frozen source."""
    return AttachmentSwitchSpec(
        virtual_machine=seen.spec.virtual_machine,
        volume=seen.spec.volume,
        destination=DestinationClaim(claim_name=claim) if claim else None,
        overlay=seen.spec.overlay,
        mirror=hypervisor.mirror(seen.spec),
        handover=seen.spec.handover,
        when_stopped=seen.spec.when_stopped,
        dry_run=seen.spec.dry_run,
        position=Position.FROZEN,
    )


def _switch_lost(seen: Observation) -> Decision:
    """A switch that had frozen the source is gone: its finalizer let it go at one of its ends.

    Which of the two, the virtual machine and the compute side's mark on the claim say: once the
    lock is off, anybody may have the machine name any claim.
    """
    if seen.jobs or copiers_may_live(seen):
        message = "the AttachmentSwitch is gone; waiting for the copier to end"
        actions = delete_jobs(seen)
        return Decision(
            phase=Phase.CANCELLING, message=message, actions=actions, after=BUSY_SECONDS
        )
    around = seen.surroundings
    machine = around.virtual_machine if around else None
    claim = machine.claims.get(seen.spec.volume) if machine else None
    named = claim is not None and claim == destination.claim_name(seen.meta, seen.spec)
    there = around.destination if around and named else None
    if there is not None and preflight.holds_disk(seen.spec, there):
        return _complete(seen)
    on_source = claim is not None and claim == seen.status.source_claim
    left = discarding.left(seen, claim=on_source)
    if left is not None:
        return left
    if wants_back(seen):
        return going_back.without_switch(seen)
    message = going_back.SWITCH_DELETED_MESSAGE
    if named:
        message += (
            f", and VirtualMachine {seen.spec.virtual_machine.name} names {claim}, which nothing"
            f" says it was moved to: have it name {seen.status.source_claim}"
        )
    return going_back.end(seen, going_back.SWITCH_DELETED, message)


def _with_switch(seen: Observation, switch: SeenSwitch) -> Decision:
    """A person's answer to a stop goes to the switch first, whatever else is under way."""
    decision, answer = _by_position(seen, switch), _answer(seen, switch)
    if answer is None:
        return decision
    return dataclasses.replace(decision, actions=(answer, *decision.actions), after=BUSY_SECONDS)


def _answer(seen: Observation, switch: SeenSwitch) -> Action | None:
    """Have the switch give the migration's answer, if that is to the stop it is at, or none.

    One that was there before the stop, in a manifest or for an earlier stop, names another.
    """
    trust, stop = seen.spec.trust, seen.spec.answered_stop
    passed_on = (switch.spec.trust, switch.spec.answered_stop)
    if trust is not None and stop is not None:
        if (trust, stop) == passed_on:
            return None
        if stop == switch.status.stop:
            return SetTrust(switch.meta, trust, stop)
    return TakeTrustBack(switch.meta) if any(passed_on) else None


def _by_position(seen: Observation, switch: SeenSwitch) -> Decision:
    if switch.spec.dry_run:
        return dry_run.decide(seen, switch)
    if switch.status.position is Position.DESTINATION:
        return _complete(seen)
    if switch.status.position is Position.SOURCE:
        return going_back.after_switch(seen, switch)
    if is_past_return(switch):
        return _finishing(seen, switch)
    back = compute_of(switch).order is Order.SOURCE or switch.spec.position is Position.SOURCE
    if wants_back(seen) or back or switch.meta.deleting:
        return going_back.decide(seen, switch)
    if switch.spec.position is Position.DESTINATION:
        return _finishing(seen, switch)
    if hypervisor.is_chosen(seen) and hypervisor.is_ready(switch):
        return hypervisor.decide(seen, switch)
    if copying.is_frozen(switch):
        return copying.decide(seen, switch)
    return _freezing(switch)


def _complete(seen: Observation) -> Decision:
    actions: tuple[Action, ...] = (*delete_jobs(seen), *snapshot.delete_all(seen))
    if seen.jobs or actions:
        return Decision(phase=Phase.CLEANING_UP, actions=actions, after=BUSY_SECONDS)
    return _succeeded(seen)


def _succeeded(seen: Observation) -> Decision:
    facts = {"completion_time": seen.now, **_released(seen)}
    return Decision(phase=Phase.SUCCEEDED, facts=facts, after=AT_ONCE)


def _finishing(seen: Observation, switch: SeenSwitch) -> Decision:
    """Asked for Destination: the compute side is at work."""
    released = is_true(switch.status.conditions, SwitchCondition.SOURCE_RELEASED)
    ordered = compute_of(switch).order is Order.DESTINATION
    phase = Phase.CLEANING_UP if released else Phase.SWITCHING if ordered else Phase.MERGING
    facts = _released(seen) if released else {}
    if not wants_back(seen) and not seen.spec.hold:
        return Decision(phase=phase, facts=facts)
    if not wants_back(seen):
        message = (
            "spec.hold came too late: the destination was asked for already. The move goes on; "
            "until the switch to the destination is ordered it can be cancelled"
        )
        return Decision(phase=phase, facts=facts, reason=HOLD_TOO_LATE, message=message)
    message = (
        "the cancel came too late: the switch to the destination was ordered. To go back, move "
        "the disk back with another VolumeMigration once this one has ended"
    )
    return Decision(phase=phase, facts=facts, reason=TOO_LATE, message=message)


def _released(seen: Observation) -> dict[str, str]:
    return {"released_time": seen.status.released_time or seen.now}


def _freezing(switch: SeenSwitch) -> Decision:
    accepted = find(switch.status.conditions, SwitchCondition.ACCEPTED)
    if accepted is not None and accepted.status is Status.FALSE:
        return _refused(accepted.reason, accepted.message)
    locked = is_true(switch.status.conditions, SwitchCondition.LOCKED)
    return Decision(phase=Phase.FREEZING if locked else Phase.PREPARING)
