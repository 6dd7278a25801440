"""Views, in-place changes and backward passes in any order: Tapescope and PyTorch go through the same steps and must stay alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is nothing to go the same steps")

Step = Callable[[Any], Any]
VIEWS: dict[str, Step] = {
    "t": lambda x: x.t(), "first row": lambda x: x[0], "last column": lambda x: x[..., -1], "flat": lambda x: x.view(-1), "every other": lambda x: x[::2],
    "transpose": lambda x: x.transpose(0, -1), "unsqueeze": lambda x: x.unsqueeze(0), "squeeze": lambda x: x.squeeze(), "narrow": lambda x: x.narrow(0, 0, 1),
    "detach": lambda x: x.detach(), "diagonal": lambda x: x.diagonal(), "expand": lambda x: x.expand(2, *x.shape),
    "view_as": lambda x: x.view_as(x), "reshape": lambda x: x.reshape(-1),
}
CHANGES: dict[str, Step] = {
    "mul_": lambda x: x.mul_(1.5), "add_": lambda x: x.add_(0.25), "sin_": lambda x: x.sin_(), "zero_": lambda x: x.zero_(), "exp_": lambda x: x.clamp_(max=1).exp_(),
    "fill_": lambda x: x.fill_(0.5), "neg_": lambda x: x.neg_(), "sigmoid_": lambda x: x.sigmoid_(), "clamp_": lambda x: x.clamp_(-1, 1), "detach_": lambda x: x.detach_(),
    "set first": lambda x: x.__setitem__(0, 0.75), "set some": lambda x: x.__setitem__(x.detach() > 0.5, -0.5), "square": lambda x: x.pow_(2),
}
MAKERS: dict[str, Step] = {
    "exp": lambda x: x.exp().clamp(max=3), "mul self": lambda x: x * x, "sum": lambda x: x.sum(0, keepdim=True), "sin": lambda x: x.sin(), "clone": lambda x: x.clone(),
    "relu": lambda x: x.relu(), "sigmoid": lambda x: x.sigmoid(), "half": lambda x: x * 0.5,
}
MIXED: dict[str, Callable[[Any, Any], Any]] = {
    "mul_": lambda x, y: x.mul_(y), "add_": lambda x, y: x.add_(y), "copy_": lambda x, y: x.copy_(y), "set row": lambda x, y: x.__setitem__(0, y), "mul": lambda x, y: x * y,
    "sub_": lambda x, y: x.sub_(y, alpha=0.5), "where": lambda x, y: x.where(x.detach() > 0, y), "set part": lambda x, y: x.__setitem__((Ellipsis, slice(1)), y),
}


class Both(RuleBasedStateMachine):
    """Pairs (ours, theirs) that have gone through the same steps."""

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        a = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
        b = np.random.default_rng(seed + 9).standard_normal(4).astype(np.float32)
        self.leaves = [(ts.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)) for x in (a, b)]
        self.pairs = [*self.leaves, *((p * 1, q * 1) for p, q in self.leaves), (ts.zeros(3, 4), torch.zeros(3, 4))]

    def both(self, f: Callable[..., Any], *numbers: int) -> None:
        """One step; both must succeed, or fail with the same type of error. Ours may go on where PyTorch has overwritten what its backward needs: in place, an op keeps its
        own result."""
        chosen = [self.pairs[n % len(self.pairs)] for n in numbers]
        outcome: list[Any] = []
        for side in (0, 1):
            try:
                outcome.append(f(*[c[side] for c in chosen]))
            except Exception as e:
                outcome.append(e)
        mine, theirs = outcome
        if isinstance(theirs, RuntimeError) and "modified by an inplace operation" in str(theirs) and not isinstance(mine, Exception):
            for p, q in self.leaves:
                p.grad = q.grad = None
            return
        assert isinstance(mine, Exception) == isinstance(theirs, Exception), (mine, theirs)
        if isinstance(theirs, Exception):
            assert type(mine) is type(theirs), (mine, theirs)
        elif mine is not None and not any(mine is p for p, _ in self.pairs) and theirs.numel() <= 200 and len(self.pairs) < 14:
            self.pairs.append((mine, theirs))

    @rule(n=st.integers(0, 30), how=st.sampled_from(sorted(VIEWS)))
    def view(self, n: int, how: str) -> None:
        self.both(VIEWS[how], n)

    @rule(n=st.integers(0, 30), how=st.sampled_from(sorted(CHANGES)))
    def change(self, n: int, how: str) -> None:
        self.both(CHANGES[how], n)

    @rule(n=st.integers(0, 30), how=st.sampled_from(sorted(CHANGES)))
    def change_unrecorded(self, n: int, how: str) -> None:
        def quietly(x: Any) -> Any:
            with (ts if isinstance(x, ts.Tensor) else torch).no_grad():
                return CHANGES[how](x)
        if how != "detach_":
            self.both(quietly, n)

    @rule(n=st.integers(0, 30), how=st.sampled_from(sorted(MAKERS)))
    def make(self, n: int, how: str) -> None:
        self.both(MAKERS[how], n)

    @rule(n=st.integers(0, 30), m=st.integers(0, 30), how=st.sampled_from(sorted(MIXED)))
    def mix(self, n: int, m: int, how: str) -> None:
        if n % len(self.pairs) != m % len(self.pairs):
            self.both(MIXED[how], n, m)

    @rule(n=st.integers(0, 30))
    def backward(self, n: int) -> None:
        self.both(lambda x: (x * x).sum().backward(retain_graph=True), n)
        for p, q in self.leaves:
            assert (p.grad is None) == (q.grad is None)
            if q.grad is not None:
                np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=2e-4, atol=1e-4)

    @invariant()
    def alike(self) -> None:
        for p, q in getattr(self, "pairs", ()):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=2e-5, atol=1e-5)
            assert tuple(p.shape) == tuple(q.shape)
            assert (p.requires_grad, p.is_leaf, p._version) == (q.requires_grad, q.is_leaf, q._version), (p, q)
            assert (p.grad_fn is None) == (q.grad_fn is None)


def test_what_unbind_and_split_give_is_the_same_memory() -> None:
    for lib in (ts, torch):
        x = lib.arange(4.0)
        parts = (*x.unbind(0), *x.split(2), *x.view(2, 2).unbind(1))
        x.mul_(10)
        assert [p.tolist() for p in parts] == [0.0, 10.0, 20.0, 30.0, [0.0, 10.0], [20.0, 30.0], [0.0, 20.0], [10.0, 30.0]]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(("examples", "steps"), [pytest.param(40, 14, id="quick"), pytest.param(2000, 25, id="long", marks=pytest.mark.slow)])
def test_views_and_changes(examples: int, steps: int) -> None:
    run_state_machine_as_test(Both, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
                                                      suppress_health_check=list(HealthCheck)))
