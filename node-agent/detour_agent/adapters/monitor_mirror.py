"""The commands to QEMU by which it copies a disk itself (``blockdev-mirror``); pure.

Both nodes are Detour's own, and so is the job; libvirt ignores what it has not begun. An error
stops the job instead of ending it: QEMU opens the guest's image anew when a job ends, so that it
ends when Detour says so and never by itself.

That it opens the image anew is ``auto-read-only``: while the job ends nobody writes to the image,
and QEMU has it open for reading only for that moment. Libvirt opens an image so where it has a
format node over it, and else for writing for good (measured: libvirt 9.0 with QEMU 7.2, libvirt
11.3 with QEMU 10.0): then the option is set first, and nothing else of the node is changed.
"""

from collections.abc import Iterable
from typing import Any

from detour_agent.domain.chain import Disk, MonitorNode
from detour_agent.domain.direct_chain import job_id, node_names
from detour_agent.domain.ports import CopyTarget
from detour_agent.errors import StepFailed

DIRECT = ("none", "directsync")
"""Cache modes of libvirt that pass the node's page cache by."""
STORAGE = ("file", "host_device")
"""Drivers of a node without a format node over it."""
NEEDED = frozenset(
    {"blockdev-add", "blockdev-mirror", "blockdev-reopen", "block-job-cancel", "blockdev-del"}
)
"""A copy is not begun that could not be ended: QEMU has deprecated some and may take them out."""
Command = tuple[str, dict[str, Any]]


def check_offered(commands: Iterable[str]) -> None:
    """See that QEMU has what the copy needs, before anything is opened.

    Raises:
        StepFailed: it has not.
    """
    lacking = sorted(NEEDED - set(commands))
    if lacking:
        message = f"QEMU does not have {', '.join(lacking)}: choose another copy method"
        raise StepFailed("QemuTooNew", message)


def begin(
    disk: Disk, top: MonitorNode, target: CopyTarget, bytes_per_second: int | None
) -> tuple[Command, ...]:
    """Open the destination, and copy ``top``, the guest's node, onto it.

    A larger destination is used as far as the disk goes: QEMU's mirror demands equal sizes.
    """
    form, storage = node_names(disk.target)
    cache = {"direct": dict(disk.driver).get("cache") in DIRECT, "no-flush": False}
    before = (_opens_anew(disk, top),) if top.driver in STORAGE else ()
    opened = {
        "node-name": storage,
        "driver": "host_device" if target.block else "file",
        "filename": target.path,
        "cache": cache,
        "discard": "unmap",
        "auto-read-only": True,
    }
    image = {
        "node-name": form,
        "driver": "raw",
        "read-only": False,
        "cache": cache,
        "size": target.virtual_size_bytes,
        "file": storage,
    }
    job = {
        "job-id": job_id(disk.target),
        "device": top.name,
        "target": form,
        "sync": "full",
        "copy-mode": "write-blocking",
        "on-source-error": "stop",
        "on-target-error": "stop",
        "speed": bytes_per_second or 0,
    }
    added = ("blockdev-add", opened), ("blockdev-add", image)
    return (*before, *added, ("blockdev-mirror", job))


def _opens_anew(disk: Disk, top: MonitorNode) -> Command:
    """Have the guest's image opened anew when the job ends; its other options stay as they are.

    What is left out of ``blockdev-reopen`` would take QEMU's default.
    """
    driver = dict(disk.driver)
    cache = driver.get("cache")
    options: dict[str, Any] = {
        "driver": top.driver,
        "node-name": top.name,
        "filename": top.file,
        "read-only": False,
        "auto-read-only": True,
        "cache": {"direct": cache in DIRECT, "no-flush": cache == "unsafe"},
        "discard": driver.get("discard", "ignore"),
    }
    for attribute, option in (("io", "aio"), ("detect_zeroes", "detect-zeroes")):
        if attribute in driver:
            options[option] = driver[attribute]
    return "blockdev-reopen", {"options": [options]}


def end(disk: Disk, *, gently: bool) -> Command:
    """End the job; gently: once both images are the same, and with requests held back."""
    return "block-job-cancel", {"device": job_id(disk.target), "force": not gently}
