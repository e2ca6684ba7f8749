"""One VolumeMigration as its user sees it."""

import dataclasses
import time
from typing import Any

from harness.kube import Kube, Object, wait_for


def manifest(name: str, namespace: str, vm: str, destination: Object, **spec: Any) -> Object:
    """A VolumeMigration of the volume ``data`` (or ``volume=``)."""
    volume = spec.pop("volume", "data")
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "virtualMachine": {"name": vm},
            "volume": volume,
            "destination": destination,
            **spec,
        },
    }


@dataclasses.dataclass
class Migration:
    """Follows one VolumeMigration."""

    kube: Kube
    name: str
    namespace: str

    def object(self) -> Object:
        """The object as it is now; empty if it is not there."""
        return self.kube.get("volumemigrations", self.name, self.namespace) or {}

    def switch(self) -> Object:
        """Its AttachmentSwitch as it is now; empty if it is not there."""
        return self.kube.get("attachmentswitches", self.name, self.namespace) or {}

    def condition(self, kind: str) -> Object:
        """One condition; empty if it is not there."""
        conditions = self.object().get("status", {}).get("conditions", [])
        return next((item for item in conditions if item["type"] == kind), {})

    def phase(self) -> str:
        """The phase; empty before the first visit."""
        return str(self.object().get("status", {}).get("phase", ""))

    def wait_for_condition(
        self, kind: str, status: str = "True", *, seconds: float = 300
    ) -> Object:
        """Wait until a condition has a status, and return it."""

        def look() -> Object | None:
            found = self.condition(kind)
            return found if found.get("status") == status else None

        return wait_for(
            f"{kind}={status} of {self.name}", look, seconds=seconds, every=0.3, seen=self.story
        )

    def wait_for_stop(self, *, seconds: float = 300) -> str:
        """Wait until it asks a person, and return the name that the answer has to repeat."""

        def look() -> str:
            return str(self.object().get("status", {}).get("stop", ""))

        return wait_for(f"a stop of {self.name}", look, seconds=seconds, seen=self.story)

    def wait_for_end(self, *, seconds: float = 600) -> Object:
        """Wait until Succeeded is True or False, and return the condition."""

        def look() -> Object | None:
            found = self.condition("Succeeded")
            return found if found.get("status") in ("True", "False") else None

        return wait_for(f"the end of {self.name}", look, seconds=seconds, seen=self.story)

    def story(self) -> str:
        """Everything a user would look at, for a failed test's message."""
        migration, switch = self.object().get("status", {}), self.switch().get("status", {})
        lines = [f"phase {migration.get('phase')}"]
        for of, status in (("migration", migration), ("switch", switch)):
            lines += [
                f"{of} {item['type']}={item['status']} {item['reason']}: {item['message']}"
                for item in status.get("conditions", [])
            ]
        lines += [f"compute {switch.get('compute')}", f"node {switch.get('node')}"]
        return "\n".join(lines)


@dataclasses.dataclass
class Timeline:
    """When each stage of a migration was reached, by the clock of the one who looks (seconds)."""

    started: float = dataclasses.field(default_factory=time.time)
    reached: dict[str, float] = dataclasses.field(default_factory=dict)

    def look(self, migration: Object) -> list[str]:
        """Note what has become true since the last look, and return its names."""
        news = []
        for item in migration.get("status", {}).get("conditions", []):
            if item["status"] == "True" and item["type"] not in self.reached:
                self.reached[item["type"]] = time.time()
                news.append(item["type"])
        return news
