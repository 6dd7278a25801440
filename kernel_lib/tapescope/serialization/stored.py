"""Which memory tensors share, when they are saved; and tensors over stored memory, when they are loaded."""

from __future__ import annotations

import ctypes
import math
from typing import Any, NamedTuple

import numpy as np

from ..core import device as dev
from ..core import dtype as dt
from ..core.storage import new_storage
from ..core.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]


class Place(NamedTuple):
    """Where an array lies: in which piece, at which byte, with which steps (in elements)."""

    piece: int
    offset: int
    strides: tuple[int, ...]


class _Extent(NamedTuple):
    low: int
    high: int
    number: int


class Memory:
    """The arrays of one save. After `settle`, `pieces` are their bytes, each once, and `places[i]` says where array i lies."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []                            # also keeps their memory alive
        self.places: list[Place] = []
        self.pieces: list[Array] = []
        self.owners: list[list[int]] = []                      # arrays of each piece

    def add(self, array: Any) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def settle(self, dense: bool = False) -> None:
        """Finds arrays whose memory overlaps and gives them one piece; with `dense`, a piece holds whole elements of one dtype only."""
        places: dict[int, Place] = {}
        extents: dict[Any, list[_Extent]] = {}
        for i, a in enumerate(self.arrays):
            item = a.dtype.itemsize
            if not a.size or not item or any(n > 1 and (s < 0 or s % item) for n, s in zip(a.shape, a.strides, strict=True)):
                self._alone(i, places)
                continue
            at = _address(a)
            end = at + sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)) + item
            extents.setdefault(str(dev.of(a)) if a.dtype in dt.OF_NUMPY else "cpu", []).append(_Extent(at, end, i))
        for found in extents.values():
            group: list[_Extent] = []
            high = -1
            for e in sorted(found):
                if group and e.low >= high:
                    self._together(group, places, dense)
                    group = []
                group.append(e)
                high = max(high, e.high) if len(group) > 1 else e.high
            self._together(group, places, dense)
        self.places = [places[i] for i in range(len(self.arrays))]
        order = sorted(range(len(self.pieces)), key=lambda k: min(self.owners[k]))
        self.pieces, self.owners = [self.pieces[k] for k in order], [self.owners[k] for k in order]
        number = {old: new for new, old in enumerate(order)}
        self.places = [p._replace(piece=number[p.piece]) for p in self.places]

    def _alone(self, i: int, places: dict[int, Place]) -> None:
        a = np.ascontiguousarray(_host(self.arrays[i])).reshape(self.arrays[i].shape)
        places[i] = Place(len(self.pieces), 0, _steps(a))
        self.pieces.append(a.reshape(-1).view(np.uint8) if a.size and a.dtype.itemsize else np.empty(0, np.uint8))
        self.owners.append([i])

    def _together(self, group: list[_Extent], places: dict[int, Place], dense: bool) -> None:
        if not group:
            return
        low, high = group[0].low, max(e.high for e in group)
        kinds = {self.arrays[e.number].dtype for e in group}
        if dense and len(kinds) > 1:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types "
                               f"({', '.join(sorted(map(str, kinds)))}); save them in the format of Tapescope, or one of them as a clone()")
        if dense and any((e.low - low) % self.arrays[e.number].dtype.itemsize for e in group):
            for e in group:
                self._alone(e.number, places)
            return
        for e in group:
            places[e.number] = Place(len(self.pieces), e.low - low, _steps(self.arrays[e.number]))
        first = self.arrays[group[0].number]
        self.pieces.append(_bytes_at(first, low, high - low))
        self.owners.append([e.number for e in group])


def _host(array: Any) -> Array:
    return array if isinstance(array, np.ndarray) else array.get()


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0]) if isinstance(array, np.ndarray) else int(array.data.ptr)


def _steps(array: Any) -> tuple[int, ...]:
    return tuple(s // array.dtype.itemsize if array.dtype.itemsize else 0 for s in array.strides)


def _bytes_at(array: Any, low: int, n: int) -> Array:
    """Memory that some live array spans, as bytes."""
    if isinstance(array, np.ndarray):
        memory: Any = (ctypes.c_ubyte * n).from_address(low)
        return np.frombuffer(memory, np.uint8)
    import cupy

    pointer = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(low, n, array), 0)
    return np.asarray(cupy.ndarray((n,), np.uint8, pointer).get())


class Stored:
    """Memory that was read: bytes on a device. What `map_location(storage, location)` is called with and gives back."""

    def __init__(self, array: Any) -> None:
        self.array = array                                     # 1-D, of bytes or of the elements it was stored as
        self.shared = new_storage()

    @property
    def device(self) -> dev.device:
        return dev.of(self.array)

    def nbytes(self) -> int:
        """Its size in bytes."""
        return int(self.array.nbytes)

    def to(self, device: Any) -> Stored:
        """The same on another device."""
        where = dev.device(device)
        return self if where.type == self.device.type and where.index in (None, self.device.index) else Stored(dev.move(self.array, where))

    def cpu(self) -> Stored:
        """The same in host memory."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Stored:
        """The same on the GPU."""
        return self.to(dev.device("cuda", device))

    def view(self, dtype: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
        """An array over it; `offset` in bytes, `strides` in elements. Raises ValueError for what would reach beyond it."""
        d = np.dtype(dtype)
        for n in (*shape, *strides, offset):
            if type(n) is not int or n < 0:
                raise ValueError(f"sizes, strides and offset must be whole numbers, not {n!r}")
        if len(shape) != len(strides) or len(shape) > 64:
            raise ValueError(f"{len(shape)} sizes and {len(strides)} strides")
        if 0 in shape:
            return dev.module_of(self.array).empty(shape, d)
        last = offset + (sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1) * d.itemsize
        if last > self.nbytes() or math.prod(shape) > 1 << 62:
            raise ValueError(f"a tensor of shape {list(shape)} with strides {list(strides)} from byte {offset} on ends at byte {last} of a storage "
                             f"that has {self.nbytes()}")
        steps = tuple(s * d.itemsize for s in strides)
        if isinstance(self.array, np.ndarray):
            return np.ndarray(shape, d, self.array.view(np.uint8), offset, steps)
        import cupy

        return cupy.ndarray(shape, d, self.array.data + offset, steps)

    def tensor(self, dtype: dt.dtype, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], requires_grad: bool = False,
               cls: type[Tensor] = Tensor) -> Tensor:
        """A leaf over it; tensors of one storage share its version, too."""
        if requires_grad and dtype.category < 2:
            raise ValueError(f"a tensor of {dtype!r} cannot require gradients")
        t = wrap(self.view(dtype.dtype, offset, shape, strides), req=requires_grad, cls=cls)
        t._storage = self.shared
        return t


def restorer(map_location: Any) -> Any:
    """`place(stored, location) -> Stored` for PyTorch's `map_location`: None, a device, a dict of locations, or a function."""
    def default(stored: Stored, location: str) -> Stored:
        if location.startswith("cuda"):
            try:
                return stored.to(location)
            except (AssertionError, RuntimeError) as error:
                raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a "
                                   "CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU. "
                                   f"({error})") from None
        if location == "cpu":
            return stored
        raise RuntimeError(f"don't know how to restore data location of torch.UntypedStorage (tagged with {location}): give map_location='cpu'")

    if map_location is None:
        return default
    if isinstance(map_location, dict):
        return lambda stored, location: default(stored, str(map_location.get(location, location)))
    if isinstance(map_location, (str, dev.device)):
        where = str(map_location)
        dev.device(where)
        return lambda stored, location: default(stored, where)
    if callable(map_location):
        def asked(stored: Stored, location: str) -> Stored:
            found = map_location(stored, location)
            return default(stored, location) if found is None else found

        return asked
    raise TypeError(f"map_location should be None, a device, a string, a dict or a function, not {type(map_location).__name__}")
