"""More than one API server: the lock is on at each of them before anything is started."""

import pytest

from cluster.provider import UnsupportedError
from harness import metrics
from harness.kube import wait_for

CHECKS = "apiserver_validating_admission_policy_check_total"
POLICY = "detour-lock-live-migrations"


@pytest.fixture
def second_server(cluster):
    """The address of another API server, which is gone at the end."""
    try:
        yield cluster.provider.add_api_server()
    except UnsupportedError as error:
        pytest.skip(str(error))
    finally:
        cluster.provider.remove_api_server()


def addresses(kube):
    """Where the clients in the cluster find API servers."""
    slices = kube.list("endpointslices", "default", "kubernetes.io/service-name=kubernetes")
    ports = {port["port"] for item in slices for port in item["ports"]}
    hosts = {
        address
        for item in slices
        for endpoint in item["endpoints"]
        for address in endpoint["addresses"]
    }
    return {f"https://{host}:{port}" for host in hosts for port in ports}


def refused(kube, server):
    """How often that server has refused a live migration in the lock's name."""
    samples = metrics.of_api_server(kube, server)
    return metrics.total(samples, CHECKS, policy=POLICY, enforcement_action="deny")


@pytest.mark.alone
@pytest.mark.e2e
def test_each_of_two_has_refused_before_the_start_and_one_dies_in_the_middle(
    cluster, kube, machines, migrate, second_server
):
    wait_for("both servers' endpoints", lambda: {second_server} < addresses(kube))
    before = {server: refused(kube, server) for server in addresses(kube)}
    machine = machines()
    machine.create(cluster.source_class, "128Mi")
    machine.wait_until_running()
    machine.wait_for_writes()
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    migration = migrate("m", machine.name, destination, hold=True)
    migration.wait_for_condition("SourceFrozen")
    for server, told in before.items():
        assert refused(kube, server) > told, f"{server} was not asked whether the lock bites"
    migration.wait_for_condition("Copied")
    cluster.provider.remove_api_server()
    kube.patch("volumemigrations", "m", migration.namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    assert machine.claim() == "m"
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
