"""Any walk over a pass of a real model, held or paused inside `backward()`, ends with the gradients of `backward()` bit for bit, whatever was asked on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn
from tapescope.debugger.check import Unchecked
from tapescope.utils.checkpoint import checkpoint

Made = tuple[Any, list[Any]]       # a loss, and what its gradients are compared by


def mlp() -> Made:
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))
    return F.cross_entropy(net(ts.randn(4, 6)), ts.tensor([0, 2, 1, 1])), list(net.parameters())


def cnn() -> Made:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3))
    return F.cross_entropy(net(ts.randn(4, 1, 6, 6)), ts.tensor([0, 2, 1, 1])), list(net.parameters())


class Block(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.up, self.norm, self.down = nn.Linear(n, 2 * n), nn.LayerNorm(2 * n), nn.Linear(2 * n, n)

    def forward(self, x: Any) -> Any:
        return x + self.down(F.gelu(self.norm(self.up(x))))


def residual() -> Made:
    net = nn.Sequential(Block(4), Block(4))
    return (net(ts.randn(3, 4)) ** 2).mean(), list(net.parameters())


def lstm() -> Made:
    net, head = nn.LSTM(3, 4, 2, batch_first=True), nn.Linear(4, 2)
    out, _ = net(ts.randn(2, 5, 3))
    return F.mse_loss(head(out[:, -1]), ts.ones(2, 2)), [*net.parameters(), *head.parameters()]


def transformer() -> Made:
    """A decoder whose embedding is its head, too."""
    tokens = ts.randint(0, 11, (2, 5))
    embed, layer = nn.Embedding(11, 8), nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    h = layer(embed(tokens), src_mask=nn.Transformer.generate_square_subsequent_mask(5))
    return F.cross_entropy((h @ embed.weight.t()).view(-1, 11), tokens.view(-1)), [embed.weight, *layer.parameters()]


class Noisy(ts.autograd.Function):
    """Draws random numbers in backward."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * (ctx.saved_tensors[0].cos() + 1e-3 * ts.randn(g.shape))


def function() -> Made:
    w = ts.randn(4, 4, requires_grad=True)
    return (Noisy.apply(Noisy.apply(w @ w)) * w).sum(), [w]


def views() -> Made:
    a, b = ts.randn(4, 6, requires_grad=True), ts.randn(4, 3, requires_grad=True)
    c = (a * 2).clone()
    c[:, ::2].mul_(b)
    left, right = c.chunk(2, 1)
    left.add_(right.exp())
    c.t()[0].zero_()
    return (c.view(2, 12).narrow(1, 2, 7).relu() * 3).sum(), [a, b]


def hooks() -> Made:
    a, b = ts.randn(4, 4, requires_grad=True), ts.randn(4, 4, requires_grad=True)
    h = (a @ b).tanh()
    h.register_hook(lambda g: g * 0.5)
    h.retain_grad()
    k = h * a
    k.grad_fn.register_prehook(lambda g: (g[0] + 1,))
    k.grad_fn.register_hook(lambda gi, go: tuple(x * 2 for x in gi))
    b.register_hook(lambda g: g.clamp(-1, 1))
    a.register_post_accumulate_grad_hook(lambda t: t.grad.add_(1))
    return k.sum() + h.sum(), [a, b, h]


def checkpointed() -> Made:
    """One block forgets what it saves and runs again; the other gives it to hooks."""
    first, second = Block(4), Block(4)
    x = ts.randn(3, 4, requires_grad=True)
    h = checkpoint(first, x, use_reentrant=False)
    with ts.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t * 1):
        h = second(h)
    return (h ** 2).mean(), [x, *first.parameters(), *second.parameters()]


def many_losses() -> Made:
    w = ts.randn(5, requires_grad=True)
    w.grad = ts.ones(5)                                         # accumulated before
    return (w * w).sum() + w.exp().mean() + (w[1:] - w[:-1]).abs().max(), [w]


MODELS: list[Callable[[], Made]] = [mlp, cnn, residual, lstm, transformer, function, views, hooks, checkpointed, many_losses]
ASKS = ("look", "explain", "what_if", "compare", "check", "origin", "memory", "shares", "frame")
MOVES = ("step", "back", "go", "run_to", "next_module", "replay", "reset")


def values(of: list[Any]) -> list[Any]:
    return [None if t.grad is None else t.grad.numpy().copy() for t in of]


def same(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)


def ask(dbg: Any, what: str, n: int) -> None:
    at = dbg.at
    if at is None:
        return
    if what == "look":
        repr(at)
    elif what == "explain":
        repr(at.explain())
    elif what == "what_if":
        saved = [k for k, v in at.saved.items() if k != "variable" and hasattr(v, "_array") and v._array.dtype.kind == "f"]
        dbg.what_if(noise=0.5, seed=n, saved=saved[0] if saved and n % 2 else None)
    elif what == "check":
        if at.name != "AccumulateGrad":
            with contextlib.suppress(Unchecked):
                assert dbg.check().ok or at.name == "NoisyBackward"
    elif what == "shares":
        at.shares()
    elif what == "frame":
        dbg.describe()
    else:
        getattr(dbg, what)()


def move(dbg: Any, what: str, n: int) -> None:
    if what in ASKS:
        ask(dbg, what, n)
    elif what == "step":
        dbg.step(1 + n % 7)
    elif what == "back":
        if dbg.index:
            dbg.step_back(1 + n % 4)
    elif what == "go":
        dbg.go(n % dbg.total)
    elif what == "run_to":
        dbg.run_to(dbg._pass.order[n % len(dbg._pass.order)])
    else:
        getattr(dbg, what)()


walks = st.lists(st.tuples(st.sampled_from([*MOVES, *MOVES, *ASKS]), st.integers(0, 500)), max_size=10)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    ts.breakpoints.clear()
    ts.debugger.settings.on_pause = None


@pytest.mark.parametrize("examples", [12, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_any_walk_over_a_held_pass(model: Callable[[], Made], examples: int) -> None:
    ts.manual_seed(1)
    loss, of = model()
    loss.backward()
    expected, after = values(of), float(ts.rand(1))

    @settings(max_examples=examples, deadline=None)
    @given(walks)
    def walk(moves: list[tuple[str, int]]) -> None:
        ts.manual_seed(1)
        loss, of = model()
        before = values(of)
        dbg = ts.debug(loss)
        dbg._pass.stride = 3
        for what, n in moves:
            if dbg.state == "done":
                dbg.step_back()
                if model is not hooks:
                    same(values(of), before)
            move(dbg, what, n)
        if dbg.state != "done":
            dbg.continue_()
        same(values(of), expected)
        assert float(ts.rand(1)) == after

    walk()


@pytest.mark.parametrize("create", [False, True], ids=["", "create_graph"])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_any_walk_inside_the_call(model: Callable[[], Made], create: bool) -> None:
    def run() -> tuple[list[Any], list[Any]]:
        ts.manual_seed(2)
        loss, of = model()
        loss.backward(create_graph=create)
        first = values([t if t.grad is None else Detached(t.grad) for t in of])
        second: list[Any] = []
        if create and model is not function:
            leaves = [t for t in of if t.is_leaf]
            total = sum((t.grad * t.grad).sum() for t in leaves)
            if total.requires_grad:
                second = [None if g is None else g.detach().numpy().copy() for g in ts.autograd.grad(total, leaves, allow_unused=True)]
        for t in of:
            t.grad = None
        return first, second

    expected = run()

    @settings(max_examples=5, deadline=None)
    @given(st.integers(0, 30), walks)
    def walk(first: int, moves: list[tuple[str, int]]) -> None:
        def on_pause(dbg: Any) -> None:
            for what, n in moves:
                if dbg.state == "done" or (create and what in ("what_if", "compare", "check", "origin")):
                    break
                try:
                    move(dbg, what, n)
                except RuntimeError as e:
                    refused.append(str(e))

        refused: list[str] = []
        light = first % 2                                       # a condition that holds for the first time: what had run before is gone
        point = ts.break_on(norm_above=-1.0, ignore=first, once=True) if light else ts.break_on(op="*", ignore=first, once=True)
        ts.debugger.settings.on_pause = on_pause
        try:
            found = run()
        finally:
            point.delete()
            ts.debugger.settings.on_pause = None
        assert all(light and "had freed" in r for r in refused), refused
        same(found[0], expected[0])
        same(found[1], expected[1])

    walk()


class Detached:
    """A gradient that is itself part of a graph, as the helper above takes it."""

    def __init__(self, grad: Any) -> None:
        self.grad = grad.detach()


def test_a_reentrant_checkpoint_writes_while_it_runs_and_is_not_run_again() -> None:
    def run() -> tuple[Any, Any]:
        ts.manual_seed(3)
        block, x = Block(4), ts.randn(3, 4, requires_grad=True)
        return (checkpoint(block, x, use_reentrant=True) ** 2).mean(), block

    loss, block = run()
    loss.backward()
    expected = [p.grad.numpy() for p in block.parameters()]
    loss, block = run()
    dbg = ts.debug(loss)
    dbg.step(2)
    dbg.step_back()
    with pytest.raises(RuntimeError, match=r"use_reentrant=True writes \.grad"):
        dbg.what_if(zero=True)
    dbg.step(2)
    repr(dbg.at)
    dbg.describe()
    with pytest.raises(RuntimeError, match=r"use_reentrant=True writes \.grad"):
        dbg.step_back()
    dbg.continue_()
    for p, e in zip(block.parameters(), expected, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), e)
