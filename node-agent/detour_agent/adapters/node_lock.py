"""One agent acts on a node at a time (rule R8)."""

import fcntl
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


def take_lock(path: Path) -> int:
    """Wait until no other agent acts on this node; the lock goes with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("waiting for the agent before this one to end")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
