"""A volume that is plugged into a running guest, and the device rules of its container."""

import dataclasses

from harness.cluster import Target
from harness.facts import Facts
from harness.kube import Object, wait_for
from harness.machine import Machine

VOLUME = "hot"
TEMPLATE = "/spec/template/spec"
GROUP = 'group=$(find /sys/fs/cgroup/devices -type d -name "*$1*" 2>/dev/null | head -n 1); '
LIST = GROUP + 'test -z "$group" || cat "$group/devices.list"'
ALLOW = GROUP + 'echo "$2" >"$group/devices.allow"'


def plugged(claim: str) -> Object:
    """The volume as the VM declares it."""
    source = {"claimName": claim, "hotpluggable": True}
    return {"name": VOLUME, "persistentVolumeClaim": source}


def plug(facts: Facts, claim: str) -> Object:
    """Plug a claim into the VM; the pod that attaches it, once the guest has the disk."""
    disk = {"name": VOLUME, "disk": {"bus": "scsi"}}
    volume = {"op": "add", "path": f"{TEMPLATE}/volumes/-", "value": plugged(claim)}
    device = {"op": "add", "path": f"{TEMPLATE}/domain/devices/disks/-", "value": disk}
    facts.patch("vm", [volume, device])
    return ready(facts)


def unplug(facts: Facts) -> None:
    """Take the volume from the VM, and wait until it is gone."""
    volume = {"op": "remove", "path": f"{TEMPLATE}/volumes/1"}
    disk = {"op": "remove", "path": f"{TEMPLATE}/domain/devices/disks/1"}
    facts.patch("vm", [volume, disk])
    wait_for("the volume to be gone", lambda: not facts.volume(VOLUME))


def ready(facts: Facts, other_than: str | None = None) -> Object:
    """The pod that attaches the plugged volume, once the guest has the disk."""

    def attached() -> Object | None:
        entry = facts.volume(VOLUME)
        uid = entry.get("hotplugVolume", {}).get("attachPodUID")
        name = entry.get("hotplugVolume", {}).get("attachPodName")
        if entry.get("phase") != "Ready" or uid == other_than:
            return None
        return facts.kube.get("pods", name, facts.machine.namespace)

    return wait_for("the volume to be plugged", attached, seen=lambda: facts.volume(VOLUME))


@dataclasses.dataclass
class DeviceRules:
    """The device rules of a guest's container, on a node with control groups of version 1."""

    target: Target
    machine: Machine

    def blocks(self) -> set[str]:
        """The numbers of the block devices that may be read and written."""
        rules = [line.split() for line in self._run(LIST).splitlines()]
        return {
            number for kind, number, access in rules if kind == "b" and {"r", "w"} <= set(access)
        }

    def are_listed(self) -> bool:
        """Whether the node has such a list; version 2 of control groups has none."""
        return bool(self._run(LIST))

    def allow(self, number: str) -> None:
        """Allow one more block device, as somebody who is not KubeVirt."""
        self._run(ALLOW, f"b {number} rw")

    def number(self, path: str) -> str:
        """The number of the device at a path in the launcher, as the rules have it."""
        printed = self.machine.in_launcher("stat", "-c", "%t %T", path)
        return ":".join(str(int(part, 16)) for part in printed.split())

    def _run(self, script: str, *words: str) -> str:
        pod = self.machine.launcher()
        states = pod["status"]["containerStatuses"]
        compute = next(state for state in states if state["name"] == "compute")
        container = compute["containerID"].partition("://")[2]
        command = ["sh", "-euc", script, "sh", container, *words]
        return self.target.provider.node_exec(pod["spec"]["nodeName"], command).stdout
