"""QEMU's answers to the few read-only queries, as dataclasses; pure."""

from collections.abc import Mapping
from typing import Any, Final

from detour_agent.domain.chain import Monitor, MonitorJob, MonitorNode
from detour_crds import json_text

Json = Mapping[str, Any]

NONSENSE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What comes of an answer in another form than QEMU's and libvirt's."""


def read_monitor(
    alias: str, devices: list[Json], nodes: list[Json], jobs: list[Json]
) -> Monitor | None:
    """What QEMU says of one disk, None where no device has the alias or nothing is inserted.

    From the answers to ``query-block``, ``query-named-block-nodes`` and ``query-block-jobs``.

    Raises:
        Exception: one of ``NONSENSE``: they have another form than QEMU gives them.
    """
    found = [device for device in devices if _is_device(device, alias) and "inserted" in device]
    if not found:
        return None
    return Monitor(
        top=_node(found[0]["inserted"]),
        nodes=tuple(_node(node) for node in nodes),
        jobs=tuple(_job(job) for job in jobs),
    )


def _is_device(device: Json, alias: str) -> bool:
    """virtio-blk is named by its path in QOM, other kinds by their id."""
    qdev = str(device.get("qdev", ""))
    return alias == qdev or alias in qdev.split("/")


def _node(node: Json) -> MonitorNode:
    return MonitorNode(
        name=str(node.get("node-name", "")),
        file=file_name(str(node.get("file", ""))),
        driver=str(node.get("drv", "")),
        read_only=bool(node.get("ro", False)),
    )


def _job(job: Json) -> MonitorJob:
    return MonitorJob(
        device=str(job.get("device", "")),
        ready=bool(job.get("ready", False)),
        concluded=job.get("status") in ("concluded", "null", "aborting"),
        stopped=job.get("io-status", "ok") != "ok",
        done=int(job.get("offset", 0)),
        total=int(job.get("len", 0)),
    )


def file_name(value: str) -> str:
    """A node's file name, also where QEMU writes it as ``json:`` with all the node's options."""
    if not value.startswith("json:"):
        return value
    try:
        options = json_text.read(value.removeprefix("json:"))
    except ValueError:
        return value
    while isinstance(options, dict) and isinstance(options.get("file"), dict):
        options = options["file"]
    return str(options.get("filename", value)) if isinstance(options, dict) else value
