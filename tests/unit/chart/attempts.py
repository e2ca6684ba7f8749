"""What others may try with a virtual machine and its claims, as requests to the API server."""

from unit.chart.locked import (
    CDI,
    CREATED_BY,
    KUBEVIRT,
    api,
    budget,
    claim_of,
    machine,
    overlay_of,
    pod,
)

VOLUMES = "/spec/template/spec/volumes"
CLAIMS = ("source", "destination", "overlay")


def of(namespace: str, vm: str, source: str, destination: str) -> dict[str, tuple]:
    """Every attempt by name: method, path and body."""
    claims = dict(zip(CLAIMS, (source, destination, overlay_of(vm)), strict=True))
    return {
        **_machine(namespace, vm),
        **_running(namespace, vm),
        **_instance(namespace, vm),
        **_claims(namespace, claims),
        **_copies(namespace, vm, claims),
    }


def _kubevirt(namespace: str, plural: str, *rest: str) -> str:
    return "/".join((api(namespace, KUBEVIRT), plural, *rest))


def _machine(namespace: str, vm: str) -> dict[str, tuple]:
    path = _kubevirt(namespace, "virtualmachines", vm)
    start = [{"action": "Start"}]

    def status(**changed: object) -> tuple:
        return "PATCH", f"{path}/status", {"status": changed}

    def spec(**changed: object) -> tuple:
        return "PATCH", path, {"spec": changed}

    other = {"name": "extra", "persistentVolumeClaim": {"claimName": "extra"}}
    new = machine(vm, "extra")["virtualmachineinstances"]
    return {
        "delete the VM": ("DELETE", path),
        "run strategy Always": spec(runStrategy="Always"),
        "run strategy Halted": spec(runStrategy="Halted"),
        "running": spec(running=True),
        "start request": status(stateChangeRequests=start),
        "stop request": status(stateChangeRequests=[{"action": "Stop", "uid": "u"}]),
        "restart request": status(stateChangeRequests=[{"action": "Stop"}, *start]),
        "add volume request": status(volumeRequests=[{"addVolumeOptions": {"name": "e"}}]),
        "remove volume request": status(volumeRequests=[{"removeVolumeOptions": {"name": "e"}}]),
        "memory dump": status(memoryDumpRequest={"claimName": "dump", "phase": "Associating"}),
        "KubeVirt's volume migration": spec(updateVolumesStrategy="Migration"),
        "another claim": (
            "PATCH",
            path,
            [
                {
                    "op": "replace",
                    "path": f"{VOLUMES}/0/persistentVolumeClaim/claimName",
                    "value": "extra",
                }
            ],
        ),
        "a further volume": (
            "PATCH",
            path,
            [{"op": "add", "path": f"{VOLUMES}/-", "value": other}],
        ),
        "a volume less": ("PATCH", path, [{"op": "remove", "path": f"{VOLUMES}/1"}]),
        "its instance, made by hand": (
            "POST",
            _kubevirt(namespace, "virtualmachineinstances"),
            new | {"metadata": {"name": vm}},
        ),
    }


def _running(namespace: str, vm: str) -> dict[str, tuple]:
    """What concerns a running machine only."""
    path = _kubevirt(namespace, "virtualmachines", vm)

    def domain(**changed: object) -> tuple:
        return "PATCH", path, {"spec": {"template": {"spec": {"domain": changed}}}}

    number = "1" if vm == "web" else "2"
    pods = f"{api(namespace)}/pods"
    budgets = f"{api(namespace, 'policy/v1')}/poddisruptionbudgets"
    own = budget(f"detour-{'move' if vm == 'web' else 'not'}")

    def without(pod: str, label: str) -> tuple:
        return "PATCH", f"{pods}/{pod}", {"metadata": {"labels": {label: None}}}

    launcher, holder = f"virt-launcher-{vm}", f"hp-volume-detour-{number}"
    return {
        "another claim of another volume": (
            "PATCH",
            path,
            [
                {
                    "op": "replace",
                    "path": f"{VOLUMES}/1",
                    "value": {"name": "cloud", "persistentVolumeClaim": {"claimName": "extra"}},
                }
            ],
        ),
        "processors": domain(cpu={"sockets": 2}),
        "memory": domain(memory={"guest": "2Gi"}),
        "instance type": ("PATCH", path, {"spec": {"instancetype": {"name": "large"}}}),
        "delete the launcher pod": ("DELETE", f"{pods}/{launcher}"),
        "take the label off the launcher pod": without(launcher, "kubevirt.io"),
        "take the launcher pod out of its budget": without(launcher, CREATED_BY),
        "delete the holder pod": ("DELETE", f"{pods}/{holder}"),
        "take KubeVirt's label off the holder pod": without(holder, "kubevirt.io"),
        "take the label off the holder pod": without(holder, "detour.dev/component"),
        "take the holder pod out of its budget": without(holder, "detour.dev/holder"),
        "delete the budget": ("DELETE", f"{budgets}/{own['metadata']['name']}"),
        "loosen the budget": (
            "PATCH",
            f"{budgets}/{own['metadata']['name']}",
            {"spec": {"minAvailable": 0}},
        ),
    }


def _instance(namespace: str, vm: str) -> dict[str, tuple]:
    path = _kubevirt(namespace, "virtualmachineinstances", vm)
    other = {"name": "extra", "persistentVolumeClaim": {"claimName": "extra"}}
    migration = {
        "apiVersion": KUBEVIRT,
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "evacuate"},
        "spec": {"vmiName": vm},
    }
    listed = [{"volumeName": "data"}]
    return {
        "live migration": (
            "POST",
            _kubevirt(namespace, "virtualmachineinstancemigrations"),
            migration,
        ),
        "delete the instance": ("DELETE", path),
        "another claim in the instance": (
            "PATCH",
            path,
            [
                {
                    "op": "replace",
                    "path": "/spec/volumes/0/persistentVolumeClaim/claimName",
                    "value": "extra",
                }
            ],
        ),
        "migrated volumes in the instance": (
            "PATCH",
            path,
            {"status": {"migratedVolumes": listed}},
        ),
        "a further volume in the instance": (
            "PATCH",
            path,
            [{"op": "add", "path": "/spec/volumes/-", "value": other}],
        ),
        "a utility volume": ("PATCH", path, {"spec": {"utilityVolumes": [{"name": "u"}]}}),
        "the grace period of the instance": (
            "PATCH",
            path,
            {"spec": {"terminationGracePeriodSeconds": 1}},
        ),
        "the fence": (
            "PATCH",
            path,
            {"metadata": {"annotations": {"fence.detour.dev/data": "t-1"}}},
        ),
    }


def _claims(namespace: str, of_disk: dict[str, str]) -> dict[str, tuple]:
    found: dict[str, tuple] = {}
    larger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    claims = f"{api(namespace)}/persistentvolumeclaims"
    for what, claim in of_disk.items():
        same = {"kind": "PersistentVolumeClaim", "name": claim}
        snapshot = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"name": "s"},
            "spec": {"source": {"persistentVolumeClaimName": claim}},
        }
        path = f"{api(namespace, 'snapshot.storage.k8s.io/v1')}/volumesnapshots"
        found |= {
            f"delete the {what}": ("DELETE", f"{claims}/{claim}"),
            f"delete the DataVolume of the {what}": (
                "DELETE",
                f"{api(namespace, CDI)}/datavolumes/{claim}",
            ),
            f"a pod on the {what}": ("POST", f"{api(namespace)}/pods", pod("p", claim)),
            f"another launcher on the {what}": (
                "POST",
                f"{api(namespace)}/pods",
                pod("virt-launcher-second", claim, "virt-launcher"),
            ),
            f"a volume snapshot of the {what}": ("POST", path, snapshot),
            f"a clone of the {what}": ("POST", claims, claim_of("c", dataSource=same)),
            f"a clone of the {what} by reference": (
                "POST",
                claims,
                claim_of("c", dataSourceRef=same),
            ),
            f"a clone of the {what} by reference with its namespace": (
                "POST",
                claims,
                claim_of("c", dataSourceRef={**same, "namespace": namespace}),
            ),
            f"resize the {what}": ("PATCH", f"{claims}/{claim}", larger),
        }
    return found


def _copies(namespace: str, vm: str, of_disk: dict[str, str]) -> dict[str, tuple]:
    of_vm = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm}

    def made(kind: str, group: str, version: str = "v1beta1", **spec: object) -> tuple:
        body = {
            "apiVersion": f"{group}/{version}",
            "kind": kind,
            "metadata": {"name": "c"},
            "spec": spec,
        }
        return "POST", f"{api(namespace, f'{group}/{version}')}/{kind.lower()}s", body

    export = "export.kubevirt.io"
    return {
        "snapshot": made("VirtualMachineSnapshot", "snapshot.kubevirt.io", source=of_vm),
        "restore": made("VirtualMachineRestore", "snapshot.kubevirt.io", target=of_vm),
        "clone": made("VirtualMachineClone", "clone.kubevirt.io", source=of_vm),
        "clone over it": made("VirtualMachineClone", "clone.kubevirt.io", target=of_vm),
        "export": made("VirtualMachineExport", export, source=of_vm),
        "backup": made("VirtualMachineBackup", "backup.kubevirt.io", "v1alpha1", source=of_vm),
        **{
            f"export of the {what}": made(
                "VirtualMachineExport",
                export,
                source={"apiGroup": "", "kind": "PersistentVolumeClaim", "name": claim},
            )
            for what, claim in of_disk.items()
        },
    }
