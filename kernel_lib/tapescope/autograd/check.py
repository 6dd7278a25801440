"""Gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.autograd import grad
from ..core.grad_mode import no_grad
from ..core.tensor import Tensor, wrap
from ..ops.creation import rand


class GradcheckError(RuntimeError):
    """Analytic and numerical gradients differ; the message holds both."""


def _tensors(values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def _outputs(fn: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    return [o for o in _tensors(fn(*inputs)) if isinstance(o, Tensor) and o.dtype.category == 2]


def gradcheck(fn: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
              nondet_tol: float = 0.0, fast_mode: bool = False, check_undefined_grad: bool = True, **_: Any) -> bool:
    r"""Compares the vector-Jacobian products of `fn` with central differences, `(f(x + eps) - f(x - eps)) / (2 eps)`.

    `inputs` should be float64. `fast_mode` checks one random direction instead of every element.
    """
    given = _tensors(inputs)
    checked = [i for i, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.")
    for i in checked:
        if given[i]._array.dtype != np.float64:
            import warnings

            warnings.warn(f"Input #{i} requires gradient and is not a double precision floating point. This check will likely fail.", stacklevel=2)
    rng = np.random.default_rng(0)
    outs = _outputs(fn, given)
    for k, out in enumerate(outs):
        if not out.requires_grad:
            continue
        v = rng.standard_normal(out._array.shape)
        analytic = grad(_outputs(fn, given)[k], [given[i] for i in checked], wrap(np.asarray(v, out._array.dtype)), allow_unused=True)
        for i, a in zip(checked, analytic, strict=True):
            found = np.zeros(given[i]._array.shape) if a is None else a._array
            directions = [rng.standard_normal(found.shape)] if fast_mode else _units(found.shape)
            for d in directions:
                numeric = _difference(fn, given, i, d, eps, k, v)
                value = float((found * d).sum())
                if not abs(value - numeric) <= atol + rtol * abs(numeric):
                    if not raise_exception:
                        return False
                    where = "in a random direction" if fast_mode else f"at {tuple(int(x) for x in np.argwhere(d)[0])}"
                    raise GradcheckError(f"Jacobian mismatch for output {k} with respect to input {i} {where},\nnumerical:{numeric}\nanalytical:{value}\n")
    return True


def _units(shape: tuple[int, ...]) -> Any:
    for i in np.ndindex(*shape):
        d = np.zeros(shape)
        d[i] = 1
        yield d


def _difference(fn: Callable[..., Any], given: Sequence[Any], i: int, d: Any, eps: float, k: int, v: Any) -> float:
    values = []
    for s in (eps, -eps):
        moved = list(given)
        moved[i] = wrap(given[i]._array + s * d, req=True)
        with no_grad():
            values.append(float((_outputs(fn, moved)[k]._array * v).sum()))
    return (values[0] - values[1]) / (2 * eps)


def gradgradcheck(fn: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  raise_exception: bool = True, fast_mode: bool = False, gen_non_contig_grad_outputs: bool = False, **_: Any) -> bool:
    """gradcheck of the gradient of `fn`, with respect to its inputs and to the incoming gradients."""
    given = _tensors(inputs)
    checked = [i for i, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad]
    outs = [o for o in _outputs(fn, given) if o.requires_grad]
    vs = [wrap(np.asarray(rand(o._array.shape, dtype=o.dtype)._array * 2 - 1), req=True) for o in outs] if grad_outputs is None else list(_tensors(grad_outputs))

    def first(*args: Any) -> Any:
        xs, gs = list(args[:len(given)]), args[len(given):]
        again = [o for o in _outputs(fn, xs) if o.requires_grad]
        found = grad(again, [xs[i] for i in checked], gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g.requires_grad)

    def with_grad(*args: Any) -> Any:
        from ..core.grad_mode import enable_grad

        with enable_grad():
            fresh = [wrap(a._array, req=True) if isinstance(a, Tensor) and a.requires_grad and a._node is None and not _is(a, args0) else a for a in args]
            return first(*fresh)

    args0 = (*given, *vs)

    def _is(a: Any, many: Any) -> bool:
        return any(a is m for m in many)

    if not first(*args0):
        return True
    return gradcheck(with_grad, args0, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, fast_mode=fast_mode)
