"""What operator, node agents and API servers tell Prometheus."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.install import NAMESPACE
from harness.kube import Kube, Object

ASK = """\
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
    print(answer.read().decode())
"""


def of_leader(kube: Kube) -> list[Sample]:
    """The operator's that leads; empty if none does."""
    for pod in _pods(kube, "operator"):
        found = _of(kube, pod)
        if total(found, "detour_operator_leading"):
            return found
    return []


def of_agent(kube: Kube, node: str) -> list[Sample]:
    """The node agent's of a node; empty if there is none."""
    for pod in _pods(kube, "node-agent"):
        if pod["spec"]["nodeName"] == node:
            return _of(kube, pod)
    return []


def of_api_server(kube: Kube, server: str) -> list[Sample]:
    """The API server's at that address."""
    return _read(kube.run("get", "--raw", "/metrics", f"--server={server}"))


def total(samples: list[Sample], name: str, **labels: str) -> float:
    """The sum of all series of that name with these labels, whatever others they have."""
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def _pods(kube: Kube, component: str) -> Iterator[Object]:
    for pod in kube.list("pods", NAMESPACE, f"app.kubernetes.io/component={component}"):
        ending = pod["metadata"].get("deletionTimestamp")
        if pod["status"].get("phase") == "Running" and not ending:
            yield pod


def _of(kube: Kube, pod: Object) -> list[Sample]:
    (container,) = pod["spec"]["containers"]
    port = next(item for item in container["ports"] if item["name"] == "metrics")
    url = f"http://127.0.0.1:{port['containerPort']}/metrics"
    words = ["exec", pod["metadata"]["name"], "-n", NAMESPACE, "--", "python3", "-c", ASK, url]
    return _read(kube.run(*words))


def _read(told: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(told) for sample in family.samples]
