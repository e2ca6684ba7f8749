"""What is under way with a VM keeps its disk from being moved, each with a reason of its own.

One move is asked for, and looks again whenever something else is in its way. The next thing is
there, and is told, before the last one goes: at no moment could the move begin.
"""

import contextlib
import itertools

import pytest

from guest import manifest
from harness.attempts import TEMPLATE
from harness.facts import CONTROLLER, Facts, claim_info
from harness.kube import wait_for
from harness.migration import Migration
from harness.slow_copy import IMAGE

SIZE = "64Mi"
SCRATCH = "/var/run/kubevirt-private"
ASK_LAUNCHER = """
import socket, sys
from launcher import paths
asked = socket.socket(socket.AF_UNIX)
asked.connect(paths.LAUNCHER_SOCKET)
asked.sendall(b'{"method": "%s"}\\n' % sys.argv[1].encode())
print(asked.makefile().readline())
"""
"""As the stand-in's virt-handler asks, for virtctl."""


class Busy:
    """Brings about what is in the way, for as long as a block lasts."""

    def __init__(self, cluster, machine):
        self.kube, self.machine = cluster.kube, machine
        self.facts = Facts(cluster.kube, machine)
        self.target = self.virsh("domblklist").split()[-2]

    def virsh(self, command, *arguments):
        return self.facts.virsh(command, self.facts.domain, *arguments)

    def where(self, kind):
        return kind, self.machine.name, self.machine.namespace

    @contextlib.contextmanager
    def snapshot_of_the_disk(self):
        spec = f"{self.target},snapshot=external,file={SCRATCH}/foreign.qcow2"
        self.virsh("snapshot-create-as", "--disk-only", "--no-metadata", "--diskspec", spec)
        yield
        self.virsh("blockcommit", self.target, "--shallow", "--active", "--pivot", "--wait")

    @contextlib.contextmanager
    def block_copy(self):
        """One that stays, as nobody ends it."""
        there = f"{SCRATCH}/foreign.raw"
        size = self.machine.in_launcher("stat", "-c", "%s", IMAGE).strip()
        self.machine.in_launcher("truncate", "-s", size, there)
        options = ("--dest", there, "--format", "raw", "--reuse-external", "--transient-job")
        self.virsh("blockcopy", self.target, *options, "--wait")
        yield
        self.virsh("blockjob", self.target, "--abort")

    @contextlib.contextmanager
    def made(self, kind, item):
        self.kube.apply(item)
        yield
        name, namespace = item["metadata"]["name"], item["metadata"]["namespace"]
        self.kube.delete(kind, name, namespace, "--grace-period=0", "--force")

    @contextlib.contextmanager
    def paused(self):
        self.machine.in_launcher("python3", "-c", ASK_LAUNCHER, "PauseVMI")
        yield
        self.machine.in_launcher("python3", "-c", ASK_LAUNCHER, "UnpauseVMI")

    @contextlib.contextmanager
    def told_of_the_instance(self, field, value):
        """By KubeVirt, which alone may write it."""
        where = self.where("virtualmachineinstances")
        self.kube.patch(*where, {"status": {field: value}}, *CONTROLLER)
        yield
        self.kube.patch(*where, {"status": {field: None}}, *CONTROLLER)

    @contextlib.contextmanager
    def told_of_the_machine(self, field, value):
        where = self.where("virtualmachines")
        self.kube.patch(*where, {"status": {field: value}}, "--subresource=status")
        yield
        self.kube.patch(*where, {"status": {field: None}}, "--subresource=status")

    @contextlib.contextmanager
    def changed_for_the_next_start(self):
        path = f"{TEMPLATE}/terminationGracePeriodSeconds"
        before = self.machine.object()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for value in (before + 1, before):
            self.facts.patch("vm", [{"op": "replace", "path": path, "value": value}])
            if value != before:
                yield


def in_the_way(busy):
    """Reason, a word of the message, and what brings it about.

    Each is looked for before the last one is, but for the block job, which the node agent sees.
    """
    machine, namespace = busy.machine, busy.machine.namespace
    node = machine.instance()["status"]["nodeName"]
    other = manifest.virtual_machine("other", namespace, machine.source, run_strategy="Halted")
    reader = manifest.verifier("reader", namespace, machine.source, node=node)
    moved = {
        "volumeName": "data",
        "sourcePVCInfo": claim_info(machine.source),
        "destinationPVCInfo": claim_info("elsewhere"),
    }
    starts = [{"action": "Start"}] * 2
    dump = {"claimName": "dump", "phase": "InProgress"}
    told, told_of_instance = busy.told_of_the_machine, busy.told_of_the_instance
    return (
        ("ChainNotPlain", "layers", busy.snapshot_of_the_disk()),
        ("SnapshotInProgress", "nightly", told("snapshotInProgress", "nightly")),
        ("BlockJobRunning", "block job", busy.block_copy()),
        ("SourceClaimInUse", "VirtualMachine other", busy.made("virtualmachines", other)),
        ("SourceClaimInUse", "used by reader", busy.made("pods", reader)),
        ("VolumesChanging", "changing volumes", told_of_instance("migratedVolumes", [moved])),
        (
            "LiveMigrationInProgress",
            "live-migrated",
            told_of_instance("migrationState", {"migrationUid": "of-a-test"}),
        ),
        ("InstancePaused", "unpause it", busy.paused()),
        ("RestartRequired", "restart it", busy.changed_for_the_next_start()),
        ("MemoryDumpInProgress", "memory", told("memoryDumpRequest", dump)),
        ("StateChangeInProgress", "start, stop or restart", told("stateChangeRequests", starts)),
        ("RestoreInProgress", "of-monday", told("restoreInProgress", "of-monday")),
    )


class Refused:
    """A move that is asked for while something is in its way, and is to touch nothing."""

    def __init__(self, cluster, machine, migration):
        self.cluster, self.machine, self.migration = cluster, machine, migration
        self._numbers = itertools.count(1)

    def look_again(self):
        """Nothing of KubeVirt's is watched: a move that was refused looks every 30 seconds."""
        if self.migration.switch():
            mark = f"looked={next(self._numbers)}"
            where = (self.migration.name, "-n", self.machine.namespace)
            self.machine.kube.run("annotate", "attachmentswitch", *where, mark, "--overwrite")

    def wait_for_agent(self, reason):
        """Wait until it has seen that of the disk, whatever else is in the way."""

        def seen():
            self.look_again()
            node = self.migration.switch()["status"].get("node", {})
            return node.get("inspection", {}).get("reason") == reason

        wait_for(f"the agent to see {reason}", seen, every=1, seen=self.migration.story)

    def wait_for(self, reason, word):
        def told():
            self.look_again()
            found = self.migration.condition("Accepted")
            return found.get("reason") == reason and word in found.get("message", "")

        wait_for(f"{reason}: {word}", told, seconds=90, every=1, seen=self.migration.story)
        assert self.migration.condition("Accepted")["status"] == "False"
        assert self.migration.phase() == "Refused"
        compute = self.migration.switch()["status"]["compute"]
        assert not compute.get("order"), compute
        assert not compute.get("locked"), compute
        pods = self.machine.kube.list("pods", self.machine.namespace, "detour.dev/component")
        assert pods == []

    def disk(self):
        """All that a move changes of a VM."""
        return specs(self.machine), self.cluster.domain_xml(self.machine)


def specs(machine):
    return machine.object()["spec"], machine.instance()["spec"]


def claims(machine):
    found = machine.kube.list("pvc", machine.namespace)
    return {claim["metadata"]["name"] for claim in found}


@pytest.mark.e2e
def test_each_thing_that_is_under_way_has_its_reason(cluster, kube, machines, migrate, namespace):
    if not cluster.stand_in:
        pytest.skip("has KubeVirt's stand-in say what KubeVirt itself would take back at once")
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes(20)
    as_it_was, claims_before = specs(machine), claims(machine)
    move = Refused(cluster, machine, Migration(kube, "m", namespace))
    template = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    last = contextlib.ExitStack()
    for reason, word, cause in in_the_way(Busy(cluster, machine)):
        this = contextlib.ExitStack()
        this.enter_context(cause)
        before = move.disk()
        if not move.migration.object():
            migrate("m", machine.name, template)
        if reason == "BlockJobRunning":
            move.wait_for_agent(reason)
            last.close()
        move.wait_for(reason, word)
        assert move.disk() == before, reason
        last.close()
        last = this
    kube.delete("volumemigrations", "m", namespace)
    last.close()
    assert specs(machine) == as_it_was
    made = claims(machine) - claims_before
    assert made <= {"m"}, "the template's claim may be there, and no other"
    machine.wait_for_writes(20)
