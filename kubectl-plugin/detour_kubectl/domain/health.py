"""The doctor's findings: is the cluster ready, and is the one who asks allowed to; pure."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from detour_crds.names import LOCK_POLICIES

LEAST_KUBERNETES: Final = (1, 32)
LEAST_KUBEVIRT: Final = (1, 8)
"""As README.md says."""

INSTALL = "helm upgrade --install detour charts/detour -n detour-system --create-namespace"


class Health(StrEnum):
    """How it is; UNKNOWN: it could not be looked at."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    health: Health
    detail: str
    next_step: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Unseen:
    """In the place of a fact that could not be had: why, and what to do."""

    message: str
    hint: str = ""


def unseen(subject: str, why: Unseen) -> Finding:
    """That it is not known."""
    return Finding(subject=subject, health=Health.UNKNOWN, detail=why.message, next_step=why.hint)


def kubernetes(version: str) -> Finding:
    """Whether its admission policies are those that the lock is made of."""
    least = ".".join(map(str, LEAST_KUBERNETES))
    if parts(version) >= LEAST_KUBERNETES:
        return _ok("Kubernetes", version)
    detail = f"{version or 'unknown'}, Detour needs {least}"
    return _bad("Kubernetes", detail, f"update Kubernetes to {least} or newer")


def definitions(served: frozenset[str], wanted: Sequence[str]) -> Finding:
    """Whether the API server knows Detour's own kinds."""
    missing = [plural for plural in wanted if plural not in served]
    if not missing:
        return _ok("CRDs", ", ".join(wanted))
    return _bad("CRDs", f"missing: {', '.join(missing)}", f"install Detour: {INSTALL}")


def operator(found: Mapping[str, Any] | None, namespace: str) -> Finding:
    """Whether somebody reconciles."""
    if found is None:
        return _not_installed("operator", f"no Deployment detour-operator in {namespace}")
    wanted = found.get("spec", {}).get("replicas", 1)
    ready = found.get("status", {}).get("readyReplicas", 0)
    detail = f"{ready} of {wanted} ready"
    if ready == 0:
        look = f"kubectl -n {namespace} describe deployment detour-operator"
        return _bad("operator", detail, look)
    return _ok("operator", detail)


def agents(
    found: Mapping[str, Any] | None,
    namespace: str,
    *,
    nodes: Iterable[str],
    ready_on: Iterable[str],
) -> Finding:
    """Whether each node that runs VMs has a node agent: a disk is moved by its own node's."""
    if found is None:
        return _not_installed("node agents", f"no DaemonSet detour-node-agent in {namespace}")
    wanted, ready = sorted(nodes), set(ready_on)
    if not wanted:
        hint = "is KubeVirt's virt-handler running? It labels nodes kubevirt.io/schedulable=true"
        return _warning("node agents", "no node runs VMs", hint)
    without = [node for node in wanted if node not in ready]
    if not without:
        return _ok("node agents", f"ready on each node that runs VMs ({len(wanted)})")
    detail = f"not ready on {', '.join(without)}"
    look = f"kubectl -n {namespace} get pods -o wide -l app.kubernetes.io/component=node-agent"
    return _bad("node agents", f"{detail}: disks of VMs there cannot be moved", look)


def lock(policies: Iterable[str], bindings: Iterable[Mapping[str, Any]]) -> Finding:
    """Whether each policy of the lock is there, and bound so that it denies."""
    there = set(policies)
    bound = {
        item["spec"]["policyName"]
        for item in bindings
        if "Deny" in item["spec"].get("validationActions", [])
    }
    missing = [name for name in LOCK_POLICIES if name not in there]
    loose = [name for name in LOCK_POLICIES if name in there and name not in bound]
    told = [
        f"{word}: {', '.join(names)}"
        for word, names in (("missing", missing), ("not bound", loose))
        if names
    ]
    if told:
        repair = f"no move can start without the lock; restore it: {INSTALL}"
        return _bad("lock", "; ".join(told), repair)
    return _ok("lock", f"{len(LOCK_POLICIES)} policies there and bound")


def kubevirt(found: Sequence[Mapping[str, Any]]) -> Finding:
    """Whether KubeVirt is there, and new enough for launchers that can take an overlay."""
    if not found:
        return _bad("KubeVirt", "not installed", "install KubeVirt: Detour moves its VMs' disks")
    status = found[0].get("status", {})
    version, phase = status.get("observedKubeVirtVersion", ""), status.get("phase", "")
    if parts(version) < LEAST_KUBEVIRT:
        least = ".".join(map(str, LEAST_KUBEVIRT))
        detail = f"{version or 'unknown version'}, Detour needs {least}"
        return _bad("KubeVirt", detail, f"update KubeVirt to {least} or newer")
    if phase not in ("", "Deployed"):
        return _warning("KubeVirt", f"{version}, {phase}", "wait until it is Deployed")
    return _ok("KubeVirt", version)


OUTDATED = "kubevirt.io/outdatedLauncherImage"


def launchers(instances: Sequence[Mapping[str, Any]], namespace: str) -> Finding:
    """Whether guests run under launchers of the KubeVirt that is there (KubeVirt's own label)."""
    old = sorted(
        item["metadata"]["name"]
        for item in instances
        if OUTDATED in (item["metadata"].get("labels") or {})
    )
    where = f"launchers in {namespace}"
    if not old:
        return _ok(where, f"{len(instances)} running, of the present KubeVirt")
    detail = f"older than KubeVirt: {', '.join(old)}"
    return _warning(
        where,
        detail,
        "those before 1.8 cannot take an overlay: restart or live-migrate these VMs, or use "
        "copy.method: Hypervisor",
    )


def versions(installed: str | None, ours: str) -> Finding:
    """Whether plugin and cluster are of one version."""
    if installed is None:
        return unseen("versions", Unseen("the installed Detour does not say its version"))
    if not parts(ours):
        told = f"Detour {installed}; the plugin was not installed and has no version"
        return unseen("versions", Unseen(told))
    if parts(installed) == parts(ours):
        return _ok("versions", f"Detour {installed}, plugin {ours}")
    detail = f"Detour {installed}, plugin {ours}"
    return _warning("versions", detail, f"install the plugin of version {installed}")


def parts(version: str) -> tuple[int, ...]:
    """``v1.36.2-x`` as ``(1, 36)``; empty, less than any version, if it is none."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(int(number) for number in found.groups()) if found else ()


def is_ready(findings: Iterable[Finding]) -> bool:
    """Whether nothing was found that keeps disks from being moved."""
    return all(finding.health is not Health.BAD for finding in findings)


def _ok(subject: str, detail: str) -> Finding:
    return Finding(subject=subject, health=Health.OK, detail=detail)


def _bad(subject: str, detail: str, next_step: str) -> Finding:
    return Finding(subject=subject, health=Health.BAD, detail=detail, next_step=next_step)


def _warning(subject: str, detail: str, next_step: str) -> Finding:
    return Finding(subject=subject, health=Health.WARNING, detail=detail, next_step=next_step)


def _not_installed(subject: str, detail: str) -> Finding:
    hint = f"install Detour ({INSTALL}), or name its namespace with --detour-namespace"
    return _bad(subject, detail, hint)
