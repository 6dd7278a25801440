"""The held pass: any walk over it leaves the gradients that backward() leaves, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapescope as ts
from tapescope.debugger import Aborted, debug


def program() -> tuple[Any, list[Any]]:
    ts.manual_seed(0)
    x = ts.randn(5, 4)
    w = ts.randn(4, 4, requires_grad=True)
    v = ts.randn(4, 3, requires_grad=True)
    h = (x @ w).relu()
    h = h + h * 0.5                                       # where gradients meet
    return ((h @ v).tanh() ** 2).mean(), [w, v]


def expected() -> list[Any]:
    loss, leaves = program()
    loss.backward()
    return [leaf.grad.numpy() for leaf in leaves]


def test_continue_equals_backward() -> None:
    loss, leaves = program()
    dbg = debug(loss)
    assert all(leaf.grad is None for leaf in leaves)
    dbg.continue_()
    assert dbg.state == "done"
    for leaf, e in zip(leaves, expected(), strict=True):
        np.testing.assert_array_equal(leaf.grad.numpy(), e)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["step", "step_back", "step", "out", "reset", "run"]), max_size=25))
def test_any_walk_then_continue(moves: list[str]) -> None:
    loss, leaves = program()
    dbg = debug(loss)
    for move in moves:
        try:
            dbg.run_to(index=3) if move == "run" else getattr(dbg, move)()
        except RuntimeError:
            assert (move == "step_back" and dbg.index == 0) or dbg.state == "done"
    if dbg.state != "done":
        dbg.continue_()
    for leaf, e in zip(leaves, expected(), strict=True):
        np.testing.assert_array_equal(leaf.grad.numpy(), e)


def test_every_stop_shows_what_happens() -> None:
    loss, _ = program()
    dbg = debug(loss)
    seen = []
    while dbg.state == "held":
        at = dbg.at
        assert at is not None
        seen.append(at.name)
        assert at.formula
        assert "test_stepper.py" in (at.source.file if at.source else "test_stepper.py")
        assert at.grad_in[0] is not None
        assert repr(at).startswith(f"node {dbg.index + 1} of {dbg.total}: {at.name}")
        assert repr(at.explain())
        dbg.step()
    assert len(seen) == dbg.total
    assert seen[0] == "MeanBackward0"
    assert seen.count("AccumulateGrad") == 2


def test_grad_out_is_what_the_next_node_gets() -> None:
    loss, _ = program()
    dbg = debug(loss)
    first = dbg.at
    assert first is not None
    out = first.grad_out[0]
    dbg.step()
    assert dbg.at is not None
    np.testing.assert_array_equal(out.numpy(), dbg.at.grad_in[0].numpy())      # type: ignore[union-attr]


def test_edit_reaches_the_leaves_and_step_back_keeps_it() -> None:
    loss, leaves = program()
    dbg = debug(loss)
    dbg.run_to(op="relu")
    assert dbg.at is not None
    dbg.edit(0 * dbg.at.grad_in[0])
    dbg.step_back()
    dbg.continue_()
    assert float(abs(leaves[0].grad).sum()) == 0
    np.testing.assert_array_equal(leaves[1].grad.numpy(), expected()[1])


def test_shares_where_gradients_meet() -> None:
    x = ts.ones(3, requires_grad=True)
    h = x * 2
    (h.sum() + (h * 3).sum()).backward(retain_graph=True)
    dbg = debug(h.sum() + (h * 3).sum())
    dbg.run_to(h.grad_fn)
    assert dbg.at is not None
    shares = sorted(s["share"] for s in dbg.at.shares())
    np.testing.assert_allclose(shares, [0.25, 0.75])


def test_back_from_the_end_restores_grad() -> None:
    loss, leaves = program()
    leaves[0].grad = ts.ones(4, 4)
    dbg = debug(loss)
    dbg.continue_()
    dbg.step_back()
    np.testing.assert_array_equal(leaves[0].grad.numpy(), np.ones((4, 4), "f4"))
    assert leaves[1].grad is None
    dbg.continue_()
    np.testing.assert_array_equal(leaves[0].grad.numpy(), expected()[0] + 1)


def test_abort_leaves_the_graph_whole() -> None:
    loss, leaves = program()
    dbg = debug(loss)
    dbg.step(3)
    dbg.abort()
    with pytest.raises(Aborted, match="aborted"):
        dbg.step()
    loss.backward()
    np.testing.assert_array_equal(leaves[0].grad.numpy(), expected()[0])


def test_words_for_what_cannot_be_done() -> None:
    loss, _ = program()
    dbg = debug(loss)
    with pytest.raises(RuntimeError, match="nothing before it"):
        dbg.step_back()
    with pytest.raises(RuntimeError, match=r"no node of this pass has op 'softmax'.*TanhBackward0"):
        dbg.run_to(op="softmax")
    assert dbg.index == 0
    with pytest.raises(ValueError, match=r"has shape \[\], the replacement \[2\]"):
        dbg.edit(ts.ones(2))
    with pytest.raises(RuntimeError, match="does not require grad"):
        debug(ts.ones(1))
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        debug(loss)
