"""What users' autograd.Functions were called with: noted on the node of the call, so that it can be called again to be checked."""

from __future__ import annotations

import weakref
from typing import Any

import torch

MISSING: Any = object()            # a tensor that is gone, or that nobody has seen


def remember(outs: Any, args: tuple[Any, ...]) -> None:
    """Notes the arguments of a call on its node: tensors weakly, so that nothing is kept alive."""
    for t in outs if isinstance(outs, (tuple, list)) else (outs,):
        node = t.grad_fn if isinstance(t, torch.Tensor) else None
        if isinstance(node, torch._C._FunctionBase):
            setattr(node, "_tapescope_given", [(weakref.ref(a), None) if isinstance(a, torch.Tensor) else (None, a) for a in args])
            return


def given_to(node: Any) -> list[Any] | None:
    """The arguments of the call that made a node, MISSING where a tensor is gone; None where nobody has heard it."""
    noted = getattr(node, "_tapescope_given", None)
    return None if noted is None else [value if ref is None else MISSING if (t := ref()) is None else t for ref, value in noted]
