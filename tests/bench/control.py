"""Memory, and what a move costs a guest beside the copy: overhead, pauses, the overlay."""

import time

from bench import memory
from bench.control_figures import QUIET_SECONDS, Held, records
from bench.guests import fresh_namespace, words
from bench.moving import WATCHES_SECONDS, NotMovedError
from bench.record import Part
from bench.watching import FAILED, SUCCEEDED, Watch
from cluster.provider import UnsupportedError
from guest import manifest as guest_manifest
from harness import cluster, takeover
from harness.cluster import Target
from harness.kube import Kube, wait_for
from harness.machine import Machine
from harness.migration import Migration, manifest

NAMESPACE = "detour-bench"
MOVE = "move"
SIZE = "1Gi"
HELD_SECONDS = 30
REPORTED_SECONDS = 3
"""Within them the node agent's last counters are on the API, and seen by the watches."""
PROCESSES = {"operator": "detour_operator", "node-agent": "detour_agent"}


def pod_start(kube: Kube, storage_class: str) -> float:
    """Seconds from creating a plain pod with a fresh claim until it is ready."""
    kube.apply(guest_manifest.claim("plain", NAMESPACE, storage_class, "64Mi"))
    began = time.time()
    kube.apply(guest_manifest.verifier("plain", NAMESPACE, "plain"))
    kube.run("wait", "pod/plain", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=180s")
    took = time.time() - began
    kube.delete("pods", "plain", NAMESPACE, "--grace-period=0", "--force")
    return took


def measure() -> Part:
    """Move one disk under load."""
    target = cluster.current()
    fresh_namespace(target.kube, NAMESPACE)
    plain = pod_start(target.kube, target.destination_class)
    idle = _memory(target)
    vm = Machine(target.kube, NAMESPACE, "bench")
    vm.create(target.source_class, SIZE, fill_percent=50, pause_us=5000)
    vm.wait_until_running()
    vm.wait_for_writes(500, seconds=600)
    held = _move(target, vm, plain, idle)
    vm.stop()
    verdict = vm.verify(MOVE)
    vm.log.stop()
    conditions = [
        f"one VM with a disk of {SIZE}, half of it filled, whose guest writes at a steady pace, "
        f"held for {HELD_SECONDS} s after the copy; verdict of the verifier: {words(verdict)}",
    ]
    return Part(records(held, vm.log.boots()), conditions, passed=verdict.passed)


def _takeover(target: Target) -> float | None:
    try:
        return takeover.seconds(target, NAMESPACE)
    except UnsupportedError:
        return None


def _move(target: Target, vm: Machine, plain: float, idle: dict[str, float]) -> Held:
    """Move the disk, held after its copy; all that is seen of it by the API and our clock."""
    kube, migration = target.kube, Migration(target.kube, MOVE, NAMESPACE)
    destination = {"claimTemplate": {"storageClassName": target.destination_class}}
    with Watch(kube, NAMESPACE, MOVE) as watch:
        time.sleep(WATCHES_SECONDS + QUIET_SECONDS)
        began = time.time()
        kube.apply(manifest(MOVE, NAMESPACE, vm.name, destination, hold=True))
        _follow(migration, watch, "Copied")
        time.sleep(HELD_SECONDS)
        overlay = migration.switch()["status"]["node"]["overlay"]["bytes"]
        looked = time.time()
        kube.patch("volumemigrations", MOVE, NAMESPACE, {"spec": {"hold": False}})
        _follow(migration, watch, SUCCEEDED)
        time.sleep(REPORTED_SECONDS)
    merged = migration.switch()["status"]["node"]["merge"]["bytesDone"]
    busy = {part: memory.peak(target, part, module) for part, module in PROCESSES.items()}
    return Held(
        plain=plain,
        idle=idle,
        busy=busy,
        takeover=_takeover(target),
        began=began,
        looked=looked,
        overlay=overlay,
        merged=merged,
        moments=dict(watch.moments),
    )


def _memory(target: Target) -> dict[str, float]:
    return {part: memory.resident(target, part, module) for part, module in PROCESSES.items()}


def _follow(migration: Migration, watch: Watch, until: str) -> None:
    """Wait until the watch has seen it.

    Raises:
        NotMovedError: the move has failed before.
    """
    wait_for(
        until,
        lambda: until in watch.moments or FAILED in watch.moments,
        seconds=600,
        every=0.1,
        seen=migration.story,
    )
    if until not in watch.moments:
        raise NotMovedError(migration.condition(SUCCEEDED).get("message", "it was not moved"))
