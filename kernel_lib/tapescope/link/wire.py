"""What goes over the wire: frames as a JSON header with one buffer a column, recordings as a list."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tape import Frame, registry

_DTYPES = {"bool": "u1", "uint8": "u1", "uint16": "u2", "uint32": "u4", "int8": "i4", "int16": "i4", "int32": "i4", "int64": "i4",
           "float16": "f4", "float32": "f4", "float64": "f8"}


def encode(frame: Frame) -> tuple[dict[str, Any], list[Any], int]:
    """(header, buffers, highest string number that a column refers to, or -1).

    Every buffer is fresh, contiguous memory: a transport may keep a large buffer without copying it and send it later, when the
    tape's own memory could have changed. Raises TypeError for a column that the wire cannot carry.
    """
    columns, buffers, highest = [], [], -1
    for name, column in frame.columns.items():
        a = np.asarray(column)
        kind = _DTYPES.get(a.dtype.name)
        if kind is None:
            raise TypeError(f"column {frame.kind}.{name} has dtype {a.dtype}, which the wire does not carry")
        fresh = np.array(a, dtype="<" + kind, copy=True, order="C").reshape(-1)
        columns.append([name, kind, fresh.size])
        buffers.append(fresh)
        if kind == "u4" and name != "count" and fresh.size:        # all other u4 columns are numbers of strings
            highest = max(highest, int(fresh.max()))
    return {"type": "frame", "kind": frame.kind, "meta": plain(frame.meta), "columns": columns}, buffers, highest


def listing() -> list[dict[str, Any]]:
    """The recordings of this process, oldest first."""
    return [{"id": t.id, "name": t.name, "state": t.state, "step": t.step_number, "began": t.began, "params": plain(t.params), "capabilities": dict(t.capabilities)}
            for t in registry.list()]


def plain(value: Any) -> Any:
    """A value as JSON can hold it: what is not finite becomes null, NumPy's numbers become Python's, anything else its text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return str(value)
