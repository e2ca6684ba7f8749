"""The compute side in the world: what it sees, and what each of its writes does and tests."""

import dataclasses
import functools

from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    DestinationClaim,
    Handover,
    MirrorSpec,
    Order,
)
from detour_crds.conditions import Status, SwitchCondition
from detour_crds.volume_migration import (
    HandoverMode,
    OverlayPlace,
    OverlaySpec,
    VirtualMachineRef,
)
from detour_operator.compute_side import actions, observation
from detour_operator.compute_side.overlay_claim import claim_name
from unit.model.facts import TOP, Content, D
from unit.model.world import World

NOW, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
ABSENT = observation.Nothing.ABSENT
SPEC = AttachmentSwitchSpec(
    virtual_machine=VirtualMachineRef(name="vm"),
    volume="data",
    destination=DestinationClaim(claim_name=D),
)


def spec(switch):
    """What is the same for all switches, but for the destination's name and who copies."""
    mirror = MirrorSpec() if switch.mirror else None
    named = SPEC if switch.named else dataclasses.replace(SPEC, destination=None)
    return dataclasses.replace(named, mirror=mirror)


def observe(world: World):
    """Everything a pass reads, as it is now."""
    return _observe(
        world.switch, world.machine, world.instance, world.cluster, world.qemu.alive,
        world.permitted, world.made.claim_uid, world.nodes,
    )  # fmt: skip


def decided(decide, world: World):
    """The decision, and what of its status counts; many worlds look the same from here."""
    return _decided(
        decide, world.switch, world.machine, world.instance, world.cluster, world.qemu.alive,
        world.permitted, world.made.claim_uid, world.nodes,
    )  # fmt: skip


@functools.cache
def _decided(decide, *seen):
    decision = decide(_observe(*seen))
    return decision, reduced(decision.status)


def _observe(switch, machine, instance, cluster, alive, permitted, claim_uid, nodes):
    seen = _seen_switch(switch, machine, nodes)
    if seen.ended:
        return observation.Observation(switch=seen)
    asked = switch.order is Order.MIRRORED and switch.compute.handover is Handover.PENDING
    begun = switch.order is not Order.NONE or switch.compute.offline
    source = switch.compute.source_claim.name if begun else machine.claim
    proof = observation.Proof(bites=cluster.heard, reason="LockNotEffective")
    return observation.Observation(
        switch=seen,
        machine=observation.Machine(
            name="vm",
            uid="vm",
            claim=machine.claim,
            strategy=machine.strategy,
            starts="" if machine.halted else "Always",
        ),
        instance=_seen_instance(instance),
        launcher=_seen_launcher(instance, cluster, alive),
        holder=_seen_holder(cluster) if cluster.holder else ABSENT,
        finisher=_seen_finisher(switch, cluster, nodes),
        overlay_claim=_seen_overlay_claim(switch, nodes),
        overlay_pod=_seen_overlay_pod(switch, cluster, nodes),
        node_lost=begun and switch.compute.node == "n" and nodes.lost,
        node_given_up=begun and switch.compute.node == "n" and nodes.given_up,
        budget=_seen_budget(cluster) if cluster.budget else ABSENT,
        source_claim=_seen_source(source, cluster),
        destination_claim=(
            observation.Claim(name=D, uid=claim_uid, holds="vm/data" if cluster.filled else None)
            if cluster.destination and switch.named
            else ABSENT
        ),
        live_migrations=("vmim",) if cluster.live_migration else (),
        proof=proof if switch.compute.locked else ABSENT,
        permitted=permitted if asked else ABSENT,
        now=LATE if cluster.late else NOW,
    )


def _seen_source(name, cluster):
    disk, by = ("vm/data", D) if cluster.superseded else (None, None)
    return observation.Claim(name=name, uid=name, superseded_for=disk, superseded_by=by)


def _seen_overlay_claim(switch, nodes):
    if not nodes.claim:
        return ABSENT
    return observation.Claim(name=claim_name(switch.uid), uid="o", made_for=switch.uid)


def _seen_overlay_pod(switch, cluster, nodes):
    if not nodes.pod:
        return ABSENT
    owner, claims = f"launcher-{cluster.launcher}", (claim_name(switch.uid),)
    return observation.Pod(name="overlay", uid="overlay", owner=owner, claims=claims)


def _seen_switch(switch, machine, nodes):
    where = OverlayPlace.CLAIM if nodes.claimed else OverlayPlace.NODE_LOCAL
    mode = HandoverMode.WAIT_FOR_DECLARED if machine.in_git else HandoverMode.PATCH
    return observation.Switch(
        namespace="ns",
        name="move",
        uid=switch.uid,
        created="1",
        generation=1,
        deleting=switch.deleting,
        finalizer=switch.finalizer,
        spec=dataclasses.replace(
            spec(switch),
            position=switch.wanted,
            handover=mode,
            when_stopped=switch.when_stopped,
            trust=switch.trust,
            answered_stop=switch.answered_stop,
            overlay=OverlaySpec(where=where),
        ),
        status=AttachmentSwitchStatus(
            position=switch.position,
            compute=switch.compute,
            conditions=switch.conditions,
            node=switch.node,
        ),
    )


def _seen_launcher(instance, cluster, alive):
    if not instance.there:
        return ABSENT
    uid = f"launcher-{cluster.launcher}"
    return observation.Pod(name="launcher", uid=uid, node="n", running=alive)


def _seen_finisher(switch, cluster, nodes):
    if switch.order is Order.NONE or not cluster.finisher:
        return ABSENT
    claims = tuple(cluster.finisher.split(","))
    runs = not (nodes.finisher == "n" and nodes.lost)
    return observation.Pod(
        name="finisher",
        uid=cluster.finisher,
        node=nodes.finisher or "n",
        claims=claims,
        running=runs,
    )


def _seen_instance(instance):
    if not instance.there:
        return ABSENT
    return observation.Instance(
        name="vm",
        uid=f"instance-{instance.number}",
        phase="Running" if instance.alive else "Failed",
        node="n",
        claim=instance.claim,
        claim_in_status=instance.shown,
        fence=instance.fence,
        handing_over=instance.migrated,
    )


def _seen_holder(cluster):
    return observation.Pod(
        name="holder",
        uid=f"holder-{cluster.holders}",
        running=cluster.holder == "running",
        deleting=cluster.holder == "deleting",
        owner=f"launcher-{cluster.launcher}",
        claims=(D,),
    )


def _seen_budget(cluster):
    return observation.Budget(name="budget", uid=cluster.budget, instance=cluster.budget)


def writes(world: World, decided):
    """The writes of a pass in order, each with the object whose resource version it tests."""
    decision, status = decided
    made = [(ON.get(type(action), ""), action) for action in decision.actions]
    if not decision.changes_switch and _differs(world.switch, status):
        made.append(("switch", status))
    return made


def reduced(status):
    """What of a status anything follows from; conditions without words and times."""
    kept = []
    ended = not (status.compute and status.compute.locked)
    for item in status.conditions:
        told = {
            SwitchCondition.ACCEPTED: item.status is Status.FALSE,
            SwitchCondition.STALLED: item.status is Status.TRUE,
            SwitchCondition.READY: ended,
        }
        reason = item.reason if told.get(SwitchCondition(item.type)) else ""
        if item.type in KEPT:
            kept.append(dataclasses.replace(item, reason=reason, message="m"))
    return dataclasses.replace(status, conditions=tuple(kept), observed_generation=None)


KEPT = (
    SwitchCondition.ACCEPTED,
    SwitchCondition.STALLED,
    SwitchCondition.READY,
    SwitchCondition.SOURCE_FROZEN,
    SwitchCondition.SOURCE_RELEASED,
)


def _differs(switch, status):
    now = (switch.position, switch.stop, switch.compute, switch.conditions)
    return now != (status.position, status.stop, status.compute, status.conditions)


ON = {
    actions.AddFinalizer: "switch",
    actions.RemoveFinalizer: "switch",
    actions.TakeStrategyOff: "machine",
    actions.PutStrategyBack: "machine",
    actions.HandMachine: "machine",
    actions.OpenFence: "instance",
    actions.CloseFence: "instance",
    actions.HandInstance: "instance",
    actions.FinishInstance: "instance",
}
"""``compute_side.apply``: by resource version; a holder by its name when it is created, and by its
uid when it is deleted."""


def write(world: World, what):  # noqa: C901, PLR0912 - one line per write
    """One write that meets its object as it was read; None if the API refuses it."""
    match what:
        case AttachmentSwitchStatus():
            return world.alter(
                "switch",
                position=what.position,
                stop=what.stop,
                compute=what.compute or world.switch.compute,
                conditions=what.conditions,
            )
        case actions.AddFinalizer():
            return world.alter("switch", finalizer=True)
        case actions.RemoveFinalizer():
            here = world.alter("switch", finalizer=False)
            return here.change(switch=None) if world.switch.deleting else here
        case actions.TakeStrategyOff():
            return world.alter("machine", strategy="") if world.machine.strategy else None
        case actions.PutStrategyBack(strategy):
            return world.alter("machine", strategy=strategy)
        case actions.OpenFence(token):
            return world.alter("instance", fence=token)
        case actions.CloseFence():
            return world.alter("instance", fence=None) if world.instance.fence else None
        case actions.CreateHolder():
            free = world.cluster.destination and not world.cluster.holder
            number = world.cluster.holders + 1
            return world.alter("cluster", holder="pending", holders=number) if free else None
        case actions.DeleteHolder(uid):
            there = world.cluster.holder and uid == f"holder-{world.cluster.holders}"
            return world.alter("cluster", holder="deleting") if there else None
        case actions.CreateFinisher(source, destination, overlay, node):
            if world.cluster.finisher:
                return None
            claims = ",".join(claim for claim in (source, destination, overlay) if claim)
            # Without a node the scheduler chooses one that is there.
            here = world.alter("nodes", finisher=node or "n2") if world.nodes.claimed else world
            return here.alter("cluster", finisher=claims)
        case actions.CreateOverlayClaim():
            return None if world.nodes.claim else world.alter("nodes", claim=True)
        case actions.CreateOverlayPod():
            return None if world.nodes.pod else world.alter("nodes", pod=True)
        case actions.DeleteOverlayPod():
            return world.alter("nodes", pod=False) if world.nodes.pod else None
        case actions.DeleteOverlayClaim():
            if not world.nodes.claim:
                return None
            here = world.alter("images", overlay=Content.ABSENT)
            return here.alter("nodes", claim=False)
        case actions.DeleteLauncher():
            return world.alter("nodes", launcher=False) if world.nodes.launcher else None
        case actions.DeleteFinisher(uid):
            same = world.cluster.finisher == uid
            return world.alter("cluster", finisher="") if same else None
        case actions.CreateBudget(instance):
            return None if world.cluster.budget else world.alter("cluster", budget=instance)
        case actions.DeleteBudget(uid):
            there = world.cluster.budget == uid
            return world.alter("cluster", budget="") if there else None
        case actions.HandInstance(_, new, token):
            return _hand_instance(world, new, token)
        case actions.FinishInstance():
            return world.alter("instance", migrated=False) if world.instance.migrated else None
        case actions.HandMachine(_, new, live):
            strategy = "Migration" if live else world.machine.strategy
            here = world.alter("machine", claim=new, strategy=strategy)
            # Of a stopped machine the claim it names is the truth.
            offline = world.switch is not None and world.switch.compute.offline
            return here.alter("qemu", top=TOP[new]) if offline else here
        case actions.MarkSuperseded():
            unmarked = not world.cluster.superseded
            return world.alter("cluster", superseded=True) if unmarked else None
        case actions.MarkFilled(disk):
            return world.alter("cluster", filled=disk is not None)
    raise AssertionError(what)


def _hand_instance(world, new, token):
    """The patch tests the fence, and the lock's policy judges it."""
    if world.instance.fence != token or not world.admits_handover(new):
        return None
    return world.alter("instance", claim=new, migrated=True)
