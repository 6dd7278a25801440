"""`torch.autograd`: backward, grad, custom functions, gradient checks, hooks on what is saved, Jacobians."""

import importlib
from typing import Any

from ..core.autograd import backward, grad
from ..core.function import Function, once_differentiable
from ..core.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..core.tensor import Tensor
from . import function, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .check import GradcheckError, gradcheck, gradgradcheck

Variable = Tensor

__all__ = ["Function", "GradcheckError", "Tensor", "Variable", "backward", "detect_anomaly", "enable_grad", "function", "functional", "grad", "gradcheck", "gradgradcheck",
           "graph", "inference_mode", "no_grad", "once_differentiable", "set_detect_anomaly", "set_grad_enabled"]


def __getattr__(name: str) -> Any:
    if name == "functional":
        return importlib.import_module("tapescope.autograd.functional")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
