"""What others may try with a VM and its claims, as a user would: with kubectl."""

import copy
import json
from collections.abc import Callable
from typing import Any

from harness.kube import Kube, KubectlError, Object
from harness.machine import Machine

Attempt = Callable[..., None]
"""Tries it; arguments are further ones for kubectl, as ``--dry-run=server``."""

GROUPS = {
    "VirtualMachineSnapshot": "snapshot",
    "VirtualMachineRestore": "snapshot",
    "VirtualMachineClone": "clone",
    "VirtualMachineExport": "export",
    "VirtualMachineBackup": "backup",
}
ALPHA = {"VirtualMachineBackup"}
TEMPLATE = "/spec/template/spec"
VOLUMES = f"{TEMPLATE}/volumes"
SECOND = 1
"""The place of a running VM's second volume, which is not moved."""
DUMPED: Object = {"memoryDumpRequest": {"claimName": "dump", "phase": "Completed"}}
"""What KubeVirt keeps in the status of a VM whose memory was dumped."""


def refusal(attempt: Attempt, *flags: str) -> str:
    """What the user reads; empty if it was admitted."""
    try:
        attempt(*flags)
    except KubectlError as error:
        return error.message
    return ""


def live_migration(machine: Machine, name: str = "evacuate") -> Object:
    """A VirtualMachineInstanceMigration, as ``virtctl migrate`` makes it."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": name, "namespace": machine.namespace},
        "spec": {"vmiName": machine.name},
    }


def evict(kube: Kube, pod: str, namespace: str) -> None:
    """Ask for the eviction of a pod, once."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    kube.run("create", "--raw", path, "-f", "-", given=json.dumps(eviction))


class _Tries:
    """Makes attempts on one VM."""

    def __init__(self, kube: Kube, machine: Machine) -> None:
        self._kube = kube
        self._namespace, self._name = machine.namespace, machine.name

    def patch(
        self, change: Object | list[Object], *words: str, kind: str = "virtualmachines"
    ) -> Attempt:
        form = "json" if isinstance(change, list) else "merge"
        given = [f"--type={form}", "-p", json.dumps(change), *words]
        return lambda *flags: self._kube.run(
            "patch", kind, self._name, "-n", self._namespace, *given, *flags
        )

    def request(self, status: Object) -> Attempt:
        """As KubeVirt's own API server writes what a user asked of it."""
        return self.patch({"status": status}, "--subresource=status")

    def remove(self, kind: str, item: str, *words: str) -> Attempt:
        return lambda *flags: self._kube.run(
            "delete", kind, item, "-n", self._namespace, "--wait=false", *words, *flags
        )

    def make(self, item: Object) -> Attempt:
        return lambda *flags: self._kube.create(item, *flags)

    def copy(self, kind: str, **spec: Any) -> Attempt:
        return self.make(_copy(kind, self._namespace, **spec))


def of_machine(kube: Kube, machine: Machine) -> dict[str, Attempt]:
    """What may be tried with a running VM, its instance and its launcher pod.

    Some is about a second volume, and some asks more if its memory was ``DUMPED`` before.
    """
    tries = _Tries(kube, machine)
    launcher = machine.launcher()["metadata"]["name"]
    instance = {**machine.instance(), "status": {}}
    instance["metadata"] = {"name": machine.name, "namespace": machine.namespace}
    restart = [{"action": "Stop"}, {"action": "Start"}]
    instances = "virtualmachineinstances"
    dump = {"claimName": "dump", "phase": "Associating"}
    no_dump = {"claimName": "dump", "phase": "Dissociating", "remove": True}
    template = {"spec": {"template": {"spec": {"domain": {}}}}}
    memory, processors = copy.deepcopy(template), copy.deepcopy(template)
    memory["spec"]["template"]["spec"]["domain"] = {"memory": {"guest": "192Mi"}}
    processors["spec"]["template"]["spec"]["domain"] = {"cpu": {"sockets": 2}}
    return {
        "live migration": tries.make(live_migration(machine)),
        "deletion of the instance": tries.remove("virtualmachineinstances", machine.name),
        "a second instance": tries.make(instance),
        "deletion of the launcher pod": tries.remove("pods", launcher),
        "deletion of the launcher pod by force": tries.remove(
            "pods", launcher, "--grace-period=0", "--force"
        ),
        "stop": tries.patch({"spec": {"runStrategy": "Halted"}}),
        "restart": tries.request({"stateChangeRequests": restart}),
        "a forced stop": tries.patch(
            {"spec": {"terminationGracePeriodSeconds": 0}}, kind=instances
        ),
        "volumes plugged by request": tries.request(
            {"volumeRequests": [{"addVolumeOptions": {"name": "extra"}}]}
        ),
        "volumes unplugged by request": tries.request(
            {"volumeRequests": [{"removeVolumeOptions": {"name": "second"}}]}
        ),
        "a volume unplugged": tries.patch(_unplugged(TEMPLATE, SECOND)),
        "a volume unplugged from the instance": tries.patch(
            _unplugged("/spec", SECOND), kind=instances
        ),
        "another claim for another volume": tries.patch(_on_extra(SECOND)),
        "memory plugged": tries.patch(memory),
        "processors plugged": tries.patch(processors),
        "memory dump": tries.request({"memoryDumpRequest": dump}),
        "removal of a memory dump": tries.request({"memoryDumpRequest": no_dump}),
        **_whether_it_runs_or_not(tries, machine),
    }


def of_stopped_machine(kube: Kube, machine: Machine) -> dict[str, Attempt]:
    """What may be tried with a VM that is stopped."""
    tries = _Tries(kube, machine)
    return {
        "start": tries.patch({"spec": {"runStrategy": "Always"}}),
        "start by request": tries.request({"stateChangeRequests": [{"action": "Start"}]}),
        **_whether_it_runs_or_not(tries, machine),
    }


def _whether_it_runs_or_not(tries: _Tries, machine: Machine) -> dict[str, Attempt]:
    this = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": machine.name}
    other = {**this, "name": "extra"}
    further = {"name": "extra", "persistentVolumeClaim": {"claimName": "extra"}}
    return {
        "deletion of the VM": tries.remove("virtualmachines", machine.name),
        "deletion of the VM without its instance": tries.remove(
            "virtualmachines", machine.name, "--cascade=orphan"
        ),
        "a volume plugged": tries.patch([{"op": "add", "path": f"{VOLUMES}/-", "value": further}]),
        "KubeVirt's own volume migration": tries.patch(
            {"spec": {"updateVolumesStrategy": "Migration"}}
        ),
        "the volume taken out": tries.patch(_unplugged(TEMPLATE, 0)),
        "another claim for the volume": tries.patch(_on_extra(0)),
        "snapshot": tries.copy("VirtualMachineSnapshot", source=this),
        "restore": tries.copy(
            "VirtualMachineRestore", target=this, virtualMachineSnapshotName="earlier"
        ),
        "clone": tries.copy("VirtualMachineClone", source=this),
        "clone over it": tries.copy("VirtualMachineClone", source=other, target=this),
        "export": tries.copy("VirtualMachineExport", source=this),
        "backup": tries.copy("VirtualMachineBackup", source=this, mode="Push", pvcName="extra"),
    }


def _unplugged(where: str, place: int) -> list[Object]:
    paths = (f"{where}/volumes/{place}", f"{where}/domain/devices/disks/{place}")
    return [{"op": "remove", "path": path} for path in paths]


def _on_extra(place: int) -> list[Object]:
    path = f"{VOLUMES}/{place}/persistentVolumeClaim/claimName"
    return [{"op": "replace", "path": path, "value": "extra"}]


def of_claim(kube: Kube, namespace: str, claim: str) -> dict[str, Attempt]:
    """What may be tried with one of the claims."""
    same = {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": claim}
    found = kube.get("persistentvolumeclaims", claim, namespace) or {}
    clone: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "clone", "namespace": namespace},
        "spec": {
            "accessModes": found["spec"]["accessModes"],
            "storageClassName": found["spec"]["storageClassName"],
            "resources": found["spec"]["resources"],
            "dataSource": {"kind": "PersistentVolumeClaim", "name": claim},
        },
    }
    return {
        f"deletion of {claim}": lambda *flags: kube.run(
            "delete", "persistentvolumeclaims", claim, "-n", namespace, "--wait=false", *flags
        ),
        f"a pod on {claim}": lambda *flags: kube.create(_pod(namespace, claim), *flags),
        f"a clone of {claim}": lambda *flags: kube.create(clone, *flags),
        f"export of {claim}": lambda *flags: kube.create(
            _copy("VirtualMachineExport", namespace, source=same), *flags
        ),
    }


def of_claim_by_driver(kube: Kube, namespace: str, claim: str) -> dict[str, Attempt]:
    """What more may be tried with one whose driver makes snapshots, and perhaps larger volumes."""
    snapshot: Object = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "copy", "namespace": namespace},
        "spec": {"source": {"persistentVolumeClaimName": claim}},
    }
    found: dict[str, Attempt] = {
        f"a snapshot of {claim}": lambda *flags: kube.create(snapshot, *flags)
    }
    made = kube.get("persistentvolumeclaims", claim, namespace) or {}
    its_class = kube.get("storageclass", made["spec"]["storageClassName"], namespace) or {}
    if its_class.get("allowVolumeExpansion"):
        larger = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
        found[f"resizing of {claim}"] = lambda *flags: kube.patch(
            "persistentvolumeclaims", claim, namespace, larger, *flags
        )
    return found


def _copy(kind: str, namespace: str, **spec: Any) -> Object:
    version = "v1alpha1" if kind in ALPHA else "v1beta1"
    return {
        "apiVersion": f"{GROUPS[kind]}.kubevirt.io/{version}",
        "kind": kind,
        "metadata": {"name": "copy", "namespace": namespace},
        "spec": spec,
    }


def _pod(namespace: str, claim: str) -> Object:
    volume = {"name": "disk", "persistentVolumeClaim": {"claimName": claim}}
    container = {
        "name": "reader",
        "image": "localhost/detour-guest:dev",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader", "namespace": namespace},
        "spec": {
            "containers": [container],
            "volumes": [volume],
            "terminationGracePeriodSeconds": 0,
        },
    }
