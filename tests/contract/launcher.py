"""A launcher-shaped mount namespace with libvirt and a guest without an operating system in it."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from detour_agent.adapters.processes import start_time
from detour_agent.domain.ports import Process
from detour_crds.names import HOLDER_DESTINATION_PATH, IMAGE_NAME, QEMU_UID

VOLUME = "root"
DOMAIN = "ns_vm"
QEMU_CONF = """
cgroup_controllers = [ ]
namespaces = [ ]
security_driver = "none"
remember_owner = 0
stdio_handler = "file"
"""
NAMESPACE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/libvirt /run/kubevirt-private/libvirt /run/kubevirt-private/vmi-disks/{volume}
mount --bind {source} /run/kubevirt-private/vmi-disks/{volume}
cp {folder}/qemu.conf {folder}/libvirtd.conf /run/kubevirt-private/libvirt/
(cat /etc/passwd; echo qemu:x:{user}:{user}::/run:/bin/sh) > /run/passwd
(cat /etc/group; echo qemu:x:{user}:) > /run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
chown -R {user}:{user} /run
{daemon}
"""
DAEMON = """exec setpriv --reuid {user} --regid {user} --clear-groups \
  env HOME=/run XDG_RUNTIME_DIR=/run XDG_CONFIG_HOME=/run/kubevirt-private \
  XDG_CACHE_HOME=/run/kubevirt-private \
  libvirtd -f /run/kubevirt-private/libvirt/libvirtd.conf"""
HOLDER = "set -e; mount --bind {destination} {path}; exec sleep infinity"
WAIT_SECONDS = 60.0


def domain_xml(cache: str = "none") -> str:
    """The guest: one raw disk as KubeVirt gives it."""
    return f"""<domain type='qemu'>
  <name>{DOMAIN}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='{cache}' error_policy='stop' discard='unmap'/>
      <source file='/var/run/kubevirt-private/vmi-disks/{VOLUME}/{IMAGE_NAME}'/>
      <target dev='vda' bus='virtio'/><alias name='ua-{VOLUME}'/>
    </disk>
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


class Launcher:
    """libvirt as a session daemon of the guest's user, and the guest; the daemon can be killed."""

    def __init__(self, folder: Path, source: Path) -> None:
        (folder / "qemu.conf").write_text(QEMU_CONF)
        (folder / "libvirtd.conf").write_text('log_outputs = "3:stderr"\n')
        self._daemon = DAEMON.format(user=QEMU_UID)
        script = NAMESPACE.format(
            volume=VOLUME, source=source, folder=folder, user=QEMU_UID, daemon=self._daemon
        )
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
        connection.defineXML(domain_xml()).create()
        connection.close()
        pid = int((self.root / f"run/libvirt/qemu/run/{DOMAIN}.pid").read_text())
        return as_process(pid)

    def wait_for_socket(self) -> None:
        """Wait until the daemon takes connections."""
        socket = self.root / "run/libvirt/libvirt-sock"
        wait_for(lambda: socket.exists() or self.daemon.poll() is not None, "the daemon's socket")
        assert self.daemon.poll() is None, "libvirtd ended; see libvirtd.log in the test's folder"

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
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int((self.root / f"run/libvirt/qemu/run/{DOMAIN}.pid").read_text())
            os.kill(pid, signal.SIGKILL)
        self.daemon.kill()
        self.daemon.wait()
        self._log.close()


@contextlib.contextmanager
def holder(destination: Path) -> Iterator[Process]:
    """A process with the destination mounted where the holder pod has it."""
    point = Path(HOLDER_DESTINATION_PATH)
    point.mkdir(parents=True, exist_ok=True)
    script = HOLDER.format(destination=destination, path=point)
    child = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    )
    try:
        wait_for(
            lambda: HOLDER_DESTINATION_PATH in Path(f"/proc/{child.pid}/mountinfo").read_text(),
            "the holder's mount",
        )
        yield as_process(child.pid)
    finally:
        child.kill()
        child.wait()
        point.rmdir()
        point.parent.rmdir()
