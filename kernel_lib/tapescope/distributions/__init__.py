"""`torch.distributions`: densities, samples that carry gradients, entropies and divergences."""

from . import constraints
from .continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from .discrete import Bernoulli, Categorical
from .distribution import Distribution, Independent
from .kl import kl_divergence, register_kl

__all__ = ["Bernoulli", "Categorical", "Distribution", "Exponential", "Independent", "Laplace", "LogNormal", "Normal", "Uniform", "constraints",
           "kl_divergence", "register_kl"]
