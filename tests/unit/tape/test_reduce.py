"""Reductions against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tapescope.tape import reduce
from tapescope.tape.reduce import BINS, EXACT, MOMENTS, Scratch, edges, energy, histogram, histograms, joined, moments, nonfinite, sample

floats = hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True))


def expected(x: np.ndarray) -> dict[str, float]:
    good = x[np.isfinite(x)].astype("f8")
    some = good.size > 0
    return {"mean": good.mean() if some else math.nan, "std": good.std() if some else math.nan, "min": good.min() if some else math.nan,
            "max": good.max() if some else math.nan, "norm": np.linalg.norm(good) if some else 0, "nan": np.isnan(x).sum(), "inf": np.isinf(x).sum(),
            "zero": (x == 0).sum(), "subnormal": ((np.abs(x) < np.finfo("f4").tiny) & (x != 0)).sum(), "count": x.size}


@settings(max_examples=200, deadline=None)
@given(floats)
def test_moments(x: np.ndarray) -> None:
    found = dict(zip(MOMENTS, moments(x).tolist(), strict=True))
    with np.errstate(all="ignore"):
        scale = float(np.abs(x[np.isfinite(x)]).max(initial=0))
        for name, value in expected(x).items():
            np.testing.assert_allclose(found[name], np.float32(value), rtol=2e-3, atol=1e-6 * scale, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.bool_])
def test_moments_of_other_dtypes(dtype: type) -> None:
    x = (np.random.default_rng(0).standard_normal((20, 30)) * 50).astype(dtype)
    found = dict(zip(MOMENTS, moments(x).tolist(), strict=True))
    np.testing.assert_allclose(found["mean"], x.astype("f8").mean(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["norm"], np.linalg.norm(x.astype("f8")), rtol=1e-4)


def test_moments_of_nothing_and_of_views() -> None:
    assert moments(np.zeros((0, 3), "f4"))[-1] == 0
    x = np.random.default_rng(0).standard_normal((50, 40)).astype("f4")
    np.testing.assert_allclose(moments(x.T), moments(x), rtol=1e-5)
    np.testing.assert_allclose(moments(x[::2, ::3]), moments(x[::2, ::3].copy()), rtol=1e-5)


def test_a_small_spread_beside_a_large_mean_is_not_lost() -> None:
    x = (1000 + 0.01 * np.random.default_rng(0).standard_normal(5000)).astype("f4")
    np.testing.assert_allclose(moments(x)[1], x.astype("f8").std(), rtol=1e-4)
    assert moments(np.full(4096, 0.1, "f4"))[1] == 0


def test_samples_of_large_arrays() -> None:
    x = np.random.default_rng(0).standard_normal((1000, 512)).astype("f4") * np.linspace(0.1, 3, 512, dtype="f4")
    assert x.size > EXACT
    assert sample(x).size <= 8192
    found, whole = moments(x), expected(x)
    np.testing.assert_allclose(found[1], whole["std"], rtol=0.05)
    np.testing.assert_allclose(found[4], whole["norm"], rtol=0.05)
    assert found[9] == x.size
    np.testing.assert_array_equal(moments(x), moments(x))


@settings(max_examples=100, deadline=None)
@given(floats)
def test_histogram_bins(x: np.ndarray) -> None:
    first, counts = histogram(x)
    good = x[np.isfinite(x)]
    assert counts.sum() == good.size
    line = np.zeros(BINS, np.int64)
    line[first:first + len(counts)] = counts
    e = edges().astype("f8")
    for v in good.tolist():
        k = 1024 + (int(np.float32(abs(v)).view(np.uint32)) >> 21) if math.copysign(1, v) > 0 else 1023 - (int(np.float32(abs(v)).view(np.uint32)) >> 21)
        assert line[k] > 0
        assert e[k] <= v <= e[k + 1]


@settings(max_examples=200, deadline=None)
@given(floats)
def test_counting_and_sorting_make_the_same_histogram(x: np.ndarray) -> None:
    (a, counted), (b, by_order) = reduce._counted_bins(x), reduce._sorted_bins(x)
    assert (a, counted.dtype, counted.tolist()) == (b, by_order.dtype, by_order.tolist())


def test_the_faster_way_is_found_once_for_a_size() -> None:
    x = np.random.default_rng(0).standard_normal(EXACT).astype("f4")
    reduce._FASTER.pop(EXACT.bit_length(), None)
    first, counts = histogram(x)
    way = reduce._FASTER[EXACT.bit_length()]
    assert (first, counts.tolist()) == (way(x)[0], way(x)[1].tolist())
    histogram(x[::-1])
    assert reduce._FASTER[EXACT.bit_length()] is way


@settings(max_examples=50, deadline=None)
@given(st.lists(floats, min_size=1, max_size=5))
def test_histograms_at_once_are_those_of_each(parts: list[np.ndarray]) -> None:
    line = np.concatenate(parts)
    lengths = np.array([len(p) for p in parts])
    firsts, widths, counts = histograms(line, np.cumsum(lengths) - lengths, lengths, Scratch(line.size))
    first2, width2, counts2 = joined([histogram(p) for p in parts])
    np.testing.assert_array_equal(counts, counts2)
    np.testing.assert_array_equal(widths, width2)
    np.testing.assert_array_equal(firsts[widths > 0], first2[width2 > 0])


def test_energy_sees_every_element() -> None:
    for shape in ((7,), (3, 5), (300, 300)):
        for bad in (math.nan, math.inf, -math.inf):
            x = np.random.default_rng(0).standard_normal(shape).astype("f4")
            assert math.isfinite(energy(x))
            x.reshape(-1)[x.size // 3] = bad
            for view in (x, x.T, x[..., ::-1], np.asfortranarray(x)):
                assert not math.isfinite(energy(view))
                assert sum(nonfinite(view)) == 1
    assert energy(np.full(3, 300, np.float16)) == 270_000
    assert energy(np.arange(3)) == 0.0
