"""AttachmentSwitches: the storage side creates them and sets their position, as any caller may."""

import dataclasses
from typing import Any

from detour_crds import names
from detour_crds.attachment_switch import (
    AttachmentSwitchSpec,
    AttachmentSwitchStatus,
    Position,
)
from detour_crds.serialise import parse, serialise
from detour_crds.volume_migration import Trust, WhenStopped
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import ATTACHMENT_SWITCHES
from detour_operator.reconcile.objects import Meta, meta_of

ANSWER = ("/spec/trust", "/spec/answeredStop")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundSwitch:
    """An AttachmentSwitch as it was read; ``raw`` is for owner references, events and patches."""

    meta: Meta
    spec: AttachmentSwitchSpec
    status: AttachmentSwitchStatus
    raw: Json


def read(raw: Json) -> FoundSwitch:
    """An AttachmentSwitch from the API's JSON."""
    return FoundSwitch(
        meta=meta_of(raw),
        spec=parse(AttachmentSwitchSpec, raw.get("spec")),
        status=parse(AttachmentSwitchStatus, raw.get("status")),
        raw=raw,
    )


def get(api: Api, namespace: str, name: str) -> FoundSwitch | None:
    """The switch of that name, or None if there is none."""
    raw = api.get(ATTACHMENT_SWITCHES, namespace, name)
    return None if raw is None else read(raw)


def in_namespace(api: Api, namespace: str) -> tuple[FoundSwitch, ...]:
    """All switches of a namespace."""
    return tuple(read(raw) for raw in api.list(ATTACHMENT_SWITCHES, namespace))


def everywhere(api: Api) -> tuple[FoundSwitch, ...]:
    """All switches of the cluster.

    Raises:
        Gone: the kind is not installed.
    """
    return tuple(read(raw) for raw in api.list(ATTACHMENT_SWITCHES, None))


def create(
    api: Api, namespace: str, name: str, spec: AttachmentSwitchSpec, owner: dict[str, Any]
) -> None:
    """Create a switch, which is start.

    Raises:
        AlreadyExists: one of this name exists.
    """
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "AttachmentSwitch",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
        "spec": serialise(spec),
    }
    api.create(ATTACHMENT_SWITCHES, namespace, body)


def delete(api: Api, switch: Meta) -> None:
    """Ask for the deletion of this very switch, which its finalizer lets go at its end.

    Raises:
        Conflict: the switch of that name is another one.
    """
    api.delete(ATTACHMENT_SWITCHES, switch.namespace, switch.name, uid=switch.uid)


def set_trust(api: Api, switch: Meta, trust: Trust, stop: str) -> None:
    """Tell this very switch which image a person trusts, at the stop of that name.

    Raises:
        Conflict: the switch of that name is another one.
    """
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": switch.uid},
        {"op": "add", "path": "/spec/trust", "value": trust.value},
        {"op": "add", "path": "/spec/answeredStop", "value": stop},
    ]
    api.json_patch(ATTACHMENT_SWITCHES, switch.namespace, switch.name, operations)


def take_trust_back(api: Api, switch: Meta) -> None:
    """Withdraw the answer that this very switch has, whole or (of an older version) in part.

    Raises:
        Conflict: the switch of that name is another one.
    """
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": switch.uid},
        *({"op": "add", "path": path, "value": ""} for path in ANSWER),
        *({"op": "remove", "path": path} for path in ANSWER),
    ]
    api.json_patch(ATTACHMENT_SWITCHES, switch.namespace, switch.name, operations)


def set_when_stopped(api: Api, switch: Meta, when: WhenStopped) -> None:
    """Tell this very switch what is to happen if the guest stops in the middle.

    Raises:
        Conflict: the switch of that name is another one.
    """
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": switch.uid},
        {"op": "add", "path": "/spec/whenStopped", "value": when.value},
    ]
    api.json_patch(ATTACHMENT_SWITCHES, switch.namespace, switch.name, operations)


def name_destination(api: Api, switch: Meta, claim: str) -> None:
    """Have this very switch name the claim; once named it stays.

    Raises:
        Conflict: the switch of that name is another one.
        Refused: it names another claim.
    """
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": switch.uid},
        {"op": "add", "path": "/spec/destination", "value": {"claimName": claim}},
    ]
    api.json_patch(ATTACHMENT_SWITCHES, switch.namespace, switch.name, operations)


def set_position(api: Api, switch: Meta, position: Position) -> None:
    """Ask this very switch for a position; the API server refuses what may not follow.

    Raises:
        Conflict: the switch of that name is another one.
        Refused: the position cannot be asked for any more.
    """
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": switch.uid},
        {"op": "replace", "path": "/spec/position", "value": position.value},
    ]
    api.json_patch(ATTACHMENT_SWITCHES, switch.namespace, switch.name, operations)
