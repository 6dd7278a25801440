"""What a function could read besides its arguments: globals, closures, attributes of modules and objects. A captured sequence holds while none of it changes."""

from __future__ import annotations

import collections
import dis
import gc
import sys
import types
from operator import is_
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..nn.modules.module import Module

MOST = 5000                             # objects; a function that can reach more is not captured
SMALL = 4096                            # bytes of a NumPy array whose contents are compared in every call
ATOMS = (type(None), bool, int, float, complex, str, bytes, types.BuiltinFunctionType, np.dtype, np.ufunc, np.generic, range, slice,
         types.MethodWrapperType, types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType)
_VALUES = frozenset((bool, int, float, complex, str, bytes))
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Whose classes, modules and functions do not change while a program runs.
_SETTLED = frozenset(sys.stdlib_module_names) | {"tapescope", "numpy", "__future__"}


def _settled(name: Any) -> bool:
    return isinstance(name, str) and name.split(".")[0] in _SETTLED and name != "__main__"


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
        self._classes: list[tuple[type, int, tuple[Any, ...]]] = []
        self._slots: list[tuple[Any, tuple[str, ...], tuple[Any, ...]]] = []
        self._arrays: list[tuple[Any, bytes]] = []
        self._globals: list[tuple[dict[str, Any], tuple[str, ...], tuple[Any, ...]]] = []
        self._codes = codes
        self._words = {n for code in codes for n in _all_names(code)}
        for root in roots:
            self._visit(root)
        for code, space in codes.items():
            self._read_globals(code, space)
            if set(code.co_freevars) - {"__class__"}:
                for f in gc.get_referrers(code):
                    if isinstance(f, types.FunctionType):
                        self._visit(f)

    def _read_globals(self, code: types.CodeType, space: dict[str, Any]) -> None:
        names = tuple(n for n in _global_names(code) if n in space)
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
        elif isinstance(x, (list, set, frozenset, tuple, collections.deque)):
            items = tuple(x)
            if not isinstance(x, (tuple, frozenset)):
                self._lists.append((x, items)) if items else self._empty.append(x)
            for v in items:
                self._visit(v)
        elif isinstance(x, types.MethodType):
            self._visit(x.__self__)
            self._visit(x.__func__)
        elif isinstance(x, types.ModuleType):
            if not _settled(x.__name__):                   # of a module of the user's, what its names could mean
                names = tuple(n for n in self._words if n in vars(x))
                values = tuple(vars(x)[n] for n in names)
                self._globals.append((vars(x), names, values))
                for v in values:
                    self._visit(v)
        elif isinstance(x, type):
            if not _settled(x.__module__):
                values = tuple(vars(x).values())
                self._classes.append((x, len(values), values))
                for v in (*values, *x.__mro__[1:]):
                    self._visit(v)
        elif isinstance(x, (staticmethod, classmethod)):
            self._visit(x.__func__)
        elif isinstance(x, property):
            self._visit((x.fget, x.fset))
        elif isinstance(x, np.ndarray):
            if x.nbytes > SMALL or x.dtype.hasobject:
                raise Unwatchable(f"it can reach a NumPy array of {x.nbytes:,} bytes, which may change unseen; a tensor may be of any size")
            self._arrays.append((x, x.tobytes()))
        elif isinstance(x, types.FunctionType):
            if _settled(x.__module__):
                return
            self._visit(x.__dict__)
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
        else:
            self._visit(type(x))
            if isinstance(getattr(x, "__dict__", None), dict):
                self._visit(x.__dict__)
            names = tuple(n for c in type(x).__mro__ if not _settled(c.__module__) for n in _slots_of(c) if hasattr(x, n))
            if names:
                values = tuple(getattr(x, n) for n in names)
                self._slots.append((x, names, values))
                for v in values:
                    self._visit(v)

    def same(self) -> bool:
        """Whether nothing that could be read has been replaced."""
        if any(self._empty):
            return False
        for d, n, values in self._dicts:
            if len(d) != n or not (all(map(is_, d.values(), values)) or all(map(_alike, d.values(), values))):
                return False
        for items, kept in self._lists:
            if len(items) != len(kept) or not all(map(_alike, items, kept)):
                return False
        for cell, content in self._cells:
            try:
                if not _alike(cell.cell_contents, content):
                    return False
            except ValueError:
                return False
        for cls, n, values in self._classes:
            now = vars(cls).values()
            if len(now) != n or not all(map(_alike, now, values)):
                return False
        for x, names, values in self._slots:
            if not all(_alike(getattr(x, n, self), v) for n, v in zip(names, values, strict=True)):
                return False
        for a, content in self._arrays:
            if a.tobytes() != content:
                return False
        return all(_alike(space.get(n, self), v) for space, names, values in self._globals for n, v in zip(names, values, strict=True))


def _alike(a: Any, b: Any) -> bool:
    """The very same, or the same number or text."""
    return a is b or (type(a) is type(b) and type(a) in _VALUES and a == b)


def _slots_of(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return tuple(n for n in ((slots,) if isinstance(slots, str) else slots) if n not in ("__dict__", "__weakref__"))


def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """Names that a code object, and what is defined inside it, looks up as globals; attributes are other names."""
    own = (i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    inner = (n for c in code.co_consts if isinstance(c, types.CodeType) for n in _global_names(c))
    return tuple(dict.fromkeys((*own, *inner)))


def _all_names(code: types.CodeType) -> tuple[str, ...]:
    """Names that a code object, and what is defined inside it, may look up."""
    inner = (n for c in code.co_consts if isinstance(c, types.CodeType) for n in _all_names(c))
    return tuple(dict.fromkeys((*code.co_names, *inner)))
