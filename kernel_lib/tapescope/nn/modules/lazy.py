"""Layers that learn their input size from the first input."""
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from ...core.grad_mode import no_grad
from ...core.tensor import Tensor
from ...ops.creation import tensor
from ..parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, _ConvNd
from .linear import Bilinear, Linear
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d


class LazyModuleMixin:
    """What makes a module lazy: `initialize_parameters(*args)` is called before the first forward; afterwards it is an ordinary `cls_to_become`."""

    cls_to_become: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        me: Any = self
        me._load_hook = me._register_load_state_dict_pre_hook(self._lazy_load_hook)
        me._initialize_hook = me.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters their shapes, from the first input."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer still waits for its shape."""
        me: Any = self
        return any(is_lazy(t) for t in (*me._parameters.values(), *me._buffers.values()))

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        me: Any = self
        for name, t in (*me._parameters.items(), *me._buffers.items()):
            given = state_dict.get(prefix + name)
            if given is not None and is_lazy(t) and not is_lazy(given):
                t.materialize(given.shape)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any) -> None:
        module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module.__dict__["_initialize_hook"], module.__dict__["_load_hook"]
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear that learns `in_features` from its first input."""

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias once their shapes are known."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if self.in_features == 0:
            self.in_features = input.shape[-1]


class LazyBilinear(LazyModuleMixin, Bilinear):
    """A Bilinear that learns its input sizes from its first inputs."""

    cls_to_become = Bilinear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(1, 1, out_features, False, device, dtype)
        self.in1_features = self.in2_features = 0
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias once their shapes are known."""
        if self.in1_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input1: Tensor, input2: Tensor) -> None:
        if self.has_uninitialized_params():
            with no_grad():
                self.in1_features, self.in2_features = input1.shape[-1], input2.shape[-1]
                self.weight.materialize((self.out_features, self.in1_features, self.in2_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()


class _LazyConv(LazyModuleMixin):
    """The lazy half of a convolution: `in_channels` from the first input."""

    def _make(self: Any, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self._lazy_bias = device, dtype

    def reset_parameters(self: Any) -> None:
        if self.in_channels != 0 and not self.has_uninitialized_params():
            _ConvNd.reset_parameters(self)

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        if not self.has_uninitialized_params():
            return
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise RuntimeError(f"Expected {self.dims + 1}D (unbatched) or {self.dims + 2}D (batched) input to {type(self).__name__}, but got input of size: "
                               f"{tuple(input.shape)}")
        channels = input.shape[1 if input.ndim == self.dims + 2 else 0]
        self.in_channels = channels
        if channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        with no_grad():
            self.weight.materialize(self._weight_shape())
            if self.bias is not None:
                self.bias.materialize((self.out_channels,))
            self.reset_parameters()


def _lazy_conv(base: Any, transposed: bool) -> Any:
    def __init__(self: Any, out_channels: int, *args: Any, **kwargs: Any) -> None:
        bias = kwargs.get("bias", True)
        place = 6 if transposed else 5                     # of `bias` behind out_channels
        if len(args) > place:
            bias = args[place]
        LazyModuleMixin.__init__(self, 0, out_channels, *args, **kwargs)
        if bias:
            self.bias = UninitializedParameter(device=kwargs.get("device"), dtype=kwargs.get("dtype"))

    name = "Lazy" + base.__name__
    return type(name, (_LazyConv, base), {"__init__": __init__, "cls_to_become": base, "__module__": __name__,
                                          "__doc__": f"A {base.__name__} that learns `in_channels` from its first input."})


LazyConv1d, LazyConv2d, LazyConv3d = (_lazy_conv(c, False) for c in (Conv1d, Conv2d, Conv3d))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (_lazy_conv(c, True) for c in (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d))


class _LazyNorm(LazyModuleMixin):
    """The lazy half of a normalisation: `num_features` from the first input."""

    usual: tuple[bool, bool] = (True, True)

    def __init__(self: Any, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool | None = None, track_running_stats: bool | None = None,
                 device: Any = None, dtype: Any = None, *, bias: bool = True) -> None:
        affine, tracked = self.usual[0] if affine is None else affine, self.usual[1] if track_running_stats is None else track_running_stats
        LazyModuleMixin.__init__(self, 0, eps, momentum, False, False, device, dtype)
        self.affine, self.track_running_stats = affine, tracked
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if tracked:
            self.running_mean, self.running_var = UninitializedBuffer(device=device, dtype=dtype), UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0)

    def reset_parameters(self: Any) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()                     # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor) -> None:
        if self.has_uninitialized_params():
            channel = 1 if "Instance" not in type(self).__name__ else input.ndim - max(self.dims) + 1
            self.num_features = input.shape[channel]
            for t in (self.weight, self.bias, self.running_mean, self.running_var):
                if is_lazy(t):
                    t.materialize((self.num_features,))
            self.reset_parameters()


def _lazy_norm(base: Any, usual: tuple[bool, bool]) -> Any:
    return type("Lazy" + base.__name__, (_LazyNorm, base), {"cls_to_become": base, "usual": usual, "__module__": __name__,
                                                            "__doc__": f"A {base.__name__} that learns `num_features` from its first input."})


LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (_lazy_norm(c, (True, True)) for c in (BatchNorm1d, BatchNorm2d, BatchNorm3d))
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = (_lazy_norm(c, (False, False)) for c in (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d))
