"""What virt-controller does with a VirtualMachine; pure (KubeVirt facts 6.2, 6.6 and 7)."""

from enum import Enum

from kubevirt.launcher.spec import firmware_uuid
from kubevirt.objects import (
    API_VERSION,
    copied,
    has_condition,
    is_deleting,
    is_final,
    owner_reference,
    parse_time,
)


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
        stays = vmi is None or is_deleting(vmi) or leaves_instance(vm)
        return Act.NOTHING if stays else Act.STOP
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


def leaves_instance(vm: dict) -> bool:
    """Whether the VM was deleted with its dependents orphaned."""
    return "orphan" in (vm["metadata"].get("finalizers") or [])


def _start(vm: dict, strategy: str) -> Act:
    if has_condition(vm, "ManualRecoveryRequired"):
        return Act.NOTHING
    if strategy in ("Always", "RerunOnFailure") or (strategy == "Manual" and _start_requested(vm)):
        return Act.START
    return Act.NOTHING


def requests(vm: dict) -> list[dict]:
    """What `virtctl` and the like asked for and is still to be done."""
    return vm.get("status", {}).get("stateChangeRequests") or []


def _start_requested(vm: dict) -> bool:
    return any(request["action"] == "Start" for request in requests(vm))


def _stop_requested(vm: dict, vmi: dict) -> bool:
    uid = vmi["metadata"]["uid"]
    return any(r["action"] == "Stop" and r.get("uid", uid) == uid for r in requests(vm))


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
