"""The base of all optimizers: parameter groups, state, hooks."""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.hooks import RemovableHandle, add_hook
from ..core.state import mode, set_grad
from ..core.tensor import Tensor, wrap

BLOCK = 16384                      # elements worked on at a time: 64 KiB of float32 stay in the cache


class Optimizer:
    """Holds parameters in groups and changes them by their gradients. Subclasses define `update(group)`."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {type(params).__name__}")
        self.defaults = defaults
        self.state: Any = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._pre: dict[int, Any] = OrderedDict()
        self._post: dict[int, Any] = OrderedDict()
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _observed(vars(cls)["step"])          # type: ignore[method-assign]

    def add_param_group(self, group: dict[str, Any]) -> None:
        if not isinstance(group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(group).__name__}")
        params = group["params"]
        if isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
                            "between runs. Please use a list instead.")
        params = [params] if isinstance(params, Tensor) else [p[1] if isinstance(p, tuple) else p for p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        known = {id(p) for g in self.param_groups for p in g["params"]}
        if known & {id(p) for p in params}:
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append({**self.defaults, **group, "params": params})

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    if set_to_none:
                        p._grad = None
                    else:
                        p._grad._array[...] = 0
                        p._grad.bump()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient; `closure` recomputes the loss first."""
        loss = None
        if closure is not None:
            before = set_grad(True)
            try:
                loss = closure()
            finally:
                set_grad(before)
        for group in self.param_groups:
            self.update(group, [p for p in group["params"] if p._grad is not None])
        return loss

    def update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not define update()")

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return add_hook(self._pre, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return add_hook(self._post, hook)

    def state_dict(self) -> dict[str, Any]:
        number = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**{k: v for k, v in g.items() if k != "params"}, "params": [number[id(p)] for p in g["params"]]} for g in self.param_groups]
        state = {number[id(p)]: {k: wrap(v) if isinstance(v, np.ndarray) else v for k, v in s.items()} for p, s in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, self.param_groups, strict=True)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        params = [p for g in self.param_groups for p in g["params"]]
        order = [i for g in groups for i in g["params"]]
        self.state = defaultdict(dict)
        for i, p in zip(order, params, strict=True):
            if i in state_dict["state"]:
                self.state[p] = {k: np.array(v._array) if isinstance(v, Tensor) and v.ndim else v.item() if isinstance(v, Tensor) else v
                                 for k, v in state_dict["state"][i].items()}
        for mine, given in zip(self.param_groups, groups, strict=True):
            mine.update({k: v for k, v in given.items() if k != "params"})

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])


def _observed(step: Callable[..., Any]) -> Callable[..., Any]:
    """Runs hooks and tells the sink around a step; gradients are off inside."""
    if getattr(step, "_observed", False):
        return step

    @functools.wraps(step)
    def wrapped(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._pre.values()):
            hook(self, args, kwargs)
        sink = mode.sink
        if sink is not None:
            sink.update_begin(self)
        before = set_grad(False)
        try:
            result = step(self, *args, **kwargs)
        finally:
            set_grad(before)
            if sink is not None:
                sink.update_end(self)
        for hook in list(self._post.values()):
            hook(self, args, kwargs)
        return result

    wrapped._observed = True                               # type: ignore[attr-defined]
    return wrapped


Optimizer.step = _observed(Optimizer.step)                 # type: ignore[method-assign]


def blocks(*arrays: Any) -> Iterable[tuple[Any, ...]]:
    """The same stretches of equally large arrays, as flat views: all of them when small, else cache-sized blocks."""
    first = arrays[0]
    if first.size <= BLOCK or not all(a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, first.size, BLOCK):
        yield tuple(a[i:i + BLOCK] for a in flat)


def non_negative(**values: float) -> None:
    """Raises PyTorch's errors for hyperparameters below zero."""
    words = {"lr": "learning rate", "eps": "epsilon value", "weight_decay": "weight_decay value", "momentum": "momentum value"}
    for name, value in values.items():
        if not isinstance(value, Tensor) and not value >= 0.0:
            raise ValueError(f"Invalid {words.get(name, name)}: {value}")
