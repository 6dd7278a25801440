"""One captured sequence for many batch sizes: numbers that go with the first dimension of the arguments are kept as such."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..compiler.capture import Loose, Refused, Trace
from ..compiler.program import Program, Ref, Step, runner
from ..compiler.tree import Leaves, Unhashable, flatten, unflatten
from ..core.op import apply
from ..core.state import mode
from ..core.tensor import Tensor, wrap


@dataclass(frozen=True)
class Affine:
    """a B + b, where B is the size of the first dimension of the arguments."""

    a: int
    b: int


@dataclass(frozen=True)
class Fill:
    """A constant that holds one number, of a shape that goes with the batch."""

    shape: tuple[Any, ...]
    dtype: Any
    value: Any


@dataclass
class Graph:
    """A program, what its arguments looked like, and whether their first dimension may be another."""

    program: Program
    shape_in: Any
    shape_out: Any
    kinds: list[tuple[tuple[int, ...], str]]               # shape and dtype of every argument
    batch: int | None                                      # the first dimension it was heard with; None where it is fixed

    def __post_init__(self) -> None:
        self._runners: dict[int | None, Callable[..., Any]] = {}
        self._programs: dict[int | None, Program] = {}

    def fits(self, shape: Any, tensors: list[Tensor]) -> bool:
        """Whether these arguments are of the kind that was heard."""
        if shape != self.shape_in or len(tensors) != len(self.kinds):
            return False
        size = self.size(tensors)
        for t, (was, dtype) in zip(tensors, self.kinds, strict=True):
            now = t._array.shape
            if t._array.dtype.str != dtype or len(now) != len(was):
                return False
            if now != was and (self.batch is None or now[1:] != was[1:] or now[0] * self.batch != was[0] * (size or 0)):
                return False
        return True

    def size(self, tensors: list[Tensor]) -> int | None:
        if self.batch is None:
            return None
        for t, (was, _) in zip(tensors, self.kinds, strict=True):
            if was and was[0] == self.batch:
                return int(t._array.shape[0])
        return self.batch

    def of(self, size: int | None) -> Program:
        """The program for a size of the first dimension."""
        known = self._programs.get(size)
        if known is None:
            p = self.program
            known = self._programs[size] = p if size is None else Program(
                p.inputs, p.held, [np.full(_put(c.shape, size), c.value, c.dtype) if isinstance(c, Fill) else c for c in p.constants],
                [_bind(s, size) for s in p.steps], p.outputs)
        return known

    def run(self, tensors: list[Tensor], held: list[Tensor]) -> Any:
        """The result: by arrays alone where no gradients are needed and nobody listens, else op by op on Tensors."""
        size = self.size(tensors)
        program = self.of(size)
        if mode.sink is None and mode.calls is None and not (mode.grad and any(t._req for t in (*tensors, *held))):
            run = self._runners.get(size)
            if run is None:
                run = self._runners[size] = runner(program)
            made = [wrap(a) for a in run(*[t._array for t in tensors], *[t._array for t in held], *program.constants)]
        else:
            made = on_tensors(program, [*tensors, *held, *map(wrap, program.constants)])
        return unflatten(self.shape_out, made)


def on_tensors(program: Program, given: list[Tensor]) -> list[Tensor]:
    """The program op by op, so that nodes are made and recordings hear of it."""
    values: dict[int, Any] = dict(enumerate(given))
    for step in program.steps:
        operands = [values[x.n] if isinstance(x, Ref) else x for x in step.operands]
        params = [_array(p, values) for p in step.params]
        made = apply(step.op, operands, *params) if step.op.variadic else apply(step.op, *operands, *params)
        values.update(zip(step.outs, made if step.op.multi else (made,), strict=True))
    return [values[n] for n in program.outputs]


def _array(p: Any, values: dict[int, Any]) -> Any:
    """A parameter with arrays in the places of values."""
    return values[p.n]._array if isinstance(p, Ref) else tuple([_array(v, values) for v in p]) if isinstance(p, tuple) else p


def _put(x: Any, size: int) -> Any:
    """A value for a size of the batch."""
    return x.a * size + x.b if isinstance(x, Affine) else tuple([_put(v, size) for v in x]) if isinstance(x, tuple) else x


def _bind(step: Step, size: int) -> Step:
    return replace(step, params=_put(step.params, size), operands=_put(step.operands, size), shapes=_put(step.shapes, size))


def _between(x: Any, y: Any, b: int) -> Any:
    """What gives x for the size b, and y for 2 b; raises Refused."""
    if isinstance(x, tuple) and isinstance(y, tuple) and len(x) == len(y):
        return tuple(_between(p, q, b) for p, q in zip(x, y, strict=True))
    if type(x) is int and type(y) is int and x != y:
        if (y - x) % b:
            raise Refused("a number does not go with the batch")
        a = (y - x) // b
        return Affine(a, x - a * b)
    if type(x) is type(y) and (x == y or repr(x) == repr(y)):
        return x
    raise Refused("it does not do the same for another batch")


def hear(function: Callable[..., Any], args: Any, kwargs: Any, warn: Callable[[str], None] | None, owned: dict[int, Tensor]) -> tuple[Graph, Any]:
    """Calls the function once (and again with twice the batch) and gives what was captured, with the result. Raises Refused or Unhashable."""
    leaves = Leaves()
    shape = flatten((args, kwargs), leaves)
    graph, result = _once(function, args, kwargs, leaves, shape, warn, owned)
    sizes = {t._array.shape[0] for t in leaves.tensors if t._array.ndim}
    if len(sizes) == 1 and (b := sizes.pop()) > 0:
        try:
            wide = [wrap(np.concatenate([t._array] * 2)) if t._array.ndim else t for t in leaves.tensors]
            more_args, more_kwargs = unflatten(shape, wide)
            again = Leaves()
            flatten((more_args, more_kwargs), again)
            other, _ = _once(function, more_args, more_kwargs, again, shape, warn and (lambda leak: None), owned)
            graph = _general(graph, other, b)
            _checked(graph, function, shape, leaves.tensors, b)
        except Exception:                                  # it is of this size then
            pass
    return graph, result


def _once(function: Any, args: Any, kwargs: Any, leaves: Leaves, shape: Any, warn: Any, owned: dict[int, Tensor]) -> tuple[Graph, Any]:
    trace = Trace(warn)
    result = trace.run(function, args, kwargs, leaves.tensors, mode.grad)
    out = Leaves()
    shape_out = flatten(result, out)
    program = trace.program(out.tensors)
    owners = {id(t._array): t for t in owned.values()}
    program.held = [owners.get(id(t._array), t) if isinstance(t, Loose) else t for t in program.held]
    for t in program.held:
        if isinstance(t, Loose):
            raise Refused(f"an op reads numbers of shape {list(t._array.shape)} that no op made (an index, a mask, something computed by NumPy)")
    kinds = [(t._array.shape, t._array.dtype.str) for t in leaves.tensors]
    return Graph(program, shape, shape_out, kinds, None), result


def _general(one: Graph, two: Graph, b: int) -> Graph:
    p, q = one.program, two.program
    if (len(p.steps) != len(q.steps) or p.outputs != q.outputs or len(p.constants) != len(q.constants) or one.shape_out != two.shape_out
            or [*map(id, p.held)] != [*map(id, q.held)]):
        raise Refused("it does not do the same for another batch")
    steps = []
    for s, t in zip(p.steps, q.steps, strict=True):
        if s.op is not t.op or s.outs != t.outs or s.dtypes != t.dtypes:
            raise Refused("it does not do the same for another batch")
        steps.append(replace(s, operands=_between(s.operands, t.operands, b), params=_between(s.params, t.params, b), shapes=_between(s.shapes, t.shapes, b),
                             plain=s.plain and t.plain))
    constants = [_constant(x, y, b) for x, y in zip(p.constants, q.constants, strict=True)]
    return Graph(Program(p.inputs, p.held, constants, steps, p.outputs), one.shape_in, one.shape_out, one.kinds, b)


def _constant(x: Any, y: Any, b: int) -> Any:
    if x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes():
        return x
    if x.dtype != y.dtype or not x.size or (x != x.flat[0]).any() or (y != x.flat[0]).any():
        raise Refused("a constant does not go with the batch")
    return Fill(_between(x.shape, y.shape, b), x.dtype, x.flat[0].item())


def _checked(graph: Graph, function: Any, shape: Any, tensors: list[Tensor], b: int) -> None:
    """Three times the batch, beside the function; raises where they differ."""
    from ..core.grad_mode import no_grad

    wide = [wrap(np.concatenate([t._array] * 3)) if t._array.ndim else t for t in tensors]
    args, kwargs = unflatten(shape, wide)
    again = Leaves()
    if not graph.fits(flatten((args, kwargs), again), again.tensors):
        raise Refused("sizes do not go together")
    with no_grad():
        got, want = Leaves(), Leaves()
        if flatten(graph.run(again.tensors, graph.program.held), got) != flatten(function(*args, **kwargs), want):
            raise Refused("it does not do the same for another batch")
    for g, w in zip(got.tensors, want.tensors, strict=True):
        if not np.array_equal(g._array, w._array, equal_nan=True):
            raise Refused("it does not give the same for another batch")


__all__ = ["Affine", "Fill", "Graph", "Leaves", "Refused", "Unhashable", "flatten", "hear"]
