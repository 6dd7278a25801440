"""compile(): what a function looks at is part of its signature, and what could differ runs as it is written."""

from __future__ import annotations

import collections
import itertools
import random
import time
import types
import warnings
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn

STATE = {"scale": 2.0, "list": [1.0]}
SCALE = 2.0
CALLED: list[int] = []
KEPT: list[Any] = []


def uses_global(x: Any) -> Any:
    return x * SCALE


def uses_dict(x: Any) -> Any:
    return x * STATE["scale"] + STATE["list"][-1]


def test_globals_closures_and_attributes_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = ts.compile(uses_global), ts.compile(uses_dict)
    x = ts.ones(3)
    for k in range(20):
        if k % 6 == 5:
            monkeypatch.setitem(globals(), "SCALE", float(k))
            STATE["scale"] = float(k)
            STATE["list"].append(k / 2)
        assert ts.equal(f(x), uses_global(x))
        assert ts.equal(g(x), uses_dict(x))
    assert f.compiled_calls and g.compiled_calls

    factor = 1.0
    h = ts.compile(lambda x: x * factor)
    for k in range(12):
        factor = 1.0 + k // 4
        assert h(x)[0].item() == factor

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain, self.options = 1.0, {"shift": 0.0}

        def forward(self, x: Any) -> Any:
            return x * self.gain + self.options["shift"] if self.training else x

    model = Model()
    c = ts.compile(model)
    for k in range(24):
        model.gain, model.options["shift"] = 1.0 + k // 8, float(k // 12)
        if k == 20:
            model.eval()
        assert ts.equal(c(x), model(x))


class Config:
    scale = 1.0
    table = np.ones(3)


class Slotted:
    __slots__ = ("n",)


def test_classes_modules_slots_arrays_and_functions_are_looked_at() -> None:
    settings = types.ModuleType("settings_of_a_user")
    settings.gain = 1.0
    slotted = Slotted()
    slotted.n = 1.0
    queue = collections.deque([1.0])

    def helper(x: Any) -> Any:
        return x * helper.weight

    helper.weight = 1.0

    class Net(nn.Module):
        gain = 1.0

        def forward(self, x: Any) -> Any:
            return x * self.gain

    net = Net()
    changes = {
        lambda x: x * Config.scale: lambda k: setattr(Config, "scale", k),
        lambda x: x * float(Config.table[0]): lambda k: Config.table.__setitem__(0, k),
        lambda x: x * settings.gain: lambda k: setattr(settings, "gain", k),
        lambda x: x * slotted.n: lambda k: setattr(slotted, "n", k),
        lambda x: x * queue[0]: lambda k: queue.__setitem__(0, k) if queue[0] != k else None,
        lambda x: helper(x): lambda k: setattr(helper, "weight", k),
        lambda x: net(x): lambda k: setattr(Net, "gain", k),
    }
    for f, change in changes.items():
        compiled = ts.compile(f)
        for k in range(1, 25):
            change(float(1 + k // 7))
            assert compiled(ts.ones(2)).tolist() == [1 + k // 7] * 2
        assert compiled.compiled_calls > 3, compiled.report()
    big = np.ones(5000)
    wide = ts.compile(lambda x: x * float(big[0]))
    for k in range(6):
        big[0] = k
        assert wide(ts.ones(1)).item() == k
    assert "may change unseen" in wide.report()


def test_requires_grad_and_strides_are_of_the_signature() -> None:
    f = ts.compile(lambda x: x * 2 if x.requires_grad else x * 3)
    g = ts.compile(lambda x: x * x.stride()[0])
    with ts.no_grad():
        for k in range(12):
            assert f(ts.ones(1, requires_grad=k % 2 == 0)).item() == (2 if k % 2 == 0 else 3)
            assert g(ts.ones(6, 4)[:, ::2] if k % 2 else ts.ones(6, 4).t()[:2])[0, 0].item() == (4 if k % 2 else 1)


def branches(x: Any) -> Any:
    return x * 2 if x.sum() > 0 else x - 1


def loops(x: Any) -> Any:
    while float(x.norm()) < 10:
        x = x * 2
    return x


def draws(x: Any) -> Any:
    return x + ts.randn(3)


def drops(x: Any) -> Any:
    return F.dropout(x, 0.5)


def changes(x: Any) -> Any:
    y = x.clone()
    y[0] = 5
    y += 1
    return y


def indexes(x: Any) -> Any:
    return x[x > 0]


def sorts(x: Any) -> Any:
    return x.sort()[1]


def through_numpy(x: Any) -> Any:
    return ts.from_numpy(np.sort(x.numpy()))


def counts(x: Any) -> Any:
    CALLED.append(1)
    return x + 1


def clock(x: Any) -> Any:
    return x + time.perf_counter() * 0


def dice(x: Any) -> Any:
    return x * random.random() * 0


def says(x: Any) -> Any:
    print("here")
    return x + 1


def views(x: Any) -> Any:
    return x.view(-1)


def itself(x: Any) -> Any:
    return x


def constant(x: Any) -> Any:
    return ts.ones(3)


def one_hot(x: Any) -> Any:
    return F.one_hot((x > 0).long(), 2)


def copies(x: Any) -> Any:
    return ts.tensor(x.tolist()) * 2


NUMBERS = itertools.cycle([0.0, 0.0, 0.0, 0.0])


def counted(x: Any) -> Any:
    return x + next(NUMBERS)


def warned(x: Any) -> Any:
    warnings.warn("careful", UserWarning, stacklevel=2)
    return x + 1


def fills_a_list(x: Any) -> Any:
    (lambda kept: kept.append(x))(KEPT)
    return x + 1


def graded(x: Any) -> Any:
    with ts.enable_grad():
        z = x.detach().requires_grad_()
        (g,) = ts.autograd.grad((z**2).sum(), z)
    return g


@pytest.mark.parametrize("f", [branches, loops, draws, drops, changes, indexes, sorts, through_numpy, counts, clock, dice, says, views, itself, constant, one_hot, copies, counted, warned, fills_a_list, graded],
                         ids=lambda f: f.__name__)
def test_what_could_differ_runs_as_written(f: Any, capsys: pytest.CaptureFixture[str]) -> None:
    compiled = ts.compile(f)
    CALLED.clear()
    warnings.simplefilter("ignore")
    for seed in range(20):
        x = ts.from_numpy(np.random.default_rng(seed).standard_normal(3).astype("f4"))
        ts.manual_seed(seed)
        got = compiled(x)
        ts.manual_seed(seed)
        assert ts.equal(got, f(x)), seed
    assert compiled.compiled_calls == 0
    assert len(CALLED) in (0, 40)
    assert capsys.readouterr().out.count("here") in (0, 40)
    assert "not compiled: " in compiled.report()
    whole = ts.compile(f, fullgraph=True)
    with pytest.raises(RuntimeError, match="cannot be compiled as one graph: "):
        for _ in range(3):
            whole(x)
