"""The record beside the overlay: what is intended, written before each effect.

It beats the API wherever the two differ, and it is what an administrator finds on the disk of a
dead node. A record that is there and cannot be read is not a missing one.
"""

import dataclasses
import json
from typing import Any

from detour_agent.domain.int64 import signed
from detour_agent.domain.throttle import Tune
from detour_crds import json_text
from detour_crds.attachment_switch import Identity, Stage
from detour_crds.serialise import parse, serialise

VERSION = 1
MAX_START_TRIES = 3
"""Overlay names handed to libvirt before the start is given up. A daemon that was killed can leave
nodes in QEMU that make the first retry fail; the second one works (measured)."""
MAX_MIRROR_TRIES = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One switch's journal."""

    version: int = VERSION
    switch_uid: str
    namespace: str
    name: str
    token: str
    volume: str
    domain: str
    stage: Stage
    overlays: tuple[str, ...] = ()
    """File names, each journalled before it is created."""
    tried: int = 0
    """How many names may have been handed to libvirt, those no longer listed included."""
    healing: bool = False
    mirror_tries: int = 0
    source: Identity | None = None
    destination: Identity | None = None
    virtual_size_bytes: int = 0
    limit_bytes: int = 0
    """Bytes the overlay may take, as found at the start; 0 if that is not known."""
    tune_before: Tune | None = None
    """The disk's limits of I/O before they were lowered; None while nothing is to be put back."""


class UnreadableJournalError(ValueError):
    """The journal is there and does not say what it must."""


def encode(record: Record) -> str:
    """The record as the text of its file."""
    return json.dumps(serialise(record), indent=2, sort_keys=True) + "\n"


def decode(text: str) -> Record:
    """Read a record back.

    Raises:
        UnreadableJournalError: it is not JSON, of another version, or lacks a field.
    """
    try:
        value = json_text.read(text)
    except ValueError as error:
        raise UnreadableJournalError(f"not JSON: {error}") from error
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise UnreadableJournalError(f"not a journal of version {VERSION}")
    return _record(value)


def _record(value: dict[str, Any]) -> Record:
    try:
        record = parse(Record, value)
    except (TypeError, ValueError) as error:
        raise UnreadableJournalError(f"not a complete record: {error}") from error
    source, destination = _read(record.source), _read(record.destination)
    return dataclasses.replace(record, source=source, destination=destination)


def _read(identity: Identity | None) -> Identity | None:
    """An agent of an older version wrote inodes as they are, whether or not they fit the API."""
    if identity is None or identity.inode is None:
        return identity
    return dataclasses.replace(identity, inode=signed(identity.inode))


def overlay_name(uid: str, attempt: int, number: int) -> str:
    """A fresh file name for each try: an old overlay is never taken up by accident."""
    return f"overlay-{uid[:8]}-{attempt}-{number}.qcow2"


def start_tries_left(record: Record) -> bool:
    """Whether the start may be tried (again)."""
    return record.tried < MAX_START_TRIES


def overlay_handed(record: Record) -> bool:
    """Whether QEMU may have been told to write to one of the listed overlays."""
    unused = f"-{record.tried + 1}.qcow2"
    return any(not name.endswith(unused) for name in record.overlays)


def with_next_overlay(record: Record, attempt: int) -> Record:
    """The record with a name that libvirt has not seen; itself if its last name is one."""
    name = overlay_name(record.switch_uid, attempt, record.tried + 1)
    if name in record.overlays:
        return record
    return dataclasses.replace(record, overlays=(*record.overlays, name))
