"""What virt-controller's workers share: the client, the watched objects and the queues."""

import logging
import threading

from kubevirt.cache import Cache, Queue, key, work
from kubevirt.kube import ApiError, Kube
from kubevirt.objects import APP_LABEL, controlled_by, event

log = logging.getLogger("virt-controller")


class World:
    """Caches of what virt-controller looks at; a change makes the keys due that depend on it."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.vm_queue, self.vmi_queue, self.migration_queue = Queue(), Queue(), Queue()
        self.vms = Cache(kube, "VirtualMachine", self._vm_changed)
        self.vmis = Cache(kube, "VirtualMachineInstance", self._vmi_changed)
        self.migrations = Cache(kube, "VirtualMachineInstanceMigration", self._migration_changed)
        launchers = f"{APP_LABEL} in (virt-launcher,hotplug-disk)"
        self.pods = Cache(kube, "Pod", self._pod_changed, launchers)
        self.claims = Cache(kube, "PersistentVolumeClaim", self._claim_changed)

    def start(self) -> None:
        """Returns when every cache was filled once."""
        caches = (self.claims, self.pods, self.migrations, self.vmis, self.vms)
        for cache in caches:
            cache.start()
        for cache in caches:
            cache.synced.wait()

    def claims_of(self, namespace: str) -> dict[str, dict]:
        """The namespace's claims by name."""
        return {claim["metadata"]["name"]: claim for claim in self.claims.all(namespace)}

    def launchers_of(self, vmi: dict) -> list[dict]:
        """The launcher pods a VMI controls, as last seen."""
        return [
            pod for pod in self.pods.all(vmi["metadata"]["namespace"]) if controlled_by(pod, vmi)
        ]

    def event(
        self, item: dict, kind: str, reason: str, message: str, event_type: str = "Warning"
    ) -> None:
        """Tells people what happened; that it could not be told stops nothing."""
        body = event(item, kind, reason, message, "virtualmachine-controller", event_type)
        try:
            self.kube.create("Event", body)
        except (ApiError, OSError) as error:
            log.warning("event %s: %s", reason, error)

    def _vm_changed(self, vm: dict) -> None:
        self.vm_queue.add(key(vm))

    def _vmi_changed(self, vmi: dict) -> None:
        for queue in (self.vmi_queue, self.vm_queue):
            queue.add(key(vmi))
        for migration in self.migrations.all(key(vmi)[0]):
            if migration["spec"].get("vmiName") == key(vmi)[1]:
                self.migration_queue.add(key(migration))

    def _migration_changed(self, migration: dict) -> None:
        self.migration_queue.add(key(migration))
        self.vmi_queue.add((key(migration)[0], migration["spec"].get("vmiName", "")))

    def _pod_changed(self, pod: dict) -> None:
        owners = pod["metadata"].get("ownerReferences") or []
        launchers = [self.pods.get(key(pod)[0], o["name"]) for o in owners if o["kind"] == "Pod"]
        for launcher in launchers:
            if launcher is not None:
                owners = owners + (launcher["metadata"].get("ownerReferences") or [])
        for owner in owners:
            if owner["kind"] == "VirtualMachineInstance":
                item = (pod["metadata"]["namespace"], owner["name"])
                self.vmi_queue.add(item)
                for migration in self.migrations.all(item[0]):
                    if migration["spec"].get("vmiName") == item[1]:
                        self.migration_queue.add(key(migration))

    def _claim_changed(self, claim: dict) -> None:
        for vmi in self.vmis.all(claim["metadata"]["namespace"]):
            self.vmi_queue.add(key(vmi))


def run_worker(name: str, queue: Queue, reconcile: object) -> None:
    """One worker in the background."""
    threading.Thread(target=work, args=(queue, reconcile), daemon=True, name=name).start()
