"""`autograd.Function`: ops with a backward of the user's own."""

from __future__ import annotations

import functools
import weakref
from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from . import errors
from .device import module_of
from .grad_mode import no_grad
from .node import Freed, Node, next_seq
from .op import Op, table
from .site import here
from .state import mode, set_grad, set_sink
from .tensor import Tensor, edge, wrap

_new = object.__new__


class FunctionNode(Node):
    """The grad_fn of a `Function`; it is also the `ctx` that forward and backward see."""

    __slots__ = ("__dict__",)

    _to_save: tuple[Any, ...]
    _non_differentiable: set[int]
    _dirty: tuple[Any, ...]

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted: it is for a forward mode, which there is not."""

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (inputs, outputs, None) for `backward`, with the check for changes in place."""
        self._to_save = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        self._non_differentiable = {id(t) for t in tensors}

    def mark_dirty(self, *tensors: Tensor) -> None:
        self._dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if isinstance(self.saved, Freed):
            raise errors.freed(self)
        if not isinstance(self.saved, tuple):              # a user's hooks have it
            return tuple(self.saved.tensors(self))
        found: list[Any] = []
        for t, version, storage, array in self.saved:
            if t is None and array is None:
                found.append(None)
                continue
            if storage is not None and storage.version != version:
                raise errors.changed_in_place(self, array, storage, version)
            found.append(t if t is not None else wrap(array, self))
        return tuple(found)

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        return self._needs

    def run(self, g: Any, create: bool) -> list[Any]:
        """Calls the user's backward; its gradients belong to all arguments of `apply`."""
        grads = g if isinstance(g, list) else [g]
        if self._materialize:
            metas = self.extra.outs if self.extra is not None and self.extra.outs else ((self.shape, self.dtype),)
            module = module_of(next((x for x in grads if x is not None), np.empty(0)))
            grads = [module.zeros(s, d) if x is None else x for x, (s, d) in zip(grads, metas, strict=True)]
        given = [x if x is None or isinstance(x, Tensor) else wrap(x) for x in grads]
        before, sink = set_grad(create), mode.sink
        if not create:
            set_sink(None)                               # the tape sees one node
        try:
            result = self._function.backward(self, *given)
        finally:
            set_grad(before)
            set_sink(sink)
        result = result if isinstance(result, tuple) else (result,)
        while len(result) > len(self._needs) and result[-1] is None:
            result = result[:-1]
        if len(result) != len(self._needs):
            raise RuntimeError(f"function {self.name()} returned an incorrect number of gradients (expected {len(self._needs)}, got {len(result)})")
        picked = [result[i] for i in self._where]
        for x in picked:
            if x is not None and not isinstance(x, Tensor):
                raise TypeError(f"expected Tensor or None as a gradient of {self.name()}, got {type(x).__name__}")
        return [x if x is None or create else x._array for x in picked]


class Function:
    """Base of ops with their own `forward(ctx, ...)` and `backward(ctx, *grads)`; called by `apply`."""

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError("You must implement either the backward or vjp method for your custom autograd.Function to use it with "
                                  "backward mode AD.")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        ctx = _new(FunctionNode)
        ctx.op, ctx.seq, ctx.plan = _op_of(cls), next_seq(), None
        ctx.saved, ctx.extra, ctx.site = (), None, here()
        nothing: tuple[Any, ...] = ()
        ctx._function, ctx._to_save, ctx._non_differentiable, ctx._dirty, ctx._materialize = cls, nothing, set(), nothing, True
        ctx._given = tuple([weakref.ref(a) if isinstance(a, Tensor) else a for a in args])      # a check calls it again
        ctx._needs = tuple(isinstance(a, Tensor) and a._req for a in args)
        ctx._where = tuple(i for i, a in enumerate(args) if isinstance(a, Tensor))
        inputs = [args[i] for i in ctx._where]
        ctx.next = tuple(edge(t) for t in inputs)
        ctx.nrs = tuple(t._nr for t in inputs)
        sink, t0 = set_sink(None), clock()               # on the tape it is one op; what it is made of is the user's business
        try:
            with no_grad():
                if "setup_context" in _defined(cls):
                    result = cls.forward(*args)
                    cls.setup_context(ctx, args, result)
                else:
                    result = cls.forward(ctx, *args)
        finally:
            set_sink(sink)
        outputs = list(result) if isinstance(result, tuple) else [result]
        connected = mode.grad and any(ctx._needs)
        final: list[Any] = []
        for i, o in enumerate(outputs):
            if not isinstance(o, Tensor) or not connected or id(o) in ctx._non_differentiable or o.dtype.category < 2:
                final.append(o)
            elif any(o is d for d in ctx._dirty):
                o._node, o._nr, o._req = ctx, i, True
                o.bump()
                final.append(o)
            else:
                fresh = wrap(o._array, ctx, i)
                fresh._storage = o.storage()
                final.append(fresh)
        arrays = [o._array for o in outputs if isinstance(o, Tensor)]
        ctx.shape, ctx.dtype = (arrays[0].shape, arrays[0].dtype) if arrays else ((), np.dtype("f4"))
        if len(outputs) > 1:
            ctx.more().outs = tuple((o._array.shape, o._array.dtype) if isinstance(o, Tensor) else ((), np.dtype("f4")) for o in outputs)
        for d in ctx._dirty:
            if not any(d is o for o in outputs) and connected:
                raise RuntimeError("Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all be "
                                   "outputs of the Function.")
        for i, t in enumerate(ctx._to_save):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}")
        ctx.saved = tuple([_entry(t, outputs) for t in ctx._to_save])
        if sink is not None:
            made = tuple(o for o in final if isinstance(o, Tensor))
            sink.op(ctx.op, tuple(inputs), made, ctx if any(o._node is ctx for o in made) else None, ctx.site, t0, clock())
        return tuple(final) if isinstance(result, tuple) else final[0]


def _defined(cls: type) -> set[str]:
    return {name for c in cls.__mro__ if c is not Function for name in vars(c)}


def _entry(t: Any, outputs: list[Any]) -> tuple[Any, int, Any, Any]:
    if t is None:
        return (None, 0, None, None)
    storage = t.storage()
    own = any(t is o for o in outputs)                   # an output must not be held: it would hold its own node
    return (None if own else t, storage.version, storage, t._array)


def _op_of(cls: type) -> Op:
    known = cls.__dict__.get("_tapescope_op")
    if known is None:
        name = f"function/{cls.__module__}.{cls.__qualname__}/{len(table)}"
        known = Op(name, cls.__name__ + "Backward", rf"\operatorname{{{cls.__name__}}}({{x}})", lambda x: x, 1,
                   grad_tex=rf"\operatorname{{{cls.__name__}.backward}}(\bar{{y}})")
        known.name = known.label = cls.__name__
        cls._tapescope_op = known
    return known


class _Twice(Function):
    """Passes gradients on that must not be differentiated: a pass that comes to it is an error."""

    @staticmethod
    def forward(ctx: Any, *grads: Any) -> Any:
        return tuple(g.detach() if isinstance(g, Tensor) else g for g in grads)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Any) -> Any:
    """Marks a backward that must not itself be differentiated: a second derivative through it is an error."""
    @functools.wraps(fn)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            outputs = fn(ctx, *grads)
        if not mode.grad or not any(isinstance(g, Tensor) and g._req for g in grads):
            return outputs
        many = outputs if isinstance(outputs, tuple) else (outputs,)
        # what the gradients depend on is made to depend on what came in, so that a second pass comes here
        needle = next(g for g in grads if isinstance(g, Tensor) and g._req)
        marked = tuple(_Twice.apply(o, needle)[0] if isinstance(o, Tensor) else o for o in many)
        return marked if isinstance(outputs, tuple) else marked[0]
    return wrapper
