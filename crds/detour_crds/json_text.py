"""JSON that somebody else wrote: one error for whatever is wrong with it."""

import json
from typing import Any


def read(text: str | bytes) -> Any:
    """The value.

    Raises:
        ValueError: it is no JSON, or too deep to be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is too deep to be read") from error
