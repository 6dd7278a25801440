"""Questions to a held pass: is a derivative right, where did a NaN come from, who holds the memory. None of them moves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn
from tapescope.utils.checkpoint import checkpoint


class Wrong(ts.autograd.Function):
    """The derivative of sin times k, wrong where x > 2."""

    @staticmethod
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.save_for_backward(x)
        ctx.k = k
        return x.sin() * k

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * x.cos() * ctx.k + g * (x > 2) * 0.1, None


def test_a_function_of_the_users_is_found_wrong_at_the_element_where_it_is() -> None:
    x = ts.tensor([[0.5, 1.0], [3.0, 1.5]], requires_grad=True)
    dbg = ts.debug((Wrong.apply(x * 1.0, 2.0) * 3).sum())
    dbg.run_to(op="Wrong")
    found = dbg.check()
    assert not found.ok
    assert found.inputs[0].where == (1, 0)
    assert found.inputs[0].analytic - found.inputs[0].numeric == pytest.approx(0.1 * (found.inputs[0].analytic / (2 * np.cos(3.0) + 0.1)), rel=1e-4)
    assert "WRONG" in repr(found)
    assert dbg.index == 2 and x.grad is None
    assert dbg._pass.stop.node in dbg.checked
    big = ts.zeros(64, 64)
    big[17, 40] = 3.0
    dbg = ts.debug(Wrong.apply(big.requires_grad_() * 1.0, 2.0).sum())
    dbg.step()
    assert dbg.check().inputs[0].where == (17, 40)             # found by halving random directions
    big = ts.full((64, 64), 1.0)
    dbg = ts.debug(Wrong.apply(big.requires_grad_() * 1.0, 2.0).sum())
    dbg.step()
    assert dbg.check().ok


def test_kinks_are_no_errors() -> None:
    x = ts.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    dbg = ts.debug((x * 1.0).relu().sum())
    dbg.run_to(op="relu")
    found = dbg.check()
    assert found.ok and found.inputs[0].kink
    x = ts.zeros(100, requires_grad=True)
    dbg = ts.debug((x * 1.0).relu().sum())
    dbg.run_to(op="relu")
    assert dbg.check().ok


def test_an_infinite_derivative_is_told_and_is_no_error() -> None:
    x = ts.tensor([4.0, 0.0, 1.0], requires_grad=True)
    dbg = ts.debug((x * 1.0).sqrt().sum())
    dbg.run_to(op="sqrt")
    found = dbg.check()
    assert found.ok and found.inputs[0].infinite == 1 and found.inputs[0].where == (1,)
    assert "not finite (first at [1])" in repr(found)


def test_operands_that_nobody_holds_are_drawn_where_the_op_is_defined() -> None:
    x = ts.rand(3, requires_grad=True)
    dbg = ts.debug(((x + 1e-8).sqrt() + ((x * 0.1) + 0.0).asin()).sum())
    for op in ("sqrt", "asin"):
        dbg.run_to(op=op)
        found = dbg.check()
        assert found.ok, repr(found)


def test_a_whole_module() -> None:
    ts.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 4), nn.LayerNorm(4), nn.GELU(), nn.Softmax(-1))
    with ts.record():
        dbg = ts.debug((net(ts.randn(2, 1, 6, 6)) ** 2).sum(), module=net)
        found = dbg.check("")
        assert found.ok, repr(found)
        assert not found.skipped
        assert len(dbg.check("0").nodes) == 1
        with pytest.raises(RuntimeError, match="no node of this pass has module 'nowhere'"):
            dbg.check("nowhere")


# -- origin --------------------------------------------------------------------------------------------------------------------------


def test_the_op_that_made_it_backward_not_the_one_that_passed_it_on() -> None:
    w = ts.name_axes(ts.tensor([[1.0, 0.0], [2.0, 3.0]], requires_grad=True), "batch", "token")
    h = w * 2
    y = h.sqrt()                                                # infinite derivative at 0
    dbg = ts.debug((y * 3).sum())
    found = dbg.origin()
    assert (found.direction, found.name, found.kind) == ("backward", "SqrtBackward0", "inf")
    assert found.where == [[0, 1]] and (found.count, found.size) == (1, 4)
    assert found.source is not None and "h.sqrt()" in found.source.text
    assert "first at batch 0, token 1" in repr(found)
    assert "infinite at x = 0" in found.why
    assert [p["name"] for p in found.path] == ["SumBackward0", "MulBackward0", "SqrtBackward0"]
    assert dbg.index == 0 and w.grad is None
    assert dbg.describe()[0]["origin"]["found"]


def test_the_op_that_made_it_forward() -> None:
    x = ts.tensor([4.0, 0.0, -1.0], requires_grad=True)
    dbg = ts.debug(((x * 1.0).log() * 2 + 1).sum())
    found = dbg.origin()
    assert (found.direction, found.name) == ("forward", "LogBackward0")
    assert found.where == [[1], [2]]
    assert found.operands[0]["values"] == [0.0, -1.0]
    assert "log(0)" in found.why


def test_where_the_range_first_jumped() -> None:
    x = ts.tensor([1.0, -1.0], requires_grad=True)
    big = x * 1e25
    dbg = ts.debug((big * big).sum())
    found = dbg.origin()
    assert found.name == "MulBackward0" and found.direction == "forward" and "as large as 1e+25" in found.why
    assert found.before is not None and "mul from 1 to 1e+25" in found.before["words"]


def test_data_hooks_and_parameters_that_bring_it_are_named() -> None:
    w = ts.ones(2, requires_grad=True)
    found = ts.debug((w * ts.tensor([1.0, float("nan")])).sum()).origin()
    assert "the data" in found.words and found.kind == "nan"
    w = ts.tensor([1.0, float("inf")], requires_grad=True)
    assert "parameter" in ts.debug((w * 2).sum()).origin().words
    w = ts.ones(2, requires_grad=True)
    h = w * 2

    def breaks(g: Any) -> Any:
        return g * float("nan")

    h.register_hook(breaks)
    assert "breaks" in ts.debug((h * 3).sum()).origin().words


def test_a_mask_of_infinities_is_no_trouble_and_a_softmax_of_nothing_else_is() -> None:
    s = ts.randn(2, 3).requires_grad_()
    mask = ts.tensor([[False, True, False], [True, True, True]])
    good = (s * 1.0).masked_fill(mask[:1], float("-inf")).softmax(-1).sum()
    assert not ts.debug(good).origin()
    bad = (s * 1.0).masked_fill(mask, float("-inf")).softmax(-1).sum()
    found = ts.debug(bad).origin()
    assert found.name == "SoftmaxBackward0" and found.where[0] == [1, 0]


def test_a_blow_up_and_a_pass_in_order() -> None:
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    found = ts.debug(((x * 5000) * 2).sum()).origin()
    assert found.kind == "blow-up" and "5e+03-fold" in found.words
    assert not ts.debug((x * 2).sum()).origin()
    assert "no node makes them jump" in repr(ts.debug((x * 2).sum()).origin())


# -- memory --------------------------------------------------------------------------------------------------------------------------


def test_bytes_fall_as_the_pass_runs_and_memory_that_is_shared_counts_once() -> None:
    x = ts.ones(100, requires_grad=True)
    h = (x * 1.0).exp()                                         # saved by exp as its output and by both mul as an operand
    dbg = ts.debug((h * h * h).sum())
    lens = dbg.lens
    assert lens.held[0] == 400 + 400                            # h, h * h
    found = dbg.memory()
    assert found.total == 800 and found.curve[-1] == 0
    assert all(a >= b for a, b in zip(found.curve, found.curve[1:], strict=False))
    assert found.peak > found.total
    dbg.continue_()
    assert dbg.memory().held == 0


def test_what_a_checkpoint_of_a_module_saves_is_what_one_saves() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(16, 64), nn.Linear(64, 16)

        def forward(self, x: Any) -> Any:
            return x + self.down(self.up(x).relu().tanh())

    net, x = nn.Sequential(Block(), Block()), ts.randn(8, 16)
    with ts.record():
        found = ts.debug(net(x).sum(), module=net).memory()
    blocks = {m["module"]: m for m in found.modules}
    # relu's and tanh's outputs are kept inside, the block's input would stay
    assert blocks["0"]["saves"] == 2 * 8 * 64 * 4
    assert blocks["1"]["inputs"] == 8 * 16 * 4
    assert "a checkpoint would save" in repr(found)
    less = ts.debug(net[1](checkpoint(net[0], x, use_reentrant=False)).sum(), module=net).memory()      # a real one, which keeps the block's input itself
    assert found.total - less.total == blocks["0"]["saves"] + blocks["0"]["inputs"]


def test_numbers_of_a_large_model_agree_with_what_the_graph_holds() -> None:
    ts.manual_seed(0)
    net = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    loss = F.mse_loss(net(ts.randn(2, 5, 16)), ts.zeros(2, 5, 16))
    dbg = ts.debug(loss, module=net)
    parameters = {id(p._array) for p in net.parameters()}
    arrays: dict[int, int] = {}
    for n in dbg._pass.order:
        from tapescope.debugger.memory import root, saved_arrays

        for a, _ in saved_arrays(n):
            if id(root(a)) not in parameters:
                arrays[id(root(a))] = root(a).nbytes
    assert dbg.memory().total == sum(arrays.values()) > 0
