"""Steps through which gradients flow: the new parameters by the old ones and by the gradients, equal to PyTorch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("made", [
    "optim.SGD([p], lr=0.1, differentiable=True)", "optim.SGD([p], lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1, differentiable=True)",
    "optim.SGD([p], lr=0.1, momentum=0.9, nesterov=True, maximize=True, differentiable=True)", "optim.Adam([p], lr=0.1, differentiable=True)",
    "optim.Adam([p], lr=0.1, betas=(0.8, 0.9), weight_decay=0.1, maximize=True, differentiable=True)", "optim.AdamW([p], lr=0.1, weight_decay=0.2, differentiable=True)",
])
def test_gradients_flow_through_steps(made: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(f"""
w = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
grads = [torch.tensor([0.3, -0.4, 2.0], requires_grad=True), torch.tensor([1.0, 0.2, -0.7], requires_grad=True)]
p = w.clone()
opt = {made}
for g in grads:
    p.grad = g
    opt.step()
def shown(t): say(None if t is None else [round(float(v), 3) for v in t])
shown(p.detach())
(p * p).sum().backward()
shown(w.grad)
for g in grads: shown(g.grad)
""")


def test_who_cannot_says_so() -> None:
    import tapescope as ts

    p = ts.ones(2, requires_grad=True).clone()
    opt = ts.optim.RMSprop([p], differentiable=True)
    p.grad = ts.ones(2)
    with pytest.raises(NotImplementedError, match="supported by SGD, Adam and AdamW, not by RMSprop"):
        opt.step()
