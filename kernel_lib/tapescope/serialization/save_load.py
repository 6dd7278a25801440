"""`save` and `load`.

A file of ours is a zip of stored entries: `tapescope.json` (what there is, as nodes), `data/<i>` (raw memory, each piece once), and, only where a
whole object was saved that is no data, `object.pkl`.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
from collections.abc import Callable, Sequence
from pickle import UnpicklingError
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from . import torchfile, tree
from .archive import Archive, damaged, write
from .stored import Memory, Stored, restorer

HEAD = "tapescope.json"
VERSION = 1

_trusted: dict[str, Any] = {}


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Classes (or (class, "its.full.name")) that `load` may build from a file of PyTorch's, because you trust them."""
    for g in safe_globals:
        if isinstance(g, tuple):
            if len(g) != 2 or type(g[1]) is not str:
                raise ValueError(f"Expected tuple of length 2 (global, str of callable full path), but got {g!r}")
            _trusted[g[1]] = g[0]
        else:
            _trusted[f"{g.__module__}.{g.__qualname__}"] = g


def get_safe_globals() -> list[Any]:
    """The classes that `add_safe_globals` was given."""
    return list(_trusted.values())


def clear_safe_globals() -> None:
    """Trusts nobody again."""
    _trusted.clear()


class safe_globals:
    """`add_safe_globals` for a block."""

    def __init__(self, safe_globals: Sequence[Any]) -> None:
        self._globals = safe_globals

    def __enter__(self) -> None:
        self._before = dict(_trusted)
        add_safe_globals(self._globals)

    def __exit__(self, *exc: object) -> None:
        _trusted.clear()
        _trusted.update(self._before)


class _Whole(pickle.Pickler):
    """Pickles an object with its tensors left out: they are nodes of the file."""

    def __init__(self, out: io.BytesIO, writer: tree.Writer, protocol: int) -> None:
        super().__init__(out, protocol)
        self.writer = writer

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            if type(obj) in tree.CLASSES.values() and not obj.__dict__:
                return "tensor", self.writer.value(obj)[0]
            bare = _alias(obj)                                 # a class or attributes of the user's: the pickle holds them
            return "tensor of", self.writer.value(bare)[0], type(obj), dict(obj.__dict__), id(obj)
        if type(obj) is np.ndarray and obj.dtype.kind in "biufc":
            return "array", self.writer.value(obj)[0]
        return None


def _alias(t: Tensor) -> Tensor:
    from ..core.tensor import wrap

    return wrap(t._array, req=t._req)


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 5, _use_new_zipfile_serialization: bool = True, *,
         format: str = "tapescope") -> None:
    """Saves an object to a path or a file that is open for writing in binary mode.

    Tensors, NumPy arrays, numbers, strings and containers are written as raw memory and JSON, from which `load` can rebuild them without running
    anything; tensors that share memory still share it afterwards. Any other object, such as a whole Module, is pickled, and can only be loaded with
    `weights_only=False`. `format="torch"` writes what PyTorch reads. Raises TypeError for what that cannot hold, RuntimeError for a folder that
    is not there.

    >>> import io, tapescope as ts
    >>> f = io.BytesIO()
    >>> ts.save({"weight": ts.ones(2), "epoch": 3}, f)
    >>> ts.load(io.BytesIO(f.getvalue()))
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if format not in ("tapescope", "torch"):
        raise ValueError(f"format must be 'tapescope' or 'torch', not {format!r}")
    if format == "torch":
        write(f, list(torchfile.write(obj)))
        return
    memory = Memory()
    writer = tree.Writer(memory)
    whole, holds = None, ""
    try:
        root = writer.value(obj)
    except tree.NotData as error:
        memory = Memory()
        writer, root, holds = tree.Writer(memory), None, str(error)
        out = io.BytesIO()
        _Whole(out, writer, pickle_protocol).dump(obj)
        whole = out.getvalue()
    memory.settle()
    head = {"format": "tapescope", "version": VERSION, "byteorder": sys.byteorder, "holds": holds, "root": root, "storages": len(memory.pieces),
            "nodes": tree.settled(writer.nodes, memory)}
    entries: list[tuple[str, Any]] = [(HEAD, json.dumps(head, separators=(",", ":"), allow_nan=False).encode())]
    if whole is not None:
        entries.append(("object.pkl", whole))
    write(f, entries + [(f"data/{i}", piece) for i, piece in enumerate(memory.pieces)])


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None,
         **pickle_load_args: Any) -> Any:
    """Loads what `save` wrote, or PyTorch: from a path or a file that is open for reading in binary mode.

    Nothing of the file is run: it may hold tensors, arrays, numbers, strings and containers, and what else it names is refused. `weights_only=False`
    rebuilds whole objects as pickle does, which runs whatever the file says: only for files whose source you trust. `map_location` says where
    tensors go (a device, a dict of devices, or a function of storage and location); with `mmap=True` they stay in the file until they are read.
    bfloat16 is read as float32 where ml_dtypes is not installed. Raises FileNotFoundError, RuntimeError for a damaged file, pickle.UnpicklingError for what is refused.
    """
    place = restorer(map_location)
    mapped = bool(mmap)
    if mapped and not isinstance(f, (str, bytes)) and not hasattr(f, "__fspath__"):
        raise ValueError("f must be a file path in order to use the mmap argument")
    with Archive(f) as archive:
        if HEAD in archive:
            return _load_ours(archive, place, mapped, weights_only)
        root = torchfile.root_of(archive)
        if root is None:
            if any(name.endswith("/constants.pkl") for name in archive.infos):
                raise RuntimeError("this is a TorchScript archive; in PyTorch, save the module's state_dict() instead")
            raise damaged("it has neither tapescope.json nor a folder with data.pkl")
        if any(name == root + "constants.pkl" for name in archive.infos):
            raise RuntimeError("this is a TorchScript archive; in PyTorch, save the module's state_dict() instead")
        trusted = dict(_trusted)
        if weights_only is False:
            trusted = _Anyone()
        try:
            return torchfile.read(archive, root, place, mapped, trusted, pickle_load_args.get("encoding", "utf-8"))
        except UnpicklingError as error:
            raise UnpicklingError(_refusal(str(error))) from error


class _Anyone(dict[str, Any]):
    """Every class that can be imported and is not PyTorch's own: what `weights_only=False` trusts."""

    def __contains__(self, path: object) -> bool:
        module, _, name = str(path).rpartition(".")
        if path in self.keys():
            return True
        if not module or module.split(".")[0] == "torch":
            return False
        found = getattr(importlib.import_module(module), name, None)
        if found is None:
            return False
        self[str(path)] = found
        return True


def _refusal(why: str) -> str:
    return (f"Weights only load failed. {why}\nA file may hold tensors, containers and numbers. What else it names is refused, because rebuilding it runs "
            "code. If you trust the source of the file, load(f, weights_only=False) does so.")


def _load_ours(archive: Archive, place: Callable[[Stored, str], Stored], mapped: bool, weights_only: bool | None) -> Any:
    try:
        head = json.loads(archive.read(HEAD))
    except (ValueError, RecursionError) as error:
        raise damaged(f"{HEAD}: {error}") from error
    if not isinstance(head, dict) or head.get("format") != "tapescope":
        raise damaged(f"{HEAD} is not what save() writes")
    version = head.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise RuntimeError(f"the file has version {version!r} of the format; this version of Tapescope reads {VERSION} and older: update it")
    if head.get("byteorder") != sys.byteorder:
        raise RuntimeError(f"the file was written on a machine with {head.get('byteorder')!r} byte order; this one is {sys.byteorder}-endian")
    known: dict[tuple[int, str], Stored] = {}

    def storage(i: Any, location: str) -> Stored:
        if type(i) is not int or type(location) is not str:
            raise UnpicklingError("a storage is a number on a device")
        if (i, location) not in known:
            known[i, location] = place(Stored(archive.array(f"data/{i}", mapped)), location)
        return known[i, location]

    reader = tree.Reader(head.get("nodes"), storage)
    if not head.get("holds"):
        return reader.read(head.get("root"))
    if weights_only is not False:
        raise UnpicklingError(_refusal(f"The file holds a {head['holds']}, saved as a whole object. Save its state_dict() where you can."))
    reader.read(None)
    made: dict[Any, Tensor] = {}

    def outside(pid: Any) -> Any:
        found = reader.value([pid[1]])
        if pid[0] == "tensor of":
            _, _, cls, attributes, identity = pid
            if identity not in made:
                found = _as_class(found, cls)
                found.__dict__.update(attributes)
                made[identity] = found
            return made[identity]
        return found

    unpickler = pickle.Unpickler(io.BytesIO(archive.read("object.pkl")))
    unpickler.persistent_load = outside                        # type: ignore[method-assign]
    return unpickler.load()


def _as_class(t: Tensor, cls: type[Tensor]) -> Tensor:
    from ..core.tensor import wrap

    new = wrap(t._array, req=t._req, cls=cls)
    new._storage = t._storage
    return new
