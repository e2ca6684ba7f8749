"""Every fail point there is, from the code that has the effects."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping

from detour_agent import guarding
from detour_crds.attachment_switch import AttachmentSwitchStatus, Compute, Order, Stage
from detour_crds.serialise import json_name
from detour_crds.volume_migration import VolumeMigrationStatus
from detour_crds.volume_migration_plan import VolumeMigrationPlanStatus
from detour_operator.compute_side import actions as compute
from detour_operator.compute_side.passes import OWNED
from detour_operator.plans import actions as plans
from detour_operator.storage_side import actions as storage

if typing.TYPE_CHECKING:
    from robustness.plan import Move

JOURNAL = "journal.write"


@functools.cache
def operator() -> tuple[str, ...]:
    """The operator's effects: each action of each part, and each field of what it records."""
    actions = {"storage": storage.Action, "compute": compute.Action, "plans": plans.Action}
    named = [
        f"{side}.{action.__name__}"
        for side, union in actions.items()
        for action in typing.get_args(union)
    ]
    orders = [f"order.{order}" for order in Order if order]
    own = [name for name in _fields(AttachmentSwitchStatus) if name in OWNED]
    mine = [name for name in _fields(Compute) if name != "order"]
    named += [f"storage.record.{field}" for field in _fields(VolumeMigrationStatus)]
    named += [f"plans.record.{field}" for field in _fields(VolumeMigrationPlanStatus)]
    named.append("compute.DeleteLeftHolder")
    return (*named, *(f"compute.record.{field}" for field in [*own, *mine, *orders]))


@functools.cache
def agent() -> tuple[str, ...]:
    """The agent's effects: each verb of its ports that is no look, each stage of the journal."""
    found = []
    for port in guarding.PORTS:
        for verb in guarding.effects(port):
            stages = [f".{stage}" for stage in Stage if stage is not Stage.MISSING]
            more = stages if f"{port}.{verb}" == JOURNAL else [""]
            found += [f"agent.{port}.{verb}{stage}" for stage in more]
    return tuple(found)


def points(effects: Iterable[str]) -> list[str]:
    """The moments before and after each of them."""
    return [f"{effect}.{when}" for effect in effects for when in ("before", "after")]


def _fields(kind: type) -> Iterator[str]:
    return (json_name(field) for field in dataclasses.fields(kind))


def reachable(move: "Move") -> list[str]:
    """The points that a migration may reach, whatever faults there are; sorted."""
    effects = [*operator(), *([] if move.kind == "offline" else agent())]
    return sorted(
        points([effect for effect in effects if effect not in ELSEWHERE and _may(effect, move)])
    )


def _may(effect: str, move: "Move") -> bool:
    return all(holds(move) for named, holds in ONLY.items() if effect in named)


def _names(side: str, *effects: str) -> frozenset[str]:
    return frozenset(f"{side}.{effect}" for effect in effects)


ONLY: "Mapping[frozenset[str], Callable[[Move], bool]]" = {
    _names(
        "compute", "OpenFence", "CloseFence", "CreateHolder", "DeleteHolder", "CreateBudget",
        "DeleteBudget", "HandInstance", "FinishInstance", "TakeStrategyOff", "PutStrategyBack",
        "record.holderPod", "record.instance", "record.domain", "record.node", "record.handover",
        "record.launcherPod", "record.order.Overlay", "record.order.Mirrored",
        "record.order.Destination", "record.order.Source", "record.merged", "record.orderTime",
    ): lambda move: move.kind != "offline",
    _names("compute", "record.offline"): lambda move: move.kind == "offline",
    _names(
        "compute", "CreateFinisher", "DeleteFinisher", "DeleteLauncher", "record.finisherPod",
    ): lambda move: move.kind == "stopped",
    _names(
        "compute", "CreateOverlayClaim", "DeleteOverlayClaim", "CreateOverlayPod",
        "DeleteOverlayPod", "record.overlayClaim", "record.overlayPod",
    ): lambda move: move.overlay == "Claim",
    _names(
        "storage", "CreateSnapshot", "DeleteSnapshot",
    ): lambda move: move.method == "VolumeSnapshot",
    _names(
        "storage", "CreateJob", "StartJob", "DeleteJob", "record.progress",
    ): lambda move: move.method in ("HostAssisted", "VolumeSnapshot", "CSIClone"),
    _names("storage", "NameDestination"): lambda move: move.method != "HostAssisted",
    _names(
        "agent.images", "create", "remove",
    )
    | _names(
        "agent.mounts", "expose_overlay", "hide_overlay", "flush", "over_mount",
    )
    | _names("agent.domain", "snapshot", "copy", "pivot")
    | _names("agent.journal.write", "start", "overlay"): lambda move: bool(move.overlay),
    _names("agent.mounts", "make_blank", "show", "hide")
    | _names("agent.domain", "mirror", "mirror_end"): lambda move: move.method == "Hypervisor",
    _names("agent.domain", "abort", "commit")
    | _names("agent.mounts", "unmount_top")
    | _names(
        "agent.journal.write", "cancel", "commitpivot",
    ): lambda move: move.kind == "cancel" and bool(move.overlay),
    _names("agent.offline", "merge")
    | _names(
        "agent.journal.write", "offline-finish", "offline-commit",
    ): lambda move: move.kind == "stopped" and bool(move.overlay),
    _names("agent.journal.write", "cancelled"): lambda move: move.kind in ("cancel", "stopped"),
}  # fmt: skip
"""Effects that only some migrations have."""

ELSEWHERE = {
    **dict.fromkeys(
        ("agent.domain.monitor_commit", "agent.domain.monitor_complete"),
        "where libvirt lost sight of an overlay: tests/contract/test_libvirt_lost_sight.py",
    ),
    **dict.fromkeys(
        ("agent.domain.monitor_delete", "agent.journal.write.refused"),
        "after a call of libvirt that failed",
    ),
    **dict.fromkeys(
        ("agent.domain.set_tune", "agent.domain.wake"),
        "where the overlay is full, or a merge does not get on",
    ),
    "agent.records.remove": "a minute after the switch is gone, or later",
    **dict.fromkeys(
        ("compute.TakeStrategyOff", "compute.PutStrategyBack", "compute.record.strategyBefore"),
        "where the machine has a strategy of KubeVirt's",
    ),
    "compute.WakeKubeVirt": "where KubeVirt has not started the machine again by the end",
    "compute.TakeMarkOff": "where a disk goes back onto its old claim",
    "compute.DeleteLeftHolder": "where a moved machine is live-migrated",
    "compute.DeleteLauncher": "where a lost node's pod stays",
    **dict.fromkeys(("compute.record.lostNode", "compute.record.losses"), "where a node is lost"),
    "compute.record.seLinuxLevel": "on nodes with SELinux",
    "compute.record.compute": "never: the record as a whole is not taken away",
    **dict.fromkeys(("storage.SetTrust", "storage.TakeTrustBack"), "where a person answers"),
    "storage.SetWhenStopped": "where a person changes what he wants",
    "storage.DeleteClaim": "where a copy by the storage is given up",
    "storage.DeleteSource": "with sourceReclaimPolicy: Delete",
    "storage.record.guestStops": "where a move starts again because its guest stopped",
    "storage.record.external": "where somebody else copies",
    "storage.record.emptyClaimUID": "onto a claim that is there",
    "storage.record.discardedClaimUID": "where a copy by the storage failed",
    **dict.fromkeys(
        (name for name in operator() if name.startswith("plans.")),
        "by a plan: tests/unit/operator/plans/test_crashes.py",
    ),
}
"""Effects that no migration of a run has, and where."""
