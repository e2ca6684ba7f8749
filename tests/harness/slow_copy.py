"""A copy that takes its time, on a machine of any speed."""

from harness.machine import Machine

IMAGE = "/var/run/kubevirt-private/vmi-disks/data/disk.img"
LEAST = 64 << 10
"""Bytes per second; less is refused."""


def data_bytes(machine: Machine) -> int:
    """What the source's file takes on its volume: at least so much is copied."""
    blocks, size = machine.in_launcher("stat", "-c", "%b %B", IMAGE).split()
    return int(blocks) * int(size)


def limit(machine: Machine, seconds: int = 20) -> str:
    """The ``spec.copy.bandwidthLimit`` with which the copy takes that long."""
    return str(max(data_bytes(machine) // seconds, LEAST))
