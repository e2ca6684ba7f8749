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
SHOWN = "/var/run/kubevirt-private"


@pytest.fixture
def points(cluster):
    """The fail points of a Detour that has them."""
    install.detour(cluster, "failPoints=true")
    yield Points(cluster)
    install.detour(cluster)


@pytest.fixture
def ended_before(cluster, machines, migrate, on_node, points):
    """Has the agent of a move of the same guest end right before an effect, after the block."""
    machine = machines()
    machine.create(cluster.source_class, "256Mi")
    machine.wait_until_running()
    machine.wait_for_writes()
    on_node(machine.instance()["status"]["nodeName"], "true")

    @contextlib.contextmanager
    def end(effect, name):
        points.disarm()
        points.arm([f"agent.{effect}.before"], HELD_SECONDS)
        accident = Accident(cluster, machine, migrate, on_node, name)
        seen = accident.migration.story
        wait_for(f"the agent to come to {effect}", points.hit, seconds=120, seen=seen)
        yield accident
        on_node(accident.node, "pkill", "-KILL", "-f", agents.PROCESS)

    yield end
    points.disarm()


def rows(accident):
    return agents.rows(accident.kube, accident.migration)


def overlay_of(accident):
    """The path inside the launcher of the overlay that is there, which QEMU is to be told of."""
    uid = accident.migration.switch()["metadata"]["uid"]
    path = f"{SHOWN}/detour-{uid[:8]}/{accident.read_journal()['overlays'][-1]}"
    accident.machine.in_launcher("test", "-f", path)
    return path


def make_an_overlay(accident):
    """QEMU does what it was told, and libvirt's daemon does not live to hear of it."""
    overlay = overlay_of(accident)
    (disk,) = [disk for disk in accident.monitor("query-block") if "inserted" in disk]
    file = {"driver": "file", "filename": overlay, "node-name": "libvirt-900-storage"}
    accident.monitor("blockdev-add", **file)
    image = {"driver": "qcow2", "file": "libvirt-900-storage", "backing": None}
    accident.monitor("blockdev-add", **image, **{"node-name": "libvirt-900-format"})
    below = disk["inserted"]["node-name"]
    accident.monitor("blockdev-snapshot", node=below, overlay="libvirt-900-format")


def test_the_next_agent_sees_how_far_the_start_has_come(ended_before):
    with ended_before("journal.write.start", "unbegun") as accident:
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.assert_ended("False")
    assert "L3" in rows(accident)

    with ended_before("domain.snapshot", "untold") as accident:
        overlay_of(accident)
        accident.patch(cancel=True)
        accident.wait_for_order("Source")
    accident.assert_ended("False")
    assert "L4" in rows(accident)

    with ended_before("domain.snapshot", "unheard") as accident:
        make_an_overlay(accident)
        accident.machine.wait_for_writes()
    accident.wait_for_the_copy()
    assert {"H1", "H3", "H5"} <= rows(accident)
    accident.patch(hold=False)
    accident.assert_went_on("unheard", "True")
