"""Every distribution against PyTorch's: densities, samples, entropies, divergences, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapescope as ts

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
    ts.manual_seed(0)
    rate = ts.tensor([0.5, 2.0], requires_grad=True)
    drawn = ts.distributions.Exponential(rate).rsample((20000,))
    assert abs(drawn.mean(0) * rate - 1).max() < 0.03 and drawn.min() >= 0
    drawn.mean(0).sum().backward()
    assert ts.allclose(rate.grad, -1 / rate.detach() ** 2, rtol=0.05)


def test_classes_are_drawn_as_often_as_they_should() -> None:
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


# ---- what needs gamma functions, factors of matrices, or counts ------------------------------------------------------------------------------

MORE = {
    "gamma": "d.Gamma(t.tensor([0.3, 1.0, 5.0, 40.0]), t.tensor([1.0, 2.0, 0.5, 3.0]))", "chi2": "d.Chi2(t.tensor([1.0, 4.0]))", "beta": "d.Beta(t.tensor([0.5, 2.0, 30.0]), t.tensor([0.7, 5.0, 3.0]))",
    "beta of numbers": "d.Beta(0.5, 2.0)", "dirichlet": "d.Dirichlet(t.tensor([[0.5, 2.0, 3.0], [10.0, 20.0, 0.3]]))", "student": "d.StudentT(t.tensor([2.5, 7.0]), 1.0, 2.0)",
    "multivariate": "d.MultivariateNormal(t.tensor([1.0, -1.0]), t.tensor([[2.0, 0.5], [0.5, 1.0]]))",
    "multivariate by precision": "d.MultivariateNormal(t.zeros(3, 2), precision_matrix=t.tensor([[2.0, 0.5], [0.5, 1.0]]))",
    "multivariate by factor": "d.MultivariateNormal(t.zeros(2), scale_tril=t.tensor([[[2.0, 0.0], [0.5, 1.0]], [[1.0, 0.0], [0.0, 3.0]]]))",
    "poisson": "d.Poisson(t.tensor([0.0, 0.5, 4.0, 30.0, 200.0]))", "geometric": "d.Geometric(t.tensor([0.2, 0.7]))", "geometric logits": "d.Geometric(logits=t.tensor([0.2, -0.7]))",
    "binomial": "d.Binomial(10, t.tensor([0.2, 0.7]))", "binomial of many": "d.Binomial(100, t.tensor([0.3, 0.9]))", "binomial logits": "d.Binomial(4, logits=t.tensor([0.2, -3.0]))",
    "multinomial": "d.Multinomial(5, t.tensor([[0.2, 0.3, 0.5], [1.0, 1.0, 0.0]]))", "one hot": "d.OneHotCategorical(t.tensor([[0.2, 0.3, 0.5], [1.0, 1.0, 2.0]]))",
    "straight through": "d.OneHotCategoricalStraightThrough(t.tensor([0.2, 0.3, 0.5]))",
}
ASKED = ("sample() sample((2,)) sample((3,5)) mean mode variance stddev entropy() log_prob(p.sample()) log_prob(p.sample((4,))) support batch_shape event_shape has_rsample "
         "enumerate_support() enumerate_support(False) cdf(p.sample()) expand((2,)+tuple(p.batch_shape)).log_prob(p.sample()) __repr__() covariance_matrix precision_matrix "
         "scale_tril logits probs arg_constraints.keys()").split()


def _pair(f: Any) -> list[Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    found: list[Any] = []
    for lib in (ts, torch):
        lib.manual_seed(3)
        try:
            found.append(f(lib, lib.distributions))
        except (NotImplementedError, AttributeError, ValueError) as error:
            found.append(f"{type(error).__name__}: {error}" if isinstance(error, ValueError) else type(error).__name__)
    return found


def _close(a: Any, b: Any, rtol: float = 2e-4) -> None:
    if isinstance(a, ts.Tensor) and not isinstance(b, str):
        assert a.shape == tuple(b.shape) and str(a.dtype) == str(b.dtype)
        assert np.allclose(a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=1e-5, equal_nan=True)
    else:
        assert str(a) == str(b)


@pytest.mark.parametrize("name", MORE)
def test_another_distribution_is_pytorchs_with_its_samples(name: str) -> None:
    for asked in ASKED:
        _close(*_pair(lambda t, d, asked=asked: eval("p." + asked, {"p": eval(MORE[name], {"t": t, "d": d}), "t": t})))


@pytest.mark.parametrize("made", [
    "d.Gamma(leaf([0.05, 0.3, 1.0, 5.0, 40.0, 300.0]), leaf([1.0, 1.0, 2.0, 0.5, 3.0, 2.0]))", "d.Beta(leaf([0.5, 2.0, 30.0, 0.1]), leaf([0.7, 5.0, 3.0, 0.2]))",
    "d.Dirichlet(leaf([[0.5, 2.0, 3.0], [10.0, 20.0, 0.3]]))", "d.StudentT(leaf([2.5, 7.0]), leaf([1.0, 1.0]), leaf([2.0, 3.0]))", "d.Chi2(leaf([2.5, 7.0]))",
    "d.MultivariateNormal(leaf([1.0, -1.0]), leaf([[2.0, 0.5], [0.5, 1.0]]))", "d.OneHotCategoricalStraightThrough(leaf([0.2, 0.3, 0.5]))",
])
def test_gradients_of_samples_and_densities(made: str) -> None:
    """Of samples within the accuracy of PyTorch's approximations, which are of three or four digits."""
    def grads(t: Any, d: Any, of: str) -> list[Any]:
        leaves: list[Any] = []

        def leaf(x: Any) -> Any:
            leaves.append(t.tensor(x, requires_grad=True))
            return leaves[-1]

        p = eval(made, {"leaf": leaf, "d": d})
        (p.rsample((6,)) ** 2).sum().backward() if of == "samples" else p.log_prob(p.sample((3,))).sum().backward()
        return [leaf.grad.numpy() for leaf in leaves]

    for of, rtol in (("samples", 5e-3), ("densities", 1e-3)):
        ours, theirs = _pair(lambda t, d, of=of: grads(t, d, of))
        for a, b in zip(ours, theirs, strict=True):
            assert np.allclose(a, b, rtol=rtol, atol=1e-4 * np.abs(b).max() + 1e-6), (of, a, b)


def test_slopes_of_samples_are_those_of_the_distribution_function() -> None:
    """dx/da at a fixed share: by SciPy's inverse distribution functions, to eight digits."""
    from tapescope.distributions import draws

    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed: there are no inverse distribution functions")
    share = np.array([0.01, 0.3, 0.8, 0.99])
    for a in (0.3, 1.5, 20.0):
        h = 1e-5 * a
        x = stats.gamma.ppf(share, a)
        slope = (stats.gamma.ppf(share, a + h) - stats.gamma.ppf(share, a - h)) / (2 * h)
        assert np.allclose(draws.gamma_slope(np.full(4, a), x), slope, rtol=1e-6)
        x = stats.beta.ppf(share, a, 2.0)
        slope = (stats.beta.ppf(share, a + h, 2.0) - stats.beta.ppf(share, a - h, 2.0)) / (2 * h)
        assert np.allclose(draws.beta_slope(x, np.full(4, a), np.full(4, a + 2.0)) * (1 - x), slope, rtol=1e-5)


def test_many_samples_have_their_moments() -> None:
    """More than are drawn one by one in PyTorch's order."""
    d = ts.distributions
    for p in (d.Gamma(ts.tensor([0.4, 3.0]), 2.0), d.Beta(ts.tensor([0.5, 3.0]), 2.0), d.Poisson(ts.tensor([0.7, 30.0])), d.Binomial(40, ts.tensor([0.1, 0.8])), d.Chi2(ts.tensor([3.0, 5.0]))):
        ts.manual_seed(0)
        x = p.sample((20000,))
        assert np.allclose(x.mean(0).numpy(), p.mean.numpy(), rtol=0.03) and np.allclose(x.var(0).numpy(), p.variance.numpy(), rtol=0.08)
        ts.manual_seed(0)
        assert ts.equal(p.sample((20000,)), x)


@pytest.mark.parametrize("pair", [
    "d.Gamma(t.tensor([1.0, 2.0]), 2.0), d.Gamma(t.tensor([3.0, 0.5]), 1.0)", "d.Beta(t.tensor([1.0, 2.0]), 2.0), d.Beta(t.tensor([3.0, 0.5]), 1.0)",
    "d.Dirichlet(t.tensor([1.0, 2.0, 3.0])), d.Dirichlet(t.tensor([2.0, 2.0, 0.5]))", "d.Poisson(t.tensor([1.0, 5.0])), d.Poisson(t.tensor([2.0, 3.0]))",
    "d.MultivariateNormal(t.zeros(2), t.eye(2) * 2), d.MultivariateNormal(t.ones(2), t.tensor([[2.0, 0.5], [0.5, 1.0]]))", "d.Geometric(t.tensor([0.1, 0.5])), d.Geometric(t.tensor([0.2, 0.3]))",
    "d.Binomial(4, t.tensor([0.1, 0.5])), d.Binomial(4, t.tensor([0.2, 0.3]))", "d.OneHotCategorical(t.tensor([0.1, 0.9])), d.OneHotCategorical(t.tensor([0.2, 0.8]))",
    "d.Binomial(4, t.tensor(0.5)), d.Binomial(3, t.tensor(0.5))",
])
def test_more_divergences(pair: str) -> None:
    _close(*_pair(lambda t, d: d.kl_divergence(*eval(f"({pair})", {"t": t, "d": d}))))


@pytest.mark.parametrize("wrong", [
    "d.Gamma(-1.0, 1.0)", "d.Beta(1.0, -1.0)", "d.Dirichlet(t.tensor(1.0))", "d.Dirichlet(t.tensor([-1.0, 1.0]))", "d.Geometric(0.0)", "d.Geometric()", "d.Binomial(3)",
    "d.Binomial(-1, t.tensor(0.5))", "d.Poisson(-1.0)", "d.MultivariateNormal(t.zeros(2))", "d.MultivariateNormal(t.tensor(1.0), t.eye(2))", "d.MultivariateNormal(t.zeros(2), t.ones(2))",
    "d.MultivariateNormal(t.zeros(2), -t.eye(2))", "d.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2, 2))", "d.Poisson(1.0).log_prob(t.tensor(0.5))",
    "d.Binomial(3, t.tensor(0.5)).log_prob(t.tensor(4.0))", "d.Multinomial(2, t.ones(2)).log_prob(t.tensor([2.0, 2.0]))", "d.OneHotCategorical(t.ones(2)).log_prob(t.tensor([1.0, 1.0]))",
    "d.Gamma(1.0, 1.0).log_prob(t.tensor(-1.0))", "d.StudentT(-1.0)", "d.Chi2(-1.0)",
])
def test_more_errors(wrong: str) -> None:
    ours, theirs = _pair(lambda t, d: eval(wrong, {"t": t, "d": d}))
    assert ours == theirs and isinstance(ours, str) and ours.startswith("ValueError")
