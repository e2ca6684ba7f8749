"""What the parts that need a cluster share: a clean namespace, guests, and the verifier's word."""

from cluster.provider import UnsupportedError
from harness import cluster
from harness.cluster import Target
from harness.kube import Kube, wait_for
from harness.machine import Machine, Verdict

IMAGE = "/var/run/kubevirt-private/vmi-disks/data/disk.img"
FORGET_IMAGE = f"sync; dd if={IMAGE} of=/dev/null iflag=nocache count=0 status=none"
FORGET_BACKING_FILES = """
sync
losetup --noheadings --raw --output BACK-FILE | while read -r file; do
    dd if="$file" of=/dev/null iflag=nocache count=0 status=none || true
done
"""
"""GNU dd drops all that the cache has of a file which it is asked to read nothing of."""


def fresh_namespace(kube: Kube, name: str) -> None:
    """A namespace in which nothing of an earlier run is left."""
    if kube.run("get", "namespace", name, "--ignore-not-found"):
        cluster.remove_namespace(kube, name)
    wait_for(
        "the namespace of an earlier run to go",
        lambda: not kube.run("get", "namespace", name, "--ignore-not-found"),
    )
    kube.run("create", "namespace", name)


def wait_until_filled(machine: Machine, seconds: float = 1800) -> None:
    """Wait until the guest has filled what it fills of its disk, and writes at its steady pace."""

    def filled() -> bool:
        boot = machine.log.boots().last
        if boot is None or boot.header is None:
            return False
        return boot.acknowledged > boot.header.work.fill_ops + 300

    wait_for(f"{machine.name} to fill its disk", filled, seconds=seconds, every=2)


def chill(target: Target, machine: Machine) -> None:
    """Have nothing of the guest's disk in a page cache, as far as the node lets us."""
    machine.in_launcher("sh", "-c", FORGET_IMAGE, timeout=300)
    node = machine.instance()["status"]["nodeName"]
    try:
        target.provider.node_exec(node, ["sh", "-c", FORGET_BACKING_FILES], timeout=300)
    except UnsupportedError:
        return  # the launcher's own look at the image is all that can be made to forget


def words(verdict: Verdict) -> str:
    """A verdict in short."""
    return "nothing lost" if verdict.passed else "LOST OR MIXED DATA"
