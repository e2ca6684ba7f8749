"""`helm test` on the release that everything else is tested with."""

import subprocess

import pytest

from cluster import paths
from harness import install


@pytest.mark.e2e
def test_helm_test_sees_that_detour_works(cluster, kube):
    done = subprocess.run(
        [
            paths.binaries() / "helm", "test", "detour", f"--namespace={install.NAMESPACE}",
            f"--kubeconfig={cluster.provider.kubeconfig()}", "--timeout=5m",
        ],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "an operator leads" in told
    for kind in ("pods", "serviceaccounts", "roles", "rolebindings"):
        assert kube.get(kind, "detour-test", install.NAMESPACE) is None, "only while it runs"
