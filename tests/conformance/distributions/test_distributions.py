"""Every distribution against PyTorch's: densities, samples, entropies, divergences, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

NORMAL = "d.Normal(torch.tensor([0.0, 1.5]), torch.tensor([1.0, 0.3]))"
CASES = {
    "normal": (NORMAL, "torch.tensor([0.3, 2.0])"), "lognormal": ("d.LogNormal(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.3]))", "torch.tensor([0.3, 2.0])"),
    "laplace": ("d.Laplace(torch.tensor([0.0, 1.5]), 0.5)", "torch.tensor([0.3, 2.0])"), "uniform": ("d.Uniform(torch.tensor([0.0, -1.0]), 2.5)", "torch.tensor([0.3, 2.0])"),
    "exponential": ("d.Exponential(torch.tensor([0.5, 2.0]))", "torch.tensor([0.3, 2.0])"), "bernoulli": ("d.Bernoulli(torch.tensor([0.2, 0.7]))", "torch.tensor([1.0, 0.0])"),
    "bernoulli logits": ("d.Bernoulli(logits=torch.tensor([0.2, -3.0]))", "torch.tensor([1.0, 0.0])"),
    "categorical": ("d.Categorical(torch.tensor([[0.2, 0.7, 1.0], [1.0, 0.0, 3.0]]))", "torch.tensor([1, 2])"),
    "categorical logits": ("d.Categorical(logits=torch.tensor([0.2, -0.7, 1.0]))", "torch.tensor([1, 2, 0])"),
    "independent": (f"d.Independent({NORMAL}, 1)", "torch.tensor([0.3, 2.0])"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_distribution_says(name: str, says_the_same: Callable[[str], None]) -> None:
    made, value = CASES[name]
    asked = "mean variance stddev mode entropy() perplexity() batch_shape event_shape support has_rsample has_enumerate_support arg_constraints.keys()".split()
    program = f"d = torch.distributions\np, x = {made}, {value}\nsay(p)\nsay(p.log_prob(x), p.log_prob(x[:1]) if p.batch_shape != () or not p.event_shape else 0)\n"
    for a in asked:
        program += f"try: say({a!r}, p.{a})\nexcept NotImplementedError: say('none')\n"
    for f in ("cdf(x)", "icdf(torch.tensor([0.1, 0.9]))", "enumerate_support()", "enumerate_support(False)", "probs", "logits"):
        if not (name.startswith(("normal", "lognormal", "independent")) and f.startswith("icdf")):          # they need erfinv
            program += f"try: say(p.{f})\nexcept (NotImplementedError, AttributeError): say('none')\n"
    program += "say(p.expand(torch.Size([3, *p.batch_shape])).log_prob(x).shape, p.expand((3, *p.batch_shape)).entropy())\n"
    says_the_same(program)


@pytest.mark.parametrize("name", [n for n in CASES if n != "exponential" and "bernoulli" not in n and "categorical" not in n])
def test_seeded_samples_are_pytorchs(name: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(f"d = torch.distributions\np = {CASES[name][0]}\nsay(p.sample(), p.sample((2,)), p.sample(torch.Size([3, 5])))\n"
                  "if p.has_rsample: say(p.rsample((4,)))")


@pytest.mark.parametrize("name", [n for n in CASES if "categorical" not in n and "bernoulli" not in n and n != "exponential"])
def test_samples_carry_gradients(name: str, says_the_same: Callable[[str], None]) -> None:
    made = CASES[name][0].replace("torch.tensor([", "leaf([")
    says_the_same(f"d = torch.distributions\nleaves = []\ndef leaf(x): t = torch.tensor(x, requires_grad=True); leaves.append(t); return t\np = {made}\n"
                  "(p.rsample((3,)) ** 2).sum().backward()\nfor t in leaves: say(t.grad)\n"
                  f"p.log_prob({CASES[name][1]}).sum().backward()\nfor t in leaves: say(t.grad)\nassert not p.sample().requires_grad")


def test_exponential_samples_have_their_mean() -> None:
    import tapescope as ts

    ts.manual_seed(0)
    rate = ts.tensor([0.5, 2.0], requires_grad=True)
    drawn = ts.distributions.Exponential(rate).rsample((20000,))
    assert abs(drawn.mean(0) * rate - 1).max() < 0.03 and drawn.min() >= 0
    drawn.mean(0).sum().backward()
    assert ts.allclose(rate.grad, -1 / rate.detach() ** 2, rtol=0.05)


def test_classes_are_drawn_as_often_as_they_should() -> None:
    import tapescope as ts

    ts.manual_seed(0)
    probs = ts.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    drawn = ts.distributions.Categorical(probs).sample((20000,))
    assert drawn.shape == (20000, 2) and drawn.dtype is ts.int64
    assert all(abs((drawn == k).double().mean(0) - probs[:, k]).max() < 0.02 for k in range(3))
    bits = ts.distributions.Bernoulli(logits=ts.tensor([0.0, -2.0])).sample((20000,))
    assert abs(bits.mean(0) - ts.tensor([0.5, 0.1192])).max() < 0.02 and set(bits.reshape(-1).tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("p", "q"), [
    (NORMAL, "d.Normal(0.5, 2.0)"), ("d.LogNormal(torch.tensor(0.0), 1.0)", "d.LogNormal(0.5, 2.0)"), ("d.Laplace(torch.tensor([0.0, 3.0]), 1.0)", "d.Laplace(0.5, 2.0)"),
    ("d.Uniform(torch.tensor([0.0, 0.5]), 1.0)", "d.Uniform(torch.tensor([-1.0, 0.7]), 2.0)"), ("d.Exponential(torch.tensor([0.5, 2.0]))", "d.Exponential(torch.tensor(1.5))"),
    ("d.Bernoulli(torch.tensor([0.2, 0.0, 1.0]))", "d.Bernoulli(torch.tensor([0.5, 0.5, 0.0]))"),
    ("d.Categorical(torch.tensor([[0.2, 0.8, 0.0], [0.5, 0.5, 0.0]]))", "d.Categorical(torch.tensor([0.3, 0.0, 0.7]))"),
    (f"d.Independent({NORMAL}, 1)", f"d.Independent({NORMAL.replace('0.3', '0.9')}, 1)"), ("d.Independent(d.Normal(torch.zeros(2), 1.0), 1)", "d.Normal(0.0, 1.0)"),
])
def test_divergences(p: str, q: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(f"d = torch.distributions\nsay(d.kl_divergence({p}, {q}))")


@pytest.mark.parametrize("program", [
    "d.Normal(0.0, -1.0)", "d.Normal(torch.zeros(3), torch.tensor([1.0, 0.0, 2.0]))", "d.Normal(0.0, 1.0).log_prob(1.0)", "d.Normal(torch.zeros(3), 1.0).log_prob(torch.zeros(2))",
    "d.Uniform(1.0, 0.0)", "d.Uniform(0.0, 1.0).log_prob(torch.tensor(2.0))", "d.Exponential(-1.0)", "d.Exponential(1.0).log_prob(torch.tensor([-1.0]))",
    "d.Bernoulli(1.5)", "d.Bernoulli(0.5, 0.5)", "d.Bernoulli()", "d.Bernoulli(0.5).log_prob(torch.tensor(0.5))", "d.Categorical(torch.tensor(1.0))",
    "d.Categorical(torch.tensor([-1.0, 2.0]))", "d.Categorical(torch.ones(3)).log_prob(torch.tensor(3))", "d.Independent(d.Normal(torch.zeros(2), 1.0), 2)",
    "say(d.Normal(0.0, -1.0, validate_args=False).scale)", "d.Normal(0.0, float('nan'))",
])
def test_errors(program: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(f"d = torch.distributions\n{program}")
