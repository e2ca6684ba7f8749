"""Runs the libvirt daemon as KubeVirt's launcher runs virtqemud (KubeVirt facts 1)."""

import logging
import os
import subprocess
import threading
import time
from pathlib import Path

from . import paths

log = logging.getLogger("virt-launcher")
RESTART_DELAY = 1.0
# The monolithic daemon is what Debian has; KubeVirt's image has virtqemud.
BINARY = "/usr/sbin/libvirtd"
BOUND_SOCKET = Path(paths.LIBVIRT_RUNTIME, "libvirt-sock")

QEMU_CONF = """\
stdio_handler = "file"
security_driver = "none"
user = "qemu"
group = "qemu"
dynamic_ownership = 1
remember_owner = 0
namespaces = [ ]
cgroup_controllers = [ ]
"""


def environment() -> dict[str, str]:
    """The environment of a session daemon whose files are where KubeVirt's are."""
    return os.environ | {
        "XDG_RUNTIME_DIR": "/var/run",
        "XDG_CONFIG_HOME": paths.PRIVATE,
        "XDG_CACHE_HOME": paths.PRIVATE,
        "HOME": paths.PRIVATE,
    }


def qemu_conf(shared_folders: str) -> str:
    """The driver's configuration; folders of claims that several nodes share, split by a colon."""
    folders = [folder for folder in shared_folders.split(":") if folder]
    listed = ", ".join(f'"{folder}"' for folder in folders)
    return QEMU_CONF + (f"shared_filesystems = [ {listed} ]\n" if folders else "")


def write_configuration() -> None:
    """Writes what the session daemon reads at its start."""
    folder = Path(paths.PRIVATE, "libvirt")
    folder.mkdir(parents=True, exist_ok=True)
    shared = os.environ.get("SHARED_FILESYSTEM_PATHS", "")
    (folder / "qemu.conf").write_text(qemu_conf(shared))
    (folder / "virtqemud.conf").write_text('log_outputs = "1:stderr"\nlog_filters = "3:*"\n')


def supervise() -> None:
    """Keeps the daemon running: 1 s after it died it is started again, QEMU lives on.

    KubeVirt facts 1 and D13.
    """
    threading.Thread(target=_run, daemon=True, name="libvirt").start()


def _run() -> None:
    configuration = f"{paths.PRIVATE}/libvirt/virtqemud.conf"
    while True:
        BOUND_SOCKET.unlink(missing_ok=True)
        process = subprocess.Popen([BINARY, "-f", configuration], env=environment())
        _offer_socket(process)
        code = process.wait()
        log.error("virtqemud exited with %s, restarting", code)
        time.sleep(RESTART_DELAY)


def _offer_socket(process: subprocess.Popen) -> None:
    """Gives the socket the name virtqemud's has: a rename keeps it bound."""
    while process.poll() is None:
        if BOUND_SOCKET.exists():
            BOUND_SOCKET.rename(paths.LIBVIRT_SOCKET)
            return
        time.sleep(0.02)
