"""`backward` and `grad`: PyTorch's `torch.autograd` entry points."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .device import module_of
from .device import of as device_of
from .engine import discover, walk
from .node import Node
from .op import run
from .site import here
from .state import mode, rest
from .tensor import Tensor, accumulator, wrap

Pass = Callable[..., Iterable[Any]]
_walk: Pass = walk


def run_passes(by: Pass | None) -> None:
    """Lets `by`, which is called like `engine.walk`, run the passes of `backward()` and `grad()` from now on; None for the engine itself."""
    global _walk
    _walk = by or walk


class Running(threading.local):
    """The pass that goes on in this thread, for hooks that ask."""

    now: Current | None = None


class Current:
    """What can be asked about a pass while it goes on."""

    def __init__(self, roots: Sequence[Tensor]) -> None:
        self.roots = roots
        self._nodes: set[Node] | None = None

    def reaches(self, place: tuple[Node, int]) -> bool:
        """Whether a gradient can arrive at a node."""
        if self._nodes is None:
            order, leaves = discover([t._node if t._node is not None else accumulator(t) for t in self.roots])
            self._nodes = {*order, *leaves, *(accumulator(t) for t in self.roots if t._node is None)}
        return place[0] in self._nodes


running = Running()


def current_pass() -> Current | None:
    """The backward pass that goes on in this thread."""
    return running.now


def _many(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, Tensor) or hasattr(x, "output_nr") else tuple(x)


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
        elif type(g._array) is not type(t._array):
            raise RuntimeError(f"Function {t._node.name() if t._node else 'AccumulateGrad'} returned an invalid gradient at index {i} - expected device "
                               f"{device_of(t._array)} but got {device_of(g._array)}")
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
    outer, running.now = running.now, Current(roots)
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
        running.now = outer
        if sink is not None:
            sink.backward_end(error)
    if rest.call is not None:
        rest.call()


def _captured(roots: Sequence[Tensor], start: list[Any], inputs: Sequence[Any], retain: bool, create: bool, site: Any) -> list[Any]:
    captures: dict[tuple[Node, int], list[Any]] = {}
    places: list[tuple[Node, int]] = []
    for i, t in enumerate(inputs):
        if not isinstance(t, Tensor) and hasattr(t, "output_nr"):    # a GradientEdge
            captures.setdefault((t.node, t.output_nr), [])
            places.append((t.node, t.output_nr))
            continue
        if not isinstance(t, Tensor) or not t._req:
            raise RuntimeError(f"One of the differentiated Tensors does not require grad (element {i} of inputs"
                               + (f", shape {list(t._array.shape)})" if isinstance(t, Tensor) else ")"))
        place = (t._node if t._node is not None else accumulator(t), t._nr)
        captures.setdefault(place, [])
        places.append(place)
    for _ in _walk(roots, start, retain=retain, create=create, captures=captures, accumulate=False, site=site):
        pass
    return [captures[p][-1] if captures[p] else None for p in places]


def _batched(outputs: Any, inputs: Any, grad_outputs: Any, retain: bool | None, create: bool, allow_unused: bool | None, materialize: bool) -> Any:
    """The first dimension of every gradient given is a batch: a pass for each, and the results stacked."""
    roots = _many(outputs)
    given = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs or ())
    sizes = {g._array.shape[0] for g in given if g is not None and g._array.ndim}
    if len(given) != len(roots) or len(sizes) != 1:
        raise RuntimeError("If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of the remaining dimensions "
                           f"are expected to match the shape of corresponding output; got {len(given)} gradients of batch sizes {sorted(sizes)} for {len(roots)} outputs")
    for i, (g, t) in enumerate(zip(given, roots, strict=True)):
        if g is not None and g._array.shape[1:] != t._array.shape:
            raise RuntimeError("If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of the remaining dimensions "
                               "are expected to match the shape of corresponding output, but a mismatch was detected: "
                               f"grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {t.shape}.")
    n = sizes.pop()
    rows = [grad(roots, inputs, [None if g is None else g[i] for g in given], retain if i == n - 1 and retain is not None else create or i < n - 1, create, True,
                 allow_unused, False, materialize) for i in range(n)]
    from .op import table

    stacked = []
    for column in zip(*rows, strict=True):
        whole = [c for c in column if c is not None]
        stacked.append(run(table["stack"], tuple(whole), (0,)) if whole else None)
    return tuple(stacked)


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
         only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
         materialize_grads: bool = False) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of `outputs` with respect to `inputs`, without touching any `.grad`."""
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
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
    outer, running.now = running.now, Current(roots)
    try:
        found = _captured(roots, start, wanted, retain, create_graph, site)
    except BaseException as e:
        error = e
        raise
    finally:
        running.now = outer
        if sink is not None:
            sink.backward_end(error)
    result: list[Tensor | None] = []
    for i, (t, g) in enumerate(zip(wanted, found, strict=True)):
        if g is None and materialize_grads and isinstance(t, Tensor):
            g = module_of(t._array).zeros_like(t._array)
        if g is None:
            if not allow_unused:
                raise RuntimeError(f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if "
                                   f"this is the desired behavior. (Its shape is {list(t._array.shape)}.)")
            result.append(None)
        else:
            result.append(g if isinstance(g, Tensor) else wrap(np.array(g) if isinstance(g, np.generic) else g))
    return tuple(result)
