"""Complex numbers: their parts, and what they are made of.

A gradient is PyTorch's: the conjugate of the derivative, so that a step against it goes downhill. The rules here conjugate by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.op import op
from ..core.symbol import POWER, Symbol
from ..core.tensor import Tensor
from .shape import select, transpose


def is_complex(x: Any) -> bool:
    """Whether an array or Tensor holds complex numbers."""
    return not isinstance(x, Symbol) and (x._array if isinstance(x, Tensor) else x).dtype.kind == "c"


def adjoint(x: Any) -> Any:
    """The conjugated transpose of the last two dimensions; on arrays, Tensors and Symbols."""
    if isinstance(x, Symbol):
        return Symbol(rf"{x._tight()}^{{\mathsf{{H}}}}", POWER)
    y = transpose(x, -2, -1)
    return y.conj() if is_complex(x) else y


def real_part(x: Any) -> Any:
    """The real part where there is another; on arrays, Tensors and Symbols."""
    return x.real if isinstance(x, Symbol) or is_complex(x) else x


def imag_part(x: Any) -> Any:
    """The imaginary part, 0 where there is none; on arrays and Tensors."""
    return x.imag if isinstance(x, Symbol) or is_complex(x) else x * 0


setattr(Symbol, "conj", lambda s: Symbol(rf"\overline{{{s.tex}}}"))
setattr(Symbol, "real", property(lambda s: Symbol(rf"\operatorname{{Re}}({s.tex})")))
setattr(Symbol, "imag", property(lambda s: Symbol(rf"\operatorname{{Im}}({s.tex})")))


@op(r"\overline{{x}}", name="conj", holomorphic=False)
def conj_op(x: Any) -> Any:
    return np.conjugate(x)


conj_op.vjp(lambda g: g.conj())


@op(r"\operatorname{Re}({x})", name="real", view=True)
def real_op(x: Any) -> Any:
    return x.real


@op(r"\operatorname{Im}({x})", name="imag", view=True, grad_tex=r"\bar{x} = i\,\bar{y}")
def imag_op(x: Any) -> Any:
    return x.imag


real_op.vjp(lambda g: g)                                   # the engine casts it to what it belongs to
imag_op.vjp(lambda g: g * 1j)


@op(r"\left(\operatorname{Re}({x}), \operatorname{Im}({x})\right)", name="view_as_real", view=True, grad_tex=r"\bar{x} = \bar{y}_0 + i\,\bar{y}_1")
def view_as_real_op(x: Any) -> Any:
    part = x.real                                          # a view, whatever the strides
    if isinstance(x, np.ndarray):
        return np.lib.stride_tricks.as_strided(part, (*x.shape, 2), (*x.strides, part.itemsize))
    return x[..., None].view(part.dtype)


@op(r"{x}_0 + i\,{x}_1", name="view_as_complex", view=True, grad_tex=r"\bar{x} = \left(\operatorname{Re} \bar{y}, \operatorname{Im} \bar{y}\right)", holomorphic=False)
def view_as_complex_op(x: Any) -> Any:
    return x.view(np.complex128 if x.dtype == np.float64 else np.complex64)[..., 0]


def _joined(g: Any) -> Any:
    return view_as_complex_op(g.contiguous() if isinstance(g, Tensor) else np.ascontiguousarray(g) if isinstance(g, np.ndarray) else g.copy())


view_as_real_op.vjp(_joined)
view_as_complex_op.vjp(lambda g: view_as_real_op(g))


@op(r"{re} + i\,{im}", operands=2, name="complex", grad_tex=r"\bar{a} = \operatorname{Re} \bar{y} \\ \bar{b} = \operatorname{Im} \bar{y}", holomorphic=False)
def complex_op(re: Any, im: Any) -> Any:
    shape = np.broadcast_shapes(re.shape, im.shape)
    y = np.empty_like(re, shape=shape, dtype=np.complex128 if re.dtype == np.float64 else np.complex64)
    y.real[...], y.imag[...] = re, im
    return y


complex_op.vjp(lambda g: real_part(g), lambda g: imag_part(g))


@op(r"{r}\,e^{i\,{phi}}", operands=2, name="polar", holomorphic=False,
    grad_tex=r"\bar{r} = \operatorname{Re}(\overline{\bar{y}}\,e^{i\varphi}) \\ \bar{\varphi} = \operatorname{Re}(\overline{\bar{y}}\,i\,y)")
def polar_op(r: Any, phi: Any) -> Any:
    shape = np.broadcast_shapes(r.shape, phi.shape)
    y = np.empty_like(r, shape=shape, dtype=np.complex128 if r.dtype == np.float64 else np.complex64)
    y.real[...], y.imag[...] = r * np.cos(phi), r * np.sin(phi)
    return y


def _unit(r: Any, phi: Any) -> Any:
    return polar_op((r * 0 + 1).detach() if isinstance(r, Tensor) else np.ones_like(r), phi)


polar_op.vjp(lambda g, r, phi: real_part(g.conj() * _unit(r, phi)), lambda g, y: real_part(g.conj() * (y * 1j)))


@op(r"\arg({x})", name="angle", holomorphic=False, grad_tex=r"\bar{x} = \bar{y}\,\frac{i\,x}{|x|^2}")
def angle_op(x: Any) -> Any:
    if x.dtype.kind in "biu":
        x = x.astype(dt.get_default_dtype().dtype)
    if x.dtype.kind == "c":
        return np.angle(x)
    y = np.asarray((x < 0).astype(x.dtype) * x.dtype.type(np.pi))
    np.copyto(y, x, where=np.isnan(x))
    return y


def _angle_grad(g: Any, x: Any) -> Any:
    if not is_complex(x):
        return g * 0
    size = real_part(x) * real_part(x) + imag_part(x) * imag_part(x)
    zero = size == 0
    return g * (x * 1j) / (size + zero) * (zero == False)          # noqa: E712 - elementwise


angle_op.vjp(_angle_grad)


# -- as PyTorch calls them -----------------------------------------------------------------------------------------------------


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    return conj_op(input) if is_complex(input) else input


def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate, computed at once."""
    return conj_op(input) if is_complex(input) else input


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugations are never put off."""
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negations are never put off."""
    return input


def is_conj(input: Tensor) -> bool:
    """Whether a conjugation has been put off: never."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a negation has been put off: never."""
    return False


def real(input: Tensor) -> Tensor:
    """The real parts, sharing memory; a real tensor itself."""
    return real_op(input) if is_complex(input) else input


def imag(input: Tensor) -> Tensor:
    """The imaginary parts, sharing memory."""
    if not is_complex(input):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select(view_as_real_op(input), input._array.ndim, 1)


def view_as_real(input: Tensor) -> Tensor:
    """Complex numbers as pairs in one more dimension of size 2, sharing memory."""
    if not is_complex(input):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return view_as_real_op(input)


def view_as_complex(input: Tensor) -> Tensor:
    """Pairs in the last dimension as complex numbers, sharing memory."""
    a = input._array
    if a.dtype not in (np.float32, np.float64, np.float16):
        raise RuntimeError(f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {input.dtype.tensor_name}")
    if a.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if a.strides[-1] != a.itemsize and a.size:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    return view_as_complex_op(input)


def _real_pair(a: Tensor, b: Tensor, name: str, first: str, second: str) -> None:
    for position, (what, t) in enumerate(((first, a), (second, b)), 1):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}(): argument '{what}' (position {position}) must be Tensor, not {type(t).__name__}")
    for t in (a, b):
        if t._array.dtype.kind != "f":
            raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {a.dtype.tensor_name} and {b.dtype.tensor_name}")
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(f"Expected object of scalar type {a.dtype.tensor_name} but got scalar type {b.dtype.tensor_name} for second argument")


def complex(real: Tensor, imag: Tensor, *, out: Any = None) -> Tensor:
    """real + i imag."""
    from ..core.pointwise import write_out

    _real_pair(real, imag, "complex", "real", "imag")
    y = complex_op(real, imag)
    if out is not None and out._array.dtype != y._array.dtype:
        raise RuntimeError(f"Expected object of scalar type {y.dtype.tensor_name} but got scalar type {out.dtype.tensor_name} for argument 'out'")
    return y if out is None else write_out(out, y)


def polar(abs: Tensor, angle: Tensor, *, out: Any = None) -> Tensor:
    """abs * exp(i angle)."""
    from ..core.pointwise import write_out

    _real_pair(abs, angle, "polar", "abs", "angle")
    y = polar_op(abs, angle)
    return y if out is None else write_out(out, y)


def angle(input: Tensor, *, out: Any = None) -> Tensor:
    """The angle of each number in radians; pi for negative real ones."""
    from ..core.pointwise import write_out

    y = angle_op(input)
    return y if out is None else write_out(out, y)


def isreal(input: Tensor) -> Tensor:
    """Whether the imaginary part is 0."""
    from .pointwise import eq

    return eq(imag_op(input).detach(), 0) if is_complex(input) else _all_true(input)


def _all_true(input: Tensor) -> Tensor:
    from ..core.tensor import wrap

    return wrap(np.ones_like(input._array, dtype=bool))

