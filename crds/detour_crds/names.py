"""Names that more than one part of Detour must spell alike."""

from typing import Final

GROUP: Final = "detour.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

VOLUME_MIGRATIONS: Final = "volumemigrations"
ATTACHMENT_SWITCHES: Final = "attachmentswitches"
VOLUME_MIGRATION_PLANS: Final = "volumemigrationplans"

MIGRATION_FINALIZER: Final = f"{GROUP}/migration"
SWITCH_FINALIZER: Final = f"{GROUP}/switch"

LABEL_LIMIT: Final = 63
"""Characters of a label's value: nothing carries a longer name, and the API server refuses to look
for one (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)."""
COMPONENT_LABEL: Final = f"{GROUP}/component"
"""On every pod and Job of a move: ``holder``, ``finisher`` or ``copier``."""
MIGRATION_LABEL: Final = f"{GROUP}/migration"
"""On copy Jobs and their pods: the name of the VolumeMigration."""
SWITCH_LABEL: Final = f"{GROUP}/switch"
"""On holder pods: the name of the AttachmentSwitch."""

PLAN_LABEL: Final = f"{GROUP}/plan"
"""On VolumeMigrations that a plan made: the name of the VolumeMigrationPlan."""
PRIORITY_ANNOTATION: Final = f"{GROUP}/priority"
"""On a virtual machine: a whole number; those with a higher one come first in a plan."""

HOLDER_LABEL: Final = f"{GROUP}/holder"
"""On holder pods: their own name, for their budget."""
OVERLAY_OF_ANNOTATION: Final = f"{GROUP}/overlay-of"
"""On a claim that was created for the overlay: the uid of the AttachmentSwitch."""

FENCE_ANNOTATION_PREFIX: Final = f"fence.{GROUP}/"
"""On the instance (VMI), followed by the volume's name: the token under which the instance may be
handed over. Absent: nobody may (the fence is closed)."""
WOKEN_ANNOTATION: Final = f"{GROUP}/woken"
"""For a moment on an instance, or on a virtual machine that has none, once the lock is off: at any
change KubeVirt's controller looks at the machine at once."""
DESTINATION_OF_ANNOTATION: Final = f"{GROUP}/created-for"
"""On a claim that was created from a template: the uid of the VolumeMigration."""

TOKEN_ANNOTATION: Final = f"{GROUP}/token"
SWITCH_UID_ANNOTATION: Final = f"{GROUP}/switch-uid"
"""On what is made to copy a frozen source: the attempt it was made for; it counts for no other."""
NO_SIDECAR: Final = {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
"""Annotations of pods in users' namespaces, the first as a label too: a proxy would outlive the
copier, and its Job never complete. CDI does the same to its pods
(``pkg/controller/common/util.go``, ``AnnPodSidecarInjectionIstio``)."""
NO_SIDECAR_LABEL: Final = {"sidecar.istio.io/inject": "false"}
METHOD_ANNOTATION: Final = f"{GROUP}/copy-method"
"""On copy Jobs."""
VERIFY_ANNOTATION: Final = f"{GROUP}/verify"
"""On copy Jobs that compare what is copied: ``spec.copy.verify``. A Job without it that is
complete has compared nothing."""
LOOK_ANNOTATION: Final = f"{GROUP}/looks-only"
"""On copy Jobs that copy nothing and see whether the destination is empty: ``true``."""
COPIED_ANNOTATION: Final = f"{GROUP}/copied"
"""On a destination claim that somebody else copies to: the token of ``status.external``."""

SUPERSEDED_LABEL: Final = f"{GROUP}/superseded"
"""On the claim a disk was moved away from: its content is stale. The admission policies refuse a
virtual machine that would start that disk from it again."""
SUPERSEDED_BY_ANNOTATION: Final = f"{GROUP}/superseded-by"
"""Beside that label: the claim the disk was moved to."""
SUPERSEDED_FOR_ANNOTATION: Final = f"{GROUP}/superseded-for"
"""Beside that label: ``<virtual machine>/<volume>``, whose disk it was."""
HOLDS_ANNOTATION: Final = f"{GROUP}/holds"
"""On the claim a disk was moved to, once all of it is there: ``<virtual machine>/<volume>/<uid>``.
The uid is the claim's own: on another claim that was made from its manifest it says nothing."""

SUPERSEDED_POLICY: Final = "detour-superseded"
LOCK_POLICIES: Final = (
    "detour-lock-budgets",
    "detour-lock-claim-copies",
    "detour-lock-claim-users",
    "detour-lock-claims",
    "detour-lock-copies",
    "detour-lock-holders",
    "detour-lock-instances",
    "detour-lock-live-migrations",
    "detour-lock-machine-requests",
    "detour-lock-machines",
    "detour-lock-pods",
    "detour-lock-switches",
    SUPERSEDED_POLICY,
)
"""The ValidatingAdmissionPolicies, and their bindings, that the chart makes the lock of."""

STATUS_REFUSED: Final = "StatusRefused"
"""Reason in ``status.node.lastError``: the API server takes no other status of the node agent."""

IMAGE_NAME: Final = "disk.img"
"""The raw image in a filesystem claim (KubeVirt's layout)."""
QEMU_UID: Final = 107
"""User and group of the guest's QEMU in KubeVirt's launcher."""

HOLDER_DESTINATION_PATH: Final = "/detour/destination"
"""Where the holder pod mounts the destination claim."""
HOLDER_DESTINATION_DEVICE: Final = "/dev/detour-destination"
"""Where the holder pod has it if its volume mode is Block."""
HOLDER_OVERLAY_PATH: Final = "/detour/overlay"
"""Where a holder and the finisher mount the claim that the overlay is on, if it is on one."""
FINISHER_SOURCE_PATH: Final = "/detour/source"
FINISHER_DESTINATION_PATH: Final = "/detour/destination"
"""Where the finisher pod mounts the claims of a guest that has stopped."""
FINISHER_SOURCE_DEVICE: Final = "/dev/detour-source"
FINISHER_DESTINATION_DEVICE: Final = "/dev/detour-destination"
COPIER_SOURCE_PATH: Final = "/detour/source"
COPIER_DESTINATION_PATH: Final = "/detour/destination"
COPIER_SOURCE_DEVICE: Final = "/dev/detour-source"
COPIER_DESTINATION_DEVICE: Final = "/dev/detour-destination"


def fence_annotation(volume: str) -> str:
    """Name of the annotation that opens the fence of one volume of an instance."""
    return FENCE_ANNOTATION_PREFIX + volume


def held_by(disk: str, claim_uid: str) -> str:
    """The value of ``HOLDS_ANNOTATION`` on the claim that has the disk."""
    return f"{disk}/{claim_uid}"


def held_on(told: str | None, claim_uid: str) -> str | None:
    """The disk that a value of ``HOLDS_ANNOTATION`` names; None if that is another claim's."""
    disk, _, uid = (told or "").rpartition("/")
    return disk if disk and uid == claim_uid else None
