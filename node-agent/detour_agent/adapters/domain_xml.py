"""The few elements of libvirt's XML that a move reads and writes, to and from dataclasses."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from detour_agent.domain.chain import Disk, Layer, Mirror
from detour_agent.domain.ports import CopyTarget

CARRIED = ("cache", "error_policy", "io", "discard", "iothread", "detect_zeroes")
"""Driver attributes a destination takes from the live disk: left out they would silently change
until the next restart (KubeVirt facts 2)."""
MOST_CHARACTERS = 1 << 20
"""Of a domain's XML: that of a guest with a hundred disks has some 100,000. libvirt itself would
hand over four times as many."""


def read_disk(xml: str, alias: str) -> Disk | None:
    """The disk with an alias in a domain's live XML, None if there is none.

    Raises:
        ValueError: the XML is not well-formed, or none that libvirt writes, or the disk has no
            target.
    """
    if len(xml) > MOST_CHARACTERS:
        raise ValueError(f"domain XML: {len(xml)} characters")
    if "<!DOCTYPE" in xml:
        raise ValueError("domain XML: it declares a document type, which libvirt never does")
    try:
        root = ET.fromstring(xml)  # noqa: S314 - without a document type there are no entities
    except ET.ParseError as error:
        raise ValueError(f"domain XML: {error}") from error
    disks = root.findall("./devices/disk")
    found = [disk for disk in disks if _attribute(disk, "alias", "name") == alias]
    if not found:
        return None
    target = _attribute(found[0], "target", "dev")
    if not target:
        raise ValueError(f"the disk {alias} has no target")
    others = (_attribute(disk, "target", "dev") for disk in disks if disk is not found[0])
    return _disk(found[0], target, tuple(other for other in others if other))


def snapshot_xml(disk: Disk, overlay: str) -> str:
    """A snapshot of this disk alone onto an overlay that is there already."""
    root = ET.Element("domainsnapshot")
    disks = ET.SubElement(root, "disks")
    ours = ET.SubElement(disks, "disk", name=disk.target, snapshot="external", type="file")
    ET.SubElement(ours, "driver", type="qcow2")
    ET.SubElement(ours, "source", file=overlay)
    for other in disk.other_targets:
        ET.SubElement(disks, "disk", name=other, snapshot="no")
    return _text(root)


def copy_xml(disk: Disk, target: CopyTarget) -> str:
    """The raw destination of a block copy, driven as the live disk is.

    A destination that is larger gets a slice: QEMU's mirror demands equal sizes, and the guest
    keeps its own (measured).
    """
    kind, attribute = ("block", "dev") if target.block else ("file", "file")
    root = ET.Element("disk", type=kind, device="disk")
    driver = {name: value for name, value in disk.driver if name in CARRIED}
    ET.SubElement(root, "driver", {"name": "qemu", "type": "raw", **driver})
    source = ET.SubElement(root, "source", {attribute: target.path})
    if target.size_bytes > target.virtual_size_bytes:
        slices = ET.SubElement(source, "slices")
        size = str(target.virtual_size_bytes)
        ET.SubElement(slices, "slice", type="storage", offset="0", size=size)
    ET.SubElement(root, "backingStore")
    return _text(root)


def _disk(element: ET.Element, target: str, others: tuple[str, ...]) -> Disk:
    driver = element.find("driver")
    return Disk(
        target=target,
        kind=element.get("type", ""),
        device=element.get("device", "disk"),
        layers=tuple(_layers(element)),
        driver=tuple(driver.attrib.items()) if driver is not None else (),
        mirror=_mirror(element.find("mirror")),
        shareable=element.find("shareable") is not None,
        read_only=element.find("readonly") is not None,
        has_data_store=element.find(".//dataStore") is not None,
        other_targets=others,
    )


def _layers(element: ET.Element) -> Iterable[Layer]:
    yield Layer(_source(element), _attribute(element, "driver", "type"))
    below = element.find("backingStore")
    while below is not None and below.find("source") is not None:
        yield Layer(_source(below), _attribute(below, "format", "type"))
        below = below.find("backingStore")


def _mirror(element: ET.Element | None) -> Mirror | None:
    if element is None:
        return None
    file = element.get("file") or _source(element)
    return Mirror(job=element.get("job", ""), file=file, ready=element.get("ready", ""))


def _source(element: ET.Element) -> str:
    source = element.find("source")
    return "" if source is None else source.get("file") or source.get("dev") or ""


def _attribute(element: ET.Element, child: str, name: str) -> str:
    found = element.find(child)
    return "" if found is None else found.get(name, "")


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
