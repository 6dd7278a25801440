"""Saved values that went through a user's hooks, and sinks that stand before the one that listens.

Nothing here is asked for on the way of an op: hooks and anomaly mode are sinks, so a thread that uses neither does not pay for them.
"""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .node import Node
from .site import user_frame
from .state import mode, set_grad, set_sink
from .tensor import Tensor, accumulator, wrap

Hook = Callable[[Any], Any]


class Before:
    """A sink that hands everything on to the one that was there before it, if any."""

    def __init__(self) -> None:
        self.inner: Any = None

    def enter(self) -> None:
        self.inner = mode.sink
        set_sink(self)

    def leave(self) -> None:
        set_sink(self.inner)

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        if self.inner is not None:
            self.inner.op(op, inputs, outputs, node, site, t0, t1)

    def node(self, node: Any, grads_in: Any, grads_out: Any, t0: int, t1: int) -> None:
        if self.inner is not None:
            self.inner.node(node, grads_in, grads_out, t0, t1)

    def backward_end(self, error: BaseException | None) -> None:
        if self.inner is not None:
            self.inner.backward_end(error)

    def __getattr__(self, name: str) -> Any:
        inner = self.__dict__.get("inner")
        return _nothing if inner is None else getattr(inner, name)


def _nothing(*args: Any) -> None:
    pass


# -- saved tensors -------------------------------------------------------------------------------------------------------


class Kept:
    """One saved tensor as the pack hook left it, with its place in the graph."""

    __slots__ = ("handle", "nr", "place", "unpack")

    def __init__(self, t: Tensor, hooks: PackHooks, place: Node | None, nr: int) -> None:
        self.unpack, self.place, self.nr = hooks.unpack, place, nr
        before, sink = set_grad(False), set_sink(None)
        try:
            self.handle = hooks.pack(t.detach())
        finally:
            set_grad(before)
            set_sink(sink)

    def again(self) -> Tensor:
        t = self.unpack(self.handle)
        if not isinstance(t, Tensor):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(t).__name__}")
        return t

    def tensor(self, own: Node | None = None) -> Tensor:
        """Connected to the graph as the original was; `own` is the node whose output it is."""
        t = wrap(self.again()._array)
        place = own if own is not None and t._array.dtype.kind in "fcV" else self.place
        if place is None:
            return t
        t._req, t._nr = True, self.nr
        if isinstance(place, _leaf()):
            t.more().accumulator = weakref.ref(place)
        else:
            t._node = place
        return t


def _leaf() -> Any:
    from .node import AccumulateGrad

    return AccumulateGrad


class Packed:
    """Stands where a node's saved values were; `core.saved` reads it."""

    __slots__ = ("operands", "output", "rest")

    def __init__(self, node: Node, hooks: PackHooks) -> None:
        saved = node.saved
        if node.plan is None:                                        # a Function: (tensor, version, storage, array) each
            self.operands = [None if array is None else _kept(wrap(array) if t is None else t, hooks, node if t is None else None)
                             for t, _, _, array in saved]
            self.output, self.rest = None, ()
            return
        k = node.plan.tensors_saved
        self.operands = [t if version is None else _kept(t, hooks, None) for t, version in saved[:k]]
        self.output, self.rest = None, saved[k:]
        if node.plan.saves_output:
            array = saved[k][0]
            many = array if array.__class__ is tuple else (array,)
            kept = [Kept(wrap(a), hooks, None, i) for i, a in enumerate(many)]
            self.output, self.rest = kept if array.__class__ is tuple else kept[0], saved[k + 1:]

    def arrays(self) -> list[Any]:
        values = [o.again()._array if isinstance(o, Kept) else o for o in self.operands]
        if self.output is not None:
            values.append(tuple([k.again()._array for k in self.output]) if isinstance(self.output, list) else self.output.again()._array)
        return [*values, *self.rest]

    def tensors(self, node: Node) -> list[Any]:
        values: list[Any] = [o.tensor() if isinstance(o, Kept) else o for o in self.operands]
        if self.output is not None:
            values.append(tuple([k.tensor(node) for k in self.output]) if isinstance(self.output, list) else self.output.tensor(node))
        return [*values, *self.rest]


def _kept(t: Tensor, hooks: PackHooks, own: Node | None) -> Kept:
    place = own if own is not None else None if not t._req else t._node if t._node is not None else accumulator(t)
    return Kept(t, hooks, place, t._nr)


class PackHooks(Before):
    """The sink behind `autograd.graph.saved_tensors_hooks`."""

    def __init__(self, pack: Hook, unpack: Hook) -> None:
        super().__init__()
        self.pack, self.unpack = pack, unpack

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        if node is not None and node.saved and node.saved.__class__ is tuple and (node.plan is None or node.plan.tensors_saved or node.plan.saves_output):
            node.saved = Packed(node, self)
        super().op(op, inputs, outputs, node, site, t0, t1)


class Refusal(threading.local):
    """Why this thread admits no hooks, where it does not."""

    message: str | None = None


refusal = Refusal()


# -- anomalies -----------------------------------------------------------------------------------------------------------


class Anomaly(Before):
    """The sink behind `autograd.detect_anomaly`: keeps the traceback of every node, and looks for NaN among what a node gives."""

    def __init__(self, check_nan: bool) -> None:
        super().__init__()
        self.check_nan = check_nan

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        if node is not None:
            frame = user_frame(sys._getframe(1))
            node.metadata["traceback_"] = traceback.format_stack(frame)
        super().op(op, inputs, outputs, node, site, t0, t1)

    def node(self, node: Any, grads_in: Any, grads_out: Any, t0: int, t1: int) -> None:
        super().node(node, grads_in, grads_out, t0, t1)
        if not self.check_nan:
            return
        for i, g in enumerate(grads_out):
            a = g._array if isinstance(g, Tensor) else g
            if a is not None and a.dtype.kind in "fc" and bool(np.isnan(a).any()):
                told = self.tell(node)
                raise NanError(f"Function '{node.name()}' returned nan values in its {i}th output. ({told})")

    def tell(self, node: Any) -> str:
        lines = node.metadata.get("traceback_")
        if not lines:
            warnings.warn(f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during forward pass for more information.",
                          stacklevel=2)
            return "it was made outside detect_anomaly, so the line is not known"
        warnings.warn(f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{''.join(lines)}", stacklevel=2)
        return "the forward call was:\n" + "".join(lines[-1:]).rstrip()

    def backward_end(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, NanError):
            found, tb = None, error.__traceback__
            while tb is not None:                                    # the node that the engine was running
                if tb.tb_frame.f_globals.get("__name__", "").endswith(".core.engine"):
                    found = tb.tb_frame.f_locals.get("node", found)
                tb = tb.tb_next
            if isinstance(found, Node):
                self.tell(found)
        super().backward_end(error)


class NanError(RuntimeError):
    """A NaN that anomaly mode has found."""


NanError.__name__ = NanError.__qualname__ = "RuntimeError"
