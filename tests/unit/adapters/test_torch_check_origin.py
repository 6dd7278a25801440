"""Is this derivative right, and where did that NaN begin: asked of passes of PyTorch's own engine."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no pass to hold")

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.debugger.commands import command  # noqa: E402
from tapescope.link.wire import plain  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402

F = torch.nn.functional


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    torch.manual_seed(0)
    before = traces()
    yield
    ts.breakpoints.clear()
    assert traces() == before


class Cube(torch.autograd.Function):
    """k x³, whose derivative is off by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Any, k: float, off: float) -> Any:
        ctx.save_for_backward(x)
        ctx.k = k * off
        return k * x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3 * ctx.k * ctx.saved_tensors[0] ** 2, None, None


# -- check ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in MODELS if n != "reentrant"])
def test_every_derivative_of_a_model_is_right_and_asking_leaves_no_trace(name: str) -> None:
    model, loss = MODELS[name]()
    torch.manual_seed(5)
    loss().backward()
    plain_gradients = gradients(model)
    torch.manual_seed(0)
    model, loss = MODELS[name]()
    with tst.record(model):
        torch.manual_seed(5)
        dbg = tst.debug(loss(), module=model)
        drawn = torch.get_rng_state()
        found = dbg.check("")
        assert torch.equal(torch.get_rng_state(), drawn)
        assert found.ok, repr(found)
        assert len(found.nodes) > 3 * len(found.skipped), repr(found)
        dbg.continue_()
    assert same(gradients(model), plain_gradients)


def test_ops_of_every_kind_are_run_again() -> None:
    x = torch.randn(4, 6, requires_grad=True)
    w = torch.randn(3, 2, 2, requires_grad=True)
    y = x * 1.5
    index = torch.tensor([0, 2, 2])
    parts = [y[index], y[:, 1:4:2], y.t(), y.reshape(2, 12), torch.cat([y, y.exp()]), torch.stack([y, y]), y.softmax(1), y.masked_fill(y > 0, 0.0), torch.where(y > 0, y, -y), y.std(0), y.norm(),
             y.gather(1, torch.ones(4, 2, dtype=torch.int64)), y.cumsum(0), y.clamp(-1, 1), y.expand(2, 4, 6), F.conv1d(y[None], w.permute(1, 0, 2)[:, :, :1].expand(2, 3, 1).repeat(1, 2, 1)[:, :4]),
             F.pad(y, (1, 1)), F.layer_norm(y, (6,)), F.cross_entropy(y, torch.tensor([0, 1, 2, 3])), y @ y.t(), F.gelu(y), y.unbind(0)[1], y.split(2)[1], y.var(1), y.abs().sqrt(), y.prod(1), y.amax(0),
             F.embedding(index, y), F.scaled_dot_product_attention(y[None, None], y[None, None], y[None, None])]
    found = tst.debug(sum(p.sum() for p in parts)).check("")
    assert found.ok and found.skipped == [], repr(found)
    assert len({n.name for n in found.nodes}) > 30


def test_a_wrong_function_is_caught_at_its_own_values_down_to_the_element() -> None:
    x = torch.tensor([0.5, -2.0], requires_grad=True)
    with tst.record():
        dbg = tst.debug((Cube.apply(x, 2.0, 1.01) + Cube.apply(x, 1.0, 1.0)).sum())
        dbg.run_to(op="Cube")
        checks = [dbg.check()]
        dbg.step()
        checks.append(dbg.check())
    right, wrong = sorted(checks, key=lambda c: not c.ok)
    assert right.ok and right.values == "its own"
    assert not wrong.ok and wrong.inputs[0].where == (1,)
    assert wrong.inputs[0].analytic == pytest.approx(1.01 * wrong.inputs[0].numeric, rel=1e-6)
    told = command(dbg.tape, "debug.check", {})
    assert told["ok"] is False and json.loads(json.dumps(plain(told)))["inputs"][0]["where"] == [1]
    assert dbg.describe()[0]["at"]["check"]["ok"] is False
    alone = tst.debug(Cube.apply(x * 1.0, 2.0, 1.0).sum())
    alone.run_to(op="CubeBackward")
    with pytest.raises(RuntimeError, match="record the forward pass"):
        alone.check()


def test_what_cannot_be_checked_says_why() -> None:
    x = torch.ones(4, requires_grad=True)
    dbg = tst.debug(torch.complex(x, x).abs().sum())
    dbg.run_to(op="abs")
    with pytest.raises(RuntimeError, match="complex"):
        dbg.check()
    dbg = tst.debug((x * 2).sum())
    dbg.go(dbg.total - 1)
    with pytest.raises(RuntimeError, match="no derivative to check"):
        dbg.check()
    with pytest.raises(RuntimeError, match="no node of this pass has module 'head'"):
        dbg.check("head")


# -- origin --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", [True, False])
def test_the_first_abnormal_op_of_the_forward_pass(recorded: bool) -> None:
    x = torch.tensor([[1.0, 2.0], [0.0, 3.0]], requires_grad=True)

    def loss() -> Any:
        h = x * 1.0
        y = h.log()                                             # the line
        return (y * 2).exp().sum() + (y * 0).sum()

    with tst.record() if recorded else torch.enable_grad():
        dbg = tst.debug(loss())
        found = dbg.origin()
    assert (found.direction, found.kind, found.name, found.where, found.count, found.size) == ("forward", "inf", "LogBackward0", [[1, 0]], 1, 4)
    assert found.operands[0]["name"] == "self" and found.operands[0]["values"] == [0.0]
    assert "log(0) is −∞ (self is 0 there)" in found.why and "clamp" in found.fix
    assert found.path[0]["name"] == "AddBackward0" and found.path[-1]["index"] == found.index
    assert dbg._pass.nodes[found.index].name() == "LogBackward0"
    if recorded:
        assert found.source is not None and "the line" in found.source.text
    told = dbg.describe()[0]["origin"]
    assert told["said"]["why"] == ["{0} ({1} is {2} there)", ["log(0) is −∞"], "self", "0"]
    assert told["said"]["words"] == ["{0} made {1} from finite values", "log", ["an infinity"]]


def test_the_first_abnormal_derivative() -> None:
    x = torch.tensor([4.0, 0.0, 1.0], requires_grad=True)
    dbg = tst.debug(((x * 1.0).sqrt() * 0.5).sum())
    dbg.step(2)
    found = dbg.origin()
    assert (found.direction, found.kind, found.name, found.where) == ("backward", "inf", "SqrtBackward0", [[1]])
    assert found.operands[0]["values"] == [0.0] and "the derivative 1 / (2 √x) is infinite at x = 0" in found.why
    assert dbg.index == 2 and x.grad is None
    assert dbg.origin("forward").found is False
    with pytest.raises(ValueError, match="direction"):
        dbg.origin("sideways")


def test_data_parameters_hooks_and_edits_that_bring_it_are_named() -> None:
    w = torch.ones(2, requires_grad=True)
    assert "the data that comes into" in tst.debug((w * torch.tensor([1.0, math.nan])).sum()).origin().words
    p = torch.tensor([1.0, math.inf], requires_grad=True)
    assert "the parameter param0 holds an infinity already" in tst.debug((p * 2).sum()).origin().words
    h = w * 2
    h.register_hook(lambda g: g * math.nan)
    dbg = tst.debug((h * 3).sum())
    with pytest.raises(RuntimeError, match="its hook <lambda>"):
        dbg.origin()
    dbg.rerun_hooks = True
    found = dbg.origin()
    assert found.kind == "nan" and found.direction == "backward" and "NaN in what comes into MulBackward0" in found.words
    dbg = tst.debug((w * 2).sum())
    dbg.step()
    dbg.edit(torch.tensor([math.inf, 1.0]))
    assert dbg.origin().words.startswith("an edit made an infinity")


def test_masks_are_no_trouble_and_a_blow_up_is() -> None:
    s = torch.randn(2, 3, requires_grad=True)
    mask = torch.tensor([[False, True, False], [True, True, True]])
    assert not tst.debug((s * 1.0).masked_fill(mask[:1], -math.inf).softmax(-1).sum()).origin()
    found = tst.debug((s * 1.0).masked_fill(mask, -math.inf).softmax(-1).sum()).origin()
    assert found.name == "SoftmaxBackward0" and found.where[0] == [1, 0]
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    found = tst.debug(((x * 5000) * 2).sum()).origin()
    assert found.kind == "blow-up" and "5e+03-fold" in found.words
    assert "no node makes them jump" in repr(tst.debug((x * 2).sum()).origin())
    big = x * 1e25
    found = tst.debug((big * big).sum()).origin()
    assert found.name == "MulBackward0" and "as large as 2e+25" in found.why and found.before is not None and "from 2 to 2e+25" in found.before["words"]


@pytest.mark.parametrize("name", [n for n in MODELS if n not in ("reentrant", "hooks")])
def test_a_nan_planted_in_a_models_parameter_is_found_in_every_model(name: str) -> None:
    model, loss = MODELS[name]()
    first, parameter = next((n, p) for n, p in model.named_parameters() if p.dim() > 1)
    with torch.no_grad():
        parameter.fill_(math.nan)
    dbg = tst.debug(loss(), module=model)
    found = dbg.origin()
    assert found.found and found.kind == "nan" and found.direction == "forward", repr(found)
    assert first in found.words, repr(found)
