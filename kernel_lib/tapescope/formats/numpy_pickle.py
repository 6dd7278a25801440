"""NumPy's arrays and scalars inside a pickle, made from their bytes without NumPy's own unpickling functions."""

from __future__ import annotations

from collections import Counter, OrderedDict
from pickle import UnpicklingError
from typing import Any

import numpy as np

from .unpickle import Global, Pending, key

_KINDS = "biufcSUmM"                        # numbers, text, times; never objects or records


def checked_dtype(text: Any) -> np.dtype[Any]:
    """A NumPy dtype that holds plain data. Raises UnpicklingError for objects and records."""
    if type(text) is not str or len(text) > 32:
        raise UnpicklingError(f"a NumPy dtype is a short text, not a {type(text).__name__}")
    d = np.dtype(text)
    if d.kind not in _KINDS or d.hasobject:
        raise UnpicklingError(f"a NumPy array of dtype {d} holds more than numbers and text: it is refused")
    return d


def _dtype(text: Any, *_: Any) -> Pending:
    d = checked_dtype(text.decode("ascii") if type(text) is bytes else text)

    def finish(state: Any) -> np.dtype[Any]:
        order = state[1].decode("ascii") if type(state[1]) is bytes else state[1]
        if order not in ("<", ">", "|", "="):
            raise UnpicklingError("a NumPy dtype with an unknown byte order")
        return d if order in "|=" else d.newbyteorder("<" if order == "<" else ">")

    return Pending(finish)


def _settled(d: Any) -> np.dtype[Any]:
    if not isinstance(d, np.dtype):
        raise UnpicklingError("a NumPy array without a dtype")
    return d


def filled(raw: Any, d: np.dtype[Any], shape: Any, fortran: bool = False) -> np.ndarray[Any, Any]:
    """An array of its bytes; raises UnpicklingError when they are too many or too few."""
    raw = raw.encode("latin1") if type(raw) is str else raw
    if type(raw) not in (bytes, bytearray) or type(shape) is not tuple or any(type(n) is not int or n < 0 for n in shape) or len(shape) > 32:
        raise UnpicklingError("a NumPy array needs bytes and a shape")
    count = 1
    for n in shape:
        count *= n
    if count * d.itemsize != len(raw):
        raise UnpicklingError(f"a NumPy array of shape {list(shape)} and dtype {d} has {count * d.itemsize} bytes; the file gives {len(raw)}")
    array = np.frombuffer(raw, d) if d.itemsize else np.zeros(count, d)
    return array.reshape(shape, order="F" if fortran else "C").copy(order="K")


def _reconstruct(*_: Any) -> Pending:
    def finish(state: Any) -> np.ndarray[Any, Any]:
        _, shape, d, fortran, raw = state
        return filled(raw, _settled(d), shape, bool(fortran))

    return Pending(finish)


def _frombuffer(raw: Any, d: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    return filled(raw, _settled(d), shape, order == "F")


def _scalar(d: Any, raw: Any = b"") -> Any:
    return filled(raw, _settled(d), ())[()]


def _encode(value: Any, encoding: Any = "latin1") -> bytes:
    if type(value) is not str or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise UnpicklingError("_codecs.encode makes bytes of text only")
    return value.encode(encoding)


def _ordered(items: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict((key(k), v) for k, v in items)


def _counter(items: Any = ()) -> Counter[Any]:
    if type(items) is not dict:
        raise UnpicklingError("a Counter is made of a dict")
    return Counter(items)


def _bytearray(value: Any = b"", encoding: Any = "latin1") -> bytearray:
    if type(value) not in (bytes, str):
        raise UnpicklingError("a bytearray is made of bytes")
    return bytearray(value) if type(value) is bytes else bytearray(_encode(value, encoding))


def _bytes(*args: Any) -> bytes:
    if args:
        raise UnpicklingError("bytes are not made by a call")
    return b""


def _complex(real: Any, imag: Any = 0.0) -> complex:
    if type(real) not in (int, float) or type(imag) not in (int, float):
        raise UnpicklingError("a complex number is made of two numbers")
    return complex(real, imag)


# Containers and numbers that every pickle of data may hold.
DATA: dict[str, Any] = {g.name: g for g in (
    Global("collections.OrderedDict", _ordered), Global("collections.Counter", _counter), Global("_codecs.encode", _encode),
    Global("builtins.bytearray", _bytearray), Global("builtins.bytes", _bytes), Global("builtins.set", lambda items=(): set(map(key, items))),
    Global("builtins.frozenset", lambda items=(): frozenset(map(key, items))), Global("builtins.complex", _complex))}

NUMPY: dict[str, Any] = {"numpy.dtype": Global("numpy.dtype", _dtype), "numpy.ndarray": Global("numpy.ndarray", lambda *a: _reconstruct())}
for _core in ("numpy.core", "numpy._core"):
    NUMPY |= {f"{_core}.multiarray._reconstruct": Global("numpy._reconstruct", _reconstruct), f"{_core}.multiarray.scalar": Global("numpy.scalar", _scalar),
              f"{_core}.numeric._frombuffer": Global("numpy._frombuffer", _frombuffer)}
