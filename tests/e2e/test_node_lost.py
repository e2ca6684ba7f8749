"""The guest's node loses its power in the middle of a move: nothing is guessed."""

import contextlib

import pytest

from cluster.provider import UnsupportedError
from harness.kube import KubectlError, wait_for

SIZE = "128Mi"
# What a guest was told in the last seconds of its node is in no log; it may be on the disk.
UNLOGGED = 2000
KEPT = "tests.detour.dev/kept"
TAINT = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"


@pytest.fixture
def machine_on(cluster, machines):
    """Makes a running VM that writes, on a claim that every node can use."""
    if cluster.shared_class is None:
        pytest.skip("needs a class whose claims every node can use")

    def make(name="vm"):
        made = machines(name)
        made.create(cluster.shared_class, SIZE, access_modes=("ReadWriteMany",))
        made.wait_until_running()
        made.wait_for_writes()
        return made

    return make


@contextlib.contextmanager
def only(cluster, kube, node):
    """New pods go to that node."""
    others = [other for other in cluster.nodes if other != node]
    try:
        for other in others:
            kube.run("cordon", other)
        yield
    finally:
        for other in others:
            kube.run("uncordon", other)


@pytest.fixture
def powered_off(cluster, kube):
    """Takes a node's power away; it is back at the end."""
    off = []

    def power_off(node):
        try:
            cluster.provider.power_off(node)
        except UnsupportedError as error:
            pytest.skip(str(error))
        off.append(node)

    yield power_off
    for node in off:
        with contextlib.suppress(KubectlError):
            kube.run("taint", "node", node, f"{TAINT}-")
        cluster.provider.power_on(node)
        kube.run("wait", "node", node, "--for=condition=Ready", "--timeout=300s", timeout=320)
        kube.run(
            "rollout", "status", "daemonset/detour-node-agent", "-n", "detour-system",
            "--timeout=300s", timeout=320,
        )  # fmt: skip


def copied_and_held(cluster, machine, migrate, name="m", where="NodeLocal"):
    destination = {"claimTemplate": {"storageClassName": cluster.shared_class}}
    migration = migrate(name, machine.name, destination, hold=True, overlay={"where": where})
    migration.wait_for_condition("Copied")
    machine.wait_for_writes()
    return migration


def node_of(machine):
    return machine.instance()["status"]["nodeName"]


def wait_until_elsewhere(machine, before, node):
    """Until KubeVirt has started the VM on another node than the lost one."""
    wait_for(
        "the VM to start elsewhere",
        lambda: machine.instance_uid() not in ("", before),
        seconds=300,
        seen=machine.instance,
    )
    machine.wait_until_running()
    assert node_of(machine) != node


def assert_intact(machine, claim):
    machine.stop()
    verdict = machine.verify(claim, slack=UNLOGGED)
    assert verdict.passed, verdict.text


@pytest.mark.alone
@pytest.mark.e2e
def test_a_node_that_comes_back_finishes_what_its_guest_left(
    cluster, kube, machine_on, migrate, namespace, powered_off
):
    machine = machine_on()
    migration = copied_and_held(cluster, machine, migrate)
    before, node = machine.instance_uid(), node_of(machine)
    powered_off(node)
    cluster.provider.power_on(node)
    wait_for(
        "another instance",
        lambda: machine.instance_uid() not in ("", before),
        seconds=600,
        seen=migration.story,
    )
    machine.wait_until_running()
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert_intact(machine, "m")


@pytest.mark.alone
@pytest.mark.e2e
def test_a_node_that_is_gone_loses_what_it_alone_had_and_only_if_somebody_accepts_that(
    cluster, kube, machine_on, migrate, namespace, powered_off
):
    """Three moves on one node, with the overlay on its own disk, on a claim, beside the source."""
    first = machine_on("local")
    node = node_of(first)
    with only(cluster, kube, node):
        others = [machine_on("claim"), machine_on("beside")]
    local = copied_and_held(cluster, first, migrate, "to-local")
    moves = [
        copied_and_held(cluster, machine, migrate, f"to-{machine.name}", where)
        for machine, where in zip(others, ("Claim", "SourceVolume"), strict=True)
    ]
    before = {machine.name: machine.instance_uid() for machine in (first, *others)}
    powered_off(node)
    for machine, migration in zip((first, *others), (local, *moves), strict=True):
        stalled = migration.wait_for_condition("Stalled", seconds=300)
        assert stalled["reason"] == "NodeLost", migration.story()
        assert machine.claim() == machine.source
    assert "bytes" in local.condition("Stalled")["message"]
    for migration in moves:
        kube.patch("volumemigrations", migration.name, namespace, {"spec": {"hold": False}})
    kube.run("taint", "node", node, TAINT)
    wait_for(
        "KubeVirt to give the instance up",
        lambda: first.instance().get("status", {}).get("phase") in (None, "Failed"),
        seconds=300,
        seen=first.instance,
    )
    assert first.claim() == first.source
    assert first.instance_uid() in ("", before["local"]), "the lock holds the next start back"
    answer = {"trust": "Source", "answeredStop": local.wait_for_stop()}
    kube.patch("volumemigrations", local.name, namespace, {"spec": answer})
    ended = local.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("False", "NodeLost"), local.story()
    wait_until_elsewhere(first, before["local"], node)
    assert first.instance_claim() == first.source
    for machine, migration in zip(others, moves, strict=True):
        assert migration.wait_for_end()["status"] == "True", migration.story()
        wait_until_elsewhere(machine, before[machine.name], node)
        assert machine.instance_claim() == migration.name
        assert_intact(machine, migration.name)


@contextlib.contextmanager
def kept(kube, kind, name, namespace):
    """An object that does not go although it is deleted."""
    kube.patch(kind, name, namespace, {"metadata": {"finalizers": [KEPT]}})
    try:
        yield
    finally:
        if kube.get(kind, name, namespace) is not None:
            kube.patch(kind, name, namespace, {"metadata": {"finalizers": None}})


def is_ending(kube, kind, name, namespace):
    """Whether an object is gone, or asked to go."""
    found = kube.get(kind, name, namespace)
    return found is None or "deletionTimestamp" in found["metadata"]


ENDS = {"Destination": {"hold": False}, "Source": {"cancel": True}}


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.parametrize("end", ENDS)
def test_node_lost_after_the_end(cluster, kube, machine_on, migrate, namespace, powered_off, end):
    """Its agent has reached the end and removed the overlay; the overlay's claim is still there.

    The pod that holds that claim is kept, so that the move waits for it when the power goes.
    """
    machine = machine_on()
    migration = copied_and_held(cluster, machine, migrate, where="Claim")
    before, node = machine.instance_uid(), node_of(machine)
    compute = migration.switch()["status"]["compute"]
    pod, claim = compute["overlayPod"]["name"], compute["overlayClaim"]["name"]
    with kept(kube, "pods", pod, namespace):
        kube.patch("volumemigrations", "m", namespace, {"spec": ENDS[end]})
        wait_for(
            "the agent to have ended, and the pod to be asked to go",
            lambda: (
                migration.switch()["status"]["node"].get("reached") == end
                and is_ending(kube, "pods", pod, namespace)
            ),
            seconds=300,
            seen=migration.story,
        )
        switch = migration.switch()["status"]
        assert (switch["compute"]["locked"], switch["node"].get("overlay")) == (True, None)
        assert not is_ending(kube, "pvc", claim, namespace)
        powered_off(node)
        ended = migration.wait_for_end(seconds=300)
        forward = end == "Destination"
        assert ended["status"] == str(forward), migration.story()
        assert forward or ended["reason"] == "Cancelled", migration.story()
        assert is_ending(kube, "pvc", claim, namespace)
        kube.run("taint", "node", node, TAINT)
        wait_until_elsewhere(machine, before, node)
        assert machine.instance_claim() == ("m" if forward else machine.source)
    wait_for(
        "the overlay's claim to be gone",
        lambda: kube.get("pvc", claim, namespace) is None,
        seconds=300,
    )
    assert_intact(machine, machine.claim())
