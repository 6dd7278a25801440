"""`backward` and `grad`: PyTorch's `torch.autograd` entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .device import module_of
from .engine import walk
from .node import Node
from .site import here
from .state import mode
from .tensor import Tensor, accumulator, wrap

Pass = Callable[..., Iterable[Any]]
_walk: Pass = walk


def run_passes(by: Pass | None) -> None:
    """Lets `by`, which is called like `engine.walk`, run the passes of `backward()` and `grad()` from now on; None for the engine itself."""
    global _walk
    _walk = by or walk


def _many(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, Tensor) else tuple(x)


def first_grads(tensors: Sequence[Tensor], grads: Sequence[Any] | None, create: bool) -> list[Any]:
    """The gradients that a pass starts with: ones for scalars, else what was given, checked."""
    given = [None] * len(tensors) if grads is None else list(grads)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    result: list[Any] = []
    for i, (t, g) in enumerate(zip(tensors, given, strict=True)):
        if not isinstance(t, Tensor):
            raise TypeError(f"backward() starts from Tensors; element {i} is {type(t).__name__}")
        if not t._req:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn "
                               f"(it is {t.dtype} of shape {list(t._array.shape)}; was it made under no_grad, by detach(), or from data only?)")
        if g is None:
            if t._array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs "
                                   f"(this one has shape {list(t._array.shape)}: reduce it, or pass gradient=)")
            if t.dtype.category != 2:
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {t.dtype}")
            g = wrap(module_of(t._array).ones_like(t._array))
        elif not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g._array.shape != t._array.shape:
            raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {t.shape}.")
        result.append(g if create else g._array.astype(t._array.dtype, copy=False))
    return result


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
             inputs: Any = None) -> None:
    """Adds to `.grad` of the leaves the gradient of the sum of `tensors` (weighted by `grad_tensors`).

    `inputs` limits it to these leaves. The graph is freed unless `retain_graph` (default: `create_graph`).
    """
    roots = _many(tensors)
    grads = None if grad_tensors is None else [grad_tensors] if isinstance(grad_tensors, Tensor) else list(grad_tensors)
    start = first_grads(roots, grads, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    site = here()
    sink = mode.sink
    error: BaseException | None = None
    if sink is not None:
        sink.backward_begin(roots, site)
    try:
        if inputs is not None:
            leaves = _many(inputs)
            if not leaves:
                raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
            found = _captured(roots, start, leaves, retain, create_graph, site)
            from .engine import _write, _write_connected

            for t, g in zip(leaves, found, strict=True):
                if g is not None:
                    (_write_connected if create_graph else _write)(t, g)
                    if sink is not None:
                        sink.accumulate(t, g)
        else:
            for _ in _walk(roots, start, retain=retain, create=create_graph, site=site):
                pass
    except BaseException as e:
        error = e
        raise
    finally:
        if sink is not None:
            sink.backward_end(error)


def _captured(roots: Sequence[Tensor], start: list[Any], inputs: Sequence[Tensor], retain: bool, create: bool, site: Any) -> list[Any]:
    captures: dict[tuple[Node, int], list[Any]] = {}
    places: list[tuple[Node, int]] = []
    for i, t in enumerate(inputs):
        if not isinstance(t, Tensor) or not t._req:
            raise RuntimeError(f"One of the differentiated Tensors does not require grad (element {i} of inputs"
                               + (f", shape {list(t._array.shape)})" if isinstance(t, Tensor) else ")"))
        place = (t._node if t._node is not None else accumulator(t), t._nr)
        captures.setdefault(place, [])
        places.append(place)
    for _ in _walk(roots, start, retain=retain, create=create, captures=captures, accumulate=False, site=site):
        pass
    return [captures[p][-1] if captures[p] else None for p in places]


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
         only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
         materialize_grads: bool = False) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of `outputs` with respect to `inputs`, without touching any `.grad`."""
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched is not supported; call grad() once per row")
    if allow_unused is None:
        allow_unused = materialize_grads
    roots, wanted = _many(outputs), _many(inputs)
    given = None if grad_outputs is None else [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    start = first_grads(roots, given, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    site = here()
    sink = mode.sink
    error: BaseException | None = None
    if sink is not None:
        sink.backward_begin(roots, site)
    try:
        found = _captured(roots, start, wanted, retain, create_graph, site)
    except BaseException as e:
        error = e
        raise
    finally:
        if sink is not None:
            sink.backward_end(error)
    result: list[Tensor | None] = []
    for i, (t, g) in enumerate(zip(wanted, found, strict=True)):
        if g is None and materialize_grads:
            g = module_of(t._array).zeros_like(t._array)
        if g is None:
            if not allow_unused:
                raise RuntimeError(f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if "
                                   f"this is the desired behavior. (Its shape is {list(t._array.shape)}.)")
            result.append(None)
        else:
            result.append(g if isinstance(g, Tensor) else wrap(np.array(g) if isinstance(g, np.generic) else g))
    return tuple(result)
