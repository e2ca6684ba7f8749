"""Checks a running cluster end to end: `python -m cluster.smoke`; needs about two minutes.

It looks at what the tests of Detour stand on: pods on every node, their volumes, exec and logs,
the API server's address inside a pod, a webhook, and the loss of a node's power.
"""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from cluster import choice, images
from cluster import smoke_objects as objects
from cluster.kubectl import Kubectl
from cluster.local.certificates import Authority
from cluster.process import CommandError, wait_until
from cluster.provider import Provider, UnsupportedError
from cluster.smoke_objects import NAMESPACE

ASK_API_SERVER = """
import json, ssl, urllib.request
place = "/var/run/secrets/kubernetes.io/serviceaccount/"
request = urllib.request.Request("https://10.96.0.1/version")
request.add_header("Authorization", "Bearer " + open(place + "token").read())
context = ssl.create_default_context(cafile=place + "ca.crt")
print(json.load(urllib.request.urlopen(request, context=context, timeout=20))["gitVersion"])
"""


class Smoke:
    """The checks, each of which prints what it found and raises when it finds another thing."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._kubectl = Kubectl(provider.kubeconfig())

    def run(self) -> None:
        """Runs all checks, in a namespace that is removed afterwards."""
        self._provider.load_image(images.archive("detour-smoke"))
        self._kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
        self._kubectl("create", "namespace", NAMESPACE)
        try:
            with tempfile.TemporaryDirectory() as folder:
                self.secret(Path(folder))
            self.volumes()
            self.exec_and_logs()
            self.service_addresses()
            self.webhook()
            self.power()
        finally:
            self._kubectl(
                "delete", "validatingwebhookconfiguration", NAMESPACE, "--ignore-not-found"
            )
            self._kubectl("delete", "namespace", NAMESPACE, timeout=600)
        self.volumes_are_gone()

    def volumes(self) -> None:
        """A pod on each node with a volume of each class, and one volume that both have."""
        classes = self._provider.classes
        if classes.shared:
            self._apply(objects.claim("shared", classes.shared, "ReadWriteMany"))
        for node in self._provider.nodes():
            claims = {"source": classes.source, "destination": classes.destination}
            for name, storage_class in claims.items():
                self._apply(objects.claim(f"{name}-{node}", storage_class, "ReadWriteOnce"))
            mounts = {name: f"{name}-{node}" for name in claims}
            if classes.shared:
                mounts["shared"] = "shared"
            self._apply(objects.pod(f"pod-{node}", node, mounts))
        for node in self._provider.nodes():
            self._wait_ready(f"pod-{node}")
            for name in ("source", "destination", *(["shared"] if classes.shared else [])):
                self._exec(node, "sh", "-c", f"echo {node} >> /volumes/{name}/seen")
            print(f"{node}: volumes can be written by uid 107")
        if classes.shared:
            last = self._provider.nodes()[-1]
            seen = self._exec(last, "cat", "/volumes/shared/seen").split()
            _expect(seen, self._provider.nodes(), "what both nodes wrote into the shared volume")

    def exec_and_logs(self) -> None:
        """`kubectl exec` and `kubectl logs` on each node."""
        for node in self._provider.nodes():
            logs = self._kubectl("logs", f"--namespace={NAMESPACE}", f"pod-{node}")
            _expect(logs.splitlines()[0], "serving", f"the log of the pod on {node}")

    def service_addresses(self) -> None:
        """The API server at its service's address, and each node's pod from the other's."""
        for node in self._provider.nodes():
            version = self._exec(node, "python3", "-c", ASK_API_SERVER).strip()
            print(f"{node}: a pod reaches the API server {version} at 10.96.0.1")
        self._apply(objects.service())
        address = self._field("service/webhook", "{.spec.clusterIP}")
        ask = (
            "import ssl, urllib.request as r; c = ssl._create_unverified_context();"
            f"print(r.urlopen('https://{address}/', context=c, timeout=20).read().decode())"
        )
        for node in self._provider.nodes():
            # kube-proxy hears of a new service a moment later.
            wait_until(partial(self._works, node, ask), f"{address} on {node}", 60)
            # Often enough that both endpoints have answered, the pod itself among them.
            for _ in range(8):
                _expect(self._exec(node, "python3", "-c", ask).strip(), "ok", f"{address}")
            print(f"{node}: a pod reaches the service's pods on both nodes")

    def webhook(self) -> None:
        """A webhook with a service reference, which the API server itself has to reach."""
        authority = self._kubectl(
            "get", "secret", "webhook", f"--namespace={NAMESPACE}", r"-o=jsonpath={.data.ca\.crt}"
        )
        self._apply(objects.webhook(authority))
        allowed = self._configmap("pass-me")
        _expect(allowed, "", "the refusal of pass-me")
        wait_until(lambda: "webhook was here" in self._configmap("refuse-me"), "a refusal", 30)
        print("the API server reaches a webhook's service, and believes its certificate")

    def power(self) -> None:
        """Cuts the last node's power: its pod is gone, its volume is not."""
        node = self._provider.nodes()[-1]
        try:
            self._provider.power_off(node)
        except UnsupportedError as error:
            print(f"not checked: {error}")
            return
        kubectl = self._kubectl
        wait_until(lambda: node not in kubectl.ready_nodes(), f"{node} to be lost", 240)
        print(f"{node}: has no power, and Kubernetes sees it")
        self._provider.power_on(node)
        wait_until(lambda: self._seen_again(node), f"the pod of {node} to work again", 240)
        print(f"{node}: is back, and its pod has the same volume")

    def _works(self, node: str, program: str) -> bool:
        try:
            self._exec(node, "python3", "-c", program)
        except CommandError:
            return False
        return True

    def _seen_again(self, node: str) -> bool:
        try:
            return self._exec(node, "cat", "/volumes/source/seen").strip() == node
        except CommandError:
            return False

    def volumes_are_gone(self) -> None:
        """Volumes are deleted with their claims."""

        def gone() -> bool:
            return NAMESPACE not in self._kubectl("get", "persistentvolumes", "--output=json")

        wait_until(gone, "the volumes to be deleted", 240)
        print("all volumes are deleted")

    def secret(self, folder: Path) -> None:
        """The webhook's certificate, from an authority of its own."""
        authority = Authority(folder, "ca")
        authority.make()
        host = f"DNS:webhook.{NAMESPACE}.svc"
        certificate, key = authority.sign(folder, "tls", "/CN=webhook", [host])
        files = {"ca.crt": authority.certificate, "tls.crt": certificate, "tls.key": key}
        data = {name: path.read_text() for name, path in files.items()}
        self._apply(objects.document("v1", "Secret", "webhook", stringData=data))

    def _configmap(self, name: str) -> str:
        """Why a ConfigMap may not be created; nothing when it may."""
        words = [f"--namespace={NAMESPACE}", "--dry-run=server"]
        try:
            self._kubectl("create", "configmap", name, *words)
        except CommandError as error:
            return str(error)
        return ""

    def _exec(self, node: str, *argv: str) -> str:
        words = ["exec", f"--namespace={NAMESPACE}", f"pod-{node}", "--", *argv]
        return self._kubectl(*words, timeout=60)

    def _wait_ready(self, pod: str) -> None:
        words = ["--for=condition=Ready", "--timeout=180s", f"--namespace={NAMESPACE}"]
        self._kubectl("wait", *words, f"pod/{pod}")

    def _field(self, name: str, path: str) -> str:
        return self._kubectl("get", name, f"--namespace={NAMESPACE}", f"-o=jsonpath={path}")

    def _apply(self, document: dict[str, Any]) -> None:
        self._kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(document))


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: wanted {wanted!r}, found {found!r}")


if __name__ == "__main__":
    Smoke(choice.provider()).run()
    sys.exit(0)
