"""Names of axes: given to a few tensors, carried along by what ops do to shapes, and shown wherever tensors are."""

from __future__ import annotations

from typing import Any

import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn


def names(t: Any) -> Any:
    """The names of a tensor that is about to be given its gradient."""
    dbg = ts.debug(t, gradient=ts.ones(t.shape))
    return dbg.axes.of(dbg._pass.order[0])


def x() -> Any:
    return ts.name_axes(ts.randn(2, 5, 8, requires_grad=True), "batch", "token", "feature")


@pytest.mark.parametrize(("run", "expected"), [
    (lambda t: t * 2 + 1, ("batch", "token", "feature")),
    (lambda t: t + ts.ones(8), ("batch", "token", "feature")),
    (lambda t: t.transpose(1, 2), ("batch", "feature", "token")),
    (lambda t: t.permute(2, 0, 1), ("feature", "batch", "token")),
    (lambda t: t.mT.relu(), ("batch", "feature", "token")),
    (lambda t: t.sum(1), ("batch", "feature")),
    (lambda t: t.mean(-1, keepdim=True), ("batch", "token", None)),
    (lambda t: t.max(2).values, ("batch", "token")),
    (lambda t: t.view(10, 8), ("batch·token", "feature")),
    (lambda t: t.view(10, 8).relu().view(2, 5, 8), ("batch", "token", "feature")),
    (lambda t: t.view(2, 5, 2, 4), ("batch", "token", None, None)),
    (lambda t: F.linear(t, ts.randn(3, 8)), ("batch", "token", None)),
    (lambda t: t @ t.transpose(1, 2), ("batch", "token", None)),
    (lambda t: t[:, 0], ("batch", "feature")),
    (lambda t: t.unsqueeze(0), (None, "batch", "token", "feature")),
    (lambda t: t.softmax(-1), ("batch", "token", "feature")),
])
def test_what_ops_do_to_names(run: Any, expected: tuple[str | None, ...]) -> None:
    assert names(run(x())) == expected


def test_they_are_shown_at_stops_and_in_explanations() -> None:
    ts.manual_seed(0)
    net = nn.Linear(8, 3)
    data = ts.name_axes(ts.randn(2, 5, 8), "batch", "token", "feature")
    dbg = ts.debug(net(data).relu().sum(), module=net)
    dbg.run_to(op="relu")
    text = repr(dbg.at)
    assert "grad in: float32[batch 2, token 5, 3]" in text and "saved result: float32[batch 2, token 5, 3]" in text
    meta, _ = dbg.describe()
    assert meta["at"]["grad_in"][0]["axes"] == ("batch", "token", None)
    b = ts.name_axes(ts.ones(3, requires_grad=True), "head")
    dbg = ts.debug((ts.name_axes(ts.ones(4, 3, requires_grad=True), "batch", "head") + b).sum())
    dbg.step()
    assert dbg.at.rule == "b [head 3] was broadcast to [batch 4, head 3]: its gradient is summed over axis batch"
    assert "shapes:" in repr(dbg.at.explain())


def test_words() -> None:
    with pytest.raises(ValueError, match=r"shape \[2\] has 1 axes, got 2 names"):
        ts.name_axes(ts.ones(2), "a", "b")
    with pytest.raises(TypeError, match="named by a string or None"):
        ts.name_axes(ts.ones(2), 3)                            # type: ignore[arg-type]
