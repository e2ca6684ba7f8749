"""What Detour is measured against: libvirt's full copy of the same disk, beside the same guest."""

import re
import xml.etree.ElementTree as ET

from harness.facts import Facts
from harness.machine import LIBVIRT

LIMIT_SECONDS = 900
FOLDER = "/var/run/kubevirt-private/vmi-disks"
NUMBER = re.compile(r"^\d+\.\d+$", re.MULTILINE)
SCRIPT = """
domain=$1 disk=$2 copy=$3 limit=$4
shift 4
"$@" event "$domain" --event block-job --timeout "$limit" &
trap 'kill $! 2>/dev/null || true' EXIT
sleep 2
date +%s.%N
"$@" blockcopy "$domain" "$disk" --dest "$copy" --format raw --transient-job >/dev/null
wait
date +%s.%N
"$@" blockjob "$domain" "$disk" --abort >/dev/null
rm "$copy"
"""
"""An event says when both are equal: to ask over and over would cost the guest processor time. It
is waited for from before the copy begins. The copy is given up then, which takes less than the
pivot that a move by libvirt would end with."""


def disk_of(xml: str, volume: str) -> str:
    """The name libvirt has for the disk of a volume, as ``vda``.

    Raises:
        LookupError: the domain has no such disk.
    """
    for disk in ET.fromstring(xml).findall("devices/disk"):
        alias, target = disk.find("alias"), disk.find("target")
        if alias is not None and target is not None and alias.get("name") == f"ua-{volume}":
            return target.get("dev", "")
    raise LookupError(f"the domain has no disk ua-{volume}")


def taken(printed: str) -> float:
    """Seconds between the two times that the script printed.

    Raises:
        LookupError: the copy never was equal to the disk.
    """
    moments = [float(number) for number in NUMBER.findall(printed)]
    if len(moments) != 2 or "ready" not in printed:
        raise LookupError(f"the block copy did not get ready: {printed.strip()}")
    return moments[1] - moments[0]


def full(facts: Facts, volume: str, beside: str) -> float:
    """Seconds of a full copy of a running guest's disk, until both are equal.

    Args:
        facts: the guest.
        volume: the volume to copy.
        beside: the volume on whose claim the copy is made, and removed again.
    """
    disk = disk_of(facts.virsh("dumpxml", facts.domain), volume)
    words = [facts.domain, disk, f"{FOLDER}/{beside}/copy.img", str(LIMIT_SECONDS)]
    virsh = ["virsh", "-c", LIBVIRT]
    command = ["sh", "-euc", SCRIPT, "sh", *words, *virsh]
    return taken(facts.machine.in_launcher(*command, timeout=LIMIT_SECONDS + 60))
