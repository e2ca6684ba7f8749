"""Renders a VirtualMachineInstance as a libvirt domain; pure (KubeVirt facts 1 and 2)."""

from dataclasses import dataclass
from string import ascii_lowercase
from xml.etree import ElementTree as ET

from . import paths, spec

PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd"}
NON_TRANSITIONAL = "virtio-non-transitional"
METADATA = "http://kubevirt.io"


@dataclass(frozen=True)
class DiskFacts:
    """What was found about a volume inside the launcher."""

    block: bool = False
    hotplugged: bool = False
    direct_io: bool = True
    preallocated: bool = False
    sectors: tuple[int, int] = (512, 512)
    """The volume's own logical and physical sectors in bytes."""


def render(vmi: dict, facts: dict[str, DiskFacts]) -> str:
    """The domain as XML.

    Args:
        vmi: the VirtualMachineInstance.
        facts: what was found about each claim volume, by its name.
    """
    domain = ET.Element("domain", type="qemu")
    ET.SubElement(domain, "name").text = spec.domain_name(vmi)
    ET.SubElement(domain, "uuid").text = spec.firmware_uuid(vmi)
    _metadata(domain, vmi)
    ET.SubElement(domain, "memory", unit="b").text = str(memory(vmi))
    ET.SubElement(domain, "vcpu").text = str(processors(vmi))
    if threads := io_threads(vmi):
        ET.SubElement(domain, "iothreads").text = str(len(threads))
    _firmware(domain, vmi)
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(domain, "on_poweroff").text = "destroy"
    ET.SubElement(domain, "on_reboot").text = "restart"
    ET.SubElement(domain, "on_crash").text = "destroy"
    devices = ET.SubElement(domain, "devices")
    for element in disks(vmi, facts).values():
        devices.append(element)
    _devices(devices, vmi)
    return ET.tostring(domain, encoding="unicode")


def memory(vmi: dict) -> int:
    """The guest's memory in bytes."""
    domain = vmi["spec"]["domain"]
    guest = domain.get("memory", {}).get("guest")
    requested = domain.get("resources", {}).get("requests", {}).get("memory", "128Mi")
    return spec.quantity(guest or requested)


def processors(vmi: dict) -> int:
    """The number of the guest's processors."""
    cpu = vmi["spec"]["domain"].get("cpu", {})
    return cpu.get("cores", 1) * cpu.get("sockets", 1) * cpu.get("threads", 1)


def io_threads(vmi: dict) -> dict[str, int]:
    """The thread of each virtio disk that asks for one of its own, by the disk's name.

    pkg/virt-launcher/virtwrap/converter/storage/disk.go.
    """
    asking = vmi["spec"]["domain"].get("devices", {}).get("disks") or []
    names = [d["name"] for d in asking if d.get("dedicatedIOThread") and bus(d) == "virtio"]
    return {name: number for number, name in enumerate(names, 1)}


def disks(vmi: dict, facts: dict[str, DiskFacts]) -> dict[str, ET.Element]:
    """The disk elements by volume name, with target names that stay (KubeVirt facts 2)."""
    taken = {
        entry["target"]
        for entry in vmi.get("status", {}).get("volumeStatus") or []
        if entry.get("target")
    }
    found: dict[str, ET.Element] = {}
    volumes = {volume["name"] for volume in spec.claim_volumes(vmi)}
    for disk in vmi["spec"]["domain"].get("devices", {}).get("disks") or []:
        name = disk["name"]
        if name not in volumes or name not in facts:
            continue
        target = spec.volume_status(vmi, name).get("target") or _free_target(bus(disk), taken)
        taken.add(target)
        found[name] = disk_element(disk, facts[name], target, io_threads(vmi).get(name))
        if vmi["spec"]["domain"]["devices"].get("blockMultiQueue") and bus(disk) == "virtio":
            found[name].find("driver").set("queues", str(processors(vmi)))
    return found


def bus(disk: dict) -> str:
    """The bus a disk asks for; KubeVirt's default is sata, and its templates say virtio."""
    for kind in ("disk", "lun", "cdrom"):
        if kind in disk:
            return disk[kind].get("bus") or "sata"
    return "virtio"


def disk_element(
    disk: dict, facts: DiskFacts, target: str, io_thread: int | None = None
) -> ET.Element:
    """One disk: raw, no cache, stop on errors, discard passed on, alias `ua-<volume>`.

    KubeVirt facts 2.
    """
    name = disk["name"]
    element = ET.Element("disk", type="block" if facts.block else "file")
    element.set("device", next((k for k in ("lun", "cdrom") if k in disk), "disk"))
    driver = ET.SubElement(element, "driver", name="qemu", type="raw")
    driver.set("cache", disk.get("cache") or ("none" if facts.direct_io else "writethrough"))
    driver.set("error_policy", disk.get("errorPolicy") or "stop")
    if disk.get("io"):
        driver.set("io", disk["io"])
    elif driver.get("cache") == "none" and (facts.block or facts.preallocated):
        driver.set("io", "native")
    driver.set("discard", "unmap")
    if io_thread is not None:
        driver.set("iothread", str(io_thread))
    source = ET.SubElement(element, "source")
    source.set("dev" if facts.block else "file", source_path(name, facts))
    ET.SubElement(element, "target", dev=target, bus=bus(disk))
    if bus(disk) == "virtio":
        element.set("model", NON_TRANSITIONAL)
    if sizes := block_sizes(disk, facts):
        names = ("logical_block_size", "physical_block_size")
        values = map(str, sizes)
        ET.SubElement(element, "blockio", dict(zip(names, values, strict=True)))
    if disk.get("serial"):
        ET.SubElement(element, "serial").text = disk["serial"]
    if disk.get("shareable"):
        ET.SubElement(element, "shareable")
    ET.SubElement(element, "alias", name=f"ua-{name}")
    return element


def block_sizes(disk: dict, facts: DiskFacts) -> tuple[int, int] | None:
    """Logical and physical sectors as the disk's `blockSize` says, None where it says nothing."""
    asked = disk.get("blockSize") or {}
    if asked.get("matchVolume") is not None and asked["matchVolume"].get("enabled", True):
        return facts.sectors
    custom = asked.get("custom")
    return (custom["logical"], custom["physical"]) if custom else None


def source_path(volume: str, facts: DiskFacts) -> str:
    """The path a volume has inside the launcher (KubeVirt facts 2)."""
    if facts.hotplugged:
        return paths.hotplug_disk(volume, block=facts.block)
    return paths.block_device(volume) if facts.block else paths.filesystem_image(volume)


def _free_target(bus_name: str, taken: set[str]) -> str:
    prefix = PREFIXES[bus_name]
    return next(
        f"{prefix}{letter}" for letter in ascii_lowercase if f"{prefix}{letter}" not in taken
    )


def _metadata(domain: ET.Element, vmi: dict) -> None:
    ET.register_namespace("kubevirt", METADATA)
    metadata = ET.SubElement(domain, "metadata")
    entry = ET.SubElement(metadata, f"{{{METADATA}}}kubevirt")
    ET.SubElement(entry, f"{{{METADATA}}}uid").text = vmi["metadata"]["uid"]


def _firmware(domain: ET.Element, vmi: dict) -> None:
    """The machine and, if the manifest asks for it, the kernel that is started directly."""
    os = ET.SubElement(domain, "os")
    ET.SubElement(os, "type", arch="x86_64", machine="q35").text = "hvm"
    boot = vmi["spec"]["domain"].get("firmware", {}).get("kernelBoot") or {}
    container = boot.get("container") or {}
    if container.get("kernelPath"):
        ET.SubElement(os, "kernel").text = f"{paths.KERNEL_BOOT}/kernel"
    if container.get("initrdPath"):
        ET.SubElement(os, "initrd").text = f"{paths.KERNEL_BOOT}/initrd"
    if boot.get("kernelArgs"):
        ET.SubElement(os, "cmdline").text = boot["kernelArgs"]


def _devices(devices: ET.Element, vmi: dict) -> None:
    for kind in ("scsi", "virtio-serial"):
        ET.SubElement(devices, "controller", type=kind, index="0", model=NON_TRANSITIONAL)
    folder = f"{paths.PRIVATE}/{vmi['metadata']['uid']}"
    serial = ET.SubElement(devices, "serial", type="unix")
    ET.SubElement(serial, "source", mode="bind", path=f"{folder}/virt-serial0")
    log = paths.serial_log(vmi["metadata"]["uid"])
    ET.SubElement(serial, "log", file=log, append="on")
    ET.SubElement(serial, "target", port="0")
    ET.SubElement(devices, "memballoon", model=NON_TRANSITIONAL)
