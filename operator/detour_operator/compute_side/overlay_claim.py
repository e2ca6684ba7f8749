"""The claim of its own that an overlay is on, and the pod that keeps it on the guest's node.

With ``spec.overlay.where: Claim``. The claim outlives a lost node as the source does, with the
guest's last writes and the journal on it. It is owned by nobody: whatever befalls the switch, it
goes only when the move has ended, or when a person has given its content up.
"""

from detour_crds.quantities import bytes_of
from detour_crds.volume_migration import OverlayPlace
from detour_operator.compute_side.actions import (
    CreateOverlayClaim,
    CreateOverlayPod,
    DeleteOverlayClaim,
    DeleteOverlayPod,
)
from detour_operator.compute_side.attempt import short_uid
from detour_operator.compute_side.guest import (
    at_end,
    certain,
    left_alone,
    let_go,
    waits_for_node,
)
from detour_operator.compute_side.holding import Held, held
from detour_operator.compute_side.observation import Claim, Observation, Pod, Switch
from detour_operator.compute_side.step import Step, act, record, ref, stall, wait, wait_for_agent

OVERLAY_MISSING = "OverlayMissing"
SHARED, SINGLE = "ReadWriteMany", "ReadWriteOnce"
SPARE_DIVISOR = 10
"""Of the size, for the file system's own needs and the table of the overlay's clusters."""
SPARE_BYTES = 64 << 20


def is_asked(switch: Switch) -> bool:
    """Whether the overlay is to be on a claim of its own."""
    return switch.spec.overlay.where is OverlayPlace.CLAIM


def claim_name(switch_uid: str) -> str:
    """One name per switch, so that it is never created twice."""
    return f"detour-overlay-{short_uid(switch_uid)}"


def put_up(seen: Observation) -> Step | None:
    """The next step until the claim is on the guest's node and recorded; None then."""
    if not is_asked(seen.switch):
        return None
    claim, node = seen.overlay_claim, seen.switch.compute.node
    if not isinstance(claim, Claim) or node is None:
        return act("Preparing", "creating the claim of the overlay", _creation(seen))
    if claim.made_for != seen.switch.uid:
        message = f"the claim {claim.name} is not this move's: delete it, or rename it"
        return stall("OverlayClaimForeign", message)
    if claim.deleting:
        return wait("Preparing", f"waiting for the old claim {claim.name} to be gone")
    if seen.switch.compute.overlay_claim != ref(claim):
        message = f"noting the claim {claim.name} of the overlay"
        return record(seen, "Preparing", message, overlay_claim=ref(claim))
    return held(
        seen,
        Held(
            pod=seen.overlay_pod,
            claim=claim,
            recorded="overlay_pod",
            what="the overlay",
            create=CreateOverlayPod(claim.name, node),
            delete=DeleteOverlayPod,
        ),
    )


def _creation(seen: Observation) -> CreateOverlayClaim:
    overlay, source = seen.switch.spec.overlay, seen.source_claim
    # Drivers that share devices between nodes do not share file systems, which this one has.
    modes = source.access_modes if isinstance(source, Claim) and not source.block else ()
    shared = SHARED in modes
    default = source.storage_class if isinstance(source, Claim) else None
    inspection = seen.switch.node.inspection if seen.switch.node else None
    disk = (inspection.virtual_size_bytes if inspection else None) or 0
    wanted = bytes_of(overlay.limit) if overlay.limit else disk
    return CreateOverlayClaim(
        storage_class=overlay.storage_class_name or default,
        access_mode=SHARED if shared else SINGLE,
        size=wanted + wanted // SPARE_DIVISOR + SPARE_BYTES,
    )


def keep_up(seen: Observation) -> Step | None:
    """Put a pod back that was evicted, while the node agent needs it; None if it is there.

    The claim itself never comes back: another one would be empty.
    """
    compute, claim = seen.switch.compute, seen.overlay_claim
    if not is_asked(seen.switch) or compute.overlay_claim is None or not _is_needed(seen):
        return None
    there = ref(claim) == compute.overlay_claim
    if seen.alive:
        # Of a claim that goes or has gone QEMU has the overlay open: the move can end.
        stays = there and isinstance(claim, Claim) and not claim.deleting
        return put_up(seen) if stays else None
    name = compute.overlay_claim.name
    message = f"the claim {name}, with the guest's last writes, is gone: put it back"
    return None if there else stall(OVERLAY_MISSING, message)


def _is_needed(seen: Observation) -> bool:
    """For its content until the end; then for the agent, which takes it from a launcher."""
    if not at_end(seen):
        return True
    node = seen.switch.node
    left = node is not None and node.overlay is not None
    return left and seen.alive and not left_alone(seen)


def take_down(seen: Observation) -> Step | None:
    """The next step until pod and claim are gone; None then.

    Not before the node agent has removed the overlay: a launcher that lives has it mounted. On a
    lost node it may live until somebody says that it does not.
    """
    node = seen.switch.node
    if not is_asked(seen.switch):
        return None
    mounted = node is not None and node.overlay is not None
    if mounted and left_alone(seen):
        kept = waits_for_node(seen, "its launcher pod has the overlay mounted")
        step = kept if seen.alive else certain(seen)
        if step is not None:
            return step
    elif mounted and seen.alive:
        return wait_for_agent(seen, "CleaningUp", "the node agent removes the overlay")
    pod = seen.overlay_pod
    if isinstance(pod, Pod) and not pod.deleting:
        return act("CleaningUp", f"deleting the pod {pod.name}", DeleteOverlayPod(pod.uid))
    if not let_go(seen, pod):
        return wait("CleaningUp", "waiting for the pod that held the overlay to be gone")
    return give_up(seen)


def give_up(seen: Observation) -> Step | None:
    """Delete the claim; None once it is being deleted, which ends with the pods that use it."""
    claim = seen.overlay_claim
    if not isinstance(claim, Claim) or claim.deleting or claim.made_for != seen.switch.uid:
        return None
    return act("CleaningUp", f"deleting the claim {claim.name}", DeleteOverlayClaim(claim.uid))
