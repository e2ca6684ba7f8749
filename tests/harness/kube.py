"""kubectl as a function: JSON in, JSON out; what is looked at often is read without it."""

import contextlib
import functools
import json
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from harness.reading import Object, Reader, ReadError, is_known

T = TypeVar("T")


class KubectlError(Exception):
    """kubectl ended with an error; ``message`` is what a user would have read."""

    def __init__(self, arguments: tuple[str, ...], message: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: {message}")
        self.message = message


class TimedOutError(AssertionError):
    """What was waited for did not come; says what was seen last."""


class Kube:
    """One cluster, seen through kubectl."""

    def __init__(self, kubectl: str, kubeconfig: pathlib.Path) -> None:
        self.command = [kubectl, f"--kubeconfig={kubeconfig}"]
        self.kubeconfig = kubeconfig

    @functools.cached_property
    def _reader(self) -> Reader:
        return Reader(self.kubeconfig)

    def run(self, *arguments: str, given: str | None = None, timeout: float = 120) -> str:
        """What kubectl printed.

        Raises:
            KubectlError: it ended with an error.
        """
        done = subprocess.run(
            [*self.command, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise KubectlError(arguments, done.stderr.strip())
        return done.stdout

    def apply(self, *objects: Object, server_side: bool = False) -> None:
        """Create or change objects."""
        flags = ["--server-side"] if server_side else []
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.run("apply", *flags, "-f", "-", given=given)

    def create(self, item: Object, *flags: str) -> None:
        """Create one object."""
        self.run("create", *flags, "-f", "-", given=json.dumps(item))

    def get(self, kind: str, name: str, namespace: str) -> Object | None:
        """One object, or None if it is not there.

        Raises:
            KubectlError: that is not known.
        """
        if is_known(kind):
            with _as_kubectl("get", kind, name):
                return self._reader.get(kind, name, namespace)
        try:
            return dict(json.loads(self.run("get", kind, name, "-n", namespace, "-o", "json")))
        except KubectlError as error:
            if "NotFound" in error.message:
                return None
            raise

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Object]:
        """All objects of a kind in a namespace that match a label selector.

        Raises:
            KubectlError: they are not known.
        """
        if is_known(kind):
            with _as_kubectl("get", kind, "-l", selector):
                return self._reader.list(kind, namespace, selector)
        found = self.run("get", kind, "-n", namespace, "-l", selector, "-o", "json")
        return list(json.loads(found)["items"])

    def patch(self, kind: str, name: str, namespace: str, patch: Object, *flags: str) -> None:
        """Merge a patch into an object."""
        given = ["--type=merge", "-p", json.dumps(patch)]
        self.run("patch", kind, name, "-n", namespace, *given, *flags)

    def delete(self, kind: str, name: str, namespace: str, *flags: str) -> None:
        """Delete an object; fine if it is not there."""
        self.run("delete", kind, name, "-n", namespace, "--ignore-not-found", *flags, timeout=400)


@contextlib.contextmanager
def _as_kubectl(*arguments: str) -> Iterator[None]:
    try:
        yield
    except ReadError as error:
        raise KubectlError(arguments, str(error)) from error


def wait_for(
    what: str,
    look: Callable[[], T | None],
    *,
    seconds: float = 180,
    every: float = 0.5,
    seen: Callable[[], object] | None = None,
) -> T:
    """Look until something true is seen, and return it.

    Raises:
        TimedOutError: not within ``seconds``; the message has ``what`` and what ``seen()`` says.
    """
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            last = f"; seen last: {seen()}" if seen else ""
            raise TimedOutError(f"waited {seconds:.0f} s for {what}{last}")
        time.sleep(every)
