"""PyTorch's op database: what has once agreed with PyTorch still does. The list is `passing.txt`; see CONTRIBUTING.md for how it grows."""

from __future__ import annotations

import importlib.util

import opinfo_lists as lists
import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed: its op database is not compared with", allow_module_level=True)

import opinfo_harness as harness

KNOWN = lists.passing()
QUICK = [(e, [a for a in aspects if a not in lists.DTYPES]) for e, aspects in sorted(KNOWN.items())]
FULL = [(e, a) for e, aspects in sorted(KNOWN.items()) for a in aspects]


@pytest.mark.parametrize(("entry", "aspects"), QUICK, ids=[e for e, _ in QUICK])
def test_agrees_with_pytorch(entry: str, aspects: list[str]) -> None:
    for aspect in aspects:
        assert harness.examine(entry, aspect) > 0, (entry, aspect)


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "aspect"), FULL, ids=[f"{e}-{a}" for e, a in FULL])
def test_agrees_on_all_samples(entry: str, aspect: str) -> None:
    assert harness.examine(entry, aspect, harness.FULL) > 0


def test_the_lists_name_what_exists() -> None:
    database, skip = harness.database(), lists.out_of_scope()
    assert set(KNOWN) <= set(database)
    assert set(skip) <= set(database)
    assert not set(skip) & set(KNOWN), "what is out of scope cannot be claimed"
    assert all(len(reason) > 10 for reason in skip.values()), "every exclusion has its reason"


def test_errors_are_pytorchs_but_for_those_that_are_listed() -> None:
    listed, skip = lists.differing_errors(), lists.out_of_scope()
    differing: set[tuple[str, int, str]] = set()
    n = 0
    for entry, info in harness.database().items():
        if info.error_inputs_func is None or entry in skip:
            continue
        with harness.quiet():
            for nr, how, _ in harness.error_cases(info):
                n += 1
                if how:
                    differing.add((entry, nr, how))
    assert differing - listed == set()
    assert [line for line, why in lists.reasons().items() if not why.strip()] == []
    assert n > 500 and len(listed) < n / 2


def test_a_wrong_op_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness sees a wrong value, a wrong gradient and a wrong name."""
    import tapescope as ts

    monkeypatch.setattr(ts, "sin", lambda x: ts.ops.sin(x) * 1.01)
    with pytest.raises(harness.Disagreement, match="elements differ"):
        harness.examine("sin", "values")
    monkeypatch.setattr(ts, "sin", lambda x: ts.ops.sin(x.detach()) + x * 0)
    harness.examine("sin", "values")
    with pytest.raises(harness.Disagreement, match="gradient 0"):
        harness.examine("sin", "gradients")
    with pytest.raises(harness.Disagreement, match="AddBackward0 instead of SinBackward0"):
        harness.examine("sin", "name")
