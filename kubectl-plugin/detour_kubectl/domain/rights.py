"""What the one who asks must be allowed, for which command; asked by SelfSubjectAccessReviews."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from detour_kubectl import port
from detour_kubectl.domain.health import Finding, Health
from detour_kubectl.port import Kind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One verb on one kind; ``needed`` False: moves go without it, and a command does less."""

    verb: str
    kind: Kind
    commands: str
    subresource: str = ""
    needed: bool = True
    of_detour: bool = False

    @property
    def words(self) -> str:
        """As ``kubectl auth can-i`` is asked."""
        group = f".{self.kind.group}" if self.kind.group else ""
        sub = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.kind.plural}{group}{sub}"


IN_NAMESPACE: Final = (
    Right(verb="get", kind=port.MIGRATIONS, commands="status, explain, trust"),
    Right(verb="list", kind=port.MIGRATIONS, commands="list, status"),
    Right(verb="create", kind=port.MIGRATIONS, commands="move, doctor VM"),
    Right(verb="patch", kind=port.MIGRATIONS, commands="cancel, continue, trust"),
    Right(verb="delete", kind=port.MIGRATIONS, commands="move --dry-run, doctor VM"),
    Right(verb="get", kind=port.PLANS, commands="plan status", needed=False),
    Right(verb="create", kind=port.PLANS, commands="plan create", needed=False),
    Right(verb="patch", kind=port.PLANS, commands="plan pause, resume and cancel", needed=False),
    Right(verb="get", kind=port.SWITCHES, commands="trust, status, explain", needed=False),
    Right(verb="get", kind=port.MACHINES, commands="move without --volume, doctor VM"),
    Right(verb="list", kind=port.MACHINES, commands="doctor --all", needed=False),
    Right(verb="get", kind=port.INSTANCES, commands="move --dry-run, doctor VM"),
    Right(verb="list", kind=port.INSTANCES, commands="doctor", needed=False),
    Right(verb="list", kind=port.CLAIMS, commands="move without --name", needed=False),
    Right(verb="list", kind=port.EVENTS, commands="explain", needed=False),
    Right(verb="list", kind=port.PODS, commands="explain", needed=False),
    Right(verb="get", kind=port.PODS, subresource="log", commands="explain", needed=False),
)
OF_DETOUR: Final = (
    Right(verb="list", kind=port.PODS, commands="explain", needed=False, of_detour=True),
    Right(
        verb="get",
        kind=port.PODS,
        subresource="log",
        commands="explain",
        needed=False,
        of_detour=True,
    ),
)
RIGHTS: Final = IN_NAMESPACE + OF_DETOUR


def review(right: Right, namespace: str) -> dict[str, Any]:
    """The question to the API server."""
    attributes = {
        "namespace": namespace,
        "verb": right.verb,
        "group": right.kind.group,
        "resource": right.kind.plural,
        "subresource": right.subresource,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def is_allowed(answer: Mapping[str, Any]) -> bool:
    """What the API server answered."""
    return bool(answer.get("status", {}).get("allowed"))


def finding(denied: Iterable[Right], namespace: str, detour_namespace: str) -> Finding:
    """All that is denied, in one line."""
    missing = list(denied)
    where = f"permissions in {namespace}"
    if not missing:
        detail = f"all {len(RIGHTS)} that the commands use"
        return Finding(subject=where, health=Health.OK, detail=detail)
    told = "; ".join(
        f"{right.words}{f' in {detour_namespace}' if right.of_detour else ''} ({right.commands})"
        for right in missing
    )
    needed = any(right.needed for right in missing)
    return Finding(
        subject=where,
        health=Health.BAD if needed else Health.WARNING,
        detail=f"you may not: {told}",
        next_step="have the role edit bound to you there: the chart adds Detour's rights to it"
        if needed
        else "disks can be moved; these commands do less without it",
    )
