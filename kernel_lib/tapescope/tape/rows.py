"""What is known of the rows of a value beside their numbers: classes, answers, losses, pictures. They are kept as copies are: bounded, the newest always there, on disk with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .frame import Column
from .log import ItemLog
from .reduce import array_of, host

BATCH = "batch"                  # whose rows: the batch of a step, or "embedding/<tag>"
PREFIX = "rows/"
MOST_PICTURES = 256
SIDE = 32                        # pixels of a picture, at most
MOST_SCORES = 1 << 20


def head(owner: str) -> str:
    """What the keys of an owner's columns begin with; no name of a program's has a tab in it."""
    return f"{PREFIX}{owner}\t"


def note(log: ItemLog, owner: str, step: int, columns: Mapping[str, Any]) -> None:
    """Keeps a column for each name; pictures [n, c, h, w] become small ones, words become numbers and a list."""
    for name, value in columns.items():
        a = np.asarray(host(array_of(value)) if hasattr(value, "shape") else value)
        if name == "image":
            a = pictures(a)
        elif a.dtype.kind in "US":
            words, a = np.unique(a.reshape(-1), return_inverse=True)
            _keep(log, owner, step, "names", np.frombuffer(json.dumps([str(w) for w in words]).encode(), np.uint8))
        else:
            a = a.reshape(-1)
        _keep(log, owner, step, name, a.astype(np.int32 if a.dtype.kind in "iub" else np.float32) if name != "image" else a)


def _keep(log: ItemLog, owner: str, step: int, name: str, a: Column) -> None:
    log.add(head(owner) + name, step, a.nbytes + 128, (a, a.shape, str(a.dtype)))


def known(items: Iterable[tuple[str, Any]], owner: str) -> dict[str, Column]:
    """Columns by name, of (key, array) in the order in which they came; `names` as a list of words."""
    start, found = len(head(owner)), {}
    for key, a in items:
        found[key[start:]] = a
    return found


def named(columns: Mapping[str, Column]) -> dict[int, str]:
    """Words for the numbers of `label`."""
    return dict(enumerate(json.loads(columns["names"].tobytes()))) if "names" in columns else {}


def answers(scores: Any, target: Any) -> dict[str, Column]:
    """Of scores [n, C] and classes [n]: the class with the highest score, and the cross entropy of each row; nothing where these are no such."""
    if scores.ndim != 2 or target.ndim != 1 or len(scores) != len(target) or not 0 < scores.size <= MOST_SCORES or scores.dtype.kind != "f":
        return {}
    z = np.asarray(host(scores), np.float32)
    with np.errstate(all="ignore"):
        top = z.max(1)
        loss = top + np.log(np.exp(z - top[:, None]).sum(1)) - z[np.arange(len(z)), target.clip(0, z.shape[1] - 1)]
    return {"predicted": z.argmax(1).astype(np.int32), "loss": loss.astype(np.float32)}


def are_pictures(shape: tuple[int, ...]) -> bool:
    """Whether something of this shape is a batch of pictures: [n, 1 or 3, h, w]."""
    return len(shape) == 4 and shape[1] in (1, 3) and min(shape) > 0 and min(shape[2:]) > 3


def pictures(x: Column) -> Column:
    """Small pictures [m, h, w, 1 or 3] in bytes, of at most MOST_PICTURES rows of [n, c, h, w] or [n, h, w]: which rows, `pictured` says."""
    x = x[:, None] if x.ndim == 3 else x
    if not are_pictures(x.shape):
        raise ValueError(f"images are a tensor [n, 1 or 3, height, width] or [n, height, width], not {list(x.shape)}")
    x = x[pictured(len(x), min(len(x), MOST_PICTURES))]
    n, c, h, w = x.shape
    if x.dtype != np.uint8:
        x = np.nan_to_num(x.astype(np.float32))
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 1e-6)
        x = (x - low) / (high - low if high > 1 or low < 0 else 1.0) * 255
    k = -(-max(h, w) // SIDE)
    x = x[:, :, :h // k * k, :w // k * k].reshape(n, c, h // k, k, w // k, k).mean((3, 5))
    return np.ascontiguousarray(x.round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def pictured(n: int, m: int) -> Column:
    """Of which of n rows m pictures are."""
    return np.linspace(0, n - 1, m).astype(np.int64)
