"""Carries out for VirtualMachines what `vm` and `volume_update` decide (KubeVirt facts 7 to 9)."""

import logging
import time

from kubevirt.kube import ApiError
from kubevirt.objects import (
    VM_FINALIZER,
    controlled_by,
    copied,
    is_deleting,
    is_final,
    is_running,
)

from . import hotplug, vm_status, volume_update
from . import vm as rules
from .world import World

log = logging.getLogger("virt-controller")


class VmWorker:
    """Reconciles VirtualMachines."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kube = world.kube

    def reconcile(self, namespace: str, name: str) -> None:
        """Brings one VM nearer to its spec, then its status to what is.

        It gets its finalizer first (KubeVirt facts 9); a VMI that is gone is made again (7).
        """
        vm = self.world.vms.get(namespace, name)
        if vm is None:
            return
        vm = copied(vm)
        vmi = self.world.vmis.get(namespace, name)
        if vmi is not None and not controlled_by(vmi, vm):
            vmi = None
        if not is_deleting(vm) and VM_FINALIZER not in (vm["metadata"].get("finalizers") or []):
            finalizers = [*(vm["metadata"].get("finalizers") or []), VM_FINALIZER]
            self._patch_metadata(vm, finalizers)
            return
        error: Exception | None = None
        try:
            self._run(vm, vmi)
        except (ApiError, OSError) as caught:
            error = caught
        refused = self._update_volumes(vm, vmi) if error is None else ""
        self._status(vm, vmi, refused)
        if error is not None:
            raise error

    def _run(self, vm: dict, vmi: dict | None) -> None:
        act = rules.decide(vm, vmi)
        if act is rules.Act.STOP:
            self._stop(vm, vmi)
        elif act is rules.Act.START:
            self._start(vm)
        elif is_deleting(vm) and (vmi is None or rules.leaves_instance(vm)):
            self._finish(vm)

    def _stop(self, vm: dict, vmi: dict) -> None:
        try:
            options = {"preconditions": {"uid": vmi["metadata"]["uid"]}}
            self.kube.delete("VirtualMachineInstance", vmi, **options)
        except ApiError as error:
            # Denied: tried again with back-off, the final VMI stays (KubeVirt facts 7, 11).
            self.world.event(
                vm,
                "VirtualMachine",
                "FailedDelete",
                f"Error deleting virtual machine instance {vmi['metadata']['name']}: {error}",
            )
            raise
        self.world.event(
            vm,
            "VirtualMachine",
            "SuccessfulDelete",
            "Stopped the virtual machine by deleting the virtual machine instance "
            f"{vmi['metadata']['uid']}",
            "Normal",
        )

    def _start(self, vm: dict) -> None:
        delay = rules.start_delay(vm, time.time())
        if delay:
            self.world.vm_queue.add((vm["metadata"]["namespace"], vm["metadata"]["name"]), delay)
            return
        try:
            self.kube.create("ControllerRevision", rules.revision(vm))
        except ApiError as error:
            if error.code != 409:
                raise
        try:
            self.kube.create("VirtualMachineInstance", rules.instance(vm))
        except ApiError as error:
            if error.code == 409:
                return
            self.world.event(
                vm,
                "VirtualMachine",
                "FailedCreate",
                f"Error creating virtual machine instance: {error}",
            )
            raise
        self.world.event(
            vm,
            "VirtualMachine",
            "SuccessfulCreate",
            "Started the virtual machine by creating the new virtual machine instance "
            f"{vm['metadata']['name']}",
            "Normal",
        )

    def _finish(self, vm: dict) -> None:
        """The VM goes when its VMI has gone."""
        finalizers = vm["metadata"].get("finalizers") or []
        if VM_FINALIZER in finalizers:
            self._patch_metadata(vm, [f for f in finalizers if f != VM_FINALIZER])

    def _patch_metadata(self, vm: dict, finalizers: list[str]) -> None:
        patch = [
            {
                "op": "test",
                "path": "/metadata/resourceVersion",
                "value": vm["metadata"]["resourceVersion"],
            },
            {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
        ]
        self.kube.patch("VirtualMachine", vm, patch)

    def _update_volumes(self, vm: dict, vmi: dict | None) -> str:
        """KubeVirt's own volume migration, if the VM asks for it; the reason if refused."""
        if (
            vmi is None
            or not is_running(vmi)
            or is_deleting(vmi)
            or is_final(vmi)
            or is_deleting(vm)
        ):
            return ""
        claims = self.world.claims_of(vm["metadata"]["namespace"])
        update = volume_update.plan(vm, vmi, claims)
        plugs = [] if update.patches else hotplug.plan(vm, vmi)
        if plugs:
            self.kube.patch("VirtualMachineInstance", vmi, plugs)
        for patch in update.patches:
            self.kube.patch("VirtualMachineInstance", vmi, patch)
        if update.migrated is not None:
            vm.setdefault("status", {})["volumeUpdateState"] = {
                "volumeMigrationState": {"migratedVolumes": update.migrated}
            }
        return update.refused

    def _status(self, vm: dict, vmi: dict | None, refused: str) -> None:
        fresh = vm_status.status(vm, vmi, self._started_with(vm, vmi), refused)
        seen = self.world.vms.get(vm["metadata"]["namespace"], vm["metadata"]["name"])
        if seen is not None and fresh["status"] != seen.get("status"):
            self.kube.replace("VirtualMachine", fresh, "/status")

    def _started_with(self, vm: dict, vmi: dict | None) -> dict | None:
        """The VM's spec at the start of its VMI."""
        name = (vmi or {}).get("status", {}).get("virtualMachineRevisionName")
        if not name:
            return None
        found = self.kube.get("ControllerRevision", vm["metadata"]["namespace"], name)
        return found["data"]["spec"] if found else None
