"""A guest whose pod is gone from the API, while nobody ends it on its node."""

import contextlib

import pytest

from harness.kube import KubectlError, wait_for
from harness.unlocked import Lock

KUBELET = "kubelet"


@contextlib.contextmanager
def no_kubelet(on_node, node):
    """The node's containers go on without one."""
    on_node(node, "pkill", "-STOP", "-x", KUBELET)
    try:
        yield
    finally:
        on_node(node, "pkill", "-CONT", "-x", KUBELET)


def delete_by_force(kube, pod):
    """As an impatient administrator does, who took the lock's word on pods away first."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    lock = Lock(kube, ["detour-lock-pods"])
    lock.take_away()

    def deleted():
        with contextlib.suppress(KubectlError):
            kube.delete("pods", name, namespace, "--force", "--grace-period=0")
        return not kube.get("pods", name, namespace)

    try:
        wait_for("the pod to be gone", deleted)
    finally:
        lock.put_back()


def wait_until_all_is_told(machine):
    """Nothing that a suspended guest was told is on its way to the log still."""
    told = []

    def quiet():
        told.append(machine.acknowledged())
        return len(told) > 2 and len(set(told[-3:])) == 1

    wait_for("the guest's last word", quiet, every=1)


def seen(object_):
    return object_["status"].get("observedGeneration") == object_["metadata"]["generation"]


@pytest.mark.alone
@pytest.mark.e2e
def test_nothing_is_merged_until_its_qemu_was_seen_to_end(accident, kube, on_node):
    """What it said without a kubelet would be in no log: it is suspended before."""
    pod, migration = accident.machine.launcher(), accident.migration
    with accident.kubevirt_held():
        accident.virsh("suspend")
        wait_until_all_is_told(accident.machine)
        with no_kubelet(on_node, accident.node):
            delete_by_force(kube, pod)
            told = migration.story
            wait_for("row U3", lambda: "InstanceGone" in told(), seconds=120, seen=told)
            accident.patch(hold=False)
            wait_for("the change to be seen", lambda: seen(migration.object()), seen=told)
            status = migration.switch()["status"]
            assert (status["compute"]["order"], status["node"]["stage"]) == ("Overlay", "overlay")
    accident.assert_goes_on("m", "True")
