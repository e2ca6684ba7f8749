"""One VolumeMigrationPlan as its user sees it."""

import dataclasses
from typing import Any

from harness.kube import Kube, Object, wait_for
from harness.migration import Migration


def manifest(name: str, namespace: str, source: str, destination: str, **spec: Any) -> Object:
    """A plan from one storage class to another, of all VMs of the namespace."""
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigrationPlan",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"storageClasses": [{"from": source, "to": destination}], **spec},
    }


@dataclasses.dataclass
class Plan:
    """Follows one VolumeMigrationPlan."""

    kube: Kube
    name: str
    namespace: str

    def status(self) -> Object:
        """The status as it is now; empty before the first visit."""
        found = self.kube.get("volumemigrationplans", self.name, self.namespace) or {}
        return dict(found.get("status") or {})

    def ready(self) -> Object:
        """The condition Ready; empty before the first visit."""
        told = self.status().get("conditions", [])
        return next((item for item in told if item["type"] == "Ready"), {})

    def change(self, **spec: Any) -> None:
        """Change fields of the spec."""
        self.kube.patch("volumemigrationplans", self.name, self.namespace, {"spec": spec})

    def migrations(self) -> list[Migration]:
        """Those that it has made, and that are still there."""
        found = self.kube.list("volumemigrations", self.namespace)
        return [
            Migration(self.kube, item["metadata"]["name"], self.namespace)
            for item in found
            if (item["metadata"].get("labels") or {}).get("detour.dev/plan") == self.name
        ]

    def wait_for_reason(self, reason: str, *, seconds: float = 300) -> Object:
        """Wait until Ready has that reason, and return it."""

        def look() -> Object | None:
            found = self.ready()
            return found if found.get("reason") == reason else None

        return wait_for(f"{reason} of {self.name}", look, seconds=seconds, seen=self.story)

    def wait_for_end(self, *, seconds: float = 900) -> Object:
        """Wait until it has ended, and return its status."""

        def look() -> Object | None:
            found = self.status()
            return found if found.get("completionTime") else None

        return wait_for(f"the end of {self.name}", look, seconds=seconds, seen=self.story)

    def story(self) -> str:
        """Everything a user would look at, for a failed test's message."""
        moves = "\n".join(f"{one.name}: {one.story()}" for one in self.migrations())
        return f"{self.status()}\n{moves}"
