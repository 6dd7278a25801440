"""What if: gradients changed at stops of a held pass, carried out beside it. The pass and `.grad` stay as they are until the branch is kept.

Nodes called one by one from Python would leave out hooks of tensors, which nothing can see from a node. So the branch is a run of PyTorch's own engine that
gives the leaves' gradients instead of writing them: with hooks, and equal to `backward()` bit for bit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ...core.state import set_sink
from ...debugger.branch import Change
from ...debugger.compare import Comparison
from .arrays import quietly
from .held import HeldPass
from .listen import local
from .nodes import LEAF

if TYPE_CHECKING:
    from .stepper import TorchDebugger


class TorchChange(Change):
    """A change of what comes into a node of PyTorch's."""

    def of(self, g: Any) -> Any:
        """The gradient after the change, in its own dtype and on its device."""
        with torch.no_grad():
            if self.how == "zero":
                return torch.zeros_like(g)
            if self.how == "scale":
                return g * self.by
            if self.how == "replace":
                return self.value.to(g)
            by = self.by or 0.0
            if self.how == "noise":
                drawn = torch.randn(g.shape, generator=torch.Generator().manual_seed(self.seed), dtype=torch.float64)
                return g + (drawn * by).to(g)
            norm = _norm(g)
            return g * (by / norm) if norm > by else g

    def into(self, grads: Sequence[Any]) -> tuple[Any, ...]:
        """What comes into the node after the change."""
        return tuple([g if g is None or self.nr not in (None, i) else self.of(g) for i, g in enumerate(grads)])


def change(dbg: TorchDebugger, how: str, by: float | None, value: Any, saved: str | None, nr: int | None, seed: int) -> TorchChange:
    """A change at the cursor; TypeError and ValueError say what does not fit."""
    stop = dbg._pass.stop
    if stop is None:
        raise RuntimeError("the pass is over: there is nothing to change; step back first")
    node, grads = stop
    if saved is not None:
        raise ValueError(f"what {node.name()} has saved belongs to PyTorch's graph and cannot be replaced there; change the gradient that comes in, or the forward pass")
    if nr is not None and not 0 <= nr < len(grads):
        raise IndexError(f"{node.name()} has {len(grads)} incoming gradient(s); there is no number {nr}")
    if how == "replace":
        old = [g for i, g in enumerate(grads) if g is not None and nr in (None, i)]
        if len(old) != 1:
            raise ValueError(f"{node.name()} has {len(grads)} incoming gradients: say which is replaced by input=")
        value = torch.as_tensor(value).detach().clone()
        if value.shape != old[0].shape:
            raise ValueError(f"the gradient at {node.name()} has shape {list(old[0].shape)}, the replacement {list(value.shape)}")
    return TorchChange(node, dbg.index, "gradient", how, by, value, nr, seed)


def outcome(pass_: HeldPass, changes: Sequence[TorchChange] = (), *, edited: bool = True) -> dict[Any, Any]:
    """What every leaf is given by this pass with some changes; `edited` says whether its own edits count."""
    edits: dict[Any, tuple[Any, ...]] = pass_.edits if edited else {}
    by: dict[Any, list[TorchChange]] = {}
    for c in (*(pass_.changes if edited else ()), *changes):
        by.setdefault(c.node, []).append(c)

    def met(node: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grads = edits.get(node, grads)
        for c in by.get(node, ()):
            grads = c.into(grads)
        return grads

    leaves = [n for n in pass_.leaves if hasattr(n, "variable")]
    start = [torch.ones_like(t) for t in pass_.roots] if pass_.gradients is None else list(pass_.gradients)
    with quietly(), unheard(pass_.recorder):
        handles = [n.register_prehook(lambda grads, n=n: met(n, grads)) for n in {*edits, *by} if n._sequence_nr() < LEAF]
        try:
            found = torch.autograd.Variable._execution_engine.run_backward(
                pass_.roots, tuple(start), True, False, tuple([n.variable for n in leaves]), True, accumulate_grad=False)
        finally:
            for h in handles:
                h.remove()
    # where leaves are asked for, their own nodes do not run
    return {n.variable: g if g is None else met(n, (g,))[0] for n, g in zip(leaves, found, strict=True)}


@contextmanager
def unheard(recorder: Any = None) -> Iterator[None]:
    """While it lasts, no recording hears what is done here."""
    sink, silent = set_sink(None), local.quiet
    again = recorder is not None and recorder.again
    local.quiet = None
    if recorder is not None:
        recorder.again = True
    try:
        yield
    finally:
        set_sink(sink)
        local.quiet = silent
        if recorder is not None:
            recorder.again = again


def compare(dbg: TorchDebugger, changes: Sequence[TorchChange]) -> Comparison:
    """Runs the pass without and with the changes; without any, without and with the edits of the pass itself."""
    p = dbg._pass
    before, after = (outcome(p), outcome(p, changes)) if changes else (outcome(p, edited=False), outcome(p))
    told = [{"node": dbg.row(c.node), "index": c.index, "name": c.node.name(), "what": c.what, "how": c.how, "by": c.by, "words": c.words()} for c in changes]
    rows = [{"parameter": dbg.name_of(t), "grad": [_norm(g), _norm(after[t])], **_beside(g, after[t]), "update": None}
            for t, g in before.items() if g is not None and after[t] is not None]
    optimizer = dbg.optimizer if dbg.optimizer is not None else _pacing(dbg)
    if optimizer is None:
        return Comparison(told, rows, "", None, "set dbg.optimizer to compare updates and the loss after the step")
    lr = optimizer.param_groups[0].get("lr")
    words = type(optimizer).__name__ + (f", lr {float(lr):g}" if lr is not None else "")
    try:
        (moves0, loss0), (moves1, loss1) = (stepped(dbg, optimizer, g) for g in (before, after))
    except Exception as error:
        return Comparison(told, rows, words, None, f"the step could not be tried: {type(error).__name__}: {error}")
    by_name = {r["parameter"]: r for r in rows}
    slopes = [0.0, 0.0]
    for t, g in before.items():
        if g is not None and t in moves0:
            by_name[dbg.name_of(t)]["update"] = [_norm(moves0[t]), _norm(moves1[t])]
            slopes = [s + float((g.double() * m.double()).sum()) for s, m in zip(slopes, (moves0[t], moves1[t]), strict=True)]
    if len(dbg.roots) != 1 or dbg.roots[0].numel() != 1:
        return Comparison(told, rows, words, None)
    now, measured = float(dbg.roots[0].detach()), loss0 is not None and loss1 is not None
    loss = {"now": now, "before": loss0 if measured else now + slopes[0], "after": loss1 if measured else now + slopes[1], "measured": measured}
    return Comparison(told, rows, words, loss)


def stepped(dbg: TorchDebugger, optimizer: Any, grads: dict[Any, Any]) -> tuple[dict[Any, Any], float | None]:
    """How a copy of the optimizer moves copies of its parameters with these gradients; and the loss there, when the debugger knows how to compute it."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    memo: dict[int, Any] = {}
    with quietly(), unheard():
        for p in params:                       # not their .grad, nor their hooks
            memo[id(p)] = torch.nn.Parameter(p.detach().clone(), p.requires_grad)
        twin = copy.deepcopy(optimizer, memo)
        for p in params:
            known, g = (dbg._pass.before or {}).get(p), grads.get(p)
            was = known[1] if known is not None else None if p in grads else p.grad
            memo[id(p)].grad = was if g is None else g.clone() if was is None else was + g
        type(twin).step(twin)
        with torch.no_grad():
            moves = {p: memo[id(p)] - p for p in params}
        return moves, None if dbg.again is None else _loss_there(dbg, {p: memo[id(p)].detach() for p in params})


def _loss_there(dbg: TorchDebugger, values: dict[Any, Any]) -> float:
    """The loss computed again with other values of the parameters; they, the buffers and random numbers are then as before."""
    models = [m for m in (dbg.module, *[r() for r in dbg.tape.recorder.names.roots]) if m is not None]
    buffers = {b: b.detach().clone() for m in models for b in m.buffers()}
    memory = {t: t.data for t in (*values, *buffers)}
    rolled = torch.get_rng_state()
    try:
        for t, v in (*values.items(), *buffers.items()):
            t.data = v                         # another memory for the moment: what the graph has saved is not touched
        with torch.no_grad():
            return float(dbg.again())          # type: ignore[misc]
    finally:
        torch.set_rng_state(rolled)
        for t, v in memory.items():
            t.data = v


def _pacing(dbg: TorchDebugger) -> Any:
    """The optimizer that ends the steps of the recording, if there is one."""
    ref: Callable[[], Any] | None = dbg.tape.recorder.pacing
    stand_in = None if ref is None else ref()
    return None if stand_in is None else stand_in._ref()


def _norm(t: Any) -> float:
    with torch.no_grad():
        return float((t.to_dense() if t.layout != torch.strided else t).double().norm())


def _beside(a: Any, b: Any) -> dict[str, float]:
    with torch.no_grad():
        x, y = [(t.to_dense() if t.layout != torch.strided else t).double().flatten() for t in (a, b)]
        if torch.equal(x, y):
            return {"cosine": 1.0, "difference": 0.0}
        m, n = float(x.norm()), float(y.norm())
        return {"cosine": float(x @ y) / (m * n) if m and n else 0.0, "difference": float((y - x).norm()) / m if m else math.inf}
