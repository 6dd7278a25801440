"""In-place ops: checked before anything is written, versions counted, views and bases re-based onto the new history."""

from __future__ import annotations

from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from . import dtype as dt
from . import errors
from .op import Op, apply, run, together
from .op import op as declare
from .site import here
from .state import mode, set_sink
from .tensor import Tensor, wrap


def check(t: Tensor) -> None:
    """Refuses what PyTorch refuses, before the memory is touched."""
    if 0 in t._array.strides and t._array.size and any(n > 1 and s == 0 for n, s in zip(t._array.shape, t._array.strides, strict=True)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before "
                           f"performing the operation. (Its shape is {list(t._array.shape)}: it was expanded.)")
    if not mode.grad:
        return
    if t._req and t._node is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation. "
                           f"(It is {t.dtype} of shape {list(t._array.shape)}"
                           f"{', named ' + repr(t.name) if t.name else ''}; do it under no_grad(), or on a clone().)")
    base = t._base
    if base is not None and base._req and base._node is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation. "
                           f"(The leaf is {base.dtype} of shape {list(base._array.shape)}; do it under no_grad(), or on a clone().)")


def run_inplace(o: Op, t: Tensor, others: tuple[Any, ...] = (), params: tuple[Any, ...] = ()) -> Tensor:
    """`t = o(t, *others, *params)`, written into t's memory."""
    check(t)
    recording = mode.grad and (t._req or any(isinstance(x, Tensor) and x._req for x in others))
    target = t._array
    if not recording and mode.sink is None and o.inplace_ufunc is not None and not params:
        arrays = [x._array if isinstance(x, Tensor) else x for x in others]
        if all(isinstance(x, (int, float)) or x.dtype == target.dtype for x in arrays) and target.dtype.kind in "fiu" and (
                target.dtype.kind == "f" or not any(isinstance(x, float) for x in arrays)):
            try:
                o.inplace_ufunc(target, *arrays, out=target)
            except ValueError:
                raise _wrong_shape(o, target, others) from None
            except OverflowError:                          # a number outside the dtype
                own = dt.of(target)
                return run_inplace(o, t, tuple([dt.wrapped(x, own) if isinstance(x, int) else x for x in others]))
            except TypeError as wrong:
                if (moved := together((t, *others))) is not None and moved[0] is t:
                    return run_inplace(o, t, moved[1:], params)
                if isinstance(errors.devices((target, *arrays), wrong), RuntimeError):
                    raise errors.devices((target, *arrays), wrong) from None
                raise _wrong_type(o, target, others) from None
            t.bump()
            return t
    needs = (t._req, *[isinstance(x, Tensor) and x._req for x in others])
    old = wrap(target, t._node, t._nr, t._req)
    if recording and 0 in o.plan(needs).tensors:
        old._array = target.copy()                       # the vjp needs the value from before
    elif recording:
        old._storage = t._storage
    t0 = clock()
    sink = set_sink(None)
    try:
        out = run(o, (old, *others), params)
    finally:
        set_sink(sink)
    _write(o, t, out, others)
    if recording:
        rebase(t, out)
    if sink is not None:
        node = t._node if recording else None
        sink.op(o, (t, *[x for x in others if isinstance(x, Tensor)]), (t,), node, node.site if node else here(), t0, clock())
    return t


def _write(o: Op, t: Tensor, out: Tensor, others: tuple[Any, ...]) -> None:
    if out._array.shape != t._array.shape:
        raise _wrong_shape(o, t._array, others, out._array.shape)
    if not can_store(out._array.dtype, t._array.dtype):
        raise _wrong_type(o, t._array, others, out)
    t._array[...] = out._array
    t.bump()


def can_store(source: Any, target: Any) -> bool:
    """Whether PyTorch lets a result of one dtype be written into another: never to a lower category."""
    return dt.OF_NUMPY[source].category <= dt.OF_NUMPY[target].category


def _wrong_shape(o: Op, target: Any, others: tuple[Any, ...], shape: tuple[int, ...] | None = None) -> RuntimeError:
    if shape is None:
        try:
            shape = np.broadcast_shapes(target.shape, *[x._array.shape for x in others if isinstance(x, Tensor)])
        except ValueError:
            from .errors import broadcast

            return broadcast(target.shape, *[x._array.shape for x in others if isinstance(x, Tensor)])
    return RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(shape)} (in {o.name}_)")


def _wrong_type(o: Op, target: Any, others: tuple[Any, ...], out: Tensor | None = None) -> RuntimeError:
    if out is not None:
        result = out.dtype
    else:
        result = dt.result_type(target, *[x._array if isinstance(x, Tensor) else x for x in others])
    return RuntimeError(f"result type {result.tensor_name} can't be cast to the desired output type {dt.of(target).tensor_name} (in {o.name}_)")


def rebase(t: Tensor, out: Tensor) -> None:
    """Gives `t` the history of `out`, its base the history of the change, and every other view the history of the new base."""
    base = t._base
    storage = t.storage()
    if base is None:
        t._node, t._nr, t._req = out._node, out._nr, True
        top = t
    else:
        assert t._extra is not None
        sink = set_sink(None)
        try:
            old = wrap(base._array, base._node, base._nr, base._req)
            new = run(COPY_SLICES, (old, out), (t._extra.chain,))
        finally:
            set_sink(sink)
        base._node, base._nr, base._req = new._node, 0, True
        top = base
    if top._extra is not None:
        top._extra.accumulator = None
    sink = set_sink(None)
    try:
        for view in storage.live_views():
            if view._extra is not None and view._extra.base is top:
                again = replay(top, view._extra.chain)
                view._node, view._nr, view._req = again._node, again._nr, True
    finally:
        set_sink(sink)


def replay(base: Any, chain: tuple[tuple[Op, tuple[Any, ...]], ...]) -> Any:
    """The view that a chain of view ops makes of `base`, an array or a Tensor."""
    for o, params in chain:
        if o.multi:
            *own, i = params
            base = apply(o, base, *own)[i]
        else:
            base = apply(o, base, *params)
    return base


def _copy_slices(base: Any, value: Any, chain: Any) -> Any:
    return base                                          # the memory has been written already; this is only its history


def _base_grad(g: Any, chain: Any) -> Any:
    kept = g.clone() if isinstance(g, Tensor) else g.copy()
    if isinstance(kept, Tensor):
        replay(kept, chain).zero_()
    else:
        replay(kept, chain)[...] = 0
    return kept


COPY_SLICES = declare(r"{base}\big[\text{view}\big] \leftarrow {value}", operands=2, name="copy_slices",
                      grad_tex=r"\bar{y}\ \text{outside the view};\quad \bar{y}\big[\text{view}\big]")(_copy_slices).vjp(
    _base_grad, lambda g, chain: replay(g, chain)).op
COPY_SLICES.node_name = "CopySlices"


def assign(f: Any, t: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`t = f(t, ...)` for a function of any number of ops, written into t's memory; t gets the history of the result."""
    check(t)
    recording = mode.grad and (t._req or any(isinstance(x, Tensor) and x._req for x in args))
    old = wrap(t._array.copy() if recording else t._array, t._node, t._nr, t._req)
    if mode.sink is not None:
        from .tensor import tensor_id

        old._id = tensor_id(t)
    out = f(old, *args, **kwargs)
    if out._array.shape != t._array.shape:
        raise RuntimeError(f"output with shape {list(t._array.shape)} doesn't match the broadcast shape {list(out._array.shape)} "
                           f"(in {getattr(f, '__name__', 'an op')}_)")
    if not can_store(out._array.dtype, t._array.dtype):
        raise RuntimeError(f"result type {out.dtype.tensor_name} can't be cast to the desired output type {t.dtype.tensor_name} "
                           f"(in {getattr(f, '__name__', 'an op')}_)")
    t._array[...] = out._array
    t.bump()
    if out._req:
        rebase(t, out)
    if mode.sink is not None:
        t._id = out._id
    return t
