"""``kubectl detour`` on a real cluster, as a user types it."""

import pytest

from harness.kube import wait_for
from harness.migration import Migration
from harness.plugin import Plugin

SIZE = "128Mi"


@pytest.fixture
def plugin(kube, namespace, tmp_path):
    return Plugin(kube, namespace, tmp_path)


@pytest.fixture
def machine(cluster, machines):
    made = machines()
    made.create(cluster.source_class, SIZE)
    made.wait_until_running()
    made.wait_for_writes()
    return made


@pytest.mark.e2e
def test_a_move_is_tried_made_and_watched_to_its_end(cluster, kube, machine, namespace, plugin):
    wanted = ("move", machine.name, "--volume", "data", "--to-class", cluster.destination_class)
    tried = plugin(*wanted, "--dry-run")
    assert tried.code == 0, tried
    assert f"{machine.name}/data: can move live" in tried.out
    assert kube.list("volumemigrations", namespace) == [], "a dry run leaves nothing"

    done = plugin(*wanted, "--name", "there", "--watch", "--timeout", "9m")
    assert done.code == 0, (done, Migration(kube, "there", namespace).story())
    lines = done.out.splitlines()
    assert lines[0] == "volumemigration.detour.dev/there created"
    assert lines[-1].startswith("there  Succeeded")
    assert machine.claim() == "there"

    (listed,) = plugin("list", "-o", "json").data
    assert (listed["name"], listed["phase"]) == ("there", "Succeeded")
    (shown,) = plugin("status", "there", "-o", "json").data
    assert {stage["state"] for stage in shown["stages"]} == {"done"}
    assert {stage["name"] for stage in shown["stages"]} >= {"freeze", "copy", "merge"}
    told = plugin("explain", "there", "-o", "json").data
    assert told["notLookedAt"] == []
    assert {"SourceFrozen", "Copied", "Succeeded"} <= {item["reason"] for item in told["events"]}
    machine.wait_for_writes()
    machine.stop()
    assert machine.verify("there").passed


@pytest.mark.e2e
def test_a_hold_is_released_and_another_move_taken_back(cluster, machine, plugin):
    wanted = ("move", machine.name, "--to-class", cluster.destination_class, "--hold", "--watch")
    held = plugin(*wanted, "--name", "one", "--timeout", "9m")
    assert held.code == 0, held
    assert "kubectl detour continue one" in held.out
    assert plugin.completions("continue", "") == ["one"]
    back = plugin("cancel", "one", "--watch", "--timeout", "5m")
    assert back.code == 0, back
    assert machine.claim() == machine.source

    assert plugin(*wanted, "--name", "two", "--timeout", "9m").code == 0
    on = plugin("continue", "two", "--watch", "--timeout", "5m")
    assert on.code == 0, on
    assert machine.claim() == "two"


@pytest.mark.e2e
def test_a_refusal_is_explained(kube, namespace, plugin):
    done = plugin("move", "nobody", "--volume", "data", "--to-class", "any", "--name", "m",
                  "--watch", "--timeout", "2m")  # fmt: skip
    assert done.code == 7, done
    assert "VirtualMachineNotFound" in done.err
    told = plugin("explain", "m")
    assert told.code == 0
    assert "means: the spec does not name a volume on a claim" in told.out
    assert "Next step: correct it" in told.out
    told = plugin("explain", "m", "-o", "json").data
    (reason,) = [item for item in told["reasons"] if item["condition"] == "Ready"]
    assert reason["docs"] == "docs/when-things-go-wrong.md#refused-nothing-was-changed"
    back = plugin("cancel", "m", "--watch", "--timeout", "2m")
    assert back.code == 0, (back, Migration(kube, "m", namespace).story())
    assert plugin("explain", "nothing").code == 3


@pytest.mark.e2e
def test_the_doctor_says_what_can_be_moved(kube, machine, namespace, plugin):
    # Its namespaces' lock, agents and operator may be in others' hands for a moment.
    def well():
        found = plugin("doctor", "-o", "json")
        return found if found.code == 0 else None

    found = wait_for("the doctor to find nothing", well, seconds=120, every=5,
                     seen=lambda: plugin("doctor"))  # fmt: skip
    health = {item["subject"]: item["health"] for item in found.data["findings"]}
    for subject in ("Kubernetes", "KubeVirt", "CRDs", "operator", "node agents", "lock"):
        assert health[subject] == "ok", found.data
    assert health[f"permissions in {namespace}"] == "ok"
    (volume,) = plugin("doctor", machine.name, "-o", "json").data["volumes"]
    assert volume["verdict"] == "can move live"
    machine.stop()

    def judged():
        (volume,) = plugin("doctor", machine.name, "-o", "json").data["volumes"]
        # KubeVirt may still be about the stop: then it cannot be moved at this very moment.
        return volume if volume["verdict"] != "not now" else None

    assert wait_for("the stopped VM to be judged", judged)["verdict"] == "is stopped, can move"
    assert kube.list("volumemigrations", namespace) == []
    assert plugin("version", "-o", "json").data["kubevirt"].startswith("v1.")
