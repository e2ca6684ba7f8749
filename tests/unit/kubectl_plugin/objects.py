"""Objects as the API gives them."""

from detour_crds import names

MIB = 1 << 20
TYPES = (
    "Ready", "Reconciling", "Stalled", "Accepted", "Locked", "SourceFrozen", "Copied", "Verified",
    "SourceReleased", "HandedOver", "Succeeded", "SourceDeleted",
)  # fmt: skip
SOURCE = "web-data"


def migration(
    name="move", phase="Pending", *, spec=None, conditions=(), namespace="vms", **status
):
    """A VolumeMigration; conditions as ``Type=Status Reason: message``."""
    told = {kind: _condition(kind, "Unknown", "NotYetKnown", "") for kind in TYPES}
    told |= {item["type"]: item for item in map(_parsed, conditions)}
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-of-{name}",
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T10:00:00Z",
        },
        "spec": {
            "virtualMachine": {"name": "web"},
            "volume": "data",
            "destination": {"claimTemplate": {"storageClassName": "fast"}},
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "conditions": list(told.values()),
            "sourceClaim": SOURCE,
            "destinationClaim": name,
            **status,
        },
    }


def summary(status, reason, message, *, stalled="False"):
    """The four conditions that say the same."""
    ended = status != "Unknown"
    working = "False" if ended or stalled == "True" else "True"
    told = f"{reason}: {message}"
    return (
        f"Ready={status if ended else 'False'} {told}",
        f"Reconciling={working} {told}",
        f"Stalled={stalled} {told if stalled == 'True' else 'NotStalled: '}",
        f"Succeeded={status} {told}",
    )


def copying(name="move", percent=25, **more):
    """A migration in the middle of its copy."""
    total = 256 * MIB
    done = total * percent // 100
    progress = {
        "percent": percent, "bytesDone": done, "bytesTotal": total,
        "bytesPerSecond": 10 * MIB, "etaSeconds": -(-(total - done) // (10 * MIB)),
    }  # fmt: skip
    return migration(
        name,
        "Copying",
        conditions=summary("Unknown", "Copying", "the frozen source is being copied"),
        progress=progress,
        overlay={"bytes": 12 * MIB, "limitBytes": 5120 * MIB},
        startTime="2026-01-01T10:00:03Z",
        node="node-1",
        **more,
    )


def merging(name="move"):
    told = summary("Unknown", "Merging", "the overlay is being merged onto the destination")
    return migration(
        name,
        "Merging",
        conditions=told,
        progress={"percent": 100, "bytesDone": 256 * MIB, "bytesTotal": 256 * MIB},
        startTime="2026-01-01T10:00:03Z",
        copiedTime="2026-01-01T10:00:21Z",
        node="node-1",
    )


def switch(name="move", *, done=0, total=0, namespace="vms", compute=None, node=None, **spec):
    """Its AttachmentSwitch, with a merge."""
    merge = {"bytesDone": done, "bytesTotal": total}
    node = {"stage": "mirror", "merge": merge, **(node or {})}
    compute = {"node": "node-1", "token": "t", **(compute or {})}
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"switch-of-{name}"},
        "spec": {"virtualMachine": {"name": "web"}, "volume": "data", **spec},
        "status": {"compute": compute, "node": node},
    }


def succeeded(name="move", **more):
    told = f"the disk is on the claim {name}; the source claim {SOURCE} is kept"
    return migration(
        name,
        "Succeeded",
        conditions=summary("True", "Succeeded", told),
        progress={"percent": 100, "bytesDone": 256 * MIB, "bytesTotal": 256 * MIB},
        pauses={"startMilliseconds": 14, "pivotMilliseconds": 21},
        startTime="2026-01-01T10:00:03Z",
        copiedTime="2026-01-01T10:00:21Z",
        releasedTime="2026-01-01T10:00:23Z",
        completionTime="2026-01-01T10:00:24Z",
        **more,
    )


def cancelled(name="move"):
    message = "the move was undone: the disk is on its source claim"
    return migration(
        name,
        "Cancelled",
        conditions=summary("False", "Cancelled", message, stalled="True"),
        startTime="2026-01-01T10:00:03Z",
        completionTime="2026-01-01T10:00:24Z",
    )


def failed(name="move", reason="CopyFailed", of_copied="NoSpaceLeft"):
    message = "the destination is full"
    return migration(
        name,
        "Failed",
        conditions=(
            *summary("False", reason, message, stalled="True"),
            f"Copied=False {of_copied}: {message}",
        ),
        startTime="2026-01-01T10:00:03Z",
        completionTime="2026-01-01T10:00:24Z",
    )


def refused(name="move", reason="LauncherTooOld", message="its libvirt is 9.0", **more):
    return migration(
        name,
        "Refused",
        conditions=(
            *summary("Unknown", reason, message),
            f"Accepted=False {reason}: {message}",
        ),
        **more,
    )


def stalled(name="move", reason="NodeLost", **status):
    message = "the node node-1 is not heard from: 12 bytes are in its overlay alone"
    told = summary("Unknown", reason, message, stalled="True")
    return migration(name, "Merging", conditions=told, node="node-1", **status)


def asking(name="move", reason="NodeLost"):
    """A stop that asks which image to trust."""
    return stalled(name, reason, stop=f"{reason}-t-1")


def holding(name="move"):
    message = "the copy is done; set spec.hold to false to go on"
    told = summary("Unknown", "Holding", message)
    return migration(name, "Holding", spec={"hold": True}, conditions=told)


def plan(name="retire-slow", phase="Moving", reason="", message="", *, disks=(), **more):
    """A VolumeMigrationPlan; disks as ``VM/VOLUME STATE Reason: message``."""
    ended = {"Succeeded": "True", "Failed": "False", "Cancelled": "False"}.get(phase)
    stalled = phase in ("Stopped", "Failed", "Cancelled")
    told = (reason or phase, message)
    status = {
        "phase": phase,
        "conditions": [
            _condition("Ready", ended or "False", *told),
            _condition("Stalled", "True" if stalled else "False", *told),
        ],
        "disks": [_disk(text) for text in disks],
        **more,
    }
    if ended:
        status["completionTime"] = "2026-01-01T11:00:00Z"
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigrationPlan",
        "metadata": {"name": name, "namespace": "vms", "uid": f"uid-of-{name}"},
        "spec": {"storageClasses": [{"from": "slow", "to": "fast"}]},
        "status": status,
    }


def _disk(text):
    where, state, *words = text.split(" ", 2)
    machine_name, volume = where.split("/")
    reason, _, message = (words or [""])[0].partition(": ")
    asked = {} if state in ("Waiting", "Skipped") else {"migration": f"all-{machine_name}-x"}
    return {
        "virtualMachine": machine_name,
        "volume": volume,
        "state": state,
        "reason": reason,
        "message": message,
        "destinationStorageClass": "fast",
        "bytes": 10 << 30,
        **asked,
    }


def machine(name="web", *claims, others=("cloudinit",), namespace="vms"):
    volumes = [
        {"name": claim, "persistentVolumeClaim": {"claimName": f"{name}-{claim}"}}
        for claim in claims or ("data",)
    ]
    volumes += [{"name": other, "cloudInitNoCloud": {}} for other in others]
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": {"volumes": volumes}}},
    }


def pod(name, component, *, node="node-1", namespace="detour-system", labels=None, ready="True"):
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels
            or {"app.kubernetes.io/name": "detour", "app.kubernetes.io/component": component},
        },
        "spec": {"nodeName": node},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def event(reason, message, *, name="move", kind="VolumeMigration", at="10:00:03", warning=False):
    return {
        "metadata": {"name": f"{name}.{reason}.{kind}", "namespace": "vms"},
        "involvedObject": {"kind": kind, "name": name},
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "lastTimestamp": f"2026-01-01T{at}Z",
    }


def policy(name):
    return {"metadata": {"name": name}}


def binding(name, actions=("Deny",)):
    return {
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": list(actions)},
    }


POLICIES = [policy(name) for name in names.LOCK_POLICIES]
BINDINGS = [binding(name) for name in names.LOCK_POLICIES]


def _parsed(line):
    head, message = line.split(": ", 1) if ": " in line else (line, "")
    kind, rest = head.split("=", 1)
    status, reason = rest.split(" ", 1)
    return _condition(kind, status, reason.strip(), message)


def _condition(kind, status, reason, message):
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T10:00:02Z",
    }
