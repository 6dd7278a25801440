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
