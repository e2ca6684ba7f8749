"""The compute side in the world: what it sees, and what each of its writes does and tests."""

import dataclasses
import functools

from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    DestinationClaim,
    Handover,
    Order,
)
from detour_crds.conditions import Status, SwitchCondition
from detour_crds.volume_migration import VirtualMachineRef
from detour_operator.compute_side import actions, observation
from unit.model.facts import D
from unit.model.world import World

ABSENT = observation.Nothing.ABSENT
SPEC = AttachmentSwitchSpec(
    virtual_machine=VirtualMachineRef(name="vm"),
    volume="data",
    destination=DestinationClaim(claim_name=D),
)


def observe(world: World):
    """Everything a pass reads, as it is now."""
    return _observe(
        world.switch, world.machine, world.instance, world.cluster, world.qemu.alive,
        world.permitted,
    )  # fmt: skip


def decided(decide, world: World):
    """The decision, remembered: many worlds look the same from here."""
    return _decided(
        decide, world.switch, world.machine, world.instance, world.cluster, world.qemu.alive,
        world.permitted,
    )  # fmt: skip


@functools.cache
def _decided(decide, *seen):
    return decide(_observe(*seen))


def _observe(switch, machine, instance, cluster, alive, permitted):
    seen = _seen_switch(switch)
    if seen.ended:
        return observation.Observation(switch=seen)
    asked = switch.order is Order.MIRRORED and switch.compute.handover is Handover.PENDING
    source = switch.compute.source_claim.name if switch.order is not Order.NONE else machine.claim
    proof = observation.Proof(bites=cluster.heard, reason="LockNotEffective")
    return observation.Observation(
        switch=seen,
        machine=observation.Machine(
            name="vm", uid="vm", claim=machine.claim, strategy=machine.strategy
        ),
        instance=_seen_instance(instance),
        launcher=observation.Pod(
            name="launcher", uid=f"launcher-{cluster.launcher}", node="n", running=alive
        ),
        holder=_seen_holder(cluster) if cluster.holder else ABSENT,
        source_claim=observation.Claim(name=source, uid=source),
        destination_claim=observation.Claim(name=D, uid=D) if cluster.destination else ABSENT,
        live_migrations=("vmim",) if cluster.live_migration else (),
        proof=proof if switch.compute.locked else ABSENT,
        permitted=permitted if asked else ABSENT,
    )


def _seen_switch(switch):
    return observation.Switch(
        namespace="ns",
        name="move",
        uid=switch.uid,
        created="1",
        generation=1,
        deleting=switch.deleting,
        finalizer=switch.finalizer,
        spec=dataclasses.replace(SPEC, position=switch.wanted),
        status=AttachmentSwitchStatus(
            position=switch.position,
            compute=switch.compute,
            conditions=switch.conditions,
            node=switch.node,
        ),
    )


def _seen_instance(instance):
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


def writes(world: World, decision):
    """The writes of a pass in order, each with the object whose resource version it tests."""
    made = [(ON.get(type(action), ""), action) for action in decision.actions]
    status = reduced(decision.status)
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
    now = (switch.position, switch.compute, switch.conditions)
    return now != (status.position, status.compute, status.conditions)


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


def write(world: World, what):  # noqa: C901 - one line per write
    """One write that meets its object as it was read; None if the API refuses it."""
    match what:
        case AttachmentSwitchStatus():
            return world.alter(
                "switch",
                position=what.position,
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
        case actions.HandInstance(_, new, token):
            return _hand_instance(world, new, token)
        case actions.FinishInstance():
            return world.alter("instance", migrated=False) if world.instance.migrated else None
        case actions.HandMachine(_, new, live):
            strategy = "Migration" if live else world.machine.strategy
            return world.alter("machine", claim=new, strategy=strategy)
    raise AssertionError(what)


def _hand_instance(world, new, token):
    """The patch tests the fence, and the lock's policy judges it."""
    if world.instance.fence != token or not world.admits_handover(new):
        return None
    return world.alter("instance", claim=new, migrated=True)
