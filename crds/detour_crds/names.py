"""Names that more than one part of Detour must spell alike."""

from typing import Final

GROUP: Final = "detour.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

VOLUME_MIGRATIONS: Final = "volumemigrations"
ATTACHMENT_SWITCHES: Final = "attachmentswitches"

MIGRATION_FINALIZER: Final = f"{GROUP}/migration"
SWITCH_FINALIZER: Final = f"{GROUP}/switch"

COMPONENT_LABEL: Final = f"{GROUP}/component"
"""On every pod and Job of a move: ``holder`` or ``copier``."""
MIGRATION_LABEL: Final = f"{GROUP}/migration"
"""On copy Jobs and their pods: the name of the VolumeMigration."""
SWITCH_LABEL: Final = f"{GROUP}/switch"
"""On holder pods: the name of the AttachmentSwitch."""

FENCE_ANNOTATION_PREFIX: Final = f"fence.{GROUP}/"
"""On the instance (VMI), followed by the volume's name: the token under which the instance may be
handed over. Absent: nobody may (the fence is closed)."""
DESTINATION_OF_ANNOTATION: Final = f"{GROUP}/created-for"
"""On a claim that was created from a template: the uid of the VolumeMigration."""

IMAGE_NAME: Final = "disk.img"
"""The raw image in a filesystem claim (KubeVirt's layout)."""
QEMU_UID: Final = 107
"""User and group of the guest's QEMU in KubeVirt's launcher."""

HOLDER_DESTINATION_PATH: Final = "/detour/destination"
"""Where the holder pod mounts the destination claim."""
COPIER_SOURCE_PATH: Final = "/detour/source"
COPIER_DESTINATION_PATH: Final = "/detour/destination"


def fence_annotation(volume: str) -> str:
    """Name of the annotation that opens the fence of one volume of an instance."""
    return FENCE_ANNOTATION_PREFIX + volume
