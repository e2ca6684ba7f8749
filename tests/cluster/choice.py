"""Chooses the provider: by the variable PROVIDER, else kind where a Docker engine answers."""

import os
import subprocess
from collections.abc import Callable, Mapping

from cluster.process import run
from cluster.provider import Provider

NAMES = ("local", "kind", "existing")


def docker_answers() -> bool:
    """Whether a Docker engine answers this user."""
    try:
        return run(["docker", "version"], check=False, timeout=20).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def name(
    environment: Mapping[str, str] = os.environ,
    docker: Callable[[], bool] = docker_answers,
) -> str:
    """The chosen provider's name.

    Raises:
        LookupError: PROVIDER names none.
    """
    wanted = environment.get("PROVIDER") or ("kind" if docker() else "local")
    if wanted not in NAMES:
        raise LookupError(f"PROVIDER is {wanted!r}, but it may be {', '.join(NAMES)}")
    return wanted


def provider(environment: Mapping[str, str] = os.environ) -> Provider:
    """The chosen provider.

    Raises:
        LookupError: PROVIDER names none, or "existing" lacks a variable.
    """
    chosen = name(environment)
    if chosen == "local":
        from cluster.local.provider import LocalProvider

        return LocalProvider()
    if chosen == "kind":
        from cluster.kind.provider import KindProvider

        return KindProvider()
    from cluster.existing import ExistingProvider

    return ExistingProvider(environment)
