"""What a plan can have done, each of which may be repeated."""

import dataclasses

from detour_crds.volume_migration import VolumeMigrationSpec


@dataclasses.dataclass(frozen=True, slots=True)
class CreateMigration:
    """Ask for the move of a disk; nothing if its VolumeMigration is there."""

    name: str
    spec: VolumeMigrationSpec


@dataclasses.dataclass(frozen=True, slots=True)
class WithdrawMigration:
    """Delete a VolumeMigration that is as it was seen: one that has not begun, or has answered."""

    name: str
    resource_version: str


@dataclasses.dataclass(frozen=True, slots=True)
class CancelMigration:
    """Set ``spec.cancel`` of a VolumeMigration that is as it was seen."""

    name: str
    resource_version: str


Action = CreateMigration | WithdrawMigration | CancelMigration
