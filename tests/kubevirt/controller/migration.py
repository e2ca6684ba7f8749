"""The phases of a VirtualMachineInstanceMigration; pure (KubeVirt facts 6.4, 8 and 11)."""

from kubevirt.handler.migration import TARGET_LABEL
from kubevirt.objects import (
    MIGRATION_JOB_LABEL,
    copied,
    has_condition,
    is_deleting,
    is_final,
    is_running,
    now,
    parse_time,
    set_condition,
)

from .vmi import current_pod, is_down, is_ready

# Failed when the target pod could not be scheduled for so long (KubeVirt's default).
PENDING_TIMEOUT = 300.0


def target_pod(migration: dict, pods: list[dict]) -> dict | None:
    """The launcher pod the migration made."""
    uid = migration["metadata"]["uid"]
    return next((p for p in pods if p["metadata"]["labels"].get(MIGRATION_JOB_LABEL) == uid), None)


def state_of(vmi: dict, migration: dict) -> dict:
    """The VMI's migration state as far as it is this migration's."""
    state = vmi.get("status", {}).get("migrationState") or {}
    return state if state.get("migrationUid") == migration["metadata"]["uid"] else {}


def next_phase(migration: dict, vmi: dict | None, pods: list[dict], at: float) -> str:
    """The phase that follows from what is.

    Args:
        migration: the VirtualMachineInstanceMigration.
        vmi: the VMI it names, None if there is none.
        pods: the VMI's launcher pods.
        at: the time, in seconds since 1970.
    """
    phase = migration.get("status", {}).get("phase") or "Pending"
    if is_final(migration):
        return phase
    if vmi is None or is_final(vmi) or is_deleting(vmi):
        return "Failed"
    state = state_of(vmi, migration)
    if "endTimestamp" in state:
        return "Failed" if state.get("failed") else "Succeeded"
    pod = target_pod(migration, pods)
    if phase != "Pending" and (pod is None or is_down(pod) or is_deleting(pod)):
        return "Failed"
    if is_deleting(migration) and "startTimestamp" not in state:
        return "Failed"
    return _further(phase, pod, state, at)


def _further(phase: str, pod: dict | None, state: dict, at: float) -> str:
    """The phase that pod and nodes have come to."""
    if phase == "Pending":
        return "Scheduling" if pod is not None else "Pending"
    if phase == "Scheduling":
        created = parse_time(pod["metadata"]["creationTimestamp"])
        if not is_ready(pod):
            return "Failed" if at - created > PENDING_TIMEOUT else "Scheduling"
        return "Scheduled"
    if phase == "Scheduled":
        return "PreparingTarget" if state else "Scheduled"
    if "startTimestamp" in state:
        return "Running"
    return "TargetReady" if "targetNodeAddress" in state else "PreparingTarget"


def wants_pod(migration: dict, vmi: dict | None, pods: list[dict], others: list[dict]) -> bool:
    """Whether the target pod is to be created now: one migration of a VMI at a time."""
    return (
        (migration.get("status", {}).get("phase") or "Pending") == "Pending"
        and not is_deleting(migration)
        and vmi is not None
        and is_running(vmi)
        and not is_deleting(vmi)
        and target_pod(migration, pods) is None
        and not any(_active(other) and other is not migration for other in others)
        and "utilityVolumes" not in vmi["spec"]
    )


def _active(migration: dict) -> bool:
    phase = migration.get("status", {}).get("phase") or "Pending"
    return not is_final(migration) and phase != "Pending"


def handed_to_nodes(vmi: dict, migration: dict, pods: list[dict]) -> dict | None:
    """The VMI with source and target named, None where that is not to be said now."""
    if migration.get("status", {}).get("phase") != "Scheduled" or state_of(vmi, migration):
        return None
    pod, source = target_pod(migration, pods), current_pod(vmi, pods)
    if pod is None or source is None:
        return None
    fresh = copied(vmi)
    fresh["metadata"].setdefault("labels", {})[TARGET_LABEL] = pod["spec"]["nodeName"]
    fresh["status"]["migrationState"] = {
        "migrationUid": migration["metadata"]["uid"],
        "sourceNode": vmi["status"]["nodeName"],
        "sourcePod": source["metadata"]["name"],
        "targetNode": pod["spec"]["nodeName"],
        "targetPod": pod["metadata"]["name"],
        "mode": "PreCopy",
    }
    return fresh


def updated(migration: dict, vmi: dict | None, pods: list[dict], at: float) -> dict:
    """The migration with the status that follows from what is."""
    fresh = copied(migration)
    status = fresh.setdefault("status", {})
    phase = next_phase(migration, vmi, pods, at)
    if status.get("phase") != phase:
        status["phase"] = phase
        status.setdefault("phaseTransitionTimestamps", []).append(
            {"phase": phase, "phaseTransitionTimestamp": now()}
        )
    state = state_of(vmi, migration) if vmi else {}
    if state:
        status["migrationState"] = copied(state)
    if state.get("abortRequested") and not has_condition(fresh, "migrationAbortRequested"):
        set_condition(fresh, "migrationAbortRequested", "True")
    return fresh
