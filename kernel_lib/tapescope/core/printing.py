"""Tensors as text, digit for digit as PyTorch prints them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import dtype as dt
from .device import device, move
from .sparse import Rows
from .state import numbers
from .tensor import Tensor


class _Options:
    precision = 4
    threshold: float = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode: bool | None = None


options = _Options()


def set_printoptions(precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
                     linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None) -> None:
    """Sets how tensors print: digits, when to summarise, items at the edges, width, scientific notation."""
    if profile is not None:
        known = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}
        if profile not in known:
            raise ValueError(f"profile must be one of {sorted(known)}, got {profile!r}")
        options.precision, options.threshold, options.edgeitems, options.linewidth = known[profile]
    for name, value in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems), ("linewidth", linewidth)):
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


class _Formatter:
    """Chooses one format for all elements that will be printed."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.floating = values.dtype.kind == "f"
        self.integral = True
        self.sci = False
        self.width = 1
        if not self.floating:
            for v in values.ravel().tolist():
                self.width = max(self.width, len(str(v)))
            return
        flat = values.ravel().astype(np.float64)
        finite = flat[np.isfinite(flat) & (flat != 0)]
        if finite.size == 0:
            return                                         # zeros, NaN and infinities stand as they come
        magnitude = np.abs(finite)
        low, high = float(magnitude.min()), float(magnitude.max())
        self.integral = bool((np.ceil(finite) == finite).all())
        if self.integral:
            self.sci = high / low > 1000.0 or high > 1.0e8
        else:
            self.sci = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        if options.sci_mode is not None:
            self.sci = options.sci_mode
        for v in finite:
            self.width = max(self.width, len(self._number(v)))

    def _number(self, v: float) -> str:
        if self.sci:
            return f"{v:.{options.precision}e}"
        if self.integral:
            return f"{v:.0f}."
        return f"{v:.{options.precision}f}"

    def text(self, v: Any) -> str:
        if not self.floating:
            return str(v)
        if not math.isfinite(v):
            return str(float(v))
        return self._number(v)

    def __call__(self, v: Any) -> str:
        text = self.text(v)
        return " " * (self.width - len(text)) + text


class _Complex:
    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.real, self.imag = _Formatter(values.real), _Formatter(values.imag)

    @property
    def width(self) -> int:
        return self.real.width + self.imag.width + 1

    def __call__(self, v: complex) -> str:
        imag = self.imag(v.imag).lstrip()
        return self.real(v.real) + ("" if imag.startswith("-") else "+") + imag + "j"


def _shown(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that survive summarising."""
    for axis in range(a.ndim):
        if a.shape[axis] > 2 * options.edgeitems:
            a = np.concatenate([np.take(a, range(options.edgeitems), axis), np.take(a, range(-options.edgeitems, 0), axis)], axis)
    return a


def _lines(a: np.ndarray[Any, Any], indent: int, summarise: bool, fmt: Any) -> str:
    if a.ndim == 0:
        return str(fmt(a.item()))
    edge = options.edgeitems
    if a.ndim == 1:
        per_line = max(1, math.floor((options.linewidth - indent) / (fmt.width + 2)))
        if summarise and a.shape[0] > 2 * edge:
            data = [fmt(v) for v in a[:edge].tolist()] + [" ..."] + [fmt(v) for v in a[-edge:].tolist()]
        else:
            data = [fmt(v) for v in a.tolist()]
        rows = [data[i:i + per_line] for i in range(0, len(data), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(", ".join(r) for r in rows) + "]"
    if summarise and a.shape[0] > 2 * edge:
        parts = [_lines(x, indent + 1, summarise, fmt) for x in a[:edge]] + ["..."] + [
            _lines(x, indent + 1, summarise, fmt) for x in a[-edge:]]
    else:
        parts = [_lines(x, indent + 1, summarise, fmt) for x in a]
    return "[" + ("," + "\n" * (a.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def contents(a: np.ndarray[Any, Any], indent: int) -> str:
    """The nested brackets of an array."""
    summarise = a.size > options.threshold
    shown = _shown(a) if summarise else a
    fmt = _Complex(shown) if a.dtype.kind == "c" else _Formatter(shown)
    return _lines(a, indent, summarise, fmt)


def tensor_text(t: Tensor) -> str:
    """`tensor([1., 2.], grad_fn=<AddBackward0>)`."""
    if isinstance(t._array, Rows):
        return _sparse_text(t._array)
    a = move(t._array, device("cpu"))
    a = a.astype(np.float32) if a.dtype is numbers.bfloat16 else a
    prefix = "tensor("
    suffixes: list[str] = []
    if t.is_cuda:
        suffixes.append(f"device='{t.device}'")
    d = t.dtype
    shows = {dt.get_default_dtype(), dt.int64, dt.bool_}
    if dt.get_default_dtype() is dt.float32:
        shows.add(dt.complex64)
    if a.size == 0:
        text = "[]"
        if a.ndim != 1:
            suffixes.append(f"size={tuple(a.shape)}")
        if d is not dt.get_default_dtype():
            suffixes.append(f"dtype={d}")
    else:
        if d not in shows:
            suffixes.append(f"dtype={d}")
        text = contents(a, len(prefix))
    if t._node is not None:
        suffixes.append(f"grad_fn=<{t._node.op.node_name}>")
    elif t._req:
        suffixes.append("requires_grad=True")
    out = [prefix + text]
    last = len(out[0]) - out[0].rfind("\n") + 1           # PyTorch counts two more than there are
    for s in suffixes:
        if last + len(s) + 2 > options.linewidth:
            out.append(",\n" + " " * len(prefix) + s)
            last = len(prefix) + len(s)
        else:
            out.append(", " + s)
            last += len(s) + 2
    return "".join(out) + ")"


def _sparse_text(rows: Rows) -> str:
    """Coordinates and values, as PyTorch prints them."""
    parts = []
    for name, a in (("indices", rows.indices), ("values", rows.values)):
        a = move(a, device("cpu"))
        text = f"tensor([], size={tuple(a.shape)}" if not a.size else "tensor(" + contents(a, len(f"tensor({name}=tensor("))
        parts.append(f"{name}={text})")
    where = f", device='{rows.device}'" if rows.device.type != "cpu" else ""
    d = dt.of(rows.values)
    kind = f", dtype={d}" if d is not dt.get_default_dtype() and (d is not dt.int64) else ""
    return f"tensor({parts[0]},\n       {parts[1]},\n       size={tuple(rows.shape)}, nnz={rows.indices.shape[1]}{where}{kind}, layout=torch.sparse_coo)"


Tensor._format = staticmethod(tensor_text)
