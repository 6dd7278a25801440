"""The op table: one declaration per op, and the dispatch that runs it on arrays, Tensors and symbols."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from . import errors, narrow
from .device import of as device_of
from .node import Node, next_seq
from .site import here
from .sparse import Rows, refusal
from .state import mode, numbers
from .symbol import Symbol
from .tensor import Tensor, edge, wrap

_new = object.__new__
_frame = sys._getframe
Vjp = Callable[..., Any]

table: dict[str, Op] = {}


class Plan:
    """What a node saves and which vjps it runs, for one choice of operands that need gradients."""

    __slots__ = ("fetch", "holds", "how", "joint", "names", "needs", "others", "saves_output", "steps", "tensors", "tensors_saved", "vjps")

    def __init__(self, op: Op, needs: tuple[bool, ...]) -> None:
        self.needs = needs
        self.joint = op.joint
        if op.joint is not None:
            wanted = [op.joint]
        else:
            wanted = [v for v, n in zip(op.vjps, needs, strict=False) if n and v is not None]
        used = {n for v in wanted for n in _names(v)} - {"needs"}
        self.tensors = tuple(range(len(needs))) if op.variadic and used & {"x"} else tuple(
            i for i, n in enumerate(op.operands) if n in used)
        self.saves_output = "y" in used
        self.others = tuple(n for n in op.extras if n in used)
        self.fetch = tuple(_source(op, n) for n in self.others)
        self.names = tuple(op.operands[i] for i in self.tensors) + (("y",) if self.saves_output else ()) + self.others
        self.tensors_saved = len(self.tensors)
        where = {n: i for i, n in enumerate(self.names)}
        missing = used - set(where)
        if missing:
            raise TypeError(f"the vjp of {op.name} asks for {sorted(missing)}, which the op does not have; it has "
                            f"{(*op.operands, 'y', *op.extras)}")
        self.vjps = tuple((i, v, tuple(where[n] for n in _names(v)), len(_names(v)))
                          for i, (v, n) in enumerate(zip(op.vjps, needs, strict=False)) if n and v is not None and op.joint is None)
        if op.joint is not None:
            self.vjps = ((-1, op.joint, tuple(where.get(n, -1) for n in _names(op.joint)), -1),)
        # what PyTorch calls saved variables: a second backward needs them, unlike shapes and numbers
        self.holds = self.tensors_saved > 0 or self.saves_output or any(n in op.aux for n in self.others)
        # how `sweep` gets at them: nothing there, operands only, the output only, anything else
        self.how = 0 if not self.names else 1 if not self.saves_output and not self.others else 2 if len(self.names) == 1 and self.saves_output else 3
        self.steps = tuple((i, rule, n, *(*where, -1, -1)[:2], where) for i, rule, where, n in self.vjps if n >= 0)


def _source(op: Op, name: str) -> tuple[int, int]:
    """Where a node finds what is neither operand nor output: 0 a parameter, 1 an auxiliary result, 2 the shape of an operand, 3 of all; which one."""
    if name in op.params:
        return 0, op.params.index(name)
    if name in op.aux:
        return 1, op.aux.index(name)
    return (3, 0) if op.variadic else (2, op.operands.index(name.removesuffix("_shape")))


def _names(v: Vjp) -> list[str]:
    return list(inspect.signature(v).parameters)[1:]


class Op:
    """One row of the op table.

    `forward(*arrays, *params)` computes; `vjps[i](g, ...)` gives the gradient of operand i from the upstream gradient `g`.
    A vjp's further parameter names say what it needs: an operand's name, `<operand>_shape`, `y` (the output; a tuple where there are several), a
    parameter's name, or the name of an auxiliary result of the forward.

    Rules are written as if everything was real. For a holomorphic op that is enough: the engine conjugates before and after the rule. An op whose
    rules conjugate by themselves says `holomorphic=False`.
    """

    __slots__ = (
        "aux",
        "extras",
        "forward",
        "grad_tex",
        "holomorphic",
        "index",
        "inplace_ufunc",
        "joint",
        "label",
        "multi",
        "name",
        "node_name",
        "operands",
        "params",
        "plans",
        "tex",
        "variadic",
        "view",
        "vjps",
    )

    def __init__(self, name: str, node_name: str, tex: str, forward: Callable[..., Any], operands: int, *, view: bool = False,
                 multi: bool = False, aux: tuple[str, ...] = (), variadic: bool = False, grad_tex: str | None = None,
                 ufunc: Any = None, holomorphic: bool = True) -> None:
        names = tuple(inspect.signature(forward).parameters) if not isinstance(forward, np.ufunc) else ("x", "b")
        self.label = re.sub("_(all|scalar|base|tensor)$", "", name)      # what it is called where it is seen
        self.name, self.node_name, self.tex, self.forward = name, node_name, tex, forward
        self.operands = names[:operands] if not variadic else ("x",)
        self.params = names[operands:]
        self.aux, self.view, self.multi, self.variadic = aux, view, multi, variadic
        self.extras = tuple(n + "_shape" for n in self.operands) + self.params + aux
        self.grad_tex = grad_tex
        self.holomorphic = holomorphic
        self.inplace_ufunc = ufunc
        self.vjps: tuple[Vjp | None, ...] = ()
        self.joint: Vjp | None = None
        self.plans: dict[tuple[bool, ...], Plan] = {}
        self.index = len(table)
        if name in table:
            raise ValueError(f"op {name!r} is already in the table")
        table[name] = self

    def plan(self, needs: tuple[bool, ...]) -> Plan:
        known = self.plans.get(needs)
        if known is None:
            known = self.plans[needs] = Plan(self, needs)
        return known

    @property
    def differentiable(self) -> bool:
        return bool(self.vjps) or self.joint is not None

    def __repr__(self) -> str:
        return f"<op {self.name}>"


ACCUMULATE = Op("accumulate_grad", "AccumulateGrad", r"{x}_{\mathrm{grad}} \mathrel{+}= \bar{x}", lambda x: x, 1)
NO_PLAN = ACCUMULATE.plan((False,))


def apply(op: Op, *args: Any) -> Any:
    """Runs an op on its operands, then parameters: arrays give an array, Symbols a Symbol, Tensors a Tensor with its node."""
    if op.variadic:
        operands, params = tuple(args[0]), args[1:]
    else:
        n = len(op.operands)
        operands, params = args[:n], args[n:]
    traced = False
    for t in operands:
        if isinstance(t, Tensor):
            traced = True
            break
        if isinstance(t, Symbol):
            return Symbol.of_op(op, operands, params)
    if not traced:
        if op.variadic:
            result = op.forward(operands, *params)
        else:
            result = op.forward(*operands, *params)
        return result[0] if op.aux else result
    return run(op, operands, params)


def together(operands: Any) -> Any:
    """The operands with 0-d tensors of the host, which are numbers, moved to the device of the others; None where that is not what is wrong."""
    there = next((t._array for t in operands if isinstance(t, Tensor) and hasattr(t._array, "__cuda_array_interface__")), None)
    host = [t for t in operands if isinstance(t, Tensor) and isinstance(t._array, np.ndarray)]
    if there is None or not host or any(t._array.ndim for t in host):
        return None
    return tuple([t.to(device_of(there)) if isinstance(t, Tensor) and isinstance(t._array, np.ndarray) else t for t in operands])


def run(op: Op, operands: tuple[Any, ...], params: tuple[Any, ...] = ()) -> Any:
    """The general path of `apply`, for operands of which at least one is a Tensor."""
    sink = mode.sink
    t0 = clock() if sink is not None else 0
    arrays = [t._array if isinstance(t, Tensor) else t for t in operands]
    try:
        if numbers.bfloat16 is not None and any(getattr(a, "dtype", None) is numbers.bfloat16 for a in arrays):
            result = narrow.forward(op, arrays, params)
        else:
            result = op.forward(arrays, *params) if op.variadic else op.forward(*arrays, *params)
    except TypeError as e:
        if (moved := together(operands)) is not None:
            return run(op, moved, params)
        raise (refusal(op.name) if any(a.__class__ is Rows for a in arrays) else errors.devices(arrays, e)) from None
    except AttributeError as e:
        raise (refusal(op.name) if any(a.__class__ is Rows for a in arrays) else e) from None
    except RuntimeError as e:
        errors.came_from(e, operands)
        raise
    aux: tuple[Any, ...] = ()
    if op.aux:
        result, *rest = result
        aux = tuple(rest)
    node = None
    if mode.grad and op.differentiable:
        needs = tuple([isinstance(t, Tensor) and t._req for t in operands])
        if True in needs:
            node = record(op, operands, params, needs, result, aux)
    out: Any
    if op.multi:
        out = tuple(wrap(r, node, i) for i, r in enumerate(result))
        if op.view:
            for i, o in enumerate(out):
                _view(op, operands[0], o, (*params, i))
    else:
        out = wrap(result, node)
        if op.view:
            _view(op, operands[0], out, params)
    if node is not None and node.plan.saves_output:
        node.saved = _with_output(node, out)
    if sink is not None:
        site = node.site if node is not None else here(2)
        outs = out if op.multi else (out,)
        sink.op(op, tuple([t for t in operands if isinstance(t, Tensor)]), outs, node, site, t0, clock())
    return out


def record(op: Op, operands: tuple[Any, ...], params: tuple[Any, ...], needs: tuple[bool, ...], result: Any, aux: tuple[Any, ...]) -> Node:
    """The node of an op that has just run, with what its vjps need (but for the output, which is added by its Tensor)."""
    node = Node()
    node.op = op
    node.seq = next_seq()
    node.next = tuple([edge(t) if n else None for t, n in zip(operands, needs, strict=True)])
    node.nrs = tuple([t._nr if n else 0 for t, n in zip(operands, needs, strict=True)])
    node.plan = plan = op.plans.get(needs) or op.plan(needs)
    saved: list[Any] = []
    for i in plan.tensors:
        t = operands[i]
        if isinstance(t, Tensor):
            storage = t._storage
            saved.append((t, 0 if storage is None else storage.version))
        else:
            saved.append((t, None))
    for kind, k in plan.fetch:
        if kind == 0:
            saved.append(params[k])
        elif kind == 1:
            saved.append(aux[k])
        elif kind == 2:
            t = operands[k]
            saved.append(t._array.shape if isinstance(t, Tensor) else np.shape(t))
        else:
            saved.append(tuple([t._array.shape for t in operands]))
    node.saved = tuple(saved)
    first = result[0] if op.multi else result
    node.shape = first.shape
    node.dtype = first.dtype
    if first.dtype.kind in "cV":
        numbers.wide = True
    node.extra = None
    if op.multi:
        node.more().outs = tuple([(r.shape, r.dtype) for r in result])
    node.site = here(2)
    return node


def _with_output(node: Node, out: Any) -> tuple[Any, ...]:
    saved, k = node.saved, node.plan.tensors_saved
    if out.__class__ is tuple:
        storages = tuple([o.storage() for o in out])
        return (*saved[:k], (tuple([o._array for o in out]), tuple([s.version for s in storages]), storages), *saved[k:])
    storage = out.storage()
    return (*saved[:k], (out._array, storage.version, storage), *saved[k:])


def _view(op: Op, base: Tensor, out: Tensor, params: tuple[Any, ...]) -> None:
    """Makes `out` share version and, when gradients are recorded, its history with what it views."""
    out._storage = storage = base.storage()
    if mode.grad:
        extra = out.more()
        above = base._extra
        if above is not None and above.base is not None:
            extra.base, extra.chain = above.base, (*above.chain, (op, params))
        else:
            extra.base, extra.chain = base, ((op, params),)
        storage.watch(out)


# -- declaring ----------------------------------------------------------------------------------------------------------


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def op(tex: str, *, operands: int = 1, name: str | None = None, node: str | None = None, view: bool = False, multi: bool = False,
       aux: tuple[str, ...] = (), variadic: bool = False, grad_tex: str | None = None, holomorphic: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """Declares an op by its forward; the result is called as `f(*operands, *params)` and takes its vjps by `@f.vjp`."""

    def declare(forward: Callable[..., Any]) -> Any:
        label = name or forward.__name__.strip("_")
        o = Op(label, (node or _camel(label)) + "Backward0", tex, forward, operands, view=view, multi=multi, aux=aux,
               variadic=variadic, grad_tex=grad_tex, holomorphic=holomorphic)

        def call(*args: Any) -> Any:
            if isinstance(args[0], Tensor):
                return run(o, args[:operands], args[operands:])
            return apply(o, *args)

        return _finish(call, o, forward.__doc__)

    return declare


def _finish(call: Any, o: Op, doc: str | None) -> Any:
    call.__name__ = call.__qualname__ = o.name
    call.__doc__ = doc
    call.op = o

    def vjp(*rules: Vjp | None) -> Any:
        o.vjps = rules
        return call

    def vjp_all(rule: Vjp) -> Any:
        o.joint = rule
        return call

    call.vjp, call.vjp_all = vjp, vjp_all
    return call


def symbolic(o: Op, *operands: Any) -> Any:
    """An op on raw arrays or on Symbols."""
    return apply(o, *operands)
