"""How the agent logs: one line for each thing that happened, with what it happened to."""

import datetime
import json
import logging
import sys
from typing import Final

from typing_extensions import override

FIELDS: Final = ("switch", "vm", "node", "stage", "row")


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Write a record down."""
        moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
        line: dict[str, str] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """For people: the message, then ``name=value``."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Write a record down."""
        pairs = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        return f"{super().format(record)} {pairs}".rstrip()


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """What a line is about."""
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: str(value) for name, value in found.items() if value is not None}


def set_up(log_format: str) -> None:
    """Send everything to stderr in one form."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Each of its own tries would be told; the loop tells of the call as a whole.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
