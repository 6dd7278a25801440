"""PyTorch's zip format: read without PyTorch, written so that its `load(weights_only=True)` reads it."""

from __future__ import annotations

import struct
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np

from ..core import dtype as dt
from ..core.device import device
from ..core.tensor import Size, Tensor
from ..formats.numpy_pickle import DATA, NUMPY
from ..formats.unpickle import Global, Unpickler
from ..nn.parameter import Buffer, Parameter
from .archive import Archive, damaged
from .stored import Memory, Stored
from .tree import NotData

VERSION = b"3\n"
_OF_STORAGE: dict[str, str] = {**{d.tensor_name: d.name for d in dt.ALL}, "BFloat16": "bfloat16", "ComplexFloat": "complex64", "ComplexDouble": "complex128"}
_TO_STORAGE = {name: prefix for prefix, name in _OF_STORAGE.items()}


class _Kind(NamedTuple):
    """A storage class of the file, such as FloatStorage, by the dtype of its elements."""

    dtype: str


class _Typed(NamedTuple):
    stored: Stored
    dtype: dt.dtype


def _whole(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple) or any(type(n) is not int for n in values):
        raise UnpicklingError("sizes and strides must be tuples of whole numbers")
    return tuple(values)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None, dtype: Any = None, *_: Any) -> Tensor:
    if not isinstance(storage, _Typed) or type(offset) is not int:
        raise UnpicklingError("a tensor needs a storage and an offset")
    kind = dtype if isinstance(dtype, dt.dtype) else storage.dtype
    return storage.stored.tensor(kind, offset * kind.itemsize, _whole(size), _whole(stride), requires_grad is True)


def _plain_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    return _tensor(storage, offset, size, stride)


def _parameter(data: Any, requires_grad: Any = True, hooks: Any = None, state: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise UnpicklingError("a Parameter is made of a tensor")
    return Parameter(data.detach(), requires_grad is True)


def _of_type(build: Any, kind: Any, args: Any, state: Any) -> Any:
    if not isinstance(build, Global) or not build.name.startswith("torch._utils._rebuild") or type(args) is not tuple:
        raise UnpicklingError("a tensor is rebuilt by a function of torch._utils")
    t = build.build(*args)
    if isinstance(kind, Global) and kind.name == "torch.nn.parameter.Buffer":
        t = Buffer(t)
    if type(state) is not dict or any(type(k) is not str or hasattr(type(t), k) for k in state):
        raise UnpicklingError("a tensor's attributes must be a dict of new names")
    t.__dict__.update(state)
    return t


def _size(values: Any = ()) -> Size:
    return Size(_whole(tuple(values) if type(values) is list else values))


def _device(kind: Any, index: Any = None) -> device:
    return device(kind, index)


def _never(*_: Any) -> Any:
    raise UnpicklingError("a class by itself is no data")


def _known() -> dict[str, Any]:
    table: dict[str, Any] = {**DATA, **NUMPY}
    for g in (Global("torch._utils._rebuild_tensor_v2", _tensor), Global("torch._utils._rebuild_tensor_v3", _tensor),
              Global("torch._utils._rebuild_tensor", _plain_tensor), Global("torch._utils._rebuild_parameter", _parameter),
              Global("torch._utils._rebuild_parameter_with_state", _parameter), Global("torch._tensor._rebuild_from_type_v2", _of_type),
              Global("torch.Tensor", _never), Global("torch.nn.parameter.Parameter", _parameter), Global("torch.nn.parameter.Buffer", _never),
              Global("torch.Size", _size), Global("torch.device", _device)):
        table[g.name] = g
    for prefix, name in _OF_STORAGE.items():
        table[f"torch.{prefix}Storage"] = _Kind(name)
    table["torch.storage.UntypedStorage"] = table["torch.UntypedStorage"] = _Kind("uint8")
    for d in dt.ALL:
        table[f"torch.{d.name}"] = d
    if dt.has_bfloat16():
        table["torch.bfloat16"] = dt.bfloat16
    return table


KNOWN = _known()


def root_of(archive: Archive) -> str | None:
    """The folder inside the zip that holds `data.pkl`."""
    found = [name[:-len("data.pkl")] for name in archive.infos if name.endswith("/data.pkl") and name.count("/") == 1]
    return found[0] if len(found) == 1 else None


class _Storages:
    """The storages of a file, read when they are first asked for."""

    def __init__(self, archive: Archive, root: str, place: Callable[[Stored, str], Stored], mapped: bool) -> None:
        self.archive, self.root, self.place, self.mapped = archive, root, place, mapped
        order = archive.read(root + "byteorder") if root + "byteorder" in archive else b"little"
        if order not in (b"little", b"big"):
            raise ValueError(f"Unknown endianness type: {order!r}")
        self.swapped = order.decode() != sys.byteorder
        self.known: dict[str, _Typed] = {}

    def __call__(self, pid: Any) -> _Typed:
        if type(pid) is not tuple or len(pid) < 5 or pid[0] not in ("storage", b"storage"):
            raise UnpicklingError("persistent_load of a storage needs five values that begin with 'storage'")
        kind, key, location, count = pid[1:5]
        if not isinstance(kind, _Kind) or type(key) is not str or type(location) is not str or type(count) is not int:
            raise UnpicklingError("a storage is (class, key, location, number of elements)")
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._read(kind.dtype, key, location, count)
        return found

    def _read(self, name: str, key: str, location: str, count: int) -> _Typed:
        raw = self.archive.array(f"{self.root}data/{key}", self.mapped)
        known = dt.named(name)
        width = known.itemsize if known is not None else 2
        if count < 0 or raw.nbytes < count * width:
            raise damaged(f"storage {key} has {raw.nbytes} bytes, its description claims {count} elements of {name}")
        raw = raw[:count * width]
        if known is None:                                   # bfloat16 without ml_dtypes: the upper half of a float32, which holds it exactly
            known, bits = dt.float32, raw.view(np.uint16)
            raw = ((bits.byteswap() if self.swapped else bits).astype(np.uint32) << np.uint32(16)).view(np.uint8)
        elif self.swapped:
            part = known.itemsize // 2 if known.is_complex else known.itemsize
            raw = raw.view(f"u{part}").byteswap().view(np.uint8)
        return _Typed(self.place(Stored(raw), location), known)


def read(archive: Archive, root: str, place: Callable[[Stored, str], Stored], mapped: bool, trusted: dict[str, Any], encoding: str = "utf-8") -> Any:
    """The data of a file that PyTorch wrote. Raises UnpicklingError for what is no data."""
    version = archive.read(root + "version") if root + "version" in archive else VERSION
    if version.strip() not in (b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"10"):
        raise damaged(f"the format version {version[:20]!r} is unknown")
    return Unpickler(archive.read(root + "data.pkl"), KNOWN, _Storages(archive, root, place, mapped), encoding, trusted).load()


# -- writing -------------------------------------------------------------------------------------------------------------


class _Pickler:
    """Writes data as pickle protocol 2 with PyTorch's names, in whose place a real pickler would want PyTorch's functions."""

    def __init__(self, memory: Memory) -> None:
        self.out = bytearray(b"\x80\x02")
        self.memory = memory
        self.memo: dict[Any, int] = {}
        self.alive: list[Any] = []
        self.tensors: list[tuple[int, int]] = []              # (position in out, array): storages are numbered when memory is settled

    def name(self, module: str, name: str) -> None:
        if not self._recall((module, name)):
            self.out += f"c{module}\n{name}\n".encode()
            self._memoize((module, name))

    def _recall(self, key: Any) -> bool:
        i = self.memo.get(key)
        if i is None:
            return False
        self.out += b"h" + bytes((i,)) if i < 256 else b"j" + struct.pack("<I", i)
        return True

    def _memoize(self, key: Any) -> None:
        i = self.memo[key] = len(self.memo)
        self.out += b"q" + bytes((i,)) if i < 256 else b"r" + struct.pack("<I", i)

    def data(self, x: Any) -> None:
        kind, out = type(x), self.out
        if x is None or kind is bool:
            out += {None: b"N", True: b"\x88", False: b"\x89"}[x]
        elif kind is int:
            self._int(x)
        elif kind is float:
            out += b"G" + struct.pack(">d", x)
        elif kind is str:
            if not self._recall(x):
                raw = x.encode("utf-8", "surrogatepass")
                out += b"X" + struct.pack("<I", len(raw)) + raw
                self._memoize(x)
        elif kind is dt.dtype:
            self.name("torch", x.name)
        elif not self._recall(id(x)):
            self.alive.append(x)
            self._object(x, kind)

    def _int(self, x: int) -> None:
        if 0 <= x < 256:
            self.out += b"K" + bytes((x,))
        elif -(1 << 31) <= x < 1 << 31:
            self.out += b"J" + struct.pack("<i", x)
        else:
            raw = x.to_bytes(x.bit_length() // 8 + 1, "little", signed=True)
            if len(raw) > 255:
                raise NotData(x)
            self.out += b"\x8a" + bytes((len(raw),)) + raw

    def _object(self, x: Any, kind: Any) -> None:
        key = id(x)
        if kind is list:
            self.out += b"]"
            self._memoize(key)
            self._list(x)
        elif kind is dict:
            self.out += b"}"
            self._memoize(key)
            self._dict(x)
        elif kind is tuple:
            self._tuple(x)
            if x:
                self._memoize(key)
        elif kind is OrderedDict or (kind.__name__ == "StateDict" and isinstance(x, OrderedDict)):
            self.call("collections", "OrderedDict")
            self._memoize(key)
            self._dict(x)
            if vars(x):
                self.data(dict(vars(x)))
                self.out += b"b"
        elif isinstance(x, Tensor) and kind in (Tensor, Parameter, Buffer):
            self._tensor(x, kind)
            self._memoize(key)
        elif kind in (Size, set, Counter, complex, bytes, bytearray, device):
            {Size: lambda: self.call("torch", "Size", tuple(x)), set: lambda: self.call("__builtin__", "set", list(x)),
             Counter: lambda: self.call("collections", "Counter", dict(x)), complex: lambda: self.call("__builtin__", "complex", x.real, x.imag),
             bytes: lambda: self.call("_codecs", "encode", x.decode("latin1"), "latin1"),
             bytearray: lambda: self.call("__builtin__", "bytearray", x.decode("latin1"), "latin-1"),
             device: lambda: self.call("torch", "device", *((x.type,) if x.index is None else (x.type, x.index)))}[kind]()
            self._memoize(key)
        else:
            raise NotData(x)

    def call(self, module: str, name: str, *args: Any) -> None:
        self.name(module, name)
        self.alive.append(args)
        self._tuple(args)
        self.out += b"R"

    def _tuple(self, x: tuple[Any, ...]) -> None:
        if not x:
            self.out += b")"
            return
        if len(x) > 3:
            self.out += b"("
        for v in x:
            self.data(v)
        self.out += {1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(x), b"t")

    def _list(self, x: Any) -> None:
        if x:
            self.out += b"("
            for v in x:
                self.data(v)
            self.out += b"e"

    def _dict(self, x: Any) -> None:
        if x:
            self.out += b"("
            for k, v in x.items():
                self.data(k)
                self.data(v)
            self.out += b"u"

    def _tensor(self, t: Tensor, kind: Any) -> None:
        if kind is Parameter and not t.__dict__:
            self.name("torch._utils", "_rebuild_parameter")
            self._dense(t, False)
            self.out += b"\x88" if t._req else b"\x89"
            self.call("collections", "OrderedDict")
            self.out += b"\x87R"
        elif t.__dict__ and kind is Tensor:
            self.name("torch._tensor", "_rebuild_from_type_v2")
            self.out += b"("
            self.name("torch._utils", "_rebuild_tensor_v2")
            self.name("torch", "Tensor")
            self._args(t, t._req)
            self.data(dict(t.__dict__))
            self.out += b"tR"
        else:
            self._dense(t, t._req)

    def _dense(self, t: Tensor, requires_grad: bool) -> None:
        if t.is_sparse:
            raise NotImplementedError("sparse tensors are not stored: save what to_dense() makes of this one")
        self.name("torch._utils", "_rebuild_tensor_v2")
        self._args(t, requires_grad)
        self.out += b"R"

    def _args(self, t: Tensor, requires_grad: bool) -> None:
        array = t._array
        self.out += b"(("
        self.data("storage")
        self.name("torch", _TO_STORAGE[t.dtype.name] + "Storage")
        self.tensors.append((len(self.out), self.memory.add(array)))
        # key, location and size of the storage, then offset, sizes and strides: known when all tensors are
        self.out += b"tQ"
        self.tensors.append((len(self.out), -1))
        self.out += b"\x88" if requires_grad else b"\x89"
        self.call("collections", "OrderedDict")
        self.out += b"t"


def _numbers(values: tuple[int, ...]) -> bytes:
    p = _Pickler.__new__(_Pickler)
    p.out = bytearray(b"(")
    for v in values:
        p._int(v)
    return bytes(p.out) + b"t"


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def write(obj: Any) -> Iterator[tuple[str, Any]]:
    """The entries of a zip that PyTorch reads. Raises TypeError, naming the object, for what its weights_only load would refuse."""
    memory = Memory()
    p = _Pickler(memory)
    try:
        p.data(obj)
    except NotData as error:
        raise TypeError(f"format='torch' holds tensors, containers and numbers only, and this holds a {error}; save a module's state_dict(), and a NumPy "
                        "array as from_numpy(array)") from None
    memory.settle(dense=True)
    pkl, last = bytearray(), 0
    places = iter(p.tensors)
    for (here, index), (behind, _) in zip(places, places, strict=True):
        place, array = memory.places[index], memory.arrays[index]
        size = array.dtype.itemsize
        location = "cpu" if isinstance(array, np.ndarray) else f"cuda:{array.device.id}"
        pkl += p.out[last:here] + _text(str(place.piece)) + _text(location) + _numbers((memory.pieces[place.piece].nbytes // size,))[1:-1]
        pkl += p.out[here:behind] + _numbers((place.offset // size,))[1:-1] + _numbers(array.shape) + _numbers(place.strides)
        last = behind
    pkl += p.out[last:] + b"."
    yield "archive/data.pkl", bytes(pkl)
    yield "archive/.format_version", b"1"
    yield "archive/.storage_alignment", b"64"
    yield "archive/byteorder", sys.byteorder.encode()
    for i, piece in enumerate(memory.pieces):
        yield f"archive/data/{i}", piece
    yield "archive/version", VERSION
