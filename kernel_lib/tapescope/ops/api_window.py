"""Windows: what a piece of a signal is weighted with before its transform. The numbers are computed in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.layout import strided
from ..core.tensor import Tensor
from .creation import finish


def _made(name: str, m: int, sym: bool, shape: Callable[[Any, int], Any], layout: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """`shape(k, n)` at k = 0 .. m - 1, where n - 1 is the period: m of a symmetric window, m + 1 of a periodic one."""
    kind = dt.get_default_dtype() if dtype is None else dt.as_dtype(dtype)
    if not isinstance(m, int) or m < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={m}")
    if kind not in (dt.float32, dt.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    if layout not in (None, strided):
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if m == 0:
        values = np.empty(0)
    elif m == 1:
        values = np.ones(1)
    else:
        values = shape(np.arange(m, dtype=np.float64), m if sym else m + 1)
    return finish(np.asarray(values, kind.dtype), None, device, requires_grad)


def _positive(name: str, what: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"{what} must be positive, got: {value} instead.")


def general_cosine(M: int, *, a: Sequence[float], sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The sum of (-1)^i a_i cos(2 pi i k / (n - 1))."""
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _made("general_cosine", M, sym, lambda k, n: sum((-1) ** i * c * np.cos(2 * math.pi * i * k / (n - 1)) for i, c in enumerate(a)), layout, dtype, device, requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi k / (n - 1))."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hamming(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A raised cosine that does not reach zero: alpha = 0.54."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A raised cosine: alpha = 0.5."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def blackman(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Three cosines: 0.42, 0.5, 0.08."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def nuttall(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Four cosines: 0.3635819, 0.4891775, 0.1365995, 0.0106411."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A triangle: 1 - |2k / (n - 1) - 1|."""
    return _made("bartlett", M, sym, lambda k, n: 1 - np.abs(2 * k / (n - 1) - 1), layout, dtype, device, requires_grad)


def cosine(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Half a sine: sin(pi (k + 0.5) / n)."""
    return _made("cosine", M, sym, lambda k, n: np.sin(math.pi * (k + 0.5) / n), layout, dtype, device, requires_grad)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """exp(-((k - (n - 1) / 2) / std)² / 2)."""
    _positive("gaussian", "Standard deviation", std)
    return _made("gaussian", M, sym, lambda k, n: np.exp(-0.5 * ((k - (n - 1) / 2) / std) ** 2), layout, dtype, device, requires_grad)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
                requires_grad: bool = False) -> Tensor:
    """exp(-|k - center| / tau)."""
    _positive("exponential", "Tau", tau)
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return _made("exponential", M, sym, lambda k, n: np.exp(-np.abs(k - ((n - 1) / 2 if center is None else center)) / tau), layout, dtype, device, requires_grad)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """I_0(beta sqrt(1 - (2k / (n - 1) - 1)²)) / I_0(beta)."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _made("kaiser", M, sym, lambda k, n: np.i0(beta * np.sqrt(np.maximum(1 - (2 * k / (n - 1) - 1) ** 2, 0))) / np.i0(beta), layout, dtype, device, requires_grad)


# -- the older names, periodic unless told otherwise ---------------------------------------------------------------------------------------


def _older(f: Callable[..., Tensor], *names: str) -> Any:
    def call(window_length: int, periodic: bool = True, *numbers: float, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             pin_memory: bool = False, **named: float) -> Tensor:
        if window_length < 0:
            raise RuntimeError(f"{call.__name__} requires non-negative window_length, got window_length={window_length}")
        own = {**dict(zip(names, numbers, strict=False)), **named}
        return f(window_length, sym=not periodic, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad, **own)

    call.__name__ = call.__qualname__ = f.__name__ + "_window"
    call.__doc__ = f"`signal.windows.{f.__name__}` of that length, periodic unless told otherwise."
    return call


def _hamming(M: int, *, alpha: float = 0.54, beta: float = 0.46, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return general_cosine(M, a=[alpha, beta], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


_hamming.__name__ = "hamming"
hann_window, blackman_window, bartlett_window = _older(hann), _older(blackman), _older(bartlett)
hamming_window, kaiser_window = _older(_hamming, "alpha", "beta"), _older(kaiser, "beta")
