"""Fourier transforms. Three ops, as in PyTorch: complex to complex, real to complex, complex to real; the rest is made of them.

A gradient is PyTorch's: the conjugate of the derivative, which for a transform is the opposite transform with the same factor. `scale` is 0 for none,
1 for 1 / sqrt(n), 2 for 1 / n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from .complex import real_part
from .shape import Shape, embed, slice_dim

_NORMS = (("backward", "forward"), ("ortho", "ortho"), ("forward", "backward"))      # NumPy's word for a scale: forwards, backwards


def _norm(scale: int, forward: bool) -> Any:
    return _NORMS[scale][0 if forward else 1]


def _keep(y: Any, x: Any) -> Any:
    """NumPy's result in the precision of what was given."""
    double = x.dtype in (np.float64, np.complex128)
    kind = (np.complex128 if double else np.complex64) if y.dtype.kind == "c" else np.float64 if double else np.float32
    return np.ascontiguousarray(y.astype(kind, copy=False)) if isinstance(y, np.ndarray) else y.astype(kind, copy=False)


@op(r"\mathcal{F}({x})", name="fft_c2c", node="FftC2C", holomorphic=False, grad_tex=r"\bar{x} = \mathcal{F}^{\mathsf{H}}(\bar{y})")
def c2c(x: Any, dims: Shape, scale: int, forward: bool) -> Any:
    """The transform of complex numbers."""
    f = module_of(x).fft
    return _keep((f.fftn if forward else f.ifftn)(x, axes=dims, norm=_norm(scale, forward)), x)


@op(r"\mathcal{F}({x})", name="fft_r2c", node="FftR2C", holomorphic=False, grad_tex=r"\bar{x} = \operatorname{Re}\,\mathcal{F}^{\mathsf{H}}(\bar{y})")
def r2c(x: Any, dims: Shape, scale: int, onesided: bool) -> Any:
    """The transform of real numbers; `onesided` leaves out the half of the last dimension that mirrors the other."""
    f = module_of(x).fft
    return _keep((f.rfftn if onesided else f.fftn)(x, axes=dims, norm=_norm(scale, True)), x)


@op(r"\mathcal{F}^{-1}({x})", name="fft_c2r", node="FftC2R", holomorphic=False, grad_tex=r"\bar{x} = \mathcal{F}(\bar{y}),\ \text{twice where mirrored}")
def c2r(x: Any, dims: Shape, scale: int, n: int) -> Any:
    """The opposite transform of the half that `r2c` gives, to `n` real numbers in the last of `dims`."""
    sizes = [x.shape[d] for d in dims[:-1]] + [n]
    return _keep(module_of(x).fft.irfftn(x, s=sizes, axes=dims, norm=_norm(scale, False)), x)


def _r2c_grad(g: Any, x_shape: Shape, dims: Shape, scale: int, onesided: bool) -> Any:
    if onesided:
        d = dims[-1]
        full = tuple(x_shape[d] if i == d else s for i, s in enumerate(g.shape))
        g = embed(g, full, (slice(None),) * d + (slice(0, g.shape[d], 1),))
    return real_part(c2c(g, dims, scale, False))


def _c2r_grad(g: Any, x_shape: Shape, dims: Shape, scale: int, n: int) -> Any:
    d = dims[-1]
    weight = np.ones(x_shape[d], np.float32)
    weight[1:x_shape[d] - (1 if n % 2 == 0 else 0)] = 2     # what stands for its mirror image, too
    y = r2c(g, dims, scale, True)
    if y.shape[d] > x_shape[d]:
        y = slice_dim(y, d, 0, x_shape[d], 1)
    return y * ar.constant(y, weight).reshape((-1,) + (1,) * (len(x_shape) - d - 1))


c2c.vjp(lambda g, dims, scale, forward: c2c(g, dims, scale, not forward))
r2c.vjp(_r2c_grad)
c2r.vjp(_c2r_grad)


