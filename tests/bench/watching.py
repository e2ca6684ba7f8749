"""When what a move makes came to be, by watches of the API and our own clock; nothing is polled.

The times of Kubernetes' own objects have whole seconds alone, which is too coarse for steps.
"""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType

from harness.kube import Kube, Object

Seen = Callable[[Object, str], list[str]]
COMPONENT = "detour.dev/component"
OWNERS = ("detour.dev/migration", "detour.dev/switch")
APPLIED, SUCCEEDED, FAILED = "applied", "Succeeded", "Failed"
GO_ON, MERGE_SEEN = "hold: false", "merge seen"
STAGES = ("Accepted", "Locked", "SourceFrozen", "Copied", "SourceReleased", "HandedOver")


def of_migration(item: Object, move: str) -> list[str]:
    """What a VolumeMigration says."""
    if item["metadata"]["name"] != move:
        return []
    conditions = item.get("status", {}).get("conditions", [])
    status = {condition["type"]: condition["status"] for condition in conditions}
    ended = {"True": [SUCCEEDED], "False": [FAILED]}.get(status.get("Succeeded", ""), [])
    begun = [APPLIED, *([GO_ON] if item.get("spec", {}).get("hold") is False else [])]
    return [*begun, *(stage for stage in STAGES if status.get(stage) == "True"), *ended]


def of_switch(item: Object, move: str) -> list[str]:
    """What an AttachmentSwitch says: what the node agent was asked for, and what it reached."""
    if item["metadata"]["name"] != move:
        return []
    status = item.get("status", {})
    node = status.get("node", {})
    asked, reached = status.get("compute", {}).get("order"), node.get("reached")
    found = [f"ordered {asked}"] if asked else []
    found += [MERGE_SEEN] if node.get("merge") else []
    return [*found, *([f"reached {reached}"] if reached else [])]


def of_job(item: Object, move: str) -> list[str]:
    """Whether a Job of the move is there, and may run."""
    if item["metadata"].get("labels", {}).get(OWNERS[0]) != move:
        return []
    return ["copier job made", *([] if item["spec"].get("suspend") else ["copier job resumed"])]


def of_pod(item: Object, move: str) -> list[str]:
    """How far a pod of the move is."""
    labels = item["metadata"].get("labels", {})
    if move not in (labels.get(owner) for owner in OWNERS) or COMPONENT not in labels:
        return []
    pod = f"{labels[COMPONENT]} pod"
    phase = item.get("status", {}).get("phase")
    found = [f"{pod} made"]
    if item["spec"].get("nodeName"):
        found.append(f"{pod} scheduled")
    if phase in ("Running", "Succeeded", "Failed"):
        found.append(f"{pod} runs")
    if phase in ("Succeeded", "Failed"):
        found.append(f"{pod} ended")
    return found


def of_claim(item: Object, move: str) -> list[str]:
    """How far the destination claim is, which has the move's name."""
    if item["metadata"]["name"] != move:
        return []
    bound = item.get("status", {}).get("phase") == "Bound"
    return ["claim made", *(["claim bound"] if bound else [])]


def of_snapshot(item: Object, move: str) -> list[str]:
    """How far the snapshot of the frozen source is."""
    if item["metadata"].get("labels", {}).get(OWNERS[0]) != move:
        return []
    ready = item.get("status", {}).get("readyToUse")
    return ["snapshot made", *(["snapshot ready"] if ready else [])]


KINDS: dict[str, Seen] = {
    "volumemigrations": of_migration,
    "attachmentswitches": of_switch,
    "jobs": of_job,
    "pods": of_pod,
    "persistentvolumeclaims": of_claim,
    "volumesnapshots": of_snapshot,
}


def told(event: Object, seen: Seen, move: str) -> list[str]:
    """What an event of a watch says."""
    names = seen(event["object"], move)
    if event["type"] != "DELETED":
        return names
    return [name.replace(" made", " gone") for name in names if name.endswith(" made")]


class Watch:
    """Notes when each thing about one move was seen first, for as long as the block runs."""

    def __init__(self, kube: Kube, namespace: str, move: str) -> None:
        self._kube, self._namespace, self._move = kube, namespace, move
        self._mutex = threading.Lock()
        self._processes: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []
        self.moments: dict[str, float] = {}

    def __enter__(self) -> "Watch":
        for kind, seen in KINDS.items():
            words = ["get", kind, "-n", self._namespace, "--watch", "-o", "json"]
            process = subprocess.Popen(
                [*self._kube.command, *words, "--output-watch-events"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a cluster may have no snapshots
                text=True,
            )
            self._processes.append(process)
            thread = threading.Thread(target=self._follow, args=[process, seen], daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.terminate()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.wait()

    def _follow(self, process: "subprocess.Popen[str]", seen: Seen) -> None:
        assert process.stdout is not None
        with process.stdout as lines, contextlib.suppress(json.JSONDecodeError):
            for line in lines:  # an event each, but for one that was cut short by the end
                self._note(told(json.loads(line), seen, self._move))

    def _note(self, names: list[str]) -> None:
        now = time.time()
        with self._mutex:
            for name in names:
                self.moments.setdefault(name, now)
