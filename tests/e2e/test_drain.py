"""`kubectl drain` waits for the move and goes on by itself; it does not fail."""

import subprocess

import pytest

from harness.kube import wait_for

SIZE = "128Mi"
RETRIES = "will retry after 5s"


class Drain:
    """`kubectl drain` of a node, while it runs; its words so far."""

    def __init__(self, kube, node, log):
        self._log = log
        # Holders declare no controller (copiers and launchers do), launchers have local data.
        flags = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=400s"]
        with log.open("w") as words:
            self._process = subprocess.Popen(
                [*kube.command, "drain", node, *flags], stdout=words, stderr=words
            )

    def said(self):
        return self._log.read_text()

    def running(self):
        return self._process.poll() is None

    def succeeded(self):
        return self._process.poll() == 0

    def stop(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture
def drain(cluster, kube, tmp_path):
    if len(cluster.nodes) < 2:
        pytest.skip("needs a second node, to which the drained one's pods can go")
    drains = []

    def begin(node):
        drains.append((node, Drain(kube, node, tmp_path / "drain")))
        return drains[-1][1]

    yield begin
    for node, begun in drains:
        begun.stop()
        kube.run("uncordon", node)
    ready = ["wait", "deployments", "--all", "--for=condition=Available", "--timeout=200s"]
    for namespace in ("detour-system", "kubevirt"):
        kube.run(*ready, "-n", namespace, timeout=220)


def told_to_wait(begun, pod):
    """What kubectl says of a pod each time its eviction is answered with 429."""
    return [line for line in begun.said().splitlines() if pod in line and RETRIES in line]


@pytest.mark.alone
@pytest.mark.e2e
def test_a_drain_waits_for_the_move_and_then_ends_the_guest(kube, held, drain, namespace):
    """A VM that KubeVirt would not live-migrate."""
    machine, migration = held()
    launcher = machine.launcher()["metadata"]["name"]
    uid = machine.instance()["metadata"]["uid"]
    node = machine.instance()["status"]["nodeName"]
    begun = drain(node)
    wait_for(
        "the drain to be told to wait", lambda: told_to_wait(begun, launcher), seen=begun.said
    )
    machine.wait_for_writes()
    wait_for("it to try again", lambda: len(told_to_wait(begun, launcher)) > 1, seen=begun.said)
    assert begun.running()
    assert machine.instance()["metadata"]["uid"] == uid
    kube.patch("volumemigrations", migration.name, namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    wait_for("the drain to end", lambda: not begun.running(), seconds=300, seen=begun.said)
    assert begun.succeeded(), begun.said()
    # Its disk is on that node: the VM can only go on there.
    kube.run("uncordon", node)
    machine.stop()
    verdict = machine.verify(migration.name)
    assert verdict.passed, verdict.text


@pytest.mark.alone
@pytest.mark.e2e
def test_a_drain_waits_for_the_move_and_then_live_migrates(
    cluster, kube, machines, migrate, drain, namespace
):
    """A VM that KubeVirt evacuates itself, with the lock off: the guest never stops."""
    if cluster.shared_class is None:
        pytest.skip("needs a storage class that two nodes can write")
    machine = machines()
    shared = {"access_modes": ("ReadWriteMany",), "eviction": "LiveMigrate"}
    machine.create(cluster.shared_class, SIZE, **shared)
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.shared_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    migration.wait_for_condition("Copied")
    launcher, found = machine.launcher()["metadata"]["name"], machine.instance()
    uid, node = found["metadata"]["uid"], found["status"]["nodeName"]
    begun = drain(node)
    wait_for(
        "the drain to be told to wait twice",
        lambda: len(told_to_wait(begun, launcher)) > 1,
        seen=begun.said,
    )
    machine.wait_for_writes()
    assert machine.instance()["status"]["nodeName"] == node
    assert kube.list("virtualmachineinstancemigrations", namespace) == []
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    wait_for("the drain to end", lambda: not begun.running(), seconds=300, seen=begun.said)
    assert begun.succeeded(), begun.said()
    after = machine.instance()
    assert after["metadata"]["uid"] == uid
    assert after["status"]["nodeName"] != node
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
