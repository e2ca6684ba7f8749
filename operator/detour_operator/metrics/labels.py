"""Words that come from outside as values of a label: each new one is a series for ever."""

import re
import threading

OTHER = "Other"
MOST = 100
"""Detour has some eighty reasons. A copier's termination message can be written by whoever may run
commands in its pod."""
WORD = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")


class Words:
    """Lets so many different words through, and no more."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: set[str] = set()
        self._mutex = threading.Lock()

    def label(self, word: str) -> str:
        """The word if it is a CamelCase one and there is room for it, else ``Other``."""
        if not WORD.fullmatch(word):
            return OTHER
        with self._mutex:
            if word not in self._known and len(self._known) >= self._most:
                return OTHER
            self._known.add(word)
        return word


REASONS = Words()
