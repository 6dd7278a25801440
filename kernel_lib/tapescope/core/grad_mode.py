"""`no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`: context managers that are decorators too."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .state import mode, set_grad


class _Switch:
    """Sets the grad mode of this thread inside a block or a function (generators included) and restores it after."""

    enabled: bool = False

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._before: list[bool] = []
        self._function = function

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        if callable(function) and not isinstance(function, bool):
            return cls()(function)                         # `@no_grad` without parentheses
        return object.__new__(cls)

    def __enter__(self) -> None:
        self._before.append(set_grad(self.enabled))

    def __exit__(self, *exc: object) -> None:
        set_grad(self._before.pop())

    def _clone(self) -> _Switch:
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):
            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                inner = function(*args, **kwargs)
                value: Any = None
                while True:
                    with self._clone():
                        try:
                            out = inner.send(value)
                        except StopIteration as end:
                            return end.value
                    value = yield out
            return generator

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._clone():
                return function(*args, **kwargs)
        return wrapped


class no_grad(_Switch):
    """Does not record gradients."""

    enabled = False


class enable_grad(_Switch):
    """Records gradients, also inside `no_grad`."""

    enabled = True


class inference_mode(_Switch):
    """Does not record gradients; `inference_mode(False)` records them, as PyTorch's does."""

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls, mode if callable(mode) else None)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.on = bool(mode)
        self._outer: list[bool] = []

    def __enter__(self) -> None:
        self._outer.append(mode.inference)
        mode.inference = self.on
        self._before.append(set_grad(not self.on))

    def __exit__(self, *exc: object) -> None:
        mode.inference = self._outer.pop()
        super().__exit__(*exc)

    def _clone(self) -> _Switch:
        return inference_mode(self.on)


class set_grad_enabled(_Switch):
    """Turns recording on or off, at once; as a context manager it restores what was before."""

    def __new__(cls, mode: bool) -> Any:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.enabled = bool(mode)
        self._at_once: bool | None = set_grad(self.enabled)

    def __enter__(self) -> None:
        before = self._at_once if self._at_once is not None else mode.grad
        self._at_once = None
        set_grad(self.enabled)
        self._before.append(before)

    def _clone(self) -> _Switch:
        return _Fixed(self.enabled)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if self._at_once is not None:                      # used as a decorator: undo what the constructor did
            set_grad(self._at_once)
            self._at_once = None
        return super().__call__(function)


class _Fixed(_Switch):
    def __new__(cls, enabled: bool) -> Any:
        return object.__new__(cls)

    def __init__(self, enabled: bool) -> None:
        super().__init__()
        self.enabled = enabled


def is_grad_enabled() -> bool:
    """Whether ops in this thread are recorded for backward."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is within `inference_mode`."""
    return mode.inference
