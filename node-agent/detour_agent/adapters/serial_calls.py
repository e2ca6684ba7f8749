"""Calls that may hang: each in a helper thread, one at a time, with a time limit.

A call into a C library cannot be interrupted. One that has not returned in time is left behind,
and nothing else is called until it has returned: two calls about one disk never overlap. The
thread dies with the process.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from detour_agent.errors import Unreachable

T = TypeVar("T")


class _Call(Generic[T]):
    """One call and what came of it."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """Make the call; the error is kept for the caller's thread."""
        try:
            self._result.append(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
        finally:
            self.done.set()

    def result(self) -> T:
        """What the call returned or raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]


class SerialCalls:
    """Makes calls one after the other."""

    def __init__(self, name: str, timeout_seconds: float) -> None:
        self._name = name
        self._timeout = timeout_seconds
        self._left_behind: _Call[object] | None = None

    def call(self, function: Callable[[], T]) -> T:
        """Make a call.

        Raises:
            Unreachable: it, or one before it, does not return.
        """
        self._wait_for_the_last()
        call = _Call(function)
        threading.Thread(target=call.run, name=self._name, daemon=True).start()
        if not call.done.wait(self._timeout):
            self._left_behind = call  # type: ignore[assignment] # only its end is waited for
            raise Unreachable("LibvirtHangs", f"no answer within {self._timeout:g} s")
        return call.result()

    def _wait_for_the_last(self) -> None:
        if self._left_behind is None:
            return
        if not self._left_behind.done.wait(self._timeout):
            raise Unreachable("LibvirtHangs", "an earlier call has not returned yet")
        self._left_behind = None
