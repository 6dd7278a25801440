"""Hears module calls, and ops where a forward breakpoint waits for them, with or without a recording; passes everything on to one that listens.

It is on a thread only while a breakpoint needs it: one that names a module or a parameter, or one for the forward pass.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from ..core.node import next_seq
from ..core.tensor import Tensor
from ..tape.names import Names
from ..tape.strings import Strings

CALLS = 8192                       # newest module calls that are remembered


class Call:
    """A module call: which numbers its nodes have."""

    __slots__ = ("above", "first", "last", "path")

    def __init__(self, path: str, first: int, above: Call | None) -> None:
        self.path, self.first, self.above = path, first, above
        self.last: int | None = None                           # None while it runs


class Ear:
    """A sink in front of the recording's own, if any."""

    def __init__(self) -> None:
        self.below: Any = None
        self.forget()
        self.on_op: Callable[..., None] | None = None          # forward breakpoints, and forward steps
        self.on_enter: Callable[..., None] | None = None
        self.on_exit: Callable[..., None] | None = None

    def forget(self) -> None:
        """Begins anew: the next model that is called gives the paths."""
        self.names = Names(Strings())
        self.calls: list[Call] = []
        self.paths: set[str] = set()                            # of all calls since
        self._firsts: list[int] = []
        self.open: list[Call] = []

    def over(self, below: Any) -> Ear:
        self.below = below
        return self

    # -- what it knows ------------------------------------------------------------------------------------------------------------

    def module_of(self, seq: int) -> str:
        """The path of the innermost call in which a node with this number was made."""
        i = bisect_right(self._firsts, seq) - 1
        call = self.calls[i] if i >= 0 else None
        while call is not None and call.last is not None and call.last < seq:
            call = call.above
        return call.path if call is not None else ""

    def name_of(self, leaf: Tensor) -> str | None:
        known = self.names.by_id.get(leaf._id) if leaf._id else None
        return known.name if known is not None and known.ref() is leaf else None

    def came_from(self, t: Any) -> str | None:
        """Where a tensor came from, for an error that tells of it."""
        told = getattr(self.below, "came_from", None)
        return (told(t) if told is not None else None) or (f"the parameter {name}" if (name := self.name_of(t)) else None)

    # -- what it hears ------------------------------------------------------------------------------------------------------------

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        below = self.below
        if below is not None:
            below.op(op, inputs, outputs, node, site, t0, t1)
        if self.on_op is not None:
            self.on_op(op, inputs, outputs, node, site)

    def module_enter(self, module: Any, args: Any, site: Any, t0: int) -> None:
        below = self.below
        if below is not None:
            below.module_enter(module, args, site, t0)
        call = Call(self.names.call(module, not self.open).path, next_seq(), self.open[-1] if self.open else None)
        self.open.append(call)
        self.paths.add(call.path)
        if len(self.calls) >= CALLS:
            del self.calls[:CALLS // 2], self._firsts[:CALLS // 2]
        self.calls.append(call)
        self._firsts.append(call.first)
        if self.on_enter is not None:
            try:
                self.on_enter(call.path, module, args, site)
            except BaseException:                               # the call will not happen: nobody else would end it
                self.module_exit(module, None, t0)
                raise

    def module_exit(self, module: Any, output: Any, t1: int) -> None:
        below = self.below
        if below is not None:
            below.module_exit(module, output, t1)
        call = self.open.pop() if self.open else None
        if call is not None:
            call.last = next_seq()
            if self.on_exit is not None:
                self.on_exit(call.path, module, output)

    def backward_begin(self, roots: Any, site: Any) -> None:
        if self.below is not None:
            self.below.backward_begin(roots, site)

    def node(self, node: Any, grads_in: Any, grads_out: Any, t0: int, t1: int) -> None:
        if self.below is not None:
            self.below.node(node, grads_in, grads_out, t0, t1)

    def accumulate(self, tensor: Any, grad: Any) -> None:
        if self.below is not None:
            self.below.accumulate(tensor, grad)

    def backward_end(self, error: BaseException | None) -> None:
        if self.below is not None:
            self.below.backward_end(error)

    def update_begin(self, optimizer: Any) -> None:
        if self.below is not None:
            self.below.update_begin(optimizer)

    def update_end(self, optimizer: Any) -> None:
        if self.below is not None:
            self.below.update_end(optimizer)

    def treated(self, what: str, *about: Any) -> None:
        if self.below is not None:
            self.below.treated(what, *about)

    def log(self, kind: str, tag: str, value: Any, step: int | None, meta: dict[str, Any]) -> None:
        if self.below is not None:
            self.below.log(kind, tag, value, step, meta)


ear = Ear()
