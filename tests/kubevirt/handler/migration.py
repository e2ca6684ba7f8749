"""virt-handler's part in a live migration, on both nodes (KubeVirt facts 6.4, 8 and 11)."""

import logging

from kubevirt.kube import Kube
from kubevirt.objects import CREATED_BY_LABEL, NODE_LABEL, copied, now, remove_condition

from .launcher_client import Launcher, RefusedError, UnreachableError
from .rules import Memory, is_migrating

log = logging.getLogger("virt-handler")
TARGET_LABEL = "kubevirt.io/migrationTargetNodeName"


class Migrations:
    """What one node does for migrations from it and to it."""

    def __init__(self, kube: Kube, node: str) -> None:
        self.kube = kube
        self.node = node

    def receive(self, vmi: dict) -> None:
        """As target: makes the launcher ready and says where it is."""
        state = vmi["status"].get("migrationState") or {}
        if (
            state.get("targetNode") != self.node
            or "endTimestamp" in state
            or "targetNodeAddress" in state
        ):
            return
        pod = self._pod(vmi, state["targetPod"])
        if pod is None:
            return
        try:
            Launcher(pod["metadata"]["uid"]).call("PrepareMigrationTarget", vmi=vmi)
        except UnreachableError as error:
            log.info("target of %s: %s", vmi["metadata"]["name"], error)
            return
        except RefusedError as error:
            patch = {"status": {"migrationState": _failed(state, str(error))}}
            self.kube.patch("VirtualMachineInstance", vmi, patch)
            return
        patch = {"status": {"migrationState": {"targetNodeAddress": pod["status"]["podIP"]}}}
        self.kube.patch("VirtualMachineInstance", vmi, patch)

    def send(self, vmi: dict, launcher: Launcher) -> None:
        """As source: begins the migration, follows it, hands over; changes the VMI in place."""
        state = vmi["status"].get("migrationState") or {}
        if state.get("sourceNode") != self.node or "endTimestamp" in state:
            return
        if not is_migrating(vmi):
            if "targetNodeAddress" in state:
                self._begin(vmi, launcher, state)
            return
        if state.get("abortRequested"):
            launcher.call("CancelMigration")
        outcome = launcher.call("GetMigration")["migration"]
        if outcome["state"] == "Failed":
            vmi["status"]["migrationState"] = _failed(state, outcome["error"])
        elif outcome["state"] == "Succeeded":
            hand_over(vmi)

    def has_left(self, vmi: dict) -> bool:
        """As source: whether the guest is on the other node."""
        state = vmi["status"].get("migrationState") or {}
        return state.get("sourceNode") == self.node and vmi["status"]["nodeName"] != self.node

    def _begin(self, vmi: dict, launcher: Launcher, state: dict) -> None:
        copied_volumes = [
            entry["volumeName"] for entry in vmi["status"].get("migratedVolumes") or []
        ]
        launcher.call("MigrateVMI", address=state["targetNodeAddress"], copy=copied_volumes)
        state["startTimestamp"] = now()

    def settle(self, vmi: dict, launcher: Launcher, memory: Memory) -> None:
        """As target, when the guest has arrived: the launcher is now one like any other."""
        state = vmi["status"].get("migrationState") or {}
        uid = state.get("migrationUid", "")
        if (
            state.get("targetNode") == self.node
            and state.get("completed")
            and memory.finalized != uid
        ):
            launcher.call("FinalizeMigrationTarget")
            memory.finalized = uid

    def _pod(self, vmi: dict, name: str) -> dict | None:
        where = f"api/v1/namespaces/{vmi['metadata']['namespace']}/pods"
        query = {"labelSelector": f"{CREATED_BY_LABEL}={vmi['metadata']['uid']}"}
        pods = self.kube.request("GET", where, query=query).get("items") or []
        return next((pod for pod in pods if pod["metadata"]["name"] == name), None)


def hand_over(vmi: dict) -> None:
    """The guest is on the target: so is the VMI, and migrated volumes are migrated.

    KubeVirt facts 8.
    """
    state = vmi["status"]["migrationState"]
    state |= {"completed": True, "endTimestamp": now()}
    vmi["status"]["nodeName"] = state["targetNode"]
    vmi["status"].pop("evacuationNodeName", None)
    vmi["metadata"]["labels"][NODE_LABEL] = state["targetNode"]
    vmi["status"].pop("migratedVolumes", None)
    remove_condition(vmi, "VolumesChange")


def _failed(state: dict, reason: str) -> dict:
    return copied(state) | {
        "completed": True,
        "failed": True,
        "endTimestamp": now(),
        "failureReason": reason,
    }
