"""Any walk over a held pass of a random graph ends with the gradients that `backward()` leaves, bit for bit: hooks, views, in-place changes, Functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tapescope as ts
from tapescope.debugger import debug


class Noisy(ts.autograd.Function):
    """Draws random numbers in backward."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * (2 * x + ts.rand(x.shape) * 1e-3)


def inplace(a: Any, b: Any) -> Any:
    c = a * 1
    c[1:].mul_(2)
    return c + b


def hooked(a: Any, b: Any) -> Any:
    c = a * b
    c.register_hook(lambda g: g * 0.5)
    return c


def retained(a: Any, b: Any) -> Any:
    c = a + b.tanh()
    c.retain_grad()
    return c


OPS = [lambda a, b: a + b, lambda a, b: a * b.tanh(), lambda a, b: (a @ b.t()).tanh() @ b, lambda a, b: a.view(-1).view(4, 4) - b, inplace, hooked, retained,
       lambda a, b: Noisy.apply(a) * 0.1 + b, lambda a, b: ts.cat([a, b])[2:6], lambda a, b: a.exp().clamp(max=3) / (1 + b * b)]


def graph(recipe: list[tuple[int, int, int]]) -> tuple[Any, list[Any], list[Any]]:
    ts.manual_seed(3)
    leaves = [ts.randn(4, 4, requires_grad=True) for _ in range(3)]
    known: list[Any] = list(leaves)
    for op, i, j in recipe:
        known.append(OPS[op % len(OPS)](known[i % len(known)], known[j % len(known)]))
    loss = sum((t.sum() for t in known[3:]), leaves[0].sum())
    return loss, leaves, [t for t in known[3:] if t.retains_grad]


def grads(leaves: list[Any], kept: list[Any]) -> list[Any]:
    return [None if t.grad is None else t.grad.numpy().copy() for t in (*leaves, *kept)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=9),
       st.lists(st.tuples(st.sampled_from(["step", "back", "go", "next_module", "replay", "reset", "look"]), st.integers(0, 60)), max_size=14))
def test_any_walk(recipe: list[tuple[int, int, int]], moves: list[tuple[str, int]]) -> None:
    loss, leaves, kept = graph(recipe)
    loss.backward()
    expected, after = grads(leaves, kept), float(ts.rand(1))
    loss, leaves, kept = graph(recipe)
    dbg = debug(loss)
    dbg._pass.stride = 2
    for move, n in moves:
        if dbg.state == "done":
            dbg.step_back()
        if move == "go":
            dbg.go(n % dbg.total)
        elif move == "look":
            repr(dbg.at)
        elif move != "back":
            dbg.step(1 + n % 5) if move == "step" else getattr(dbg, move)()
        elif dbg.index:
            dbg.step_back(1 + n % 3)
    if dbg.state != "done":
        dbg.continue_()
    for a, b in zip(grads(leaves, kept), expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)
    assert float(ts.rand(1)) == after


def test_a_place_keeps_what_waits_for_a_node_with_several_outputs() -> None:
    """The engine fills the list of such a node as gradients come: a place that shared it would hold those of later nodes."""
    def run() -> tuple[Any, Any]:
        ts.manual_seed(0)
        x = ts.randn(4, 6, requires_grad=True)
        a, b, c = (x * 2).split(2, 1)
        return (a.exp().sum() + (b.sin() * 3).sum() + c.tanh().sum()), x

    loss, x = run()
    loss.backward()
    expected = x.grad.numpy().copy()
    for k in range(14):
        loss, x = run()
        dbg = debug(loss)
        dbg._pass.stride = 1
        dbg.go(dbg.total - 1)
        dbg.go(k % dbg.total)
        dbg.at.shares()
        dbg.continue_()
        np.testing.assert_array_equal(x.grad.numpy(), expected)
