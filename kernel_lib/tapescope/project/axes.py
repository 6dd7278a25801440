"""Axes that a reader chooses: a column of the rows, or the way from one group of rows to another."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .rows import Rows

_ID = re.compile(r"axes:([^:]*(?:\|[^:]*)*):(.+)", re.S)


def parsed(id: str) -> tuple[list[str], str]:
    """The axes of an id and the key behind them: "axes:3|cat>dog:activation/fc1" -> ["3", "cat>dog"]; an id without axes names its key alone."""
    found = _ID.fullmatch(id)
    return ([], id) if found is None else ([a.strip() for a in found[1].split("|") if a.strip()][:3] or ["0"], found[2])


def places(axes: list[str], rows: Rows) -> Any:
    """Where rows [n, d] stand on each axis [n, k].

    "3" is column 3, "loss" a value that is known of the rows, "cat" the way from the middle of all rows to those labelled cat, "cat>dog" from cat's to dog's; the
    middle is 0, and what is at the end of the way is 1. An axis that fits nothing raises ValueError, which says what there is.
    """
    return np.stack([_place(a, rows) for a in axes], 1)


def _place(axis: str, rows: Rows) -> Any:
    n, d = rows.x.shape
    if f"value/{axis}" in rows.columns:
        return rows.columns[f"value/{axis}"]
    if axis.lstrip("#").isdigit() and int(axis.lstrip("#")) < d and (axis.startswith("#") or ">" not in axis and not _label(axis, rows).any()):
        return rows.x[:, int(axis.lstrip("#"))]
    ends = [part.strip() for part in axis.split(">")]
    if len(ends) > 2 or not all(_label(e, rows).any() for e in ends):
        words = sorted(set(rows.about.get("names", {}).values())) or sorted({str(v) for v in ([] if rows.label is None else rows.label.tolist())})
        values = [c.removeprefix("value/") for c in rows.columns if c.startswith("value/")]
        raise ValueError(f"no axis {axis!r}: there are columns #0 to #{d - 1}" + (f", labels {', '.join(words[:12])}, and ways between two of them, such as {words[0]}>{words[-1]}" if words else "")
                         + (f", and {', '.join(values)}" if values else ""))
    middles = [rows.x[_label(e, rows)].mean(0) for e in ends]
    start, way = (rows.x.mean(0), middles[0] - rows.x.mean(0)) if len(ends) == 1 else (middles[0], middles[1] - middles[0])
    return (rows.x - start) @ way / max(float(way @ way), 1e-30)


def _label(text: str, rows: Rows) -> Any:
    """Rows whose label is this number or word."""
    if rows.label is None:
        return np.zeros(len(rows.pick), bool)
    wanted = [int(i) for i, word in rows.about.get("names", {}).items() if word == text]
    if not wanted and re.fullmatch(r"-?\d+", text):
        wanted = [int(text)]
    return np.isin(rows.label, wanted)
