"""Distributions over the real line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.grad_mode import no_grad
from ..core.tensor import Tensor
from ..ops import empty, erf, exp, expm1, log, log1p, normal, ones, rand, zeros
from . import constraints as c
from .distribution import Distribution, together


class _LocationScale(Distribution):
    arg_constraints = {"loc": c.real, "scale": c.positive}
    has_rsample = True
    support = c.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        """The expectation."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        return self.loc


class Normal(_LocationScale):
    r"""The normal distribution, p(x) = exp(-(x - loc)² / 2 scale²) / (scale √2π)."""

    @property
    def stddev(self) -> Tensor:
        """The scale."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """scale²."""
        return self.scale.pow(2)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples, without gradient."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            drawn: Tensor = normal(self.loc.expand(shape), self.scale.expand(shape))
            return drawn

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """loc + scale times a standard normal number."""
        shape = self._extended_shape(sample_shape)
        drawn: Tensor = self.loc + normal(zeros(shape, dtype=self.loc.dtype), ones(shape, dtype=self.loc.dtype)) * self.scale
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        return -((value - self.loc) ** 2) / (2 * self.scale ** 2) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most this value."""
        self._validate_sample(value)
        found: Tensor = 0.5 * (1 + erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))
        return found

    def entropy(self) -> Tensor:
        """½ + ½ log 2π + log scale."""
        found: Tensor = 0.5 + 0.5 * math.log(2 * math.pi) + log(self.scale)
        return found


class LogNormal(Normal):
    """exp of a normal number."""

    support = c.positive                                    # type: ignore[assignment]

    def __repr__(self) -> str:
        return "LogNormal()"

    @property
    def mean(self) -> Tensor:
        """exp(loc + scale²/2)."""
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Tensor:
        """exp(loc - scale²)."""
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        """(exp(scale²) - 1) exp(2 loc + scale²)."""
        s = self.scale.pow(2)
        found: Tensor = expm1(s) * (2 * self.loc + s).exp()
        return found

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples, without gradient."""
        with no_grad():
            return Normal.sample(self, sample_shape).exp()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """exp of a normal sample."""
        return Normal.rsample(self, sample_shape).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        x = value.log()
        return -((x - self.loc) ** 2) / (2 * self.scale ** 2) - self.scale.log() - math.log(math.sqrt(2 * math.pi)) - x

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most this value."""
        self._validate_sample(value)
        found: Tensor = 0.5 * (1 + erf((value.log() - self.loc) * self.scale.reciprocal() / math.sqrt(2)))
        return found

    def entropy(self) -> Tensor:
        """The normal's entropy and its mean."""
        return Normal.entropy(self) + self.loc


class Laplace(_LocationScale):
    r"""The Laplace distribution, p(x) = exp(-|x - loc| / scale) / 2 scale."""

    @property
    def variance(self) -> Tensor:
        """2 scale²."""
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Tensor:
        """√2 scale."""
        return (2 ** 0.5) * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """loc - scale sign(u) log(1 - |u|), u uniform in (-1, 1)."""
        eps = float(np.finfo(self.loc.dtype.dtype).eps)
        u = empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).uniform_(eps - 1, 1)
        found: Tensor = self.loc - self.scale * u.sign() * log1p(-u.abs())
        return found

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        found: Tensor = -log(2 * self.scale) - (value - self.loc).abs() / self.scale
        return found

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most this value."""
        self._validate_sample(value)
        away = value - self.loc
        found: Tensor = 0.5 - 0.5 * away.sign() * expm1(-away.abs() / self.scale)
        return found

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which this share lies."""
        term = value - 0.5
        found: Tensor = self.loc - self.scale * term.sign() * log1p(-2 * term.abs())
        return found

    def entropy(self) -> Tensor:
        """1 + log 2 scale."""
        found: Tensor = 1 + log(2 * self.scale)
        return found


class Uniform(Distribution):
    """Every value from `low` up to, not including, `high`, with the same density."""

    has_rsample = True

    @property
    def arg_constraints(self) -> dict[str, c.Constraint]:   # type: ignore[override]
        """Each bound keeps to its side of the other."""
        return {"low": c.less_than(self.high), "high": c.greater_than(self.low)}

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = together(low, high)
        super().__init__(self.low.shape, (), validate_args)

    @property
    def support(self) -> c.Constraint:
        """From low to high."""
        return c.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        """No value is more probable than another: nan."""
        return math.nan * self.high

    @property
    def stddev(self) -> Tensor:
        """(high - low) / √12."""
        return (self.high - self.low) / 12 ** 0.5

    @property
    def variance(self) -> Tensor:
        """(high - low)² / 12."""
        return (self.high - self.low).pow(2) / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """low + u (high - low)."""
        found: Tensor = self.low + rand(self._extended_shape(sample_shape), dtype=self.low.dtype) * (self.high - self.low)
        return found

    def log_prob(self, value: Any) -> Tensor:
        """-log(high - low) inside, -inf outside."""
        self._validate_sample(value)
        inside = (self.low <= value).type_as(self.low) * (self.high > value).type_as(self.low)
        found: Tensor = log(inside) - log(self.high - self.low)
        return found

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most this value."""
        self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which this share lies."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        """log(high - low)."""
        found: Tensor = log(self.high - self.low)
        return found


class Exponential(Distribution):
    """p(x) = rate exp(-rate x) for x >= 0."""

    arg_constraints = {"rate": c.positive}
    has_rsample = True
    support = c.nonnegative

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self.rate, = together(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        """1 / rate."""
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        """0."""
        return self.rate * 0

    @property
    def stddev(self) -> Tensor:
        """1 / rate."""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        """1 / rate²."""
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """-log(1 - u) / rate."""
        found: Tensor = -log1p(-rand(self._extended_shape(sample_shape), dtype=self.rate.dtype)) / self.rate
        return found

    def log_prob(self, value: Tensor) -> Tensor:
        """log rate - rate x."""
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        """1 - exp(-rate x)."""
        self._validate_sample(value)
        found: Tensor = 1 - exp(-self.rate * value)
        return found

    def icdf(self, value: Tensor) -> Tensor:
        """-log(1 - share) / rate."""
        found: Tensor = -log1p(-value) / self.rate
        return found

    def entropy(self) -> Tensor:
        """1 - log rate."""
        found: Tensor = 1.0 - log(self.rate)
        return found
