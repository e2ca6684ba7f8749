"""Detour does not let itself be uninstalled in the middle of a move."""

import json
import subprocess

import pytest

from cluster import paths
from harness import install
from harness.kube import wait_for


@pytest.fixture
def helm(cluster):
    """Runs Helm on the release; afterwards Detour is installed, whatever happened."""

    def run(*words):
        command = [str(paths.binaries() / "helm"), *words, f"--namespace={install.NAMESPACE}"]
        kubeconfig = f"--kubeconfig={cluster.provider.kubeconfig()}"
        return subprocess.run(
            [*command, kubeconfig], capture_output=True, text=True, timeout=400, check=False
        )

    yield run
    state = run("status", "detour", "--output=json").stdout
    if state and json.loads(state)["info"]["status"] != "deployed":
        run("uninstall", "detour", "--no-hooks", "--wait")
    install.detour(cluster)


@pytest.mark.alone
@pytest.mark.e2e
def test_uninstalling_is_refused_until_the_move_has_ended(cluster, kube, held, helm, namespace):
    machine, migration = held()
    refused = helm("uninstall", "detour", "--wait", "--timeout=3m")
    told = refused.stdout + refused.stderr
    assert refused.returncode != 0, told
    assert f"{namespace}/{migration.name}: volume data of VirtualMachine {machine.name}" in told
    assert "spec.cancel: true" in told
    policies = kube.run("get", "validatingadmissionpolicies", "-o", "name")
    assert "detour-lock-live-migrations" in policies
    ready = kube.get("deployments", "detour-operator", install.NAMESPACE)["status"]
    assert ready.get("readyReplicas")

    # As the message says: the release goes on as it was.
    revision = json.loads(helm("status", "detour", "--output=json").stdout)["version"]
    back = helm("rollback", "detour", str(revision), "--wait", "--timeout=3m")
    assert back.returncode == 0, back.stderr
    install.detour(cluster)
    kube.patch("volumemigrations", migration.name, namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    kube.delete("volumemigrations", migration.name, namespace)
    wait_for("the switch to be gone", lambda: not migration.switch(), seen=migration.story)

    done = helm("uninstall", "detour", "--wait", "--timeout=3m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert kube.get("deployments", "detour-operator", install.NAMESPACE) is None
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify(migration.name)
    assert verdict.passed, verdict.text
