"""The operator that leads is held up, and the other one takes its work."""

import contextlib
import time
from collections.abc import Iterator

from cluster.provider import UnsupportedError
from harness import processes
from harness.cluster import Target
from harness.install import NAMESPACE
from harness.kube import Kube, Object, wait_for
from harness.migration import Migration, manifest


@contextlib.contextmanager
def leader_held(target: Target) -> Iterator[None]:
    """Have it neither work nor give its lease up meanwhile, whatever becomes of its pod.

    Raises:
        UnsupportedError: nodes cannot be acted on.
    """
    pod = _leader(target.kube)
    processes.send(target.provider, pod, "STOP")
    try:
        yield
    finally:
        with contextlib.suppress(UnsupportedError):
            processes.send(target.provider, pod, "CONT", check=False)


def seconds(target: Target, namespace: str) -> float:
    """From when the leader was held until another one has answered a new VolumeMigration.

    Raises:
        UnsupportedError: nodes cannot be acted on.
    """
    with leader_held(target):
        held = time.monotonic()
        destination = {"claimTemplate": {"storageClassName": target.destination_class}}
        target.kube.apply(manifest("fresh", namespace, "missing", destination))
        fresh = Migration(target.kube, "fresh", namespace)

        def answered() -> bool:
            return bool(fresh.object().get("status", {}).get("conditions"))

        wait_for("a status", answered, every=0.2)
        return time.monotonic() - held


def _leader(kube: Kube) -> Object:
    def holder() -> str:
        lease = kube.get("leases", "detour-operator", NAMESPACE) or {}
        return str(lease.get("spec", {}).get("holderIdentity") or "")

    return kube.get("pods", wait_for("a leader", holder), NAMESPACE) or {}
