"""Copy Jobs: created, started, looked at, ended; and the last word of a copier's log.

A Job is created suspended, because a create can be late and nothing in it can be tested: another
one of its name may have come and gone. Starting it tests its uid.
"""

import dataclasses
from typing import Any

from detour_crds import json_text, names
from detour_crds.volume_migration import Verify
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import EVENTS, JOBS, PODS
from detour_operator.adapters.virtual_machines import Placement

COPIER = "copier"
FINAL_EXIT_CODE = 3
"""The copier's exit code for what trying again does not mend (``detour_copier.__main__``)."""
BACKOFF_LIMIT = 3
DISK_GROUP = 6
"""The group ``disk`` of most distributions: https://wiki.debian.org/SystemGroups."""
NO_START, CORDONED = "NoSchedule", "node.kubernetes.io/unschedulable"
"""https://kubernetes.io/docs/reference/labels-annotations-taints/."""
LOG_LINES = 3
LOG_BYTES = 4096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopyJob:
    """A copy Job to create; ``owner`` is the reference to its migration.

    ``node`` and ``size_bytes`` are None for the disk of a stopped machine: the claims say where
    the copier can run, and the image how large it is. Unless it ``copies``, somebody else has done
    that, and the Job sees that the image is there; or, with ``look``, it sees that the destination
    is empty, to which it cannot write. ``bytes_per_second`` limits what is copied, and what is
    read to compare it (``verify``); ``idle`` has both wait for everybody else's I/O. ``placement``
    is the stopped machine's. Of either claim it is said whether its mode is Block.
    """

    name: str
    namespace: str
    migration: str
    owner: Json
    image: str
    image_pull_policy: str
    node: str | None
    source_claim: str
    destination_claim: str
    size_bytes: int | None
    se_linux_level: str
    switch_uid: str
    token: str
    method: str
    copies: bool = True
    verify: Verify = Verify.NONE
    bytes_per_second: int | None = None
    idle: bool = False
    source_block: bool = False
    destination_block: bool = False
    look: bool = False
    placement: Placement | None = None

    @property
    def reads_source(self) -> bool:
        """Whether its pod has the source.

        To copy it, or to compare it; and of a stopped machine in any case, as the source says
        where the pod can run: elsewhere the storage could not make the destination from it.
        """
        return self.copies or self.verify is not Verify.NONE or self.node is None


def of_migration(api: Api, namespace: str, migration: str) -> list[Json]:
    """All copy Jobs under a migration's name, of whatever attempt."""
    if len(migration) > names.LABEL_LIMIT:
        return []
    return api.list(JOBS, namespace, label_selector=_selector(migration))


def pods_of_migration(api: Api, namespace: str, migration: str) -> list[Json]:
    """All copiers' pods under a migration's name, oldest first."""
    if len(migration) > names.LABEL_LIMIT:
        return []
    pods = api.list(PODS, namespace, label_selector=_selector(migration))
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def create(api: Api, job: CopyJob) -> None:
    """Create the Job, suspended.

    Raises:
        AlreadyExists: a Job of this name exists.
    """
    api.create(JOBS, job.namespace, manifest(job))


def start(api: Api, namespace: str, name: str, uid: str) -> None:
    """Let this very Job run.

    Raises:
        Conflict: the Job of that name is another one.
        Gone: there is none.
    """
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "replace", "path": "/spec/suspend", "value": False},
    ]
    api.json_patch(JOBS, namespace, name, operations)


def delete(api: Api, namespace: str, name: str, uid: str) -> None:
    """Ask for the end of a Job and its pods; that they are gone is for a later look to say.

    Raises:
        Conflict: the Job of that name is another one.
    """
    api.delete(JOBS, namespace, name, uid=uid, propagation="Background")


def last_trouble(api: Api, namespace: str, uid: str) -> str | None:
    """The last warning about a pod or a Job, None if there is none.

    That a volume cannot be mounted, or that a quota has a Job make no pods, is told by events
    alone.
    """
    found = api.list(EVENTS, namespace, field_selector=f"involvedObject.uid={uid},type=Warning")
    last = max(found, key=lambda event: str(event.get("lastTimestamp") or ""), default=None)
    return None if last is None else f"{last.get('reason')}: {last.get('message')}"


def last_words(api: Api, namespace: str, pod: str) -> list[dict[str, Any]]:
    """The last lines of a copier's log that are JSON objects."""
    query = {"tailLines": str(LOG_LINES), "limitBytes": str(LOG_BYTES), "container": COPIER}
    text = api.text(PODS, namespace, pod, "log", query) or ""
    return [found for line in text.splitlines() if (found := _object(line)) is not None]


def manifest(job: CopyJob) -> Json:
    """The Job as it is sent to the API."""
    labels = {names.COMPONENT_LABEL: COPIER, names.MIGRATION_LABEL: job.migration}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job.name,
            "namespace": job.namespace,
            "labels": labels,
            "annotations": {
                names.TOKEN_ANNOTATION: job.token,
                names.SWITCH_UID_ANNOTATION: job.switch_uid,
                names.METHOD_ANNOTATION: job.method,
                names.VERIFY_ANNOTATION: job.verify,
                **({names.LOOK_ANNOTATION: "true"} if job.look else {}),
            },
            "ownerReferences": [job.owner],
        },
        "spec": {
            "suspend": True,
            "backoffLimit": BACKOFF_LIMIT,
            "podFailurePolicy": {"rules": [_give_up()]},
            "template": {
                "metadata": {
                    "labels": {**labels, **names.NO_SIDECAR_LABEL},
                    "annotations": names.NO_SIDECAR,
                },
                "spec": _pod(job),
            },
        },
    }


def _give_up() -> Json:
    """https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy."""
    codes = {"containerName": COPIER, "operator": "In", "values": [FINAL_EXIT_CODE]}
    return {"action": "FailJob", "onExitCodes": codes}


def _pod(job: CopyJob) -> Json:
    security: Json = {
        "runAsNonRoot": True,
        "runAsUser": names.QEMU_UID,
        "runAsGroup": names.QEMU_UID,
        "fsGroup": names.QEMU_UID,
        # Else kubelet would walk over the guest's volume while the guest uses it.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if job.source_block or job.destination_block:
        # Devices belong to this group unless the container runtime gives them to the user.
        security["supplementalGroups"] = [DISK_GROUP]
    if job.se_linux_level:
        security["seLinuxOptions"] = {"level": job.se_linux_level}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security,
        **_where(job),
        "containers": [_container(job)],
        "volumes": _volumes(job),
    }


def _volumes(job: CopyJob) -> list[Json]:
    # A device can be kept from being written to here alone, a file at its mount, too.
    looked_at = job.look and job.destination_block
    destination = _volume("destination", job.destination_claim, read_only=looked_at)
    if not job.reads_source:
        return [destination]
    return [_volume("source", job.source_claim, read_only=job.source_block), destination]


def _where(job: CopyJob) -> Json:
    """On the guest's node whatever its taints are; of a stopped guest where that could run.

    A destination that waits for its first consumer is made where the copier is. A cordoned node
    may be the one that the disk is to leave.
    """
    if job.node:
        affinity = {"nodeAffinity": _on_node(job.node)}
        return {"affinity": affinity, "tolerations": [{"operator": "Exists", "effect": NO_START}]}
    cordoned = {"key": CORDONED, "operator": "Exists", "effect": NO_START}
    own = job.placement or Placement()
    return {
        "tolerations": [*own.tolerations, cordoned],
        **({"nodeSelector": own.node_selector} if own.node_selector else {}),
        **({"affinity": {"nodeAffinity": own.node_affinity}} if own.node_affinity else {}),
    }


def _on_node(node: str) -> Json:
    """On the guest's node: a ReadWriteOnce source is attached there and nowhere else.

    By its name, which may be longer than a label's value, and other than its label for hosts.
    """
    match = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [match]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


def _container(job: CopyJob) -> Json:
    return {
        "name": COPIER,
        "image": job.image,
        "imagePullPolicy": job.image_pull_policy,
        **_work(job),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"memory": "512Mi"},
        },
    }


def _options(job: CopyJob) -> list[str]:
    limit = job.bytes_per_second
    return [
        *([] if job.size_bytes is None else ["--size-bytes", str(job.size_bytes)]),
        *([] if job.copies else ["--look" if job.look else "--check"]),
        *([] if job.verify is Verify.NONE else ["--verify"]),
        *([] if limit is None else ["--bytes-per-second", str(limit)]),
        *(["--source-block"] if job.source_block else []),
        *(["--destination-block"] if job.destination_block else []),
    ]


def _work(job: CopyJob) -> Json:
    # Of util-linux, which every Debian has; qemu-img, which does the work, inherits it.
    idly = ["ionice", "--class", "idle"] if job.idle else []
    command = [*idly, "python3", "-m", "detour_copier", *_options(job)]
    devices, mounts = _devices(job), _mounts(job)
    return {
        "command": command,
        **({"volumeDevices": devices} if devices else {}),
        **({"volumeMounts": mounts} if mounts else {}),
    }


def _devices(job: CopyJob) -> list[Json]:
    source = {"name": "source", "devicePath": names.COPIER_SOURCE_DEVICE}
    destination = {"name": "destination", "devicePath": names.COPIER_DESTINATION_DEVICE}
    return [
        *([source] if job.source_block and job.reads_source else []),
        *([destination] if job.destination_block else []),
    ]


def _mounts(job: CopyJob) -> list[Json]:
    source = {"name": "source", "mountPath": names.COPIER_SOURCE_PATH, "readOnly": True}
    destination = {
        "name": "destination",
        "mountPath": names.COPIER_DESTINATION_PATH,
        **({"readOnly": True} if job.look else {}),
    }
    return [
        *([source] if not job.source_block and job.reads_source else []),
        *([destination] if not job.destination_block else []),
    ]


def _volume(name: str, claim: str, *, read_only: bool = False) -> Json:
    source: Json = {"claimName": claim}
    if read_only:
        source["readOnly"] = True
    return {"name": name, "persistentVolumeClaim": source}


def _selector(migration: str) -> str:
    return f"{names.COMPONENT_LABEL}={COPIER},{names.MIGRATION_LABEL}={migration}"


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json_text.read(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
