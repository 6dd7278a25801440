"""What a function could read besides its arguments: globals, closures, attributes of modules and objects. A captured sequence holds while none of it changes."""

from __future__ import annotations

import gc
import types
from operator import is_
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..nn.modules.module import Module

MOST = 5000                             # objects; a function that can reach more is not captured
ATOMS = (type(None), bool, int, float, complex, str, bytes, type, types.ModuleType, types.BuiltinFunctionType, np.dtype, np.ufunc, np.generic, range, slice,
         property, staticmethod, classmethod, types.MethodWrapperType, types.WrapperDescriptorType, types.MethodDescriptorType)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Unwatchable(Exception):
    """There is state that cannot be seen."""


class Watch:
    """Everything reachable from some roots, as it was; `same()` says whether it still is. Tensors count as themselves: what is in them is read anew."""

    def __init__(self, roots: list[Any], codes: dict[types.CodeType, dict[str, Any]]) -> None:
        self.tensors: dict[int, Tensor] = {}
        self._seen: dict[int, Any] = {}
        self._dicts: list[tuple[dict[Any, Any], int, tuple[Any, ...]]] = []
        self._empty: list[Any] = []                        # what was empty: hooks, most of all
        self._lists: list[tuple[Any, tuple[Any, ...]]] = []
        self._cells: list[tuple[Any, Any]] = []
        self._globals: list[tuple[dict[str, Any], tuple[str, ...], tuple[Any, ...]]] = []
        self._codes = codes
        for root in roots:
            self._visit(root)
        for code, space in codes.items():
            self._read_globals(code, space)
            if set(code.co_freevars) - {"__class__"}:
                for f in gc.get_referrers(code):
                    if isinstance(f, types.FunctionType):
                        self._visit(f)

    def _read_globals(self, code: types.CodeType, space: dict[str, Any]) -> None:
        names = tuple(n for n in _all_names(code) if n in space)
        values = tuple(space[n] for n in names)
        self._globals.append((space, names, values))
        for v in values:
            self._visit(v)

    def _visit(self, x: Any) -> None:
        if isinstance(x, ATOMS) or id(x) in self._seen:
            return
        if len(self._seen) > MOST:
            raise Unwatchable("it can reach too many objects")
        self._seen[id(x)] = x
        inside = getattr(type(x), "watched", None)         # compiled functions count their calls, which is nobody's state
        if inside is not None and type(x).__module__.startswith("tapescope.compiler"):
            for v in inside(x):
                self._visit(v)
        elif isinstance(x, Tensor):
            self.tensors[id(x)] = x
        elif isinstance(x, dict):
            if x:
                self._dicts.append((x, len(x), tuple(x.values())))
            else:
                self._empty.append(x)
            for v in x.values():
                self._visit(v)
        elif isinstance(x, (list, set, frozenset, tuple)):
            items = tuple(x)
            if not isinstance(x, (tuple, frozenset)):
                self._lists.append((x, items)) if items else self._empty.append(x)
            for v in items:
                self._visit(v)
        elif isinstance(x, types.MethodType):
            self._visit(x.__self__)
            self._visit(x.__func__)
        elif isinstance(x, types.FunctionType):
            if x.__module__ and x.__module__.split(".")[0] in ("tapescope", "numpy"):
                return
            for cell in x.__closure__ or ():
                try:
                    content = cell.cell_contents
                except ValueError:
                    continue
                self._cells.append((cell, content))
                self._visit(content)
            self._visit(x.__defaults__ or ())
            self._visit(x.__kwdefaults__ or {})
        elif isinstance(x, Module) and any(x.__dict__.get(h) for h in _HOOKS):
            raise Unwatchable(f"{type(x).__name__} has hooks")
        elif hasattr(x, "__dict__") and not isinstance(x, np.ndarray):
            self._visit(vars(x) if isinstance(vars(x), dict) else {})
        # what is left has no state that Python code can see by itself: arrays become tensors of unknown origin where they are used

    def same(self) -> bool:
        """Whether nothing that could be read has been replaced."""
        if any(self._empty):
            return False
        for d, n, values in self._dicts:
            if len(d) != n or not all(map(is_, d.values(), values)):
                return False
        for items, kept in self._lists:
            if len(items) != len(kept) or not all(map(is_, items, kept)):
                return False
        for cell, content in self._cells:
            try:
                if cell.cell_contents is not content:
                    return False
            except ValueError:
                return False
        return all(space.get(n, self) is v for space, names, values in self._globals for n, v in zip(names, values, strict=True))


def _all_names(code: types.CodeType) -> tuple[str, ...]:
    """Names that a code object, and what is defined inside it, may look up."""
    inner = (n for c in code.co_consts if isinstance(c, types.CodeType) for n in _all_names(c))
    return tuple(dict.fromkeys((*code.co_names, *inner)))
