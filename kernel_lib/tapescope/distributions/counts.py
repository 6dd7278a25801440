"""Distributions over whole numbers: how many, how long, which of several how often."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.grad_mode import no_grad
from ..core.tensor import Tensor, wrap
from ..nn.functional import binary_cross_entropy_with_logits
from ..ops import arange, empty, exp, eye, log, log1p, ones_like, sigmoid, tensor, where, zeros
from ..ops.api_embed import one_hot
from ..ops.api_misc import poisson
from ..ops.special_erf import xlogy
from ..ops.special_gamma import lgamma
from . import constraints as c
from . import draws
from .discrete import Categorical, _ByProbsOrLogits, _clamped
from .distribution import Distribution, together


class Poisson(Distribution):
    """p(k) = rate^k exp(-rate) / k!."""

    arg_constraints = {"rate": c.nonnegative}
    support = c.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self.rate, = together(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        """The rate."""
        return self.rate

    @property
    def mode(self) -> Tensor:
        """The rate, rounded down."""
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        """The rate."""
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples."""
        with no_grad():
            drawn: Tensor = poisson(self.rate.expand(self._extended_shape(sample_shape)))
            return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        rate, value = together(self.rate, value)
        found: Tensor = xlogy(value, rate) - rate - lgamma(value + 1)
        return found


class _OfTrials(_ByProbsOrLogits):
    def _other(self) -> Tensor:
        if self._given == "logits":
            found: Tensor = sigmoid(self.logits)
            return found
        p = _clamped(self.probs)
        found = log(p) - log1p(-p)
        return found


class Geometric(_OfTrials):
    """The number of failures before the first success: p(k) = (1 - probs)^k probs."""

    arg_constraints = {"probs": c.unit_interval, "logits": c.real}
    support = c.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        given, = together(probs if logits is None else logits)
        self.__dict__[self._given] = given
        super().__init__(given.shape, (), validate_args)
        if self._validate_args and self._given == "probs" and not bool(given.gt(0).all()):
            raise ValueError(f"Expected parameter probs ({type(given).__name__} of shape {tuple(given.shape)}) of distribution {self!r} to be positive but found "
                             f"invalid values:\n{given.detach()[given.gt(0).logical_not()]}")

    @property
    def mean(self) -> Tensor:
        """1 / p - 1."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        """0."""
        return self.probs * 0

    @property
    def variance(self) -> Tensor:
        """(1 / p - 1) / p."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples."""
        with no_grad():
            kind = self.probs.dtype
            u = empty(self._extended_shape(sample_shape), dtype=kind).uniform_(float(np.finfo(kind.dtype).tiny), 1)
            return (u.log() / log1p(-self.probs)).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        value, probs = together(value, self.probs)
        probs = where(probs.eq(1).logical_and(value.eq(0)), probs * 0, probs)
        return value * log1p(-probs) + self.probs.log()

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class Binomial(_OfTrials):
    """How many of `total_count` trials succeed."""

    arg_constraints = {"total_count": c.nonnegative_integer, "probs": c.unit_interval, "logits": c.real}
    has_enumerate_support = True

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        given = probs if logits is None else logits
        count, given = together(total_count, given)
        self.total_count = count.to(given.dtype)
        self.__dict__[self._given] = given
        super().__init__(given.shape, (), validate_args)

    @property
    def support(self) -> c.Constraint:
        """From none to all."""
        return c.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        """n p."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        """(n + 1) p, rounded down."""
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        """n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples."""
        shape = self._extended_shape(sample_shape)
        return wrap(draws.binomial(np.broadcast_to(self.total_count._array, shape), np.broadcast_to(self.probs._array, shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        n, x = self.total_count, self.logits
        positive = (x.clamp(min=0) + x - x.clamp(max=0)) / 2        # of 0 the gradient is a half
        norm = n * positive + n * log1p(exp(-x.abs())) - lgamma(n + 1)
        return value * x - lgamma(value + 1) - lgamma(n - value + 1) - norm

    def entropy(self) -> Tensor:
        """The entropy in nats, where all counts are the same."""
        most = int(self.total_count.max())
        if not bool((self.total_count == most).all()):
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy`.")
        p = self.log_prob(self.enumerate_support(False))
        return -(exp(p) * p).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 to total_count."""
        most = int(self.total_count.max())
        if not bool((self.total_count == most).all()):
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        values = arange(1 + most, dtype=self.__dict__[self._given].dtype).reshape((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


class _OverClasses(Distribution):
    """What is made of a Categorical."""

    arg_constraints = {"probs": c.simplex, "logits": c.real_vector}
    _categorical: Categorical

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._categorical.param_shape

    def expand(self, batch_shape: Any) -> Any:
        """The same distributions, broadcast to a batch shape."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._categorical = self._categorical.expand(batch_shape)
        new._batch_shape = new._categorical.batch_shape
        return new


class Multinomial(_OverClasses):
    """How often each class is drawn in `total_count` draws."""

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count, self._categorical = total_count, Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def support(self) -> c.Constraint:
        """Counts that add up to total_count."""
        return c.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        """n p."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        """n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws counts."""
        drawn = self._categorical.sample((self.total_count, *sample_shape)).permute(*range(1, 1 + len(sample_shape) + len(self._batch_shape)), 0)
        counts = zeros(self._extended_shape(sample_shape), dtype=drawn.dtype).scatter_add(-1, drawn, ones_like(drawn))
        return counts.to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        logits, value = together(self.logits, value)
        logits = where(value.eq(0).logical_and(logits.eq(-math.inf)), zeros(logits.shape, dtype=logits.dtype), logits)
        return lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1) + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        n = tensor(float(self.total_count))
        one = Binomial(self.total_count, self.probs)
        values = one.enumerate_support(False)[1:]
        return n * self._categorical.entropy() - lgamma(n + 1) + (exp(one.log_prob(values)) * lgamma(values + 1)).sum((0, -1))


class OneHotCategorical(_OverClasses):
    """A class as a row of zeros with a one."""

    support = c.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        """The probabilities."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The most probable class."""
        return one_hot(self.probs.argmax(-1), self.probs.shape[-1]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        """p (1 - p)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws classes."""
        return one_hot(self._categorical.sample(sample_shape), self.probs.shape[-1]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes."""
        n = self._event_shape[0]
        values = eye(n, dtype=self.probs.dtype).reshape((n, *(1,) * len(self._batch_shape), n))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """Its samples carry the gradient of the probabilities. Bengio et al., 2013."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws classes that are differentiable in the probabilities."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
