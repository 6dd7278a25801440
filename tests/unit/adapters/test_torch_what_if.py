"""What if, on PyTorch's engine: a branch beside the held pass is what an edited `backward()` writes, hooks included; refused where a pass may run once only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no pass to hold")

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.adapters.torch.branch import outcome  # noqa: E402
from tapescope.debugger import frames, settings  # noqa: E402
from tapescope.debugger.commands import command  # noqa: E402

from .torch_models import MODELS, Cube, gradients, same, traces  # noqa: E402


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    torch.manual_seed(0)
    before = traces()
    yield
    ts.breakpoints.clear()
    settings.on_pause = None
    assert traces() == before


def fresh(name: str) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model, loss = MODELS[name]()
    torch.manual_seed(5)
    return model, loss()


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", [n for n in MODELS if n != "reentrant"])
def test_the_branch_is_what_the_edited_pass_writes(name: str, recorded: bool) -> None:
    model, value = fresh(name)
    value.backward()
    plain = gradients(model)
    tape = None
    if recorded:
        model, loss = MODELS[name]()
        tape = tst.record(model, values="histogram")
    torch.manual_seed(0)
    model, loss = MODELS[name]()
    torch.manual_seed(5)
    dbg = tst.debug(loss(), module=model)
    names = {p: n for n, p in model.named_parameters()}
    dbg.step(dbg.total // 3)
    index, here = dbg.index, dbg.at.node
    assert same({names[t]: g for t, g in outcome(dbg._pass).items() if t in names}, plain)
    found = dbg.what_if(scale=-2.0)
    told = {names[t]: g.clone() for t, g in outcome(dbg._pass, dbg.branch).items() if t in names}
    assert dbg.index == index and dbg.at.node is here and dbg.state == "held"
    assert {r["parameter"] for r in found.parameters} >= {n for n, g in plain.items() if g is not None}
    dbg.continue_()
    assert same(gradients(model), plain), "the pass itself is as it was"
    dbg.go(index)
    dbg.edit(*[None if g is None else -2.0 * g for g in dbg.at.grad_in])
    dbg.continue_()
    assert same(gradients(model), told)
    if tape is not None:
        tape.stop()
        assert tape.error is None, tape.error_text


def test_branches_add_up_are_kept_and_undone() -> None:
    model, value = fresh("mlp")
    value.backward()
    plain = gradients(model)
    model, value = fresh("mlp")
    opt = torch.optim.Adam(model.parameters(), 0.01)
    x, y = torch.randn(8, 8), torch.randint(0, 3, (8,))
    again = lambda: torch.nn.functional.cross_entropy(model(x), y)  # noqa: E731
    dbg = tst.debug(value, module=model, optimizer=opt, again=again)
    with torch.no_grad():
        loss_now = float(again())
    dbg.run_to(op="TanhBackward0")
    found = dbg.what_if(zero=True)
    assert found["0.weight"]["grad"][1] == 0 and found["4.weight"]["difference"] == 0 and found["0.weight"]["grad"][0] == pytest.approx(float(plain["0.weight"].norm()), rel=1e-5)
    assert found["4.weight"]["update"][0] == pytest.approx(found["4.weight"]["update"][1], rel=1e-6) and found.loss["measured"] and found.loss["before"] != found.loss["after"]
    with torch.no_grad():
        assert float(again()) == loss_now and not opt.state and all(p.grad is None for n, p in model.named_parameters() if n[0] != "4")
    assert dbg.drop() is None and dbg.compared is None
    dbg.what_if(noise=0.5, seed=3)
    assert dbg.what_if(noise=0.5, seed=3).parameters != dbg.drop(1).parameters
    dbg.drop()
    clipped = dbg.what_if(clip=1e-3)
    dbg.run_to(op="ReluBackward0")
    both = dbg.what_if(scale=3.0)
    assert both["0.weight"]["grad"][1] == pytest.approx(3 * clipped["0.weight"]["grad"][1], rel=1e-4)
    dbg.keep()
    assert dbg.state == "done" and not dbg.branch
    assert float(model[0].weight.grad.norm()) == pytest.approx(both["0.weight"]["grad"][1], rel=1e-6) and torch.equal(model[4].weight.grad, plain["4.weight"])
    dbg.step_back()
    dbg.reset()
    assert all(p.grad is None for p in model.parameters())
    dbg.continue_()
    assert same(gradients(model), plain)
    assert tst.debug(fresh("mlp")[1]).compare().parameters[0]["difference"] == 0


def test_hooks_count_on_the_branch() -> None:
    model, loss = MODELS["mlp"]()
    calls = []
    model[2].weight.register_hook(lambda g: calls.append("leaf") or 2 * g)
    value = loss()
    value.grad_fn.next_functions[0][0].register_prehook(lambda g: (3 * g[0],))
    value.backward(retain_graph=True)
    plain = gradients(model)
    model.zero_grad()
    dbg = tst.debug(value, module=model)
    calls.clear()
    with pytest.raises(RuntimeError, match=r"cannot be run beside itself: its hook <lambda> \(test_torch_what_if\.py:\d+\) would run again each time"):
        dbg.what_if(scale=0.5)
    assert not calls and not dbg.branch
    dbg.rerun_hooks = True
    found = dbg.what_if(scale=0.5)
    assert calls == ["leaf", "leaf"]
    assert found["2.weight"]["grad"] == pytest.approx([float(plain["2.weight"].norm()), float(plain["2.weight"].norm()) / 2], rel=1e-5)
    dbg.abort()


def test_saved_values_changed_on_a_branch_kept_and_undone() -> None:
    model, value = fresh("mlp")
    value.backward()
    plain = gradients(model)
    model, value = fresh("mlp")
    dbg = tst.debug(value, module=model)
    at = dbg.run_to(op="TanhBackward0")
    result, incoming = at.saved["result"].detach().clone(), at.grad_in[0].clone()
    found = dbg.what_if(saved="result", scale=0.5)
    assert found.changes[0]["words"] == "result saved by TanhBackward0 scaled by 0.5"
    assert torch.equal(dbg.at.saved["result"], result), "the pass itself sees what was saved"
    expected = (incoming * (1 - (0.5 * result) ** 2)).sum(0)     # the gradient of the bias below
    assert found["2.bias"]["grad"][1] == pytest.approx(float(expected.norm()), rel=1e-5)
    assert found["2.bias"]["grad"][0] == pytest.approx(float(plain["2.bias"].norm()), rel=1e-5) and found["4.bias"]["difference"] == 0
    dbg.what_if(saved="result", zero=True)                       # twice the same place: one after the other
    assert dbg.drop(0)["2.bias"]["grad"][1] == pytest.approx(float(incoming.sum(0).norm()), rel=1e-5)
    dbg.what_if(scale=2.0)                                       # and the gradient there
    dbg.keep()
    assert torch.allclose(model[2].bias.grad, 2 * incoming.sum(0), rtol=1e-5) and torch.equal(model[4].bias.grad, plain["4.bias"])
    dbg.step_back()
    assert dbg.index == dbg.total - 1
    dbg.go(0)
    dbg.continue_()
    assert torch.allclose(model[2].bias.grad, 2 * incoming.sum(0), rtol=1e-5), "what was kept stays kept"
    assert dbg.compare()["2.bias"]["difference"] > 0
    dbg.reset()
    dbg.continue_()
    assert same(gradients(model), plain)
    model.zero_grad()
    value.backward(retain_graph=True)                            # the graph is as it was
    assert same(gradients(model), plain)
    leaf = torch.randn(4, requires_grad=True)
    dbg = tst.debug((Cube.apply(leaf) * 1).sum())
    dbg.run_to(op="CubeBackward")
    assert dbg.what_if(saved="saved_0", zero=True).parameters[0]["grad"][1] == 0
    dbg.abort()
    weight = torch.randn(4, requires_grad=True)
    loss = (weight * weight).sum()
    dbg = tst.debug(loss)
    dbg.step()
    dbg.what_if(saved="self", zero=True)
    with torch.no_grad():
        weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        dbg.continue_()
    model, value = fresh("checkpointed")
    dbg = tst.debug(value, module=model)
    dbg.run_to(op="ReluBackward0")                               # the one inside of the checkpoint
    with pytest.raises(ValueError, match="held by hooks on saved tensors"):
        dbg.what_if(saved="result", zero=True)
    dbg.abort()


def test_saved_values_inside_a_running_cell() -> None:
    model, loss = MODELS["mlp"]()
    ts.break_on(op="tanh")
    seen: list[Any] = []

    def look(dbg: Any) -> None:
        seen.append(dbg.what_if(saved="result", zero=True)["2.bias"]["grad"])
        dbg.continue_()

    settings.on_pause = look
    for _ in range(2):
        model.zero_grad()
        value = loss()
        value.backward()
    assert len(seen) == 2 and seen[0][0] != seen[0][1] and seen[1] == seen[0]
    assert model[2].bias.grad.norm() == pytest.approx(seen[0][0], rel=1e-5)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()


def test_refused_with_the_reason() -> None:
    model, value = fresh("reentrant")
    dbg = tst.debug(value, module=model)
    with pytest.raises(RuntimeError, match=r"cannot be run beside itself: a checkpoint with use_reentrant=True writes \.grad"):
        dbg.what_if(zero=True)
    dbg.abort()
    model, value = fresh("mlp")
    handle = model[2].weight.register_post_accumulate_grad_hook(lambda p: None)
    dbg = tst.debug(value, module=model)
    with pytest.raises(RuntimeError, match=r"2\.weight has a hook that runs after its gradient is accumulated"):
        dbg.what_if(zero=True)
    handle.remove()
    with pytest.raises(ValueError, match="NllLossBackward0 saves self, target, total_weight, weight; there is no 'result'"):
        dbg.what_if(saved="result", zero=True)
    with pytest.raises(TypeError, match=r"target of NllLossBackward0 is torch\.int64: only floating-point values can be changed"):
        dbg.what_if(saved="target", zero=True)
    with pytest.raises(ValueError, match=r"self of NllLossBackward0 has shape \[32, 3\], the replacement \[2\]"):
        dbg.what_if(saved="self", replace=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"has shape \[\], the replacement \[2\]"):
        dbg.what_if(replace=[1.0, 2.0])
    with pytest.raises(TypeError, match="takes one of zero, scale, clip, noise, replace"):
        dbg.what_if()
    with pytest.raises(RuntimeError, match="no branch to keep"):
        dbg.keep()
    dbg.continue_()
    with pytest.raises(RuntimeError, match="the pass is over"):
        dbg.what_if(zero=True)


@pytest.mark.skipif(not hasattr(torch._C._autograd.SavedTensor, "data"), reason="this PyTorch does not tell what its nodes have saved without unpacking it")
def test_who_holds_the_memory() -> None:
    model, value = fresh("mlp")
    dbg = tst.debug(value, module=model)
    found = dbg.memory()
    by_name = {n["name"]: n["bytes"] for n in found.nodes}
    assert by_name["TanhBackward0"] == 32 * 16 * 4 and by_name["LogSoftmaxBackward0"] == 32 * 3 * 4
    relu, tanh = 32 * 16 * 4, 32 * 16 * 4
    assert found.total == found.held == relu + tanh + 32 * 8 * 4 + 32 * 3 * 4 + 32 * 8 + 4                      # with the data, the targets and their weight
    dbg.run_to(op="ReluBackward0")
    later = dbg.memory()
    assert later.held == relu + 32 * 8 * 4 and later.kept == found.held - later.held and later.gradients > 0
    assert list(found.curve) == sorted(found.curve, reverse=True) and found.curve[-1] == 0
    dbg.abort()
    model, value = fresh("checkpointed")
    calls: list[int] = []
    model.middle.register_forward_hook(lambda m, a, o: calls.append(1))
    dbg = tst.debug(value, module=model)
    assert dbg.memory().total > 0 and not calls, "a checkpoint is not computed to be counted"
    dbg.abort()
    model, loss = MODELS["residual"]()
    with tst.record(model) as tape:
        dbg = tst.debug(loss(), module=model)
        worth = {m["module"]: m for m in dbg.memory().modules}
        assert {"blocks.0", "blocks.0.0", "stem"} <= set(worth) and worth["blocks.0"]["bytes"] > worth["blocks.0"]["saves"] > 0
        assert command(tape, "debug.memory", {})["total"] == dbg.memory().total
        dbg.abort()


def test_asked_by_a_page_and_inside_a_running_cell() -> None:
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.1)
    with tst.record(model) as tape:
        for _ in range(2):
            opt.zero_grad()
            loss().backward()
            opt.step()
        opt.zero_grad()
        dbg = tst.debug(loss())
        command(tape, "debug.run_to", {"op": "TanhBackward0"})
        found = command(tape, "debug.what_if", {"change": "scale", "by": 2.0})
        assert found["optimizer"] == "SGD, lr 0.1" and found["loss"]["measured"] is False and all(r["update"] is not None for r in found["parameters"])
        assert frames(tape)[0][0].meta["branch"]["changes"][0]["words"] == "the gradient at TanhBackward0 scaled by 2"
        assert command(tape, "debug.explain", {})["derivative"] == dbg.at.formula
        assert command(tape, "debug.origin", {})["found"] is False
        assert command(tape, "debug.keep", {})["state"] == "done"
    assert tape.error is None, tape.error_text
    told: list[Any] = []
    ts.break_on(op="tanh")
    settings.on_pause = lambda dbg: told.append(dbg.what_if(zero=True)["0.weight"]["grad"][1]) or dbg.keep()
    model.zero_grad()
    loss().backward()                                           # the first time that it is met what had run is kept: the graph is whole from there on
    assert told == [0.0] and not model[0].weight.grad.any() and model[4].weight.grad.any()
