"""Carries out for VirtualMachineInstanceMigrations what `migration` decides."""

import logging
import time

from kubevirt.handler.migration import TARGET_LABEL
from kubevirt.kube import ApiError
from kubevirt.launcher.domain_xml import memory
from kubevirt.objects import MIGRATION_FINALIZER, MIGRATION_JOB_LABEL, is_deleting, is_final

from . import launcher_pod
from . import migration as rules
from .world import World

log = logging.getLogger("virt-controller")
AGAIN = 15.0


class MigrationWorker:
    """Reconciles VirtualMachineInstanceMigrations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kube = world.kube

    def reconcile(self, namespace: str, name: str) -> None:
        """Brings one migration a phase further."""
        migration = self.world.migrations.get(namespace, name)
        if migration is None:
            return
        vmi = self.world.vmis.get(namespace, migration["spec"]["vmiName"])
        pods = self.world.launchers_of(vmi) if vmi else []
        others = [
            other
            for other in self.world.migrations.all(namespace)
            if other["spec"].get("vmiName") == migration["spec"]["vmiName"]
        ]
        if is_final(migration):
            self._finish(migration, vmi, pods)
            return
        if rules.wants_pod(migration, vmi, pods, others):
            self._create_target(migration, vmi)
        if vmi is not None:
            self._tell_nodes(migration, vmi, pods)
        fresh = rules.updated(migration, vmi, pods, time.time())
        if fresh.get("status") != migration.get("status"):
            self.kube.replace("VirtualMachineInstanceMigration", fresh, "/status")
            if is_final(fresh):
                self._tell(fresh, vmi)
        else:
            self.world.migration_queue.add((namespace, name), AGAIN)

    def _create_target(self, migration: dict, vmi: dict) -> None:
        where = f"api/v1/namespaces/{vmi['metadata']['namespace']}/pods"
        selector = f"{MIGRATION_JOB_LABEL}={migration['metadata']['uid']}"
        if self.kube.request("GET", where, query={"labelSelector": selector}).get("items"):
            return
        claims = self.world.claims_of(vmi["metadata"]["namespace"])
        pod = launcher_pod.render_target(vmi, memory(vmi), claims, migration)
        created = self.kube.create("Pod", pod)
        self.world.event(
            migration,
            "VirtualMachineInstanceMigration",
            "SuccessfulCreate",
            f"Created migration target pod {created['metadata']['name']}",
            "Normal",
        )

    def _tell_nodes(self, migration: dict, vmi: dict, pods: list[dict]) -> None:
        fresh = rules.handed_to_nodes(vmi, migration, pods)
        if fresh is not None:
            self.kube.replace("VirtualMachineInstance", fresh)
        state = rules.state_of(vmi, migration)
        if is_deleting(migration) and state and not state.get("abortRequested"):
            patch = {"status": {"migrationState": {"abortRequested": True}}}
            self.kube.patch("VirtualMachineInstance", vmi, patch)

    def _finish(self, migration: dict, vmi: dict | None, pods: list[dict]) -> None:
        """A target that was not reached goes; the VMI forgets the target; the object may go."""
        pod = rules.target_pod(migration, pods)
        failed = migration["status"]["phase"] == "Failed"
        if failed and pod is not None and not is_deleting(pod):
            self.kube.delete("Pod", pod)
        self._clean_vmi(migration, vmi)
        finalizers = migration["metadata"].get("finalizers") or []
        if is_deleting(migration) and MIGRATION_FINALIZER in finalizers:
            left = [entry for entry in finalizers if entry != MIGRATION_FINALIZER]
            self.kube.patch(
                "VirtualMachineInstanceMigration", migration, {"metadata": {"finalizers": left}}
            )

    def _clean_vmi(self, migration: dict, vmi: dict | None) -> None:
        if vmi is None or not rules.state_of(vmi, migration):
            return
        patch: dict = {}
        if TARGET_LABEL in (vmi["metadata"].get("labels") or {}):
            patch["metadata"] = {"labels": {TARGET_LABEL: None}}
        if "endTimestamp" not in rules.state_of(vmi, migration):
            ended = {"completed": True, "failed": True, "endTimestamp": rules.now()}
            patch["status"] = {"migrationState": ended}
        if patch:
            try:
                self.kube.patch("VirtualMachineInstance", vmi, patch)
            except ApiError as error:
                log.info("%s: %s", vmi["metadata"]["name"], error)

    def _tell(self, migration: dict, vmi: dict | None) -> None:
        reason = (rules.state_of(vmi, migration) if vmi else {}).get("failureReason", "")
        if migration["status"]["phase"] == "Failed":
            self.world.event(
                migration,
                "VirtualMachineInstanceMigration",
                "FailedMigration",
                f"Migration failed: {reason}",
            )
        else:
            self.world.event(
                migration,
                "VirtualMachineInstanceMigration",
                "SuccessfulMigration",
                "Migrated",
                "Normal",
            )
