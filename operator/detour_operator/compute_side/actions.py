"""Everything the compute side does to objects other than the switch's status; a closed set.

Each is idempotent, names the facts it follows from, and fails if they are not so any more. What is
recorded in ``status.compute`` (lock, order, handover) is no action: it is written with the
resource version of the observation it follows from.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Have the switch's deletion wait for its end (recovery rule R9)."""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let an ended switch go."""


@dataclasses.dataclass(frozen=True, slots=True)
class TakeStrategyOff:
    """Remove ``updateVolumesStrategy``, with which KubeVirt would move the volume itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class PutStrategyBack:
    """Set ``updateVolumesStrategy`` as it was before the start; empty is none."""

    strategy: str


@dataclasses.dataclass(frozen=True, slots=True)
class OpenFence:
    """Annotate the instance with the token under which it may be handed over."""

    token: str


@dataclasses.dataclass(frozen=True, slots=True)
class CloseFence:
    """Remove the annotation: nobody may hand the instance over any more."""


@dataclasses.dataclass(frozen=True, slots=True)
class CreateHolder:
    """Create the pod that keeps the destination attached to the node."""

    claim: str
    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteHolder:
    """Delete that pod."""

    uid: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CreateOverlayClaim:
    """Create the claim that the overlay is to be on; ``size`` in bytes."""

    storage_class: str | None
    access_mode: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteOverlayClaim:
    """Delete that claim."""

    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class CreateOverlayPod:
    """Create the pod that keeps that claim attached to the node."""

    claim: str
    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteOverlayPod:
    """Delete that pod."""

    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class CreateFinisher:
    """Create the pod that keeps the claims of a guest that has stopped, on this node.

    Without a node it is one that has them all, but never the lost one.
    """

    source: str
    destination: str | None
    overlay: str | None = None
    node: str | None = None
    lost: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteFinisher:
    """Delete that pod."""

    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteLauncher:
    """Delete the launcher pod on a node that somebody has declared to be out of service.

    Kubernetes would do it by itself, and the lock refuses it that.
    """

    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class CreateBudget:
    """Create the budget that has evictions of an instance's pod wait."""

    instance: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteBudget:
    """Delete that budget."""

    uid: str


@dataclasses.dataclass(frozen=True, slots=True)
class HandInstance:
    """Point the instance's volume from one claim at another, as KubeVirt's controller."""

    old: str
    new: str
    token: str


@dataclasses.dataclass(frozen=True, slots=True)
class FinishInstance:
    """Take ``migratedVolumes`` of the handover away again (row U6)."""


@dataclasses.dataclass(frozen=True, slots=True)
class HandMachine:
    """Point the virtual machine at the destination, for its next start.

    With ``live`` the strategy Migration goes with it, which tells KubeVirt that no restart is due:
    the instance is on the destination already.
    """

    old: str
    new: str
    live: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MarkSuperseded:
    """Mark the source claim as a stale image of a disk (recovery rule R10)."""

    disk: str
    by: str


@dataclasses.dataclass(frozen=True, slots=True)
class TakeMarkOff:
    """Take such a mark off the destination claim."""


@dataclasses.dataclass(frozen=True, slots=True)
class MarkFilled:
    """Mark the destination claim as the one that all of a disk is on; None takes the mark off."""

    disk: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class WakeKubeVirt:
    """Have KubeVirt's controller look at the virtual machine at once; best effort.

    What the lock refuses it, it tries again later and later, up to 1,000 s (its
    ``pkg/virt-controller/watch/vm/vm.go``: the queue has client-go's default rate limiter), or
    when the machine or its instance changes.
    """


Action = (
    AddFinalizer
    | RemoveFinalizer
    | TakeStrategyOff
    | PutStrategyBack
    | OpenFence
    | CloseFence
    | CreateHolder
    | DeleteHolder
    | CreateOverlayClaim
    | DeleteOverlayClaim
    | CreateOverlayPod
    | DeleteOverlayPod
    | CreateFinisher
    | DeleteFinisher
    | DeleteLauncher
    | CreateBudget
    | DeleteBudget
    | HandInstance
    | FinishInstance
    | HandMachine
    | MarkSuperseded
    | TakeMarkOff
    | MarkFilled
    | WakeKubeVirt
)
