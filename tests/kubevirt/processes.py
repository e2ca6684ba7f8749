"""What the stand-in's processes have in common when they start."""

import logging
import signal
import sys


def begin() -> None:
    """Logs to stderr, and ends when asked to: process 1 of a container has no default for that."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
