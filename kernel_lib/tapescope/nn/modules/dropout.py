"""Dropout."""
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from .. import functional as F
from .module import Module


class _Dropout(Module):
    function: Any = None

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zeros elements with probability p while training, and scales the rest by 1 / (1 - p). Hinton et al., 2012."""

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """Zeros whole channels of (N, C, L). Tompson et al., 2015."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """Zeros whole channels of (N, C, H, W). Tompson et al., 2015."""

    function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """Zeros whole channels of (N, C, D, H, W). Tompson et al., 2015."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance of what SELU gives. Klambauer et al., 2017."""

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels."""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
