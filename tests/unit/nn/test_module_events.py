"""What a tape hears of modules, and what copies and pickles of them keep."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest

import tapescope as ts
from tapescope import nn
from tapescope.core.site import resolve
from tapescope.core.state import set_sink


class Ear:
    """A sink that keeps what modules and ops tell."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def module_enter(self, module: Any, args: Any, site: Any, t0: int) -> None:
        self.heard.append(("enter", type(module).__name__, len(args), site, t0))

    def module_exit(self, module: Any, output: Any, t1: int) -> None:
        self.heard.append(("exit", type(module).__name__, output is not None, None, t1))

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        self.heard.append(("op", op.name, len(inputs), site, t0))

    def __getattr__(self, name: str) -> Any:
        return lambda *a: None


@pytest.fixture
def ear() -> Any:
    listening = Ear()
    before = set_sink(listening)  # type: ignore[arg-type]
    yield listening
    set_sink(before)


def kinds(ear: Ear) -> list[str]:
    return [f"{kind} {name}" for kind, name, *_ in ear.heard]


def test_calls_are_paired_around_their_ops(ear: Ear) -> None:
    m = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    ear.heard.clear()
    m(ts.ones(1, 2))
    heard = [k for k in kinds(ear) if k != "op ones"]
    assert [k for k in heard if not k.startswith("op")] == ["enter Sequential", "enter Linear", "exit Linear", "enter ReLU", "exit ReLU",
                                                            "exit Sequential"]
    assert heard[-4:] == ["enter ReLU", "op relu", "exit ReLU", "exit Sequential"]
    assert heard[2].startswith("op")
    times = [t for *_, t in ear.heard]
    assert times == sorted(times)
    site = next(h[3] for h in ear.heard if h[:2] == ("enter", "ReLU"))
    assert resolve(site).text == "m(ts.ones(1, 2))"           # the user's line, not Sequential's


def test_calls_are_paired_when_forward_raises(ear: Ear) -> None:
    class Bad(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        nn.Sequential(nn.ReLU(), Bad(), nn.Tanh())(ts.ones(1))
    assert kinds(ear)[-3:] == ["enter Bad", "exit Bad", "exit Sequential"]
    assert [h[2] for h in ear.heard[-2:]] == [False, False]


def test_hooks_run_inside_the_call(ear: Ear) -> None:
    m = nn.ReLU()
    m.register_forward_hook(lambda m, a, out: out * 2)
    x = ts.ones(1)
    ear.heard.clear()
    m(x)
    assert kinds(ear) == ["enter ReLU", "op relu", "op mul", "exit ReLU"]


def test_another_thread_is_not_heard(ear: Ear) -> None:
    m = nn.ReLU()
    thread = threading.Thread(target=lambda: m(ts.ones(1)))
    thread.start()
    thread.join()
    assert not any(k.startswith("enter") for k in kinds(ear))


def test_not_initialised() -> None:
    class Hasty(nn.Module):
        def __init__(self) -> None:
            self.size = 3

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Hasty()(ts.ones(1))


def test_shared_parameters_stay_shared_when_moved() -> None:
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    b.weight = a.weight
    m = nn.ModuleList([a, b]).double()
    assert m[0].weight is m[1].weight
    assert m[0].weight.dtype is ts.float64
    assert len(list(m.parameters())) == 3


def test_gradients_move_with_their_parameters() -> None:
    m = nn.Linear(2, 2)
    m(ts.ones(1, 2)).sum().backward()
    m.double()
    assert m.weight.grad.dtype is ts.float64
    m(ts.ones(1, 2).double()).sum().backward()
    assert m.weight.grad.tolist() == [[2, 2], [2, 2]]


def test_a_device_that_is_not_there() -> None:
    try:
        import cupy  # noqa: F401
    except ImportError:
        with pytest.raises((AssertionError, RuntimeError)):
            nn.Linear(2, 2).to("cuda")


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(way: Any) -> None:
    m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
    m.eval()
    other = way(m)
    assert other[0].weight is not m[0].weight
    assert isinstance(other[0].weight, nn.Parameter)
    assert other[0].weight.requires_grad
    assert not other.training
    x = ts.randn(3, 2)
    assert other(x).tolist() == m(x).tolist()
    other[0].weight.data.zero_()
    assert m[0].weight.abs().sum() > 0


def test_long_chains_of_modules() -> None:
    m = nn.Sequential(*[nn.Linear(2, 2) for _ in range(300)])
    y = m(ts.ones(1, 2))
    y.sum().backward()
    assert m[0].weight.grad is not None
    assert len(repr(m).splitlines()) == 302
