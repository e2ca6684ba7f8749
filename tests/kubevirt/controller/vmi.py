"""What virt-controller does with a VirtualMachineInstance; pure (KubeVirt facts 7 and 9)."""

from kubevirt.objects import (
    FINAL_PHASES,
    MIGRATION_JOB_LABEL,
    NODE_LABEL,
    condition,
    copied,
    has_condition,
    is_deleting,
    is_final,
    is_running,
    now,
    set_condition,
    set_phase,
)

from .launcher_pod import UNPAUSED
from .volumes import refresh_volume_status, set_volumes_change


def current_pod(vmi: dict, pods: list[dict]) -> dict | None:
    """The launcher pod the guest is in: the newest on the VMI's node (CurrentVMIPod)."""
    node = vmi.get("status", {}).get("nodeName")
    ours = [
        pod
        for pod in pods
        if (
            pod["spec"].get("nodeName") == node
            if node
            else MIGRATION_JOB_LABEL not in pod["metadata"]["labels"]
        )
    ]
    return max(ours, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)


def is_down(pod: dict) -> bool:
    """Whether the pod has ended."""
    return pod.get("status", {}).get("phase") in FINAL_PHASES


def is_ready(pod: dict) -> bool:
    """Whether all of the pod's containers run and are ready."""
    status = pod.get("status", {})
    states = status.get("containerStatuses") or []
    return (
        status.get("phase") == "Running" and bool(states) and all(s.get("ready") for s in states)
    )


def active_pods(pods: list[dict]) -> dict[str, str]:
    """The nodes of the pods that have not ended, by pod uid (KubeVirt facts 1)."""
    return {
        pod["metadata"]["uid"]: pod["spec"].get("nodeName", "") for pod in pods if not is_down(pod)
    }


def needs_pod(vmi: dict, pods: list[dict]) -> bool:
    """Whether the launcher pod is still to be created."""
    phase = vmi.get("status", {}).get("phase") or "Pending"
    return not pods and phase == "Pending" and not is_deleting(vmi)


def updated(vmi: dict, pods: list[dict], claims: dict[str, dict]) -> dict:
    """The VMI with the status that pods and claims give it.

    Args:
        vmi: as it is.
        pods: the launcher pods it controls.
        claims: the namespace's claims by name.
    """
    fresh = copied(vmi)
    status = fresh.setdefault("status", {})
    pod = current_pod(vmi, pods)
    _phase(fresh, pod)
    if is_final(fresh):
        status.pop("activePods", None)
        set_condition(
            fresh, "Ready", "False", "PodTerminating", "virt-launcher pod is terminating"
        )
        return fresh
    if pods:
        status["activePods"] = active_pods(pods)
    if pod is not None:
        status["qosClass"] = pod.get("status", {}).get("qosClass", "Burstable")
        status["launcherContainerImageVersion"] = pod["spec"]["containers"][0]["image"]
    names = {volume["name"] for volume in pod["spec"]["volumes"]} if pod else None
    refresh_volume_status(fresh, claims, names)
    set_volumes_change(fresh)
    _ready(fresh, pod)
    return fresh


def unpaused_condition(vmi: dict, pod: dict) -> dict | None:
    """The condition of the pod's readiness gate that is to be set, None if it is right already."""
    status = "False" if has_condition(vmi, "Paused") else "True"
    found = condition(pod, UNPAUSED)
    if is_down(pod) or (found is not None and found["status"] == status):
        return None
    return {"type": UNPAUSED, "status": status, "lastTransitionTime": now()}


def _phase(vmi: dict, pod: dict | None) -> None:
    """Pending, Scheduling, Scheduled; then virt-handler takes over (KubeVirt facts 7)."""
    phase = vmi["status"].get("phase") or "Pending"
    if phase == "Pending" and pod is not None:
        set_phase(vmi, "Scheduling")
    elif phase in ("Scheduling", "Scheduled") and (
        pod is None or is_down(pod) or is_deleting(pod)
    ):
        set_phase(vmi, "Failed")
    elif phase == "Scheduling" and is_ready(pod):
        vmi["status"]["nodeName"] = pod["spec"]["nodeName"]
        vmi["metadata"].setdefault("labels", {})[NODE_LABEL] = pod["spec"]["nodeName"]
        set_phase(vmi, "Scheduled")
    elif phase == "Running" and pod is None:
        # The pod's object vanished under a running guest.
        set_phase(vmi, "Failed")


def _ready(vmi: dict, pod: dict | None) -> None:
    if pod is None:
        set_condition(
            vmi, "Ready", "False", "PodNotExists", "virt-launcher pod has not yet been scheduled"
        )
    elif is_running(vmi) and is_ready(pod) and not is_deleting(pod):
        set_condition(vmi, "Ready", "True")
    elif is_deleting(pod):
        set_condition(vmi, "Ready", "False", "PodTerminating", "virt-launcher pod is terminating")
    else:
        set_condition(
            vmi, "Ready", "False", "GuestNotRunning", "Guest VM is not reported as running"
        )
