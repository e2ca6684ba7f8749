"""Events about a migration, as people read them."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One event."""

    time: str
    reason: str
    message: str
    warning: bool
    about: str


def news(events: Iterable[Mapping[str, Any]], *, most: int) -> tuple[News, ...]:
    """The last events, oldest first."""
    found = sorted((_news(event) for event in events), key=lambda item: item.time)
    return tuple(found[-most:])


def _news(event: Mapping[str, Any]) -> News:
    about = event.get("involvedObject") or {}
    return News(
        time=event.get("lastTimestamp") or event.get("eventTime") or "",
        reason=event.get("reason", ""),
        message=event.get("message", ""),
        warning=event.get("type") == "Warning",
        about=f"{about.get('kind', '')} {about.get('name', '')}",
    )
