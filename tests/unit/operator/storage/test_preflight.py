"""Each reason against a start, and what a template leaves to the source."""

import dataclasses

import pytest

from detour_crds.volume_migration import (
    ClaimTemplate,
    CopyMethod,
    CopySpec,
    Destination,
    OverlayPlace,
    OverlaySpec,
    Verify,
    VolumeMode,
    WhenStopped,
)
from detour_operator.storage_side.actions import CreateClaim
from detour_operator.storage_side.observation import SeenVirtualMachine
from detour_operator.storage_side.preflight import AlreadyThere, Plan, Refusal, check
from unit.operator.storage_world import DESTINATION, SIZE, SOURCE, SPEC, UID, World, claim

SEEN = World(finalizer=True).observe()
AROUND = SEEN.surroundings
NAMED = dataclasses.replace(SPEC, destination=Destination(claim_name=DESTINATION))
BY_QEMU = CopySpec(method=CopyMethod.HYPERVISOR)
HOST = CopyMethod.HOST_ASSISTED
RWO, RWX, RWOP = "ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"


def verdict(spec=SPEC, name="m", **around):
    seen = dataclasses.replace(
        SEEN, spec=spec, meta=dataclasses.replace(SEEN.meta, name=name), surroundings=None
    )
    return check(seen, dataclasses.replace(AROUND, **around))


def spec(**changes):
    return dataclasses.replace(SPEC, **changes)


def template(**changes):
    wanted = ClaimTemplate(**{"name": DESTINATION, **changes})
    return spec(destination=Destination(claim_template=wanted))


TO_BLOCK = template(volume_mode=VolumeMode.BLOCK)


def machine(**claims):
    return SeenVirtualMachine(name="vm", uid="vm", claims=claims)


STARTED = SeenVirtualMachine(name="vm", uid="vm", claims={"data": SOURCE}, started=True)
STOPPED = dataclasses.replace(STARTED, started=False, stopped=True)

REFUSALS = {
    "no such VM": ({"virtual_machine": None}, "VirtualMachineNotFound"),
    "no such volume": ({"virtual_machine": machine(root="x")}, "VolumeNotFound"),
    "a volume on no claim": ({"virtual_machine": machine(data=None)}, "VolumeNotOnClaim"),
    "no source claim": ({"source": None}, "SourceClaimNotBound"),
    "source pending": ({"source": claim(SOURCE, phase="Pending")}, "SourceClaimNotBound"),
    "source being deleted": ({"source": claim(SOURCE, deleting=True)}, "SourceClaimNotBound"),
    "destination missing": ({"spec": NAMED}, "DestinationNotFound"),
    "the manifest names it, the running guest is on another": (
        {
            "spec": spec(destination=Destination(claim_name=SOURCE)),
            "virtual_machine": STARTED,
            "destination": claim(SOURCE),
        },
        "RestartRequired",
    ),
    "the manifest names the claim that was made for the move": (
        {"source": claim(DESTINATION), "virtual_machine": machine(data=DESTINATION)}
        | {"destination": claim(DESTINATION, created_for=UID)},
        "DestinationNotFilled",
    ),
    "a stopped VM's manifest names an empty claim": (
        {
            "spec": NAMED,
            "source": claim(DESTINATION),
            "virtual_machine": machine(data=DESTINATION),
            "destination": claim(DESTINATION),
        },
        "DestinationNotFilled",
    ),
    "a stopped VM's manifest names a claim of an earlier move that was cancelled": (
        {
            "source": claim(DESTINATION),
            "virtual_machine": machine(data=DESTINATION),
            "destination": claim(DESTINATION, created_for="an earlier object"),
        },
        "DestinationNotFilled",
    ),
    "a stopped VM's manifest names a claim with another disk": (
        {
            "spec": NAMED,
            "source": claim(DESTINATION),
            "virtual_machine": machine(data=DESTINATION),
            "destination": claim(DESTINATION, holds="vm/root"),
        },
        "DestinationNotFilled",
    ),
    "a stopped VM's manifest names a claim that its disk has left": (
        {
            "spec": NAMED,
            "source": claim(DESTINATION),
            "virtual_machine": machine(data=DESTINATION),
            "destination": claim(DESTINATION, holds="vm/data", superseded_for="vm/data"),
        },
        "DestinationNotFilled",
    ),
    "the VM's claim is the destination, and going": (
        {
            "spec": spec(destination=Destination(claim_name=SOURCE)),
            "source": claim(SOURCE, deleting=True),
            "destination": claim(SOURCE, deleting=True),
        },
        "SourceClaimNotBound",
    ),
    "template's name is taken": ({"destination": claim(DESTINATION)}, "DestinationExists"),
    "template's name is another move's": (
        {"destination": claim(DESTINATION, created_for="other")},
        "DestinationExists",
    ),
    "destination is being filled": (
        {"spec": NAMED, "destination": claim(DESTINATION, filling=True)},
        "DestinationBeingFilled",
    ),
    "destination in use": ({"destination_users": ("pod a", "pod b")}, "DestinationInUse"),
    "destination being deleted": (
        {"spec": NAMED, "destination": claim(DESTINATION, deleting=True)},
        "DestinationNotUsable",
    ),
    "destination lost": (
        {"spec": NAMED, "destination": claim(DESTINATION, phase="Lost")},
        "DestinationNotUsable",
    ),
    "destination too small": (
        {"spec": NAMED, "destination": claim(DESTINATION, capacity=SIZE - 1)},
        "DestinationTooSmall",
    ),
    "pending destination asks for too little": (
        {"spec": NAMED, "destination": claim(DESTINATION, capacity=None, requested=SIZE - 1)},
        "DestinationTooSmall",
    ),
    "template asks for too little": (
        {"spec": template(size="1"), "template_bytes": 1},
        "DestinationTooSmall",
    ),
    "a block destination of a machine that is not known to be stopped": (
        {"spec": NAMED, "destination": claim(DESTINATION, block=True)},
        "VolumeModeDiffers",
    ),
    "a block destination to be made for a running machine": (
        {"spec": template(volume_mode=VolumeMode.BLOCK), "virtual_machine": STARTED},
        "VolumeModeDiffers",
    ),
    "a device that is smaller than what is asked for of the source": (
        {
            "spec": NAMED,
            "virtual_machine": STOPPED,
            "destination": claim(DESTINATION, block=True, requested=SIZE, capacity=SIZE - 1),
        },
        "DestinationTooSmall",
    ),
    "a file system that is smaller than the device": (
        {
            "spec": template(volume_mode=VolumeMode.FILESYSTEM, size="1"),
            "template_bytes": SIZE,
            "virtual_machine": STOPPED,
            "source": claim(SOURCE, block=True, requested=SIZE, capacity=SIZE + 1),
        },
        "DestinationTooSmall",
    ),
    "a snapshot for the other mode": (
        {
            "spec": dataclasses.replace(
                TO_BLOCK, copy=CopySpec(method=CopyMethod.VOLUME_SNAPSHOT)
            ),
            "virtual_machine": STOPPED,
        },
        "VolumeModeKept",
    ),
    "QEMU's copy for the other mode": (
        {
            "spec": dataclasses.replace(NAMED, copy=BY_QEMU),
            "virtual_machine": STOPPED,
            "destination": claim(DESTINATION, block=True),
        },
        "VolumeModeKept",
    ),
    "a block source for a destination with a file system": (
        {"spec": NAMED, "source": claim(SOURCE, block=True), "destination": claim(DESTINATION)},
        "VolumeModeDiffers",
    ),
    "a device smaller than the source's": (
        {
            "spec": NAMED,
            "source": claim(SOURCE, block=True, requested=SIZE - 512, capacity=SIZE),
            "destination": claim(DESTINATION, block=True, requested=SIZE - 512, capacity=SIZE - 1),
        },
        "DestinationTooSmall",
    ),
    "source is shared, destination not": (
        {"source": claim(SOURCE, access_modes=(RWX,)), "spec": template(access_modes=(RWO,))},
        "AccessModeWeaker",
    ),
    "source of one pod only": (
        {"source": claim(SOURCE, access_modes=(RWOP,))},
        "AccessModeNotSupported",
    ),
    "destination of one pod only": (
        {"spec": NAMED, "destination": claim(DESTINATION, access_modes=(RWOP,))},
        "AccessModeNotSupported",
    ),
    "no such storage class": ({"storage_class_exists": False}, "StorageClassNotFound"),
    "a name too long for a label": ({"name": "m" * 64}, "NameTooLong"),
    "snapshot of what is no CSI volume": (
        {"spec": spec(copy=CopySpec(method=CopyMethod.VOLUME_SNAPSHOT))},
        "DriverNotCSI",
    ),
    "compared while the guest writes to both": (
        {"spec": spec(copy=CopySpec(method=CopyMethod.HYPERVISOR, verify=Verify.CHECKSUM))},
        "VerifyNotPossible",
    ),
    "an overlay that there is none of": (
        {"spec": spec(copy=BY_QEMU, overlay=OverlaySpec(where=OverlayPlace.CLAIM))},
        "OverlayNotUsed",
    ),
    "finished without its guest": (
        {"spec": spec(copy=BY_QEMU, when_stopped=WhenStopped.FINISH)},
        "FinishNotPossible",
    ),
    "a class that makes volumes elsewhere": (
        {"destination_reaches": False},
        "DestinationNotOnNode",
    ),
    "no bandwidth": (
        {"spec": spec(copy=CopySpec(bandwidth_limit="0"))},
        "BandwidthLimitTooLow",
    ),
    "too little bandwidth": (
        {"spec": spec(copy=CopySpec(bandwidth_limit="65535"))},
        "BandwidthLimitTooLow",
    ),
}


@pytest.mark.parametrize(("given", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_refused(given, reason):
    found = verdict(**given)
    assert isinstance(found, Refusal)
    assert found.reason == reason
    assert found.message


ON_IT = dataclasses.replace(STARTED, claims={"data": DESTINATION})
THERE = {
    "a claim by its name": {"spec": NAMED},
    "a claim that was made from the template": {},
    "whoever made it": {"destination": claim(DESTINATION, created_for="an earlier object")},
    "with what is not possible": {
        "spec": spec(copy=CopySpec(method=CopyMethod.HYPERVISOR, verify=Verify.CHECKSUM))
    },
    "used by the machine itself": {"destination_users": ("pod launcher", "VirtualMachine vm")},
    "a stopped machine": {
        "virtual_machine": dataclasses.replace(ON_IT, started=False),
        "destination": claim(DESTINATION, holds="vm/data"),
    },
    "a stopped machine, by a claim's name": {
        "spec": NAMED,
        "virtual_machine": dataclasses.replace(ON_IT, started=False),
        "destination": claim(DESTINATION, holds="vm/data"),
    },
}


@pytest.mark.parametrize("given", THERE.values(), ids=THERE)
def test_a_move_of_the_past_is_not_made_again(given):
    seen = {
        "virtual_machine": ON_IT,
        "source": claim(DESTINATION),
        "destination": claim(DESTINATION),
        "destination_mounted": not given.get("virtual_machine"),
    }
    assert verdict(**{**seen, **given}) == AlreadyThere(DESTINATION)


ACCEPTED = {
    "a template": {},
    "our own claim is there already": {"destination": claim(DESTINATION, created_for=UID)},
    "an existing claim": {"spec": NAMED, "destination": claim(DESTINATION)},
    "a larger claim": {"spec": NAMED, "destination": claim(DESTINATION, capacity=2 * SIZE)},
    "a claim that waits for its first consumer": {
        "spec": NAMED,
        "destination": claim(DESTINATION, phase="Pending", capacity=None),
    },
    "a shared destination": {"spec": template(access_modes=(RWX,))},
    "without a class": {"storage_class_exists": None},
    "the least bandwidth": {"spec": spec(copy=CopySpec(bandwidth_limit="64Ki"))},
    "verified": {"spec": spec(copy=CopySpec(verify=Verify.CHECKSUM))},
    "a method by its name": {
        "spec": spec(copy=CopySpec(method=CopyMethod.HOST_ASSISTED)),
    },
    "somebody else copies": {"spec": spec(copy=CopySpec(method=CopyMethod.EXTERNAL))},
    "somebody else copies to a claim that is there": {
        "spec": dataclasses.replace(NAMED, copy=CopySpec(method=CopyMethod.EXTERNAL)),
        "destination": claim(DESTINATION),
    },
}


@pytest.mark.parametrize("given", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(given):
    assert isinstance(verdict(**given), Plan)


def test_what_a_template_leaves_out_is_taken_from_the_source():
    source = claim(SOURCE, access_modes=(RWO, RWX), storage_class="slow", request="7M")
    plan = verdict(source=source)
    assert plan.create == CreateClaim(
        name=DESTINATION, storage_class="slow", access_modes=(RWO, RWX), size="7M"
    )


def test_what_a_template_says_is_what_is_created():
    wanted = template(storage_class_name="", access_modes=(RWX,), size="2Ki")
    plan = verdict(spec=wanted, template_bytes=2048)
    assert plan.create == CreateClaim(
        name=DESTINATION, storage_class="", access_modes=(RWX,), size="2Ki"
    )


STATES = {"started": (STARTED, "is started"), "not known": (machine(data=SOURCE), "not seen to")}


@pytest.mark.parametrize(("vm", "told"), STATES.values(), ids=STATES)
@pytest.mark.parametrize("dry", [False, True])
def test_only_the_disk_of_a_stopped_machine_changes_its_mode(vm, told, dry):
    refused = verdict(spec=dataclasses.replace(TO_BLOCK, dry_run=dry), virtual_machine=vm)
    assert refused.reason == "VolumeModeDiffers"
    assert refused.message.startswith("spec.destination: ")
    assert told in refused.message
    assert "stop the virtual machine, or use a claim of the same mode" in refused.message


@pytest.mark.parametrize(
    "method", [CopyMethod.AUTO, CopyMethod.HOST_ASSISTED, CopyMethod.EXTERNAL]
)
@pytest.mark.parametrize("block", [False, True])
def test_a_stopped_machine_s_disk_becomes_the_other_kind(method, block):
    """As large as the source asks for; of a device as large as that, and the file system."""
    mode = VolumeMode.FILESYSTEM if block else VolumeMode.BLOCK
    wanted = dataclasses.replace(template(volume_mode=mode), copy=CopySpec(method=method))
    device = claim(SOURCE, block=True, request="10G", requested=10 * 10**9, capacity=10 << 30)
    source = device if block else claim(SOURCE, request="7M", requested=7 * 10**6)
    plan = verdict(spec=wanted, virtual_machine=STOPPED, source=source)
    assert plan.create.block is plan.destination.block is not block
    assert plan.method.name == (HOST if method is CopyMethod.AUTO else method)
    if not block:
        assert plan.create.size == "7M"
        return
    size = int(plan.create.size)
    assert size % (1 << 20) == 0
    assert int(size * (1 - 0.055)) >= 10 << 30
    assert size < (10 << 30) * 1.06


def test_a_template_may_name_the_mode_that_the_source_has():
    plan = verdict(spec=template(volume_mode=VolumeMode.FILESYSTEM), virtual_machine=STARTED)
    assert plan.create == verdict().create
    device = claim(SOURCE, block=True, capacity=SIZE + 1)
    plan = verdict(spec=TO_BLOCK, virtual_machine=STARTED, source=device)
    assert (plan.create.block, plan.create.size) == (True, str(SIZE + 1))


def test_an_existing_claim_of_the_other_mode_takes_a_stopped_machine_s_disk():
    around = {"virtual_machine": STOPPED, "destination": claim(DESTINATION, block=True)}
    plan = verdict(spec=NAMED, **around)
    assert (plan.create, plan.method.name) == (None, HOST)


def test_an_unnamed_template_has_the_name_of_the_migration():
    plan = verdict(spec=template(name=None), name="to-fast")
    assert plan.destination.name == "to-fast"


def test_what_is_being_deleted_is_waited_for():
    told = verdict(destination=dataclasses.replace(LEFT, deleting=True))
    assert told.reason == "DestinationExists"
    assert "once it is gone" in told.message
    assert "kubectl delete" not in told.message


LEFT = claim(DESTINATION, created_for="an earlier object")
TO_BE_KEPT = {
    "not made by Detour": {"destination": claim(DESTINATION)},
    "a disk was moved to it": {
        "destination": dataclasses.replace(LEFT, holds="vm/data"),
    },
    "a disk was moved away from it": {
        "destination": dataclasses.replace(LEFT, superseded_for="vm/data"),
    },
    "it is used": {
        "destination": LEFT,
        "destination_users": ("VirtualMachine vm",),
    },
}


def test_what_an_earlier_object_of_the_same_manifest_left_is_named_with_the_next_step():
    told = verdict(destination=LEFT)
    assert told.reason == "DestinationExists"
    assert f"kubectl delete pvc {DESTINATION} -n ns" in told.message


@pytest.mark.parametrize("around", TO_BE_KEPT.values(), ids=TO_BE_KEPT)
def test_nobody_is_told_to_delete_what_may_be_a_disk(around):
    told = verdict(**around)
    assert told.reason == "DestinationExists"
    assert "kubectl delete" not in told.message
