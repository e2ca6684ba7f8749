"""What a crash between an intent and its effect leaves: the agent looks at what came of it.

The journal says what it would after such a crash, written while the node agent is held; QEMU and
the images are in the state that the effect, or the lack of it, would have left them in.
"""

import contextlib

import pytest

from harness import agents, halting
from harness.kube import wait_for
from harness.slow_merge import SLOWEST, Merge

pytestmark = pytest.mark.e2e


@contextlib.contextmanager
def mirrored(accident):
    """Destination and overlay are the same, and the switch is not ordered meanwhile."""
    with halting.before(accident.kube, accident.migration, "Destination"):
        accident.patch(hold=False)
        halting.wait_for_state(accident.migration, "Mirrored", "Instance")
        with accident.agent_held():
            yield


def rows(accident):
    return agents.rows(accident.kube, accident.migration)


def test_a_switch_that_lost_its_job_is_retracted_and_made_again(accident):
    with mirrored(accident):
        accident.block("blockjob", "--abort")
        accident.journal(stage="pivot")
    accident.assert_went_on("m", "True")
    assert "L16" in rows(accident)


def test_the_end_of_a_merge_that_lost_its_job_is_retracted_and_made_again(accident):
    """On the way back to the source."""
    with accident.agent_held():
        accident.journal(stage="commitpivot")
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.assert_went_on(accident.machine.source, "False")
    assert "C8" in rows(accident)


def test_a_merge_that_the_agent_finds_under_way_is_waited_for(accident):
    """On the way back to the source, begun right before the agent ended."""
    with accident.agent_held():
        accident.journal(stage="cancel")
        accident.block("blockcommit", "--active", "--bytes", "--bandwidth", str(SLOWEST))
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.wait_for_row("C5")
    accident.block("blockjob", "--bandwidth", "0")
    accident.assert_went_on(accident.machine.source, "False")


def test_a_guest_that_ends_at_the_end_of_the_merge_is_on_the_source_if_that_has_everything(
    accident,
):
    with accident.agent_held():
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
        accident.block("blockcommit", "--active", "--wait")
        with accident.kubevirt_held():
            accident.virsh("suspend")
            wait_for("all of it to be merged", lambda: Merge(accident.machine).left() == 0)
            accident.journal(stage="commitpivot")
            accident.crash()
    accident.assert_goes_on(accident.machine.source, "False")
    assert "D6" in rows(accident)


def test_a_guest_that_ends_at_the_switch_is_on_the_destination_if_that_has_everything(accident):
    with mirrored(accident):
        accident.journal(stage="pivot")
        accident.crash(settled=True)
    accident.assert_goes_on("m", "True")
    assert "D4" in rows(accident)
