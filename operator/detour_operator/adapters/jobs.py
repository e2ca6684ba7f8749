"""Copy Jobs: created, started, looked at, ended; and the last word of a copier's log.

A Job is created suspended, because a create can be late and nothing in it can be tested: another
one of its name may have come and gone. Starting it tests its uid.
"""

import dataclasses
import json
from typing import Any

from detour_crds import names
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import JOBS, PODS

TOKEN_ANNOTATION = f"{names.GROUP}/token"
SWITCH_UID_ANNOTATION = f"{names.GROUP}/switch-uid"
COPIER = "copier"
FINAL_EXIT_CODE = 3
"""The copier's exit code for what trying again does not mend (``detour_copier.__main__``)."""
BACKOFF_LIMIT = 3
LOG_LINES = 3
LOG_BYTES = 4096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopyJob:
    """A copy Job to create; ``owner`` is the reference to its migration."""

    name: str
    namespace: str
    migration: str
    owner: Json
    image: str
    image_pull_policy: str
    node: str
    source_claim: str
    destination_claim: str
    size_bytes: int
    se_linux_level: str
    switch_uid: str
    token: str


def of_migration(api: Api, namespace: str, migration: str) -> list[Json]:
    """All copy Jobs under a migration's name, of whatever attempt."""
    return api.list(JOBS, namespace, label_selector=_selector(migration))


def pods_of_migration(api: Api, namespace: str, migration: str) -> list[Json]:
    """All copiers' pods under a migration's name, oldest first."""
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
            "annotations": {TOKEN_ANNOTATION: job.token, SWITCH_UID_ANNOTATION: job.switch_uid},
            "ownerReferences": [job.owner],
        },
        "spec": {
            "suspend": True,
            "backoffLimit": BACKOFF_LIMIT,
            "podFailurePolicy": {"rules": [_give_up()]},
            "template": {"metadata": {"labels": labels}, "spec": _pod(job)},
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
    if job.se_linux_level:
        security["seLinuxOptions"] = {"level": job.se_linux_level}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security,
        "affinity": {"nodeAffinity": _on_node(job.node)},
        "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
        "containers": [_container(job)],
        "volumes": [
            _volume("source", job.source_claim),
            _volume("destination", job.destination_claim),
        ],
    }


def _on_node(node: str) -> Json:
    """On the guest's node: a ReadWriteOnce source is attached there and nowhere else."""
    match = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [match]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


def _container(job: CopyJob) -> Json:
    return {
        "name": COPIER,
        "image": job.image,
        "imagePullPolicy": job.image_pull_policy,
        "command": ["python3", "-m", "detour_copier", "--size-bytes", str(job.size_bytes)],
        "volumeMounts": [
            {"name": "source", "mountPath": names.COPIER_SOURCE_PATH, "readOnly": True},
            {"name": "destination", "mountPath": names.COPIER_DESTINATION_PATH},
        ],
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


def _volume(name: str, claim: str) -> Json:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim}}


def _selector(migration: str) -> str:
    return f"{names.COMPONENT_LABEL}={COPIER},{names.MIGRATION_LABEL}={migration}"


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
