"""jit: what is traced, scripted, saved and loaded gives what the program gave, for other batches too, with gradients, and refuses what it cannot hold."""

from __future__ import annotations

import copy
import io
import json
import random
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import jit, nn


def convnet() -> nn.Module:
    ts.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)).eval()


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.place, self.lstm, self.head = nn.Embedding(9, 6), nn.Embedding(5, 6), nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 9)
        self.head.weight = nn.Parameter(ts.randn(9, 8))

    def forward(self, ids: Any) -> Any:
        x = self.words(ids) + self.place(ts.arange(ids.shape[1]))
        y, (h, _) = self.lstm(x)
        return {"logits": self.head(y), "last": [h[0], F.softmax(h[0], -1)]}


def attention() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()


def through_a_file(m: Any) -> Any:
    file = io.BytesIO()
    jit.save(m, file)
    file.seek(0)
    return jit.load(file)


def flat(y: Any) -> list[Any]:
    if isinstance(y, dict):
        return [t for v in y.values() for t in flat(v)]
    return [t for v in y for t in flat(v)] if isinstance(y, (list, tuple)) else [y]


@pytest.mark.parametrize(("make", "given"), [
    (convnet, lambda n: ts.randn(n, 1, 8, 8)), (Words, lambda n: ts.randint(0, 9, (n, 5))), (attention, lambda n: ts.randn(n, 3, 8)),
    (lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8)), lambda n: ts.randn(n, 4)),
    (lambda: nn.Sequential(nn.Conv2d(1, 4, 1), nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.AdaptiveAvgPool2d(3)), lambda n: ts.randn(n, 1, 3, 3))],
    ids=["convnet", "words", "attention", "mlp", "images"])
def test_traced_saved_and_loaded(make: Any, given: Any) -> None:
    model = make()
    traced = jit.trace(model, given(2))
    loaded = through_a_file(traced)
    assert list(loaded.state_dict()) == list(model.state_dict())
    assert [n for n, _ in loaded.named_modules()] == [n for n, _ in model.named_modules()]
    for n in (1, 2, 5, 2):
        x = given(n)
        model.zero_grad()
        want = flat(model(x))
        sum(t.sum() for t in want).backward()
        grads = [p.grad for p in model.parameters()]
        for m in (traced, loaded):
            m.zero_grad()
            got = flat(m(x))
            sum(t.sum() for t in got).backward()
            for g, w in zip(got, want, strict=True):
                assert ts.equal(g, w) and g.grad_fn is not None
            for p, g in zip(m.parameters(), grads, strict=True):
                np.testing.assert_allclose(p.grad.numpy(), g.numpy(), rtol=1e-5, atol=1e-6)
        with ts.no_grad():
            for m in (traced, loaded):
                assert all(ts.equal(g, w) for g, w in zip(flat(m(x)), want, strict=True))
    assert type(loaded(given(1))) is type(model(given(1)))


def test_a_traced_function_and_its_text() -> None:
    @jit.script_if_tracing
    def f(x: Any, y: Any) -> Any:
        assert jit.is_tracing() or not jit.is_tracing()
        return (x * 2 + y).relu().sum(1)

    traced = jit.trace(f, (ts.ones(2, 3), ts.ones(2, 3)))
    assert traced.code == ("def f(x: Tensor, y: Tensor) -> Tensor:\n  _0 = ops.mul(x, 2)\n  _1 = ops.add(_0, y)\n  _2 = ops.relu(_1)\n"
                           "  _3 = ops.sum(_2, (1,), False)\n  return _3\n")
    assert traced.graph.startswith("graph(%x, %y):\n  %_0 = mul(%x, 2)\n")
    x, y = ts.randn(4, 3), ts.randn(4, 3)
    assert ts.equal(through_a_file(traced)(x, y), f(x, y))
    assert not jit.is_tracing() and not jit.is_scripting()
    with ts.record() as tape:
        traced(x, y)
        tape.step()
    assert {"mul", "relu"} <= set(tape.strings)


def test_parameters_are_shared_and_change_in_place() -> None:
    model = nn.Linear(2, 2)
    traced = jit.trace(model, ts.ones(1, 2))
    assert traced.weight is model.weight
    with ts.no_grad():
        model.weight.zero_()
    assert ts.equal(traced(ts.ones(1, 2))[0], model.bias)
    traced.load_state_dict({"weight": ts.ones(2, 2), "bias": ts.zeros(2)})
    assert traced(ts.ones(1, 2)).tolist() == [[2.0, 2.0]]
    with pytest.raises(RuntimeError, match="change it in place"):
        traced.weight = nn.Parameter(ts.ones(2, 2))
    opt = ts.optim.SGD(traced.parameters(), lr=0.1)
    traced(ts.ones(1, 2)).sum().backward()
    opt.step()
    assert ts.equal(traced(ts.ones(1, 2)), model(ts.ones(1, 2)))
    other = copy.deepcopy(traced)
    with ts.no_grad():
        other.weight.zero_()
    assert not ts.equal(other(ts.ones(1, 2)), traced(ts.ones(1, 2)))


def test_script_follows_shapes_and_training() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    scripted = jit.script(model)
    with pytest.raises(RuntimeError, match="there is no graph yet"):
        jit.save(scripted, io.BytesIO())
    scripted.eval()
    assert not model.training
    for n in (3, 5):
        assert ts.equal(scripted(ts.ones(n, 4)), model(ts.ones(n, 4)))
    loaded = through_a_file(scripted)
    assert ts.equal(loaded(ts.ones(7, 4)), model(ts.ones(7, 4)))
    scripted.train()
    assert model.training
    before = model[2].running_mean.clone()
    scripted(ts.randn(8, 4))
    assert not ts.equal(before, model[2].running_mean)


def test_control_flow_stays_python() -> None:
    @jit.script
    def f(x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x - 1

    assert f(ts.ones(2)).tolist() == [2, 2] and f(-ts.ones(2)).tolist() == [-2, -2]
    with pytest.raises(RuntimeError, match=r"cannot be saved as a graph: Python looks at a value: Tensor.__bool__"):
        f.save(io.BytesIO())
    with pytest.warns(jit.TracerWarning, match="Converting a tensor to a Python boolean might cause the trace to be incorrect"):
        traced = jit.trace(lambda x: x * 2 if x.sum() > 0 else x - 1, ts.ones(2))
    assert traced(-ts.ones(2)).tolist() == [-2, -2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(jit.TracingCheckError, match="Tracing failed sanity checks"):
            jit.trace(lambda x: x * 2 if x.sum() > 0 else x - 3, ts.ones(2), check_inputs=[-ts.ones(2)])


@pytest.mark.parametrize(("f", "given", "error"), [
    (lambda x: F.dropout(x, 0.5), ts.ones(3), "Could not trace .*random numbers"),
    (lambda x: x.add_(1), ts.ones(3), "Could not trace"),
    (lambda x: x[x > 0], ts.ones(3), "Could not trace"),
    (lambda x: x.exp().numpy() and 3, ts.ones(1), "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions"),
    (lambda x: x, (3,), r"Type 'Tuple\[int\]' cannot be traced. Only Tensors and"),
    (nn.BatchNorm1d(3), ts.ones(2, 3), "Could not trace BatchNorm1d: .*moments"),
])
def test_what_cannot_be_traced_is_said(f: Any, given: Any, error: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match=error):
            jit.trace(f, given)


def test_other_shapes_than_those_that_were_heard() -> None:
    traced = jit.trace(lambda x: x.view(2, 3) * 2 if x.ndim == 1 else x, ts.ones(6))
    loaded = through_a_file(traced)
    with pytest.raises(RuntimeError, match=r"captured for arguments of shape \[6\]"):
        loaded(ts.ones(12))
    with pytest.raises(RuntimeError, match="captured for arguments"):
        loaded(ts.ones(6, dtype=ts.float64))


def test_tracing_leaves_a_recording_as_it_was() -> None:
    with ts.record() as tape:
        traced = jit.trace(nn.Linear(2, 2), ts.ones(1, 2))
        traced(ts.ones(1, 2)).tanh()
        tape.step()
    assert {"addmm", "tanh"} <= set(tape.strings)


def test_freeze() -> None:
    model = convnet()
    traced = jit.trace(model, ts.ones(2, 1, 8, 8))
    with pytest.raises(RuntimeError, match="only implemented for modules in eval mode"):
        jit.freeze(jit.trace(model, ts.ones(2, 1, 8, 8)).train())
    with pytest.raises(RuntimeError, match="Freezing expects a ScriptModule"):
        jit.freeze(model)
    frozen = jit.freeze(traced.eval())
    assert list(frozen.parameters()) == []
    x = ts.randn(3, 1, 8, 8)
    want = model.eval()(x)
    with ts.no_grad():
        model[0].weight.zero_()
    assert ts.equal(frozen(x), want) and ts.equal(through_a_file(frozen)(x), want)
    assert jit.optimize_for_inference(frozen) is frozen
    assert list(jit.optimize_for_inference(traced).parameters()) == []


def test_a_file_holds_data_only(tmp_path: Path) -> None:
    jit.save(jit.trace(convnet(), ts.ones(2, 1, 8, 8)), tmp_path / "net.pt", _extra_files={"notes": "by hand"})
    with zipfile.ZipFile(tmp_path / "net.pt") as archive:
        names = archive.namelist()
        head = archive.read("tapescope.json")
    assert all(n == "tapescope.json" or n.startswith("data/") for n in names)
    json.loads(head)
    assert b"convolution" in head
    extra = {"notes": ""}
    jit.load(tmp_path / "net.pt", _extra_files=extra)
    assert extra == {"notes": "by hand"}
    ts.save({"x": 1}, tmp_path / "other.pt")
    with pytest.raises(RuntimeError, match="this file holds no graph"):
        jit.load(tmp_path / "other.pt")
    with pytest.raises(AttributeError, match="has no attribute 'save'"):
        jit.save(nn.Linear(2, 2), tmp_path / "no.pt")


def mutations(data: Any, rng: random.Random) -> Any:
    """The data with one part changed into something else."""
    data = copy.deepcopy(data)
    spots: list[tuple[Any, Any]] = []

    def collect(x: Any) -> None:
        for k, v in list(x.items()) if isinstance(x, dict) else list(enumerate(x)):
            spots.append((x, k))
            if isinstance(v, (dict, list)):
                collect(v)

    collect(data)
    where, key = rng.choice([s for s in spots if s[0] is not data or s[1] not in ("format", "version")])
    where[key] = rng.choice([None, -1, 0, 7, 10**9, "as_strided", "bernoulli", "", [], ["v", 99], ["t", []], ["b", 10**6, -5], {}, True, 1.5, ts.ones(2), "exec", ["d", "O"], ["g", "<f4", "x"]])
    return data


def test_hostile_files_are_refused_or_run_as_what_they_are() -> None:
    """Hundreds of files with one part changed: a clear error at loading or in the call, or a result; never code, a crash, or memory that is not its own."""
    import tapescope.jit.files as files

    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Flatten())
    traced = jit.trace(model, ts.ones(2, 4))
    kept: list[Any] = []
    original = files.save_plain
    files.save_plain = lambda data, f: kept.append(data)
    try:
        jit.save(traced, None)
    finally:
        files.save_plain = original
    rng = random.Random(5)
    refused = ran = words = 0
    for _ in range(400):
        file = io.BytesIO()
        ts.save(mutations(kept[0], rng), file)
        file.seek(0)
        try:
            loaded = jit.load(file)
        except RuntimeError as error:
            words += "graph" in str(error)
            refused += 1
            continue
        try:
            with ts.no_grad():
                loaded(ts.ones(2, 4))
            ran += 1
        except (RuntimeError, ValueError, TypeError, IndexError, MemoryError, AttributeError):
            words += 1
            refused += 1
    assert refused == words > 130 and ran > 10


def test_names_that_programs_use() -> None:
    for name in ("ignore", "unused", "export", "annotate", "is_scripting", "is_tracing", "script_if_tracing", "ScriptModule", "ScriptFunction", "TracerWarning"):
        assert hasattr(jit, name)

    class Net(nn.Module):
        @jit.ignore
        def helper(self) -> int:
            return 2

        @jit.unused
        def other(self) -> int:
            return 3

        @jit.export
        def more(self, x: Any) -> Any:
            return x

        def forward(self, x: Any) -> Any:
            return x * self.helper()

    assert jit.script(Net())(ts.ones(1)).item() == 2
    assert jit.wait(jit.fork(lambda x: x + 1, 1)) == 2
    assert jit.annotate(int, 3) == 3
