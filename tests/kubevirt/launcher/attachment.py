"""The process of a hotplug pod: it does nothing but stay, and lets virt-handler find it."""

import signal
import socket
import sys
from pathlib import Path


def main() -> None:
    """Listens until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Path(sys.argv[1]).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    while True:
        connection, _ = listener.accept()
        connection.close()


if __name__ == "__main__":
    main()
