"""Many pictures as one, and a picture as a file."""

from __future__ import annotations

import math
from typing import Any

from ..core.grad_mode import no_grad
from ..core.tensor import Tensor
from ..ops.api_shape import cat, stack
from .pictures import of_array

__all__ = ["make_grid", "save_image"]


@no_grad()
def make_grid(tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False, value_range: tuple[float, float] | None = None,
              scale_each: bool = False, pad_value: float = 0.0) -> Tensor:
    """Images [N, C, H, W] (or a list of [C, H, W]) side by side, `nrow` in a row, as one [3, H', W'].

    `normalize` shifts them into [0, 1], by `value_range` or their own least and greatest value, each by its own with `scale_each`.
    """
    if not isinstance(tensor, Tensor):
        if not isinstance(tensor, list):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for t in tensor:
            if not isinstance(t, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(t)}")
        tensor = stack(tensor, 0)
    if tensor.ndim == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim == 4 and tensor.shape[1] == 1:
        tensor = cat([tensor] * 3, 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        tensor = tensor.clone()
        for part in tensor if scale_each else [tensor]:
            low, high = value_range or (float(part.min()), float(part.max()))
            part.clamp_(min=low, max=high).sub_(low).div_(max(high - low, 1e-5))
    n, c, h, w = tensor.shape
    if n == 1:
        return tensor.squeeze(0)                           # type: ignore[no-any-return]
    columns = min(nrow, n)
    h, w = h + padding, w + padding
    grid: Tensor = tensor.new_full((c, h * math.ceil(n / columns) + padding, w * columns + padding), pad_value)
    for k in range(n):
        y, x = k // columns * h + padding, k % columns * w + padding
        grid[:, y:y + h - padding, x:x + w - padding] = tensor[k]
    return grid


@no_grad()
def save_image(tensor: Any, fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Writes images in [0, 1] to a file name or a file, as one grid; `kwargs` go to `make_grid`. Without a name, `format` must be given."""
    grid = make_grid(tensor, **kwargs)
    a = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).byte().cpu().numpy()
    of_array(a, "RGB").save(fp, format=format)
