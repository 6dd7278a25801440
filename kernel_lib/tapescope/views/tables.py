"""Rows of a recording as tables of other libraries: CSV, pandas, Arrow, Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from ..tape import Tape
from .rows import Rows

KINDS = ("scalars", "stats", "histograms")


def table(tape: Tape, kind: str) -> dict[str, Any]:
    """Columns of all rows, sorted by name; names as text, of histograms `first` and a list of counts. Raises ValueError for another kind."""
    if kind not in KINDS:
        raise ValueError(f"there are tables of {', '.join(KINDS)}, not of {kind!r}")
    c = Rows(tape, kind, whole=True).columns
    if not c:
        return {}
    key = "tag" if kind == "scalars" else "key"
    names = np.array([*tape.strings], object)
    found: dict[str, Any] = {key: names[c[key]], **{n: v for n, v in c.items() if n != key}}
    if kind == "histograms":
        ends = np.cumsum(found.pop("length"), dtype=np.int64)
        found["count"] = np.split(found["count"], ends[:-1])
    return found


def to_csv(tape: Tape, path: str | Path | None = None, kind: str = "scalars") -> Any:
    """CSV text, or the path that it was written to; nan and inf by name."""
    columns = table(tape, kind)
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(columns)
    rows.writerows(zip(*(["".join(str(x.tolist())) for x in c] if isinstance(c, list) else c.tolist() for c in columns.values()), strict=True))
    if path is None:
        return out.getvalue()
    Path(path).write_text(out.getvalue(), encoding="utf-8", newline="")
    return Path(path)


def to_pandas(tape: Tape, kind: str = "scalars") -> Any:
    """A DataFrame."""
    import pandas as pd

    return pd.DataFrame(table(tape, kind))


def to_arrow(tape: Tape, kind: str = "scalars", path: str | Path | None = None) -> Any:
    """A pyarrow Table, or the path of the Arrow file that it was written to."""
    pa = _pyarrow()
    columns = table(tape, kind)
    made = pa.table({n: pa.array([x.tolist() for x in c]) if isinstance(c, list) else pa.array(c).dictionary_encode() if c.dtype == object else pa.array(c) for n, c in columns.items()})
    if path is None:
        return made
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made)
    return Path(path)


def to_parquet(tape: Tape, path: str | Path, kind: str = "scalars") -> Path:
    """A Parquet file."""
    _pyarrow()
    import pyarrow.parquet

    pyarrow.parquet.write_table(to_arrow(tape, kind), str(path), compression="zstd")
    return Path(path)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise ImportError("Arrow and Parquet are written by pyarrow: pip install 'tapescope[arrow]'") from None
    return pyarrow
