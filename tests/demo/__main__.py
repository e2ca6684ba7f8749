"""Moves a running VM's disk and proves that nothing was lost: ``make demo``."""

import os
import sys
import time

from demo import report
from harness import cluster, moved
from harness.kube import wait_for
from harness.machine import Machine, Verdict
from harness.migration import Migration, Object, Timeline, manifest

NAMESPACE = "detour-demo"
VM = "demo"
MOVE = "demo-to-second"


def say(text: str) -> None:
    """To the terminal, with the time since the demo began."""
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", flush=True)


def prepare(target: cluster.Target) -> Machine:
    """A fresh namespace with a VM that writes."""
    kube = target.kube
    if kube.run("get", "namespace", NAMESPACE, "--ignore-not-found"):
        cluster.remove_namespace(kube, NAMESPACE)
    wait_for(
        f"namespace {NAMESPACE} of an earlier demo to go",
        lambda: not kube.run("get", "namespace", NAMESPACE, "--ignore-not-found"),
    )
    kube.run("create", "namespace", NAMESPACE)
    size = os.environ.get("DEMO_SIZE", "2Gi")
    machine = Machine(kube, NAMESPACE, VM)
    say(f"VM {VM} boots from a disk of {size} in class {target.source_class}")
    machine.create(target.source_class, size, fill_percent=50, pause_us=5000)
    machine.wait_until_running()
    say("the guest runs; it fills half of its disk, then writes for ever")
    machine.wait_for_writes(500, seconds=600)
    return machine


def follow(migration: Migration) -> Timeline:
    """Show what happens while it happens, until the migration has ended."""
    timeline = Timeline()
    shown = ""

    def ended() -> bool:
        nonlocal shown
        seen = migration.object()
        for name in timeline.look(seen):
            condition = migration.condition(name)
            say(f"  {name}: {condition.get('message', '')}")
        line = _line(seen.get("status", {}))
        if line != shown:
            say(f"  {line}")
            shown = line
        status = migration.condition("Succeeded").get("status")
        return status in ("True", "False")

    wait_for("the move to end", ended, seconds=900, every=0.2, seen=migration.story)
    return timeline


def _line(status: Object) -> str:
    progress = status.get("progress", {})
    rate = progress.get("bytesPerSecond")
    words = [f"{status.get('phase', 'not seen yet'):<12}", f"{progress.get('percent', 0):>3} %"]
    if rate:
        words.append(f"{rate / 2**20:.0f} MiB/s, {progress.get('etaSeconds', 0)} s left")
    return "  ".join(words)


def check(machine: Machine, claim: str) -> Verdict:
    """Stop the VM and check its image against the guest's log."""
    machine.stop()
    verdict = machine.verify(claim)
    say(f"{claim}: {report.words(verdict)}")
    return verdict


def main() -> int:
    """0 if everything is as it should be."""
    target = cluster.current()
    machine = prepare(target)
    before = moved.before(target, machine)
    time.sleep(8)  # the quiet period that pauses are compared with
    say(f"kubectl apply: VolumeMigration {MOVE} to class {target.destination_class}")
    destination = {"claimTemplate": {"storageClassName": target.destination_class}}
    target.kube.apply(manifest(MOVE, NAMESPACE, VM, destination))
    migration = Migration(target.kube, MOVE, NAMESPACE)
    timeline = follow(migration)
    if migration.condition("Succeeded").get("status") != "True":
        print(migration.story())
        return 1
    machine.wait_for_writes(300)
    amiss = moved.faults(target, machine, migration, before)
    say("stop the VM and check every sector of the destination against the guest's log")
    verdicts = {"verdict after the move": check(machine, MOVE)}
    say("start it again, let it write, and check once more")
    machine.start()
    if machine.instance_claim() != MOVE:
        amiss.append(f"the VM started on {machine.instance_claim()}")
    machine.wait_for_writes(300)
    verdicts["verdict after the restart"] = check(machine, MOVE)
    machine.log.stop()
    status, switch = migration.object()["status"], migration.switch()["status"]
    rows = report.table(timeline, status, switch, machine.log.boots(), verdicts)
    print()
    for name, value in rows:
        print(f"  {name:<34} {value}")
    for verdict in verdicts.values():
        if not verdict.passed:
            print(verdict.text)
    for fault in amiss:
        print(f"  amiss: {fault}")
    return 0 if not amiss and all(item.passed for item in verdicts.values()) else 1


BEGAN = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
