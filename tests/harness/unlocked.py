"""The lock as it is after somebody has taken a part of it off."""

import json
from collections.abc import Sequence

from harness.kube import Kube

BINDINGS = "validatingadmissionpolicybindings"


class Lock:
    """Some of the bindings of the chart's policies, as they were."""

    def __init__(self, kube: Kube, names: Sequence[str]) -> None:
        self._kube, self._names = kube, tuple(names)
        self._saved = [json.loads(kube.run("get", BINDINGS, name, "-o", "json")) for name in names]
        for binding in self._saved:
            metadata = binding["metadata"]
            kept = ("name", "labels", "annotations")
            binding["metadata"] = {name: metadata[name] for name in kept}

    def take_away(self) -> None:
        """Delete them; API servers take a moment to forget a policy."""
        self._kube.run("delete", BINDINGS, *self._names)

    def put_back(self) -> None:
        """Have them as they were."""
        self._kube.apply(*self._saved)
