"""What the next node agent makes of one that got no further than a moment of the start.

The agent is held up there by a fail point, the world goes on, and then the agent is killed.
"""

import contextlib

import pytest

from harness import agents, install
from harness.accident import Accident
from harness.kube import wait_for
from robustness.arming import Points

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

HELD_SECONDS = "600"
OVERLAYS = "ls /var/run/kubevirt-private/detour-*/overlay-*.qcow2"


@pytest.fixture(scope="module")
def points(cluster):
    """The fail points of a Detour that has them."""
    install.detour(cluster, "failPoints=true")
    yield Points(cluster)
    install.detour(cluster)


@pytest.fixture
def ended_before(cluster, machines, migrate, on_node, points):
    """Has a move's agent end right before an effect, after the block."""

    @contextlib.contextmanager
    def end(effect):
        machine = machines()
        machine.create(cluster.source_class, "256Mi")
        machine.wait_until_running()
        machine.wait_for_writes()
        on_node(machine.instance()["status"]["nodeName"], "true")
        points.arm([f"agent.{effect}.before"], HELD_SECONDS)
        accident = Accident(cluster, machine, migrate, on_node)
        seen = accident.migration.story
        wait_for(f"the agent to come to {effect}", points.hit, seconds=120, seen=seen)
        yield accident
        on_node(accident.node, "pkill", "-KILL", "-f", agents.PROCESS)

    yield end
    points.disarm()


def rows(accident):
    return agents.rows(accident.kube, accident.migration)


def test_a_cancel_that_overtakes_the_start_finds_nothing_begun(ended_before):
    with ended_before("journal.write.start") as accident:
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.assert_went_on(accident.machine.source, "False")
    assert "L3" in rows(accident)


def test_an_overlay_that_qemu_was_not_told_of_is_taken_away(ended_before):
    with ended_before("domain.snapshot") as accident:
        assert accident.machine.in_launcher("sh", "-c", OVERLAYS).split()
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.assert_went_on(accident.machine.source, "False")
    assert "L4" in rows(accident)


def test_a_start_that_libvirt_lost_sight_of_is_undone_and_made_again(ended_before):
    """QEMU does what it was told, and libvirt's daemon does not live to hear of it."""
    with ended_before("domain.snapshot") as accident:
        (overlay,) = accident.machine.in_launcher("sh", "-c", OVERLAYS).split()
        (disk,) = [disk for disk in accident.monitor("query-block") if "inserted" in disk]
        file = {"driver": "file", "filename": overlay, "node-name": "libvirt-900-storage"}
        accident.monitor("blockdev-add", **file)
        image = {"driver": "qcow2", "file": "libvirt-900-storage", "backing": None}
        accident.monitor("blockdev-add", **image, **{"node-name": "libvirt-900-format"})
        below = disk["inserted"]["node-name"]
        accident.monitor("blockdev-snapshot", node=below, overlay="libvirt-900-format")
        accident.machine.wait_for_writes()
    accident.wait_for_the_copy()
    assert {"H1", "H3", "H5"} <= rows(accident)
    accident.patch(hold=False)
    accident.assert_went_on("m", "True")
