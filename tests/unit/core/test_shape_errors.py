"""Errors of shapes: PyTorch's words as they are, and below them the shapes in columns, the place that fails, where each tensor came from, and what fits."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn


def told(run: Callable[[], Any], error: type[Exception] = RuntimeError) -> tuple[str, list[str]]:
    """The first line, and the picture as a terminal shows it."""
    with pytest.raises(error) as caught:
        run()
    shown = "".join(traceback.format_exception_only(caught.value)).rstrip().split("\n")
    assert shown[0] == f"{error.__name__}: {caught.value}"
    return str(caught.value), shown[1:]


def grad(*shape: int) -> Any:
    return (ts.ones(*shape, requires_grad=True) * 2).relu()


CASES: list[tuple[Callable[[], Any], str, list[str], str]] = [
    (lambda: grad(8, 4) + grad(5, 4), "a and b", ["a  [8, 4]", "b  [5, 4]", "    ^"], "with 1 in the marked places"),
    (lambda: grad(3, 4) * grad(4, 3), "b.t()", ["a  [3, 4]", "b  [4, 3]", "    ^  ^"], "b.t() of shape [3, 4]"),
    (lambda: grad(3, 4) - grad(3), "b.unsqueeze", ["a  [3, 4]", "b     [3]", "       ^"], "b.unsqueeze(1) of shape [3, 1]"),
    (lambda: grad(3, 4) @ grad(5, 6), "inner sizes", ["mat1  [3, 4]", "mat2     [5, 6]", "          ^"], "mat2 of shape [4, 6]"),
    (lambda: grad(3, 4) @ grad(5, 4), "transposed", ["mat1  [3, 4]", "mat2     [5, 4]", "          ^"], "mat2.t() of shape [4, 5]"),
    (lambda: grad(2, 3, 4) @ grad(5, 6), "folded", ["a  [2, 3, 4]", "b        [5, 6]", "          ^"], "b of shape [4, 6]"),
    (lambda: grad(2, 3, 4) @ grad(5, 4, 3), "batches", ["a  [2, 3, 4]", "b  [5, 4, 3]", "    ^"], "batch axes"),
    (lambda: F.linear(grad(3, 4), grad(2, 5)), "linear", ["input   [3, 4]", "weight  [2, 5]", "            ^"], "Linear(4, 2)"),
    (lambda: grad(3, 4).view(5, -1), "view", ["tensor  [3,  4]", "asked   [5, -1]"], "any shape of 12 elements"),
    (lambda: grad(3, 4).view(6, 3), "view of a size", ["tensor  [3, 4]", "asked   [6, 3]"], "[4, 3], or [6, 2] (12 elements)"),
    (lambda: ts.cat([grad(3, 4), grad(3, 4), grad(2, 4)], 1), "cat", ["tensors[0]  [3, 4]", "tensors[1]  [3, 4]", "tensors[2]  [2, 4]", "             ^"], "dim=0"),
    (lambda: F.conv2d(grad(1, 8, 8, 3), grad(4, 3, 3, 3)), "channels last", ["input   [1, 8, 8, 3]", "weight  [4, 3, 3, 3]", "            ^"], "input.permute(0, 3, 1, 2)"),
    (lambda: grad(3, 4).expand(4, 3), "expand", ["tensor  [3, 4]", "target  [4, 3]", "         ^  ^"], "tensor.permute(1, 0)"),
]


@pytest.mark.parametrize(("run", "picture", "fits"), [c[:1] + c[2:] for c in CASES], ids=[c[1] for c in CASES])
def test_the_picture(run: Callable[[], Any], picture: list[str], fits: str) -> None:
    _, lines = told(run)
    rows = [re.sub(r" +from .*", "", line.removeprefix("  ")) for line in lines]
    assert rows[:len(picture)] == picture
    assert fits in lines[-1] and lines[-1].startswith("  would fit: ")
    assert sum("from relu (" in line and "test_shape_errors.py" in line for line in lines) == sum("[" in p and not p.startswith(("asked", "target")) for p in picture)


def test_the_loss_and_its_target() -> None:
    words, lines = told(lambda: F.cross_entropy(ts.randn(8, 5, 10), ts.zeros(8, 5, dtype=ts.int64)), ValueError)
    assert words == "Expected input batch_size (8) to match target batch_size (8)."
    assert "input.view(-1, 10) with target.view(-1)" in lines[-1]


def test_names_of_axes_and_of_parameters() -> None:
    x = ts.name_axes(ts.randn(8, 4), "batch", "feature")
    _, lines = told(lambda: x + ts.ones(5, 4))
    assert lines[0].split("   ")[0] == "  a  [batch 8, feature 4]"
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(6, 2))
    with ts.record(), pytest.raises(RuntimeError) as caught:
        net(x)
    assert "the parameter 2.weight" in caught.value.__notes__[0] and "from relu" in caught.value.__notes__[0]


def test_what_a_recording_knows_of_tensors_without_gradients() -> None:
    with ts.record(), ts.no_grad():
        x = ts.ones(3, 4)
        y = x * 2
        _, lines = told(lambda: y + ts.ones(3, 5))
    assert "from mul (" in lines[0] and "y = x * 2" in lines[0]


def test_in_place_and_mixed_dtypes_are_drawn_with_their_tensors_too() -> None:
    _, lines = told(lambda: grad(3, 4).double() + grad(5, 4))
    assert "from to_copy" in lines[0] and "from relu" in lines[1]
    _, lines = told(lambda: ts.ones(3, 4).mul_(grad(5, 4)))
    assert "from relu" in lines[1]


def test_errors_that_are_caught_cost_no_text_of_their_own() -> None:
    """`str` of the exception is PyTorch's first line and nothing else."""
    words, _ = told(lambda: grad(8, 4) + grad(5, 4))
    assert words == "The size of tensor a (8) must match the size of tensor b (5) at non-singleton dimension 0"
