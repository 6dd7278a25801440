"""bfloat16: numbers of eight digits are computed with in float32, once rounded, as PyTorch does on a CPU; NumPy knows nothing of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtype as dt
from .state import numbers

# what only moves numbers, or says itself which dtype comes out
_AS_THEY_ARE = frozenset(("to_copy", "to_device", "to_device_of", "clone", "copy_slices"))


def widened(values: Sequence[Any]) -> list[Any]:
    """The same values, bfloat16 among them as float32."""
    kind = numbers.bfloat16
    return [v.astype(np.float32) if getattr(v, "dtype", None) is kind and isinstance(v, np.ndarray) else tuple(widened(v)) if v.__class__ is tuple and v else v for v in values]


def forward(op: Any, arrays: list[Any], params: tuple[Any, ...]) -> Any:
    """Runs an op of which an operand is bfloat16. Results are bfloat16 where no operand asks for more."""
    if op.view or op.name in _AS_THEY_ARE:
        return op.forward(arrays, *params) if op.variadic else op.forward(*arrays, *params)
    kept = dt.result_type(*[a for a in arrays if isinstance(a, np.ndarray) and dt.of(a).category == 2]).dtype is numbers.bfloat16
    wide, given = widened(arrays), widened(params)
    result = op.forward(wide, *given) if op.variadic else op.forward(*wide, *given)
    return rounded(result) if kept else result


def rounded(result: Any) -> Any:
    """float32 results as bfloat16."""
    if result.__class__ is tuple:
        return tuple([rounded(r) for r in result])
    return result.astype(numbers.bfloat16) if isinstance(result, (np.ndarray, np.generic)) and result.dtype == np.float32 else result
