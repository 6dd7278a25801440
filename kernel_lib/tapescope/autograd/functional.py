"""`torch.autograd.functional`: Jacobians, Hessians and their products with vectors, of functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops as _ops
from ..core.autograd import grad
from ..core.grad_mode import enable_grad
from ..core.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
ops: Any = _ops
_STRICT = " This is not allowed in strict mode."


def _tuple(x: Any, what: str, where: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether several were given, and they as a tuple."""
    many = isinstance(x, tuple)
    found = x if many else (x,)
    for i, t in enumerate(found):
        if not isinstance(t, Tensor):
            if many:
                raise TypeError(f"The {what} given to {where} must be either a Tensor or a tuple of Tensors but the value at index {i} has type {type(t)}.")
            raise TypeError(f"The {what} given to {where} must be either a Tensor or a tuple of Tensors but the given {what} has type {type(t)}.")
    return many, found


def _fresh(inputs: tuple[Tensor, ...], create: bool) -> tuple[Tensor, ...]:
    """What the function is given: aliases within the graph when a graph is asked for, else leaves of a graph of their own."""
    return tuple(t.view_as(t) if create and t.requires_grad else t.detach().requires_grad_() for t in inputs)


def _done(x: Any, create: bool) -> Any:
    if isinstance(x, tuple):
        return tuple(_done(t, create) for t in x)
    return x if create else x.detach()


def _vector(v: Any, others: tuple[Tensor, ...], many: bool, where: str) -> tuple[Tensor, ...]:
    _, vs = _tuple(v, "v", where)
    if len(vs) != len(others):
        if many:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(others)} but got {len(vs)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(vs, others, strict=True)):
        if a.shape != b.shape:
            raise RuntimeError(f"{f'Entry {i} in ' if many else ''}v has invalid size: should be {b.shape} but got {a.shape}.")
    return vs


def _outputs(func: Callable[..., Any], xs: tuple[Tensor, ...], where: str, strict: bool) -> tuple[bool, tuple[Tensor, ...]]:
    many, ys = _tuple(func(*xs), "outputs of the user-provided function", where)
    if strict:
        for i, y in enumerate(ys):
            if not y.requires_grad:
                raise RuntimeError(f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner "
                                   "from the input when running in strict mode.")
    return many, ys


def _grad(ys: tuple[Tensor, ...], xs: tuple[Tensor, ...], vs: Any, create: bool, keep: bool = True) -> tuple[Tensor | None, ...]:
    """grad() over the outputs that depend on anything."""
    pairs = [(y, None if vs is None else vs[i]) for i, y in enumerate(ys) if y.requires_grad]
    if not pairs:
        return (None,) * len(xs)
    return grad([y for y, _ in pairs], xs, None if vs is None else [v for _, v in pairs], retain_graph=keep, create_graph=create, allow_unused=True)


def _filled(gs: tuple[Tensor | None, ...], like: tuple[Tensor, ...], strict: bool, create: bool, missing: str, constant: str) -> tuple[Tensor, ...]:
    """Zeros where there is no gradient; in strict mode an error there, and where a graph is asked for and there is none."""
    out = []
    for i, (g, t) in enumerate(zip(gs, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(missing.format(i))
            g = ops.zeros_like(t.detach())
        elif strict and create and not g.requires_grad:
            raise RuntimeError(constant.format(i))
        out.append(g)
    return tuple(out)


_INDEPENDENT = "The output of the user-provided function is independent of input {}." + _STRICT
_CONSTANT = "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict mode when create_graph=True."


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), vᵀ J): the product of a vector with the Jacobian."""
    with enable_grad():
        many, xs = _tuple(inputs, "inputs", "vjp")
        xs = _fresh(xs, create_graph)
        many_out, ys = _outputs(func, xs, "vjp", strict)
        if v is not None:
            vs: Any = _vector(v, ys, many_out, "vjp")
        elif len(ys) != 1 or ys[0].numel() != 1:
            raise RuntimeError("The vector v can only be None if the user-provided function returns a single Tensor with a single element.")
        else:
            vs = None
        found = _filled(_grad(ys, xs, vs, create_graph), xs, strict, create_graph, _INDEPENDENT, _CONSTANT)
    return _pack(_done(ys, create_graph), many_out), _pack(_done(found, create_graph), many)


def _pack(x: tuple[Any, ...], many: bool) -> Any:
    return x if many else x[0]


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), J v): the product of the Jacobian with a vector, by differentiating uᵀ J in u."""
    with enable_grad():
        many, xs = _tuple(inputs, "inputs", "jvp")
        xs = _fresh(xs, create_graph)
        if v is not None:
            vs = _vector(v, xs, many, "jvp")
        elif len(xs) != 1 or xs[0].numel() != 1:
            raise RuntimeError("The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.")
        else:
            vs = (ops.ones_like(xs[0].detach()),)
        many_out, ys = _outputs(func, xs, "jvp", strict)
        us = tuple(ops.zeros_like(y.detach()).requires_grad_() for y in ys)
        backs = _filled(_grad(ys, xs, us, True), xs, strict, False, _INDEPENDENT, "")
        found = _filled(_grad(backs, us, vs, create_graph), ys, strict, create_graph,
                        "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double backward trick to compute forward mode "
                        "gradients." + _STRICT, _CONSTANT)
    return _pack(_done(ys, create_graph), many_out), _pack(_done(found, create_graph), many_out)


def jacobian(func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
             strategy: str = "reverse-mode") -> Any:
    """Every derivative of every output: shape [*output, *input], for each pair of output and input.

    `vectorize` and `strategy` are accepted; rows are computed one by one.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, "forward-mode" tends '
                             'to be more performant. Otherwise, prefer to use "reverse-mode".')
    if strict and vectorize:
        raise RuntimeError("torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set `strict=False` or "
                           "`vectorize=False`.")
    with enable_grad():
        many, xs = _tuple(inputs, "inputs", "jacobian")
        xs = _fresh(xs, create_graph)
        many_out, ys = _outputs(func, xs, "jacobian", strict)
        rows: list[Any] = []
        for y in ys:
            parts: list[list[Tensor]] = [[] for _ in xs]
            flat = y.reshape(-1)
            for j in range(y.numel()):
                found = _filled(_grad((flat[j],), xs, None, create_graph), xs, strict, create_graph, _INDEPENDENT, _CONSTANT)
                for part, g in zip(parts, found, strict=True):
                    part.append(g)
            rows.append(tuple(ops.reshape(ops.stack(p), (*y.shape, *x.shape)) if p else ops.zeros((*y.shape, *x.shape), dtype=x.dtype)
                              for p, x in zip(parts, xs, strict=True)))
    rows = [_pack(_done(r, create_graph), many) for r in rows]
    return tuple(rows) if many_out else rows[0]


def _scalar(func: Callable[..., Any], where: str) -> Callable[..., Tensor]:
    def call(*xs: Tensor) -> Tensor:
        many, ys = _tuple(func(*xs), "outputs of the user-provided function", where)
        if many:
            raise RuntimeError(f"The function given to {where} should return a single Tensor")
        if ys[0].numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {where} should contain a single element")
        only: Tensor = ys[0].squeeze()
        return only
    return call


def hessian(func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
            outer_jacobian_strategy: str = "reverse-mode") -> Any:
    """Every second derivative of a function with one number as result: shape [*input, *input], for each pair of inputs."""
    many, _ = _tuple(inputs, "inputs", "hessian")
    single = _scalar(func, "hessian")

    def first(*xs: Tensor) -> Any:
        found = jacobian(single, xs if many else xs[0], create_graph=True)
        if strict:
            for i, g in enumerate(found if isinstance(found, tuple) else (found,)):
                if not g.requires_grad:
                    raise RuntimeError(f"While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is independent of "
                                       "the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that the "
                                       "jacobian depends on the inputs (this would be violated by a linear function for example).")
        return found

    return jacobian(first, inputs, create_graph, strict, False, outer_jacobian_strategy)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), vᵀ H): the product of a vector with the Hessian."""
    with enable_grad():
        many, xs = _tuple(inputs, "inputs", "vhp")
        xs = _fresh(xs, create_graph)
        vs = _of_hessian(v, xs, many, "vhp")
        y = _scalar(func, "vhp")(*xs)
        firsts = _filled(_grad((y,), xs, None, True), xs, strict, False, _INDEPENDENT, "")
        found = _filled(_grad(firsts, xs, vs, create_graph), xs, strict, create_graph,
                        "The jacobian of the user-provided function is independent of input {}." + _STRICT,
                        "The hessian of the user-provided function is independent of input {}. This is not allowed in strict mode when create_graph=True.")
    return _done(y, create_graph), _pack(_done(found, create_graph), many)


def _of_hessian(v: Any, xs: tuple[Tensor, ...], many: bool, where: str) -> tuple[Tensor, ...]:
    if v is not None:
        return _vector(v, xs, many, where)
    if len(xs) != 1 or xs[0].numel() != 1:
        raise RuntimeError("The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.")
    return (ops.ones_like(xs[0].detach()),)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), H v): the product of the Hessian with a vector. The Hessian is symmetric, so it is vᵀ H."""
    with enable_grad():
        many, xs = _tuple(inputs, "inputs", "hvp")
        _of_hessian(v, xs, many, "hvp")
    return vhp(func, inputs, v, create_graph, strict)
