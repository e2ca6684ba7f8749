"""Which lines of Detour's logs are about one migration.

The operator names ``namespace`` and ``object``, the node agent ``switch`` as ``NAMESPACE/NAME``;
both log JSON, or text that ends in ``name=value``. The copier's lines are all about its migration.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from detour_crds import json_text
from detour_kubectl.domain.migrations import Migration

PAIR = re.compile(r"(\w+)=(\S+)")
TIME = re.compile(r"^(\d{4}-\d\d-\d\d[ T][\d:.,]+)\s+(?:(INFO|WARNING|ERROR|CRITICAL)\s+)?(.*)$")
MOST_TEXT = 400


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line; ``time`` as the program wrote it, empty if it wrote none."""

    source: str
    time: str
    level: str
    text: str


def about(migration: Migration, source: str, text: str) -> tuple[LogLine, ...]:
    """The lines of the operator's or the node agent's log that name the migration."""
    lines = (_read(source, line) for line in text.splitlines() if line.strip())
    return tuple(line for line, fields in lines if _names(migration, fields))


def every(source: str, text: str) -> tuple[LogLine, ...]:
    """All lines of a log that is of one migration."""
    return tuple(_read(source, line)[0] for line in text.splitlines() if line.strip())


def last(lines: tuple[LogLine, ...], *, most: int) -> tuple[LogLine, ...]:
    """The last lines of several logs, oldest first; those without a time come last."""
    return tuple(sorted(lines, key=_sortable)[-most:])


def _sortable(line: LogLine) -> str:
    return line.time.replace(" ", "T").replace(",", ".") or "~"


def _names(migration: Migration, fields: Mapping[str, Any]) -> bool:
    if fields.get("switch") == f"{migration.namespace}/{migration.name}":
        return True
    namespace = fields.get("namespace", migration.namespace)
    return (namespace, fields.get("object")) == (migration.namespace, migration.name)


def _read(source: str, line: str) -> tuple[LogLine, Mapping[str, Any]]:
    try:
        fields = json_text.read(line)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        return _from_json(source, line, fields), fields
    found = TIME.match(line)
    time, level, text = found.groups() if found else ("", "", line)
    told = LogLine(source=source, time=time, level=(level or "").lower(), text=text[:MOST_TEXT])
    return told, dict(PAIR.findall(line))


def _from_json(source: str, line: str, fields: Mapping[str, Any]) -> LogLine:
    row = f" (row {fields['row']})" if fields.get("row") else ""
    return LogLine(
        source=source,
        time=str(fields.get("time", "")),
        level=str(fields.get("level", "")).lower(),
        text=f"{fields.get('message', line)}{row}"[:MOST_TEXT],
    )
