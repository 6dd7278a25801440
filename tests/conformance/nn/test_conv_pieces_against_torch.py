"""Convolutions of batches that are computed in pieces, and of short rows, for which the batch is moved behind: PyTorch's values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.ops import conv

torch = pytest.importorskip("torch")

# shape of the input, of the weight, and how; with whether there are several pieces, and whether the batch is moved behind
SHAPES: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any], bool, bool]] = [
    ("conv2d", (21, 8, 14, 14), (16, 8, 5, 5), {}, True, True),
    ("conv2d", (21, 8, 14, 14), (16, 8, 5, 5), {"padding": 1}, True, True),
    ("conv2d", (40, 8, 14, 14), (8, 4, 5, 5), {"groups": 2, "padding": 2, "stride": (1, 2)}, True, True),
    ("conv2d", (9, 8, 12, 12), (4, 8, 3, 3), {"dilation": 2}, False, True),
    ("conv2d", (7, 8, 40, 40), (4, 8, 3, 3), {"padding": 1}, True, False),
    ("conv2d", (7, 8, 40, 40), (4, 4, 3, 3), {"groups": 2, "stride": 2}, True, False),
    ("conv1d", (40, 16, 64), (8, 16, 9), {"padding": 4, "stride": 2}, True, True),
    ("conv3d", (9, 4, 8, 8, 8), (4, 4, 3, 3, 3), {}, True, True),
    ("conv_transpose2d", (21, 16, 10, 10), (16, 8, 5, 5), {}, True, True),
    ("conv_transpose2d", (21, 16, 10, 10), (16, 4, 3, 3), {"groups": 2, "stride": 2, "padding": 1, "output_padding": 1}, True, False),
]


@pytest.mark.parametrize(("name", "shape", "weight", "how", "pieces", "behind"), SHAPES)
def test_a_batch_in_pieces_is_a_batch(name: str, shape: tuple[int, ...], weight: tuple[int, ...], how: dict[str, Any], pieces: bool, behind: bool,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plan = conv._pieces

    def watched(*args: Any) -> Any:
        asked.append(plan(*args))
        return asked[-1]

    monkeypatch.setattr(conv, "_pieces", watched)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(shape), rng.standard_normal(weight)
    b = rng.standard_normal(weight[1] * how.get("groups", 1) if "transpose" in name else weight[0])
    found = []
    for lib in (ts, torch):
        given = [lib.tensor(a, requires_grad=True) for a in (x, w, b)]
        y = getattr(lib.nn.functional, name)(*given, **how)
        (y * lib.linspace(-1, 1, y.numel(), dtype=lib.float64).reshape(y.shape)).sum().backward()
        found.append([y.detach().numpy(), *[t.grad.numpy() for t in given]])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    assert len(asked) == 3, "forward, and the gradients at input and weight"
    assert any(len(parts) > 1 for parts, _ in asked) == pieces
    assert any(last for _, last in asked) == behind
