"""The few verbs by which the cluster is asked, and the kinds of objects that are asked about."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any, Final, Protocol

from detour_crds import names

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object; ``name`` is what people call it, the core group is the empty string."""

    name: str
    group: str = ""
    version: str = "v1"
    plural: str


MIGRATIONS: Final = Kind(
    name="VolumeMigration",
    group=names.GROUP,
    version=names.VERSION,
    plural=names.VOLUME_MIGRATIONS,
)
SWITCHES: Final = Kind(
    name="AttachmentSwitch",
    group=names.GROUP,
    version=names.VERSION,
    plural=names.ATTACHMENT_SWITCHES,
)
PLANS: Final = Kind(
    name="VolumeMigrationPlan",
    group=names.GROUP,
    version=names.VERSION,
    plural=names.VOLUME_MIGRATION_PLANS,
)
MACHINES: Final = Kind(name="VirtualMachine", group="kubevirt.io", plural="virtualmachines")
INSTANCES: Final = Kind(
    name="VirtualMachineInstance", group="kubevirt.io", plural="virtualmachineinstances"
)
KUBEVIRTS: Final = Kind(name="KubeVirt", group="kubevirt.io", plural="kubevirts")
CLAIMS: Final = Kind(name="PersistentVolumeClaim", plural="persistentvolumeclaims")
CLASSES: Final = Kind(name="StorageClass", group="storage.k8s.io", plural="storageclasses")
EVENTS: Final = Kind(name="Event", plural="events")
PODS: Final = Kind(name="Pod", plural="pods")
NODES: Final = Kind(name="Node", plural="nodes")
DEPLOYMENTS: Final = Kind(name="Deployment", group="apps", plural="deployments")
DAEMON_SETS: Final = Kind(name="DaemonSet", group="apps", plural="daemonsets")
POLICIES: Final = Kind(
    name="ValidatingAdmissionPolicy",
    group="admissionregistration.k8s.io",
    plural="validatingadmissionpolicies",
)
BINDINGS: Final = Kind(
    name="ValidatingAdmissionPolicyBinding",
    group="admissionregistration.k8s.io",
    plural="validatingadmissionpolicybindings",
)
ACCESS_REVIEWS: Final = Kind(
    name="SelfSubjectAccessReview",
    group="authorization.k8s.io",
    plural="selfsubjectaccessreviews",
)


class Cluster(Protocol):
    """One cluster, asked as the user of the kubeconfig.

    Each verb raises :class:`UnreachableError`, :class:`NotAllowedError` or :class:`RefusedError`,
    and :class:`NotThereError` if the cluster does not know the kind.
    """

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """One object, None if it does not exist."""

    def list(
        self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """All objects of a namespace, or of all namespaces, that match the selectors."""

    def create(self, kind: Kind, namespace: str | None, body: Mapping[str, Any]) -> Json:
        """Create an object; as it was taken."""

    def patch(
        self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Json | None:
        """Merge a patch (RFC 7396) into an object; None if it does not exist."""

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Ask for an object's deletion; fine if it is not there."""

    def log(self, namespace: str, pod: str, *, lines: int) -> str:
        """The last lines that a pod's only container wrote; empty if there is no such pod."""

    def kinds(self, group: str, version: str) -> frozenset[str]:
        """The plurals that the API server serves of a group's version; none if it has neither."""

    def version(self) -> str:
        """Kubernetes' own version, as ``v1.36.0``."""


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> datetime.datetime:
        """The time in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
