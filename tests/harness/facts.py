"""A VM without Detour, and what KubeVirt and its users may do to it."""

import json
from typing import Any

from guest import manifest
from harness.kube import Kube, Object, wait_for
from harness.machine import LIBVIRT, Machine

CONTROLLER = (
    "--as=system:serviceaccount:kubevirt:kubevirt-controller",
    "--as-group=system:serviceaccounts",
    "--as-group=system:authenticated",
)
"""KubeVirt's own controller: who else may change a running instance (KubeVirt facts 6.1)?"""


class Facts:
    """What is true of one VM."""

    def __init__(self, kube: Kube, machine: Machine) -> None:
        self.kube = kube
        self.machine = machine

    def patch(self, kind: str, changes: list[Object], *flags: str) -> None:
        """Apply a JSON patch to the VM or to its instance, which has the same name."""
        arguments = ["-n", self.machine.namespace, "--type=json", "-p", json.dumps(changes)]
        self.kube.run("patch", kind, self.machine.name, *arguments, *flags)

    def virsh(self, *command: str) -> str:
        """What virsh said inside the launcher."""
        return self.machine.in_launcher("virsh", "-c", LIBVIRT, *command)

    @property
    def domain(self) -> str:
        """The name libvirt knows the guest by."""
        return f"{self.machine.namespace}_{self.machine.name}"

    def capacity(self, target: str = "vda") -> int:
        """The bytes of a disk that the guest has, by libvirt's name of it."""
        told = dict(
            line.split(":", 1)
            for line in self.virsh("domblkinfo", self.domain, target).splitlines()
            if ":" in line
        )
        return int(told["Capacity"])

    def conditions(self) -> set[str]:
        """The conditions of the VM that are True."""
        return _true(self.machine.object())

    def instance_conditions(self) -> set[str]:
        """The conditions of the running instance that are True."""
        return _true(self.machine.instance())

    def volume(self, name: str) -> Object:
        """What the instance's status says of a volume; empty if nothing."""
        listed = self.machine.instance().get("status", {}).get("volumeStatus") or []
        return next((entry for entry in listed if entry["name"] == name), {})

    def other_claim(
        self, storage_class: str, size: str, name: str = "other", volume_mode: str = "Filesystem"
    ) -> None:
        """Make a claim, still empty."""
        namespace = self.machine.namespace
        self.kube.apply(
            manifest.claim(name, namespace, storage_class, size, volume_mode=volume_mode)
        )

    def blank_image(self, claim: str, size: str) -> None:
        """Put an empty image on a claim, on the guest's node: KubeVirt plugs only images."""
        pod = manifest.verifier(
            f"blank-{claim}",
            self.machine.namespace,
            claim,
            node=self.machine.instance()["status"]["nodeName"],
        )
        container = pod["spec"]["containers"][0]
        binary = size.removesuffix("i")  # truncate's M is Kubernetes' Mi
        container["command"] = ["truncate", "-s", binary, manifest.VERIFIER_IMAGE_FILE]
        container["volumeMounts"][0]["readOnly"] = False
        self.kube.apply(pod)
        name, namespace = pod["metadata"]["name"], self.machine.namespace

        def done() -> bool:
            found = self.kube.get("pods", name, namespace) or {}
            return bool(found.get("status", {}).get("phase") == "Succeeded")

        wait_for(f"{name} to end", done)
        self.kube.delete("pods", name, namespace)

    def live_migrate(self, name: str) -> str:
        """Ask for a live migration, and return how it ended: Succeeded or Failed."""
        self.kube.create(
            {
                "apiVersion": "kubevirt.io/v1",
                "kind": "VirtualMachineInstanceMigration",
                "metadata": {"name": name, "namespace": self.machine.namespace},
                "spec": {"vmiName": self.machine.name},
            }
        )

        def end() -> str | None:
            phase = self.phase_of_migration(name)
            return phase if phase in ("Succeeded", "Failed") else None

        return wait_for(f"{name} to end", end, seen=lambda: self.phase_of_migration(name))

    def phase_of_migration(self, name: str) -> str:
        """The phase of a live migration; empty before its first."""
        found = self.kube.get("virtualmachineinstancemigrations", name, self.machine.namespace)
        return str((found or {}).get("status", {}).get("phase", ""))


def claim_info(name: str) -> dict[str, Any]:
    """A claim as ``status.migratedVolumes`` names it."""
    return {"claimName": name, "volumeMode": "Filesystem"}


def _true(item: Object) -> set[str]:
    found = item.get("status", {}).get("conditions") or []
    return {entry["type"] for entry in found if entry["status"] == "True"}
