"""Every stop that only a person can resolve: everything is kept, and one field goes on.

The stops are brought about by changing what a real accident would: the journal and the images on
the node, while the node agent is held, and the end of the guest.
"""

import pytest

from harness import halting

pytestmark = pytest.mark.e2e


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
    with accident.agent_held():
        accident.journal(stage="cancelled")
    accident.wait_for_stop("ChainAgainstRecord", "X4")
    accident.answer("Overlay")
    accident.patch(hold=False)
    accident.assert_went_on("m", "True")


def test_chain_against_record_on_the_source(accident):
    """Somebody merges the overlay back behind Detour's back, as libvirt lets anybody."""
    accident.block("blockcommit", "--active", "--pivot", "--wait")
    accident.wait_for_stop("ChainAgainstRecord", "X1")
    accident.answer("Source", cancel=True)
    accident.assert_went_on(accident.machine.source, "False")


def test_chain_against_record_on_the_destination(accident):
    """Somebody switches before it was ordered."""
    with halting.before(accident.kube, accident.migration, "Destination"):
        accident.patch(hold=False)
        halting.wait_for_state(accident.migration, "Mirrored", "Instance")
        accident.block("blockjob", "--pivot")
        accident.wait_for_stop("ChainAgainstRecord", "X2")
    accident.answer("Destination")
    accident.assert_went_on("m", "True")


def test_foreign_chain(accident):
    """Somebody snapshots the disk behind Detour's back, and takes the snapshot away again."""
    spec = f"{accident.target},snapshot=external,file=/var/run/kubevirt-private/foreign.qcow2"
    options = ("--disk-only", "--no-metadata", "--diskspec", spec)
    accident.virsh("snapshot-create-as", *options)
    accident.wait_for_stop("ForeignChain", "X3")
    accident.block("blockcommit", "--shallow", "--active", "--pivot", "--wait")
    accident.patch(hold=False)
    accident.assert_went_on("m", "True")
