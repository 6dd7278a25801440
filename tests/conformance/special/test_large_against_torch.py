"""Every op on a million numbers takes at most five times PyTorch's time, or `REASONS` says in words why not."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("torch")

from tests.benchmarks import large


def test_reasons_are_those_of_ops_that_are_measured() -> None:
    assert set(large.REASONS) <= set(large.cases())
    assert all(len(reason.split()) > 1 for reason in large.REASONS.values())


@pytest.mark.slow
def test_no_op_takes_more_than_five_times_as_long_without_a_reason() -> None:
    import torch

    import tapescope as ts

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ts.set_num_threads(1)
    ours, theirs = large.Inputs(ts), large.Inputs(torch)
    slow = {}
    try:
        with warnings.catch_warnings(), torch.no_grad(), ts.no_grad():
            warnings.simplefilter("ignore")
            for name, f in large.cases().items():
                if name in large.REASONS:
                    f(ts, ours)                             # it must work all the same
                    continue
                for seconds in (0.02, 0.2, 0.4):            # what looks slow is measured again: other work disturbs short times
                    a, b = large.ratio(f, ours, theirs, seconds)
                    if a <= large.LIMIT * b or a <= 1e-4:
                        break
                else:
                    slow[name] = f"{a / b:.1f}"
    finally:
        torch.set_num_threads(threads)
    assert slow == {}
