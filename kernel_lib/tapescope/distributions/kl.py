"""Kullback-Leibler divergences, by the types of both distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..ops import exp, log, softplus, where
from ..ops.api_linalg_solve import solve_triangular
from ..ops.special_gamma import digamma, lgamma
from .continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from .counts import Binomial, Geometric, OneHotCategorical, Poisson
from .discrete import Bernoulli, Categorical
from .distribution import Distribution, Independent, sum_last
from .gamma import Beta, Dirichlet, Gamma
from .multivariate import MultivariateNormal

_known: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable[[Any, Any], Tensor]], Callable[[Any, Any], Tensor]]:
    """A decorator: this function is the divergence of these types, and of their subclasses where none fits better."""
    for t in (type_p, type_q):
        if not isinstance(t, type) or not issubclass(t, Distribution):
            raise TypeError(f"Expected a Distribution subclass but got {t}")

    def keep(f: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        _known[type_p, type_q] = f
        return f

    return keep


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E_p[log p - log q]. Raises NotImplementedError for types that have none."""
    for a in type(p).__mro__:
        for b in type(q).__mro__:
            if (a, b) in _known:
                return _known[a, b](p, q)
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Normal, LogNormal)
@register_kl(LogNormal, Normal)
def _other_support(p: Any, q: Any) -> Any:
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")


register_kl(LogNormal, LogNormal)(_normal)


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Any:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * exp(-away / p.scale) - 1


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Any:
    return where((q.low > p.low).logical_or(q.high < p.high), math.inf, log((q.high - q.low) / (p.high - p.low)))


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Any:
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, one))
    other = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return one + where(p.probs == 1, 0.0, where(q.probs == 1, math.inf, other))


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Any:
    t = p.probs * (p.logits - q.logits)
    t = where((q.probs == 0).expand(t.shape), math.inf, t)
    return where((p.probs == 0).expand(t.shape), 0.0, t).sum(-1)


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Any:
    return (q.concentration * (p.rate / q.rate).log() + lgamma(q.concentration) - lgamma(p.concentration)
            + (p.concentration - q.concentration) * digamma(p.concentration) + (q.rate - p.rate) * (p.concentration / p.rate))


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Any:
    one, other = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    return (lgamma(q.concentration1) + lgamma(q.concentration0) + lgamma(one) - (lgamma(p.concentration1) + lgamma(p.concentration0) + lgamma(other))
            + (p.concentration1 - q.concentration1) * digamma(p.concentration1) + (p.concentration0 - q.concentration0) * digamma(p.concentration0)
            + (other - one) * digamma(one))


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Any:
    total = p.concentration.sum(-1)
    return (lgamma(total) - lgamma(q.concentration.sum(-1)) - (lgamma(p.concentration) - lgamma(q.concentration)).sum(-1)
            + ((p.concentration - q.concentration) * (digamma(p.concentration) - digamma(total).unsqueeze(-1))).sum(-1))


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: Any, q: Any) -> Any:
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two Multivariate Normals with different event shapes cannot be computed")
    half = q._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - p._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    batch = np.broadcast_shapes(q._factor.shape[:-2], p._factor.shape[:-2])
    n = p.event_shape[0]
    trace = solve_triangular(q._factor.expand((*batch, n, n)), p._factor.expand((*batch, n, n)), upper=False).pow(2).sum((-2, -1))
    return half + 0.5 * (trace + q.distance(q.loc - p.loc) - n)


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Any:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Any:
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return where((p.total_count > q.total_count).expand(kl.shape), math.inf, kl)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: Any, q: Any) -> Any:
    return kl_divergence(p._categorical, q._categorical)
