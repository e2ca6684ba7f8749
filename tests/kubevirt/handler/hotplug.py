"""Brings plugged volumes into launchers and takes them out again (KubeVirt facts 4 and 11)."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from kubevirt.launcher import paths

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
        target = Path(KUBELET_PODS, launcher_uid, EMPTY_DIR, f"{name}.img")
        if phase == "AttachedToNode" and uid:
            _record(launcher_uid, target)
            if _mount(uid, name, target):
                entry["phase"] = "MountedToPod"
        elif phase == "MountedToPod" and name in plugged:
            entry["phase"] = "Ready"
        elif phase == "Detaching" and name not in plugged:
            _unmount(target)
            entry["phase"] = "UnMountedFromPod"


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
