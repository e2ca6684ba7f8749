"""``python -m vendor move|cancel``: started again with the same arguments it goes on."""

import argparse
import sys
import time

from kubernetes import config

from vendor.controller import Controller
from vendor.objects import Move

WORDS = ("name", "namespace", "machine", "volume", "source", "destination", "image")
BEGAN = time.monotonic()


class Log:
    """Says what has changed, on standard output."""

    def __init__(self) -> None:
        self._last = ""

    def say(self, text: str) -> None:
        if text != self._last:
            self._last = text
            print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", flush=True)


def main() -> int:
    """0 if what was asked for came about."""
    parser = argparse.ArgumentParser(prog="vendor")
    parser.add_argument("what", choices=("move", "cancel"))
    parser.add_argument("--kubeconfig", required=True)
    for word in WORDS:
        parser.add_argument(f"--{word}", required=True)
    given = parser.parse_args()
    move = Move(**{word: getattr(given, word) for word in WORDS})
    api = config.new_client_from_config(given.kubeconfig)
    log, cancel = Log(), given.what == "cancel"
    outcome = Controller(api, move, log.say, cancel=cancel).run()
    log.say(f"ended: {outcome}")
    wanted = "Source" if cancel else "Destination"
    return 0 if outcome.startswith(wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
