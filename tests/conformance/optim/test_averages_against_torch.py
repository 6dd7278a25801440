"""Schedules made of others, averages of weights, and initialisations beyond the usual: the same numbers in both libraries."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
BOTH = (ts, torch)

SCHEDULES = [
    "MultiplicativeLR(o, lambda e: 0.9)", "ConstantLR(o, 0.5, 3)", "PolynomialLR(o, 6, 2.0)", "CosineAnnealingWarmRestarts(o, 3, 2, 0.01)", "CyclicLR(o, 0.01, 0.1, 3, 4)",
    "CyclicLR(o, 0.01, 0.1, 3, mode='exp_range', gamma=0.9)", "CyclicLR(o, 0.01, 0.1, 3, mode='triangular2')",
    "SequentialLR(o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)], [4])", "ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)])",
    "SWALR(o, 0.05, 4)", "SWALR(o, 0.05, 4, 'linear')",
]


def rates(lib: Any, source: str, saved_at: int | None = None) -> list[float]:
    o = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.2, momentum=0.9)
    space = {"o": o, "s": lib.optim.lr_scheduler, **vars(lib.optim.lr_scheduler), "SWALR": lib.optim.swa_utils.SWALR}
    schedule = eval(source, space)
    found = []
    for i in range(14):
        found += [schedule.get_last_lr()[0], o.param_groups[0]["lr"], o.param_groups[0]["momentum"]]
        o.step()
        schedule.step()
        if i == saved_at:
            state = schedule.state_dict()
            schedule = eval(source, space)
            schedule.load_state_dict(state)
            o.param_groups[0]["lr"] = state["_last_lr"][0]
    return found


@pytest.mark.parametrize("source", SCHEDULES)
def test_schedules_give_the_same_rates(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (rates(lib, source) for lib in BOTH)
    assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("source", ["CyclicLR(o, 1, 0.1, mode='x')", "SequentialLR(o, [], [])", "ChainedScheduler([])", "ConstantLR(o, 2.0)",
                                    "CosineAnnealingWarmRestarts(o, 0)", "SWALR(o, 0.1, anneal_strategy='x')"])
def test_wrong_schedules_are_refused_in_the_same_words(source: str) -> None:
    errors = []
    for lib in BOTH:
        with pytest.raises((ValueError, TypeError)) as error:
            rates(lib, source)
        errors.append((error.type, str(error.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("options", ["", "avg_fn=u.get_ema_avg_fn(0.9)", "multi_avg_fn=u.get_ema_multi_avg_fn(0.9), use_buffers=True"])
def test_averaged_models(options: str) -> None:
    states = []
    for lib in BOTH:
        rng = np.random.default_rng(0)
        model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4))
        averaged = eval(f"u.AveragedModel(model, {options})", {"u": lib.optim.swa_utils, "model": model})
        for _ in range(4):
            with lib.no_grad():
                for p in model.parameters():
                    p.copy_(lib.tensor(rng.standard_normal(tuple(p.shape)).astype("f4")))
            model(lib.tensor(rng.standard_normal((5, 3)).astype("f4")))
            averaged.update_parameters(model)
        lib.optim.swa_utils.update_bn([lib.tensor(rng.standard_normal((5, 3)).astype("f4")) for _ in range(3)], averaged)
        states.append({k: v.numpy() for k, v in averaged.state_dict().items()})
    assert list(states[0]) == list(states[1])
    for k in states[0]:
        np.testing.assert_allclose(states[0][k], states[1][k], rtol=1e-5, atol=1e-6, err_msg=k)


@pytest.mark.parametrize(("call", "shape"), [("dirac_(t)", (4, 3, 3, 3)), ("dirac_(t, 2)", (4, 2, 5)), ("sparse_(t, 0.4)", (6, 5))])
def test_initialisations(call: str, shape: tuple[int, ...]) -> None:
    made = []
    for lib in BOTH:
        lib.manual_seed(2)
        t = lib.empty(*shape)
        eval("init." + call, {"init": lib.nn.init, "t": t})
        made.append(t.numpy())
    np.testing.assert_allclose(*made, rtol=1e-6)
