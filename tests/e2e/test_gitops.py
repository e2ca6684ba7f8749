"""What a GitOps tool does to a move, and what a move does to a GitOps tool."""

import copy

import pytest
import yaml

from guest import manifest as guest_manifest
from harness import gitops
from harness.kube import KubectlError, wait_for
from harness.migration import Migration, manifest

SIZE = "128Mi"


@pytest.fixture
def machine(cluster, machines):
    made = machines()
    made.create(cluster.source_class, SIZE, node=cluster.nodes[0])
    made.wait_until_running()
    made.wait_for_writes(100)
    return made


@pytest.fixture
def in_git(cluster, machine):
    """The VM's manifest as it lies in Git."""
    vm = guest_manifest.virtual_machine(machine.name, machine.namespace, machine.source)
    where = {"kubernetes.io/hostname": cluster.nodes[0]}
    vm["spec"]["template"]["spec"]["nodeSelector"] = where
    return vm


def with_lines(vm, message):
    """The manifest with the lines that a condition shows, as a user would copy them."""
    lines = yaml.safe_load(message.partition(":\n")[2])["spec"]
    changed = copy.deepcopy(vm)
    changed["spec"]["updateVolumesStrategy"] = lines["updateVolumesStrategy"]
    volumes = changed["spec"]["template"]["spec"]["volumes"]
    (line,) = lines["template"]["spec"]["volumes"]
    changed["spec"]["template"]["spec"]["volumes"] = [
        line if volume["name"] == line["name"] else volume for volume in volumes
    ]
    return changed


def assert_intact(machine, claim):
    machine.wait_for_writes(50)
    machine.stop()
    verdict = machine.verify(claim)
    assert verdict.passed, verdict.text


def wait_for_kubectl(kube, namespace, name, what, timeout="300s"):
    kube.run("wait", f"vmig/{name}", "-n", namespace, f"--for={what}", f"--timeout={timeout}",
             timeout=400)  # fmt: skip


@pytest.mark.e2e
def test_self_healing_during_a_whole_move_changes_nothing(
    cluster, kube, machine, in_git, namespace
):
    """Then Git still names the old claim: refused, with and without the objects of the move."""
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    wanted = manifest("m", namespace, machine.name, destination)
    migration = Migration(kube, "m", namespace)
    uid = machine.instance()["metadata"]["uid"]
    with gitops.SelfHealing(kube, lambda: [wanted, in_git]) as tool:
        wait_for_kubectl(kube, namespace, "m", "create", "60s")
        wait_for_kubectl(kube, namespace, "m", "condition=Succeeded")
        seen = len(tool.refusals)
        wait_for("an attempt to put the old claim back", lambda: len(tool.refusals) > seen)
    assert all("is stale" in message for message in tool.refusals[seen:]), tool.refusals
    assert tool.applied > 3
    assert (machine.claim(), machine.instance_claim()) == ("m", "m")
    assert machine.instance()["metadata"]["uid"] == uid
    told = {event["reason"] for event in kube.list("events", namespace)}
    assert "DeclaredInGit" in told

    kube.delete("volumemigrations", "m", namespace)
    assert migration.switch() == {}, "it goes with the migration"
    with pytest.raises(KubectlError, match="is stale: Detour moved the disk"):
        gitops.apply(kube, in_git)
    again = copy.deepcopy(in_git)
    again["metadata"]["name"] = "other"
    gitops.apply(kube, again, "--dry-run=server")  # another VM may have the old claim

    kube.apply(wanted)
    wait_for_kubectl(kube, namespace, "m", "condition=Succeeded", "60s")
    assert migration.condition("Succeeded")["reason"] == "AlreadyThere"
    assert_intact(machine, "m")

    kube.delete("volumemigrations", "m", namespace)
    kube.apply(wanted)  # of a stopped machine the mark on the claim tells
    wait_for_kubectl(kube, namespace, "m", "condition=Succeeded", "60s")
    assert migration.condition("Succeeded")["reason"] == "AlreadyThere"
    machine.start()
    assert machine.instance_claim() == "m"


@pytest.mark.e2e
def test_a_vm_created_again_from_an_old_manifest_is_refused(
    cluster, kube, machine, in_git, migrate
):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    wait_for(  # kubectl notes what it applied
        "word of the manifest that names the old claim",
        lambda: migration.condition("HandedOver").get("reason") == "ManifestNamesSource",
        seen=migration.story,
    )
    machine.stop()
    kube.delete("virtualmachines", machine.name, machine.namespace)
    with pytest.raises(KubectlError, match="is stale"):
        gitops.apply(kube, in_git)
    instance = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": machine.name, "namespace": machine.namespace},
        "spec": in_git["spec"]["template"]["spec"],
    }
    with pytest.raises(KubectlError, match="is stale"):
        kube.create(instance, "--dry-run=server")
    kube.run("label", "pvc", machine.source, "-n", machine.namespace, "detour.dev/superseded-")
    gitops.apply(kube, in_git, "--dry-run=server")


@pytest.mark.e2e
def test_the_move_waits_for_git(cluster, kube, machine, in_git, namespace):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    wanted = manifest("m", namespace, machine.name, destination, handover="WaitForDeclared")
    migration, git = Migration(kube, "m", namespace), [in_git]
    uid = machine.instance()["metadata"]["uid"]
    early = copy.deepcopy(in_git)
    early["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = "m"
    early["spec"]["updateVolumesStrategy"] = "Migration"

    def waits():
        found = migration.condition("HandedOver")
        if found.get("reason") != "WaitingForDeclaration":
            locked = migration.condition("Locked").get("status") == "True"
            # Later the very change could be let through between this look and its try.
            if locked and migration.condition("Copied").get("status") != "True":
                with pytest.raises(KubectlError, match="cannot be changed"):
                    gitops.apply(kube, early)
            return None
        return found if "commit" in found["message"].lower() else None

    with gitops.SelfHealing(kube, lambda: [wanted, *git]) as tool:
        told = wait_for("the lines to commit", waits, every=0.3, seen=migration.story)
        assert migration.condition("SourceReleased")["status"] == "True"
        assert machine.instance_claim() == "m"
        assert machine.claim() == machine.source
        refused = len(tool.refusals)
        machine.wait_for_writes(100)
        with pytest.raises(KubectlError, match="m"):
            kube.delete("virtualmachineinstances", machine.name, namespace, "--wait=false")
        with pytest.raises(KubectlError, match="cannot be changed"):  # without the strategy
            gitops.apply(kube, {**early, "spec": {**early["spec"], "updateVolumesStrategy": ""}})
        git[0] = with_lines(in_git, told["message"])
        wait_for_kubectl(kube, namespace, "m", "condition=Succeeded")
        after = tool.applied
        wait_for("Git to be applied after the end", lambda: tool.applied > after + 2)
        assert tool.refusals[refused:] == []
    assert (machine.claim(), machine.instance_claim()) == ("m", "m")
    assert machine.instance()["metadata"]["uid"] == uid
    conditions = {item["type"] for item in machine.object()["status"].get("conditions", [])}
    assert "RestartRequired" not in conditions
    assert_intact(machine, "m")


@pytest.mark.alone
@pytest.mark.e2e
def test_the_source_is_deleted_once_the_vm_has_restarted(cluster, kube, machine, migrate):
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, sourceReclaimPolicy="Delete")
    assert migration.wait_for_end()["status"] == "True", migration.story()
    waits = migration.wait_for_condition("SourceDeleted", "False")
    assert waits["reason"] == "SourceClaimInUse"
    assert "virt-launcher" in waits["message"]
    kube.run("delete", "pods", "-n", "detour-system", "-l", "app.kubernetes.io/component=operator",
             "--grace-period=0", "--force", "--wait=false")  # fmt: skip
    machine.wait_for_writes(50)
    assert not kube.get("pvc", machine.source, machine.namespace)["metadata"].get(
        "deletionTimestamp"
    )
    assert_intact(machine, "m")
    machine.start()
    migration.wait_for_condition("SourceDeleted")
    wait_for(
        "the end of the source", lambda: not kube.get("pvc", machine.source, machine.namespace)
    )
    machine.wait_for_writes(50)


@pytest.mark.e2e
def test_a_dry_run_checks_everything_and_changes_nothing(
    cluster, kube, machine, machines, migrate, namespace
):
    def world():
        kinds = ("pods", "pvc", "jobs")
        found = {(k, o["metadata"]["name"]) for k in kinds for o in kube.list(k, namespace)}
        vm, vmi = machine.object(), machine.instance()
        return found, vm["metadata"]["generation"], vmi["metadata"].get("annotations"), vmi["spec"]

    before, xml = world(), cluster.domain_xml(machine)
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("dry", machine.name, destination, dryRun=True)
    ended = migration.wait_for_end()
    assert (ended["status"], ended["reason"]) == ("True", "DryRunPassed"), migration.story()
    assert migration.condition("Accepted")["status"] == "True"
    wait_for("the switch to go", lambda: not migration.switch())
    assert (world(), cluster.domain_xml(machine)) == (before, xml)

    missing = migrate("storage", machine.name, {"claimTemplate": {"storageClassName": "none"}},
                      dryRun=True)  # fmt: skip
    assert missing.wait_for_condition("Accepted", "False")["reason"] == "StorageClassNotFound"
    if "bookworm" in cluster.launchers:  # the node agent's word
        old = machines("old")
        old.create(cluster.source_class, SIZE, launcher="bookworm")
        old.wait_until_running()
        refused = migrate("compute", old.name, destination, dryRun=True)
        assert refused.wait_for_condition("Accepted", "False")["reason"] == "LauncherTooOld"
        kube.delete("volumemigrations", "compute", namespace)
        assert refused.switch() == {}
    assert not kube.get("pvc", "dry", namespace)


@pytest.mark.e2e
def test_hold_in_both_directions_and_the_three_waits(cluster, kube, machine, migrate, namespace):
    """Success, failure and cancellation, each waited for with kubectl alone."""

    def hold(name, value):
        kube.patch("volumemigrations", name, namespace, {"spec": {"hold": value}})

    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    cancelled = migrate("cancelled", machine.name, destination)
    cancelled.wait_for_condition("Locked")
    hold("cancelled", True)
    wait_for_kubectl(kube, namespace, "cancelled", "jsonpath={.status.phase}=Holding")
    machine.wait_for_writes(50)
    kube.patch("volumemigrations", "cancelled", namespace, {"spec": {"cancel": True}})
    wait_for_kubectl(kube, namespace, "cancelled", "jsonpath={.status.phase}=Cancelled")

    spoilt = guest_manifest.claim("spoilt", namespace, cluster.destination_class, SIZE)
    pod = guest_manifest.verifier("spoil", namespace, "spoilt", node=cluster.nodes[0])
    (container,) = pod["spec"]["containers"]
    container["volumeMounts"][0]["readOnly"] = False
    container["command"] = ["mkdir", "/disk/disk.img"]
    kube.apply(spoilt, pod)
    kube.run("wait", "pod/spoil", "-n", namespace, "--for=jsonpath={.status.phase}=Succeeded",
             "--timeout=120s", timeout=150)  # fmt: skip
    failed = migrate("failed", machine.name, {"claimName": "spoilt"})
    wait_for_kubectl(kube, namespace, "failed", "condition=Succeeded=False")
    assert failed.condition("Succeeded")["reason"] == "CopyFailed", failed.story()
    assert failed.condition("Stalled")["status"] == "True"

    migrate("done", machine.name, destination, hold=True)
    wait_for_kubectl(kube, namespace, "done", "jsonpath={.status.phase}=Holding")
    hold("done", False)
    wait_for_kubectl(kube, namespace, "done", "condition=Succeeded")
    assert_intact(machine, "done")
