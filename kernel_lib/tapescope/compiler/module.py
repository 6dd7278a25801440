"""Modules, compiled: around another module as PyTorch's `OptimizedModule`, or in place by `module.compile()`."""

from __future__ import annotations

from typing import Any

from ..nn.modules.module import Module
from .compiled import Compiled


class OptimizedModule(Module):
    """What `compile(module)` gives: the module itself stands in `_orig_mod`, and everything but the call is its."""

    def __init__(self, module: Module, fullgraph: bool = False) -> None:
        super().__init__()
        self._orig_mod = module
        self.__dict__["_compiled"] = Compiled(module, fullgraph, [module])
        self.training = module.training

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["_compiled"](*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self(*args, **kwargs)

    def report(self) -> str:
        """What was compiled and what was not, and why."""
        made: str = self.__dict__["_compiled"].report()
        return made

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "_orig_mod":
                raise
            return getattr(self._orig_mod, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> OptimizedModule:
        from copy import deepcopy

        return OptimizedModule(deepcopy(self._orig_mod, memo), self.__dict__["_compiled"]._fullgraph)

    def __reduce__(self) -> Any:
        return OptimizedModule, (self._orig_mod, self.__dict__["_compiled"]._fullgraph)


class Run:
    """Stands in a module's `_run` after `module.compile()`; copies of the module run as they are written."""

    def __init__(self, module: Module, fullgraph: bool) -> None:
        def written(*args: Any, **kwargs: Any) -> Any:
            return type(module)._run(module, args, kwargs)

        written.__qualname__ = type(module).__name__
        self.compiled = Compiled(written, fullgraph, [module])

    def watched(self) -> list[Any]:
        """Nothing: the module itself is looked at."""
        return []

    def __call__(self, args: Any, kwargs: Any) -> Any:
        return self.compiled(*args, **kwargs)


def compile_in_place(module: Module, fullgraph: bool) -> None:
    """From now on calls of this module are compiled."""
    module.__dict__["_run"] = Run(module, fullgraph)
