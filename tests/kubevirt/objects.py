"""Names and small reads that several parts of the stand-in share; pure."""

import copy
import datetime

from .launcher.spec import claim_name, claim_volumes

__all__ = ["claim_name", "claim_volumes"]

NAMESPACE = "kubevirt"
API_VERSION = "kubevirt.io/v1"
CONTROLLER = f"system:serviceaccount:{NAMESPACE}:kubevirt-controller"
API = f"system:serviceaccount:{NAMESPACE}:kubevirt-apiserver"
HANDLER = f"system:serviceaccount:{NAMESPACE}:kubevirt-handler"
SYNCHRONIZATION = f"system:serviceaccount:{NAMESPACE}:kubevirt-synchronization-controller"
SERVICE_ACCOUNTS = frozenset({CONTROLLER, API, HANDLER, SYNCHRONIZATION})

VM_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
VMI_FINALIZER = "foregroundDeleteVirtualMachine"
MIGRATION_FINALIZER = "kubevirt.io/migrationJobFinalize"
NODE_LABEL = "kubevirt.io/nodeName"
APP_LABEL = "kubevirt.io"
CREATED_BY_LABEL = "kubevirt.io/created-by"
VM_NAME_LABEL = "vm.kubevirt.io/name"
VMI_NAME_LABEL = "kubevirt.io/vmi-name"
MIGRATION_JOB_LABEL = "kubevirt.io/migrationJobUID"
VOLUME_MIGRATION_LABEL = "kubevirt.io/volume-update-migration"
DOMAIN_ANNOTATION = "kubevirt.io/domain"
MIGRATION_JOB_ANNOTATION = "kubevirt.io/migrationJobName"
# Not KubeVirt's: which of the launcher images a VM gets.
TEST_LAUNCHER_ANNOTATION = "detour.dev/test-launcher"
LAUNCHERS = ("trixie", "sid", "bookworm")

FINAL_PHASES = ("Succeeded", "Failed")


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float:
    """Seconds since 1970 of a time as Kubernetes writes it."""
    return datetime.datetime.fromisoformat(text).timestamp()


def is_final(item: dict) -> bool:
    """Whether a VMI or a migration has ended."""
    return item.get("status", {}).get("phase") in FINAL_PHASES


def is_running(vmi: dict) -> bool:
    """Whether the guest runs."""
    return vmi.get("status", {}).get("phase") == "Running"


def is_deleting(item: dict) -> bool:
    """Whether the object is being deleted."""
    return "deletionTimestamp" in item["metadata"]


def condition(item: dict, kind: str) -> dict | None:
    """The condition of a type."""
    for entry in item.get("status", {}).get("conditions") or []:
        if entry["type"] == kind:
            return entry
    return None


def has_condition(item: dict, kind: str, status: str = "True") -> bool:
    """Whether the condition has the status."""
    found = condition(item, kind)
    return found is not None and found["status"] == status


def set_condition(item: dict, kind: str, status: str, reason: str = "", message: str = "") -> None:
    """Sets a condition; its time changes only with its status."""
    conditions = item.setdefault("status", {}).setdefault("conditions", [])
    fresh = {"type": kind, "status": status, "lastProbeTime": None}
    if reason:
        fresh["reason"] = reason
    if message:
        fresh["message"] = message
    old = condition(item, kind)
    same = old is not None and old["status"] == status
    fresh["lastTransitionTime"] = old.get("lastTransitionTime") if same else now()
    if old is None:
        conditions.append(fresh)
    else:
        conditions[conditions.index(old)] = fresh


def remove_condition(item: dict, kind: str) -> None:
    """Takes a condition away."""
    status = item.get("status", {})
    kept = [entry for entry in status.get("conditions") or [] if entry["type"] != kind]
    if "conditions" in status:
        status["conditions"] = kept


def controlled_by(item: dict, owner: dict) -> bool:
    """Whether the owner is the object's controller."""
    return any(
        reference.get("controller") and reference["uid"] == owner["metadata"]["uid"]
        for reference in item["metadata"].get("ownerReferences") or []
    )


def owner_reference(owner: dict, kind: str, *, controller: bool = True) -> dict:
    """A reference to an owner of this API group."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": True,
    }


def set_phase(vmi: dict, phase: str) -> None:
    """Sets a VMI's phase and notes when it came to it."""
    status = vmi.setdefault("status", {})
    if status.get("phase") != phase:
        status["phase"] = phase
        status.setdefault("phaseTransitionTimestamps", []).append(
            {"phase": phase, "phaseTransitionTimestamp": now()}
        )


def copied(item: dict) -> dict:
    """A copy that may be changed."""
    return copy.deepcopy(item)


def event(
    item: dict, kind: str, reason: str, message: str, source: str, event_type: str = "Warning"
) -> dict:
    """An Event about an object of this API group."""
    metadata = item["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "reason": reason,
        "message": message[:1000],
        "type": event_type,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "count": 1,
        "source": {"component": source},
    }
