"""The kinds of objects that the operator reads or writes, by their API paths."""

import dataclasses
import urllib.parse
from typing import Final

from detour_crds import names
from detour_operator.errors import Gone

DOTS = (".", "..")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object; the core group is the empty string."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The URL path; no namespace means all namespaces, or a kind outside of them.

        Names come from what others wrote, as a virtual machine's volumes, and none may lead to
        another object than one of this kind in this namespace.

        Raises:
            Gone: no object can have that name (apimachinery, ``api/validation/path/name.go``).
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name in DOTS or "/" in name or "%" in name:
            raise Gone(f"there can be no {self.plural} {name!r}")
        quoted = urllib.parse.quote(name, safe="")
        return "/".join(parts + [part for part in (quoted, subresource) if part])


VOLUME_MIGRATIONS: Final = Resource(
    group=names.GROUP, version=names.VERSION, plural=names.VOLUME_MIGRATIONS
)
ATTACHMENT_SWITCHES: Final = Resource(
    group=names.GROUP, version=names.VERSION, plural=names.ATTACHMENT_SWITCHES
)
VOLUME_MIGRATION_PLANS: Final = Resource(
    group=names.GROUP, version=names.VERSION, plural=names.VOLUME_MIGRATION_PLANS
)
CLAIMS: Final = Resource(group="", version="v1", plural="persistentvolumeclaims")
NODES: Final = Resource(group="", version="v1", plural="nodes")
NAMESPACES: Final = Resource(group="", version="v1", plural="namespaces")
PODS: Final = Resource(group="", version="v1", plural="pods")
EVENTS: Final = Resource(group="", version="v1", plural="events")
JOBS: Final = Resource(group="batch", version="v1", plural="jobs")
BUDGETS: Final = Resource(group="policy", version="v1", plural="poddisruptionbudgets")
LEASES: Final = Resource(group="coordination.k8s.io", version="v1", plural="leases")
STORAGE_CLASSES: Final = Resource(group="storage.k8s.io", version="v1", plural="storageclasses")
VOLUMES: Final = Resource(group="", version="v1", plural="persistentvolumes")
SNAPSHOTS: Final = Resource(
    group="snapshot.storage.k8s.io", version="v1", plural="volumesnapshots"
)
SNAPSHOT_CLASSES: Final = Resource(
    group="snapshot.storage.k8s.io", version="v1", plural="volumesnapshotclasses"
)
STORAGE_PROFILES: Final = Resource(
    group="cdi.kubevirt.io", version="v1beta1", plural="storageprofiles"
)
DATA_VOLUMES: Final = Resource(group="cdi.kubevirt.io", version="v1beta1", plural="datavolumes")
VIRTUAL_MACHINES: Final = Resource(group="kubevirt.io", version="v1", plural="virtualmachines")
INSTANCES: Final = Resource(group="kubevirt.io", version="v1", plural="virtualmachineinstances")
LIVE_MIGRATIONS: Final = Resource(
    group="kubevirt.io", version="v1", plural="virtualmachineinstancemigrations"
)
ADMISSION_POLICIES: Final = Resource(
    group="admissionregistration.k8s.io", version="v1", plural="validatingadmissionpolicies"
)
ADMISSION_POLICY_BINDINGS: Final = Resource(
    group="admissionregistration.k8s.io", version="v1", plural="validatingadmissionpolicybindings"
)
