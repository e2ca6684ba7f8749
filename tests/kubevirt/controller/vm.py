"""What virt-controller does with a VirtualMachine; pure (KubeVirt facts 6.2, 6.6 and 7)."""

import datetime
import json
from enum import Enum

from kubevirt.launcher.spec import firmware_uuid
from kubevirt.objects import (
    API_VERSION,
    condition,
    copied,
    has_condition,
    is_deleting,
    is_final,
    is_running,
    now,
    owner_reference,
    parse_time,
    set_condition,
)

from .volume_update import same_claims

RESTART_MESSAGE = "a non-live-updatable field was changed in the template spec"
BACKOFF_STEP = 10
BACKOFF_LIMIT = 300
# What may change in the template without a restart, beside volumes (KubeVirt's LiveUpdate rollout).
LIVE_UPDATABLE = ("nodeSelector", "affinity", "tolerations")


class Act(Enum):
    """What the VM's run strategy asks for now."""

    NOTHING = "nothing"
    START = "start"
    STOP = "stop"


def run_strategy(vm: dict) -> str:
    """The run strategy, also of a manifest that says `running`."""
    if "running" in vm["spec"]:
        return "Always" if vm["spec"]["running"] else "Halted"
    return vm["spec"].get("runStrategy", "Halted")


def decide(vm: dict, vmi: dict | None) -> Act:
    """What to do with the VM's instance (KubeVirt facts 7).

    Args:
        vm: the VirtualMachine.
        vmi: its instance, None if there is none.
    """
    if is_deleting(vm):
        return Act.STOP if vmi and not is_deleting(vmi) else Act.NOTHING
    if vmi is not None and is_deleting(vmi):
        return Act.NOTHING
    strategy = run_strategy(vm)
    if vmi is None:
        return _start(vm, strategy)
    if strategy == "Halted" or _stop_requested(vm, vmi):
        return Act.STOP
    phase = vmi.get("status", {}).get("phase")
    if strategy == "Always" and is_final(vmi):
        return Act.STOP
    if strategy == "RerunOnFailure" and phase == "Failed":
        return Act.STOP
    if strategy in ("Manual", "RerunOnFailure") and is_final(vmi) and _start_requested(vm):
        return Act.STOP
    return Act.NOTHING


def _start(vm: dict, strategy: str) -> Act:
    if has_condition(vm, "ManualRecoveryRequired"):
        return Act.NOTHING
    if strategy in ("Always", "RerunOnFailure") or (strategy == "Manual" and _start_requested(vm)):
        return Act.START
    return Act.NOTHING


def _requests(vm: dict) -> list[dict]:
    return vm.get("status", {}).get("stateChangeRequests") or []


def _start_requested(vm: dict) -> bool:
    return any(request["action"] == "Start" for request in _requests(vm))


def _stop_requested(vm: dict, vmi: dict) -> bool:
    uid = vmi["metadata"]["uid"]
    return any(r["action"] == "Stop" and r.get("uid", uid) == uid for r in _requests(vm))


def start_delay(vm: dict, at: float) -> float:
    """The seconds left until a VM whose starts failed may be started again."""
    retry = vm.get("status", {}).get("startFailure", {}).get("retryAfterTimestamp")
    return max(0.0, parse_time(retry) - at) if retry else 0.0


def revision_name(vm: dict) -> str:
    """The name of the ControllerRevision of a start."""
    return f"revision-start-vm-{vm['metadata']['uid']}-{vm['metadata']['generation']}"


def revision(vm: dict) -> dict:
    """The ControllerRevision that remembers with what spec the VM was started.

    KubeVirt facts 6.2.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision_name(vm),
            "namespace": vm["metadata"]["namespace"],
            "ownerReferences": [owner_reference(vm, "VirtualMachine")],
        },
        "data": {"spec": vm["spec"]},
        "revision": vm["metadata"]["generation"],
    }


def instance(vm: dict) -> dict:
    """The VMI of a start: the template, named as the VM and controlled by it.

    KubeVirt facts 9.
    """
    template = copied(vm["spec"]["template"])
    metadata = template.get("metadata") or {}
    vmi = {
        "apiVersion": API_VERSION,
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": vm["metadata"]["name"],
            "namespace": vm["metadata"]["namespace"],
            "labels": metadata.get("labels") or {},
            "annotations": metadata.get("annotations") or {},
            "ownerReferences": [owner_reference(vm, "VirtualMachine")],
        },
        "spec": template["spec"],
        "status": {"virtualMachineRevisionName": revision_name(vm)},
    }
    firmware = vmi["spec"].setdefault("domain", {}).setdefault("firmware", {})
    firmware["uuid"] = firmware_uuid(vmi)
    return vmi


def restart_required(vm: dict, started: dict | None) -> bool:
    """Whether the template differs from the last start's in what cannot change live (KubeVirt facts 6.2).

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
    plugged = {
        volume["name"]
        for volume in template.get("volumes") or []
        if (volume.get("persistentVolumeClaim") or volume.get("dataVolume") or {}).get(
            "hotpluggable"
        )
    }
    template["volumes"] = [v for v in template.get("volumes") or [] if v["name"] not in plugged]
    devices = template.get("domain", {}).get("devices") or {}
    if "disks" in devices:
        devices["disks"] = [d for d in devices["disks"] if d["name"] not in plugged]


def status(vm: dict, vmi: dict | None, started: dict | None, refused: str = "") -> dict:
    """The VM's new status; conditions other than KubeVirt's own vanish while a VMI exists (KubeVirt facts 6.6).

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
    if vmi is None or not vmi.get("status", {}).get("migratedVolumes"):
        if vmi is None or same_claims(vm, vmi):
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
    for request in _requests(vm):
        stopped = request["action"] == "Stop" and (
            vmi is None or request.get("uid", vmi["metadata"]["uid"]) != vmi["metadata"]["uid"]
        )
        started = (
            request["action"] == "Start"
            and vmi is not None
            and not (is_final(vmi) or is_deleting(vmi))
        )
        if not stopped and not (started and len(_requests(vm)) == 1):
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
