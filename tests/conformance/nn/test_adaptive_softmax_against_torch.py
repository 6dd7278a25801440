"""AdaptiveLogSoftmaxWithLoss against PyTorch's: weights of a seed, outputs, gradients, predictions, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch")

CASES: list[dict[str, Any]] = [
    {"cutoffs": [5], "targets": [0, 4, 5, 11, 2]},
    {"cutoffs": [2, 6, 9], "targets": [0, 1, 2, 5, 6, 8, 9, 11], "head_bias": True, "div_value": 2.0},
    {"cutoffs": [2, 6], "targets": [1, 0, 1]},
    {"cutoffs": [2, 6], "targets": 7},
]


@pytest.mark.parametrize("case", CASES)
def test_it_computes_what_pytorchs_does(case: dict[str, Any]) -> None:
    how = {k: v for k, v in case.items() if k not in ("cutoffs", "targets")}
    targets = np.array(case["targets"])
    x = np.random.default_rng(0).standard_normal((*targets.shape, 16)).astype(np.float32)
    found = []
    for lib in (ts, torch):
        lib.manual_seed(0)
        model = lib.nn.AdaptiveLogSoftmaxWithLoss(16, 12, case["cutoffs"], **how)
        t = lib.tensor(x, requires_grad=True)
        output, loss = model(t, lib.tensor(targets))
        loss.backward()
        rows = t.detach().reshape(-1, 16)
        found.append([repr(model), output.detach().numpy(), loss.item(), t.grad.numpy(), model.log_prob(rows).detach().numpy(), model.predict(rows).numpy(),
                      *[None if p.grad is None else p.grad.numpy() for p in model.parameters()]])
    (ours_repr, *ours), (theirs_repr, *theirs) = found
    assert ours_repr == theirs_repr
    for a, b in zip(ours, theirs, strict=True):
        if b is None:                                       # a tail that no target asks
            assert a is None
        else:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arguments", [(16, 12, []), (16, 12, [6, 2]), (16, 12, [2, 2]), (16, 12, [0, 3]), (16, 12, [3, 12]), (16, 12, [2.5])])
def test_cutoffs_that_cannot_be(arguments: tuple[Any, ...]) -> None:
    for lib in (ts, torch):
        with pytest.raises(ValueError, match="cutoffs should be a sequence of"):
            lib.nn.AdaptiveLogSoftmaxWithLoss(*arguments)


@pytest.mark.parametrize(("shape", "targets", "match"), [
    ((3, 16), [0, 12, 1], "Target values should be in"), ((3, 16), [0, -1, 1], "Target values should be in"), ((3, 16), [0, 1], "same size in the batch"),
    ((1,), [1], "expects 2D input"), ((3, 16), 1, "expects 1D input"), ((3, 16), [[1, 2, 3]], "multi-target not supported"),
])
def test_targets_that_cannot_be(shape: tuple[int, ...], targets: Any, match: str) -> None:
    for lib in (ts, torch):
        model = lib.nn.AdaptiveLogSoftmaxWithLoss(16, 12, [4, 8])
        with pytest.raises(RuntimeError, match=match):
            model(lib.zeros(shape), lib.tensor(targets))
