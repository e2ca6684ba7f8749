"""libvirt's daemon dies in the middle of a move; KubeVirt's launcher starts it again after 1 s.

Each kill waits inside the launcher for what QEMU has open, and follows within milliseconds: in
the middle of the daemon's call, where it may be left with a wrong idea of what QEMU runs on
(docs/states.md, rows H1 to H5 and L18). What can be left is made step by step, with certainty, in
tests/contract/test_libvirt_lost_sight.py.
"""

import concurrent.futures

import pytest

from harness.libvirt_killed import KILL_WHEN, MOMENTS

pytestmark = pytest.mark.e2e

SIZE = "256Mi"


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_amid_a_move(cluster, machines, migrate, moment):
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    uid = machine.instance()["metadata"]["uid"]
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        killed = pool.submit(
            machine.in_launcher, "bash", "-c", KILL_WHEN, "bash", moment, timeout=300
        )
        migration = migrate("m", machine.name, destination)
        assert killed.result() == "killed\n", migration.story()
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.instance()["metadata"]["uid"] == uid, "the guest was not to be restarted"
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
