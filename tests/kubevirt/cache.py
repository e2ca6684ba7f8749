"""Watched copies of the API server's objects, and a queue of keys to look at.

KubeVirt uses client-go's informers and workqueues.
"""

import logging
import threading
import time
from collections.abc import Callable

from .kube import ApiError, Kube, path

log = logging.getLogger("kubevirt")
Changed = Callable[[dict], None]


class Cache:
    """The objects of one kind, kept up to date by a watch; as late as any informer."""

    def __init__(self, kube: Kube, kind: str, changed: Changed, selector: str = "") -> None:
        self.kind = kind
        self._kube = kube
        self._changed = changed
        self._query = {"labelSelector": selector} if selector else {}
        self._objects: dict[tuple[str, str], dict] = {}
        self._lock = threading.Lock()
        self.synced = threading.Event()

    def start(self) -> "Cache":
        """Watches in the background."""
        threading.Thread(target=self._run, daemon=True, name=f"watch {self.kind}").start()
        return self

    def get(self, namespace: str, name: str) -> dict | None:
        """The object as last seen; not to be changed."""
        with self._lock:
            return self._objects.get((namespace, name))

    def all(self, namespace: str | None = None) -> list[dict]:
        """The objects as last seen; not to be changed."""
        with self._lock:
            return [o for (ns, _), o in self._objects.items() if namespace in (None, ns)]

    def _run(self) -> None:
        while True:
            try:
                self._list_and_watch()
            except (ApiError, OSError, ValueError) as error:
                log.warning("watch of %s: %s", self.kind, error)
                time.sleep(1)

    def _list_and_watch(self) -> None:
        where = path(self.kind, None)
        answer = self._kube.request("GET", where, query=self._query)
        fresh = {key(item): item for item in answer.get("items") or []}
        with self._lock:
            old, self._objects = self._objects, fresh
        self.synced.set()
        for gone in old.keys() - fresh.keys():
            self._changed(old[gone])
        for item in fresh.values():
            self._changed(item)
        version = answer["metadata"]["resourceVersion"]
        for event in self._kube.watch(where, self._query | {"resourceVersion": version}):
            if event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                self._take(event["type"], event["object"])

    def _take(self, kind: str, item: dict) -> None:
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(key(item), None)
            else:
                self._objects[key(item)] = item
        self._changed(item)


def key(item: dict) -> tuple[str, str]:
    """Namespace and name."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


class Queue:
    """Keys to reconcile: each once, those that failed later and later.

    As client-go's: 5 ms, doubling up to 1,000 s.
    """

    BASE = 0.005
    LIMIT = 1000.0

    def __init__(self) -> None:
        self._due: dict[tuple[str, str], float] = {}
        self._failures: dict[tuple[str, str], int] = {}
        self._changed = threading.Condition()

    def add(self, item: tuple[str, str], delay: float = 0.0) -> None:
        """Makes the key due, at the latest after the delay in seconds."""
        with self._changed:
            due = time.monotonic() + delay
            self._due[item] = min(due, self._due.get(item, due))
            self._changed.notify()

    def failed(self, item: tuple[str, str]) -> None:
        """Makes the key due again after its growing back-off."""
        count = self._failures[item] = self._failures.get(item, 0) + 1
        self.add(item, min(self.BASE * 2 ** (count - 1), self.LIMIT))

    def succeeded(self, item: tuple[str, str]) -> None:
        """Forgets the key's failures."""
        self._failures.pop(item, None)

    def take(self) -> tuple[str, str]:
        """Waits for the next key that is due."""
        with self._changed:
            while True:
                now = time.monotonic()
                ready = min(self._due.items(), key=lambda entry: entry[1], default=None)
                if ready and ready[1] <= now:
                    del self._due[ready[0]]
                    return ready[0]
                self._changed.wait(ready[1] - now if ready else None)


def work(queue: Queue, reconcile: Callable[[str, str], None]) -> None:
    """Reconciles keys for ever; what fails is logged and tried again."""
    while True:
        item = queue.take()
        try:
            reconcile(*item)
        except Exception as error:
            if not isinstance(error, ApiError) or error.code not in (404, 409):
                log.exception("reconciling %s/%s failed", *item)
            queue.failed(item)
        else:
            queue.succeeded(item)
