"""Every stop that only a person can resolve: everything is kept, and one field goes on.

The stops are brought about by changing what a real accident would: the journal and the images on
the node, while the node agent is held, and the end of the guest.
"""

import json

import pytest

from harness import agents
from harness.kube import wait_for
from harness.machine import LIBVIRT

pytestmark = pytest.mark.e2e

SIZE = "256Mi"
STATE = "/var/lib/detour/switches"


@pytest.fixture
def machine(cluster, machines):
    made = machines()
    made.create(cluster.source_class, SIZE)
    made.wait_until_running()
    made.wait_for_writes()
    return made


class Accident:
    """A held move on whose node things are changed behind the agent's back."""

    def __init__(self, cluster, kube, machine, migrate, on_node):
        self.kube, self.machine, self.on_node = kube, machine, on_node
        self.node = machine.instance()["status"]["nodeName"]
        on_node(self.node, "true")
        destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
        self.migration = migrate("m", machine.name, destination, hold=True)
        self.migration.wait_for_condition("Copied")
        machine.wait_for_writes()
        self.folder = f"{STATE}/{self.migration.switch()['metadata']['uid']}"

    def agent_held(self):
        return agents.held(self.on_node, self.node)

    def journal(self, **changes):
        path = f"{self.folder}/journal.json"
        record = json.loads(self.on_node(self.node, "cat", path)) | changes
        write = ("sh", "-c", 'printf %s "$2" >"$1"', "sh", path, json.dumps(record))
        self.on_node(self.node, *write)

    def wait_for_journal(self):
        """The agent tells of the row before it has written what follows from it."""
        listed = ("ls", self.folder)
        wait_for(
            "the journal to be there",
            lambda: "journal.json" in self.on_node(self.node, *listed).split(),
        )

    def patch(self, **spec):
        namespace = self.migration.namespace
        self.kube.patch("volumemigrations", "m", namespace, {"spec": spec})

    def answer(self, trust, **spec):
        """As the page says: the image that is trusted, and the stop at which it is."""
        self.patch(trust=trust, answeredStop=self.migration.wait_for_stop(), **spec)

    def crash(self):
        self.before = self.machine.instance_uid()
        self.machine.crash()

    def wait_for_row(self, row):
        """Until the agent has come to a row of docs/states.md."""
        wait_for(
            f"row {row}",
            lambda: row in agents.rows(self.kube, self.migration),
            seconds=240,
            seen=self.migration.story,
        )

    def wait_for_stop(self, reason, row):
        """Stopped with that reason, in that row of docs/states.md, with everything locked."""

        def stopped():
            found = self.migration.condition("Stalled")
            return found.get("status") == "True" and found["reason"] == reason

        wait_for(f"the stop {reason}", stopped, seconds=240, seen=self.migration.story)
        assert self.migration.switch()["status"]["node"]["row"] == row
        assert self.migration.switch()["status"]["compute"]["locked"] is True
        assert self.kube.get("pvc", self.machine.source, self.migration.namespace)
        assert self.kube.get("pvc", "m", self.migration.namespace)

    def assert_goes_on(self, claim, status, *, whole=True):
        """The move has ended there, and the VM starts by itself, with all its writes."""
        assert self.migration.wait_for_end()["status"] == status, self.migration.story()
        wait_for(
            "the VM to run again",
            lambda: self.machine.instance_uid() not in ("", self.before),
            seconds=300,
            seen=self.migration.story,
        )
        self.machine.wait_until_running()
        assert self.machine.claim() == self.machine.instance_claim() == claim
        self.machine.wait_for_writes(50)
        self.machine.stop()
        verdict = self.machine.verify(claim)
        assert verdict.passed == whole, verdict.text


@pytest.fixture
def accident(cluster, kube, machine, migrate, on_node):
    return Accident(cluster, kube, machine, migrate, on_node)


def test_ambiguous_pivot(accident):
    """The journal says that a pivot was intended; the destination lacks the overlay's writes."""
    with accident.agent_held():
        accident.journal(stage="pivot")
        accident.crash()
        accident.patch(hold=False)
    accident.wait_for_stop("AmbiguousPivot", "D5")
    accident.answer("Overlay")
    accident.assert_goes_on("m", "True")


def test_ambiguous_commit(accident):
    """The same on the way back to the source."""
    with accident.agent_held():
        accident.journal(stage="commitpivot")
        accident.crash()
        accident.patch(cancel=True)
    accident.wait_for_stop("AmbiguousCommit", "D7")
    accident.answer("Overlay")
    accident.assert_goes_on(accident.machine.source, "False")


def test_journal_missing(accident):
    """While the guest runs it is written anew from what QEMU says; without it nobody knows."""
    with accident.agent_held():
        accident.on_node(accident.node, "rm", f"{accident.folder}/journal.json")
    accident.wait_for_row("J1")
    accident.wait_for_journal()
    accident.machine.wait_for_writes()
    with accident.agent_held():
        accident.on_node(accident.node, "rm", f"{accident.folder}/journal.json")
        accident.crash()
    accident.wait_for_stop("JournalMissing", "D2")
    accident.answer("Overlay", cancel=True)
    accident.assert_goes_on(accident.machine.source, "False")


def test_overlay_missing(accident):
    """What only the overlay had is lost, as the one who answers accepts."""
    with accident.agent_held():
        accident.crash()
        accident.on_node(
            accident.node, "sh", "-c", 'rm "$1"/overlay/*.qcow2', "sh", accident.folder
        )
    accident.wait_for_stop("OverlayMissing", "U5")
    accident.answer("Source", cancel=True)
    accident.assert_goes_on(accident.machine.source, "False", whole=False)


def test_destination_failed(accident):
    """The destination's image has gone by the time a guest that stopped is merged onto it."""
    with accident.agent_held():
        accident.journal(stage="offline-finish", destination={"device": 1, "inode": 1})
        accident.crash()
        accident.patch(hold=False)
    accident.wait_for_stop("DestinationFailed", "D10")
    accident.answer("Overlay")
    accident.assert_goes_on(accident.machine.source, "False")


def test_chain_against_record(accident):
    """The journal says that nothing was begun, while the guest runs on the overlay."""
    before = accident.machine.instance_uid()
    with accident.agent_held():
        accident.journal(stage="cancelled")
    accident.wait_for_stop("ChainAgainstRecord", "X4")
    accident.answer("Overlay")
    accident.patch(hold=False)
    migration, machine = accident.migration, accident.machine
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.instance_uid() == before, "the guest was not to be restarted"
    machine.wait_for_writes(50)
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text


def test_foreign_chain(accident):
    """Somebody snapshots the disk behind Detour's back, and takes the snapshot away again."""
    machine, kube = accident.machine, accident.kube
    pod = machine.launcher()["metadata"]["name"]
    domain = f"{machine.namespace}_{machine.name}"
    virsh = ("exec", "-n", machine.namespace, pod, "-c", "compute", "--", "virsh", "-c", LIBVIRT)
    target = kube.run(*virsh, "domblklist", domain).split()[-2]
    spec = f"{target},snapshot=external,file=/var/run/kubevirt-private/foreign.qcow2"
    options = ("--disk-only", "--no-metadata", "--diskspec", spec)
    kube.run(*virsh, "snapshot-create-as", domain, *options)
    accident.wait_for_stop("ForeignChain", "X3")
    kube.run(*virsh, "blockcommit", domain, target, "--shallow", "--active", "--pivot", "--wait")
    accident.patch(hold=False)
    migration = accident.migration
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes(50)
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
