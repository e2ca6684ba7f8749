"""Which objects an attempt is about, and the token that names it.

The token is in everything that is asked, reported or fenced for the attempt. While nothing was
ordered a change of the objects (the machine was restarted, the claim replaced) makes a new
attempt; what an older one left behind is then ignored.
"""

import dataclasses

from detour_crds.attachment_switch import Compute, Handover, Order
from detour_crds.volume_migration import VolumeMode
from detour_operator.compute_side.observation import Claim, Instance, Observation
from detour_operator.compute_side.step import ref

UID_PART = 8
"""Characters of the switch's uid that names carry."""

OBJECTS = ("virtual_machine", "instance", "launcher_pod", "source_claim", "node", "domain")


def short_uid(uid: str) -> str:
    """The part of a switch's uid that its token and its holder's name carry."""
    return uid[:UID_PART]


def is_current(seen: Observation) -> bool:
    """Whether the recorded attempt is about the objects that are there now."""
    recorded, found = seen.switch.compute, _found(seen)
    same = all(getattr(recorded, name) == getattr(found, name) for name in OBJECTS)
    replaced = recorded.destination_claim not in (None, found.destination_claim)
    return bool(recorded.token) and same and not replaced


def next_attempt(seen: Observation) -> Compute:
    """The record of a new attempt; the lock stays as it is and must be proven again."""
    before = seen.switch.compute
    number = (before.attempt or 0) + 1
    return dataclasses.replace(
        _found(seen),
        token=f"{short_uid(seen.switch.uid)}-{number}",
        attempt=number,
        strategy_before=before.strategy_before,
        locked=bool(before.locked),
        lock_proven=False,
        handover=Handover.PENDING,
        order=Order.NONE,
    )


def _found(seen: Observation) -> Compute:
    instance = seen.instance if isinstance(seen.instance, Instance) else None
    source = seen.source_claim if isinstance(seen.source_claim, Claim) else None
    return Compute(
        virtual_machine=ref(seen.machine),
        instance=ref(seen.instance),
        domain=f"{seen.switch.namespace}_{instance.name}" if instance else None,
        node=instance.node if instance else None,
        launcher_pod=ref(seen.launcher),
        source_claim=ref(seen.source_claim),
        volume_mode=VolumeMode(source.volume_mode) if source else None,
        destination_claim=ref(seen.destination_claim),
        se_linux_level=instance.se_linux_level if instance else None,
    )
