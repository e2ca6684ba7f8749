"""Every fail point there is, from the code that has the effects."""

import dataclasses
import typing
from collections.abc import Iterator

from detour_agent import guarding
from detour_crds.attachment_switch import AttachmentSwitchStatus, Compute, Order, Stage
from detour_crds.serialise import json_name
from detour_crds.volume_migration import VolumeMigrationStatus
from detour_operator.compute_side import actions as compute
from detour_operator.compute_side.passes import OWNED
from detour_operator.storage_side import actions as storage

JOURNAL = "journal.write"


def operator() -> list[str]:
    """The operator's effects: each action of each side, and each field of what it records."""
    actions = {"storage": storage.Action, "compute": compute.Action}
    named = [
        f"{side}.{action.__name__}"
        for side, union in actions.items()
        for action in typing.get_args(union)
    ]
    orders = [f"order.{order}" for order in Order if order]
    switch = [name for name in _fields(AttachmentSwitchStatus) if name in OWNED]
    own = [name for name in switch if name != "compute"]
    mine = [name for name in _fields(Compute) if name != "order"]
    named += [f"storage.record.{field}" for field in _fields(VolumeMigrationStatus)]
    return named + [f"compute.record.{field}" for field in [*own, *mine, *orders]]


def agent() -> list[str]:
    """The agent's effects: each verb of its ports that is no look, each stage of the journal."""
    found = []
    for port in guarding.PORTS:
        for verb in guarding.effects(port):
            stages = [f".{stage}" for stage in Stage if stage is not Stage.MISSING]
            more = stages if f"{port}.{verb}" == JOURNAL else [""]
            found += [f"agent.{port}.{verb}{stage}" for stage in more]
    return found


def points(effects: list[str]) -> list[str]:
    """The moments before and after each of them."""
    return [f"{effect}.{when}" for effect in effects for when in ("before", "after")]


def _fields(kind: type) -> Iterator[str]:
    return (json_name(field) for field in dataclasses.fields(kind))
