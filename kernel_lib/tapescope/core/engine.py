"""The backward engine: a generator over the graph, newest node first.

`backward()` exhausts it; the debugger holds it. With `observe` it yields a `Stop` before and after every node; what the holder writes to
`stop.grads` at a `before` replaces the incoming gradients. An `observe` that is a function is asked at every node, with its gradients, whether to stop
before it; `keep` is shown the place before every node that is no leaf, and `resume` goes on from such a place.

The order is PyTorch's: by creation sequence, newest first, and a leaf as soon as everything that flows to it has arrived.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from operator import attrgetter
from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from .called import hooked, post_hooks, pre_hooks, quietly, tensor_hooks
from .node import AccumulateGrad, Freed, Node, meta_of, same
from .rule import fit, run_node
from .saved import arrays
from .site import Site
from .sparse import dense
from .state import mode, numbers, set_grad
from .tensor import Tensor, accumulator, wrap

_BY_SEQ = attrgetter("seq")
Writer = Callable[[Tensor, Any], Any]                       # a true result: it is kept for later, and so is what follows the writing
Place = tuple[Sequence[Node], dict[Node, Any], dict[Node, int]]      # nodes yet to come, gradients that wait, edges that leaves wait for


class Stop:
    """Where a watched pass stands: before or after a node."""

    __slots__ = ("grads", "grads_out", "node", "when")

    def __init__(self, when: str, node: Node, grads: list[Any], grads_out: Sequence[Any] = ()) -> None:
        self.when, self.node, self.grads, self.grads_out = when, node, grads, grads_out


def discover(roots: Sequence[Node]) -> tuple[list[Node], dict[Node, int]]:
    """All nodes that can be reached, newest first, and for every leaf how many edges lead to it."""
    order = list({n for n in roots if n.__class__ is not AccumulateGrad})
    seen = set(order)
    leaves: dict[Node, int] = {}
    for n in order:                                         # grows while it is walked
        for m in n.next:
            if m.__class__ is AccumulateGrad:
                leaves[m] = leaves.get(m, 0) + 1
            elif m not in seen and m is not None:
                seen.add(m)
                order.append(m)
    order.sort(key=_BY_SEQ, reverse=True)
    return order, leaves


def walk(roots: Sequence[Tensor], grads: Sequence[Any], *, retain: bool = False, create: bool = False,
         observe: bool | Callable[[Node, list[Any]], bool] = False, captures: dict[tuple[Node, int], list[Any]] | None = None,
         accumulate: bool = True, write: Writer | None = None, site: Site | None = None,
         keep: Callable[[Node, Any, dict[Node, Any], dict[Node, int]], None] | None = None, resume: Place | None = None,
         found: tuple[list[Node], dict[Node, int]] | None = None) -> Generator[Stop, None, None]:
    """Runs the vjps from `roots` down. `grads` are raw arrays, or Tensors when `create`.

    `captures` receives the gradients at chosen places instead of (`accumulate=False`) or beside `.grad`. `found` is what `discover` has found already.
    """
    buffer: dict[Node, Any] = {}
    starts: list[Node] = []
    for t, g in zip(roots, grads, strict=True):
        node = t._node if t._node is not None else accumulator(t)
        starts.append(node)
        _put(buffer, node, t._nr, g, create)
    if resume is None:
        order, leaves = found or discover(starts)
        for node in starts:
            if node.__class__ is AccumulateGrad:
                leaves[node] = leaves.get(node, 0) + 1
    else:
        order, buffer, leaves, starts = list(resume[0]), resume[1], resume[2], []
    needed = _needed(order, captures) if captures is not None and not accumulate else None
    write = write or (_write_connected if create else _write)

    def leaf(node: Node, g: Any) -> Generator[Stop, None, None]:
        variable = node.variable
        if g is None:
            return
        if variable._extra is not None and variable._extra.hooks:
            g = tensor_hooks(variable._extra.hooks.values(), g, create)
        if node.extra is not None and node.extra.pre:
            g = pre_hooks(node, [g], create)[0]
        if captures is not None and (node, 0) in captures:
            captures[node, 0].append(g)
        if not accumulate or not variable._req:             # its flag was taken away since
            return
        if observe:
            given = [shown := dense(g)]
            if observe is True or observe(node, given):
                yield Stop("before", node, given)
            if given[0] is not shown:
                g = given[0]
            del given, shown
        if not write(variable, g):
            written(node, g, create)
        if observe is True:
            yield Stop("after", node, [dense(g)])

    for node in [n for n in starts if n.__class__ is AccumulateGrad]:
        leaves[node] -= 1
        if leaves[node] == 0:
            yield from leaf(node, buffer.pop(node))

    sink = mode.sink
    freed = Freed(site)
    if not (create or observe or captures or numbers.wide and any(n.dtype.kind in "cV" for n in order)):
        _sweep(order, buffer, leaves, leaf, retain, freed)
        return
    for node in order:
        g = buffer.pop(node, None)
        extra = node.extra
        outs: Any = None
        if keep is not None:
            keep(node, g, buffer, leaves)
        if g is not None and needed is not None and node not in needed:
            _capture(captures, node, hooked(node, g, create))
        elif g is not None:
            if extra is not None:
                g = hooked(node, g, create)
            _capture(captures, node, g)
            if observe:
                given = g if isinstance(g, list) else [g]
                if observe is True or observe(node, given):
                    yield Stop("before", node, given)
                g = given if isinstance(g, list) else given[0]
                del given
                sink = mode.sink                            # whoever holds the pass may do so from another thread
            outs = _run(node, g, create, retain, freed, sink)
            if observe is True:
                yield Stop("after", node, g if isinstance(g, list) else [g], [dense(o) for o in outs])
        ready = _pass_on(node, outs, buffer, leaves, create)
        del outs, g                                         # a gradient that nobody else holds becomes `.grad` without a copy
        for ended in ready:
            yield from leaf(ended, buffer.pop(ended, None))


def written(node: Node, g: Any, create: bool) -> None:
    """What follows the writing of a leaf's `.grad`: its hooks, and the tape hears of it."""
    variable = node.variable
    if node.extra is not None and node.extra.post:
        post_hooks(node, (), (g,), create)
    extra = variable._extra
    if extra is not None and extra.post_accumulate:
        quietly(create, lambda: [h(variable) for h in list(extra.post_accumulate.values())])
    sink = mode.sink
    if sink is not None:
        sink.accumulate(variable, g)


def _run(node: Node, g: Any, create: bool, retain: bool, freed: Freed, sink: Any) -> Sequence[Any]:
    """Runs a node, frees what it has saved, and calls its post-hooks."""
    t0 = clock() if sink is not None else 0
    outs = run_node(node, g, create)
    if not retain and (node.plan is None or node.plan.holds):
        node.saved = freed
    if node.extra is not None and node.extra.post:
        outs = post_hooks(node, outs, tuple(g) if isinstance(g, list) else (g,), create)
    if sink is not None:
        sink.node(node, tuple(g) if isinstance(g, list) else (g,), tuple(outs), t0, clock())
    return outs


def _pass_on(node: Node, outs: Sequence[Any] | None, buffer: dict[Node, Any], leaves: dict[Node, int], create: bool) -> Sequence[Node]:
    """Hands a node's gradients (None: it did not run) to the nodes below. Returns the leaves that are complete."""
    ready: list[Node] = []
    for i, m in enumerate(node.next):
        if m is None:
            continue
        out = outs[i] if outs is not None else None
        if out is not None:
            nr = node.nrs[i]
            shape, dtype = meta_of(m, nr)
            if out.shape != shape or (numbers.wide if create else out.dtype is not dtype):
                out = fit(out, shape, dtype, node, m)
            _put(buffer, m, nr, out, create)
        if m.__class__ is AccumulateGrad:
            leaves[m] -= 1
            if leaves[m] == 0:
                ready.append(m)
    return ready


def _sweep(order: list[Node], buffer: dict[Node, Any], leaves: dict[Node, int], leaf: Callable[[Node, Any], Any], retain: bool, freed: Freed) -> None:
    """A pass that nobody holds, on raw arrays. The common step, a node without hooks whose operands have a vjp each, is spelled out: a call costs as
    much as the arithmetic on small arrays."""
    sink = mode.sink
    pop, get = buffer.pop, buffer.get
    t0 = 0
    array: Any
    for node in order:
        g = pop(node, None)
        plan = node.plan
        ready: Sequence[Node] = ()
        if g is None or node.extra is not None or plan is None or plan.joint is not None:
            outs = None if g is None else _run(node, g if node.extra is None else hooked(node, g, False), False, retain, freed, sink)
            ready = _pass_on(node, outs, buffer, leaves, False)
        else:
            outs = None
            if sink is not None:
                t0, outs = clock(), []
            how, saved = plan.how, node.saved
            values: Any = ()
            if how:
                if how == 1 and saved.__class__ is tuple:
                    values = []
                    for t, version in saved:
                        if version is not None:
                            storage = t._storage
                            if storage is not None and storage.version != version:
                                arrays(node)                    # raises, and says why
                            t = t._array
                        values.append(t)
                elif how == 2 and saved.__class__ is tuple:
                    array, version, storage = saved[0]
                    values = (array,) if storage.version == version else arrays(node)
                else:
                    values = arrays(node)
                if not retain and plan.holds:
                    node.saved = freed
            nexts = node.next
            for i, rule, n, p, q, where in plan.steps:
                if rule is same:
                    out = g
                elif n == 1:
                    out = rule(g, values[p])
                elif n == 0:
                    out = rule(g)
                elif n == 2:
                    out = rule(g, values[p], values[q])
                else:
                    out = rule(g, *[values[p] for p in where])
                if outs is not None:
                    outs.append(out)
                m = nexts[i]
                if m is None:
                    continue
                if m.extra is None or m.extra.outs is None:
                    if out.shape != m.shape or out.dtype is not m.dtype:
                        out = fit(out, m.shape, m.dtype, node, m)
                    known = get(m)
                    buffer[m] = out if known is None else known + out
                else:
                    nr = node.nrs[i]
                    shape, dtype = m.extra.outs[nr]
                    if out.shape != shape or out.dtype is not dtype:
                        out = fit(out, shape, dtype, node, m)
                    _put(buffer, m, nr, out, False)
                if m.__class__ is AccumulateGrad:
                    leaves[m] = left = leaves[m] - 1
                    if left == 0:
                        ready = [*ready, m]
            if sink is not None:
                sink.node(node, (g,), tuple(outs or ()), t0, clock())
            out = known = values = array = None
        if ready:
            g = outs = None                                     # a gradient that nobody else holds becomes `.grad` without a copy
            for ended in ready:
                for _ in leaf(ended, pop(ended, None)):
                    pass


def _put(buffer: dict[Node, Any], node: Node, nr: int, g: Any, create: bool) -> None:
    known = buffer.get(node)
    if node.extra is not None and node.extra.outs is not None:
        if known is None:
            known = buffer[node] = [None] * len(node.extra.outs)
        known[nr] = g if known[nr] is None else _add(known[nr], g, create)
    else:
        buffer[node] = g if known is None else _add(known, g, create)


def _add(a: Any, b: Any, create: bool) -> Any:
    if not create:
        return a + b
    before = set_grad(True)
    try:
        return a + b
    finally:
        set_grad(before)


def _needed(order: list[Node], captures: dict[tuple[Node, int], list[Any]]) -> set[Node]:
    """The nodes that must run so that every captured place is reached."""
    places = {n for n, _ in captures}
    needed: set[Node] = set()
    for node in reversed(order):
        if any(m is not None and (m in places or m in needed) for m in node.next):
            needed.add(node)
    return needed


def _capture(captures: dict[tuple[Node, int], list[Any]] | None, node: Node, g: Any) -> None:
    if captures is None:
        return
    for nr, part in enumerate(g if isinstance(g, list) else [g]):
        if (node, nr) in captures and part is not None:
            captures[node, nr].append(part)


# -- writing .grad -----------------------------------------------------------------------------------------------------------


def _write(t: Tensor, g: Any) -> None:
    """Adds an array to `.grad`; a gradient that nobody else holds becomes `.grad` without a copy."""
    known = t._grad
    if known is not None:
        if known._req:
            t._grad = wrap(known._array + g)
        else:
            known._array += g
            known.bump()
    elif g.__class__ is np.ndarray and g.base is None and g.flags.owndata and sys.getrefcount(g) <= _OWNED:
        t._grad = wrap(g)
    else:
        t._grad = wrap(np.array(g) if isinstance(g, (np.generic, np.ndarray)) else g.copy())


def _write_connected(t: Tensor, g: Any) -> None:
    """Adds a Tensor that is itself part of a graph to `.grad`."""
    t._grad = g if t._grad is None else _add(t._grad, g, True)


# References to a gradient that only the engine holds when `_write` sees it: the local of `leaf`, that of `_write`, getrefcount's argument.
_OWNED = 3
