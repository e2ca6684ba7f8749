"""Memory, and what a move costs a guest beside the copy: overhead, pauses, the overlay."""

import time

from bench import memory
from bench.guests import fresh_namespace, words
from bench.latency import longest_ms, utc
from bench.record import Part, Record
from guest import manifest as guest_manifest
from guest.log import Boots
from guest.operations import WRITES, ZERO
from harness import cluster
from harness.kube import Kube, wait_for
from harness.machine import Machine
from harness.migration import Migration, Timeline, manifest

NAMESPACE = "detour-bench"
SIZE = "1Gi"
QUIET_SECONDS = 30
HELD_SECONDS = 30
MIB = 2**20
SECTOR = 512


def pod_start(kube: Kube, storage_class: str) -> float:
    """Seconds from creating a plain pod with a fresh claim until it is ready."""
    kube.apply(guest_manifest.claim("plain", NAMESPACE, storage_class, "64Mi"))
    began = time.time()
    kube.apply(guest_manifest.verifier("plain", NAMESPACE, "plain"))
    kube.run("wait", "pod/plain", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=180s")
    took = time.time() - began
    kube.delete("pods", "plain", NAMESPACE, "--grace-period=0", "--force")
    return took


def written(boots: Boots, start: float, end: float) -> int:
    """Bytes that the guest wrote or zeroed between two moments of our clock."""
    boot = boots.last
    if boot is None or boot.header is None:
        raise LookupError("the guest's log has no header")
    inside = [
        ack.operation
        for ack in boot.acknowledgements
        if ack.arrived and utc(start) <= ack.arrived <= utc(end)
    ]
    operations = (boot.header.work.operation(n) for n in range(inside[0], inside[-1] + 1))
    return sum(o.sectors * SECTOR for o in operations if o.kind in (*WRITES, ZERO))


def measure() -> Part:
    """Move one disk under load."""
    target = cluster.current()
    kube = target.kube
    fresh_namespace(kube, NAMESPACE)
    plain = pod_start(kube, target.destination_class)
    idle = {
        part: memory.resident(target, part, module)
        for part, module in (("operator", "detour_operator"), ("node-agent", "detour_agent"))
    }
    vm = Machine(kube, NAMESPACE, "bench")
    vm.create(target.source_class, SIZE, fill_percent=50, pause_us=5000)
    vm.wait_until_running()
    vm.wait_for_writes(500, seconds=600)
    time.sleep(QUIET_SECONDS)

    destination = {"claimTemplate": {"storageClassName": target.destination_class}}
    kube.apply(manifest("move", NAMESPACE, "bench", destination, hold=True))
    migration, timeline = Migration(kube, "move", NAMESPACE), Timeline()
    _follow(migration, timeline, "Copied")
    time.sleep(HELD_SECONDS)
    busy = {
        "operator": memory.resident(target, "operator", "detour_operator"),
        "node-agent": memory.resident(target, "node-agent", "detour_agent"),
    }
    overlay = migration.switch()["status"]["node"]["overlay"]["bytes"]
    looked = time.time()
    kube.patch("volumemigrations", "move", NAMESPACE, {"spec": {"hold": False}})
    released = time.time()
    _follow(migration, timeline, "Succeeded")
    time.sleep(3)
    node = migration.switch()["status"]["node"]
    vm.stop()
    verdict = vm.verify("move")
    vm.log.stop()
    boots, at = vm.log.boots(), timeline.reached
    diverted = written(boots, at["SourceFrozen"], looked)
    merged = written(boots, at["SourceFrozen"], at["SourceReleased"])
    quiet = longest_ms(boots, timeline.started - QUIET_SECONDS + 2, timeline.started - 1)
    around_start = longest_ms(boots, at["Locked"], at["SourceFrozen"] + 1)
    around_pivot = longest_ms(boots, released, at["SourceReleased"] + 1)
    to_frozen = at["SourceFrozen"] - timeline.started
    records = [
        Record("operator, idle", idle["operator"] / MIB, "MiB", 128, "resident size"),
        Record("operator, during a move", busy["operator"] / MIB, "MiB", 160, "resident size"),
        Record("node agent, idle", idle["node-agent"] / MIB, "MiB", 64, "resident size"),
        Record("node agent, during a move", busy["node-agent"] / MIB, "MiB", 96, "resident size"),
        Record(
            "apply to frozen", to_frozen / plain, "x", 4,
            f"{to_frozen:.1f} s over the start of a plain pod with a fresh claim ({plain:.1f} s); "
            "a move starts one such pod before it freezes",
        ),
        Record(
            "go on to released", (at["SourceReleased"] - released) / plain, "x", 2,
            f"{at['SourceReleased'] - released:.1f} s from hold: false until the hypervisor has "
            "closed the source, over the same pod's start; the merge is in it",
        ),
        Record(
            "overlay growth per byte written", overlay / diverted, "x", 1.3,
            f"{overlay:,} bytes of overlay after {diverted:,} bytes of random writes and zeroes "
            "by the guest; overwriting a block twice lowers it",
        ),
        Record(
            "bytes merged per byte written", node["merge"]["bytesDone"] / merged, "x", 1.3,
            f"{node['merge']['bytesDone']:,} bytes merged after {merged:,} written",
        ),
        Record(
            "longest write around the start", around_start / quiet, "x", 10,
            f"{around_start:.0f} ms over {quiet:.0f} ms in {QUIET_SECONDS} s without a move",
        ),
        Record(
            "longest write around the pivot", around_pivot / quiet, "x", 10,
            f"{around_pivot:.0f} ms over {quiet:.0f} ms in {QUIET_SECONDS} s without a move",
        ),
    ]  # fmt: skip
    conditions = [
        f"one VM with a disk of {SIZE}, half of it filled, whose guest writes at a steady pace, "
        f"held for {HELD_SECONDS} s after the copy; verdict of the verifier: {words(verdict)}",
    ]
    return Part(records, conditions, passed=verdict.passed)


def _follow(migration: Migration, timeline: Timeline, until: str) -> None:
    def reached() -> bool:
        timeline.look(migration.object())
        return until in timeline.reached

    wait_for(until, reached, seconds=600, every=0.1, seen=migration.story)
