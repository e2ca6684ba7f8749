"""Carries out for VirtualMachineInstances what `vmi`, `volumes` and `launcher_pod` decide.

KubeVirt facts 4 to 9.
"""

import logging

from kubevirt.kube import ApiError
from kubevirt.launcher.domain_xml import memory
from kubevirt.objects import (
    APP_LABEL,
    CREATED_BY_LABEL,
    VMI_FINALIZER,
    VOLUME_MIGRATION_LABEL,
    claim_name,
    claim_volumes,
    copied,
    has_condition,
    is_deleting,
    is_final,
    is_running,
    set_condition,
)

from . import hotplug, launcher_pod
from . import vmi as rules
from .volumes import refresh_volume_status
from .world import World

log = logging.getLogger("virt-controller")
EVACUATION_RETRY = 10.0


class VmiWorker:
    """Reconciles VirtualMachineInstances."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kube = world.kube

    def reconcile(self, namespace: str, name: str) -> None:
        """Brings one VMI's pod and status nearer to its spec."""
        vmi = self.world.vmis.get(namespace, name)
        if vmi is None:
            return
        pods = self.world.launchers_of(vmi)
        claims = self.world.claims_of(namespace)
        if is_deleting(vmi):
            self._delete(vmi, pods)
        elif rules.needs_pod(vmi, pods):
            self._create_pod(vmi, claims)
        fresh = rules.updated(vmi, pods, claims)
        self._plug(fresh, pods, claims)
        self._gate(vmi, pods)
        if fresh != vmi:
            self.kube.replace("VirtualMachineInstance", fresh)
        elif not is_deleting(vmi) and is_running(vmi):
            self._want_migration(vmi)

    def _delete(self, vmi: dict, pods: list[dict]) -> None:
        """Deletes the pods; the finalizer goes when all of them are gone (KubeVirt facts 7)."""
        for pod in pods:
            if not is_deleting(pod):
                self.kube.delete("Pod", pod)
        if pods or self._live_pods(vmi):
            return
        finalizers = vmi["metadata"].get("finalizers") or []
        if VMI_FINALIZER in finalizers:
            left = [entry for entry in finalizers if entry != VMI_FINALIZER]
            self.kube.patch("VirtualMachineInstance", vmi, {"metadata": {"finalizers": left}})

    def _gate(self, vmi: dict, pods: list[dict]) -> None:
        """The readiness gate of the launcher pod follows the guest."""
        pod = rules.current_pod(vmi, pods)
        wanted = rules.unpaused_condition(vmi, pod) if pod is not None else None
        if wanted is not None:
            where = (
                f"api/v1/namespaces/{vmi['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            )
            patch = {"status": {"conditions": [wanted]}}
            content = "application/strategic-merge-patch+json"
            self.kube.request("PATCH", f"{where}/status", patch, content)

    def _plug(self, vmi: dict, pods: list[dict], claims: dict[str, dict]) -> None:
        """Attachment pods for plugged volumes, and what the status says of them."""
        launcher = rules.current_pod(vmi, pods)
        if (
            launcher is None
            or is_final(vmi)
            or is_deleting(vmi)
            or not launcher["spec"].get("nodeName")
        ):
            return
        everything = self.world.pods.all(vmi["metadata"]["namespace"])
        wanted, unneeded = hotplug.reconcile(vmi, launcher, everything, claims)
        for pod in unneeded:
            self.kube.delete("Pod", pod)
        if wanted is not None and not self._attachments_of(launcher):
            self.kube.create("Pod", wanted)
        hotplug.refresh_status(vmi, launcher, everything)

    def _attachments_of(self, launcher: dict) -> list[dict]:
        """The live attachment pods, past a cache that may be late."""
        where = f"api/v1/namespaces/{launcher['metadata']['namespace']}/pods"
        selector = f"{APP_LABEL}={hotplug.LABEL}"
        found = (
            self.kube.request("GET", where, query={"labelSelector": selector}).get("items") or []
        )
        alive = [pod for pod in found if not is_deleting(pod)]
        return hotplug.attachment_pods(launcher, alive)

    def _live_pods(self, vmi: dict) -> list[dict]:
        selector = f"{CREATED_BY_LABEL}={vmi['metadata']['uid']}"
        return (
            self.kube.request(
                "GET",
                f"api/v1/namespaces/{vmi['metadata']['namespace']}/pods",
                query={"labelSelector": selector},
            ).get("items")
            or []
        )

    def _create_pod(self, vmi: dict, claims: dict[str, dict]) -> None:
        if self._live_pods(vmi):
            return
        missing = [v["name"] for v in claim_volumes(vmi) if claim_name(v) not in claims]
        fresh = copied(vmi)
        if missing:
            set_condition(
                fresh,
                "Synchronized",
                "False",
                "FailedPvcNotFound",
                f"PVC of volume {missing[0]} does not exist",
            )
            if fresh != vmi:
                self.kube.replace("VirtualMachineInstance", fresh)
            return
        # The pod's rendering reads access modes from the status.
        refresh_volume_status(fresh, claims, None)
        pod = launcher_pod.render(fresh, memory(vmi), claims)
        created = self.kube.create("Pod", pod)
        self.world.event(
            vmi,
            "VirtualMachineInstance",
            "SuccessfulCreate",
            f"Created virtual machine pod {created['metadata']['name']}",
            "Normal",
        )

    def _want_migration(self, vmi: dict) -> None:
        """KubeVirt's workload updater and evacuation controller: they ask for migrations.

        KubeVirt facts 6.3, 6.4 and 8.
        """
        active = [
            migration
            for migration in self.world.migrations.all(vmi["metadata"]["namespace"])
            if migration["spec"].get("vmiName") == vmi["metadata"]["name"]
            and not is_final(migration)
        ]
        if active:
            return
        status = vmi["status"]
        if has_condition(vmi, "VolumesChange"):
            self._migrate(
                vmi, "kubevirt-workload-update-", {VOLUME_MIGRATION_LABEL: vmi["metadata"]["name"]}
            )
        elif status.get("evacuationNodeName") and status["evacuationNodeName"] == status.get(
            "nodeName"
        ):
            self._migrate(vmi, "kubevirt-evacuation-", {})

    def _migrate(self, vmi: dict, prefix: str, labels: dict) -> None:
        metadata = {"generateName": prefix, "namespace": vmi["metadata"]["namespace"]}
        if labels:
            metadata["labels"] = labels
        try:
            self.kube.create(
                "VirtualMachineInstanceMigration",
                {
                    "apiVersion": "kubevirt.io/v1",
                    "kind": "VirtualMachineInstanceMigration",
                    "metadata": metadata,
                    "spec": {"vmiName": vmi["metadata"]["name"]},
                },
            )
        except ApiError as error:
            # Denied: KubeVirt asks again and again, noise but no harm (KubeVirt facts 6.4).
            log.info("migration of %s: %s", vmi["metadata"]["name"], error)
            self.world.vmi_queue.add(
                (vmi["metadata"]["namespace"], vmi["metadata"]["name"]), EVACUATION_RETRY
            )
