"""`torch.nn.utils`: clipping gradients, parameters as one vector, sequences of different lengths, weights computed of others."""

from typing import Any

from . import rnn
from .clip_grad import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters

# They are made of modules, which are made of what stands above: they load when they are used.
_OLDER = ("fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights", "remove_spectral_norm", "remove_weight_norm",
          "spectral_norm", "weight_norm")
_ROOMS = ("parametrizations", "parametrize")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        from .parametrizations import as_matrix  # noqa: F401  (both rooms are attributes once they are loaded)

        return globals()[name]
    if name in _OLDER:
        from . import older

        return getattr(older, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_ROOMS, *_OLDER]


__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm", "parameters_to_vector", "rnn", "vector_to_parameters"]
