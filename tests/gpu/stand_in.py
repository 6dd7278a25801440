"""CuPy where there is no device: its own names, signatures and refusals, with NumPy's and SciPy's arithmetic behind them.

`install()` puts it in CuPy's place. A name that CuPy lacks, an argument that it does not take, an array of the host among those of the device, a
ufunc's method or dtype that it has not: each fails here as it fails there. What CuPy declares stands in cupy.json (see surface.py); its rules are those
of cupy/_core/core.pyx (`__array_ufunc__`, `__array_function__`), _kernel.pyx (`ufunc`) and _routines_indexing.pyx (`_scatter_op_single`), version 14.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special

DECLARED = json.loads(Path(__file__).with_name("cupy.json").read_text(encoding="utf-8"))
FUNCTIONS, UFUNCS, OTHERS = DECLARED["functions"], DECLARED["ufuncs"], set(DECLARED["others"])
MODULES = {"linalg", "fft", "random", "lib", "lib.stride_tricks"}
HOST_TO_DEVICE = {"asarray", "array", "ascontiguousarray", "asfortranarray", "asnumpy", "result_type", "can_cast", "promote_types", "issubdtype", "dtype", "shape", "ndim", "size"}
AT = {"add": "ilefdILQ", "maximum": "ilfdILQ", "minimum": "ilfdILQ", "subtract": "iI", "bitwise_and": "ilILQ", "bitwise_or": "ilILQ", "bitwise_xor": "ilILQ"}


def bare(value: Any) -> Any:
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(map(bare, value))
    return {k: bare(v) for k, v in value.items()} if type(value) is dict else value


def wrap(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if not array.flags.writeable and 0 not in array.strides:
            array.flags.writeable = True                     # CuPy knows no arrays to read only
        return ndarray._of(array)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrap, value))
    return type(value)(map(wrap, value)) if type(value) in (tuple, list) else value


def refuse_host_arrays(what: str, values: Any) -> None:
    for value in values:
        if isinstance(value, np.ndarray):
            raise TypeError(f"{what}: Unsupported type {type(value)}")
        if isinstance(value, tuple | list):
            refuse_host_arrays(what, value)


def check(name: str, declared: str | None, args: tuple, kwargs: dict) -> None:
    """Refuses arguments that a function of these parameters ("a axis= *rest") does not take; CuPy does not tell those of all."""
    if declared is None:
        return
    made, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for word in declared.split():
        if word.startswith("**"):
            made.append(inspect.Parameter(word[2:], inspect.Parameter.VAR_KEYWORD))
        elif word.startswith("*"):
            if word != "*":
                made.append(inspect.Parameter(word[1:], inspect.Parameter.VAR_POSITIONAL))
            kind = inspect.Parameter.KEYWORD_ONLY
        else:
            made.append(inspect.Parameter(word.rstrip("="), kind, default=None if word.endswith("=") else inspect.Parameter.empty))
    try:
        inspect.Signature(made).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"cupy.{name}({declared}): {error}") from None


def run(name: str, here: Any, *args: Any, **kwargs: Any) -> Any:
    """What CuPy's function of that name would take, given to `here`."""
    if name in UFUNCS:
        if unknown := set(kwargs) - {"out", "dtype", "casting"}:
            raise TypeError(f"cupy.{name}: Wrong arguments {sorted(unknown)}")
        arrays = [a.dtype for a in args[:len(UFUNCS[name].split()[0])] if isinstance(a, ndarray)]
        if "dtype" not in kwargs and not any(all(map(np.can_cast, arrays, kind)) for kind in UFUNCS[name].split()):
            raise TypeError(f"Wrong type ({', '.join(map(str, arrays))}) of arguments for cupy_{name}")
    else:
        check(name, FUNCTIONS[name], args, kwargs)
    if name.rpartition(".")[2] not in HOST_TO_DEVICE:
        refuse_host_arrays(f"cupy.{name}", [*args, *kwargs.values()])
    with np.errstate(all="ignore"):
        return wrap(here(*bare(args), **bare(kwargs)))


class ndarray:
    """CuPy's array: what `dir(cupy.ndarray)` has, and no more."""

    __slots__ = ("_a",)
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    __module__ = "cupy"

    def __init__(self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C") -> None:
        if memptr is None:
            self._a = np.empty(shape, dtype, order)
        else:
            raw, offset = memptr._raw, memptr._offset
            self._a = np.lib.stride_tricks.as_strided(raw[offset:].view(dtype)[:1], shape, strides) if np.prod(shape) else np.empty(shape, dtype)

    @classmethod
    def _of(cls, array: Any) -> ndarray:
        made = object.__new__(cls)
        made._a = array
        return made

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        known = next((n for n in (name, f"special.{name}") if n in UFUNCS or n in FUNCTIONS), None)
        if known is None or (method != "__call__" and known not in UFUNCS):
            return NotImplemented
        if len(kwargs.get("out", (None,))) != 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        if method == "__call__":
            return self._out(kwargs, run(known, ufunc, *inputs, **kwargs))
        if method == "at":
            if name not in AT:
                raise NotImplementedError(f"`cupy_{name}.at` is not supported yet")
            if inputs[0].dtype.char not in AT[name] + "q" * ("l" in AT[name]):
                raise TypeError(f"cupy.{name}.at does not support {inputs[0].dtype}")
            ufunc.at(*bare(inputs))
            return None
        if method != "outer":
            names = {"reduce": ("axis", "dtype", "out", "keepdims"), "accumulate": ("axis", "dtype", "out"), "reduceat": ("axis", "dtype", "out")}[method]
            if name not in ("add", "multiply")[:1 + (method != "reduceat")]:
                raise NotImplementedError(f"`cupy_{name}.{method}` is not supported yet")
            if unknown := {k for k, v in kwargs.items() if not (k == "keepdims" and v is False)} - set(names):
                raise TypeError(f"cupy.{name}.{method} got an unexpected keyword argument {sorted(unknown)}")
        refuse_host_arrays(f"cupy.{name}.{method}", [*inputs, *kwargs.values()])
        return self._out(kwargs, wrap(getattr(ufunc, method)(*bare(inputs), **bare(kwargs))))

    @staticmethod
    def _out(kwargs: dict, result: Any) -> Any:
        return kwargs["out"][0] if isinstance(kwargs.get("out"), tuple) else result

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = ".".join([*func.__module__.split(".")[1:], func.__name__])
        if name not in FUNCTIONS or not all(issubclass(t, ndarray | np.ndarray) for t in types):
            return NotImplemented
        return run(name, func, *args, **kwargs)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly.")

    def __getattr__(self, name: str) -> Any:
        if name not in DECLARED["ndarray"]:
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        found = getattr(self._a, name)
        if not callable(found):
            return wrap(found) if isinstance(found, np.ndarray) else found
        return functools.partial(self._method, name, found)

    def _method(self, name: str, found: Any, *args: Any, **kwargs: Any) -> Any:
        check(f"ndarray.{name}", DECLARED["ndarray"][name], args, kwargs)
        refuse_host_arrays(f"ndarray.{name}", [*args, *kwargs.values()])
        out = kwargs.get("out")
        result = found(*bare(args), **bare(kwargs))
        return result if name in ("item", "tolist", "tobytes") else out if out is not None else wrap(result)

    @property
    def device(self) -> Any:
        return Device(0)

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self._a.__array_interface__["data"][0], device=Device(0), mem=types.SimpleNamespace(size=self._a.nbytes))

    @property
    def __cuda_array_interface__(self) -> Any:
        return {**self._a.__array_interface__, "version": 3}

    @property
    def shape(self) -> tuple:
        return self._a.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        try:
            self._a.shape = shape
        except AttributeError:
            raise AttributeError("incompatible shape") from None

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        return self._a.copy()

    def set(self, array: Any, stream: Any = None) -> None:
        self._a[...] = array

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return wrap(self._a.view() if dtype is None else self._a.view(dtype))

    def toDlpack(self) -> Any:
        return self._a.__dlpack__()

    def __dlpack__(self, **_: Any) -> Any:
        return self._a.__dlpack__()

    def __dlpack_device__(self) -> Any:
        return (1, 0)

    def __getitem__(self, key: Any) -> Any:
        self._check_masks(key)
        return wrap(self._a[bare(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check_masks(key)
        if isinstance(value, np.ndarray) and not any(isinstance(k, ndarray | list) for k in (key if isinstance(key, tuple) else (key,))):
            raise TypeError(f"Unsupported type {type(value)}")
        self._a[bare(key)] = bare(value)

    @staticmethod
    def _check_masks(key: Any) -> None:
        masks = [k for k in (key if isinstance(key, tuple) else (key,)) if isinstance(k, ndarray | np.ndarray) and k.dtype == bool]
        if len(masks) > 1:
            raise ValueError("CuPy does not support slices that consist of more than one boolean arrays")

    def __iter__(self) -> Any:
        return (wrap(row) for row in self._a)

    def __len__(self) -> int:
        return len(self._a)

    def __repr__(self) -> str:
        return repr(self._a)

    def __format__(self, spec: str) -> str:
        return format(self._a, spec)

    def __reduce__(self) -> Any:
        return wrap, (self._a,)

    def __copy__(self) -> ndarray:
        return wrap(self._a.copy())

    def __deepcopy__(self, memo: Any) -> ndarray:
        return wrap(self._a.copy())


def _operators() -> None:
    unary = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
    binary = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power,
              "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift, "matmul": np.matmul}
    compare = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal}
    for name, ufunc in unary.items():
        setattr(ndarray, f"__{name}__", lambda self, f=ufunc: f(self))
    for name, ufunc in (binary | compare).items():
        setattr(ndarray, f"__{name}__", lambda self, other, f=ufunc: f(self, other))
    for name, ufunc in binary.items():
        setattr(ndarray, f"__r{name}__", lambda self, other, f=ufunc: f(other, self))
        setattr(ndarray, f"__i{name}__", lambda self, other, f=ufunc: f(self, other, out=self))
    for name in ("bool", "int", "float", "complex", "index"):
        setattr(ndarray, f"__{name}__", lambda self, n=name: getattr(self._a, f"__{n}__")())


_operators()


class Module(types.ModuleType):
    """A module of CuPy's names: what NumPy (or SciPy) has under the same name computes."""

    def __init__(self, name: str, prefix: str, here: Any, **own: Any) -> None:
        super().__init__(name)
        self.__dict__.update(_prefix=prefix, _here=here, **own)

    def __getattr__(self, name: str) -> Any:
        path = self._prefix + name
        if path in MODULES:
            return Module(f"{self.__name__}.{name}", path + ".", getattr(self._here, name))
        if path == "random.RandomState":
            return Randoms
        if path in FUNCTIONS or path in UFUNCS:
            return functools.partial(run, path, getattr(self._here, name))
        if path in OTHERS:
            return getattr(self._here, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class Randoms:
    """`cupy.random.RandomState` on NumPy's generator: other numbers than a device's, of the same shapes and types."""

    def __init__(self, seed: Any = None, method: Any = None) -> None:
        self._state = np.random.RandomState(seed)

    def __getattr__(self, name: str) -> Any:
        declared, found = DECLARED["RandomState"][name], getattr(self._state, name)

        def draw(*args: Any, **kwargs: Any) -> Any:
            check(f"random.RandomState.{name}", declared, (self, *args), kwargs)
            return wrap(np.asarray(found(*bare(args), **{k: bare(v) for k, v in kwargs.items() if k != "dtype"}), kwargs.get("dtype")))

        return draw


class Device:
    def __init__(self, device: Any = None) -> None:
        self.id = 0 if device is None else int(device)
        if self.id:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None: ...

    def use(self) -> None: ...

    def synchronize(self) -> None: ...


class Event:
    """Marks a moment of the host's clock."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.at = 0.0

    def record(self, stream: Any = None) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None: ...

    @property
    def done(self) -> bool:
        return True


class Pool:
    def used_bytes(self) -> int:
        return 0

    total_bytes = free_bytes = used_bytes

    def free_all_blocks(self) -> None: ...


def install() -> None:
    """`import cupy` gives the stand-in from now on."""
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1, deviceSynchronize=lambda: None, memGetInfo=lambda: (1 << 30, 1 << 31), CUDARuntimeError=RuntimeError,
        getDeviceProperties=lambda i: {"name": b"stand-in", "major": 9, "minor": 0, "totalGlobalMem": 1 << 31, "multiProcessorCount": 1})
    cuda = types.SimpleNamespace(Device=Device, Event=Event, runtime=runtime, get_elapsed_time=lambda a, b: (b.at - a.at) * 1e3,
                                 Stream=types.SimpleNamespace(null=types.SimpleNamespace(synchronize=lambda: None)),
                                 get_current_stream=lambda *_: types.SimpleNamespace(synchronize=lambda: None, record=lambda e=None: e))
    module = Module("cupy", "", np, ndarray=ndarray, cuda=cuda, asnumpy=lambda a, *_, **__: a.get() if isinstance(a, ndarray) else np.asarray(a),
                    get_array_module=lambda *a: module if any(isinstance(x, ndarray) for x in a) else np, get_default_memory_pool=Pool,
                    get_default_pinned_memory_pool=Pool, from_dlpack=lambda a: wrap(np.from_dlpack(a._a if isinstance(a, ndarray) else a)),
                    __version__=DECLARED["version"])
    special = Module("cupyx.scipy.special", "special.", scipy.special)
    scipy_side = Module("cupyx.scipy", "scipy.", None, special=special)
    sys.modules.update({"cupy": module, "cupyx": Module("cupyx", "x.", None, scipy=scipy_side), "cupyx.scipy": scipy_side, "cupyx.scipy.special": special})
