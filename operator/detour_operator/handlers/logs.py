"""Structured logs on stderr: one JSON object a line, or text that ends in ``key=value``."""

import logging

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

EXTRAS = ("kind", "namespace", "object")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up(log_format: str) -> None:
    """Have the whole process log in that format (``json`` or ``text``), from INFO on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json() if log_format == "json" else _Text(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # It tells at INFO about every renewal, each two seconds.
    logging.getLogger("leaderelection").setLevel(logging.WARNING)


def _json() -> logging.Formatter:
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )


class _Text(logging.Formatter):
    @override
    def format(self, record: logging.LogRecord) -> str:
        extras = "".join(
            f" {name}={getattr(record, name)}" for name in EXTRAS if hasattr(record, name)
        )
        return super().format(record) + extras
