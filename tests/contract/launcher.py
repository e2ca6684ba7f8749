"""A launcher-shaped mount namespace with libvirt and a guest without an operating system in it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from detour_agent.adapters.numbers import start_time
from detour_agent.adapters.processes import has_destination
from detour_agent.domain.ports import Process
from detour_crds.names import (
    FINISHER_DESTINATION_PATH,
    FINISHER_SOURCE_PATH,
    HOLDER_DESTINATION_DEVICE,
    HOLDER_DESTINATION_PATH,
    IMAGE_NAME,
    QEMU_UID,
)

VOLUME = "root"
DOMAIN = "ns_vm"
SERIAL = "guest.serial"
QEMU_CONF = """
cgroup_controllers = [ ]
namespaces = [ ]
security_driver = "none"
remember_owner = 0
stdio_handler = "file"
"""
NAMESPACE = """
set -e
mkdir -p {folder}/private
mount -t tmpfs tmpfs /run
mkdir -p /run/libvirt /run/kubevirt-private
mount --bind {folder}/private /run/kubevirt-private
mkdir /run/kubevirt-private/libvirt
{place}
cp {folder}/qemu.conf {folder}/libvirtd.conf /run/kubevirt-private/libvirt/
(cat /etc/passwd; echo qemu:x:{user}:{user}::/run:/bin/sh) > /run/passwd
(cat /etc/group; echo qemu:x:{user}:) > /run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
chown -R {user}:{user} /run
{daemon}
"""
"""KubeVirt's own directories are on the node's disk, as may be the volumes: of one file system."""
DIRECTORY = """
mkdir -p /run/kubevirt-private/vmi-disks/{volume}
mount --bind {source} /run/kubevirt-private/vmi-disks/{volume}
"""
DEVICES = """
mkdir /run/devices
mount -t tmpfs -o nosuid,mode=755 tmpfs /run/devices
for name in null zero full random urandom tty; do cp -a /dev/$name /run/devices/$name; done
mkdir /run/devices/pts
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /run/devices/pts
ln -s pts/ptmx /run/devices/ptmx
mount --move /run/devices /dev
mknod -m 0600 {node} b {major} {minor}
chown {user}:{user} {node}
"""
"""What a container runtime makes of /dev: a file system of its own, with nodes in it."""
DAEMON = """exec setpriv --reuid {user} --regid {user} --clear-groups \
  env HOME=/run XDG_RUNTIME_DIR=/run XDG_CONFIG_HOME=/run/kubevirt-private \
  XDG_CACHE_HOME=/run/kubevirt-private \
  libvirtd -f /run/kubevirt-private/libvirt/libvirtd.conf"""
HOLDER = "set -e; mount --bind {destination} {path}"
WAIT_SECONDS = 300.0
"""Of a machine with other things to do: a move starts a dozen processes, a guest and a daemon."""


def domain_xml(cache: str = "none", *, block: bool = False) -> str:
    """The guest: one raw disk as KubeVirt gives it."""
    image = f"/var/run/kubevirt-private/vmi-disks/{VOLUME}/{IMAGE_NAME}"
    kind, source = ("block", f"dev='/dev/{VOLUME}'") if block else ("file", f"file='{image}'")
    return f"""<domain type='qemu'>
  <name>{DOMAIN}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <disk type='{kind}' device='disk'>
      <driver name='qemu' type='raw' cache='{cache}' error_policy='stop' discard='unmap'/>
      <source {source}/>
      <target dev='vda' bus='virtio'/><alias name='ua-{VOLUME}'/>
    </disk>
    <serial type='unix'><source mode='bind' path='/run/{SERIAL}'/></serial>
    <memballoon model='none'/>
  </devices>
  <seclabel type='none'/>
</domain>"""


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until something holds; fail by name if it never does."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.05)


def as_process(pid: int) -> Process:
    """A process by pid and start time."""
    return Process(pid, start_time(Path("/proc", str(pid))))


def devices(node: str, device: Path) -> str:
    """Commands that make a container's /dev with one block device in it."""
    number = device.stat().st_rdev
    return DEVICES.format(node=node, major=os.major(number), minor=os.minor(number), user=QEMU_UID)


class Launcher:
    """libvirt as a session daemon of the guest's user, and the guest; the daemon can be killed."""

    def __init__(self, folder: Path, source: Path) -> None:
        (folder / "qemu.conf").write_text(QEMU_CONF)
        (folder / "libvirtd.conf").write_text('log_outputs = "3:stderr"\n')
        self._daemon = DAEMON.format(user=QEMU_UID)
        self._guest: int | None = None
        self.block = source.is_block_device()
        place = DIRECTORY.format(volume=VOLUME, source=source)
        if self.block:
            place = devices(f"/dev/{VOLUME}", source)
        script = NAMESPACE.format(place=place, folder=folder, user=QEMU_UID, daemon=self._daemon)
        self._log = (folder / "libvirtd.log").open("wb")
        namespace = ["unshare", "--mount", "--propagation", "private"]
        self.daemon = self._start([*namespace, "sh", "-c", script])

    def _start(self, command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    @property
    def root(self) -> Path:
        return Path("/proc", str(self.daemon.pid), "root")

    @property
    def uri(self) -> str:
        """The session daemon of the namespace, through its root directory."""
        return f"qemu+unix:///session?socket={self.root}/run/libvirt/libvirt-sock"

    def boot(self) -> Process:
        """Start the guest; its QEMU."""
        import libvirt

        self.wait_for_socket()
        connection = libvirt.open(self.uri)
        connection.defineXML(domain_xml(block=self.block)).create()
        connection.close()
        self._guest = int((self.root / f"run/libvirt/qemu/run/{DOMAIN}.pid").read_text())
        return as_process(self._guest)

    def wait_for_socket(self) -> None:
        """Wait until the daemon takes connections."""
        wait_for(lambda: self.daemon.poll() is not None or self._listens(), "the daemon's socket")
        assert self.daemon.poll() is None, "libvirtd ended; see libvirtd.log in the test's folder"

    def _listens(self) -> bool:
        """A killed daemon leaves its socket behind."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(f"/proc/{self.daemon.pid}/root/run/libvirt/libvirt-sock")
            except OSError:
                return False
        return True

    def write(self, pattern: int, offset: int, length: int) -> None:
        """A write of the guest's, through its device, flushed."""
        self._device(f"write -P {pattern:#x} {offset} {length}")
        self._device("flush")

    def read(self, pattern: int, offset: int, length: int) -> bool:
        """Whether the guest reads this pattern."""
        return "failed" not in self._device(f"read -P {pattern:#x} {offset} {length}")

    def _device(self, command: str) -> str:
        import libvirt
        import libvirt_qemu

        connection = libvirt.open(self.uri)
        try:
            domain = connection.lookupByName(DOMAIN)
            line = f'qemu-io -d /machine/peripheral/ua-{VOLUME}/virtio-backend "{command}"'
            hmp = {"execute": "human-monitor-command", "arguments": {"command-line": line}}
            answer = libvirt_qemu.qemuMonitorCommand(domain, json.dumps(hmp), 0)
            return str(json.loads(answer)["return"])
        finally:
            connection.close()

    def kill_daemon(self) -> None:
        """kill -9 of libvirtd; QEMU lives on."""
        self.daemon.kill()
        self.daemon.wait()

    def restart_daemon(self, guest: Process) -> None:
        """Start the daemon again in the guest's mount namespace."""
        namespace = ["nsenter", f"--mount=/proc/{guest.pid}/ns/mnt"]
        self.daemon = self._start([*namespace, "sh", "-c", self._daemon])
        self.wait_for_socket()

    def end(self) -> None:
        """Kill guest and daemon."""
        if self._guest is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._guest, signal.SIGKILL)
        self.daemon.kill()
        self.daemon.wait()
        self._log.close()


@contextlib.contextmanager
def holder(destination: Path) -> Iterator[Process]:
    """A process that has the destination, a directory or a device, where the holder pod has it."""
    point = Path(HOLDER_DESTINATION_PATH)
    block = destination.is_block_device()
    if not block:
        point.mkdir(parents=True, exist_ok=True)
    script = HOLDER.format(destination=destination, path=point)
    if block:
        script = (
            f"set -e; mount -t tmpfs tmpfs /run; {devices(HOLDER_DESTINATION_DEVICE, destination)}"
        )
    child = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{script}\nexec sleep inf"]
    )
    try:
        wait_for(lambda: has_destination(Path(f"/proc/{child.pid}")), "the holder's destination")
        yield as_process(child.pid)
    finally:
        child.kill()
        child.wait()
        if not block:
            point.rmdir()
            point.parent.rmdir()


@contextlib.contextmanager
def finisher(source: Path, destination: Path) -> Iterator[Process]:
    """A process that has both directories where the finisher pod has the claims."""
    points = {Path(FINISHER_SOURCE_PATH): source, Path(FINISHER_DESTINATION_PATH): destination}
    for point in points:
        point.mkdir(parents=True, exist_ok=True)
    mounts = "; ".join(f"mount --bind {there} {point}" for point, there in points.items())
    script = f"set -e; {mounts}\nexec sleep inf"
    child = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    )
    seen = Path(f"/proc/{child.pid}/root{FINISHER_DESTINATION_PATH}/{IMAGE_NAME}")
    try:
        wait_for(seen.exists, "the finisher's claims")
        yield as_process(child.pid)
    finally:
        child.kill()
        child.wait()
        Path(FINISHER_SOURCE_PATH).rmdir()
