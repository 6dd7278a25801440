"""`torch.compile` and `torch.compiler`: functions whose ops are known run without what stands around them.

A compiled function is heard in its first two calls of a signature (shapes, dtypes, numbers, grad mode). When both did the same, from then on a straight line of
NumPy calls runs in its place: no Tensors, no module calls, no events, and chains of elementwise ops piece by piece. It runs as it is written wherever that
would not be the same: when gradients are needed, while a recording or a debugger listens, when Python looks at values, when it draws random numbers, changes
something in place, has hooks, reads the clock, or prints. What it read besides its arguments (globals, closures, attributes) is compared in every call, and
at the 4th, 8th, 16th ... call it is heard again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nn.modules.module import Module
from .compiled import Compiled, off
from .module import OptimizedModule, compile_in_place

__all__ = ["Compiled", "OptimizedModule", "compile", "disable", "is_compiling", "is_dynamo_compiling", "list_backends", "reset", "set_stance"]


def compile(model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = "tapescope", mode: str | None = None,
            options: dict[str, Any] | None = None, disable: bool = False) -> Any:
    """A function or module that gives the same, sooner where no gradients are needed; also a decorator, with or without options.

    `fullgraph=True` raises RuntimeError, with the reason, where it would fall back to what is written. `dynamic`, `backend`, `mode` and `options` are
    PyTorch's and choose nothing here. `compiled.report()` says what was compiled and what was not, and why.

    >>> import tapescope as ts
    >>> @ts.compile
    ... def f(x):
    ...     return (x.sin() * 2 + 1).exp()
    >>> x = ts.ones(3)
    >>> all(ts.equal(f(x), (x.sin() * 2 + 1).exp()) for _ in range(4))
    True
    >>> print(f.report().splitlines()[0])
    f: 2 calls compiled, 2 as written
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if model is None:
        def decorate(given: Any) -> Any:
            if given is None:
                raise RuntimeError("Model can't be None")
            return compile(given, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable)

        return decorate
    if disable:
        return model
    if isinstance(model, Module):
        return OptimizedModule(model, fullgraph)
    if not callable(model):
        raise RuntimeError(f"compile() takes a function or a module, not a {type(model).__name__}")
    return Compiled(model, fullgraph)


def disable(fn: Any = None, recursive: bool = True) -> Any:
    """A function that runs as it is written, and everything that it calls, too."""
    if fn is None:
        return lambda given: disable(given, recursive)
    from functools import wraps

    @wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        off.count += 1
        try:
            return fn(*args, **kwargs)
        finally:
            off.count -= 1

    return call


class set_stance:
    """`set_stance("force_eager")` holds compilation off, `"default"` allows it; in a `with` block or for good."""

    def __init__(self, stance: str = "default") -> None:
        if stance not in ("default", "force_eager", "eager_on_recompile"):
            raise RuntimeError(f"invalid torch.compile stance {stance!r}; there are 'default', 'force_eager' and 'eager_on_recompile'")
        self._before, off.count = off.count, int(stance == "force_eager")

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None:
        off.count = self._before


def is_compiling() -> bool:
    """False: a function that is heard runs as it is written."""
    return False


is_dynamo_compiling = is_compiling


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """There is one."""
    return ["tapescope"]


def reset() -> None:
    """Nothing is kept beside the compiled functions themselves."""


def in_place(module: Module, *args: Any, **kwargs: Any) -> None:
    """`module.compile()`."""
    compile_in_place(module, bool(kwargs.get("fullgraph", False)))


_Function = Callable[..., Any]
