"""The intern table of a recording: frames carry numbers, the text is sent once."""

from __future__ import annotations

import threading


class Strings:
    """Append-only; `add` gives the same number for the same text, from any thread."""

    __slots__ = ("_lock", "index", "list")

    def __init__(self) -> None:
        self.list: list[str] = [""]
        self.index: dict[str, int] = {"": 0}
        self._lock = threading.Lock()

    def add(self, text: str) -> int:
        known = self.index.get(text)
        if known is not None:
            return known
        with self._lock:
            known = self.index.get(text)
            if known is None:
                self.list.append(text)                     # before the index: whoever finds the number finds the text
                known = self.index[text] = len(self.list) - 1
        return known

    def __getitem__(self, i: int) -> str:
        return self.list[i]
