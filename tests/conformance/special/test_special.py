"""The special functions at full double precision, against mpmath."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapescope as ts

mp = pytest.importorskip("mpmath", reason="mpmath, which comes with PyTorch, is not installed: nothing is as precise to compare with")

import make_tables  # noqa: E402

from tapescope.ops.special_tables import TABLES  # noqa: E402

S = ts.special
ALL = [-30.5, -6.3, -2.4, -1.0, -0.3, -1e-9, 1e-12, 0.02, 0.4, 0.99, 1.0, 1.47, 2.0, 2.6, 4.4, 5.1, 7.9, 8.1, 9.3, 14.0, 26.0, 90.0]
UP = [x for x in ALL if x > 0]
CASES: list[tuple[str, Any, Any, list[float]]] = [
    ("erf", S.erf, mp.erf, ALL), ("erfc", S.erfc, mp.erfc, [x for x in ALL if x < 20]), ("erfcx", S.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [x for x in ALL if x > -20]),
    ("erfinv", S.erfinv, lambda y: mp.erfinv(y), [-0.999999, -0.7, -1e-10, 0.1, 0.5, 0.9, 0.99999, 1 - 1e-12]),
    ("ndtri", S.ndtri, lambda p: -mp.sqrt(2) * mp.erfinv(1 - 2 * mp.mpf(p)), [1e-40, 1e-9, 0.02, 0.3, 0.5001, 0.8, 0.999]),
    ("log_ndtr", S.log_ndtr, lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), [x for x in ALL if x < 20]),
    ("gammaln", S.gammaln, lambda x: mp.log(abs(mp.gamma(x))), [x for x in ALL if x != -1.0 and x not in (1.0, 2.0)]),
    ("digamma", S.digamma, mp.digamma, [x for x in ALL if x != -1.0]),
    ("polygamma 1", lambda x: S.polygamma(1, x), lambda x: mp.polygamma(1, x), UP), ("polygamma 4", lambda x: S.polygamma(4, x), lambda x: mp.polygamma(4, x), UP),
    ("zeta", lambda x: S.zeta(x + 1, ts.tensor(0.3, dtype=ts.float64)), lambda x: mp.zeta(x + 1, mp.mpf(0.3)), UP[2:]),
    ("gammainc", lambda x: S.gammainc(x + 0.5, x), lambda x: mp.gammainc(x + 0.5, 0, x, regularized=True), UP[1:]),
    ("gammaincc", lambda x: S.gammaincc(x, x + 1), lambda x: mp.gammainc(x, x + 1, regularized=True), UP[1:]),
    ("i0", S.i0, lambda x: mp.besseli(0, x), ALL), ("i1e", S.i1e, lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), ALL),
    ("k0", S.modified_bessel_k0, lambda x: mp.besselk(0, x), UP), ("k1e", S.scaled_modified_bessel_k1, lambda x: mp.exp(x) * mp.besselk(1, x), UP),
    ("j0", S.bessel_j0, mp.j0, ALL), ("j1", S.bessel_j1, mp.j1, ALL), ("y0", S.bessel_y0, lambda x: mp.bessely(0, x), UP), ("y1", S.bessel_y1, lambda x: mp.bessely(1, x), UP),
    ("airy", S.airy_ai, mp.airyai, [x for x in ALL if x < 60]),
]
# zeros, and large phases, are right to a few last digits of 1
ABSOLUTE = {"j0", "j1", "y0", "y1", "airy", "digamma", "gammaln"}


@pytest.mark.parametrize(("name", "ours", "exact", "at"), CASES, ids=[c[0] for c in CASES])
def test_full_double_precision(name: str, ours: Any, exact: Any, at: list[float]) -> None:
    with mp.workdps(120):
        right = np.array([float(exact(mp.mpf(x))) for x in at])
    found = ours(ts.tensor(at, dtype=ts.float64)).numpy()
    error = np.abs(found - right) / np.maximum(np.abs(right), 1.0 if name in ABSOLUTE else 0.0)
    worst = int(error.argmax())
    assert error.max() < 1e-14, f"{name}({at[worst]}) is {found[worst]!r}, not {right[worst]!r}"


@pytest.mark.parametrize("name", ["lgamma_2", "erfcx", "digamma_far"])
def test_the_tables_are_what_the_script_writes(name: str) -> None:
    for ours, again in zip(TABLES[name], make_tables.FITS[name](), strict=True):
        assert ours[:2] == again[:2]
        np.testing.assert_allclose(ours[2], again[2], rtol=1e-12, atol=1e-30)


def test_any_shape_type_and_place() -> None:
    x = ts.tensor([[0.5, 1.5], [2.5, 40.0]])
    assert ts.lgamma(x).dtype is ts.float32
    assert ts.lgamma(x.t()).shape == (2, 2)
    assert ts.lgamma(x.t())[0, 1].item() == ts.lgamma(x)[1, 0].item()
    assert ts.lgamma(ts.tensor([3])).dtype is ts.float32
    assert ts.lgamma(x.half()).dtype is ts.float16
    y = x.clone()
    assert y.lgamma_() is y
    np.testing.assert_array_equal(y.numpy(), ts.lgamma(x).numpy())
    big = ts.rand(100_000, dtype=ts.float64) * 12              # more than one block
    np.testing.assert_array_equal(ts.digamma(big).numpy()[70_000:], ts.digamma(big[70_000:]).numpy())
    assert ts.erfinv(ts.empty(0, 3)).shape == (0, 3)


def test_ends_and_what_lies_outside() -> None:
    ends = ts.tensor([0.0, float("inf"), -float("inf"), float("nan")], dtype=ts.float64)
    assert str(ts.erfc(ends).tolist()) == "[1.0, 0.0, 2.0, nan]"
    assert str(S.ndtri(ts.tensor([0.0, 1.0, -0.1, 2.0])).tolist()) == "[-inf, inf, nan, nan]"
    assert str(ts.lgamma(ts.tensor([-3.0, 0.0])).tolist()) == "[inf, inf]"
    assert str(ts.xlogy(ts.tensor([0.0, 0.0, 2.0]), ts.tensor([0.0, float("nan"), 0.0])).tolist()) == "[0.0, nan, -inf]"
    assert str(S.entr(ends).tolist()) == "[0.0, -inf, -inf, nan]"
    with pytest.raises(RuntimeError, match="does not support negative n"):
        ts.polygamma(-1, ends)
    with pytest.raises(TypeError, match=r"igamma\(\): argument 'other' \(position 2\) must be Tensor, not int"):
        ts.igamma(ends, 2)
    with pytest.raises(NotImplementedError, match="derivative for aten::special_airy_ai is not implemented"):
        S.airy_ai(ts.ones(2, requires_grad=True)).sum().backward()
