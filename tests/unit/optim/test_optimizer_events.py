"""What a tape hears of optimizers, how memory is used, and what odd parameters get."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn, optim
from tapescope.core.state import set_sink


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def update_begin(self, optimizer: Any) -> None:
        self.heard.append(("begin", optimizer))

    def update_end(self, optimizer: Any) -> None:
        self.heard.append(("end", optimizer))

    def __getattr__(self, name: str) -> Any:
        return lambda *a: self.heard.append((name, None))


@pytest.fixture
def ear() -> Any:
    listening = Ear()
    before = set_sink(listening)  # type: ignore[arg-type]
    yield listening
    set_sink(before)


def learned(*shape: int) -> nn.Parameter:
    p = nn.Parameter(ts.ones(*shape))
    p.grad = ts.ones(*shape)
    return p


def test_a_step_is_told_once(ear: Ear) -> None:
    o = optim.AdamW([learned(3), learned(2, 2)])
    ear.heard.clear()
    o.step()
    assert ear.heard == [("begin", o), ("end", o)]


def test_a_failing_step_is_told_to_its_end(ear: Ear) -> None:
    class Bad(optim.Optimizer):
        def step(self, closure: Any = None) -> Any:
            raise ValueError("no")

    o = Bad([learned(1)], {})
    ear.heard.clear()
    with pytest.raises(ValueError, match="no"):
        o.step()
    assert [h[0] for h in ear.heard] == ["begin", "end"]
    assert ts.is_grad_enabled()


def test_own_step_that_calls_the_base(ear: Ear) -> None:
    class Twice(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step()
            return super().step(closure)

    o = Twice([learned(1)], lr=0.25)
    o.step()
    assert o.param_groups[0]["params"][0].item() == 0.5


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, 0.1, 0.9, weight_decay=0.1, nesterov=True), lambda p: optim.Adam(p, weight_decay=0.1),
                                  lambda p: optim.AdamW(p), lambda p: optim.RMSprop(p, momentum=0.9, centered=True), lambda p: optim.Adagrad(p)])
def test_no_memory_is_taken_in_a_step(make: Any) -> None:
    """State and scratch are there after the first step; the next ones make no array of a parameter's size."""
    p = learned(1000, 1000)
    o = make([p])
    o.step()
    o.step()
    tracemalloc.start()
    o.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000                                  # 4 MB would be one temporary


def test_parameters_that_are_not_contiguous() -> None:
    rng = np.random.default_rng(0)
    found = []
    for transposed in (False, True):
        w, g = rng.standard_normal((40, 30)).astype("f4"), np.ones((40, 30), "f4")
        rng = np.random.default_rng(0)
        data = ts.tensor(np.ascontiguousarray(w.T)).t() if transposed else ts.tensor(w)
        p = nn.Parameter(data)
        p.grad = ts.tensor(g)
        o = optim.Adam([p], 0.1, weight_decay=0.1)
        for _ in range(3):
            o.step()
        found.append(p.detach().numpy().copy())
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_memory_that_was_exchanged() -> None:
    """After `.data = ...` or `.double()` the new memory is what is updated."""
    p = learned(5)
    o = optim.SGD([p], 0.5, momentum=0.9)
    o.step()
    p.data = ts.zeros(5)
    o.step()
    assert p.tolist() == pytest.approx([-0.95] * 5)
    m = nn.Linear(2, 2)
    o = optim.SGD(m.parameters(), 0.5)
    m(ts.ones(1, 2)).sum().backward()
    o.step()
    m.double()
    before = m.bias.tolist()
    o.step()
    assert m.bias.tolist() == pytest.approx([b - 0.5 for b in before])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,)])
def test_odd_shapes(shape: tuple[int, ...]) -> None:
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
        p = nn.Parameter(ts.ones(shape))
        p.grad = ts.ones(shape)
        o = getattr(optim, name)([p], lr=0.1)
        o.step()
        assert tuple(p.shape) == shape
        assert bool((p < 1).all())


def test_parameters_without_gradient_stay() -> None:
    p, q = learned(2), nn.Parameter(ts.ones(2))
    o = optim.Adam([p, q], weight_decay=0.1)
    o.step()
    assert q.tolist() == [1, 1]
    assert q not in o.state


def test_half_precision() -> None:
    p = nn.Parameter(ts.ones(3).half())
    p.grad = ts.ones(3).half()
    optim.SGD([p], 0.5, momentum=0.9).step()
    assert p.dtype is ts.float16
    assert p.tolist() == [0.5, 0.5, 0.5]


def test_nothing_is_recorded_for_backward() -> None:
    p = learned(2)
    optim.Adam([p]).step()
    assert p.is_leaf
    assert p.grad_fn is None


def test_copies() -> None:
    o = optim.SGD([learned(2)], 0.5, momentum=0.9)
    o.step()
    for other in [copy.deepcopy(o), pickle.loads(pickle.dumps(o))]:
        other.param_groups[0]["params"][0].grad = ts.ones(2)
        other.step()
        assert other.param_groups[0]["params"][0].tolist() == pytest.approx([-0.45] * 2)


def test_it_learns() -> None:
    ts.manual_seed(0)
    x = ts.randn(200, 3)
    y = (x @ ts.tensor([1.0, -2.0, 0.5])).unsqueeze(1) + 0.3
    for make in (lambda p: optim.SGD(p, 0.1), lambda p: optim.Adam(p, 0.05), lambda p: optim.RMSprop(p, 0.02), lambda p: optim.Adagrad(p, 0.5)):
        m = nn.Linear(3, 1)
        o = make(m.parameters())
        for _ in range(300):
            o.zero_grad()
            nn.MSELoss()(m(x), y).backward()
            o.step()
        assert m.weight.tolist()[0] == pytest.approx([1, -2, 0.5], abs=0.05)
