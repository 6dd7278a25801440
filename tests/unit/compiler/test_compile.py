"""compile(): what is compiled gives the same to the bit, is found by its signature, and keeps its effects."""

from __future__ import annotations

import contextvars
import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn
from tapescope.compiler import Compiled, OptimizedModule, disable, set_stance

CALLS = 40


def agree(compiled: Any, written: Any, make: Any, calls: int = CALLS) -> None:
    """Both are called with the same arguments, again and again."""
    for _ in range(calls):
        args = make()
        got, want = compiled(*args), written(*args)
        assert type(got) is type(want)
        for g, w in zip(got, want, strict=True) if isinstance(want, tuple) else ((got, want),):
            assert g.dtype == w.dtype and g.shape == w.shape and g.stride() == w.stride()
            np.testing.assert_array_equal(g.numpy(), w.numpy())


def entries(compiled: Any) -> list[Any]:
    return list((compiled.__dict__["_compiled"] if isinstance(compiled, OptimizedModule) else compiled)._entries.values())


def wave(x: Any, y: Any) -> Any:
    return ((x * 2 + y).sin() * x - 1).exp()


@pytest.mark.parametrize("shape", [(), (3,), (40, 5), (1100, 1000), (1, 1_100_000), (1_100_000,)])
def test_elementwise_chains(shape: tuple[int, ...]) -> None:
    f = ts.compile(wave)
    agree(f, wave, lambda: (ts.randn(shape), ts.randn(shape)), 10)
    assert f.compiled_calls > 4


@pytest.mark.parametrize("shapes", [((1100, 1000), (1000,)), ((1100, 1000), (1100, 1)), ((1100, 1000), (1, 1)), ((1100, 1000), ()), ((1, 1000), (1100, 1)), ((9, 300, 400), (300, 400))])
def test_chains_with_broadcasts(shapes: tuple[tuple[int, ...], ...]) -> None:
    f = ts.compile(wave)
    agree(f, wave, lambda: tuple(map(ts.randn, shapes)), 8)
    assert f.compiled_calls > 2
    turned = ts.compile(wave)
    agree(turned, wave, lambda: (ts.randn(1000, 1100).t(), ts.randn(shapes[1])), 8) if shapes[0] == (1100, 1000) else None


def test_a_long_chain_is_cut_into_pieces() -> None:
    f = ts.compile(wave)
    agree(f, wave, lambda: (ts.randn(1 << 20), ts.randn(1 << 20)), 5)
    assert "6 of them in 1 chains" in f.report()


def test_what_a_chain_leaves_to_others() -> None:
    def several(x: Any) -> Any:
        a = x.exp()
        b = a * 2
        c = (b + a).sqrt()
        return b, c.sum(), (c.t() @ b).relu(), (c > 1).float() * c.sigmoid()

    f = ts.compile(several, fullgraph=True)
    agree(f, several, lambda: (ts.randn(1200, 900),), 6)
    agree(ts.compile(several), several, lambda: (ts.randn(600, 500, dtype=ts.float64),), 4)


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4), nn.Softmax(-1)), lambda: ts.randn(5, 8)),
    "lenet": (lambda: nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10)), lambda: ts.randn(2, 1, 16, 16)),
    "lstm": (lambda: nn.LSTM(4, 6, 2, bidirectional=True), lambda: ts.randn(7, 2, 4)),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), lambda: ts.randn(2, 5, 8)),
    "words": (lambda: nn.Sequential(nn.Embedding(10, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3)), lambda: ts.randint(0, 10, (4, 3))),
    "images": (lambda: nn.Sequential(nn.Conv2d(1, 4, 1), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.AdaptiveAvgPool2d(3)),
               lambda: ts.randn(2, 1, 3, 3)),
    "norms": (lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv1d(4, 4, 3), nn.InstanceNorm1d(4), nn.AvgPool1d(2)), lambda: ts.randn(2, 4, 12)),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    make, given = MODELS[name]
    model = make().eval()
    compiled = ts.compile(model)
    with ts.no_grad():
        def flat(m: Any) -> Any:
            return lambda *a: (lambda y: (y[0], *y[1]) if isinstance(y, tuple) else y)(m(*a))

        agree(flat(compiled), flat(model), lambda: (given(),), 10)
    assert compiled.__dict__["_compiled"].compiled_calls > 4, compiled.report()


def test_a_gpt_with_positions_and_a_mask() -> None:
    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place, self.head = nn.Embedding(11, 8), nn.Embedding(6, 8), nn.Linear(8, 11)
            self.register_buffer("mask", ts.tril(ts.ones(6, 6)))

        def forward(self, ids: Any) -> Any:
            x = self.token(ids) + self.place(ts.arange(ids.shape[1]))
            scores = (x @ x.transpose(1, 2)).masked_fill(self.mask == 0, float("-inf"))
            return self.head(scores.softmax(-1) @ x)

    model = GPT().eval()
    compiled = ts.compile(model, fullgraph=True)
    with ts.no_grad():
        agree(compiled, model, lambda: (ts.randint(0, 11, (3, 6)),), 10)
        with pytest.raises(IndexError, match="out of range"):
            compiled(ts.full((3, 6), -1))
        agree(compiled, model, lambda: (ts.randint(0, 11, (3, 6)),), 2)


def test_weights_may_change_in_any_way() -> None:
    model = nn.Linear(3, 2)
    compiled = ts.compile(model)
    x = ts.randn(4, 3)
    with ts.no_grad():
        for turn in range(30):
            assert ts.equal(compiled(x), model(x))
            if turn % 5 == 4:
                (lambda: model.weight.mul_(2), lambda: setattr(model, "weight", nn.Parameter(ts.randn(2, 3))), lambda: model.bias.data.zero_(),
                 lambda: model.load_state_dict({"weight": ts.ones(2, 3), "bias": ts.ones(2)}), lambda: setattr(model, "bias", None),
                 lambda: setattr(model.weight, "data", ts.randn(2, 3)))[turn // 5]()
        assert compiled.__dict__["_compiled"].compiled_calls > 5


def test_where_gradients_are_needed_it_runs_as_written() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    compiled = ts.compile(model)
    for _ in range(6):
        x = ts.randn(2, 3, requires_grad=True)
        y = compiled(x)
        assert y.grad_fn is not None and y.grad_fn.name() == "TanhBackward0"
        y.sum().backward()
    assert model[0].weight.grad is not None
    with ts.no_grad():
        for _ in range(6):
            assert compiled(x).grad_fn is None
    assert compiled(x).requires_grad
    frozen = ts.compile(lambda x: x.exp() + 1)
    for _ in range(5):
        assert not frozen(ts.ones(3)).requires_grad
        assert frozen(ts.ones(3, requires_grad=True)).requires_grad
    assert frozen.compiled_calls > 0


def test_arguments_that_are_containers_are_filled() -> None:
    def f(x: Any, into: Any) -> Any:
        into.append(x * 2)
        return x + 1

    compiled = ts.compile(f)
    for _ in range(8):
        into: list[Any] = []
        compiled(ts.ones(1), into)
        assert len(into) == 1


class Stamp(nn.Module):
    def forward(self, x: Any) -> Any:
        self.seen = x
        return x + 1


def test_attributes_that_a_call_sets_are_set() -> None:
    stamp = Stamp()
    compiled = ts.compile(stamp)
    for _ in range(10):
        x = ts.randn(3)
        compiled(x)
        assert stamp.seen is x


def test_batch_norm_moves_its_moments_in_training() -> None:
    a, b = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    compiled = ts.compile(a)
    with ts.no_grad():
        for turn in range(12):
            x = ts.randn(4, 3)
            assert ts.equal(compiled(x), b(x))
            if turn == 7:
                a.eval()
                b.eval()
    assert ts.equal(a.running_mean, b.running_mean)


def test_hooks_are_called() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    compiled = ts.compile(model)
    seen: list[int] = []
    with ts.no_grad():
        for k in range(12):
            if k == 6:
                handle = model[0].register_forward_hook(lambda *a: seen.append(1))
            compiled(ts.ones(1, 2))
        assert len(seen) == 6
        handle.remove()
        for _ in range(6):
            compiled(ts.ones(1, 2))
    assert len(seen) == 6
    assert compiled.__dict__["_compiled"].compiled_calls == 3


def test_a_recording_sees_all_ops() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    compiled = ts.compile(model)
    x = ts.ones(1, 2)
    with ts.no_grad():
        for _ in range(5):
            compiled(x)
        with ts.record() as tape:
            compiled(x)
            tape.step()
    assert {"addmm", "relu"} <= set(tape.strings)


def test_shapes_dtypes_and_numbers_are_signatures() -> None:
    def f(x: Any, power: float = 2, *, shift: Any = None) -> Any:
        y = x**power
        return y if shift is None else y + shift

    compiled = ts.compile(f)
    for _ in range(5):
        for args, named in [((ts.ones(3) * 2,), {}), ((ts.ones(4) * 2,), {}), ((ts.ones(3, dtype=ts.float64) * 2, 3), {}), ((ts.ones(3) * 2, 2.5), {"shift": ts.ones(3)}),
                            ((ts.ones(3) * 2,), {"shift": 1})]:
            got, want = compiled(*args, **named), f(*args, **named)
            assert got.dtype == want.dtype and ts.equal(got, want)
    assert len(entries(compiled)) == 5 and compiled.compiled_calls >= 10
    for n in range(60):
        compiled(ts.ones(n + 10))
    assert len(entries(compiled)) == 32


def test_a_function_that_changes_its_mind_is_found_out() -> None:
    """What depends on a thing that cannot be watched is heard again at the 4th, 8th, 16th ... call."""
    hidden: contextvars.ContextVar[float] = contextvars.ContextVar("hidden", default=1.0)
    compiled = ts.compile(lambda x: x * hidden.get())
    x = ts.ones(2)
    for _ in range(4):
        compiled(x)
    hidden.set(3.0)
    wrong = sum(compiled(x)[0].item() != 3.0 for _ in range(64))
    assert wrong < 8
    assert "does not do the same" in compiled.report()


def test_arguments_of_other_kinds_and_results_in_containers() -> None:
    def f(pair: Any, options: Any) -> Any:
        return {"sum": pair[0] + pair[1], "list": [pair[0] * options["k"], 3, "words"], "none": None}

    compiled = ts.compile(f)
    for _ in range(5):
        x, y = ts.randn(3), ts.randn(3)
        got = compiled((x, y), {"k": 2})
        assert list(got) == ["sum", "list", "none"] and got["list"][1:] == [3, "words"] and got["none"] is None
        assert ts.equal(got["sum"], x + y) and ts.equal(got["list"][0], x * 2)
    assert compiled.compiled_calls > 1
    strange = ts.compile(lambda x, s: x + len(s))
    assert strange(ts.ones(1), {1, 2}).item() == 3 and strange(ts.ones(1), {1}).item() == 2
    assert strange.compiled_calls == 0


def test_results_are_fresh_memory() -> None:
    f = ts.compile(lambda x: (x.relu(), x.exp().t()))
    x = ts.randn(3, 2)
    kept = [f(x) for _ in range(5)]
    for a, b in kept:
        a.zero_()
        b.zero_()
    assert ts.equal(f(x)[0], x.relu())


def test_as_decorator_method_and_module(capsys: pytest.CaptureFixture[str]) -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        @ts.compile(fullgraph=True)
        def __call__(self, x: Any) -> Any:
            """Scales."""
            return x * self.k

    assert isinstance(Scale.__dict__["__call__"], Compiled)
    assert Scale.__dict__["__call__"].__doc__ == "Scales."

    @ts.compile
    def f(x: Any) -> Any:
        return x.exp() * 2

    assert f.__name__ == "f"
    model = nn.Linear(2, 2)
    opt = ts.compile(model)
    assert list(opt.state_dict()) == ["_orig_mod.weight", "_orig_mod.bias"]
    assert opt.weight is model.weight and opt.in_features == 2
    assert isinstance(copy.deepcopy(opt), OptimizedModule)
    assert ts.equal(pickle.loads(pickle.dumps(opt)).weight, model.weight)
    model.compile()
    with ts.no_grad():
        for _ in range(6):
            assert ts.equal(model(ts.ones(1, 2)), F.linear(ts.ones(1, 2), model.weight, model.bias))
    assert model.__dict__["_run"].compiled.compiled_calls == 3
    other = copy.deepcopy(model)
    with ts.no_grad():
        other.weight.zero_()
        assert ts.equal(other(ts.ones(1, 2))[0], other.bias)
        assert not ts.equal(model(ts.ones(1, 2))[0], other.bias)
    assert ts.compile(f, disable=True) is f
    with pytest.raises(RuntimeError, match="Either mode or options"):
        ts.compile(f, mode="default", options={})


def test_it_can_be_held_off() -> None:
    f = ts.compile(lambda x: x + 1)
    quiet = disable(f)
    for _ in range(5):
        quiet(ts.ones(1))
    assert f.compiled_calls == 0
    with set_stance("force_eager"):
        f(ts.ones(1))
    for _ in range(5):
        f(ts.ones(1))
    assert f.compiled_calls == 3


def test_under_autocast_it_runs_as_written() -> None:
    model = nn.Linear(4, 4)
    f = ts.compile(model)
    with ts.no_grad():
        for _ in range(4):
            f(ts.ones(1, 4))
        with ts.autocast("cpu", dtype=ts.float16):
            assert f(ts.ones(1, 4)).dtype == ts.float16
        assert f(ts.ones(1, 4)).dtype == ts.float32
