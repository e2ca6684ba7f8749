"""Brings plugged volumes into launchers and takes them out again (KubeVirt facts 4 and 11).

A file is mounted; of a device a node of its own is made, and the launcher's device rules let it be
opened.
"""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

from kubevirt.launcher import paths
from kubevirt.launcher.spec import is_block

from . import devices
from .launcher_client import KUBELET_PODS, Launcher, UnreachableError

log = logging.getLogger("virt-handler")
RECORDS = Path("/var/run/kubevirt-private/hotplug-volume-mount-state")
EMPTY_DIR = "volumes/kubernetes.io~empty-dir/hotplug-disks"


def advance(vmi: dict, launcher_uid: str, plugged: set[str]) -> None:
    """Mounts what is attached, unmounts what the guest let go; changes the VMI's status in place.

    Args:
        vmi: the VirtualMachineInstance.
        launcher_uid: the launcher pod's uid.
        plugged: the volumes that are disks of the live domain.
    """
    for entry in vmi["status"].get("volumeStatus") or []:
        phase, name = entry.get("phase"), entry["name"]
        uid = (entry.get("hotplugVolume") or {}).get("attachPodUID")
        if phase == "AttachedToNode" and uid:
            if _bring(vmi, name, uid, launcher_uid):
                entry["phase"] = "MountedToPod"
        elif phase == "MountedToPod" and name in plugged:
            entry["phase"] = "Ready"
        elif phase == "Detaching" and name not in plugged:
            _take_away(vmi, name, launcher_uid)
            entry["phase"] = "UnMountedFromPod"


def keep_allowed(vmi: dict, launcher_uid: str) -> None:
    """Writes the device rules anew where a block volume is plugged, at each sync.

    Of a launcher without one they are never written (KubeVirt facts 4 and 11).
    """
    if _plugged_devices(vmi, launcher_uid):
        _write_rules(vmi, launcher_uid)


def clean(active: set[str]) -> None:
    """Unmounts what was mounted for launchers that are no more; only what is recorded is touched.

    Args:
        active: the uids of the launcher pods that are still in use on this node.
    """
    for record in RECORDS.glob("*"):
        if record.name not in active:
            for target in record.read_text().splitlines():
                _unmount(Path(target))
            record.unlink()


def _target(vmi: dict, name: str, launcher_uid: str) -> Path:
    file = Path(paths.hotplug_disk(name, block=is_block(vmi, name))).name
    return Path(KUBELET_PODS, launcher_uid, EMPTY_DIR, file)


def _bring(vmi: dict, name: str, pod_uid: str, launcher_uid: str) -> bool:
    """Whether the volume is in the launcher now; its pod may not have it yet."""
    target = _target(vmi, name, launcher_uid)
    _record(launcher_uid, target)
    if not is_block(vmi, name):
        return _mount(pod_uid, name, target)
    if not _make_node(pod_uid, name, target):
        return False
    _write_rules(vmi, launcher_uid)
    os.chown(target, paths.NON_ROOT, paths.NON_ROOT)
    return True


def _take_away(vmi: dict, name: str, launcher_uid: str) -> None:
    _unmount(_target(vmi, name, launcher_uid))
    if is_block(vmi, name):
        _write_rules(vmi, launcher_uid)


def _make_node(pod_uid: str, name: str, target: Path) -> bool:
    """A node like the only one in the volume's folder of its pod; one that is there stays."""
    if devices.device(target) is not None:
        return True
    for source in Path(KUBELET_PODS, pod_uid, EMPTY_DIR, name).glob("*"):
        found = devices.device(source)
        if found is not None:
            number = os.makedev(int(found[1]), int(found[2]))
            os.mknod(target, stat.S_IFBLK | stat.S_IMODE(source.stat().st_mode), number)
            return True
    log.info("hotplug pod of %s: no device yet", name)
    return False


def _write_rules(vmi: dict, launcher_uid: str) -> None:
    pid = Launcher(launcher_uid).pid()
    allowed = devices.own(vmi, devices.PROCESSES / str(pid) / "root")
    devices.write(pid, allowed | _plugged_devices(vmi, launcher_uid))


def _plugged_devices(vmi: dict, launcher_uid: str) -> set[devices.Device]:
    """The devices of the plugged block volumes whose nodes are in the launcher."""
    names = [e["name"] for e in vmi["status"].get("volumeStatus") or [] if "hotplugVolume" in e]
    nodes = (devices.device(_target(vmi, name, launcher_uid)) for name in names)
    return {node for node in nodes if node is not None}


def _record(launcher_uid: str, target: Path) -> None:
    RECORDS.mkdir(parents=True, exist_ok=True)
    record = RECORDS / launcher_uid
    known = record.read_text().splitlines() if record.exists() else []
    if str(target) not in known:
        record.write_text("\n".join([*known, str(target)]) + "\n")


def _mount(pod_uid: str, name: str, target: Path) -> bool:
    if is_mounted(target):
        return True
    try:
        pid = Launcher(pod_uid, Path(KUBELET_PODS, pod_uid, EMPTY_DIR), "hp.sock").pid()
    except UnreachableError as error:
        log.info("hotplug pod of %s: %s", name, error)
        return False
    image = f"/{name}/disk.img"
    os.chown(f"/proc/{pid}/root{image}", paths.NON_ROOT, paths.NON_ROOT)
    target.touch()
    command = [sys.executable, "-m", "kubevirt.handler.mounts", str(pid), image, str(target)]
    subprocess.run(command, check=True)
    return True


def is_mounted(target: Path) -> bool:
    """Whether the file is a mount; os.path.ismount cannot tell where it is of the same disk."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(target) for line in lines)


def _unmount(target: Path) -> None:
    while is_mounted(target):
        subprocess.run(["umount", str(target)], check=True)
    target.unlink(missing_ok=True)
