"""virt-handler's loop over the VMIs of its node (KubeVirt facts 1 and 7)."""

import logging
import subprocess
import time

from kubevirt.cache import Cache
from kubevirt.kube import ApiError, Kube
from kubevirt.objects import (
    CREATED_BY_LABEL,
    NODE_LABEL,
    copied,
    event,
    is_final,
    is_running,
    now,
    set_condition,
    set_phase,
)

from . import hotplug, rules
from .launcher_client import Launcher, RefusedError, UnreachableError
from .migration import TARGET_LABEL, Migrations
from .ownership import give_volumes

log = logging.getLogger("virt-handler")
PERIOD = 1.0
HEARTBEAT = 60.0


class Node:
    """One node's handler."""

    def __init__(self, kube: Kube, name: str) -> None:
        self.kube = kube
        self.name = name
        self.memories: dict[str, rules.Memory] = {}
        self.mine = Cache(kube, "VirtualMachineInstance", _ignore, f"{NODE_LABEL}={name}")
        self.coming = Cache(kube, "VirtualMachineInstance", _ignore, f"{TARGET_LABEL}={name}")
        self.migrations = Migrations(kube, name)

    def run(self) -> None:
        """Looks at every VMI once a second, for ever."""
        for cache in (self.mine, self.coming):
            cache.start().synced.wait()
        heartbeat = 0.0
        while True:
            if time.monotonic() >= heartbeat:
                self._heartbeat()
                heartbeat = time.monotonic() + HEARTBEAT
            for vmi in self.coming.all():
                self._guarded(self.migrations.receive, vmi)
            for vmi in self.mine.all():
                self._guarded(self._look, vmi)
            self._forget()
            self._clean()
            time.sleep(PERIOD)

    def _guarded(self, act: object, vmi: dict) -> None:
        try:
            act(vmi)
        except ApiError as error:
            if error.code not in (404, 409):
                log.warning("%s: %s", vmi["metadata"]["name"], error)
        except Exception:
            log.exception("%s failed", vmi["metadata"]["name"])

    def _forget(self) -> None:
        alive = {vmi["metadata"]["uid"] for vmi in self.mine.all()}
        for uid in self.memories.keys() - alive:
            del self.memories[uid]

    def _clean(self) -> None:
        active = {
            uid
            for vmi in (*self.mine.all(), *self.coming.all())
            for uid in vmi["status"].get("activePods") or {}
        }
        try:
            hotplug.clean(active)
        except (OSError, subprocess.CalledProcessError) as error:
            log.warning("cleaning up: %s", error)

    def _look(self, vmi: dict) -> None:
        """One look: domain, phase, sync."""
        if vmi["status"].get("nodeName") != self.name:
            return
        memory = self.memories.setdefault(vmi["metadata"]["uid"], rules.Memory())
        pod_uid = self._pod_uid(vmi)
        if is_final(vmi):
            self._release(vmi)
            return
        if pod_uid is None:
            if is_running(vmi):
                self._if_launcher_is_dead(vmi)
            return
        launcher = Launcher(pod_uid)
        try:
            self._with_launcher(vmi, launcher, memory)
        except UnreachableError as error:
            log.info("%s: launcher does not answer: %s", vmi["metadata"]["name"], error)
            self._if_launcher_is_dead(vmi)
        except RefusedError as error:
            self._sync_failed(vmi, memory, str(error))

    def _pod_uid(self, vmi: dict) -> str | None:
        pods = vmi["status"].get("activePods") or {}
        return next((uid for uid, node in pods.items() if node == self.name), None)

    def _with_launcher(self, vmi: dict, launcher: Launcher, memory: rules.Memory) -> None:
        domain = launcher.call("GetDomain")
        if is_running(vmi):
            fresh = rules.updated(vmi, domain)
            plugged = {disk["volume"] for disk in domain["disks"]}
            hotplug.advance(fresh, self._pod_uid(vmi), plugged)
            self.migrations.send(fresh, launcher)
            self.migrations.settle(fresh, launcher, memory)
            if fresh != vmi:
                self.kube.replace("VirtualMachineInstance", fresh)
                self._tell_io_error(vmi, fresh, domain)
            if is_final(fresh) or self.migrations.has_left(fresh):
                launcher.call("DeleteVMI")
                return
        if rules.is_migrating(vmi) or time.monotonic() < memory.retry_at:
            return
        if memory.clock.is_due(vmi, domain, time.monotonic()):
            if vmi["status"]["phase"] == "Scheduled":
                give_volumes(vmi, launcher.pid())
            hotplug.keep_allowed(vmi, self._pod_uid(vmi))
            launcher.call("SyncVMI", vmi=vmi)
            memory.clock.synced(vmi, domain, time.monotonic())
            memory.failures = 0
        if not is_running(vmi):
            self._started(vmi, launcher)

    def _tell_io_error(self, vmi: dict, fresh: dict, domain: dict) -> None:
        """An event when a guest stands still because of its disk (KubeVirt facts 1)."""
        message = rules.io_error_message(vmi, fresh, domain)
        if message:
            body = event(vmi, "VirtualMachineInstance", "IOerror", message, "virt-handler")
            self.kube.create("Event", body)

    def _started(self, vmi: dict, launcher: Launcher) -> None:
        fresh = rules.updated(vmi, launcher.call("GetDomain"))
        if fresh != vmi:
            self.kube.replace("VirtualMachineInstance", fresh)

    def _sync_failed(self, vmi: dict, memory: rules.Memory, message: str) -> None:
        memory.failures += 1
        memory.retry_at = time.monotonic() + min(0.5 * 2**memory.failures, 60)
        log.warning("%s: sync failed: %s", vmi["metadata"]["name"], message)
        fresh = copied(vmi)
        text = f"server error. command SyncVMI failed: {message}"
        set_condition(
            fresh, "Synchronized", "False", "Synchronizing with the Domain failed.", text
        )
        if fresh["status"]["conditions"] != vmi["status"].get("conditions"):
            self.kube.replace("VirtualMachineInstance", fresh)

    def _if_launcher_is_dead(self, vmi: dict) -> None:
        """A launcher that is gone takes its VMI along; one that merely is silent does not.

        So, too, after a reboot of the node: the pod has ended and nobody saw the guest go.
        """
        if rules.has_launcher(self._pods(vmi), self.name):
            return
        fresh = copied(vmi)
        set_phase(fresh, "Failed")
        self.kube.replace("VirtualMachineInstance", fresh)

    def _pods(self, vmi: dict) -> list[dict]:
        where = f"api/v1/namespaces/{vmi['metadata']['namespace']}/pods"
        selector = f"{CREATED_BY_LABEL}={vmi['metadata']['uid']}"
        return (
            self.kube.request("GET", where, query={"labelSelector": selector}).get("items") or []
        )

    def _release(self, vmi: dict) -> None:
        """Lets the launcher of a final VMI end."""
        memory = self.memories[vmi["metadata"]["uid"]]
        if memory.finalized == "released":
            return
        for pod in self._pods(vmi):
            if pod["spec"].get("nodeName") == self.name:
                try:
                    Launcher(pod["metadata"]["uid"]).call("DeleteVMI")
                except (UnreachableError, RefusedError) as error:
                    log.info("%s: %s", vmi["metadata"]["name"], error)
        memory.finalized = "released"

    def _heartbeat(self) -> None:
        patch = {
            "metadata": {
                "labels": {"kubevirt.io/schedulable": "true"},
                "annotations": {"kubevirt.io/heartbeat": now()},
            }
        }
        try:
            self.kube.patch("Node", {"metadata": {"name": self.name}}, patch)
        except (ApiError, OSError) as error:
            log.warning("heartbeat: %s", error)


def _ignore(_item: dict) -> None:
    """The loop looks at everything once a second anyway."""
