"""A GitOps tool as far as a cluster sees one: it applies its manifests again and again."""

import json
import threading
from collections.abc import Callable
from types import TracebackType

from harness.kube import Kube, KubectlError, Object

MANAGER = "argocd"


class SelfHealing:
    """Applies what ``manifests`` returns, every second, server-side and by force.

    Attributes:
        applied: how often that went well.
        refusals: what a user of the tool would have read when it did not.
    """

    def __init__(self, kube: Kube, manifests: Callable[[], list[Object]]) -> None:
        self._kube = kube
        self._manifests = manifests
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.applied = 0
        self.refusals: list[str] = []

    def __enter__(self) -> "SelfHealing":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._end.wait(1):
            for manifest in self._manifests():
                try:
                    apply(self._kube, manifest)
                    self.applied += 1
                except KubectlError as error:
                    self.refusals.append(error.message)


def apply(kube: Kube, manifest: Object, *flags: str) -> None:
    """Apply one manifest as the tool does.

    Raises:
        KubectlError: the API server refused it.
    """
    how = ["--server-side", f"--field-manager={MANAGER}", "--force-conflicts"]
    kube.run("apply", *how, *flags, "-f", "-", given=json.dumps(manifest))
