"""Normalisations with PyTorch's signatures."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as _prod

from ..core.layout import finfo
from ..core.tensor import Tensor
from . import norm as nm
from . import pointwise as pw
from . import shape
from .api_pool import avg_pool2d, avg_pool3d
from .api_reduce import norm
from .strided import squeeze_dim


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None, bias: Tensor | None = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias per channel; in training the batch's moments, which also move the running ones."""
    a = input._array
    if a.ndim < 2:
        if a.ndim and not a.size and (not training or running_mean is None or not running_mean._array.size):
            return input.clone()                            # no channel
        raise ValueError(f"expected at least 2D input (got {a.ndim}D input)")
    if training and (a.shape[0] if a.ndim else 0) * _prod(a.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if running_mean is not None and running_mean._array.shape != (a.shape[1],):
        raise RuntimeError(f"running_mean should contain {a.shape[1]} elements not {running_mean._array.size}")
    use_batch = training or running_mean is None
    moves = training and running_mean is not None and running_var is not None
    y = nm.batch_norm(input, weight, bias, use_batch, None if running_mean is None else running_mean._array,
                      None if running_var is None else running_var._array, eps, momentum if moves else 0.0)
    if moves:
        assert running_mean is not None and running_var is not None
        running_mean.bump()
        running_var.bump()
    return y


def _ends_with(input: Tensor, dims: tuple[int, ...]) -> None:
    if not dims:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []")
    if tuple(input._array.shape[-len(dims):]) != dims:
        raise RuntimeError(f"Given normalized_shape={list(dims)}, expected input with shape [*, {', '.join(map(str, dims))}], but got input of size"
                           f"{list(input._array.shape)}")


def layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions."""
    dims = tuple(normalized_shape)
    _ends_with(input, dims)
    return nm.layer_norm(input, weight, bias, len(dims), eps)


def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimensions. Zhang & Sennrich, 2019."""
    dims = tuple(normalized_shape)
    _ends_with(input, dims)
    if weight is not None and tuple(weight._array.shape) != dims:
        raise RuntimeError(f"Expected weight to be of same shape as normalized_shape, but got weight of shape {list(weight._array.shape)} and normalized_shape = {list(dims)}")
    return nm.rms_norm(input, weight, len(dims), finfo(input.dtype).eps if eps is None else eps)


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over groups of channels. Wu & He, 2018."""
    a = input._array
    if a.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {a.ndim}")
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if a.shape[1] % num_groups:
        raise RuntimeError(f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(a.shape)} and num_groups={num_groups}")
    if a.size == a.shape[0] * num_groups and a.size == num_groups:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {[a.shape[0] * a.shape[1] // num_groups, num_groups, *a.shape[2:]]}")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._array.shape != (a.shape[1],):
            raise RuntimeError(f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {list(t._array.shape)} "
                               f"and input of shape {list(a.shape)}")
    return nm.group_norm(input, weight, bias, num_groups, eps)


def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
                  bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Batch norm of every image by itself: its channels are channels of one batch. Ulyanov et al., 2016."""
    a = input._array
    if use_input_stats and _prod(a.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    n, c = a.shape[:2]

    def spread(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.repeat(n)

    mean, var = spread(running_mean), spread(running_var)
    x = shape.reshape(input, (1, n * c, *a.shape[2:]))
    y = batch_norm(x, mean, var, spread(weight), spread(bias), use_input_stats, momentum, eps)
    if use_input_stats:
        for kept, found in ((running_mean, mean), (running_var, var)):
            if kept is not None and found is not None:
                kept._array[...] = found._array.reshape(n, c).mean(0)
                kept.bump()
    return shape.reshape(y, tuple(a.shape))


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha mean(x²))^beta over neighbouring channels. Krizhevsky et al., 2012."""
    a = input._array
    if a.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality                          input (got {a.ndim} dimensions)")
    if a.size == 0:
        return input
    squares = shape.unsqueeze(input * input, 1)
    before, after = size // 2, (size - 1) // 2
    if a.ndim == 3:
        squares = avg_pool2d(shape.pad(squares, ((0, 0), (0, 0), (before, after), (0, 0)), 0), (size, 1), 1)
        squares = squeeze_dim(squares, (1,))
    else:
        flat = shape.reshape(squares, (a.shape[0], 1, a.shape[1], a.shape[2], -1))
        flat = avg_pool3d(shape.pad(flat, ((0, 0), (0, 0), (before, after), (0, 0), (0, 0)), 0), (size, 1, 1), 1)
        squares = shape.reshape(squeeze_dim(flat, (1,)), tuple(a.shape))
    made: Tensor = input / (squares * alpha + k).pow(beta)
    return made


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(norm(x), eps) along `dim`."""
    return pw.div(input, pw.clamp(norm(input, p, dim, True), eps, None))
