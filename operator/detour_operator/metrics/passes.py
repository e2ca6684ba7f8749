"""Passes of reconciliation, by how they ended."""

import contextlib
import time
from collections.abc import Iterable, Iterator

from detour_operator import errors
from detour_operator.errors import DetourError
from detour_operator.metrics.families import PASS_DURATION, PASSES

DONE = "Done"
UNEXPECTED = "Unexpected"
"""A bug: no error of ours."""


def announce(kinds: Iterable[str]) -> None:
    """Have every series begin at 0: an increase from nothing to 1 is none to Prometheus."""
    ends = [
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, DetourError) and kind is not DetourError
    ]
    for kind in kinds:
        PASS_DURATION.labels(kind)
        for end in (DONE, UNEXPECTED, *ends):
            PASSES.labels(kind, end)


@contextlib.contextmanager
def counted(kind: str) -> Iterator[None]:
    """Count a pass for an object of that kind, and pass on what it raises."""
    began = time.monotonic()
    result = DONE
    try:
        yield
    except DetourError as error:
        result = type(error).__name__
        raise
    except BaseException:
        result = UNEXPECTED
        raise
    finally:
        PASS_DURATION.labels(kind).observe(time.monotonic() - began)
        PASSES.labels(kind, result).inc()
