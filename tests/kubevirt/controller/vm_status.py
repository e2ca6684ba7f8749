"""The status virt-controller gives a VirtualMachine; pure (KubeVirt facts 6.2, 6.6 and 7)."""

import datetime
import json

from kubevirt.launcher.spec import is_hotpluggable
from kubevirt.objects import (
    condition,
    copied,
    has_condition,
    is_deleting,
    is_final,
    is_running,
    now,
    parse_time,
    set_condition,
)

from .vm import Act, decide, requests, run_strategy
from .volume_update import same_claims

RESTART_MESSAGE = "a non-live-updatable field was changed in the template spec"
BACKOFF_STEP = 10
BACKOFF_LIMIT = 300
# What may change in the template without a restart, beside volumes (rollout LiveUpdate).
LIVE_UPDATABLE = ("nodeSelector", "affinity", "tolerations")


def status(vm: dict, vmi: dict | None, started: dict | None, refused: str = "") -> dict:
    """The VM's new status; foreign conditions vanish while a VMI exists (KubeVirt facts 6.6).

    Args:
        vm: the VirtualMachine.
        vmi: its instance, None if there is none.
        started: the VM's spec at the last start, None if unknown.
        refused: why a volume migration that was asked for is impossible: it then needs a restart.
    """
    fresh = copied(vm)
    found = fresh.setdefault("status", {})
    found["runStrategy"] = run_strategy(vm)
    found["created"] = vmi is not None and not is_final(vmi)
    found["ready"] = vmi is not None and has_condition(vmi, "Ready")
    found["printableStatus"] = printable(vm, vmi)
    found["observedGeneration"] = vm["metadata"].get("generation")
    _conditions(fresh, vmi, started, refused)
    _state_change_requests(fresh, vmi)
    _start_failure(fresh, vmi)
    migrating = vmi is not None and vmi.get("status", {}).get("migratedVolumes")
    if not migrating and (vmi is None or same_claims(vm, vmi)):
        found.pop("volumeUpdateState", None)
    return fresh


def _conditions(vm: dict, vmi: dict | None, started: dict | None, refused: str) -> None:
    if vmi is None:
        set_condition(vm, "Ready", "False", "VMINotExists", "VMI does not exist")
        keep = ("Ready", "ManualRecoveryRequired", "Failure")
        vm["status"]["conditions"] = [c for c in vm["status"]["conditions"] if c["type"] in keep]
        return
    own = condition(vm, "RestartRequired")
    vm["status"]["conditions"] = [dict(c) for c in vmi.get("status", {}).get("conditions") or []]
    if refused or restart_required(vm, started):
        if own is not None:
            vm["status"]["conditions"].append(own)
        set_condition(vm, "RestartRequired", "True", message=refused or RESTART_MESSAGE)


def _state_change_requests(vm: dict, vmi: dict | None) -> None:
    """Requests that were carried out are taken from the list."""
    left = []
    for request in requests(vm):
        stopped = request["action"] == "Stop" and (
            vmi is None or request.get("uid", vmi["metadata"]["uid"]) != vmi["metadata"]["uid"]
        )
        started = (
            request["action"] == "Start"
            and vmi is not None
            and not (is_final(vmi) or is_deleting(vmi))
        )
        if not stopped and not (started and len(requests(vm)) == 1):
            left.append(request)
    if left:
        vm["status"]["stateChangeRequests"] = left
    else:
        vm["status"].pop("stateChangeRequests", None)


def _start_failure(vm: dict, vmi: dict | None) -> None:
    """Counts starts that never came to run: each next one waits longer."""
    if vmi is None:
        return
    phases = vmi.get("status", {}).get("phaseTransitionTimestamps") or []
    ran = is_running(vmi) or any(entry["phase"] == "Running" for entry in phases)
    if ran:
        vm["status"].pop("startFailure", None)
        return
    if not is_final(vmi):
        return
    failure = vm["status"].get("startFailure") or {}
    if failure.get("lastFailedVMIUID") == vmi["metadata"]["uid"]:
        return
    count = failure.get("consecutiveFailCount", 0) + 1
    delay = min(BACKOFF_STEP * count * count, BACKOFF_LIMIT)
    vm["status"]["startFailure"] = {
        "consecutiveFailCount": count,
        "lastFailedVMIUID": vmi["metadata"]["uid"],
        "retryAfterTimestamp": _later(delay),
    }


def _later(seconds: float) -> str:
    at = parse_time(now()) + seconds
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def printable(vm: dict, vmi: dict | None) -> str:
    """The status for people."""
    if is_deleting(vm):
        return "Terminating"
    if vmi is None:
        if vm.get("status", {}).get("startFailure") and run_strategy(vm) == "Always":
            return "CrashLoopBackOff"
        return "Stopped" if decide(vm, None) is Act.NOTHING else "Starting"
    if is_deleting(vmi) or is_final(vmi):
        return "Stopping" if is_deleting(vmi) else "Stopped"
    if has_condition(vmi, "Paused"):
        return "Paused"
    state = vmi.get("status", {}).get("migrationState") or {}
    if state.get("startTimestamp") and not state.get("endTimestamp"):
        return "Migrating"
    return "Running" if is_running(vmi) else "Starting"


def restart_required(vm: dict, started: dict | None) -> bool:
    """Whether the template changed, since the start, in what cannot change live.

    KubeVirt facts 6.2.

    Args:
        vm: the VirtualMachine as it is.
        started: its spec at the last start, None if unknown.
    """
    if started is None:
        return False
    volumes_may_change = vm["spec"].get(
        "updateVolumesStrategy"
    ) == "Migration" and same_volume_names(vm["spec"], started)
    return _frozen(vm["spec"], volumes_may_change) != _frozen(started, volumes_may_change)


def same_volume_names(spec: dict, other: dict) -> bool:
    """Whether two VM specs have the same volumes, whatever claims they name."""
    names = [
        sorted(volume["name"] for volume in s["template"]["spec"].get("volumes") or [])
        for s in (spec, other)
    ]
    return names[0] == names[1]


def _frozen(spec: dict, volumes_may_change: bool) -> str:
    """The part of the template that needs a restart, in a comparable form."""
    template = copied(spec["template"]["spec"])
    for name in LIVE_UPDATABLE:
        template.pop(name, None)
    domain = template.get("domain") or {}
    (domain.get("cpu") or {}).pop("sockets", None)
    (domain.get("memory") or {}).pop("guest", None)
    volumes = template.get("volumes") or []
    if volumes_may_change:
        template["volumes"] = sorted(volume["name"] for volume in volumes)
    else:
        _without_hotpluggable(template)
    return json.dumps(template, sort_keys=True)


def _without_hotpluggable(template: dict) -> None:
    """Volumes declared hotpluggable may come, go and change live."""
    plugged = {v["name"] for v in template.get("volumes") or [] if is_hotpluggable(v)}
    template["volumes"] = [v for v in template.get("volumes") or [] if v["name"] not in plugged]
    devices = template.get("domain", {}).get("devices") or {}
    if "disks" in devices:
        devices["disks"] = [d for d in devices["disks"] if d["name"] not in plugged]
