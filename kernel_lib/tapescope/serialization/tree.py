"""Data as JSON: a flat list of nodes, so that what is shared stays shared, what is cyclic stays cyclic, and nothing nests.

A value is a JSON scalar, or `[i]`: node i. A node is `[kind, content]`. A node that cannot change (a tuple, a tensor) comes after its parts.
"""

from __future__ import annotations

import base64
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import device
from ..core.tensor import Size, Tensor
from ..formats.numpy_pickle import checked_dtype
from ..formats.unpickle import key
from ..nn.parameter import Buffer, Parameter
from .stored import Memory, Stored

CLASSES: dict[str, type[Tensor]] = {"Tensor": Tensor, "Parameter": Parameter, "Buffer": Buffer}
_NAMES = {c: n for n, c in CLASSES.items()}


class NotData(TypeError):
    """An object that is no data: rebuilding it would mean running code of its class."""

    def __init__(self, value: Any) -> None:
        super().__init__(f"{type(value).__module__}.{type(value).__qualname__}")


class Writer:
    """Turns data into nodes; arrays go to `memory`."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.nodes: list[Any] = []
        self._known: dict[int, int] = {}
        self._alive: list[Any] = []

    def value(self, x: Any) -> Any:
        """The JSON value of an object. Raises NotData for what is none."""
        kind = type(x)
        if x is None or kind is bool or kind is str:
            return x
        if kind is int:
            return x if -(1 << 63) <= x < 1 << 63 else self._node("int", hex(x))
        if kind is float:
            return x if math.isfinite(x) else self._node("float", repr(x))
        known = self._known.get(id(x))
        if known is not None:
            return [known]
        made = self._container(x, kind)
        self._known[id(x)] = made[0]
        self._alive.append(x)                              # an id must not come to mean something else
        return made

    def _node(self, kind: str, content: Any) -> list[int]:
        self.nodes.append([kind, content])
        return [len(self.nodes) - 1]

    def _container(self, x: Any, kind: Any) -> list[int]:
        if kind in (list, dict, OrderedDict, set, Counter):                # may hold themselves: known before their parts are looked at
            made = self._node({list: "list", dict: "dict", OrderedDict: "ordered", set: "set", Counter: "counter"}.get(kind, ""), None)
            self._known[id(x)] = made[0]
            self.nodes[made[0]][1] = self._parts(x) if kind in (list, set) else self._items(x)
            if kind is OrderedDict and vars(x):
                self.nodes[made[0]].append(self.value(dict(vars(x))))
            return made
        if kind is tuple or kind is Size or kind is frozenset:
            return self._node({tuple: "tuple", Size: "size"}.get(kind, "frozenset"), self._parts(x))
        if kind in _NAMES:
            return self._tensor(x)
        if kind is np.ndarray and x.dtype.kind in "biufcSUmM":
            return self._node("array", {"array": self.memory.add(x), "shape": list(x.shape), "dtype": x.dtype.str})
        if isinstance(x, np.generic) and x.dtype.kind in "biufcSUmM":
            return self._node("scalar", [x.dtype.str, base64.b64encode(x.tobytes()).decode()])
        if kind is bytes or kind is bytearray:
            return self._node(kind.__name__, base64.b64encode(x).decode())
        if kind is complex:
            return self._node("complex", [self.value(x.real), self.value(x.imag)])
        if kind is dt.dtype:
            return self._node("dtype", x.name)
        if kind is device:
            return self._node("device", str(x))
        if kind is slice or kind is range:
            return self._node(kind.__name__, [self.value(x.start), self.value(x.stop), self.value(x.step)])
        if kind.__name__ == "StateDict" and isinstance(x, OrderedDict):    # of nn; only its `_metadata` is its own
            made = self._node("ordered", None)
            self._known[id(x)] = made[0]
            self.nodes[made[0]][1] = self._items(x)
            self.nodes[made[0]].append(self.value(dict(vars(x))))
            return made
        raise NotData(x)

    def _parts(self, x: Any) -> list[Any]:
        return [self.value(v) for v in x]

    def _items(self, x: Any) -> list[Any]:
        return [[self.value(k), self.value(v)] for k, v in x.items()]

    def _tensor(self, t: Tensor) -> list[int]:
        if t.is_sparse:
            raise NotImplementedError("sparse tensors are not stored: save what to_dense() makes of this one")
        content = {"class": _NAMES[type(t)], "array": self.memory.add(t._array), "shape": list(t.shape), "dtype": t.dtype.name,
                   "requires_grad": t._req, "device": str(t.device)}
        if t.__dict__:
            content["attributes"] = self.value(dict(t.__dict__))
        return self._node("tensor", content)


def settled(nodes: list[Any], memory: Memory) -> list[Any]:
    """The nodes with the places that the memory has given to arrays."""
    for kind, content, *_ in nodes:
        if kind in ("tensor", "array"):
            place = memory.places[content.pop("array")]
            content |= {"storage": place.piece, "offset": place.offset, "strides": list(place.strides)}
    return nodes


class Reader:
    """Turns nodes back; `storage(i, device)` gives stored memory. Raises UnpicklingError for nodes that nobody wrote."""

    def __init__(self, nodes: Any, storage: Callable[[Any, str], Stored]) -> None:
        self.nodes, self.storage = nodes, storage
        self.made: list[Any] = []

    def read(self, root: Any) -> Any:
        """The object of the root value."""
        if type(self.nodes) is not list or any(type(n) is not list or not 2 <= len(n) <= 3 or type(n[0]) is not str for n in self.nodes):
            raise UnpicklingError("the list of nodes is none")
        mutable = {"list": list, "dict": dict, "ordered": OrderedDict, "set": set, "counter": Counter}
        missing = object()
        self.made = [mutable[n[0]]() if n[0] in mutable else missing for n in self.nodes]
        try:
            for i, node in enumerate(self.nodes):
                if self.made[i] is missing:
                    self.made[i] = self._immutable(node[0], node[1], missing)
            for node, target in zip(self.nodes, self.made, strict=True):
                if node[0] in mutable:
                    self._fill(target, node)
            return self.value(root, missing)
        except (UnpicklingError, MemoryError, RuntimeError):
            raise
        except Exception as error:
            raise UnpicklingError(f"the file's description of its data is damaged ({type(error).__name__}: {error})") from error

    def value(self, v: Any, missing: Any = None) -> Any:
        if type(v) is not list:
            if type(v) is dict:
                raise UnpicklingError("a value is a scalar or [node]")
            return v
        index, = v
        if type(index) is not int or not 0 <= index < len(self.made):
            raise UnpicklingError(f"there is no node {index!r}")
        found = self.made[index]
        if missing is not None and found is missing:
            raise UnpicklingError(f"node {index} is used before it is made")
        return found

    def _fill(self, target: Any, node: Any) -> None:
        if type(target) is list:
            target.extend(self.value(v) for v in node[1])
        elif type(target) is set:
            target.update(key(self.value(v)) for v in node[1])
        else:
            for k, v in node[1]:
                target[key(self.value(k))] = self.value(v)
            if len(node) == 3 and type(target) is OrderedDict:
                attributes = self.value(node[2])
                pairs = self.nodes[node[2][0]][1]
                if type(attributes) is not dict or any(type(k) is not str or hasattr(OrderedDict, k) for k, _ in pairs):
                    raise UnpicklingError("an OrderedDict's attributes must be a dict of new names")
                vars(target).update({k: self.value(v) for k, v in pairs})

    def _immutable(self, kind: str, c: Any, missing: Any) -> Any:
        make = getattr(self, "_make_" + kind, None)
        if make is None:
            raise UnpicklingError(f"the file holds a {kind!r}, which this version does not know")
        self._missing = missing
        return make(c)

    def _all(self, c: Any) -> Any:
        return (self.value(v, self._missing) for v in c)

    def _make_tuple(self, c: Any) -> Any:
        return tuple(self._all(c))

    def _make_size(self, c: Any) -> Any:
        return Size(_whole(c))

    def _make_frozenset(self, c: Any) -> Any:
        return frozenset(key(v) for v in self._all(c))

    def _make_int(self, c: str) -> int:
        return int(c, 16)

    def _make_float(self, c: str) -> float:
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[c]

    def _make_complex(self, c: Any) -> complex:
        real, imag = self._all(c)
        return complex(float(real), float(imag))

    def _make_bytes(self, c: str) -> bytes:
        return base64.b64decode(c, validate=True)

    def _make_bytearray(self, c: str) -> bytearray:
        return bytearray(self._make_bytes(c))

    def _make_dtype(self, c: str) -> Any:
        return _dtype(c)

    def _make_device(self, c: str) -> Any:
        return device(str(c))

    def _make_slice(self, c: Any) -> Any:
        return slice(*self._all(c))

    def _make_range(self, c: Any) -> Any:
        return range(*_whole(list(self._all(c))))

    def _make_scalar(self, c: Any) -> Any:
        d, raw = checked_dtype(c[0]), base64.b64decode(c[1], validate=True)
        if len(raw) != d.itemsize:
            raise UnpicklingError(f"a number of dtype {d} has {d.itemsize} bytes, not {len(raw)}")
        return np.frombuffer(raw, d)[0] if d.itemsize else d.type()

    def _make_array(self, c: Any) -> Any:
        d = checked_dtype(c["dtype"])
        return self.storage(c["storage"], "cpu").view(d, c["offset"], tuple(_whole(c["shape"])), tuple(_whole(c["strides"])))

    def _make_tensor(self, c: Any) -> Any:
        stored = self.storage(c["storage"], c["device"])
        t = stored.tensor(_dtype(c["dtype"]), c["offset"], tuple(_whole(c["shape"])), tuple(_whole(c["strides"])), c["requires_grad"] is True,
                          CLASSES[c["class"]])
        if "attributes" in c:
            pairs = self.nodes[c["attributes"][0]][1]
            if any(type(k) is not str or hasattr(type(t), k) for k, _ in pairs):
                raise UnpicklingError("a tensor's attributes must be a dict of new names")
            t.__dict__.update({k: self.value(v) for k, v in pairs})
        return t


def _dtype(name: str) -> dt.dtype:
    found = dt.named(name)
    if found is None:
        raise UnpicklingError(f"there is no dtype {name!r} here" + (": pip install 'tapescope[bfloat16]'" if name == "bfloat16" else ""))
    return found


def _whole(c: Any) -> list[int]:
    if type(c) is not list or any(type(n) is not int or abs(n) >= 1 << 63 for n in c):
        raise UnpicklingError("whole numbers are expected")
    return c
