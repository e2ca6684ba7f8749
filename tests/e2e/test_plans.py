"""Many disks by one plan: each has its turn, and no guest loses a write."""

import pytest

from harness.kube import wait_for
from harness.plan import Plan, manifest

SIZE = "128Mi"


@pytest.fixture
def planned(cluster, kube, namespace):
    """Applies a VolumeMigrationPlan and returns it."""

    def apply(name, **spec) -> Plan:
        classes = (cluster.source_class, cluster.destination_class)
        kube.apply(manifest(name, namespace, *classes, **spec))
        return Plan(kube, name, namespace)

    return apply


@pytest.fixture
def both(cluster, machines):
    """Two guests that write, on one node."""
    made = [machines(name) for name in ("first", "second")]
    for machine in made:
        machine.create(cluster.source_class, SIZE, node=cluster.nodes[0])
    for machine in made:
        machine.wait_until_running()
        machine.wait_for_writes()
    return made


@pytest.mark.e2e
def test_a_report_a_pause_and_then_one_after_the_other(kube, both, planned, namespace):
    report = planned("report", dryRun=True).wait_for_end()
    assert report["phase"] == "Succeeded", report
    assert {disk["reason"] for disk in report["disks"]} == {"DryRunPassed"}
    wait_for("the questions to go", lambda: not kube.list("volumemigrations", namespace))

    plan = planned("all", paused=True, inFlight={"total": 1})
    plan.wait_for_reason("Paused")
    assert plan.status()["counts"]["waiting"] == len(both)
    assert plan.migrations() == []
    plan.change(paused=False)
    seen = set()

    def ended():
        under_way = [one.name for one in plan.migrations() if one.phase() != "Succeeded"]
        assert len(under_way) <= 1, plan.story()
        seen.update(under_way)
        return plan.status().get("completionTime")

    wait_for("the plan to end", ended, seconds=900, seen=plan.story)
    status = plan.status()
    assert status["phase"] == "Succeeded", plan.story()
    assert status["counts"]["succeeded"] == len(both)
    assert status["bytes"]["done"] == status["bytes"]["total"] > 0
    moved = {one.object()["spec"]["virtualMachine"]["name"]: one for one in plan.migrations()}
    for machine in both:
        claim = moved[machine.name].object()["status"]["destinationClaim"]
        assert claim.startswith(f"{machine.name}-data-")
        assert machine.claim() == machine.instance_claim() == claim
        machine.wait_for_writes()
        machine.stop()
        verdict = machine.verify(claim)
        assert verdict.passed, verdict.text


@pytest.mark.e2e
def test_a_cancel_brings_back_what_is_under_way(both, planned):
    """The copies are to be made by somebody who never comes."""
    plan = planned("all", template={"copy": {"method": "External"}})

    def frozen():
        told = [one.condition("SourceFrozen").get("status") for one in plan.migrations()]
        return told == ["True"] * len(both)

    wait_for("both to be frozen", frozen, seconds=300, seen=plan.story)
    plan.change(cancel=True)
    status = plan.wait_for_end()
    assert (status["phase"], status["counts"]["skipped"]) == ("Cancelled", len(both))
    for machine in both:
        assert machine.claim() == machine.instance_claim() == machine.source
        machine.wait_for_writes()
        machine.stop()
        verdict = machine.verify(machine.source)
        assert verdict.passed, verdict.text
