"""Which claim the disk goes to, and what it is to be like; pure."""

import math

from detour_crds.volume_migration import ClaimTemplate, VolumeMigrationSpec, VolumeMode
from detour_operator.reconcile.objects import Meta
from detour_operator.storage_side.actions import CreateClaim
from detour_operator.storage_side.observation import SeenClaim

MIB = 1 << 20
FILE_SYSTEM_PART = 0.055
"""What a file system keeps to itself of a claim, as KubeVirt takes it where CDI says nothing (its
``filesystemOverhead``)."""


def claim_name(meta: Meta, spec: VolumeMigrationSpec) -> str:
    """The destination's name: as given, as in the template, or the migration's own."""
    if spec.destination.claim_name:
        return spec.destination.claim_name
    template = spec.destination.claim_template
    return (template.name if template else None) or meta.name


def storage_class(template: ClaimTemplate, source: SeenClaim) -> str | None:
    """The class to create with; the empty string, which means none, may be asked for."""
    named = template.storage_class_name is not None
    return template.storage_class_name if named else source.storage_class


def is_block(template: ClaimTemplate, source: SeenClaim) -> bool:
    """Whether the claim to create has the mode Block."""
    if template.volume_mode is None:
        return source.block
    return template.volume_mode is VolumeMode.BLOCK


def to_create(
    name: str, template: ClaimTemplate, source: SeenClaim, least: int = 0
) -> CreateClaim:
    """The claim to create; what the template leaves out is taken from the source.

    The guest's disk is all of a block device, which may be larger than what was asked for. Where
    it becomes a file there is to be room for the file system, too. What the storage makes from the
    source's volume must have at least so many bytes (``least``).
    """
    block = is_block(template, source)
    size = str(source.image_bytes) if source.block else source.request
    if source.block and not block:
        size = str(_with_file_system(source.image_bytes))
    if least > source.image_bytes:
        size = str(least)
    return CreateClaim(
        name=name,
        storage_class=storage_class(template, source),
        access_modes=template.access_modes or source.access_modes,
        size=template.size or size,
        block=block,
    )


def _with_file_system(image: int) -> int:
    """Bytes to ask for, in whole MiB, if so many are to be left for an image."""
    return math.ceil(image / (1 - FILE_SYSTEM_PART) / MIB) * MIB


def as_if_created(wanted: CreateClaim, source: SeenClaim, template_bytes: int | None) -> SeenClaim:
    """The claim as it would be found once it is created, for the checks."""
    return SeenClaim(
        name=wanted.name,
        uid="",
        phase="Pending",
        deleting=False,
        block=wanted.block,
        access_modes=wanted.access_modes,
        storage_class=wanted.storage_class,
        request=wanted.size,
        requested=source.image_bytes if template_bytes is None else template_bytes,
        capacity=None,
        created_for=None,
    )
