"""`torch.distributions`: densities, samples that carry gradients, entropies and divergences."""

from . import constraints
from .continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from .counts import Binomial, Geometric, Multinomial, OneHotCategorical, OneHotCategoricalStraightThrough, Poisson
from .discrete import Bernoulli, Categorical
from .distribution import Distribution, Independent
from .gamma import Beta, Chi2, Dirichlet, Gamma, StudentT
from .kl import kl_divergence, register_kl
from .multivariate import MultivariateNormal

__all__ = ["Bernoulli", "Beta", "Binomial", "Categorical", "Chi2", "Dirichlet", "Distribution", "Exponential", "Gamma", "Geometric", "Independent", "Laplace", "LogNormal",
           "Multinomial", "MultivariateNormal", "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Poisson", "StudentT", "Uniform", "constraints",
           "kl_divergence", "register_kl"]
