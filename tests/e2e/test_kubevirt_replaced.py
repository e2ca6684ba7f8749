"""KubeVirt's own pods are replaced amid a move, as by its upgrade: the lock is not of them."""

import pytest

from harness.kube import wait_for
from upstream.install import NAMESPACE


@pytest.fixture
def replace(kube):
    """Has every pod of KubeVirt replaced, one after the other, as an upgrade does.

    All at once, those of its webhooks could come to be on one node, for all tests that follow.
    """

    def ready():
        return {
            item["metadata"]["name"]: item["metadata"]["uid"]
            for item in kube.list("pods", NAMESPACE)
            for found in item["status"].get("conditions", [])
            if (found["type"], found["status"]) == ("Ready", "True")
        }

    def go():
        before = ready()
        for name, uid in before.items():
            kube.run("delete", "pod", name, "-n", NAMESPACE, timeout=300)

            def again(uid=uid):
                now = ready()
                return uid not in now.values() and len(now) >= len(before)

            wait_for("as many pods to be ready again", again, seconds=300, seen=ready)

    return go


@pytest.mark.alone
@pytest.mark.e2e
def test_its_upgrade_is_in_nobodys_way(kube, held, replace):
    """Nor is the move in its: the guest never stops, and the last step asks the new KubeVirt."""
    machine, migration = held()
    before = machine.instance_uid()
    replace()
    machine.wait_for_writes()
    assert migration.phase() == "Holding", migration.story()
    assert migration.switch()["status"]["compute"]["locked"] is True
    where = ("volumemigrations", migration.name, migration.namespace)
    kube.patch(*where, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.instance_uid() == before
    assert machine.claim() == machine.instance_claim() == migration.name
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(migration.name)
    assert verdict.passed, verdict.text
