"""Distributions over classes and over 0 and 1, by their probabilities or their logits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.grad_mode import no_grad
from ..core.tensor import Tensor
from ..nn.functional import binary_cross_entropy_with_logits
from ..ops import arange, bernoulli, log, log1p, logsumexp, multinomial, sigmoid, softmax
from . import constraints as c
from .distribution import Distribution, together


def _clamped(probs: Tensor) -> Tensor:
    eps = float(np.finfo(probs.dtype.dtype).eps)
    return probs.clamp(eps, 1 - eps)


class _ByProbsOrLogits(Distribution):
    """Whichever of the two was given is a parameter; the other is computed when it is asked for."""

    _event = 0

    def __getattr__(self, name: str) -> Any:
        if name in ("probs", "logits") and "_given" in self.__dict__:
            found = self._other()
            self.__dict__[name] = found
            return found
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _other(self) -> Tensor:
        raise NotImplementedError

    def _take(self, probs: Any, logits: Any) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self._given = "probs" if logits is None else "logits"

    def _parameter_dims(self, name: str) -> int:
        return self._event

    def expand(self, batch_shape: Any) -> Any:
        """The same distributions, broadcast to a batch shape."""
        new = super().expand(batch_shape)
        new.__dict__.pop("logits" if self._given == "probs" else "probs", None)
        return new


class Bernoulli(_ByProbsOrLogits):
    """1 with the probability `probs` (or sigmoid of `logits`), else 0."""

    arg_constraints = {"probs": c.unit_interval, "logits": c.real}
    support = c.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        given, = together(probs if logits is None else logits)
        self.__dict__[self._given] = given
        super().__init__(given.shape, (), validate_args)

    def _other(self) -> Tensor:
        if self._given == "logits":
            found: Tensor = sigmoid(self.logits)
            return found
        p = _clamped(self.probs)
        found = log(p) - log1p(-p)
        return found

    @property
    def mean(self) -> Tensor:
        """The probability of 1."""
        found: Tensor = self.probs
        return found

    @property
    def mode(self) -> Tensor:
        """The more probable of the two; nan at one half."""
        found: Tensor = (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, math.nan)
        return found

    @property
    def variance(self) -> Tensor:
        """p (1 - p)."""
        found: Tensor = self.probs * (1 - self.probs)
        return found

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples."""
        with no_grad():
            found: Tensor = bernoulli(self.probs.expand(self._extended_shape(sample_shape)))
            return found

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        logits, value = together(self.logits, value)
        found: Tensor = -binary_cross_entropy_with_logits(logits, value, reduction="none")
        return found

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        found: Tensor = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return found

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1."""
        values = arange(2, dtype=self.__dict__[self._given].dtype).reshape((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


class Categorical(_ByProbsOrLogits):
    """A class 0 .. K-1 with the probabilities `probs` (made to add up to 1), or softmax of `logits`, along the last dimension."""

    arg_constraints = {"probs": c.simplex, "logits": c.real_vector}
    has_enumerate_support = True
    _event = 1

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        given = probs if logits is None else logits
        if given.ndim < 1:
            raise ValueError(f"`{self._given}` parameter must be at least one-dimensional.")
        self.__dict__[self._given] = given / given.sum(-1, keepdim=True) if logits is None else given - logsumexp(given, -1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], (), validate_args)

    def _other(self) -> Tensor:
        found: Tensor = softmax(self.logits, -1) if self._given == "logits" else log(_clamped(self.probs))
        return found

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self.__dict__[self._given].shape

    @property
    def support(self) -> c.Constraint:
        """The classes."""
        return c.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """Classes have no mean: nan."""
        return self.probs.sum(-1) * math.nan

    @property
    def mode(self) -> Tensor:
        """The most probable class."""
        found: Tensor = self.probs.argmax(-1)
        return found

    @property
    def variance(self) -> Tensor:
        """Classes have no variance: nan."""
        return self.mean

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws classes."""
        shape = tuple(sample_shape)
        with no_grad():
            drawn: Tensor = multinomial(self.probs.reshape(-1, self._num_events), math.prod(shape), True).t().reshape(self._extended_shape(shape))
            return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of a class."""
        self._validate_sample(value)
        value = value.long().unsqueeze(-1)
        shape = together(value, self.logits[..., :1])[0].shape
        found: Tensor = self.logits.expand((*shape[:-1], self._num_events)).gather(-1, value.expand(shape)).squeeze(-1)
        return found

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        lowest = float(np.finfo(self.logits.dtype.dtype).min)
        found: Tensor = -(self.logits.clamp(min=lowest) * self.probs).sum(-1)
        return found

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes."""
        values = arange(self._num_events).reshape((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
