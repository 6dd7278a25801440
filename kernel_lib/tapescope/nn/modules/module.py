"""Module: parameters, buffers and submodules by name; hooks; movement; text. Its walks are in `tree`, its saving half in `state`."""
# mypy: no-warn-return-any

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter_ns as clock
from typing import Any, TypeVar

from ...core import dtype as dt
from ...core.hooks import RemovableHandle, add_hook
from ...core.site import here
from ...core.state import mode, set_grad
from ...core.tensor import Tensor
from ..parameter import Buffer, Parameter
from .tree import Tree

_REGISTRIES = ("_parameters", "_buffers", "_modules")
M = TypeVar("M", bound="Module")


class Module(Tree):
    """The base of all layers and networks.

    Subclasses call `super().__init__()`, assign parameters and submodules as attributes, and define `forward`.
    """

    training: bool

    def __init__(self) -> None:
        d = self.__dict__
        d["training"] = True
        d["_parameters"], d["_buffers"], d["_modules"], d["_non_persistent_buffers_set"] = {}, {}, {}, set()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks", "_state_dict_pre_hooks",
                     "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"):
            d[name] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # -- calling ----------------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        sink = mode.sink
        if sink is None:
            sink = mode.calls
            if sink is None:
                return self._run(args, kwargs)
        sink.module_enter(self, args, here(), clock())
        output = None
        try:
            output = self._run(args, kwargs)
            return output
        finally:
            sink.module_exit(self, output, clock())

    def _run(self, args: Any, kwargs: Any) -> Any:
        try:
            hooked = self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks
        except AttributeError:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '_forward_hooks' "
                                 "(call super().__init__() first in its __init__)") from None
        return self._run_hooked(args, kwargs) if hooked else self.forward(*args, **kwargs)

    def _run_hooked(self, args: Any, kwargs: Any) -> Any:
        called: set[int] = set()
        output = None
        try:
            for hook, with_kwargs in list(self._forward_pre_hooks.values()):
                result = hook(self, args, kwargs) if with_kwargs else hook(self, args)
                if result is None:
                    continue
                if not with_kwargs:
                    args = result if isinstance(result, tuple) else (result,)
                elif isinstance(result, tuple) and len(result) == 2:
                    args, kwargs = result
                else:
                    raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}.")
            if self._backward_hooks or self._backward_pre_hooks:
                from .backward_hook import around

                output = around(self, args, kwargs)
            else:
                output = self.forward(*args, **kwargs)
            for number, (hook, with_kwargs, _) in list(self._forward_hooks.items()):
                called.add(number)
                result = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
                if result is not None:
                    output = result
            return output
        except Exception:
            for number, (hook, with_kwargs, always) in list(self._forward_hooks.items()):
                if always and number not in called:
                    try:
                        hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
                    except Exception as error:             # the first exception is the one that counts
                        warnings.warn("module forward hook with ``always_call=True`` raised an exception that was silenced as another error was "
                                      f"raised in forward: {error}", stacklevel=2)
            raise

    # -- attributes -------------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        for registry in _REGISTRIES:
            known = self.__dict__.get(registry)
            if known is not None and name in known:
                return known[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        d = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in d:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif name in d.get("_parameters", ()):
            if value is not None:
                raise TypeError(f"cannot assign '{_typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)")
            d["_parameters"][name] = None
        elif isinstance(value, Module):
            if "_modules" not in d:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            d["_modules"][name] = value
        elif name in d.get("_modules", ()):
            if value is not None:
                raise TypeError(f"cannot assign '{_typename(value)}' as child module '{name}' (torch.nn.Module or None expected)")
            d["_modules"][name] = None
        elif isinstance(value, Buffer):
            if "_buffers" not in d:
                raise AttributeError("cannot assign buffers before Module.__init__() call")
            self._forget(name, "_buffers")
            self.register_buffer(name, value, persistent=getattr(value, "persistent", True))
        elif name in d.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{_typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)")
            d["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, keep: str) -> None:
        self.__dict__.pop(name, None)
        for registry in _REGISTRIES:
            if registry != keep:
                self.__dict__[registry].pop(name, None)
        if keep != "_buffers":
            self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for registry in _REGISTRIES:
            if name in self.__dict__[registry]:
                del self.__dict__[registry][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted(n for n in {*object.__dir__(self), *self._parameters, *self._buffers, *self._modules} if not n[:1].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name(name, "parameter", "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{_typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)")
        if param is not None and param.grad_fn is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express '{name}' "
                             "as a function of another Tensor, compute the value in the forward() method.")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, "buffer", "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def _check_name(self, name: str, kind: str, registry: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name: str, module: Module | None) -> None:
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {_typename(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = module

    register_module = add_module

    # -- changing ---------------------------------------------------------------------------------------------------------

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Calls `fn` on every submodule and then on the module itself."""
        for m in self.children():
            m.apply(fn)
        fn(self)
        return self

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        for m in self.children() if recurse else ():
            m._apply(fn)
        before = set_grad(False)
        try:
            for p in self._parameters.values():
                if p is not None:
                    p.data = fn(p)
                    if p._grad is not None:
                        p._grad = fn(p._grad)
            for name, b in self._buffers.items():
                if b is not None:
                    self._buffers[name] = fn(b)
        finally:
            set_grad(before)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Moves parameters and buffers to a device or, the floating-point ones, to a dtype: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`."""
        dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
        for name in kwargs:
            if name not in ("non_blocking", "memory_format", "tensor"):
                raise TypeError(f"to() got an unexpected keyword argument '{name}'")
        for a in (*args, kwargs.get("tensor")):
            if isinstance(a, dt.dtype):
                dtype = a
            elif isinstance(a, Tensor):
                dtype, device = a.dtype, a.device
            elif a is not None and not isinstance(a, bool):
                device = a
        if dtype is not None and dtype.category < 2:
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
        return self._apply(lambda t: t.to(dtype=dtype if t.dtype.category >= 2 else None, device=device))

    def share_memory(self: M) -> M:
        """Moves parameters and buffers into memory that other processes see; see `Tensor.share_memory_`."""
        return self._apply(lambda t: t.share_memory_())

    def type(self: M, dst_type: Any) -> M:
        """Casts all parameters and buffers."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self: M) -> M:
        return self.to(dtype=dt.float32)

    def double(self: M) -> M:
        return self.to(dtype=dt.float64)

    def half(self: M) -> M:
        return self.to(dtype=dt.float16)

    def bfloat16(self: M) -> M:
        return self.to(dtype=dt.bfloat16)

    def cpu(self: M) -> M:
        return self.to(device="cpu")

    def cuda(self: M, device: Any = None) -> M:
        return self.to(device="cuda" if device is None else device)

    def to_empty(self: M, *, device: Any = None, recurse: bool = True) -> M:
        """Moves to a device without copying: parameters and buffers hold anything."""
        from ...ops.creation import empty_like

        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compiles this module in place, with the options of `compile`; what it gives stays the same."""
        from ...compiler import in_place

        in_place(self, *args, **kwargs)

    def train(self: M, mode: bool = True) -> M:
        """Switches dropout, batch norm and the like to training; `train(False)` is `eval()`."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for m in self.children():
            m.train(mode)
        return self

    def eval(self: M) -> M:
        """Switches to evaluation."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Whether the parameters are learned."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or sets them to zero."""
        for p in self.parameters():
            if p._grad is not None:
                if set_to_none:
                    p._grad = None
                else:
                    p._grad = p._grad.detach()
                    p._grad.zero_()

    # -- hooks ------------------------------------------------------------------------------------------------------------

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> RemovableHandle:
        """Calls `hook(module, args, output)` (with `with_kwargs`: `args, kwargs, output`) after forward; what it returns replaces the output."""
        return _ordered(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Calls `hook(module, args)` (with `with_kwargs`: `args, kwargs`) before forward; what it returns replaces the arguments."""
        return _ordered(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` when both are known; what it returns replaces `grad_input`."""
        return _ordered(self._backward_hooks, hook, prepend)

    register_backward_hook = register_full_backward_hook

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_output)` before the module's backward; what it returns replaces `grad_output`."""
        return _ordered(self._backward_pre_hooks, hook, prepend)

    # -- text -------------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands in the brackets of the repr."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): " + "\n  ".join(repr(m).split("\n")) for name, m in self._modules.items()]
        if not children:
            return self._get_name() + "(" + (extra if len(lines) < 2 else "\n  " + "\n  ".join(lines) + "\n") + ")"
        return self._get_name() + "(\n  " + "\n  ".join([*lines, *children]) + "\n)"

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("_run", None)                            # what compile() put there is of this module, not of its copies
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _ordered(hooks: dict[int, Any], entry: Any, prepend: bool) -> RemovableHandle:
    handle = add_hook(hooks, entry)
    if prepend:
        rest = {k: v for k, v in hooks.items() if k != handle.id}
        hooks.clear()
        hooks[handle.id] = entry
        hooks.update(rest)
    return handle


def _typename(o: Any) -> str:
    if isinstance(o, Tensor):
        return str(o.type())
    name = type(o).__qualname__
    return name if type(o).__module__ == "builtins" else f"{type(o).__module__}.{name}"
