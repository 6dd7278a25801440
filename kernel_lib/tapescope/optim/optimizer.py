"""The base of all optimizers: parameter groups, state, hooks."""

from __future__ import annotations

import copy
import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.hooks import RemovableHandle, add_hook
from ..core.sparse import Rows
from ..core.state import mode, rest, set_grad
from ..core.tensor import Tensor, wrap
from .work import Work

_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_state_dict_pre", "_state_dict_post", "_load_pre", "_load_post")


class Optimizer:
    """Holds parameters in groups and changes them by their gradients.

    Subclasses define `update(group, params)`, or `step(closure)` themselves. `state[p]` is what is remembered of a parameter.
    """

    _opt_called: ClassVar[bool] = False            # set by step(); a schedule warns when it is stepped before the optimizer
    _scheduled: ClassVar[bool] = False             # a schedule has been made for it

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        for name in _HOOKS:
            setattr(self, name, OrderedDict())
        self._work = Work()
        if isinstance(params, Tensor):
            raise TypeError(f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {_typename(params)}")
        self.defaults = defaults
        self.state: Any = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _observed(vars(cls)["step"])          # type: ignore[method-assign]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own; what a group does not say is taken from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group, params = dict(param_group), param_group["params"]
        if isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
                            "between runs. Please use a list instead.")
        params = [params] if isinstance(params, Tensor) else list(params)
        named = [isinstance(p, tuple) for p in params]
        if any(named):
            if not all(named):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            group["param_names"] = [p[0] for p in params]
            params = [p[1] for p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}")
            if not self.defaults.get("differentiable") and (not (p.is_leaf or p.retains_grad)):
                raise ValueError("can't optimize a non-leaf Tensor")
        ids = {id(p) for p in params}
        if len(ids) != len(params):
            import warnings

            warnings.warn("optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                          "see github.com/pytorch/pytorch/issues/40967 for more information", stacklevel=3)
        if self.param_groups and ("param_names" in group) != ("param_names" in self.param_groups[0]):
            raise ValueError("all optimizer param groups should be with/without names. cannot add param group "
                             f"{'with' if 'param_names' in group else 'without'} names to the optimizer")
        if not ids.isdisjoint(id(p) for g in self.param_groups for p in g["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        group["params"] = params
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or sets them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    if set_to_none:
                        p._grad = None
                    else:
                        p._grad = p._grad.detach()
                        p._grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient; `closure` recomputes the loss first, and its loss is returned."""
        loss = None
        before = set_grad(False)
        try:
            if closure is not None:
                set_grad(True)
                loss = closure()
                set_grad(False)
            for group in self.param_groups:
                moved = [p for p in group["params"] if p._grad is not None]
                for p in moved:
                    if p._grad._array.__class__ is Rows:
                        self.sparse_update(group, [q for q in moved if q._grad._array.__class__ is Rows])
                        moved = [q for q in moved if q._grad._array.__class__ is not Rows]
                        break
                if group.get("differentiable"):
                    set_grad(True)
                    self.update_in_graph(group, moved)
                    set_grad(False)
                else:
                    self.update(group, moved)
        finally:
            set_grad(before)
        return loss

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Changes the parameters of one group; all have a gradient."""
        raise NotImplementedError

    def sparse_update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """`update` of parameters whose gradients are sparse."""
        name = type(self).__name__.removesuffix("W")
        raise RuntimeError(f"{name} does not support sparse gradients" + (", please consider SparseAdam instead" if name == "Adam" else ""))

    def update_in_graph(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """`update` with Tensors, so that the new parameters can be differentiated by gradients, state and old parameters."""
        raise NotImplementedError(f"differentiable=True is supported by SGD, Adam and AdamW, not by {type(self).__name__}: write the update with Tensors to "
                                  "differentiate through it")

    # -- state ------------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and groups with parameters as numbers, in PyTorch's format; the tensors are the optimizer's own."""
        for hook in list(self._state_dict_pre.values()):             # type: ignore[attr-defined]
            hook(self)
        number: dict[int, int] = {}
        for g in self.param_groups:
            for p in g["params"]:
                number.setdefault(id(p), len(number))
        groups = [{**{k: v for k, v in g.items() if k != "params"}, "params": [number[id(p)] for p in g["params"]]} for g in self.param_groups]
        found: dict[str, Any] = {"state": {number[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}, "param_groups": groups}
        for hook in list(self._state_dict_post.values()):            # type: ignore[attr-defined]
            found = hook(self, found) or found
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes a state over, cast to dtype and device of the parameters."""
        state_dict = dict(state_dict)
        for hook in list(self._load_pre.values()):                   # type: ignore[attr-defined]
            state_dict = hook(self, state_dict) or state_dict
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(saved, self.param_groups, strict=True)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        params = {i: p for a, b in zip(saved, self.param_groups, strict=True) for i, p in zip(a["params"], b["params"], strict=True)}
        self.state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            self.state[params.get(key, key)] = _fitting(params[key], value) if key in params else value
        for mine, given in zip(self.param_groups, saved, strict=True):
            given["params"] = mine["params"]
            given.setdefault("param_names", mine["param_names"]) if "param_names" in mine else None
        self.param_groups = [{**self.defaults, **g} for g in saved]
        self._work.forget()
        for hook in list(self._load_post.values()):                  # type: ignore[attr-defined]
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._work = Work()
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())

    def __repr__(self) -> str:
        groups = ["\n".join([f"Parameter Group {i}", *[f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]])
                  for i, group in enumerate(self.param_groups)]
        return f"{type(self).__name__} (\n" + "\n\n".join(groups) + "\n)"

    # -- hooks ------------------------------------------------------------------------------------------------------------

    def _hook(self, name: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        hooks = getattr(self, name)
        handle = add_hook(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before every step; it may return new `(args, kwargs)`."""
        return self._hook("_optimizer_step_pre_hooks", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after every step."""
        return self._hook("_optimizer_step_post_hooks", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` before `state_dict`."""
        return self._hook("_state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` after `state_dict`; it may return another."""
        return self._hook("_state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before loading; it may return another."""
        return self._hook("_load_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` after loading."""
        return self._hook("_load_post", hook, prepend)


def _typename(o: Any) -> str:
    return str(o.type()) if isinstance(o, Tensor) else type(o).__name__


def _fitting(p: Tensor, value: Any, key: Any = None) -> Any:
    """A loaded value as the parameter needs it; step counts stay as they are."""
    if isinstance(value, Tensor):
        if key == "step":
            return value
        return value.to(dtype=p.dtype if p.dtype.is_floating_point else None, device=p.device)
    if isinstance(value, dict):
        return {k: _fitting(p, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_fitting(p, v) for v in value)
    return value


def _observed(step: Callable[..., Any]) -> Callable[..., Any]:
    """Runs hooks around a step and tells the sink."""
    if getattr(step, "_observed", False):
        return step

    @functools.wraps(step)
    def wrapped(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True                              # type: ignore[misc]
        for hook in list(self._optimizer_step_pre_hooks.values()):           # type: ignore[attr-defined]
            result = hook(self, (self, *args), kwargs)                       # with the optimizer itself, as PyTorch hands them over
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
                (_, *args), kwargs = result
        sink = mode.sink
        if sink is None:
            result = step(self, *args, **kwargs)
        else:
            sink.update_begin(self)
            try:
                result = step(self, *args, **kwargs)
            finally:
                sink.update_end(self)
        for hook in list(self._optimizer_step_post_hooks.values()):          # type: ignore[attr-defined]
            hook(self, (self, *args), kwargs)
        if rest.call is not None:
            rest.call()
        return result

    wrapped._observed = True                               # type: ignore[attr-defined]
    return wrapped


Optimizer.step = _observed(Optimizer.step)                 # type: ignore[method-assign]


def zeros_like(p: Tensor) -> Tensor:
    """State of a parameter's size, contiguous."""
    return wrap(np.zeros_like(p._array, order="C"))


def counter() -> Tensor:
    """A step count, a tensor as in PyTorch so that states can be exchanged."""
    return wrap(np.zeros((), np.float32))


def count(state: dict[str, Any]) -> float:
    """One step more; how many there are now."""
    a = state["step"]._array
    a += 1
    return float(a)


_WORDS = {"lr": "learning rate", "eps": "epsilon value"}


def non_negative(**values: Any) -> None:
    """Raises PyTorch's errors for hyperparameters below zero."""
    for name, value in values.items():
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise ValueError(f"Tensor {name} must be 1-element")
            value = value.item()
        if not value >= 0.0:
            raise ValueError(f"Invalid {_WORDS.get(name, name + ' value')}: {value}")


def decays(betas: tuple[Any, Any]) -> None:
    """Raises PyTorch's error for a decay of moments outside [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0.0 <= number(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def one_element(lr: Any) -> None:
    """Refuses a rate that is several numbers."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def number(value: Any) -> float:
    """A hyperparameter that may be a one-element tensor."""
    return float(value.item()) if isinstance(value, Tensor) else value


def exclusive(foreach: Any, fused: Any, differentiable: bool) -> None:
    """Refuses what PyTorch refuses of its implementation switches; here they choose nothing."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

