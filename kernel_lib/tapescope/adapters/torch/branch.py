"""What if: gradients changed at stops of a held pass, carried out beside it. The pass and `.grad` stay as they are until the branch is kept.

Nodes called one by one from Python would leave out hooks of tensors, which nothing can see from a node. So the branch is a run of PyTorch's own engine that
gives the leaves' gradients instead of writing them: equal to `backward()` bit for bit, and refused before a hook would run for it, unless that is allowed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from ...core.say import say
from ...core.state import set_sink
from ...debugger.branch import Change, incoming, must_fit
from ...debugger.compare import Beside
from .arrays import quietly
from .held import HeldPass
from .hooks import refuse, watching
from .listen import local
from .nodes import LEAF
from .saved import GRADIENT, only, stand_of

if TYPE_CHECKING:
    from .sight import TorchSight


class TorchChange(Change):
    """A change of what comes into a node of PyTorch's, or of what it has saved."""

    def of(self, g: Any) -> Any:
        """A gradient or a saved value after the change, in its own dtype and on its device."""
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
        if self.what != GRADIENT:
            return tuple(grads)
        return tuple([g if g is None or self.nr not in (None, i) else self.of(g) for i, g in enumerate(grads)])


def change(dbg: TorchSight, how: str, by: float | None, value: Any, saved: str | None, nr: int | None, seed: int) -> TorchChange:
    """A change at the cursor; TypeError and ValueError say what does not fit."""
    stop = dbg._pass.stop
    if stop is None:
        raise RuntimeError(say("the pass is over: there is nothing to change; step back first"))
    node, grads = stop
    with quietly():
        old = incoming(node, grads, how, nr) if saved is None else [stand_of(node, saved).own]
    if how == "replace":
        value = torch.as_tensor(value).detach().clone()
        must_fit(node, old[0].shape, value.shape, saved)
    return TorchChange(node, dbg.index, saved or GRADIENT, how, by, value, nr, seed)


def outcome(pass_: HeldPass, changes: Sequence[TorchChange] = (), *, edited: bool = True, hooks: bool = False) -> dict[Any, Any]:
    """What every leaf is given by this pass with some changes; `edited` says whether its own edits count, `hooks` whether hooks may run for it. Raises HookMet."""
    edits: dict[Any, tuple[Any, ...]] = pass_.edits if edited else {}
    by: dict[Any, list[TorchChange]] = {}
    tried = (*(pass_.changes if edited else ()), *changes)
    for c in tried:
        by.setdefault(c.node, []).append(c)

    def met(node: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grads = edits.get(node, grads)
        for c in by.get(node, ()):
            grads = c.into(grads)
        return grads

    with quietly(), unheard(pass_.recorder):
        handles = [n.register_prehook(lambda grads, n=n: met(n, grads)) for n in {*edits, *by} if n._sequence_nr() < LEAF]
        try:
            with only(tried, pass_.changes):
                found = run_aside(pass_, hooks)
        finally:
            for h in handles:
                h.remove()
    # where leaves are asked for, their own nodes do not run
    return {n.variable: g if g is None else met(n, (g,))[0] for n, g in found.items()}


def run_aside(pass_: HeldPass, hooks: bool) -> dict[Any, Any]:
    """Runs the engine beside a held pass: what arrives at each leaf. `hooks` says whether hooks of others may run for it. Raises HookMet."""
    leaves = [n for n in pass_.leaves if hasattr(n, "variable")]
    start = [torch.ones_like(t) for t in pass_.roots] if pass_.gradients is None else list(pass_.gradients)
    with nullcontext() if hooks else watching(refuse):
        found = torch.autograd.graph._engine_run_backward(pass_.roots, tuple(start), True, False, tuple([n.variable for n in leaves]), True, accumulate_grad=False)
    return dict(zip(leaves, found, strict=True))


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


class TorchTrial(Beside[Any, TorchChange]):
    """A branch of a pass of PyTorch: a copy of the optimizer steps copies of its parameters."""

    dbg: TorchSight

    def outcomes(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        p, hooks = self.dbg._pass, self.dbg.rerun_hooks
        return ((outcome(p, hooks=hooks), outcome(p, self.changes, hooks=hooks)) if self.changes
                else (outcome(p, edited=False, hooks=hooks), outcome(p, hooks=hooks)))

    def norm(self, g: Any) -> float:
        return _norm(g)

    def angle(self, a: Any, b: Any) -> dict[str, float]:
        with torch.no_grad():
            x, y = [(t.to_dense() if t.layout != torch.strided else t).double().flatten() for t in (a, b)]
            if torch.equal(x, y):
                return {"cosine": 1.0, "difference": 0.0}
            m, n = float(x.norm()), float(y.norm())
            return {"cosine": float(x @ y) / (m * n) if m and n else 0.0, "difference": float((y - x).norm()) / m if m else math.inf}

    def slope(self, g: Any, move: Any) -> float:
        return float((g.double() * move.double()).sum())

    def loss_now(self) -> float | None:
        roots = self.dbg.roots
        return float(roots[0].detach()) if len(roots) == 1 and roots[0].numel() == 1 else None

    def pacing(self) -> Any:
        stand_in = super().pacing()
        return None if stand_in is None else stand_in._ref()

    def stepped(self, optimizer: Any, grads: dict[Any, Any]) -> tuple[dict[Any, Any], float | None]:
        params = [p for group in optimizer.param_groups for p in group["params"]]
        memo: dict[int, Any] = {}
        with quietly(), unheard():
            for p in params:                   # not their .grad, nor their hooks
                memo[id(p)] = torch.nn.Parameter(p.detach().clone(), p.requires_grad)
            twin = copy.deepcopy(optimizer, memo)
            for p in params:
                known, g = (self.dbg._pass.before or {}).get(p), grads.get(p)
                was = known[1] if known is not None else None if p in grads else p.grad
                memo[id(p)].grad = was if g is None else g.clone() if was is None else was + g
            type(twin).step(twin)
            with torch.no_grad():
                moves = {p: memo[id(p)] - p for p in params}
            again = self.dbg.again
            return moves, None if again is None else self._loss_there(again, {p: memo[id(p)].detach() for p in params})

    def _loss_there(self, again: Callable[[], Any], values: dict[Any, Any]) -> float:
        """The loss computed again with other values of the parameters; they, the buffers and random numbers are then as before."""
        models = [m for m in (self.dbg.module, *[r() for r in self.dbg.tape.recorder.names.roots]) if m is not None]
        buffers = {b: b.detach().clone() for m in models for b in m.buffers()}
        memory = {t: t.data for t in (*values, *buffers)}
        drawing = torch.random.fork_rng({t.device.index for t in values if t.is_cuda})
        try:
            for t, v in (*values.items(), *buffers.items()):
                t.data = v                     # another memory for the moment: what the graph has saved is not touched
            with drawing, torch.no_grad():
                return float(again())
        finally:
            for t, v in memory.items():
                t.data = v


def _norm(t: Any) -> float:
    with torch.no_grad():
        return float((t.to_dense() if t.layout != torch.strided else t).double().norm())
