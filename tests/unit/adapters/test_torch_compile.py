"""Models under torch.compile run eagerly while they are listened to, and as compiled before and after."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is nothing to compile")

from tapescope.adapters import torch as tst  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402


def test_compiled_models_are_heard_and_restored():
    import warnings

    import torch._dynamo.testing

    filters = list(warnings.filters)
    torch.manual_seed(0)
    model, _ = MODELS["mlp"]()
    x = torch.randn(32, 8)
    torch._dynamo.reset()
    counted = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(model, backend=counted)
    before = traces()
    compiled(x).sum().backward()
    plain = gradients(model)
    assert counted.frame_count == 1
    opt = torch.optim.SGD(model.parameters(), 0.0)
    with tst.record(compiled) as tape:
        for _ in range(3):
            model.zero_grad()
            compiled(x).sum().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    assert same(plain, gradients(model)) and traces() == before
    g = tape.graphs[tape.recorder.current]
    assert [tape.strings[i] for i in g.op_name] == ["linear", "relu", "linear", "tanh", "linear", "sum"]
    assert {tape.strings[g.mod_path[m]] for m in g.op_module if m >= 0} == {"0", "1", "2", "3", "4"}
    assert {p.name for p in tape.recorder.names.params} == {n for n, _ in model.named_parameters()}
    assert len(filters) and not [f for f in warnings.filters if f not in filters and f[1] is not None and "global hooks" in f[1].pattern]
    compiled(x)
    assert counted.frame_count == 1, "what was compiled before is used again"
    torch._dynamo.reset()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_is_one_op_where_that_is_asked_for(backend):
    import torch._dynamo.testing

    torch.manual_seed(0)
    model, _ = MODELS["mlp"]()
    head = torch.nn.Linear(3, 3)
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
    torch._dynamo.reset()
    counted = torch._dynamo.testing.CompileCounterWithBackend(backend)
    compiled = torch.compile(model, backend=counted)

    def loss():
        return torch.nn.functional.cross_entropy(head(compiled(x)), y)

    before, called = traces(), vars(torch._dynamo.eval_frame.OptimizedModule).get("__call__")
    loss().backward()
    plain = gradients(model)
    assert counted.frame_count == 1
    whole = torch.nn.Sequential()
    whole.add_module("compiled", compiled)
    whole.add_module("head", head)
    opt = torch.optim.SGD(whole.parameters(), 0.0)
    with tst.record(whole, values="histogram", compiled="opaque") as tape:
        for _ in range(4):
            whole.zero_grad()
            loss().backward()
            opt.step()
        held = tst.debug(loss())
        names = []
        while held.state == "held":
            names.append(held.at.op or held.at.parameter)
            held.step()
            if backend == "aot_eager":
                with pytest.raises(RuntimeError, match="cannot be run again to step back: a compiled model donates what it has saved"):
                    held.step_back()
    assert tape.error is None, tape.error_text
    assert same(plain, {n: g if g is None else g / 2 for n, g in gradients(model).items()}) and traces() == before
    assert counted.frame_count == 1, "what was compiled before is used, and nothing is compiled anew"
    g = tape.graphs[tape.recorder.current]
    assert [tape.strings[i] for i in g.op_name] == ["compiled", "linear", "cross_entropy"]
    assert all(o >= 0 for o, s in zip(g.node_op, g.node_src, strict=True) if s < 0)
    assert {"compiled", "linear", "cross_entropy", *(n for n, _ in whole.named_parameters())} == set(names) and tape.findings() == []
    with tst.record(whole, compiled="opaque", every=2) as tape:
        for _ in range(4):
            loss().backward()
            opt.step()
            opt.zero_grad()
    assert tape.error is None, tape.error_text
    assert counted.frame_count == 1 and tape.step_number == 4, "steps that are not looked at run as compiled, too"
    loss()
    assert counted.frame_count == 1 and vars(torch._dynamo.eval_frame.OptimizedModule).get("__call__") is called
    torch._dynamo.reset()


def test_compiled_after_the_recording_has_begun_and_bad_words():
    torch.manual_seed(0)
    model, _ = MODELS["mlp"]()
    x = torch.randn(32, 8)
    with tst.record(model) as tape:
        torch.compile(model, backend="eager")(x).sum().backward()
    assert tape.error is None and [tape.strings[i] for i in tape.graphs[tape.recorder.current].op_name] == ["linear", "relu", "linear", "tanh", "linear", "sum"]
    with pytest.raises(ValueError, match=r"compiled is 'eager' .* or 'opaque'"):
        tst.record(model, compiled="yes")
    torch._dynamo.reset()
