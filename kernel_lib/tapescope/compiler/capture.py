"""Hearing a function run: its ops with their parameters, in order, and all that speaks against running them again in its place."""

from __future__ import annotations

import builtins
import gc
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import op as core_op
from ..core.grad_mode import is_grad_enabled, no_grad
from ..core.inplace import run_inplace
from ..core.random import default_generator
from ..core.site import PACKAGES
from ..core.state import set_sink
from ..core.tensor import Tensor
from ..ops import creation
from ..ops.api_reduce import allclose, equal
from .kinds import MATRICES, POINTWISE, refused
from .program import Program, Ref, Step

# Methods by which values become Python's, or that do what ops do not tell of.
_LEAKS = ("item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__", "__complex__", "__array__", "__contains__", "__repr__", "__format__", "__dlpack__",
          "data_ptr", "__deepcopy__", "backward", "requires_grad_", "register_hook", "retain_grad")
LEAKS = {getattr(Tensor, n).__code__: f"Tensor.{n}()" for n in _LEAKS} | {
    equal.__code__: "equal()", allclose.__code__: "allclose()", is_grad_enabled.__code__: "is_grad_enabled()"}
# What makes tensors of shapes and numbers only.
_MAKERS = {getattr(creation, n).__code__ for n in "zeros zeros_like full full_like arange linspace eye tril_indices triu_indices".split()}
_IMPURE = {"time", "random", "_random", "posix", "os", "io", "_io", "secrets", "uuid", "socket", "datetime", "threading", "_thread", "itertools"}
_TALKS = {builtins.next, builtins.print, builtins.input, builtins.open, builtins.exec, builtins.eval, builtins.setattr, builtins.delattr}


class Refused(Exception):
    """Why a function is not captured."""


class Mark(NamedTuple):
    """A value while a function is heard: an input, something held, a constant or a result, and which."""

    kind: str
    n: int


class Loose:
    """An array that an op reads, whose tensor is still to be found."""

    def __init__(self, array: Any) -> None:
        self._array, self._req = array, False


class Trace:
    """A sink that hears one call. `strict` refuses what makes a sequence valid for these values only; else it is told to `warn`."""

    def __init__(self, warn: Callable[[str], None] | None = None) -> None:
        self.warn = warn
        self.reason = ""
        self.inputs: list[Tensor] = []
        self.held: list[Any] = []
        self.constants: list[Any] = []
        self.steps: list[Step] = []
        self.codes: dict[types.CodeType, dict[str, Any]] = {}
        self._where: dict[int, Mark] = {}                  # by the id of a Tensor or of an array
        self._alive: list[Any] = []
        self._results = 0

    # -- values ------------------------------------------------------------------------------------------------------------

    def _know(self, t: Any, kind: str, n: int) -> None:
        self._alive += [t, t._array]
        self._where[id(t)] = self._where[id(t._array)] = Mark(kind, n)

    def _find(self, t: Tensor) -> Any:
        known = self._where.get(id(t)) or self._where.get(id(t._array))
        if known is None:                                  # it was there before, or its origin is unknown: the watch will tell
            known = Mark("h", len(self.held))
            self.held.append(t)
            self._know(t, *known)
        return known

    def refuse(self, reason: str) -> None:
        self.reason = self.reason or reason

    # -- the sink ------------------------------------------------------------------------------------------------------------

    def op(self, op: Any, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], node: Any, site: Any, t0: int, t1: int) -> None:
        frame = sys._getframe(1)
        if self.reason:
            return
        if frame.f_code is run_inplace.__code__ and self._overwrites(op, frame.f_locals):
            return None
        if frame.f_code is not core_op.run.__code__:
            return self.refuse(f"{op.label} changes a tensor in place, or is a function of its own")
        operands, params = frame.f_locals["operands"], frame.f_locals["params"]
        why = refused(op.name, params)
        if why:
            return self.refuse(why)
        taken = [self._find(x) if isinstance(x, Tensor) else _plain(x, self) for x in operands]
        given = [self._param(p, op.name in MATRICES) for p in params]
        outs = []
        for o in outputs:
            outs.append(self._results)
            self._know(o, "r", self._results)
            self._results += 1
        arrays = [o._array for o in outputs]
        plain = all(a.flags.c_contiguous for a in arrays) and all(t._array.flags.c_contiguous for t in inputs)
        alike = arrays[0].dtype.kind == "f" and all(t._array.dtype == arrays[0].dtype for t in inputs)
        self.steps.append(Step(op, tuple(taken), tuple(given), tuple(outs), tuple(a.shape for a in arrays), tuple(a.dtype for a in arrays), plain, alike))

    def _overwrites(self, op: Any, given: dict[str, Any]) -> bool:
        """An elementwise change of what was made here and nobody else sees, as `ReLU(inplace=True)` makes it: the same op, with a new value."""
        t, others = given["t"], given["others"]
        known = self._where.get(id(t))
        a = t._array
        if (known is None or known[0] != "r" or op.name not in POINTWISE or a.dtype.kind != "f"
                or any(x._array.dtype != a.dtype if isinstance(x, Tensor) else type(x) not in (int, float) for x in others)):
            return False
        if any(b is not a and np.may_share_memory(a, b) for b in self._alive if isinstance(b, np.ndarray)):
            return False
        operands = (known, *[self._find(x) if isinstance(x, Tensor) else x for x in others])
        new = self._results
        self._results += 1
        plain = a.flags.c_contiguous and all(x._array.flags.c_contiguous for x in others if isinstance(x, Tensor))
        self.steps.append(Step(op, operands, tuple(_plain(p, self) for p in given["params"]), (new,), (a.shape,), (a.dtype,), plain, True))
        self._where[id(t)] = self._where[id(a)] = Mark("r", new)
        return True

    def _param(self, p: Any, matrices: bool = False) -> Any:
        if matrices and isinstance(p, (tuple, list)):
            return tuple(self._param(v, True) for v in p)
        if matrices and isinstance(p, np.ndarray):
            self.constants.append(p.copy())
            return Mark("c", len(self.constants) - 1)
        if isinstance(p, np.ndarray):
            known = self._where.get(id(p))
            if known is None:                              # a buffer that only its array is read of, or an index of unknown origin
                known = Mark("h", len(self.held))
                self.held.append(Loose(p))
                self._alive.append(p)
                self._where[id(p)] = known
            return known
        return _plain(p, self)

    def module_enter(self, module: Any, args: Any, site: Any, t0: int) -> None:
        if any(module.__dict__.get(h) for h in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")):
            self.refuse(f"{type(module).__name__} has hooks")

    def module_exit(self, module: Any, output: Any, t1: int) -> None: ...

    def log(self, kind: str, tag: str, value: Any, step: Any, meta: Any) -> None:
        self.refuse("it writes to a log")

    def backward_begin(self, roots: Any, site: Any) -> None:
        self.refuse("it runs a backward pass")

    def update_begin(self, optimizer: Any) -> None:
        self.refuse("it runs an optimizer")

    def __getattr__(self, name: str) -> Any:
        if name in ("node", "accumulate", "backward_end", "update_end", "treated"):
            return lambda *a: None
        raise AttributeError(name)

    # -- what Python does meanwhile ------------------------------------------------------------------------------------------------

    def _profile(self, frame: Any, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call":
            leak = LEAKS.get(code)
            if leak is not None:
                self._leak(leak, frame)
            elif frame.f_globals.get("__package__") not in PACKAGES and code not in self.codes and not _library(frame):
                self.codes[code] = frame.f_globals
        elif event == "return":
            if code in _MAKERS and isinstance(arg, Tensor) and id(arg) not in self._where:
                self._know(arg, "c", len(self.constants))
                self.constants.append(arg._array.copy())
        elif event == "c_call" and arg is warnings.warn:
            self.refuse("it warns")
        elif event == "c_call" and frame.f_globals.get("__package__") not in PACKAGES and not _library(frame):
            owner = getattr(arg, "__self__", None)
            where = {getattr(arg, "__module__", None), type(owner).__module__, getattr(owner, "__module__", None), getattr(owner, "__name__", None)}
            if arg in _TALKS or any(str(w).split(".")[0] in _IMPURE or str(w).startswith("numpy.random") for w in where if w):
                self.refuse(f"{code.co_name}() calls {arg.__name__}()")

    def _leak(self, leak: str, frame: Any) -> None:
        if self.warn is None or leak in ("Tensor.backward()", "is_grad_enabled()"):
            caller = frame.f_back
            while caller is not None and caller.f_globals.get("__package__") in PACKAGES:
                caller = caller.f_back
            at = f" in {caller.f_code.co_name}, line {caller.f_lineno}" if caller is not None else ""
            if leak != "is_grad_enabled()" or self.grad:
                self.refuse(f"Python looks at a value: {leak}{at}")
        elif leak not in ("Tensor.__repr__()", "Tensor.__format__()"):
            self.warn(leak)

    # -- running ------------------------------------------------------------------------------------------------------------------

    def run(self, function: Callable[..., Any], args: Any, kwargs: Any, tensors: list[Tensor], grad: bool) -> Any:
        """Calls the function, with gradients off, and hears it."""
        self.grad = grad
        for i, t in enumerate(tensors):
            if id(t) not in self._where:
                self._know(t, "i", i)
            self.inputs.append(t)
        versions = [t._version for t in tensors]
        state = default_generator.get_state()._array.tobytes()
        before = sys.getprofile()
        if before is not None:
            raise Refused("a profiler is running")
        collecting = gc.isenabled()
        gc.disable()                                       # whose callbacks are not the function's doing
        listener = set_sink(self)
        sys.setprofile(self._profile)
        try:
            with no_grad():
                result = function(*args, **kwargs)
        finally:
            sys.setprofile(None)
            set_sink(listener)
            if collecting:
                gc.enable()
        if default_generator.get_state()._array.tobytes() != state:
            self.refuse("it draws random numbers")
        if [t._version for t in tensors] != versions:
            self.refuse("it changes an argument in place")
        return result

    def program(self, results: list[Tensor]) -> Program:
        """The sequence that gives these results; raises Refused."""
        if self.reason:
            raise Refused(self.reason)
        start = {"i": 0, "h": len(self.inputs), "c": len(self.inputs) + len(self.held), "r": len(self.inputs) + len(self.held) + len(self.constants)}

        def ref(x: Any) -> Any:
            return Ref(start[x.kind] + x.n) if type(x) is Mark else tuple(map(ref, x)) if type(x) is tuple else x

        steps = [Step(s.op, tuple(map(ref, s.operands)), tuple(map(ref, s.params)), tuple(start["r"] + n for n in s.outs), s.shapes, s.dtypes, s.plain, s.alike)
                 for s in self.steps]
        made = {s.outs[k]: s for s in self.steps for k in range(len(s.outs))}
        outputs = []
        for t in results:
            known = self._where.get(id(t))
            if known is None or known[0] != "r":
                raise Refused("a result is an argument, a constant or of unknown origin")
            self._fresh(made, known[1])
            outputs.append(start["r"] + known[1])
        return Program(len(self.inputs), self.held, self.constants, steps, outputs).pruned()

    def _fresh(self, made: dict[int, Step], n: int) -> None:
        """A result that is a view must view something that is made here."""
        while made[n].op.view or made[n].op.name in ("reshape", "to_copy"):
            above: Any = made[n].operands[0]
            if above[0] != "r":
                raise Refused("a result is a view of what was there before")
            n = above[1]


def _plain(x: Any, trace: Trace) -> Any:
    """A parameter that is data; anything else is refused."""
    if x is None or x is Ellipsis or type(x) in (bool, int, float, complex, str) or isinstance(x, (np.dtype, np.generic)):
        return x
    if isinstance(x, (tuple, list)):
        return tuple(_plain(v, trace) for v in x)
    trace.refuse(f"a parameter is a {type(x).__name__}")
    return None


def _library(frame: Any) -> bool:
    """Whether a frame belongs to Python's own importing, NumPy or this room, and not to the user."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.split(".")[0] in ("numpy", "tapescope", "importlib", "contextlib", "functools", "typing", "abc", "enum", "warnings", "_weakrefset", "weakref")
