"""A policy that would not have the VM name its new claim: told while a no does no harm."""

import pytest

from harness import refusing
from harness.kube import KubectlError, wait_for

SIZE = "128Mi"
WORDS = "its disks are final"
MACHINES = "virtualmachines.kubevirt.io"
ADMITTED = (
    "!object.spec.template.spec.volumes.exists(one,"
    " one.?persistentVolumeClaim.?claimName.orValue('') == 'm')"
    " && !(has(object.metadata.labels) && 'tried' in object.metadata.labels)"
)
"""The label is what can be tried at any time: Detour's lock refuses the volume as well."""


@pytest.fixture
def policy(kube, namespace):
    """Puts a policy of that kind on, or takes it off, and waits until it counts."""

    def refuses(machine):
        wish = {"metadata": {"labels": {"tried": "yes"}}}
        try:
            kube.patch("virtualmachines", machine.name, namespace, wish, "--dry-run=server")
        except KubectlError as error:
            return WORDS in error.message
        return False

    def put(machine, *, on):
        if on:
            kube.apply(*refusing.policy(namespace, namespace, MACHINES, ADMITTED, WORDS))
        else:
            refusing.take_off(kube, namespace)
        wait_for("the policy to count", lambda: refuses(machine) is on, seconds=60)

    yield put
    refusing.take_off(kube, namespace)


@pytest.mark.e2e
def test_it_is_refused_before_the_start_and_waits_before_the_switch(
    cluster, kube, machines, migrate, namespace, policy
):
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    before = machine.object()["spec"]
    policy(machine, on=True)
    template = {"storageClassName": cluster.destination_class}
    migration = migrate("m", machine.name, {"claimTemplate": template}, hold=True)
    refused = migration.wait_for_condition("Accepted", "False")
    assert refused["reason"] == "MachineChangeRefused", refused
    assert WORDS in refused["message"]
    assert machine.object()["spec"] == before
    assert not migration.switch()["status"].get("compute", {}).get("locked")

    policy(machine, on=False)
    migration.wait_for_condition("Copied")
    policy(machine, on=True)
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    stalled = migration.wait_for_condition("Stalled")
    assert stalled["reason"] == "MachineChangeRefused", stalled
    assert WORDS in stalled["message"]
    assert machine.instance_claim() == machine.claim() == machine.source
    machine.wait_for_writes()

    policy(machine, on=False)
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.instance_claim() == machine.claim() == "m"
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
