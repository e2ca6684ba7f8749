"""The finisher pod: it keeps the claims on the node of a guest that has stopped in the middle.

The node agent merges the overlay there, with ``qemu-img``, once it has seen this pod. The pod is
made only when the instance has ended (row U4), under one name per switch (rule R6).
"""

import dataclasses
from typing import Any, Final

from detour_crds.names import (
    COMPONENT_LABEL,
    FINISHER_DESTINATION_DEVICE,
    FINISHER_DESTINATION_PATH,
    FINISHER_SOURCE_DEVICE,
    FINISHER_SOURCE_PATH,
    HOLDER_OVERLAY_PATH,
    LABEL_LIMIT,
    NO_SIDECAR,
    NO_SIDECAR_LABEL,
    SWITCH_LABEL,
)
from detour_operator.compute_side.attempt import short_uid
from detour_operator.compute_side.holder import (
    OVERLAY,
    PRIORITY_CLASS,
    container,
    off_node,
    on_node,
    places,
    pod_security,
)

FINISHER: Final = "finisher"
SOURCE: Final = "source"
DESTINATION: Final = "destination"
PATHS: Final = {SOURCE: FINISHER_SOURCE_PATH, DESTINATION: FINISHER_DESTINATION_PATH}
DEVICES: Final = {SOURCE: FINISHER_SOURCE_DEVICE, DESTINATION: FINISHER_DESTINATION_DEVICE}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finisher:
    """What a finisher is made from; ``owner`` refers to the switch.

    The destination is None on the way back, which must not depend on it; the overlay's claim is
    None if it is on none of its own. Without a node, the scheduler chooses one that has them all;
    not the lost one, which it would take for as good as any if its taints were tolerated.
    """

    namespace: str
    switch: str
    switch_uid: str
    owner: dict[str, Any]
    node: str | None
    source: str
    destination: str | None
    overlay: str | None
    se_linux_level: str
    image: str
    pull_policy: str
    block: bool = False
    lost: str | None = None


def finisher_name(switch_uid: str) -> str:
    """One name per switch, so that a finisher is never created twice."""
    return f"detour-finish-{short_uid(switch_uid)}"


def manifest(of: Finisher) -> dict[str, Any]:
    """The pod to create."""
    labels = {COMPONENT_LABEL: FINISHER}
    if len(of.switch) <= LABEL_LIMIT:
        labels[SWITCH_LABEL] = of.switch
    claims = {SOURCE: of.source, DESTINATION: of.destination}
    present = {name: claim for name, claim in claims.items() if claim is not None}
    paths = DEVICES if of.block else PATHS
    where = places({name: paths[name] for name in present}, block=of.block)
    if of.overlay is not None:
        present[OVERLAY] = of.overlay
        beside = places({OVERLAY: HOLDER_OVERLAY_PATH}, block=False)
        where = {key: where.get(key, []) + beside.get(key, []) for key in {**where, **beside}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": finisher_name(of.switch_uid),
            "namespace": of.namespace,
            "labels": {**labels, **NO_SIDECAR_LABEL},
            "annotations": NO_SIDECAR,
            "ownerReferences": [of.owner],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "priorityClassName": PRIORITY_CLASS,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 0,
            **_where(of),
            "securityContext": pod_security(of.se_linux_level),
            "containers": [container(FINISHER, of.image, of.pull_policy, where)],
            "volumes": [
                {"name": name, "persistentVolumeClaim": {"claimName": claim}}
                for name, claim in present.items()
            ],
        },
    }


def _where(of: Finisher) -> dict[str, Any]:
    """The overlay's node whatever its taints are; any other one only if it has none against it."""
    if of.node:
        affinity = {"nodeAffinity": on_node(of.node)}
        return {"affinity": affinity, "tolerations": [{"operator": "Exists"}]}
    return {"affinity": {"nodeAffinity": off_node(of.lost)}} if of.lost else {}
