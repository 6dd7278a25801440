"""`torch.autograd`: backward, grad, custom functions, gradient checks."""

from ..core.autograd import backward, grad
from ..core.function import Function, once_differentiable
from ..core.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..core.tensor import Tensor
from . import function
from .check import GradcheckError, gradcheck, gradgradcheck

Variable = Tensor

__all__ = ["Function", "GradcheckError", "Tensor", "Variable", "backward", "enable_grad", "function", "grad", "gradcheck", "gradgradcheck",
           "inference_mode", "no_grad", "once_differentiable", "set_grad_enabled"]
