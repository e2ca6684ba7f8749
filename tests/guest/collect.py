"""Follows a guest's console through `kubectl logs` into files, over all its launcher pods.

Nothing is lost when the connection breaks: the follower asks again from the second of the last
line it has, and drops the lines it has already.
"""

import re
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.log import Boots, parse

Object = dict[str, Any]

CONTAINER = "guest-console-log"
_REMEMBERED = 2000
_SECOND = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=\.\d+Z |Z )")
_PAUSE = 1.0
_LOOK = 2.0
"""Seconds between two looks for new launcher pods, whose consoles are kept from the beginning."""


@dataclass
class _Pod:
    """One launcher pod and what was read of its console."""

    name: str
    uid: str
    path: Path
    seen: deque[bytes] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    since: str = ""
    ended: bool = False
    process: subprocess.Popen[bytes] | None = None
    thread: threading.Thread | None = None


class Collector:
    """Collects the console of one VM, from its first launcher pod seen to `stop`.

    Args:
        kubectl: the command and its options, such as `["kubectl", "--kubeconfig", PATH]`.
        look: the VM's launcher pods that exist, None if that is not known.
        namespace: the VM's namespace.
        vmi: the name of the VM and its VMI.
        folder: where the files are kept; a temporary folder by default.
    """

    def __init__(
        self,
        kubectl: list[str],
        look: Callable[[], list[Object] | None],
        namespace: str,
        vmi: str,
        folder: Path | None = None,
    ) -> None:
        self._kubectl = [*kubectl, f"--namespace={namespace}"]
        self._look = look
        self._vmi = vmi
        self._folder = folder or Path(tempfile.mkdtemp(prefix=f"guest-{vmi}-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pods: dict[str, _Pod] = {}
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to look for launcher pods and to follow them."""
        self._watcher.start()

    def stop(self) -> None:
        """Read what is there now to its end, and follow no longer."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for pod in self._pods.values():
            if pod.process:
                pod.process.terminate()
            if pod.thread:
                pod.thread.join()
            if not pod.ended:
                self._read(pod, follow=False)

    def settle(self, timeout: float) -> None:
        """Wait until the consoles of all launcher pods seen are read to their end.

        Args:
            timeout: in seconds.

        Raises:
            TimeoutError: a launcher pod is still there.
        """
        end = time.monotonic() + timeout
        while not all(pod.ended for pod in list(self._pods.values())):
            if time.monotonic() > end:
                raise TimeoutError(f"{self._vmi}: a launcher pod is there after {timeout} s")
            time.sleep(_PAUSE / 4)

    def files(self) -> list[Path]:
        """The consoles, one file for each launcher pod, the oldest first."""
        return [pod.path for pod in list(self._pods.values())]

    def text(self) -> str:
        """All consoles, the oldest first, with a line of noise between two pods."""
        parts = [path.read_text(encoding="utf-8", errors="replace") for path in self.files()]
        return "--- next launcher pod\n".join(parts)

    def boots(self) -> Boots:
        """What the consoles say until now."""
        return parse(self.text())

    def wait_for(self, predicate: Callable[[Boots], bool], timeout: float) -> Boots:
        """Wait until the consoles say what is wanted, and return them.

        Args:
            predicate: given all boots until now.
            timeout: in seconds.

        Raises:
            TimeoutError: they did not; the message ends with the last lines of the consoles.
        """
        end = time.monotonic() + timeout
        while True:
            boots = self.boots()
            if predicate(boots):
                return boots
            if time.monotonic() > end:
                last = "\n".join(self.text().split("\n")[-10:])
                raise TimeoutError(f"{self._vmi}: not within {timeout} s; its console:\n{last}")
            time.sleep(_PAUSE)

    def _watch(self) -> None:
        while not self._stop.is_set():
            for name, uid in self._launcher_pods():
                if uid not in self._pods:
                    self._follow(name, uid)
            self._stop.wait(_LOOK)

    def _launcher_pods(self) -> list[tuple[str, str]]:
        """The VM's launcher pods that exist, the oldest first; none if the API does not answer."""
        pods = [item["metadata"] for item in self._look() or ()]
        pods.sort(key=lambda pod: pod["creationTimestamp"])
        return [(pod["name"], pod["uid"]) for pod in pods]

    def _follow(self, name: str, uid: str) -> None:
        path = self._folder / f"{len(self._pods):03d}-{name}.log"
        path.touch()
        pod = _Pod(name, uid, path)
        pod.thread = threading.Thread(target=self._follow_to_end, args=[pod], daemon=True)
        self._pods[uid] = pod
        pod.thread.start()

    def _follow_to_end(self, pod: _Pod) -> None:
        while not self._stop.is_set() and not pod.ended:
            gone = self._gone(pod)
            complete = self._read(pod, follow=not gone)
            pod.ended = gone is not None and (complete or gone == "deleted")
            self._stop.wait(_PAUSE)

    def _gone(self, pod: _Pod) -> str | None:
        """`deleted`, `ended`, or None while the console may get more lines, or it is unknown."""
        pods = self._look()
        if pods is None:
            return None
        found = next((item for item in pods if item["metadata"]["uid"] == pod.uid), None)
        if found is None:
            return "deleted"
        return "ended" if found["status"].get("phase") in ("Succeeded", "Failed") else None

    def _read(self, pod: _Pod, *, follow: bool) -> bool:
        """Append the lines that are new; True if kubectl read to the end without an error."""
        words = ["logs", pod.name, f"--container={CONTAINER}", "--timestamps"]
        words += [f"--since-time={pod.since}"] if pod.since else []
        words += ["--follow"] if follow else []
        with subprocess.Popen(
            [*self._kubectl, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            pod.process = process
            if follow and self._stop.is_set():
                process.terminate()
            self._append(pod, process.stdout or ())
        return process.returncode == 0

    def _append(self, pod: _Pod, lines: Iterable[bytes]) -> None:
        known = set(pod.seen)
        with pod.path.open("ab") as file:
            for line in lines:
                if line.endswith(b"\n") and line not in known:
                    file.write(line)
                    file.flush()
                    self._remember(pod, line)

    def _remember(self, pod: _Pod, line: bytes) -> None:
        pod.seen.append(line)
        stamp = _SECOND.match(line)
        if stamp:
            pod.since = f"{stamp.group().decode()}Z"
