"""The normal distribution of several numbers that know of each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..ops import eye, matmul, normal, ones, zeros
from ..ops.api_linalg_solve import cholesky, cholesky_inverse, solve_triangular
from . import constraints as c
from .distribution import Distribution

_WAYS = ("covariance_matrix", "precision_matrix", "scale_tril")


def _of_precision(p: Tensor) -> Tensor:
    """The factor L with L Lᵀ = P⁻¹."""
    upside = cholesky(p.flip(-2, -1))
    inverse = upside.flip(-2, -1).transpose(-2, -1)
    return solve_triangular(inverse, eye(p.shape[-1], dtype=p.dtype), upper=False)


class MultivariateNormal(Distribution):
    """Normal numbers of mean `loc`, given their covariance, its inverse, or its lower factor."""

    arg_constraints = {"loc": c.real_vector, "covariance_matrix": c.positive_definite, "precision_matrix": c.positive_definite, "scale_tril": c.lower_cholesky}
    support = c.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None, scale_tril: Tensor | None = None,
                 validate_args: bool | None = None) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {n: m for n, m in zip(_WAYS, (covariance_matrix, precision_matrix, scale_tril), strict=True) if m is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        (self._given, matrix), = given.items()
        if matrix.ndim < 2:
            what = "scale_tril matrix" if self._given == "scale_tril" else self._given
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch = np.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.__dict__[self._given] = matrix.expand((*batch, -1, -1))
        self.loc = loc.expand((*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args)
        self._factor: Tensor = matrix if self._given == "scale_tril" else cholesky(matrix) if self._given == "covariance_matrix" else _of_precision(matrix)

    def __getattr__(self, name: str) -> Any:
        if name not in _WAYS or "_factor" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        factor = self._factor
        found = {"scale_tril": lambda: factor, "covariance_matrix": lambda: matmul(factor, factor.transpose(-2, -1)), "precision_matrix": lambda: cholesky_inverse(factor)}[name]()
        return found.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    def _parameter_dims(self, name: str) -> int:
        return 1 if name == "loc" else 2

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance."""
        return self._factor.pow(2).sum(-1).expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """loc + L times standard normal numbers."""
        shape = self._extended_shape(sample_shape)
        eps = normal(zeros(shape, dtype=self.loc.dtype), ones(shape, dtype=self.loc.dtype))
        return self.loc + matmul(self._factor, eps.unsqueeze(-1)).squeeze(-1)

    def distance(self, x: Tensor) -> Tensor:
        """The squared Mahalanobis distance of each x, as a difference from the mean."""
        n = x.shape[-1]
        batch = np.broadcast_shapes(self._factor.shape[:-2], x.shape[:-1])
        factor = self._factor.expand((*batch, n, n))
        return solve_triangular(factor, x.expand((*batch, n)).unsqueeze(-1), upper=False).pow(2).sum((-2, -1))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        half = self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self.distance(value - self.loc)) - half

    def entropy(self) -> Tensor:
        """½ n (1 + log 2π) + log det L."""
        half = self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half).expand(self._batch_shape)
