"""What makes new tensors writes into `out=` where it is given, and whole numbers are counted in whole steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tapescope as ts


@pytest.mark.parametrize("make", [
    lambda **k: ts.arange(0, 5, **k), lambda **k: ts.linspace(0, 4, 5, **k), lambda **k: ts.full((5,), 3.0, **k), lambda **k: ts.eye(5, **k),
])
def test_into_what_is_given(make: Callable[..., Any]) -> None:
    expected = make(dtype=ts.float64)
    out = ts.zeros(expected.shape, dtype=ts.float64)
    assert make(out=out) is out
    assert out.tolist() == expected.tolist()


def test_a_permutation_into_what_is_given() -> None:
    out = ts.zeros(6, dtype=ts.int64)
    assert ts.randperm(6, out=out) is out
    assert sorted(out.tolist()) == [0, 1, 2, 3, 4, 5]


def test_ranges_of_whole_numbers() -> None:
    assert ts.arange(0.0, -8.000001, -4.0, dtype=ts.int64).tolist() == [0, -4]
    assert ts.linspace(4.3, -3, 8, dtype=ts.int64).tolist() == [4, 3, 2, 1, 0, -1, -2, -3]
    with pytest.raises(ValueError, match="step must be nonzero"):
        ts.arange(0, 64, 0.5, dtype=ts.int64)


def test_whole_numbers_to_negative_powers() -> None:
    base, power = ts.tensor([2, 1, -1, -1, 3, -2]), ts.tensor([-1, -3, -2, -3, 2, -1])
    assert (base ** power).tolist() == [0, 1, 1, -1, 9, 0]


def test_products_with_empty_batches() -> None:
    a, b = ts.zeros(5, 5, 0), ts.zeros(0, 5)
    assert (a @ b).shape == (5, 5, 5)
    assert (ts.zeros(0, 3, 4) @ ts.zeros(4, 2)).shape == (0, 3, 2)
