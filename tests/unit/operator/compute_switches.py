"""Observations of a switch for tables of decisions: all is well unless it is said otherwise."""

import dataclasses

from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Compute,
    DestinationClaim,
    Handover,
    Inspection,
    Node,
    ObjectRef,
    Order,
    Position,
    Qemu,
)
from detour_crds.volume_migration import VirtualMachineRef
from detour_operator.compute_side.observation import (
    Budget,
    Claim,
    Instance,
    Machine,
    Observation,
    Pod,
    Proof,
    Switch,
)

TOKEN = "12345678-1"  # noqa: S105 - names an attempt, opens nothing
RECORDED = Compute(
    token=TOKEN,
    attempt=1,
    virtual_machine=ObjectRef(name="vm", uid="vm-uid"),
    instance=ObjectRef(name="vm", uid="vmi-uid"),
    domain="ns_vm",
    node="n",
    launcher_pod=ObjectRef(name="launcher", uid="launcher-uid"),
    holder_pod=ObjectRef(name="holder", uid="holder-uid"),
    source_claim=ObjectRef(name="old", uid="old-uid"),
    destination_claim=ObjectRef(name="new", uid="new-uid"),
    se_linux_level="",
    strategy_before="",
    locked=True,
    lock_proven=True,
    handover=Handover.PENDING,
    order=Order.NONE,
)
NODE = Node(token=TOKEN, qemu=Qemu.RUNNING, inspection=Inspection(reason="Accepted"))
SWITCH = Switch(
    namespace="ns",
    name="move",
    uid="12345678-abcd",
    created="2026-01-02T00:00:00Z",
    generation=1,
    deleting=False,
    finalizer=True,
    spec=AttachmentSwitchSpec(
        virtual_machine=VirtualMachineRef(name="vm"),
        volume="data",
        destination=DestinationClaim(claim_name="new"),
    ),
    status=AttachmentSwitchStatus(),
)
SEEN = Observation(
    switch=SWITCH,
    machine=Machine(name="vm", uid="vm-uid", claim="old"),
    instance=Instance(
        name="vm", uid="vmi-uid", phase="Running", node="n", claim="old", fence=TOKEN
    ),
    launcher=Pod(name="launcher", uid="launcher-uid", node="n"),
    holder=Pod(name="holder", uid="holder-uid", owner="launcher-uid", claims=("new",)),
    budget=Budget(name="detour-move", uid="budget-uid", instance="vmi-uid"),
    source_claim=Claim(name="old", uid="old-uid"),
    destination_claim=Claim(name="new", uid="new-uid"),
    proof=Proof(bites=True),
    permitted=True,
)


MARKED = dataclasses.replace(SEEN.source_claim, superseded_for="vm/data", superseded_by="new")
"""The source claim once it is marked as stale."""
FILLED = dataclasses.replace(SEEN.destination_claim, holds="vm/data")
"""The destination claim once it is marked as the one the disk is on."""
OVERLAY = {"order": Order.OVERLAY}
MIRRORED = {"order": Order.MIRRORED}
ORDERED = {"order": Order.DESTINATION, "handover": Handover.INSTANCE}
BACK = {"order": Order.SOURCE}
ON_NEW = {"claim": "new"}
WANTED = {"wanted": Position.DESTINATION, "position": Position.FROZEN}


def seen(
    *,
    compute=None,
    node=None,
    position=Position.NOWHERE,
    wanted=Position.FROZEN,
    switch=None,
    machine=None,
    instance=None,
    holder=None,
    budget=None,
    **facts,
):
    """The observation with changes; ``compute`` and ``node`` are changes of what was recorded."""
    status = AttachmentSwitchStatus(
        position=position,
        compute=dataclasses.replace(RECORDED, **(compute or {})),
        node=None if node is None else dataclasses.replace(NODE, **node),
    )
    changed = dataclasses.replace(
        SWITCH,
        status=status,
        spec=dataclasses.replace(SWITCH.spec, position=wanted),
        **(switch or {}),
    )
    parts = {"machine": machine, "instance": instance, "holder": holder, "budget": budget}
    for name, changes in parts.items():
        if isinstance(changes, dict):
            facts[name] = dataclasses.replace(getattr(SEEN, name), **changes)
        elif changes is not None:
            facts[name] = changes
    if facts.get("source_claim") == MARKED:
        facts.setdefault("destination_claim", FILLED)  # the mark that follows
    return dataclasses.replace(SEEN, switch=changed, **facts)
