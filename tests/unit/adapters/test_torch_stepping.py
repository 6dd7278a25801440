"""A held backward pass on PyTorch's own engine: bit-equal, every hook run, edits, going back, abort, interrupt; frames and commands as for the native one."""

from __future__ import annotations

import _thread
import gc
import threading
import time
from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no pass to hold")


from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.adapters.torch import hooks  # noqa: E402
from tapescope.debugger import Aborted, frames  # noqa: E402
from tapescope.debugger.commands import command  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402


@pytest.fixture(autouse=True)
def left_as_found():
    torch.manual_seed(0)
    before = traces()
    yield
    assert traces() == before


def fresh(name):
    torch.manual_seed(0)
    model, loss = MODELS[name]()
    model.zero_grad()
    torch.manual_seed(5)
    return model, loss()


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_stepping_is_backward_bit_for_bit(name, recorded):
    model, value = fresh(name)
    value.backward()
    plain = gradients(model)
    if recorded:
        torch.manual_seed(0)
        model, loss = MODELS[name]()
        with tst.record(model) as tape:
            torch.manual_seed(5)
            value = loss()
            dbg = tst.debug(value, module=model)
            assert dbg.tape is tape and all(dbg.row(n) >= 0 for n in dbg._pass.nodes)
    else:
        model, value = fresh(name)
        dbg = tst.debug(value, module=model)
    seen = []
    while dbg.state == "held":
        foretold = dbg._pass.nodes[dbg.index]
        assert dbg.at.node is foretold or dbg.at.name == "AccumulateGrad" == foretold.name().rpartition("::")[2]
        assert dbg.describe()[0]["at"]["name"] == dbg.at.name
        seen.append(dbg.at.name)
        dbg.step()
    assert len(seen) == dbg.total
    assert same(plain, gradients(model))


def test_what_is_seen_at_a_stop():
    model, loss = MODELS["mlp"]()
    with tst.record(model):
        value = loss()
        dbg = tst.debug(value)
    assert dbg.at.name == "NllLossBackward0" and dbg.at.op == "cross_entropy" and dbg.at.source.text.startswith("return model, lambda: F.cross_entropy")
    at = dbg.run_to(module="2")
    assert at.name == "AddmmBackward0" and at.module == "2" and "A^{\\top}" in at.formula
    out = {m.name(): g for (m, _), g in zip(at.node.next_functions, at.grad_out, strict=True)}
    assert at.goes_to == ("2.bias", "ReluBackward0", "TBackward0") and "  to 2.bias\n" in repr(at)
    assert out["ReluBackward0"].shape == (32, 16) and "saved mat1: float32[32, 16]" in repr(at)
    dbg.run_to(op="relu")
    assert torch.equal(dbg.at.grad_in[0], out["ReluBackward0"]) and dbg.at.saved["result"].shape == (32, 16)
    assert dbg.run_to(parameter="0.bias").parameter == "0.bias"
    dbg.step()
    assert set(dbg.grads) == {"4.weight", "4.bias", "2.weight", "2.bias", "0.bias"}
    with pytest.raises(RuntimeError, match="no node of this pass has module 'nope'; it has 0, 1, 2, 3, 4"):
        dbg.run_to(module="nope")
    dbg.continue_()
    assert dbg.state == "done" and "complete: .grad of 6 leaves" in dbg.reason


def test_without_a_recording_there_is_a_graph():
    model, value = fresh("residual")
    dbg = tst.debug(value, module=model)
    graph = dbg.tape.graphs[0]
    assert dbg.tape.state == "stopped" and len(graph.node_name) == dbg.total
    dbg.run_to(parameter="stem.weight")
    assert "stem.weight" in repr(dbg.at)
    assert dbg.view() is not None and "<svg" in dbg._repr_mimebundle_()["image/svg+xml"]
    dbg.abort()


def test_shares_where_gradients_meet():
    model, value = fresh("residual")
    dbg = tst.debug(value, module=model)
    shares = []
    while dbg.state == "held":
        if dbg.at.shares():
            shares.append(dbg.at.shares())
        dbg.step()
    assert len(shares) == 3 and all(len(s) == 2 and sum(p["share"] for p in s) == pytest.approx(1) for s in shares)


def test_edit_and_back():
    model, value = fresh("mlp")
    dbg = tst.debug(value, module=model)
    dbg.run_to(op="TanhBackward0")
    before = dbg.at.grad_in[0].clone()
    dbg.edit(2 * dbg.at.grad_in[0])
    dbg.continue_()
    doubled = gradients(model)
    dbg.step_back(2)
    assert dbg.state == "held" and dbg.index == dbg.total - 2
    dbg.reset()
    assert all(p.grad is None for p in model.parameters())
    dbg.run_to(op="TanhBackward0")
    assert torch.equal(dbg.at.grad_in[0], before)
    index = dbg.index
    dbg.step(3)
    dbg.step_back(3)
    assert dbg.index == index and torch.equal(dbg.at.grad_in[0], before)
    dbg.go(0)
    dbg.continue_()
    plain = gradients(model)
    for name in ("0.weight", "2.bias"):
        assert torch.allclose(doubled[name], 2 * plain[name])
    assert torch.equal(doubled["4.weight"], plain["4.weight"])
    model, value = fresh("mlp")
    dbg = tst.debug(value)
    dbg.step()
    with pytest.raises(ValueError, match=r"has shape \[32, 3\], the replacement \[2\]"):
        dbg.edit(torch.ones(2))
    dbg.scale(0)
    dbg.continue_()
    assert all(not p.grad.any() for p in model.parameters())


def test_abort_restores_what_was_there():
    model, value = fresh("mlp")
    for p in model.parameters():
        p.grad = torch.full_like(p, 3.0)
    held = {n: p.grad for n, p in model.named_parameters()}
    dbg = tst.debug(value, module=model)
    dbg.run_to(parameter="2.weight")
    dbg.step()
    assert not torch.equal(model[4].weight.grad, torch.full_like(model[4].weight, 3.0))
    dbg.abort()
    for n, p in model.named_parameters():
        assert p.grad is held[n] and torch.equal(p.grad, torch.full_like(p, 3.0))
    with pytest.raises(Aborted):
        dbg.step()
    value.backward()                                           # the graph is whole
    assert dbg._pass._thread is None


def test_hooks_run_once_and_reasons_to_refuse():
    model, loss = MODELS["mlp"]()
    calls = []
    model[0].weight.register_hook(lambda g: calls.append("tensor") or 2 * g)
    value = loss()
    value.grad_fn.register_hook(lambda out, g: calls.append("node") and None)
    handle = model[2].weight.register_post_accumulate_grad_hook(lambda p: calls.append("after"))
    dbg = tst.debug(value, module=model)
    dbg.step(4)
    with pytest.raises(RuntimeError, match=r"2\.weight has a hook that runs after its gradient is accumulated"):
        dbg.step_back()
    dbg.continue_()
    assert calls == ["node", "after", "tensor"]
    handle.remove()
    calls.clear()
    for how in ("tensor", "node", "prehook", "module", "several"):
        model, loss = MODELS["mlp"]()
        if how == "module":
            model[2].register_full_backward_hook(lambda m, i, o: calls.append("module") and None)
        value = loss()
        inner = value.grad_fn.next_functions[0][0]
        if how == "tensor":
            model[4].weight.register_hook(lambda g: calls.append("tensor") and None)
        elif how == "node":
            inner.register_hook(lambda out, g: calls.append("node") and None)
        elif how == "prehook":
            inner.register_prehook(lambda g: calls.append("prehook") and None)
        elif how == "several":
            torch.autograd.graph.register_multi_grad_hook([model[4].weight, model[4].bias], lambda g: calls.append("several"))
        dbg = tst.debug(value, module=model)
        if how != "prehook":
            dbg.step()
            dbg.step_back()                                    # nothing has run yet that must not
        before = len(calls)
        while len(calls) == before:
            dbg.step()
        what = {"module": "a full backward hook of a module", "several": "a hook on several gradients"}.get(how, r"<lambda> \(test_torch_stepping\.py:\d+\)")
        for back in (dbg.step_back, dbg.replay, lambda dbg=dbg: dbg.go(0)):
            with pytest.raises(RuntimeError, match=f"cannot be run again to step back: its hook {what} has run and would run again"):
                back()
        assert len(calls) == before + 1
        dbg.rerun_hooks = True
        dbg.go(0)
        dbg.continue_()
        assert calls[before:] == [how, how]
    model, value = fresh("custom")                             # a backward of one's own is no hook, nor what a checkpoint computes again
    dbg = tst.debug(value, module=model)
    dbg.step(dbg.total - 1)
    dbg.step_back(2)
    dbg.abort()
    model, value = fresh("checkpointed")
    dbg = tst.debug(value, module=model)
    dbg.step(dbg.total - 1)
    dbg.step_back(2)
    dbg.abort()
    model, value = fresh("reentrant")
    dbg = tst.debug(value, module=model)
    dbg.step()
    with pytest.raises(RuntimeError, match="use_reentrant=True"):
        dbg.step_back()
    dbg.abort()


def test_exceptions_come_out_and_grad_is_as_before():
    model, loss = MODELS["mlp"]()
    value = loss()
    model[0].weight.register_hook(lambda g: 1 / 0)
    dbg = tst.debug(value, module=model)
    with pytest.raises(ZeroDivisionError):
        dbg.continue_()
    assert dbg.state == "aborted" and all(p.grad is None for p in model.parameters())
    with pytest.raises(RuntimeError, match="does not require grad"):
        tst.debug(torch.ones(()))
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        tst.debug(torch.ones(3, requires_grad=True) * 2)
    with pytest.raises(TypeError, match="not float"):
        tst.debug((1.0,))


def test_an_interrupt_stops_at_the_next_node():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: time.sleep(0.6))
    value = (y * 3).sum()
    dbg = tst.debug(value)
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        dbg.continue_()
    timer.join()
    assert dbg.state == "held" and dbg.at is not None
    dbg.continue_()
    assert torch.equal(x.grad, torch.full((3,), 6.0))


def test_other_passes_run_while_one_is_held():
    model, loss = MODELS["mlp"]()
    value = loss()
    dbg = tst.debug(value, module=model)
    dbg.step(3)
    other, other_loss = MODELS["cnn"]()
    other_loss().backward()
    assert all(p.grad is not None for p in other.parameters())
    dbg.continue_()
    assert all(p.grad is not None for p in model.parameters())


def test_frames_and_commands():
    model, loss = MODELS["mlp"]()
    with tst.record(model) as tape:
        dbg = tst.debug(loss())
        found, cursor = frames(tape)
        assert found[0].meta["at"]["name"] == "NllLossBackward0" and found[0].meta["total"] == dbg.total
        assert frames(tape, cursor)[0] == []
        assert command(tape, "debug.step", {})["index"] == 1
        command(tape, "debug.edit", {"zero": True})
        command(tape, "debug.run_to", {"module": "0"})
        meta = frames(tape, cursor)[0][0].meta
        assert meta["at"]["module"] == "0" and meta["edited"] == 1 and meta["at"]["grad_in"][0]["norm"] == 0
        command(tape, "debug.back", {})
        assert command(tape, "debug.continue", {})["state"] == "done"
    assert tape.error is None and {p.name for p in tape.recorder.names.params if p.grad_step == 0} == {n for n, _ in model.named_parameters()}


def test_a_stop_tells_times_hooks_and_what_it_reaches() -> None:
    model, loss = MODELS["mlp"]()
    with tst.record(model):
        value = loss()
    first = next(model.parameters())
    handle = first.register_hook(lambda g: g)
    dbg = tst.debug(value, module=model, rerun_hooks=True)
    at = dbg.describe()[0]["at"]
    assert at["time"]["forward"] > 0 and at["time"]["backward"] > 0
    assert at["reaches"] == ["4.bias", "4.weight", "2.bias", "2.weight", "0.bias", "0.weight"]
    last = dbg.go(dbg.total - 1)
    assert last.parameter == "0.weight" and last.reaches == ["0.weight"] and last.stack == ["0"]
    assert "hooks: test_a_stop" in repr(last)
    dbg.step_back(3)
    assert dbg.at.time["backward"] == dbg._pass.took[dbg.at.node] * 1e-3
    handle.remove()
    dbg.abort()


def test_what_python_calls_when_it_frees_memory_is_no_hook(monkeypatch):
    seen, there = [], hooks.hook_of

    def watched(frame):
        if frame.f_back is not None and frame.f_back.f_code is hooks._ENGINE:
            seen.append(frame.f_code.co_name)
        return there(frame)

    class Freed:
        def __del__(self):
            pass

    class Key:
        __hash__ = gc.collect                                        # a hook without a frame of its own in which memory is collected

    def collected(phase, info):
        pass

    monkeypatch.setattr(hooks, "hook_of", watched)
    model, value = fresh("mlp")
    held = {"grad": Freed()}
    value.register_hook(partial(held.__setitem__, "grad"))           # and one that lets go of what it held
    value.register_hook(partial(held.__setitem__, Key()))
    dbg = tst.debug(value, module=model)
    gc.callbacks.append(collected)
    try:
        dbg.step(2)
        dbg.go(0)
        dbg.step(2)
    finally:
        gc.callbacks.remove(collected)
    dbg.abort()
    assert {"__del__", "collected"} <= set(seen)
