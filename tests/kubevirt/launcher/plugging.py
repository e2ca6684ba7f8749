"""Plugs disks into the running guest and out of it (KubeVirt facts 3).

Only disks below the folder for plugged volumes are looked at, and by target name, not by path: a
chain elsewhere on one of them changes nothing.
"""

import logging
from xml.etree import ElementTree as ET

import libvirt

from . import images, paths, spec
from .domain_xml import disks

log = logging.getLogger("virt-launcher")
FLAGS = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG


def plug(domain: libvirt.virDomain, vmi: dict, live: list[dict]) -> None:
    """Detaches what the VMI no longer has, attaches what it has and what is mounted.

    Args:
        domain: the running domain.
        vmi: the VirtualMachineInstance.
        live: the domain's disks, as volume, target and source.
    """
    wanted = disks(vmi, images.facts(vmi))
    names = {volume["name"] for volume in spec.claim_volumes(vmi)}
    for disk in live:
        if disk["source"].startswith(paths.HOTPLUG_DISKS) and disk["volume"] not in names:
            log.info("detaching %s", disk["volume"])
            domain.detachDeviceFlags(_live_xml(domain, disk["target"]), FLAGS)
    targets = {disk["target"] for disk in live}
    for name, element in wanted.items():
        plugged = element.find("source").attrib.values()
        below = any(path.startswith(paths.HOTPLUG_DISKS) for path in plugged)
        if below and element.find("target").get("dev") not in targets:
            log.info("attaching %s", name)
            domain.attachDeviceFlags(ET.tostring(element, encoding="unicode"), FLAGS)


def _live_xml(domain: libvirt.virDomain, target: str) -> str:
    root = ET.fromstring(domain.XMLDesc())
    for disk in root.findall("./devices/disk"):
        if disk.find("target").get("dev") == target:
            return ET.tostring(disk, encoding="unicode")
    raise LookupError(target)
