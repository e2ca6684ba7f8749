"""A VM whose guest writes all the time and logs each write that was acknowledged."""

import dataclasses
import json
from typing import Any

from guest import manifest
from guest.collect import Collector
from guest.content import SECTOR
from guest.log import of_disk
from harness.kube import Kube, KubectlError, Object, wait_for

LIBVIRT = "qemu+unix:///session?socket=/var/run/libvirt/virtqemud-sock"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the verifier says of one image."""

    report: Object
    text: str

    @property
    def passed(self) -> bool:
        """Whether every sector is as the guest was told."""
        return bool(self.report["ok"])


class Machine:
    """One VM with one disk, by name; the disk's first claim has the VM's name and ``-source``."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self.name = name
        self.source = f"{name}-source"
        self.log = Collector(kube.command, self._launchers, namespace, name)

    def create(
        self,
        storage_class: str,
        size: str,
        *,
        access_modes: tuple[str, ...] = ("ReadWriteOnce",),
        volume_mode: str = "Filesystem",
        node: str | None = None,
        **options: Any,
    ) -> None:
        """Create claim and VM, and follow the guest's log; the VM starts by itself."""
        claim = manifest.claim(
            self.source,
            self.namespace,
            storage_class,
            size,
            list(access_modes),
            volume_mode=volume_mode,
        )
        vm = manifest.virtual_machine(self.name, self.namespace, self.source, **options)
        if node:
            spec = vm["spec"]["template"]["spec"]
            spec["nodeSelector"] = {"kubernetes.io/hostname": node}
        self.kube.apply(claim, vm)
        self.log.start()

    def instance(self) -> Object:
        """The running instance (VMI); empty if there is none."""
        return self.kube.get("virtualmachineinstances", self.name, self.namespace) or {}

    def object(self) -> Object:
        """The VM."""
        return self.kube.get("virtualmachines", self.name, self.namespace) or {}

    def claim(self, volume: str = "data") -> str:
        """The claim that the VM names."""
        return _claim(self.object()["spec"]["template"]["spec"], volume)

    def instance_claim(self, volume: str = "data") -> str:
        """The claim that the running instance names."""
        return _claim(self.instance()["spec"], volume)

    def launcher(self) -> Object:
        """The launcher pod that runs the guest; empty if there is none.

        Right after a live migration the pod it came from may still be running.
        """
        pods = self.kube.list("pods", self.namespace, f"vm.kubevirt.io/name={self.name}")
        running = [pod for pod in pods if pod["status"]["phase"] == "Running"]
        node = self.instance().get("status", {}).get("nodeName")
        here = [pod for pod in running if pod["spec"].get("nodeName") == node]
        return next(iter(here or running), {})

    def _launchers(self) -> list[Object] | None:
        """Its launcher pods, None if they are not known."""
        selector = f"kubevirt.io=virt-launcher,vm.kubevirt.io/name={self.name}"
        try:
            return self.kube.list("pods", self.namespace, selector)
        except KubectlError:
            return None

    def in_launcher(self, *command: str, timeout: float = 120) -> str:
        """What a command printed that ran beside the guest, in its launcher's container.

        Raises:
            KubectlError: it failed, or there is no such container.
        """
        pod = self.launcher()
        if not pod:
            raise KubectlError(("exec",), f"no launcher pod of {self.name} runs")
        place = ["-n", self.namespace, pod["metadata"]["name"], "-c", "compute"]
        return self.kube.run("exec", *place, "--", *command, timeout=timeout)

    def wait_until_running(self, seconds: float = 300) -> None:
        """Wait until KubeVirt says that the guest runs."""

        def running() -> bool:
            found = self.instance()
            if _never_gets_its_kernel(found):
                self.kube.delete("virtualmachineinstances", self.name, self.namespace)
            return bool(found.get("status", {}).get("phase") == "Running")

        wait_for(f"VM {self.name} to run", running, seconds=seconds, seen=self.instance)

    def wait_for_writes(self, count: int = 100, seconds: float = 300) -> None:
        """Wait until the guest has had this many more writes acknowledged."""
        before = self.acknowledged()
        wait_for(
            f"{count} more acknowledged writes of {self.name}",
            lambda: self.acknowledged() >= before + count,
            seconds=seconds,
            seen=self.story,
        )

    def acknowledged(self) -> int:
        """Operations acknowledged so far, over all boots."""
        return sum(boot.acknowledged for boot in self.log.boots().boots)

    def story(self) -> str:
        """What is known of a guest that does not write, for a failed test's message."""
        pods = [
            f"pod {pod['metadata']['name']} {pod['status'].get('phase')}"
            for pod in self._launchers() or ()
        ]
        try:
            domains = self.in_launcher("virsh", "-c", LIBVIRT, "list", "--all").strip()
        except KubectlError as error:
            domains = str(error)
        acknowledged = f"{self.acknowledged()} writes acknowledged"
        instance = f"VMI {self.instance().get('status')}"
        console = self.log.text().splitlines()[-10:]
        return "\n".join([acknowledged, instance, *pods, domains, "its console:", *console])

    def stop(self) -> None:
        """Stop the VM as its owner would, and wait until the instance is gone."""
        self._run_strategy("Halted")
        wait_for(f"VM {self.name} to stop", lambda: not self.instance(), seconds=240)

    def crash(self) -> None:
        """Kill the guest's QEMU, which no lock can refuse; KubeVirt makes another one."""
        self.in_launcher("sh", "-c", KILL_QEMU)

    def instance_uid(self) -> str:
        """The running instance's uid; empty if there is none."""
        return str(self.instance().get("metadata", {}).get("uid", ""))

    def start(self) -> None:
        """Start the VM as its owner would, and wait until the guest writes."""
        self._run_strategy("Always")
        self.wait_until_running()
        self.wait_for_writes(50)

    def _run_strategy(self, strategy: str) -> None:
        self.kube.patch(
            "virtualmachines", self.name, self.namespace, {"spec": {"runStrategy": strategy}}
        )

    def verify(self, claim: str, *, block: bool = False, size: int = 0, slack: int = 0) -> Verdict:
        """Check every sector of the image on a claim against everything the guest logged.

        The VM must be stopped: what is not on the claim yet cannot be told from what is lost.

        Args:
            claim: the claim.
            block: whether it is of the mode Block.
            size: the disk in a guest that writes to several, by its bytes, which are its alone.
            slack: operations whose acknowledgements may have been lost with their node.
        """
        self.log.settle(120)
        told = of_disk(self.log.text(), size // SECTOR) if size else self.log.text()
        pod = f"verify-{claim}"[:60]
        mode = "Block" if block else "Filesystem"
        self.kube.apply(manifest.verifier(pod, self.namespace, claim, volume_mode=mode))
        ready = ["wait", "pod", pod, "-n", self.namespace, "--for=condition=Ready"]
        try:
            self.kube.run(*ready, "--timeout=180s", timeout=200)
            image = manifest.VERIFIER_DEVICE if block else manifest.VERIFIER_IMAGE_FILE
            words = ["sh", "-c", VERIFY.format(image=image, slack=slack)]
            command = ["exec", "-i", "-n", self.namespace, pod, "--", *words]
            text = self.kube.run(*command, given=told, timeout=600)
        finally:
            self.kube.delete("pods", pod, self.namespace, "--grace-period=0", "--force")
        return Verdict(json.loads(text), text)


VERIFY = "python3 -m guest.verify --json --log - --slack {slack} --image {image}; test $? -le 1"
"""Exit status 1 is a verdict; 2 says that there is none."""


KILL_QEMU = """
for process in /proc/[0-9]*; do
    case $(cat "$process/comm" 2>/dev/null) in
    qemu*) kill -KILL "${process#/proc/}" ;;
    esac
done
"""


def _claim(spec: Object, name: str) -> str:
    volume = next(item for item in spec["volumes"] if item["name"] == name)
    claim = volume.get("persistentVolumeClaim") or {"claimName": volume["dataVolume"]["name"]}
    return str(claim["claimName"])


def _never_gets_its_kernel(instance: Object) -> bool:
    """Whether it has met a fault of KubeVirt (1.8.2, 1.9.0) that only another instance gets over.

    A first try to mount the kernel may come before the container that has it answers. Each later
    one fails at the folder that is there since: ``os.IsExist`` does not see through the error that
    ``safepath.MkdirAtNoFollow`` wraps (``virt-handler/container-disk/mount.go``).
    """
    told = instance.get("status", {}).get("conditions") or []
    return "deletionTimestamp" not in instance.get("metadata", {}) and any(
        "mounting kernel artifacts" in item.get("message", "")
        and "file exists" in item.get("message", "")
        for item in told
    )
