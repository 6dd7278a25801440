"""Is a derivative right? A node's vjp beside central differences of its forward, in float64, down to the element where they differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.node import AccumulateGrad, Freed, Node, title
from ..core.rule import fit, vjps
from ..core.say import Said, say, told
from ..core.state import set_grad, set_sink
from ..core.tensor import Tensor, wrap
from .kept import dice, throw_again
from .values import SHAPES, Values, forward

if TYPE_CHECKING:
    from .asks import Asks
    from .sight import Sight

SMALL = 48                         # elements that are tried one by one; of more, random directions
DIRECTIONS = 4
RELATIVE = 1e-4
DRAWN: Any = object()              # in the place of an operand of which nothing is known, not even whether there was one


class Input(NamedTuple):
    """One operand: whether analytic and numeric derivative agree, and where they differ most."""

    name: str
    shape: tuple[int, ...]
    ok: bool
    error: float                   # |analytic - numeric| relative to the larger
    analytic: float
    numeric: float
    where: tuple[int, ...] | None  # the element; None for a direction through all of them
    kink: bool                     # the derivative jumps there, and the analytic one lies between both sides
    infinite: int = 0              # elements at which the derivative is not finite: differences tell nothing there

    @property
    def words(self) -> Said:
        place = "" if self.where is None else f"[{', '.join(map(str, self.where))}]"
        if not self.ok:
            return say("{0}{1}: analytic {2}, numeric {3}", self.name, place, f"{self.analytic:.6g}", f"{self.numeric:.6g}")
        found = say("{0}: agrees, largest relative difference {1}", self.name, f"{self.error:.1e}")
        if self.kink:
            found = say("{0}; a kink at {1}", found, place) if place else say("{0}; a kink at some elements", found)
        if self.infinite:
            found = (say("{0}; at {1} element it is not finite (first at {2}), see origin()", found, self.infinite, place) if self.infinite == 1
                     else say("{0}; at {1} elements it is not finite (first at {2}), see origin()", found, self.infinite, place))
        return found

    def __str__(self) -> str:
        return str(self.words)


class Check:
    """What was found of one node."""

    def __init__(self, name: str, module: str, row: int, values: str, inputs: Sequence[Input]) -> None:
        self.name, self.module, self.row, self.values, self.inputs = name, module, row, values, list(inputs)

    @property
    def ok(self) -> bool:
        return all(i.ok for i in self.inputs)

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent."""
        return {"ok": self.ok, "node": self.row, "name": self.name, "module": self.module, "values": self.values,
                "inputs": [{**i._asdict(), "words": i.words, "said": told(i.words)} for i in self.inputs], "words": repr(self)}

    def __repr__(self) -> str:
        head = f"{self.name}{' in ' + self.module if self.module else ''}: {'the derivative is right' if self.ok else 'THE DERIVATIVE IS WRONG'}"
        at = "" if self.values == "its own" else " (at values drawn at random: the node does not hold its own)"
        return "\n".join([head + at, *[f"  {i}" for i in self.inputs]])


class ModuleCheck:
    """What was found of every node of a module. `skipped` names those that cannot be checked, and why."""

    def __init__(self, module: str, nodes: Sequence[Check], skipped: Sequence[tuple[str, str]]) -> None:
        self.module, self.nodes, self.skipped = module, list(nodes), list(skipped)

    @property
    def ok(self) -> bool:
        return all(c.ok for c in self.nodes)

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent."""
        return {"ok": self.ok, "module": self.module, "nodes": [c.to_dict() for c in self.nodes], "skipped": [[name, why, told(why)] for name, why in self.skipped], "words": repr(self)}

    def __repr__(self) -> str:
        wrong = [c for c in self.nodes if not c.ok]
        head = f"{self.module or 'the model'}: {len(self.nodes) - len(wrong)} of {len(self.nodes)} nodes are right"
        return "\n".join([head, *[repr(c) for c in wrong], *[f"  not checked: {name}, {why}" for name, why in self.skipped]])


class Unchecked(RuntimeError):
    """A node that cannot be checked: it does not hold what its forward needs."""


def check_nodes(dbg: Asks[Any, Any], module: str) -> ModuleCheck:
    """Every node of the pass that was made inside a module."""
    from .where import inside

    nodes = [n for n in dbg._ops() if inside(dbg.where.module(n), module) or not module]
    if not nodes:
        raise RuntimeError(say("no node of this pass has module {0}; it has {1}", repr(module), dbg._known('module')))
    values, found, skipped = dbg._values(), [], []
    for n in nodes:
        try:
            found.append(dbg._check(n, values))
        except Unchecked as why:
            skipped.append((title(n), why.args[0]))
    return ModuleCheck(module, found, skipped)


def check_node(dbg: Sight, node: Node, values: Values | None = None) -> Check:
    """One node, at the values that it was computed with where they are still there."""
    if isinstance(node, AccumulateGrad):
        raise Unchecked(say("AccumulateGrad adds what arrives to .grad: it has no derivative to check; step on to a node of an op"))
    if node.saved.__class__ is Freed:
        raise Unchecked(say("{0} has been run, and what it had saved is freed", title(node)))
    values = values or Values(dbg._pass.order)
    rng = np.random.default_rng(0)
    drawn, operands = _operands(node, values, rng)
    names = [f"x{i}" for i in range(len(operands))] if node.op.variadic or node.plan is None else list(node.op.operands)
    if node.plan is None:
        run, analytic = _function(node, operands, rng)
    else:
        run, analytic = _op(node, operands, values, rng, drawn)
    inputs = [compare(names[i], run, operands, i, g, rng) for i, g in enumerate(analytic) if g is not None and node.next[i] is not None]
    return Check(title(node), dbg.where.module(node), dbg.row(node), "drawn" if drawn else "its own", inputs)


def _operands(node: Node, values: Values, rng: Any) -> tuple[list[int], list[Any]]:
    """Operands in float64, and the numbers of those that had to be drawn."""
    drawn, found = [], []
    for i in range(len(node.next)):
        a = values.operand(node, i)
        if a is None:
            shape = values.shape_of(node, i)
            drawn += [i] if shape is not None else []
            a = DRAWN if shape is None else rng.standard_normal(shape)
        if hasattr(a, "get"):
            a = a.get()
        if node.dtype.kind == "c" or getattr(a, "dtype", np.dtype("f8")).kind == "c":
            raise Unchecked(say("its numbers are complex"))
        if hasattr(a, "dtype") and a.dtype.kind == "f":
            a = np.array(a, np.float64)
            if not np.isfinite(a).all():
                raise Unchecked(say("its operands are not finite; origin() says where that began"))
        found.append(a)
    return drawn, found


Run = Callable[[list[Any]], Any]


# A derivative does not depend on what its vjp does not ask for: anything will do.
STAND_INS: dict[str, Any] = {
    **SHAPES, "value": (0.5,), "decimals": (0,), "nan": (0.0,), "posinf": (1.0,), "neginf": (-1.0,), "descending": (False, True), "largest": (True, False), "stable": (True,),
    "pivot": (True,), "lower": ("L", "U"), "atol": (0.0,), "rtol": (1e-15,), "rcond": (None,), "strict": (False,), "name": ("",), "momentum": (0.1,),
    "given_mean": (None,), "given_var": (None,), "rows": lambda n: (n.shape[0],), "k": lambda n: tuple(range(1, 1 + max(n.shape, default=1)))}
FREE = {"copy_slices": "it is what an in-place change made of its base", "linalg_svd": "singular vectors may change sign together", "linalg_eig": "eigenvectors may be scaled", "linalg_eigh": "its input must stay symmetric", "linalg_cholesky": "its input must stay symmetric", "ctc_loss": "its inputs must stay log-probabilities"}


# Where drawn operands lie: anywhere, above 0, within ±1; the first at which the op is defined.
DRAWS: tuple[Callable[[Any], Any], ...] = (lambda a: a, lambda a: abs(a) + 0.5, lambda a: 0.8 * np.tanh(a))


def _op(node: Node, operands: list[Any], values: Values, rng: Any, drawn: list[int]) -> tuple[Run, list[Any]]:
    op, plan = node.op, node.plan
    if op.name in FREE:
        raise Unchecked(say("its derivative is not that of a forward of its own, or holds only for some directions: {0}", say(FREE[op.name])))
    ways = values.ways(node, STAND_INS)
    if not ways:
        raise Unchecked(say("it does not hold {0}, which its forward needs", ", ".join(p for p in op.params if p not in plan.names and p not in STAND_INS)))
    unknown = [i for i, m in enumerate(node.next) if m is None and operands[i] is DRAWN]
    error: Exception | None = None
    for params, draw in itertools.product(ways, DRAWS if drawn else DRAWS[:1]):
        for absent in (True, False) if unknown else (True,):    # an operand that is not held may never have been there: a bias, say
            given = [None if a is DRAWN and absent else rng.standard_normal(tuple(node.shape)) if a is DRAWN else draw(a) if i in drawn else a for i, a in enumerate(operands)]
            try:
                result, aux = forward(op, given, params, node.shape)
                first = result[0] if isinstance(result, tuple) else result
                if np.shape(first) != tuple(node.shape):
                    raise ValueError(say("its forward gives shape {0}, not {1}", list(np.shape(first)), list(node.shape)))
                if not np.isfinite(np.asarray(first)).all():
                    raise ValueError(say("it does not hold its operands, and is not defined at those drawn for them"))
                operands[:] = given
                return _both(node, operands, params, result, aux, rng)
            except Exception as e:
                error = e
    raise Unchecked(say("its forward could not be run again ({0})", f"{type(error).__name__}: {error}"))


def _both(node: Node, operands: list[Any], params: tuple[Any, ...], result: Any, aux: tuple[Any, ...], rng: Any) -> tuple[Run, list[Any]]:
    """The forward as a number, and its derivative by the node's vjps."""
    op, plan = node.op, node.plan
    outs = result if isinstance(result, tuple) else (result,)
    gs = [rng.standard_normal(np.shape(o)) if np.asarray(o).dtype.kind == "f" else None for o in outs]
    at: dict[str, Any] = {**dict(zip(op.operands, operands, strict=False)), **dict(zip(op.params, params, strict=True)),
                          **dict(zip(op.aux, aux, strict=True)), "y": result}
    saved = [operands[i] for i in plan.tensors] + ([result] if plan.saves_output else [])
    for name in plan.others:
        if name in at:
            saved.append(at[name])
        else:
            saved.append(tuple([np.shape(o) for o in operands]) if op.variadic else np.shape(at[name.removesuffix("_shape")]))
    g = gs if op.multi else gs[0]
    with np.errstate(all="ignore"):
        analytic = vjps(node, plan, g, saved)
    fitted = _fitted(node, analytic, operands)

    def run(given: list[Any]) -> float:
        made = forward(op, given, params, node.shape)[0]
        return sum(float(np.vdot(g, np.asarray(o, np.float64))) for g, o in zip(gs, made if isinstance(made, tuple) else (made,), strict=True) if g is not None)

    return run, fitted


def _fitted(node: Node, analytic: Sequence[Any], operands: list[Any]) -> list[Any]:
    """Gradients in the shapes of their operands."""
    return [None if a is None or m is None else np.asarray(fit(np.asarray(a), np.shape(x), np.dtype(np.float64), node, m))
            for a, m, x in zip(analytic, node.next, operands, strict=True)]


def _function(node: Any, operands: list[Any], rng: Any) -> tuple[Run, list[Any]]:
    """A user's Function: called anew in float64, its own backward beside differences of its own forward."""
    given, where, cls = list(node._given), node._where, node._function

    def call(arrays: Sequence[Any], grad: bool) -> tuple[Any, ...]:
        args = list(given)
        for k, i in enumerate(where):
            args[i] = wrap(np.array(arrays[k]), req=grad and node._needs[i])
        before, sink, state = set_grad(grad), set_sink(None), dice()
        try:
            made = cls.apply(*args)
        finally:
            set_grad(before)
            set_sink(sink)
            throw_again(state)
        return tuple(o for o in (made if isinstance(made, tuple) else (made,)) if isinstance(o, Tensor))

    outs = call(operands, True)
    made = next((o._node for o in outs if o._node is not None), None)
    if made is None:
        raise Unchecked(say("called anew it gives nothing that needs a gradient"))
    weights: dict[int, Any] = {o._nr: rng.standard_normal(o._array.shape) for o in outs if o._node is made}
    count = 1 if made.extra is None or made.extra.outs is None else len(made.extra.outs)
    gs = [weights.get(i) for i in range(count)]
    state = dice()
    try:
        analytic = made.run(gs if count > 1 else gs[0], False)
    finally:
        throw_again(state)
    fitted = _fitted(node, analytic, operands)

    def run(arrays: list[Any]) -> float:
        return sum(float(np.vdot(weights[k], np.asarray(o._array, np.float64))) for k, o in enumerate(call(arrays, False)) if k in weights)

    return run, fitted


# -- analytic beside numeric ---------------------------------------------------------------------------------------------------------


class _Along(NamedTuple):
    analytic: float
    numeric: float
    left: float
    right: float
    slack: float

    @property
    def off(self) -> float:
        return max(abs(self.analytic - self.numeric) - self.slack, 0.0)

    @property
    def kink(self) -> bool:
        low, high = sorted((self.left, self.right))
        return high - low > self.slack and low - self.slack <= self.analytic <= high + self.slack


def compare(name: str, run: Run, operands: list[Any], i: int, g: Any, rng: Any) -> Input:
    """The gradient `g` of operand i beside differences of `run`: element by element, or along random directions that are halved to where they differ."""
    x = operands[i]
    if not hasattr(x, "dtype") or x.dtype.kind != "f":
        return Input(name, tuple(np.shape(x)), True, 0.0, 0.0, 0.0, None, False)
    endless = ~np.isfinite(g)
    if endless.any():                                           # where it is not finite, differences tell nothing: what is left must agree
        there = tuple(int(k) for k in np.argwhere(endless)[0])
        rest = compare(name, lambda given: run([np.where(endless, x, a) if k == i else a for k, a in enumerate(given)]), operands, i, np.where(endless, 0.0, g), rng)
        return rest._replace(where=rest.where if not rest.ok else there, infinite=int(endless.sum()))
    h = 1e-6 * np.maximum(1.0, np.abs(x))
    middle = run(operands)

    def along(v: Any) -> _Along:
        up, down = [*operands], [*operands]
        up[i], down[i] = x + h * v, x - h * v
        with np.errstate(all="ignore"):
            a, b = run(up), run(down)
            true = float(np.vdot(g * h, v))
            noise = 1e-14 * max(abs(a), abs(b), abs(middle), 1e-3 * x.size ** 0.5)
            numeric = (a - b) / 2
            slack = RELATIVE * max(abs(true), abs(numeric)) + 4 * noise + 1e-13
        return _Along(true, numeric, middle - b, a - middle, slack)

    def one(k: int) -> Any:
        v = np.zeros(x.size)
        v[k] = 1.0
        return v.reshape(x.shape)

    def told(k: int, found: _Along, ok: bool, kink: bool) -> Input:
        step = float(h.reshape(-1)[k])
        largest = max(abs(found.analytic), abs(found.numeric), 1e-300)
        return Input(name, tuple(x.shape), ok, abs(found.analytic - found.numeric) / largest, found.analytic / step, found.numeric / step,
                     tuple(int(j) for j in np.unravel_index(k, x.shape)), kink)

    if x.size <= SMALL:
        tried = [(k, along(one(k))) for k in range(x.size)]
        wrong = [(k, f) for k, f in tried if f.off and not f.kink]
        if wrong:
            k, f = max(wrong, key=lambda kf: kf[1].off / float(h.reshape(-1)[kf[0]]))
            return told(k, f, False, False)
        kinks = [k for k, f in tried if f.off]
        error = max((abs(f.analytic - f.numeric) / max(abs(f.analytic), abs(f.numeric), 1e-9) for k, f in tried if k not in kinks), default=0.0)
        return Input(name, tuple(x.shape), True, error, 0.0, 0.0, None, bool(kinks))
    left = np.ones(x.size, bool)                                # elements that are no kinks
    error, kink, again = 0.0, False, 0
    while again < DIRECTIONS:
        v = np.where(left, rng.choice((-1.0, 1.0), x.size), 0.0)
        found = along(v.reshape(x.shape))
        if not found.off:
            error, again = max(error, abs(found.analytic - found.numeric) / max(abs(found.analytic), abs(found.numeric), 1e-9)), again + 1
            continue
        k, at = _halve(along, v, x.shape)
        if at is None:
            again += 1                                          # it was noise: no half of it differs
        elif not at.kink:
            return told(k, at, False, False)
        else:
            kink, left[k] = True, False
            again += (x.size - int(left.sum())) % 16 == 15
    return Input(name, tuple(x.shape), True, error, 0.0, 0.0, None, kink)


def _halve(along: Callable[[Any], _Along], v: Any, shape: tuple[int, ...]) -> tuple[int, _Along | None]:
    """The element of a direction in which analytic and numeric derivative differ."""
    places = np.flatnonzero(v)
    while len(places) > 1:
        halves = []
        for part in (places[:len(places) // 2], places[len(places) // 2:]):
            w = np.zeros(v.size)
            w[part] = v[part]
            halves.append((along(w.reshape(shape)).off, part))
        off, places = max(halves, key=lambda o: o[0])
        if not off:
            return -1, None
    w = np.zeros(v.size)
    w[places[0]] = 1.0
    found = along(w.reshape(shape))
    return int(places[0]), found if found.off else None
