"""`compile`: a function that runs as itself until it is known, and as its ops alone from then on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from ..core.dtype import get_default_dtype
from ..core.state import mode, numbers
from ..core.tensor import Tensor, wrap
from ..nn.modules.module import Module
from .capture import Loose, Refused, Trace
from .program import Program, runner
from .tree import Leaves, Unhashable, flatten, unflatten
from .watch import Unwatchable, Watch

SIGNATURES = 32                         # of one function; more run as they are
TRIES = 8                               # how often a sequence is captured again after what it depends on has changed

busy = threading.local()                # a function that is being heard runs others as they are


class Entry:
    """What is known for one signature: nothing, one hearing, or a program."""

    __slots__ = ("calls", "first", "held", "out", "program", "reason", "run", "tries", "watch")

    def __init__(self) -> None:
        self.calls, self.tries, self.reason = 0, 0, ""
        self.first: tuple[Program, Any] | None = None
        self.program: Program | None = None
        self.watch: Watch | None = None
        self.run: Callable[..., Any] | None = None
        self.held: list[tuple[Tensor, Any, Any]] = []
        self.out: Any = None


class Compiled:
    """A compiled function. `report()` says what it does with its calls, and why."""

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False, roots: list[Any] | None = None) -> None:
        self._function, self._fullgraph, self._roots = function, fullgraph, roots or [function]
        self._entries: dict[Any, Entry] = {}
        self._lock = threading.RLock()
        self.compiled_calls = self.eager_calls = 0
        if not isinstance(function, Module):
            update_wrapper(self, function)

    def watched(self) -> list[Any]:
        """What another function that calls this one depends on."""
        return self._roots

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        import types

        return types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.sink is not None or mode.calls is not None or off.count or numbers.autocast or getattr(busy, "now", False):
            return self._eager(args, kwargs)
        leaves = Leaves()
        try:
            shape = flatten((args, kwargs), leaves)
        except Unhashable as why:
            return self._not(str(why), args, kwargs)
        key = (shape, leaves.signature(), mode.grad, get_default_dtype())
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= SIGNATURES:
                return self._not(f"there are more than {SIGNATURES} signatures", args, kwargs)
            entry = self._entries.setdefault(key, Entry())
        if entry.reason:
            return self._not(entry.reason, args, kwargs)
        if entry.run is not None:
            entry.calls += 1
            if entry.calls & (entry.calls - 1) or entry.calls < 4:           # at 4, 8, 16, ... it is heard again
                found = self._quick(entry, leaves.tensors)
                if found is not None:
                    self.compiled_calls += 1
                    return found[0]
                if entry.run is not None:
                    return self._eager(args, kwargs)
        return self._hear(entry, leaves, shape, args, kwargs)

    # -- the two ways ------------------------------------------------------------------------------------------------------

    def _quick(self, entry: Entry, tensors: list[Tensor]) -> Any:
        """The result of the program in a tuple; None when the function itself has to run. An entry that no longer holds is emptied."""
        assert entry.watch is not None
        assert entry.run is not None
        if not entry.watch.same():
            self._forget(entry)
            return None
        grad = mode.grad
        arrays = [t._array for t in tensors]
        for t, shape, dtype in entry.held:
            a = t._array
            if a.shape != shape or a.dtype is not dtype:
                self._forget(entry)
                return None
            if grad and t._req:
                return None
            arrays.append(a)
        if grad and any(t._req for t in tensors):
            return None
        assert entry.program is not None
        try:
            results = entry.run(*arrays, *entry.program.constants)
        except Exception:                                  # the function itself will say what is wrong
            return None
        return (unflatten(entry.out, [wrap(r) for r in results]),)

    def _forget(self, entry: Entry) -> None:
        entry.run = entry.program = entry.watch = entry.first = None
        entry.calls = 0
        entry.tries += 1
        if entry.tries >= TRIES:
            entry.reason = f"what it depends on has changed {TRIES} times"

    def _eager(self, args: Any, kwargs: Any) -> Any:
        self.eager_calls += 1
        return self._function(*args, **kwargs)

    def _not(self, reason: str, args: Any, kwargs: Any) -> Any:
        if self._fullgraph:
            raise RuntimeError(f"{self._name()} cannot be compiled as one graph: {reason} (without fullgraph=True it runs as it is)")
        return self._eager(args, kwargs)

    # -- hearing ------------------------------------------------------------------------------------------------------------

    def _hear(self, entry: Entry, leaves: Leaves, shape: Any, args: Any, kwargs: Any) -> Any:
        if mode.grad and any(t._req for t in leaves.tensors):
            return self._eager(args, kwargs)               # gradients are wanted: nodes have to be made
        if not all(isinstance(t._array, np.ndarray) for t in leaves.tensors):
            return self._not("an argument is not in this machine's memory", args, kwargs)
        with self._lock:
            if entry.watch is not None and not entry.watch.same():
                self._forget(entry)                        # somebody else has changed what it depends on
                if entry.reason:
                    return self._not(entry.reason, args, kwargs)
            busy.now = True
            trace = Trace()
            try:
                result = trace.run(self._function, args, kwargs, leaves.tensors, mode.grad)
            except Refused as why:
                trace.refuse(str(why))
                busy.now = False
                return self._eager(args, kwargs)
            finally:
                busy.now = False
            if mode.grad and any(t._req for t in trace.held):
                return self._eager(args, kwargs)           # what was heard was heard without gradients
            self.eager_calls += 1
            after = Leaves()
            try:
                if flatten((args, kwargs), after) != shape or [*map(id, after.tensors)] != [*map(id, leaves.tensors)]:
                    raise Refused("it changes a container among its arguments")
                self._learn(entry, trace, result)
            except (Refused, Unwatchable, Unhashable) as why:
                entry.run, entry.program, entry.reason = None, None, str(why)
                if self._fullgraph:
                    return self._not(entry.reason, args, kwargs)
            return result

    def _learn(self, entry: Entry, trace: Trace, result: Any) -> None:
        """The first hearing is kept, the second must be equal to it, and later ones to the program."""
        out = Leaves()
        shape = flatten(result, out)
        program = trace.program(out.tensors)
        watch = entry.watch or Watch(self._roots, trace.codes)
        owners = {id(t._array): t for t in watch.tensors.values()}
        program.held = [owners.get(id(t._array), t) if isinstance(t, Loose) else t for t in program.held]
        strange = [t for t in program.held if id(t) not in watch.tensors]
        if strange:
            raise Refused(f"an op reads numbers of shape {list(strange[0]._array.shape)} that no op made (an index, a mask, something computed by NumPy)")
        if any(not isinstance(t._array, np.ndarray) for t in program.held):
            raise Refused("it reads tensors that are not in this machine's memory")
        if entry.watch is not None:
            if not entry.watch.same():
                raise Refused("it changes what it depends on")
            known = entry.first or (entry.program, entry.out)
            if not _equal(known, (program, shape)):
                raise Refused("it does not do the same in every call")
            if entry.run is None:
                self._take(entry, program, shape)
            return
        entry.watch = watch
        entry.first = (program, shape)

    def _take(self, entry: Entry, program: Program, out: Any) -> None:
        entry.program, entry.out, entry.first = program, out, None
        entry.held = [(t, t._array.shape, t._array.dtype) for t in program.held]
        entry.run = runner(program)
        entry.calls = 0

    # -- for people ------------------------------------------------------------------------------------------------------------

    def _name(self) -> str:
        return getattr(self._function, "__qualname__", type(self._function).__name__)

    def report(self) -> str:
        """What has been compiled, for which signatures, and what has not, with the reason."""
        lines = [f"{self._name()}: {self.compiled_calls} calls compiled, {self.eager_calls} as written"]
        for (_, signature, _, _), entry in self._entries.items():
            if entry.program is not None:
                from .fuse import chains

                parts = chains(entry.program.steps, entry.program.outputs)
                fused = sum(len(p) for p in parts if len(p) > 1)
                what = f"{len(entry.program.steps)} ops, {fused} of them in {sum(len(p) > 1 for p in parts)} chains" if fused else f"{len(entry.program.steps)} ops"
            else:
                what = "not compiled: " + entry.reason if entry.reason else "not known yet, or gradients are needed"
            lines.append(f"  {', '.join(f'{list(s[0])} {s[1]}' for s in signature) or 'no tensors'}: {what}")
        return "\n".join(lines)


def _equal(a: Any, b: Any) -> bool:
    (p, shape), (q, other) = a, b
    return (shape == other and p.outputs == q.outputs and len(p.steps) == len(q.steps)
            and all(s.op is t.op and s.operands == t.operands and s.outs == t.outs and repr(s.params) == repr(t.params) and s.dtypes == t.dtypes
                    for s, t in zip(p.steps, q.steps, strict=True))
            and len(p.held) == len(q.held) and all(x is y for x, y in zip(p.held, q.held, strict=True))
            and len(p.constants) == len(q.constants)
            and all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in zip(p.constants, q.constants, strict=True)))


class off:
    """How many `compiler.disable()` blocks and `compiler.set_stance("force_eager")` hold compilation off."""

    count = 0
