"""Random programs, compiled and as written: the same to the bit, whatever is put together; and each op of the list by its samples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapescope as ts
from tapescope.compiler import compile
from tapescope.compiler.kinds import POINTWISE, SAFE
from tapescope.core.op import table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))
from op_samples import SAMPLES, make

UNARY = "abs exp sin cos tanh sigmoid relu neg square sqrt floor".split()
BINARY = "add sub mul div maximum minimum".split()


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Any], list[tuple[int, ...]], str]:
    """Steps over a growing list of values, the shapes to begin with, and a dtype."""
    rows, columns = draw(st.sampled_from([(1, 1), (3, 4), (2, 7), (1030, 1020)]))
    shapes = [(rows, columns), draw(st.sampled_from([(rows, columns), (columns,), (rows, 1), (), (1, columns)]))]
    steps = []
    for _ in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from(["unary", "unary", "binary", "binary", "number", "sum", "softmax", "t", "where", "cast"]))
        steps.append((kind, draw(st.sampled_from(UNARY)), draw(st.sampled_from(BINARY)), draw(st.integers(0, 30)), draw(st.integers(0, 30)),
                      draw(st.sampled_from([2, -1, 0.5, 3.0, True]))))
    return steps, shapes, draw(st.sampled_from(["float32", "float64", "int64", "float16"]))


def build(steps: list[Any], dtype: Any) -> Any:
    def program(*given: Any) -> Any:
        values = list(given)
        for kind, one, two, i, j, number in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            if kind == "unary":
                a = a.abs() if one == "sqrt" else a
                values.append(getattr(ts, one)(a if one not in ("exp", "square") else a.clamp(-3, 3)))
            elif kind == "binary":
                if a.shape == b.shape[::-1] and a.shape != b.shape:
                    b = b.t()
                values.append(getattr(ts, two)(a, b) if np.broadcast_shapes(a.shape, b.shape) else a)
            elif kind == "number":
                values.append(getattr(ts, two)(a, number) if two in ("add", "sub", "mul", "div") else a * number)
            elif kind == "sum":
                values.append(a.sum(-1, keepdim=True) if a.ndim else a.sum())
            elif kind == "softmax":
                values.append(a.float().softmax(-1) if a.ndim else a.exp())
            elif kind == "t":
                values.append(a.t() + 0 if a.ndim == 2 and a.shape[0] == a.shape[1] else a + 0)
            elif kind == "where":
                values.append(ts.where(a > 0, a, a * 2))
            else:
                values.append(a.double() if dtype != "float64" else a.float())
        return values[-1], values[len(values) // 2] * 1

    return program


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.integers(0, 2**16))
def test_random_programs(made: Any, seed: int) -> None:
    steps, shapes, dtype = made
    written = build(steps, dtype)
    compiled = compile(written)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        args = [ts.from_numpy(np.asarray(rng.standard_normal(s) * 3).astype(dtype)) for s in shapes]
        try:
            want = written(*args)
        except (RuntimeError, ValueError) as error:
            with pytest.raises(type(error)):
                compiled(*args)
            continue
        for g, w in zip(compiled(*args), want, strict=True):
            assert g.dtype == w.dtype and g.shape == w.shape and g.stride() == w.stride()
            np.testing.assert_array_equal(g.numpy(), w.numpy())


@pytest.mark.parametrize("name", sorted(SAFE & set(SAMPLES)))
def test_every_op_that_may_be_captured(name: str) -> None:
    """Its samples, compiled; where an index of unknown origin takes part they run as they are."""
    for fn, inputs in SAMPLES[name]:
        compiled = compile(fn)
        for _ in range(4):
            args = make(inputs)
            with ts.no_grad():
                got, want = compiled(*args), fn(*args)
            for g, w in zip(got, want, strict=True) if isinstance(want, tuple) else ((got, want),):
                assert ts.equal(g, w) and g.stride() == w.stride()


def test_the_lists_name_ops_that_there_are() -> None:
    import tapescope.ops.lazy

    for name in tapescope.ops.lazy.WHERE:
        getattr(ts, name)
    assert set(table) >= SAFE - {"floor_divide"}
    assert POINTWISE < SAFE
    assert not SAFE & {"bernoulli", "normal", "index_put", "copy_slices", "rrelu"}


def test_most_of_the_list_is_really_compiled() -> None:
    done = set()
    for name in sorted(SAFE & set(SAMPLES)):
        for fn, inputs in SAMPLES[name]:
            compiled = compile(fn)
            with ts.no_grad():
                for _ in range(3):
                    compiled(*make(inputs))
            if compiled.compiled_calls:
                done.add(name)
    assert len(done) > 100, sorted((SAFE & set(SAMPLES)) - done)
