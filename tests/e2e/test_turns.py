"""As many moves as the chart allows are under way at a time; the others wait for their turn."""

import pytest

from harness import install
from harness.kube import wait_for

SIZE = "128Mi"


@pytest.fixture
def one_per_node(cluster):
    install.detour(cluster, "inFlight.perNode=1")
    yield
    install.detour(cluster)


@pytest.mark.alone
@pytest.mark.e2e
@pytest.mark.usefixtures("one_per_node")
def test_the_second_of_a_node_waits_until_the_first_has_ended(
    cluster, kube, machines, migrate, namespace
):
    """The first is to be copied by somebody who never comes, and is cancelled."""
    both = [machines(name) for name in ("first", "second")]
    for machine in both:
        machine.create(cluster.source_class, SIZE, node=cluster.nodes[0])
    for machine in both:
        machine.wait_until_running()
        machine.wait_for_writes()
    to = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    first = migrate("first-there", "first", to, copy={"method": "External"})
    first.wait_for_condition("SourceFrozen")
    second = migrate("second-there", "second", to)
    queued = wait_for(
        "the second to wait",
        lambda: (found := second.condition("Ready")).get("reason") == "Queued" and found,
        seen=second.story,
    )
    assert f"no more than 1 moves are under way on node {cluster.nodes[0]}" in queued["message"]
    assert second.phase() == "Pending"
    assert not second.switch()
    assert kube.get("pvc", "second-there", namespace) is None
    kube.patch("volumemigrations", "first-there", namespace, {"spec": {"cancel": True}})
    assert second.wait_for_end()["status"] == "True", second.story()
    assert first.condition("Succeeded")["reason"] == "Cancelled"
    for machine, claim in zip(both, (both[0].source, "second-there"), strict=True):
        assert machine.claim() == machine.instance_claim() == claim
        machine.wait_for_writes()
        machine.stop()
        verdict = machine.verify(claim)
        assert verdict.passed, verdict.text
