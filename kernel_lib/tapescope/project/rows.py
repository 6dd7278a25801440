"""Tensors as rows, and what is known of the rows."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import numpy as np

from ..tape import Frame
from ..tape import rows as known_rows


class Rows(NamedTuple):
    """Finite rows of a copy: `x` [n, d], which rows of the tensor they are, their classes or None, and what a frame says of them beside."""

    x: Any
    pick: Any
    label: Any
    about: dict[str, Any]
    columns: dict[str, Any]

    def frame(self, key: str, step: int, xyz: Any, method: str, **more: Any) -> Frame:
        """Their places as a frame: positions [n, 1 to 3], what is known of the rows, and about the method."""
        wide = np.zeros((len(self.pick), 3), np.float32)
        wide[:, :xyz.shape[1]] = xyz[:, :3]
        columns = {"xyz": wide.ravel(), "row": self.pick.astype(np.int32), **({} if self.label is None else {"label": self.label}), **self.columns}
        return Frame("projection", {"key": key, "step": step, "n": len(self.pick), "method": method, "explained": [], "width": int(self.x.shape[1]), **self.about, **more}, columns)


    def nothing(self, key: str, step: int, method: str, why: str) -> Frame:
        """Instead of places, why there are none."""
        return Frame("projection", {"key": key, "step": step, "n": 0, "method": method, "explained": [], "trouble": why}, {"xyz": np.zeros(0, np.float32)})


def rows_of(a: Any) -> Any:
    """A tensor as rows: the first dimension stays, the others become columns."""
    a = np.asarray(a, np.float64)
    return a.reshape(1, 1) if a.ndim == 0 else a.reshape(-1, 1) if a.ndim == 1 else a.reshape(len(a), -1)


def owner_of(key: str) -> str:
    """Whose rows those of a key are: of the step's batch, or of what was logged."""
    return key if key.startswith("embedding/") else known_rows.BATCH


def labelled(tape: Any, key: str, item: Any, most: int) -> Rows:
    """Of a copy of `key` at most `most` finite rows, and what is known of them: classes with their words, answers, numbers, whether there are pictures."""
    copy, shape, _ = item.data
    named = tape.rows_of(key, item.step, shape) if copy.shape == tuple(shape) else None
    x = rows_of(copy if named is None else copy.reshape(len(named[0]), -1))
    pick = np.flatnonzero(np.isfinite(x).all(1))
    if len(pick) > most:
        pick = np.sort(np.random.default_rng(0).choice(pick, most, replace=False))
    about: dict[str, Any] = {"of": len(x)}
    if named is not None:
        label = np.asarray(named[0])[pick].astype(np.int32)
        return Rows(x[pick], pick, label, about | {"names": {str(i): named[1][i] for i in np.unique(label).tolist() if i in named[1]}}, {})
    whole = bool(shape) and len(copy) == shape[0]
    known = tape.known_rows(owner_of(key), item.step) if whole else {}
    labels = known.pop("label", None) if "label" in known or owner_of(key) != known_rows.BATCH else tape.labels_of(item.step)
    names, image = known_rows.named(known), known.pop("image", None)
    known.pop("names", None)
    if image is not None:
        about["pictures"] = zlib.crc32(image.tobytes())
    columns = {}
    for name, a in known.items():
        if len(a) == len(x):
            columns["predicted" if name == "predicted" else f"value/{name}"] = a[pick].astype(np.int32 if name == "predicted" else np.float32)
    if labels is None or not whole or len(labels) != len(copy):
        return Rows(x[pick], pick, None, about, columns)
    label = np.asarray(labels)[pick].astype(np.int32)
    if names:
        about["names"] = {str(i): names[i] for i in np.unique(label).tolist() if i in names}
    return Rows(x[pick], pick, label, about, columns)
