"""The agent's settings, from the environment, checked once."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LOG_FORMATS: Final = ("json", "text")
MOST_KEPT_PERCENT: Final = 90
MOST_PORT: Final = 65535


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the agent is told from outside."""

    node_name: str
    state_dir: Path
    log_format: str = "json"
    keep_free_percent: int = 15
    metrics_port: int = 0
    """Where Prometheus asks; 0 for nowhere."""
    fail_points: Path | None = None
    """Folder of armed fail points; None, as in production: there are none."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ValueError: one is missing or makes no sense.
    """
    node = environment.get("DETOUR_NODE_NAME", "")
    if not node:
        raise ValueError("DETOUR_NODE_NAME is not set")
    state = Path(environment.get("DETOUR_STATE_DIR", "/var/lib/detour"))
    if not state.is_absolute():
        raise ValueError("DETOUR_STATE_DIR is not an absolute path")
    log_format = environment.get("DETOUR_LOG_FORMAT", "json")
    if log_format not in LOG_FORMATS:
        raise ValueError(f"DETOUR_LOG_FORMAT is not one of {', '.join(LOG_FORMATS)}")
    kept = environment.get("DETOUR_KEEP_FREE_PERCENT", "15")
    if not kept.isdecimal() or int(kept) > MOST_KEPT_PERCENT:
        raise ValueError(f"DETOUR_KEEP_FREE_PERCENT is not a number from 0 to {MOST_KEPT_PERCENT}")
    port = environment.get("DETOUR_METRICS_PORT", "0")
    if not port.isdecimal() or int(port) > MOST_PORT:
        raise ValueError(f"DETOUR_METRICS_PORT is not a port, or 0 for none: {port!r}")
    fail_points = environment.get("DETOUR_FAIL_POINTS", "")
    return Settings(
        node_name=node,
        state_dir=state,
        log_format=log_format,
        keep_free_percent=int(kept),
        metrics_port=int(port),
        fail_points=Path(fail_points) if fail_points else None,
    )
