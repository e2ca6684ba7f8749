"""A VM whose guest writes all the time and logs each write that was acknowledged."""

import dataclasses
import json
from typing import Any

from guest import manifest
from guest.collect import Collector
from harness.kube import Kube, Object, wait_for


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
        self.log = Collector(kube.command, namespace, name)

    def create(
        self,
        storage_class: str,
        size: str,
        *,
        access_modes: tuple[str, ...] = ("ReadWriteOnce",),
        node: str | None = None,
        **options: Any,
    ) -> None:
        """Create claim and VM, and follow the guest's log; the VM starts by itself."""
        claim = manifest.claim(
            self.source, self.namespace, storage_class, size, list(access_modes)
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

    def claim(self) -> str:
        """The claim that the VM names."""
        return _claim(self.object()["spec"]["template"]["spec"])

    def instance_claim(self) -> str:
        """The claim that the running instance names."""
        return _claim(self.instance()["spec"])

    def launcher(self) -> Object:
        """The launcher pod that runs the guest; empty if there is none."""
        pods = self.kube.list("pods", self.namespace, f"vm.kubevirt.io/name={self.name}")
        return next((pod for pod in pods if pod["status"]["phase"] == "Running"), {})

    def wait_until_running(self, seconds: float = 300) -> None:
        """Wait until KubeVirt says that the guest runs."""

        def running() -> bool:
            return self.instance().get("status", {}).get("phase") == "Running"

        wait_for(f"VM {self.name} to run", running, seconds=seconds, seen=self.instance)

    def wait_for_writes(self, count: int = 300, seconds: float = 300) -> None:
        """Wait until the guest has had this many more writes acknowledged."""
        before = self.acknowledged()
        wait_for(
            f"{count} more acknowledged writes of {self.name}",
            lambda: self.acknowledged() >= before + count,
            seconds=seconds,
            seen=self.acknowledged,
        )

    def acknowledged(self) -> int:
        """Operations acknowledged so far, over all boots."""
        return sum(boot.acknowledged for boot in self.log.boots().boots)

    def stop(self) -> None:
        """Stop the VM as its owner would, and wait until the instance is gone."""
        self._run_strategy("Halted")
        wait_for(f"VM {self.name} to stop", lambda: not self.instance(), seconds=240)

    def start(self) -> None:
        """Start the VM as its owner would, and wait until the guest writes."""
        self._run_strategy("Always")
        self.wait_until_running()
        self.wait_for_writes(50)

    def _run_strategy(self, strategy: str) -> None:
        self.kube.patch(
            "virtualmachines", self.name, self.namespace, {"spec": {"runStrategy": strategy}}
        )

    def verify(self, claim: str) -> Verdict:
        """Check every sector of the image on a claim against everything the guest logged.

        The VM must be stopped: what is not on the claim yet cannot be told from what is lost.
        """
        self.log.settle(120)
        pod = f"verify-{claim}"[:60]
        self.kube.apply(manifest.verifier(pod, self.namespace, claim))
        ready = ["wait", "pod", pod, "-n", self.namespace, "--for=condition=Ready"]
        try:
            self.kube.run(*ready, "--timeout=180s", timeout=200)
            command = ["exec", "-i", "-n", self.namespace, pod, "--", "sh", "-c", VERIFY]
            text = self.kube.run(*command, given=self.log.text(), timeout=600)
        finally:
            self.kube.delete("pods", pod, self.namespace, "--grace-period=0", "--force")
        return Verdict(json.loads(text), text)


VERIFY = (
    f"python3 -m guest.verify --json --log - --image {manifest.VERIFIER_IMAGE_FILE}; test $? -le 1"
)
"""Exit status 1 is a verdict; 2 says that there is none."""


def _claim(spec: Object) -> str:
    volume = next(item for item in spec["volumes"] if item["name"] == "data")
    return str(volume["persistentVolumeClaim"]["claimName"])
