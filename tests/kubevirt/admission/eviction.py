"""What virt-api answers to the eviction of a pod (KubeVirt facts 5 and 6.6)."""

from dataclasses import dataclass

from kubevirt.objects import APP_LABEL, DOMAIN_ANNOTATION, FINAL_PHASES, has_condition

from .verdict import ALLOWED, Verdict, denied

TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class EvictionVerdict:
    """The answer, and the node to note as the VMI's `evacuationNodeName`."""

    verdict: Verdict
    evacuate: str = ""


def is_hotplug_pod(pod: dict) -> bool:
    """A pod with the label and exactly one owner (isHotplugPod)."""
    labels = pod["metadata"].get("labels") or {}
    owners = pod["metadata"].get("ownerReferences") or []
    return labels.get(APP_LABEL) == "hotplug-disk" and len(owners) == 1


def is_launcher(pod: dict) -> bool:
    """A launcher pod, by its label."""
    return (pod["metadata"].get("labels") or {}).get(APP_LABEL) == "virt-launcher"


def admit_hotplug(owner: dict | None, vmi: dict | None) -> Verdict:
    """A pod that keeps a disk attached stays as long as its VMI (admitHotplugPod)."""
    if owner is None or not is_launcher(owner) or vmi is None:
        return ALLOWED
    return denied(
        f"cannot evict hotplug pod: {owner['metadata']['name']} associated with running vmi: "
        f"{vmi['metadata']['name']} in namespace {vmi['metadata']['namespace']}",
        TOO_MANY_REQUESTS,
    )


def admit_launcher(pod: dict, vmi: dict | None) -> EvictionVerdict:
    """By the VMI's eviction strategy; without one the VM simply dies."""
    if pod.get("status", {}).get("phase") in FINAL_PHASES or not domain(pod):
        return EvictionVerdict(ALLOWED)
    if vmi is None:
        return EvictionVerdict(denied("kubevirt failed getting the vmi: not found"))
    strategy = vmi["spec"].get("evictionStrategy")
    migratable = has_condition(vmi, "LiveMigratable")
    name = vmi["metadata"]["name"]
    if strategy == "LiveMigrate" and not migratable:
        return EvictionVerdict(
            denied(
                f"VMI {name} is configured with an eviction strategy but is not live-migratable",
                TOO_MANY_REQUESTS,
            )
        )
    if strategy == "External" or (
        strategy in ("LiveMigrate", "LiveMigrateIfPossible") and migratable
    ):
        return _mark(pod, vmi)
    return EvictionVerdict(ALLOWED)


def _mark(pod: dict, vmi: dict) -> EvictionVerdict:
    node = vmi.get("status", {}).get("nodeName", "")
    name = f"{pod['metadata']['namespace']}/{vmi['metadata']['name']}"
    message = f'Eviction triggered evacuation of VMI "{name}"'
    if vmi.get("status", {}).get("evacuationNodeName") == node:
        message = f"Evacuation in progress: {message}"
    # A pod on another node is the target of a migration: nothing to mark.
    same = pod["spec"].get("nodeName") == node
    return EvictionVerdict(denied(message, TOO_MANY_REQUESTS), node if same else "")


def domain(pod: dict) -> str:
    """The VMI a launcher pod belongs to."""
    return (pod["metadata"].get("annotations") or {}).get(DOMAIN_ANNOTATION, "")
