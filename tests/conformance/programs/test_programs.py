"""Whole programs of the kinds that PyTorch's examples show: each learns, and learns step for step what it learns with PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import images  # noqa: F401
import numpy as np
import others  # noqa: F401
import pytest
import sequences  # noqa: F401
from program import PROGRAMS, same_chance

import tapescope as ts

NAMES = [pytest.param(name, marks=pytest.mark.xdist_group(f"program {name}")) for name in PROGRAMS]


@functools.cache
def ours(name: str) -> tuple[list[float], float]:
    return PROGRAMS[name].run(ts)


@pytest.fixture
def torch() -> Iterator[Any]:
    library = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    threads = library.get_num_threads()
    library.set_num_threads(1)
    yield library
    library.set_num_threads(threads)


def test_there_are_programs_of_many_kinds() -> None:
    assert len(PROGRAMS) >= 15
    assert all(p.at_least is not None or p.at_most is not None for p in PROGRAMS.values())


@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name: str) -> None:
    pytest.importorskip("sklearn")
    losses, score = ours(name)
    assert np.isfinite(losses).all()
    assert PROGRAMS[name].reached(score), f"{name} came to {score:.4g}"


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_what_it_learns_with_pytorch(name: str, torch: Any) -> None:
    """The programs seed themselves: weights, batches, noise and dropout come out of the same generator."""
    pytest.importorskip("sklearn")
    program = PROGRAMS[name]
    if program.chance and not same_chance(torch):
        pytest.skip("on this processor PyTorch draws dropout and choices with MKL's generator, which is nobody else's")
    losses, score = ours(name)
    expected, expected_score = program.run(torch)
    assert len(losses) == len(expected)
    np.testing.assert_allclose(losses[:program.alike], expected[:program.alike], rtol=program.rtol, atol=1e-5)
    assert program.reached(expected_score), f"with PyTorch, {name} came to {expected_score:.4g}"
    assert score == pytest.approx(expected_score, rel=program.score_rtol, abs=1e-3)
