"""Words for numbers: the tokens that a model has read name the rows of its activations, the axes of its attention maps and the rows of its embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MOST = 20_000                      # words that one frame carries
STEPS = 256                        # whose tokens are kept


def vocabulary(tokenizer: Any) -> dict[int, str]:
    """Token by number: of a tokenizer with `get_vocab()`, of a mapping or of a sequence. Raises TypeError for anything else."""
    if hasattr(tokenizer, "get_vocab"):
        return {int(i): str(t) for t, i in tokenizer.get_vocab().items()}
    if isinstance(tokenizer, Mapping):
        return {int(i): str(t) for i, t in tokenizer.items()}
    if isinstance(tokenizer, Sequence) and not isinstance(tokenizer, str):
        return dict(enumerate(map(str, tokenizer)))
    raise TypeError(f"tokenizer is one of transformers', a mapping from numbers to tokens, or a sequence of tokens, not {type(tokenizer).__name__}")


class Tokens:
    """What the newest steps have read: [batch, time] numbers, as they come to the largest embedding."""

    def __init__(self, words: dict[int, str]) -> None:
        self.words = words
        self.read: dict[int, Any] = {}         # step -> numbers
        self._rows = 0
        self.version = 0

    def embedded(self, step: int, rows: int, ids: Any) -> None:
        """An embedding of so many rows looks numbers up."""
        if ids.ndim != 2 or (step in self.read and rows <= self._rows):
            return                             # positions and token types are smaller tables
        self._rows = rows
        self.version += 1
        self.read[step] = np.array(ids, np.int64)
        while len(self.read) > STEPS:
            del self.read[next(iter(self.read))]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a recording on disk keeps."""
        return {"rows": self._rows, "words": [[i, w] for i, w in self.words.items()], "read": [[step, ids.tolist()] for step, ids in list(self.read.items())]}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Tokens:
        made = cls({int(i): str(w) for i, w in told["words"]})
        made._rows = int(told["rows"])
        made.read = {int(step): np.array(ids, np.int64) for step, ids in told["read"]}
        return made

    def say(self, number: int) -> str:
        return self.words.get(number, str(number))

    def axes(self, key: str, step: int, shape: Sequence[int]) -> list[dict[str, Any]]:
        """Which axes of a value have names: `{axis, words}`, or `{axis, by: 0, words of each row}` where they differ along the batch."""
        if key.startswith(("weight/", "grad/")):
            rows = shape[0] if len(shape) == 2 else 0
            return [{"axis": 0, "words": [self.say(i) for i in range(rows)]}] if rows == self._rows and rows <= MOST else []
        ids = self.read.get(step)
        if ids is None or len(shape) < 2 or ids.size > MOST or shape[0] != len(ids):
            return []
        time = ids.shape[1]
        named = [d for d in range(1, len(shape)) if shape[d] == time and (d == 1 or (key.startswith("attention/") and d >= 2))]
        words = [[self.say(i) for i in row] for row in ids.tolist()] if named else []
        return [{"axis": d, "by": 0, "words": words} for d in named]

    def labels(self, key: str, step: int, shape: Sequence[int]) -> tuple[Any, dict[int, str]] | None:
        """A number for each row of [batch, time, width], or of an embedding's table, and the words for these numbers."""
        if key.startswith("weight/"):
            if len(shape) != 2 or shape[0] != self._rows:
                return None
            return np.arange(shape[0]), {i: self.say(i) for i in range(min(shape[0], MOST))}
        ids = self.read.get(step)
        if ids is None or len(shape) != 3 or tuple(shape[:2]) != ids.shape:
            return None
        return ids.reshape(-1), {i: self.say(i) for i in np.unique(ids).tolist()}
