"""Reading and writing by any index: what NumPy and PyTorch agree on and what only PyTorch does, values, gradients and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")

SHAPE = (3, 4, 2)
Index = tuple[Any, ...]


def parts() -> st.SearchStrategy[Any]:
    """One part of an index, as a recipe: arrays become tensors of either library."""
    whole = st.integers(-3, 2)
    ends = st.one_of(st.none(), st.integers(-4, 4))
    return st.one_of(
        st.integers(-4, 4), st.none(), st.just(Ellipsis), st.builds(slice, ends, ends, st.sampled_from([None, 1, 2])), st.booleans(),
        st.lists(whole, min_size=1, max_size=3), st.lists(whole, min_size=0, max_size=4).map(lambda v: np.array(v, np.int64)),
        st.lists(st.lists(whole, min_size=2, max_size=2), min_size=1, max_size=2).map(lambda v: np.array(v, np.int64)),
        st.sampled_from(SHAPE).flatmap(lambda n: st.lists(st.booleans(), min_size=n, max_size=n)).map(lambda v: np.array(v)),
        st.integers(0, 2 ** 12 - 1).map(lambda bits: np.array([bits >> i & 1 for i in range(12)], bool).reshape(3, 4)), whole.map(lambda v: np.array(v, np.int64)))


def made(lib: Any, recipe: Index) -> Any:
    index = tuple(lib.from_numpy(p.copy()) if isinstance(p, np.ndarray) else p for p in recipe)
    return index[0] if len(index) == 1 else index


def outcome(f: Any) -> Any:
    try:
        return f()
    except Exception as e:
        return e


def alike(mine: Any, theirs: Any) -> bool:
    """Whether there are results to compare; both fail with the same type of error otherwise."""
    assert isinstance(mine, Exception) == isinstance(theirs, Exception), (mine, theirs)
    if isinstance(theirs, Exception):
        assert type(mine) is type(theirs), (mine, theirs)
        return False
    return True


EXAMPLES = [pytest.param(150, id="quick"), pytest.param(20000, id="long", marks=pytest.mark.slow)]


def tried(examples: int, check: Any) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(recipe=st.lists(parts(), min_size=1, max_size=4).map(tuple).filter(lambda r: sum(p is Ellipsis for p in r) < 2), seed=st.integers(0, 5))
    def run(recipe: Index, seed: int) -> None:
        check(recipe, np.random.default_rng(seed))

    run()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_reading(examples: int) -> None:
    def check(recipe: Index, rng: np.random.Generator) -> None:
        a = rng.standard_normal(SHAPE).astype(np.float32)
        x, y = ts.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        mine, theirs = outcome(lambda: x[made(ts, recipe)]), outcome(lambda: y[made(torch, recipe)])
        if not alike(mine, theirs):
            return
        np.testing.assert_array_equal(mine.detach().numpy(), theirs.detach().numpy())
        assert mine.stride() == theirs.stride() or mine.numel() <= 1 or any(isinstance(p, (np.ndarray, list, bool)) for p in recipe)
        assert mine.grad_fn.name() == theirs.grad_fn.name()
        w = rng.standard_normal(tuple(theirs.shape)).astype(np.float32)
        (mine * ts.tensor(w)).sum().backward()
        (theirs * torch.tensor(w)).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-5, atol=1e-6)

    tried(examples, check)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_writing(examples: int) -> None:
    def check(recipe: Index, rng: np.random.Generator) -> None:
        a, kind = rng.standard_normal(SHAPE).astype(np.float32), int(rng.integers(4))
        found = outcome(lambda: torch.tensor(a)[made(torch, recipe)].shape)
        shape = tuple(found) if not isinstance(found, Exception) else (2,)
        v = rng.standard_normal({0: (), 1: shape, 2: shape[1:], 3: (1, *shape)}[kind]).astype(np.float32)
        results = []
        for lib in (ts, torch):
            base, value = lib.tensor(a, requires_grad=True), lib.tensor(v, requires_grad=True)
            x = base * 1

            def write(x: Any = x, lib: Any = lib, value: Any = value) -> Any:
                x[made(lib, recipe)] = value
                return x
            results.append((outcome(write), base, value))
        (mine, b, u), (theirs, c, w) = results
        if not alike(mine, theirs):
            return
        unsure = any(isinstance(p, (np.ndarray, list)) and np.asarray(p).dtype.kind == "i" for p in recipe)     # an element written twice: by whom is not said
        if not unsure:
            np.testing.assert_array_equal(mine.detach().numpy(), theirs.detach().numpy())
            (mine * mine).sum().backward()
            (theirs * theirs).sum().backward()
            for p, q in ((b, c), (u, w)):
                if p.grad is None or q.grad is None:        # none is as good as zeros, where nothing was written
                    assert not any(g.any() for g in (p.grad, q.grad) if g is not None)
                else:
                    np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5, atol=1e-6)

    tried(examples, check)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_adding_at_an_index(examples: int) -> None:
    def check(recipe: Index, rng: np.random.Generator) -> None:
        indices = [p for p in recipe if isinstance(p, np.ndarray)]
        if not indices:
            return
        a, v = rng.standard_normal(SHAPE).astype(np.float32), float(rng.standard_normal())
        mine, theirs = (outcome(lambda lib=lib: lib.tensor(a).index_put_(tuple(lib.from_numpy(i.copy()) for i in indices), lib.tensor(v), accumulate=True)) for lib in (ts, torch))
        if alike(mine, theirs):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)

    tried(examples, check)
