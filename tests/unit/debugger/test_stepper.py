"""The held pass: any walk over it leaves the gradients that backward() leaves, bit for bit."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapescope as ts
from tapescope.debugger import Aborted, debug, frames


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


def test_each_gradient_says_where_it_goes() -> None:
    model = ts.nn.Linear(4, 3)
    dbg = debug(model(ts.ones(2, 4)).tanh().sum(), module=model)
    told = {}
    while dbg.state == "held":
        at = dbg.at
        assert at is not None
        assert len(at.goes_to) == len(at.grad_out)
        told[at.name] = at.goes_to
        assert repr(at).count("  grad out: ") == sum(f"  to {to}\n" in repr(at) for to in at.goes_to if to)
        frame = dbg.describe()[0]["at"]
        assert [one["to"] for one in frame["grad_out"]] == [to for to in at.goes_to if to]
        dbg.step()
    assert told["SumBackward0"] == ("TanhBackward0",)
    assert told["AddmmBackward0"] == ("bias", "", "TBackward0")
    assert told["TBackward0"] == ("weight",)
    assert told["AccumulateGrad"] == ()


@pytest.mark.parametrize("recorded", [False, True])
def test_leaves_have_their_rows_and_are_places(recorded: bool) -> None:
    """A page asks for a node by its row, a parameter's too."""
    model = ts.nn.Sequential(ts.nn.Linear(4, 3), ts.nn.Tanh(), ts.nn.Linear(3, 2))
    x = ts.ones(5, 4)
    before = model(x).sum()                                     # holds the leaves' nodes: they are older than the recording
    with ts.record() if recorded else contextlib.nullcontext():
        dbg = debug(model(x).sum(), module=model)
    nodes = dbg._nodes()
    rows = [dbg.row(n) for n in nodes]
    assert sorted(rows) == sorted(set(rows)) and min(rows) >= 0
    graph = dbg.where.graph
    for n, row in zip(nodes, rows, strict=True):
        if hasattr(n, "variable"):
            assert graph.strings[graph.src_name[graph.node_src[row]]] == dbg.name_of(n.variable)
            assert dbg.run_to(node=row).parameter == dbg.name_of(n.variable)
    del before


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


class Counted(ts.autograd.Function):
    """Counts how often its backward runs."""

    runs = 0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        Counted.runs += 1
        return g * 2


def test_looking_runs_no_code_of_the_users_and_hooks_run_once_per_arrival() -> None:
    seen: list[str] = []
    x = ts.ones(3, requires_grad=True)
    h = Counted.apply(x * 1.0)
    h.register_hook(lambda g: seen.append("hook"))
    x.register_post_accumulate_grad_hook(lambda t: seen.append("written"))
    dbg = debug((h * 3).sum())
    dbg.run_to(op="Counted")
    Counted.runs = 0
    assert seen == ["hook"]
    for _ in range(3):
        repr(dbg.at)
        repr(dbg.at.explain())
        dbg.describe()
        dbg.memory()
    assert (Counted.runs, seen) == (0, ["hook"])
    assert dbg.at.grad_out[0].tolist() == [6, 6, 6]             # asked for, it runs
    assert Counted.runs == 1
    dbg.step()
    dbg.step_back()                                             # comes to it again
    assert seen == ["hook", "hook"]
    dbg.continue_()
    assert seen == ["hook", "hook", "written"]


def test_parameters_that_change_while_it_is_held_are_named() -> None:
    w, v = ts.ones(3, requires_grad=True), ts.ones(3, requires_grad=True)
    dbg = debug((w * v * 2).sum())
    dbg.step()
    w.data[0] = 5.0                                             # behind the back of the version
    assert dbg.changed == [dbg.name_of(w)]
    dbg.step()
    assert dbg.note.startswith("changed while the pass was held: ") and dbg.describe()[0]["changed"] == [dbg.name_of(w)]
    dbg.continue_()
    assert v.grad.tolist() == [10, 2, 2]


def test_a_stop_tells_which_hooks_run_there_and_how_long_things_take() -> None:
    def doubled(g: ts.Tensor) -> ts.Tensor:
        return g * 2

    x = ts.ones(50, requires_grad=True)
    with ts.record():
        y = (x * 3).tanh()
        y.register_hook(doubled)
        dbg = ts.debug(y.sum())
        looked = dbg.step().time
        assert dbg.at.hooks == ["test_a_stop_tells_which_hooks_run_there_and_how_long_things_take.<locals>.doubled"]
        assert "hooks: test_a_stop" in repr(dbg.at) and "time: forward" in repr(dbg.at)
        dbg.step()
        dbg.step_back()
        ran = dbg.at.time
    assert looked["forward"] == ran["forward"] > 0
    assert looked["backward"] != ran["backward"] == dbg._pass.took[dbg.at.node] * 1e-3 > 0      # now it has run
    assert dbg.describe()[0]["at"]["time"] == pytest.approx(ran)
    bare = ts.debug((x * 3).sum())
    assert bare.at.time["forward"] is None                      # nobody has noted it
    assert bare.at.time["backward"] > 0


def test_a_pass_whose_graph_somebody_else_has_freed_is_still_seen() -> None:
    """A frame that cannot be made would end a page's subscription, and with it all that the page sees of later passes."""
    x = ts.ones(3, requires_grad=True)
    loss = (x * 3).exp().sum()
    dbg = ts.debug(loss)
    dbg.run_to(op="exp")
    found, cursor = frames(dbg.tape)
    assert found[0].meta["at"]["grad_out"] and not found[0].meta["note"]
    loss.backward()
    dbg._tell()
    found, cursor = frames(dbg.tape, cursor)
    meta = found[0].meta
    assert (meta["state"], meta["index"], meta["at"]["name"]) == ("held", 1, "ExpBackward0")
    assert "cannot be shown: RuntimeError: Trying to backward through the graph a second time" in meta["note"]
    assert frames(dbg.tape, cursor) == ([], cursor)
