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


Action = (
    AddFinalizer
    | RemoveFinalizer
    | TakeStrategyOff
    | PutStrategyBack
    | OpenFence
    | CloseFence
    | CreateHolder
    | DeleteHolder
    | HandInstance
    | FinishInstance
    | HandMachine
)
