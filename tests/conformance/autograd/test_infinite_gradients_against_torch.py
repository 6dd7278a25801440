"""What infinite and NaN gradients become where an op lets nothing through: zero, as in PyTorch, and not NaN."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch")

EDGES = np.array([-5, -3, -1, -0.5, -0.0, 0, 0.3, 0.5, 1, 3, 4, 6, 7, math.nan, math.inf, -math.inf], np.float32)
PLAIN = np.array([3, -1, 0.5, 2, 2, -4, 0.25, 1, 5, -2, 5, 0], np.float32)


def _f(name: str, *args: Any, **kwargs: Any) -> Callable[[Any, Any], Any]:
    return lambda lib, x: getattr(lib.nn.functional, name)(x, *args, **kwargs)


def _with_zeros(name: str) -> Callable[[Any, Any], Any]:
    return lambda lib, x: getattr(lib, name)(x, lib.zeros(x.shape))


EACH: dict[str, Callable[[Any, Any], Any]] = {
    **{n: _f(n) for n in "relu relu6 leaky_relu hardtanh hardshrink softshrink hardswish hardsigmoid elu celu selu softplus silu rrelu".split()},
    **{n: _with_zeros(n) for n in "maximum minimum fmax fmin".split()},
    "relu_": lambda lib, x: lib.nn.functional.relu_(x * 1),
    "leaky_relu 0": _f("leaky_relu", 0.0),
    "threshold": _f("threshold", 0.5, 7.0),
    "prelu": lambda lib, x: lib.nn.functional.prelu(x, lib.tensor([0.25])),
    "clamp": lambda lib, x: x.clamp(-1, 1),
    "clamp_min": lambda lib, x: x.clamp(min=0.0),
    "clamp_max": lambda lib, x: x.clamp(max=0.0),
    "clamp by tensors": lambda lib, x: x.clamp(lib.zeros(x.shape), lib.ones(x.shape)),
    "clamp_min by a tensor": lambda lib, x: x.clamp_min(lib.zeros(x.shape)),
    "where": lambda lib, x: lib.where(x > 0, x, -x),
    "masked_fill": lambda lib, x: x.masked_fill(x > 0, 0.0),
    "abs": lambda lib, x: x.abs(),
    "sign": lambda lib, x: x.sign(),
    "floor": lambda lib, x: x.floor(),
    "round": lambda lib, x: x.round(),
    "dropout": lambda lib, x: (lib.manual_seed(0), lib.nn.functional.dropout(x, 0.5))[1],
    "hinge": lambda lib, x: lib.nn.functional.hinge_embedding_loss(x, -lib.ones(x.shape), reduction="none"),
    "margin": lambda lib, x: lib.nn.functional.margin_ranking_loss(x, lib.zeros(x.shape), lib.ones(x.shape), reduction="none"),
    "huber": lambda lib, x: lib.nn.functional.huber_loss(x, lib.zeros(x.shape), reduction="none"),
    "smooth_l1": lambda lib, x: lib.nn.functional.smooth_l1_loss(x, lib.zeros(x.shape), reduction="none"),
    "l1": lambda lib, x: lib.nn.functional.l1_loss(x, lib.zeros(x.shape), reduction="none"),
}
OWN_NAN = ("hardswish", "elu", "celu", "selu")             # what PyTorch itself answers to NaN depends on how many elements there are
CHOOSE: dict[str, Callable[[Any, Any], Any]] = {
    "max": lambda lib, x: x.max(),
    "min": lambda lib, x: x.min(),
    "median": lambda lib, x: x.median(),
    "max along": lambda lib, x: x.view(3, 4).max(1)[0],
    "median along": lambda lib, x: x.view(3, 4).median(1)[0],
    "cummax": lambda lib, x: lib.cummax(x, 0)[0],
    "max_pool1d": lambda lib, x: lib.nn.functional.max_pool1d(x.view(1, 1, 12), 2),
    "max_pool1d overlapping": lambda lib, x: lib.nn.functional.max_pool1d(x.view(1, 1, 12), 3, 1),
    "max_pool2d": lambda lib, x: lib.nn.functional.max_pool2d(x.view(1, 1, 4, 3), 2, 1),
    "adaptive_max_pool1d": lambda lib, x: lib.nn.functional.adaptive_max_pool1d(x.view(1, 1, 12), 5),
    "index": lambda lib, x: x[[0, 2, 2]],
    "RNN of relus": lambda lib, x: _recurrent(lib, x),
}


def _recurrent(lib: Any, x: Any) -> Any:
    lib.manual_seed(0)
    return lib.nn.RNN(3, 3, nonlinearity="relu")(x.view(2, 2, 3))[0]


def _gradient(lib: Any, f: Callable[[Any, Any], Any], x: np.ndarray[Any, Any], g: float) -> np.ndarray[Any, Any]:
    t = lib.tensor(x, requires_grad=True)
    y = f(lib, t)
    y.backward(lib.full(tuple(y.shape), g))
    return np.array(t.grad.numpy())


@pytest.mark.parametrize("g", [math.inf, -math.inf, math.nan, 1.0])
@pytest.mark.parametrize(("name", "copies"), [*itertools.product(EACH, (1, 200)), *itertools.product(CHOOSE, (1,))])
def test_nothing_comes_of_an_infinite_gradient_where_nothing_goes_through(name: str, copies: int, g: float) -> None:
    """One copy of the edge cases is a small tensor, 200 a large one: they take different ways through the processor."""
    f, x = (EACH[name], np.tile(EDGES, copies)) if name in EACH else (CHOOSE[name], PLAIN)
    if name in OWN_NAN:
        x = x[~np.isnan(x)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(_gradient(ts, f, x, g), _gradient(torch, f, x, g), rtol=1e-5, atol=1e-6)


def test_a_second_gradient_passes_where_the_first_did() -> None:
    x = ts.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    (g,) = ts.autograd.grad((x.relu() ** 3).sum(), x, create_graph=True)
    g.backward(ts.tensor([math.inf, 1.0, 1.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 12.0, 18.0]
