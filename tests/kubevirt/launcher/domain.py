"""The launcher's hold on its one libvirt domain (KubeVirt facts 1, 3 and 7)."""

import logging
import threading
from xml.etree import ElementTree as ET

import libvirt

from . import images, paths, spec
from .domain_xml import render
from .plugging import plug

log = logging.getLogger("virt-launcher")
STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: "NoState",
    libvirt.VIR_DOMAIN_RUNNING: "Running",
    libvirt.VIR_DOMAIN_BLOCKED: "Blocked",
    libvirt.VIR_DOMAIN_PAUSED: "Paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "ShutDown",
    libvirt.VIR_DOMAIN_SHUTOFF: "Shutoff",
    libvirt.VIR_DOMAIN_CRASHED: "Crashed",
}
SHUTOFF_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: "Shutdown",
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: "Destroyed",
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "Crashed",
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: "Migrated",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "Failed",
}
PAUSED_REASONS = {
    libvirt.VIR_DOMAIN_PAUSED_USER: "User",
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION: "Migration",
    libvirt.VIR_DOMAIN_PAUSED_IOERROR: "IOError",
    libvirt.VIR_DOMAIN_PAUSED_STARTING_UP: "StartingUp",
}
UNREACHABLE = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_RPC)


class Domain:
    """One domain, looked up anew for each call: the daemon may have been replaced meanwhile."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = False
        self.paused_by_kubevirt = False
        self.incoming = False
        self._connection: libvirt.virConnect | None = None
        # KubeVirt's domainModifyLock; nobody outside this process can take it (KubeVirt facts 1).
        self.lock = threading.RLock()

    def connection(self) -> libvirt.virConnect:
        """A live connection to this pod's daemon.

        Raises:
            libvirt.libvirtError: the daemon does not answer.
        """
        if self._connection is None or not self._connection.isAlive():
            self._connection = libvirt.open(paths.LIBVIRT_URI)
        return self._connection

    def find(self) -> libvirt.virDomain | None:
        """The domain, None where it is not defined."""
        try:
            return self.connection().lookupByName(self.name)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def state(self) -> tuple[str, str]:
        """State and reason in KubeVirt's words; ("", "") where there is no domain."""
        domain = self.find()
        if domain is None:
            return "", ""
        state, reason = domain.state()
        reasons = {
            libvirt.VIR_DOMAIN_SHUTOFF: SHUTOFF_REASONS,
            libvirt.VIR_DOMAIN_PAUSED: PAUSED_REASONS,
        }.get(state, {})
        if state in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED):
            self.started = True
        return STATES.get(state, "NoState"), reasons.get(reason, "Unknown")

    def sync(self, vmi: dict) -> None:
        """KubeVirt's SyncVMI: start, resume what KubeVirt did not pause, grow disks.

        KubeVirt facts 1 and 3.
        """
        with self.lock:
            domain = self.find()
            if domain is None:
                domain = self._define(vmi)
            state, _ = domain.state()
            if state == libvirt.VIR_DOMAIN_SHUTOFF and not self.started and not self.incoming:
                domain.create()
                self.started = True
                return
            # A guest that somebody else suspended is resumed (KubeVirt facts 1, D12).
            if state == libvirt.VIR_DOMAIN_PAUSED and not (
                self.paused_by_kubevirt or self.incoming
            ):
                log.info("resuming a domain that KubeVirt did not pause")
                domain.resume()
            if state in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED):
                if not self.incoming:
                    plug(domain, vmi, self.disks())
                self._grow_online(domain, vmi)

    def _define(self, vmi: dict) -> libvirt.virDomain:
        images.create_missing(vmi)
        images.grow_before_start(vmi)
        return self.connection().defineXML(render(vmi, images.facts(vmi)))

    def _grow_online(self, domain: libvirt.virDomain, vmi: dict) -> None:
        """Grows a disk whose claim allows more; an unknown path is logged and skipped.

        KubeVirt facts 3.
        """
        for volume in spec.claim_volumes(vmi):
            name = volume["name"]
            if spec.is_hotplugged(vmi, name):
                continue
            try:
                block = images.is_block_volume(name)
                path = paths.block_device(name) if block else paths.filesystem_image(name)
                capacity, _, physical = domain.blockInfo(path)
            except (libvirt.libvirtError, OSError) as error:
                log.warning("Failed to get block info: %s", error)
                continue
            size = physical if block else spec.possible_guest_size(spec.claim_info(vmi, name))
            if size is not None and size > capacity:
                self._resize(domain, path, size, block=block)

    def _resize(self, domain: libvirt.virDomain, path: str, size: int, *, block: bool) -> None:
        flags = libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES
        if block:
            flags |= getattr(libvirt, "VIR_DOMAIN_BLOCK_RESIZE_CAPACITY", 0)
        try:
            domain.blockResize(path, size, flags)
        except libvirt.libvirtError as error:
            log.warning("libvirt failed to expand disk image %s: %s", path, error)

    def disks(self) -> list[dict]:
        """The live disks: volume, target and source, the latter empty if no file or device."""
        domain = self.find()
        if domain is None:
            return []
        found = []
        for disk in ET.fromstring(domain.XMLDesc()).findall("./devices/disk"):
            source, alias = disk.find("source"), disk.find("alias")
            found.append(
                {
                    "volume": (alias.get("name") if alias is not None else "").removeprefix("ua-"),
                    "target": disk.find("target").get("dev"),
                    "source": ""
                    if source is None
                    else source.get("file") or source.get("dev") or "",
                }
            )
        return found

    def disk_errors(self) -> dict[str, int]:
        """The targets that had I/O errors, as libvirt reports them."""
        domain = self.find()
        return domain.diskErrors() if domain is not None else {}

    def shut_down(self) -> None:
        """Asks the guest to power off."""
        domain = self.find()
        if domain is not None and domain.isActive():
            domain.shutdown()

    def destroy(self) -> None:
        """Takes the guest's power away."""
        domain = self.find()
        if domain is not None and domain.isActive():
            domain.destroy()

    def undefine(self) -> None:
        """Forgets the domain; refused by libvirt while snapshot metadata exists.

        KubeVirt facts 1.
        """
        domain = self.find()
        if domain is not None and not domain.isActive():
            domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
                | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
            )
