"""`torch.func`: functions that take functions. Gradients nest to any depth; `vmap` runs its function once a row and stacks what it gives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from . import ops as _ops
from .core.autograd import grad as _grad
from .core.grad_mode import enable_grad
from .core.tensor import Tensor

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "stack_module_state", "vjp", "vmap"]
ops: Any = _ops
_level = 0


# -- nested tuples, lists and dicts ------------------------------------------------------------------------------------------------


def _flat(tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """The leaves of a tree, and what puts others in their place."""
    if isinstance(tree, (tuple, list)):
        parts = [_flat(x) for x in tree]
    elif isinstance(tree, dict):
        parts = [_flat(x) for x in tree.values()]
    else:
        return [tree], lambda leaves: next(leaves)

    def build(leaves: Iterator[Any]) -> Any:
        made = [b(leaves) for _, b in parts]
        if isinstance(tree, dict):
            return dict(zip(tree, made, strict=True))
        return type(tree)(*made) if hasattr(tree, "_fields") else type(tree)(made)
    return [leaf for leaves, _ in parts for leaf in leaves], build


def _map(f: Callable[[Any], Any], tree: Any) -> Any:
    leaves, build = _flat(tree)
    return build(iter([f(x) for x in leaves]))


@contextmanager
def _nested() -> Iterator[bool]:
    """Whether another transformation is under way around this one: then its graph is needed."""
    global _level
    _level += 1
    try:
        with enable_grad():
            yield _level > 1
    finally:
        _level -= 1


def _called(name: str, func: Callable[..., Any], args: Any, named: Any, has_aux: bool) -> tuple[Any, Any]:
    """What a function gives, and what it gives beside it with `has_aux`."""
    out = func(*args, **named)
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return out


def _asked(deep: bool, *trees: Any) -> bool:
    """Whether somebody around differentiates what comes out: then it stays connected."""
    return deep or any(isinstance(x, Tensor) and x.requires_grad for t in trees for x in _flat(t)[0])


def _inside(x: Any) -> Any:
    """What the function is given: an alias within the graph of whoever asks, else a leaf."""
    if not isinstance(x, Tensor) or not x.dtype.is_floating_point and not x.dtype.is_complex:
        return x
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


# -- gradients -----------------------------------------------------------------------------------------------------------------------


def grad_and_value(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives (gradient, value), of a function with one number as result; with `has_aux` (gradient, (value, aux))."""
    @functools.wraps(func)
    def call(*args: Any, **named: Any) -> Any:
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for k in chosen:
            if not -len(args) <= k < len(args):
                raise RuntimeError(f"Got argnum={k}, but only {len(args)} positional inputs")
        with _nested() as deep:
            given = list(args)
            for k in chosen:
                given[k] = _map(_inside, args[k])
            out, aux = _called("grad_and_value(f)(*args)", func, given, named, has_aux)
            if not isinstance(out, Tensor):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return tensor, got {type(out)}")
            if out.dim() != 0:
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with {out.dim()} dims. Maybe you wanted to use the "
                                   "vjp or jacrev APIs instead?")
            leaves, build = _flat(tuple(given[k] for k in chosen))
            create = _asked(deep, args)
            found = _gradients((out,), leaves, None, create)
            made = build(iter(found))
        made = made[0] if isinstance(argnums, int) else made
        value = out if create else out.detach()
        return (made, (value, aux if create else _map(_loose, aux))) if has_aux else (made, value)
    return call


def _loose(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


def _gradients(ys: Any, xs: list[Any], vs: Any, create: bool) -> list[Any]:
    pairs = [(y, None if vs is None else v) for y, v in zip(ys, vs or [None] * len(ys), strict=True) if y.requires_grad]
    wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
    if not pairs or not wanted:
        return [ops.zeros_like(x.detach()) if isinstance(x, Tensor) else None for x in xs]
    found = iter(_grad([y for y, _ in pairs], wanted, None if vs is None else [v for _, v in pairs], retain_graph=True, create_graph=create, allow_unused=True))
    out = []
    for x in xs:
        g = next(found) if isinstance(x, Tensor) and x.requires_grad else None
        out.append(g if g is not None else ops.zeros_like(x.detach()) if isinstance(x, Tensor) else None)
    return out


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of a function with one number as result; with `has_aux` (gradient, aux)."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def call(*args: Any, **named: Any) -> Any:
        found, value = both(*args, **named)
        return (found, value[1]) if has_aux else found
    return call


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), f), where f(v) gives the product of v with the Jacobian for each of the primals; with `has_aux` also aux."""
    with _nested() as deep:
        given = tuple(_map(_inside, p) for p in primals)
        out, aux = _called("vjp(f, *primals)", func, given, {}, has_aux)
    leaves, build = _flat(given)
    ys, _ = _flat(out)
    connected = _asked(deep, primals)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        vs, _ = _flat(cotangents)
        if len(vs) != len(ys):
            raise RuntimeError(f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function: {len(vs)} and {len(ys)} tensors")
        with _nested() as inner:
            made = build(iter(_gradients(ys, leaves, vs, inner or connected)))
        return made

    shown = out if connected else _map(_loose, out)
    return (shown, pull, aux) if has_aux else (shown, pull)


def _pushing(out: Any, given: Any) -> Callable[[list[Any], bool], list[Any]]:
    """f(tangents of the leaves of `given`, connected) -> those of the leaves of `out`: u J is linear in u, so that its own gradient by u gives J t."""
    ys, xs = _flat(out)[0], _flat(given)[0]
    us = [ops.zeros_like(y.detach()).requires_grad_() for y in ys]
    backs = _gradients(ys, xs, us, True)

    def push(tangents: list[Any], connected: bool) -> list[Any]:
        pairs = [(b, t) for b, t in zip(backs, tangents, strict=True) if b is not None and b.requires_grad]
        return _gradients([b for b, _ in pairs], us, [t for _, t in pairs], connected) if pairs else [ops.zeros_like(y.detach()) for y in ys]
    return push


def jvp(func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), J tangents), the latter by differentiating a product with the Jacobian; with `has_aux` also aux."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals). Got {type(primals)}")
    if len(primals) != len(tangents):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to have the same python structure.")
    with _nested() as deep:
        given = tuple(_map(_inside, p) for p in primals)
        out, aux = _called("jvp(f, primals, tangents)", func, given, {}, has_aux)
        connected = _asked(deep, primals, tangents)
        _, build = _flat(out)
        found = _pushing(out, given)(_flat(tangents)[0], connected)
    shown, made = (out, build(iter(found))) if connected else (_map(_loose, out), build(iter([_loose(x) for x in found])))
    return (shown, made, aux) if has_aux else (shown, made)


# -- whole Jacobians -----------------------------------------------------------------------------------------------------------------


def _opened(func: Callable[..., Any], args: Any, named: Any, chosen: tuple[int, ...], has_aux: bool) -> tuple[tuple[Any, ...], Any, Any]:
    """The arguments that are differentiated, as leaves, and what the function makes of them."""
    given = list(args)
    for k in chosen:
        given[k] = _map(_inside, args[k])
    out, aux = _called("the Jacobian of f", func, given, named, has_aux)
    return tuple(given[k] for k in chosen), out, aux


def jacrev(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False, chunk_size: int | None = None, **_: Any) -> Callable[..., Any]:
    """A function that gives the Jacobian, [*output, *input], row by row."""
    @functools.wraps(func)
    def call(*args: Any, **named: Any) -> Any:
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        with _nested() as deep:
            given, out, aux = _opened(func, args, named, chosen, has_aux)
            ys, build = _flat(out)
            create = _asked(deep, args)
            xs, build_in = _flat(given)
            whole = []
            for y in ys:
                line = y.reshape(-1)
                rows = [_gradients((line[j],), xs, None, create) for j in range(y.numel())]
                jac = [ops.reshape(ops.stack([r[i] for r in rows]), (*y.shape, *x.shape)) if rows else ops.zeros((*y.shape, *x.shape), dtype=x.dtype)
                       for i, x in enumerate(xs)]
                made = build_in(iter(jac))
                whole.append(made[0] if isinstance(argnums, int) else made)
            found = build(iter(whole))
        return (found, aux if create else _map(_loose, aux)) if has_aux else found
    return call


def jacfwd(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable[..., Any]:
    """A function that gives the Jacobian, [*output, *input], column by column: cheaper than `jacrev` where there are fewer inputs than outputs."""
    @functools.wraps(func)
    def call(*args: Any, **named: Any) -> Any:
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        with _nested() as deep:
            given, out, aux = _opened(func, args, named, chosen, has_aux)
            ys, build = _flat(out)
            create = _asked(deep, args)
            xs, build_in = _flat(given)
            push = _pushing(out, given)
            none = [ops.zeros_like(x.detach()) for x in xs]
            columns: list[list[list[Any]]] = []                     # of each input, of each of its elements, of each output
            for i, x in enumerate(xs):
                ones = ops.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
                columns.append([push([*none[:i], ones[j], *none[i + 1:]], create) for j in range(x.numel())])
            whole = []
            for k, y in enumerate(ys):
                jac = [ops.reshape(ops.stack([c[k] for c in own], -1), (*y.shape, *x.shape)) if own else ops.zeros((*y.shape, *x.shape), dtype=x.dtype)
                       for own, x in zip(columns, xs, strict=True)]
                made = build_in(iter(jac))
                whole.append(made[0] if isinstance(argnums, int) else made)
            found = build(iter(whole))
        return (found, aux if create else _map(_loose, aux)) if has_aux else found
    return call


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function that gives every second derivative."""
    return jacfwd(jacrev(func, argnums), argnums)


# -- rows ----------------------------------------------------------------------------------------------------------------------------


def vmap(func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None) -> Callable[..., Any]:
    """A function of batches from a function of rows. It is called once a row, so it may do anything, and is no faster than a loop."""
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")

    @functools.wraps(func)
    def call(*args: Any, **named: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(f"vmap({getattr(func, '__name__', func)}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of inputs: "
                             f"{len(dims)} and {len(args)}")
        leaves, build = _flat(tuple(args))
        spread: list[Any] = []
        for d, a in zip(dims, args, strict=True):
            spread += _spread(d, a)
        named_leaves, named_build = _flat(named)
        spread += [0] * len(named_leaves)
        every = leaves + named_leaves
        sizes = set()
        for d, x in zip(spread, every, strict=True):
            if d is None:
                continue
            if not isinstance(x, Tensor):
                raise ValueError(f"vmap({getattr(func, '__name__', func)}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for an input but the input is of type {type(x)}. "
                                 "We cannot vmap over non-Tensor arguments, please use None as the respective in_dim")
            if not -x.dim() <= d < x.dim():
                raise ValueError(f"vmap({getattr(func, '__name__', func)}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for some input, but that input is a Tensor of "
                                 f"dimensionality {x.dim()} so expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}.")
            sizes.add(x.shape[d])
        if not sizes:
            raise ValueError(f"vmap({getattr(func, '__name__', func)}, in_dims={in_dims}, ...)(<inputs>): got no inputs to map over: at least one must be a Tensor with an "
                             "in_dim")
        if len(sizes) > 1:
            raise ValueError("vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                             f"{[x.shape[d] for d, x in zip(spread, every, strict=True) if d is not None]} for the mapped dimension")
        rows = []
        for i in range(sizes.pop()):
            now = iter([x if d is None else ops.select(x, d % x.dim(), i) for d, x in zip(spread, every, strict=True)])
            positional = build(now)
            rows.append(func(*positional, **named_build(now)))
        if not rows:
            raise ValueError("vmap: the mapped dimension has size 0, so there is nothing to call the function with")
        _, build_out = _flat(rows[0])
        columns = list(zip(*[_flat(r)[0] for r in rows], strict=True))
        outs = _spread(out_dims, rows[0]) if not isinstance(out_dims, int) else [out_dims] * len(columns)
        joined = []
        for d, column in zip(outs, columns, strict=True):
            if not isinstance(column[0], Tensor):
                raise ValueError(f"vmap({getattr(func, '__name__', func)}, ...): `{getattr(func, '__name__', func)}` must only return Tensors, got type {type(column[0])}.")
            joined.append(column[0] if d is None else ops.stack(column, d))
        return build_out(iter(joined))
    return call


def _spread(dims: Any, tree: Any) -> list[Any]:
    """The dimension of every leaf: one number or None holds for a whole branch."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(_flat(tree)[0])
    branches = list(tree.values()) if isinstance(tree, dict) else list(tree)
    own = [dims[k] for k in tree] if isinstance(dims, dict) else list(dims)
    return [d for a, b in zip(own, branches, strict=True) for d in _spread(a, b)]


# -- modules -------------------------------------------------------------------------------------------------------------------------


def functional_call(module: Any, parameter_and_buffer_dicts: Mapping[str, Tensor] | tuple[Mapping[str, Tensor], ...], args: Any = None, kwargs: Any = None, *,
                    tie_weights: bool = True, strict: bool = False) -> Any:
    """module(*args, **kwargs) with these tensors in place of its parameters and buffers, which are as before afterwards."""
    given: dict[str, Tensor] = {}
    for part in (parameter_and_buffer_dicts,) if isinstance(parameter_and_buffer_dicts, Mapping) else parameter_and_buffer_dicts:
        double = set(given) & set(part)
        if double:
            raise ValueError(f"{sorted(double)[0]} appears in multiple dictionaries; behavior of functional call is ambiguous")
        given.update(part)
    known = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))}
    unexpected, missing = [k for k in given if k not in known], [k for k in known if k not in given]
    if strict and (unexpected or missing):
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:"
                           + (f"\n\tUnexpected key(s): {', '.join(map(repr, unexpected))}." if unexpected else "")
                           + (f"\n\tMissing key(s): {', '.join(map(repr, missing))}." if missing else ""))
    if tie_weights:
        for name, t in list(given.items()):
            for other, u in known.items():
                if other not in given and name in known and u is known[name]:
                    given[other] = t
    undo = []
    try:
        for name, t in given.items():
            path, _, leaf = name.rpartition(".")
            owner = module.get_submodule(path) if path else module
            where = owner._parameters if leaf in owner._parameters else owner._buffers if leaf in owner._buffers else None
            if where is None:
                raise AttributeError(f"{type(owner).__name__} has no attribute `{leaf}`")
            undo.append((where, leaf, where[leaf]))
            where[leaf] = t
        args = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*args, **(kwargs or {}))
    finally:
        for where, leaf, t in reversed(undo):
            where[leaf] = t


def stack_module_state(models: list[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of modules of one kind, each stacked, for a `vmap` over `functional_call`."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    parts: list[dict[str, Tensor]] = []
    for which in ("named_parameters", "named_buffers"):
        each = [dict(getattr(m, which)()) for m in models]
        parts.append({k: ops.stack([e[k].detach() for e in each]).requires_grad_(each[0][k].requires_grad) for k in each[0]})
    return parts[0], parts[1]
