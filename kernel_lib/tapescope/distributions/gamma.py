"""The gamma distribution and its relatives: chi-squared, beta, Dirichlet, Student's t."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.tensor import Tensor
from ..ops import as_tensor, log, log1p, normal, ones, rsqrt, stack, tensor, where, zeros
from ..ops.api_embed import one_hot
from ..ops.special_erf import xlogy
from ..ops.special_gamma import digamma, igamma, lgamma
from . import constraints as c
from . import draws
from .distribution import Distribution, together


class Gamma(Distribution):
    r"""p(x) = rate^a x^(a - 1) exp(-rate x) / Γ(a), a being the concentration."""

    arg_constraints = {"concentration": c.positive, "rate": c.positive}
    support = c.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = together(concentration, rate)
        super().__init__(self.concentration.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        """a / rate."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        """(a - 1) / rate, or 0."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        """a / rate²."""
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples that are differentiable in both parameters."""
        shape = self._extended_shape(sample_shape)
        drawn: Tensor = draws.StandardGamma.apply(self.concentration.expand(shape)) / self.rate.expand(shape)
        np.maximum(drawn._array, np.finfo(drawn._array.dtype).tiny, out=drawn._array)
        return drawn

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density."""
        value = as_tensor(value, dtype=self.rate.dtype)
        self._validate_sample(value)
        found: Tensor = xlogy(self.concentration, self.rate) + xlogy(self.concentration - 1, value) - self.rate * value - lgamma(self.concentration)
        return found

    def entropy(self) -> Tensor:
        """a - log rate + log Γ(a) + (1 - a) ψ(a)."""
        a: Any = self.concentration
        found: Tensor = a - log(self.rate) + lgamma(a) + (1.0 - a) * digamma(a)
        return found

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most this value."""
        self._validate_sample(value)
        return igamma(self.concentration, self.rate * value)


class Chi2(Gamma):
    """The sum of `df` squared standard normal numbers."""

    arg_constraints = {"df": c.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)
        if self._validate_args:
            self._validated("df", self.df)

    def expand(self, batch_shape: Any) -> Any:
        """The same distributions, broadcast to a batch shape."""
        return Chi2(self.df.expand(batch_shape), self._validate_args)

    @property
    def df(self) -> Tensor:
        """How many."""
        return self.concentration * 2


class Dirichlet(Distribution):
    r"""p(x) = Γ(Σ a) Π x_i^(a_i - 1) / Γ(a_i) over shares that add up to 1."""

    arg_constraints = {"concentration": c.independent(c.positive, 1)}
    support = c.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    def _parameter_dims(self, name: str) -> int:
        return 1

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples that are differentiable in the concentration."""
        drawn: Tensor = draws.Dirichlet.apply(self.concentration.expand(self._extended_shape(sample_shape)))
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        a = self.concentration
        found: Tensor = xlogy(a - 1.0, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)
        return found

    @property
    def mean(self) -> Tensor:
        """a / Σ a."""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / Σ (a - 1); a corner where all are below 1."""
        less = (self.concentration - 1).clamp(min=0.0)
        mode = less / less.sum(-1, True)
        corner = one_hot(mode.nan_to_num().argmax(-1), less.shape[-1]).to(mode.dtype)
        return where(self.concentration.lt(1).all(-1, keepdim=True), corner, mode)

    @property
    def variance(self) -> Tensor:
        """a (Σ - a) / (Σ² (Σ + 1))."""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self) -> Tensor:
        """log B(a) - (k - Σ) ψ(Σ) - Σ (a - 1) ψ(a)."""
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        return lgamma(a).sum(-1) - lgamma(total) - (k - total) * digamma(total) - ((a - 1.0) * digamma(a)).sum(-1)


class Beta(Distribution):
    """The first of two shares of a Dirichlet distribution."""

    arg_constraints = {"concentration1": c.positive, "concentration0": c.positive}
    support = c.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        if isinstance(concentration1, Tensor) or isinstance(concentration0, Tensor):
            both = stack(together(concentration1, concentration0), -1)
        else:
            both = tensor([float(concentration1), float(concentration0)], dtype=dt.get_default_dtype())
        self._dirichlet = Dirichlet(both, validate_args)
        super().__init__(self._dirichlet._batch_shape, (), validate_args)

    def expand(self, batch_shape: Any) -> Any:
        """The same distributions, broadcast to a batch shape."""
        return Beta(self.concentration1.expand(batch_shape), self.concentration0.expand(batch_shape), self._validate_args)

    @property
    def concentration1(self) -> Tensor:
        """Of the share itself."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """Of the rest."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        """a / (a + b)."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / (a + b - 2)."""
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        """a b / ((a + b)² (a + b + 1))."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples that are differentiable in both parameters."""
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        return self._dirichlet.log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return self._dirichlet.entropy()


class StudentT(Distribution):
    """A normal number over the root of a chi-squared one over its `df`, scaled and moved."""

    arg_constraints = {"df": c.positive, "loc": c.real, "scale": c.positive}
    support = c.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = together(df, loc, scale)
        self._chi2 = Chi2(self.df)                          # which is the first to look at df
        super().__init__(self.df.shape, (), validate_args)

    def expand(self, batch_shape: Any) -> Any:
        """The same distributions, broadcast to a batch shape."""
        return StudentT(self.df.expand(batch_shape), self.loc.expand(batch_shape), self.scale.expand(batch_shape), self._validate_args)

    @property
    def mean(self) -> Tensor:
        """loc, where df > 1."""
        return where(self.df.le(1), math.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """scale² df / (df - 2), where df > 2; infinite down to 1, nan below."""
        safe = where(self.df.gt(2), self.df, 3.0)
        return where(self.df.gt(2), self.scale.pow(2) * safe / (safe - 2), where(self.df.gt(1), math.inf, math.nan).to(self.df.dtype))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples that are differentiable in all parameters."""
        shape = self._extended_shape(sample_shape)
        x = normal(zeros(shape, dtype=self.df.dtype), ones(shape, dtype=self.df.dtype))
        y = x * rsqrt(self._chi2.rsample(sample_shape) / self.df)
        return self.loc + self.scale * y

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        y = (value - self.loc) / self.scale
        z = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi) + lgamma(0.5 * self.df) - lgamma(0.5 * (self.df + 1.0))
        found: Tensor = -0.5 * (self.df + 1.0) * log1p(y**2.0 / self.df) - z
        return found

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        beta = lgamma(0.5 * self.df) + math.lgamma(0.5) - lgamma(0.5 * (self.df + 1))
        return self.scale.log() + 0.5 * (self.df + 1) * (digamma(0.5 * (self.df + 1)) - digamma(0.5 * self.df)) + 0.5 * self.df.log() + beta
