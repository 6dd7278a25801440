"""What the special functions stand on: polynomials over pieces of the line, in double precision, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.arrays import beside
from ..core.device import module_of
from ..core.pointwise import binary, unary
from .special_tables import TABLES

_BLOCK = 1 << 14                       # doubles: a handful of such buffers stay in a second-level cache
Kernel = Callable[..., Any]


def horner(coefficients: tuple[float, ...], t: Any) -> Any:
    """The polynomial with these coefficients, lowest power first."""
    y = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:
        y *= t
        y += c
    return y


def table(name: str, u: Any) -> Any:
    """A function of the tables at `u`, which lies within its pieces."""
    parts = TABLES[name]
    return choose(u, tuple(p[1] for p in parts[:-1]), *[_piece(*p) for p in parts])


def _piece(low: float, high: float, coefficients: tuple[float, ...]) -> Kernel:
    scale, shift = 2 / (high - low), (low + high) / (high - low)
    return lambda u: horner(coefficients, u * scale - shift)


def choose(x: Any, edges: tuple[float, ...], *rules: Kernel) -> Any:
    """Each element by the rule of its interval: rules[0] below edges[0], the last one from the last edge on, and for NaN."""
    if len(rules) == 1 or x.size == 0:
        return rules[0](x)
    which = np.searchsorted(edges, x, "right")
    first = which[0]
    if (which == first).all():
        return rules[first](x)
    y = np.empty_like(x)
    for i, rule in enumerate(rules):
        at = np.flatnonzero(which == i)
        if at.size:
            y[at] = rule(x[at])
    return y


def where_true(mask: Any, y: Any, f: Kernel, *xs: Any) -> Any:
    """`y` with f(xs) where the mask is true."""
    at = np.flatnonzero(mask)
    if at.size:
        y[at] = f(*[x[at] for x in xs])
    return y


def in_double(kernel: Kernel, cuda: str) -> Kernel:
    """`kernel`, which takes flat doubles, for arrays of any real type and shape; on a GPU CuPy's function of that name."""
    def raw(*given: Any) -> Any:
        main = next((x for x in given if hasattr(x, "__cuda_array_interface__")), None)
        if main is None:
            main = next((x for x in given if hasattr(x, "dtype")), None)
        if main is None:
            raise TypeError(f"{cuda}(): argument 'input' (position 1) must be Tensor, not {type(given[0]).__name__}")
        if module_of(main) is not np:
            import cupyx.scipy.special as device

            if not hasattr(device, cuda):                   # what CuPy lacks is computed on the host
                return beside(main, raw(*[x.get() if hasattr(x, "get") else x for x in given]))
            found = getattr(device, cuda)(*[beside(main, x) for x in given])
            return found[0] if isinstance(found, tuple) else found           # airy gives four functions at once
        arrays = [np.asarray(x) for x in given]
        kept = np.result_type(*[a.dtype for a, x in zip(arrays, given, strict=True) if hasattr(x, "dtype")])
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
        flat = [np.broadcast_to(a, shape).reshape(-1).astype(np.float64, copy=False) for a in arrays]
        y = np.empty(shape, kept if kept.kind == "f" else dt.get_default_dtype().dtype)
        out = y.reshape(-1)
        with np.errstate(all="ignore"):
            for i in range(0, out.size, _BLOCK):
                out[i:i + _BLOCK] = kernel(*[f[i:i + _BLOCK] for f in flat])
        return y
    return raw


def special(tex: str, kernel: Kernel, *, name: str, node: str | None = None, grad_tex: str | None = None, cuda: str | None = None) -> Any:
    """Declares a function of one real operand by its kernel on flat doubles."""
    return unary(tex, in_double(kernel, cuda or name.removeprefix("special_")), name=name, node=node, to_float=True, grad_tex=grad_tex)


def special2(tex: str, kernel: Kernel, *, name: str, node: str | None = None, grad_tex: str | None = None, cuda: str | None = None,
             differentiable: bool = True) -> Any:
    """Declares a function of two real operands that broadcast, by its kernel on flat doubles."""
    return binary(tex, in_double(kernel, cuda or name.removeprefix("special_")), name=name, node=node, to_float=True, grad_tex=grad_tex,
                  differentiable=differentiable)


def missing(name: str) -> Any:
    """The vjp of what PyTorch does not differentiate either."""
    def rule(g: Any) -> Any:
        raise NotImplementedError(f"derivative for aten::{name} is not implemented")
    return rule
