"""`safetensors.torch` for our Tensors, on the package `safetensors`; the files are the same."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .core import device as _dev
from .core import dtype as dt
from .core.tensor import Tensor, wrap

_Path = str | os.PathLike[str]


def _library() -> Any:
    try:
        import safetensors
    except ImportError:
        raise ImportError("the package safetensors is not installed: pip install tapescope[safetensors]") from None
    return safetensors


def save_file(tensors: dict[str, Tensor], filename: _Path, metadata: dict[str, str] | None = None) -> None:
    """Writes named tensors into a file. Raises ValueError for a tensor that is not contiguous, RuntimeError for tensors that share memory."""
    specs, _alive = _specs(tensors)
    _library().serialize_file(specs, filename, metadata=metadata)


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes that `save_file` would write."""
    specs, _alive = _specs(tensors)
    return bytes(_library().serialize(specs, metadata=metadata))


def load_file(filename: _Path, device: Any = "cpu", *, backend: str = "mmap") -> dict[str, Tensor]:
    """All tensors of a file by name. bfloat16 becomes float32 where ml_dtypes is not installed; raises safetensors.SafetensorError for a file that is none."""
    with safe_open(filename, "pt", device, backend=backend) as f:
        return {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118


def load(data: bytes) -> dict[str, Tensor]:
    """All tensors of the bytes of a file."""
    return {name: wrap(_array(v["data"], v["dtype"], v["shape"], name)) for name, v in _library().deserialize(data)}


class safe_open:
    """Opens a file and reads tensors one by one: `with safe_open("model.safetensors", "pt") as f: f.get_tensor("weight")`."""

    def __init__(self, filename: _Path, framework: str = "pt", device: Any = "cpu", *, backend: str = "mmap") -> None:
        self._device = _dev.device(device)
        self._path = filename
        self._file = _library().safe_open(filename, framework="np", backend=backend)
        with open(filename, "rb") as f:                     # checked by the library a moment ago
            self._start = 8 + int.from_bytes(f.read(8), "little")
            self._header = json.loads(f.read(self._start - 8))

    def __enter__(self) -> safe_open:
        self._file.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.__exit__(*exc)

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return list(self._file.keys())

    def offset_keys(self) -> list[str]:
        """The names in the order in which they lie in the file."""
        return list(self._file.offset_keys())

    def metadata(self) -> dict[str, str] | None:
        """The text that was saved with them."""
        found: dict[str, str] | None = self._file.metadata()
        return found

    def get_tensor(self, name: str) -> Tensor:
        """A tensor, read now."""
        about = self._header.get(name)
        if about is not None and about["dtype"] in _UPPER:
            begin, end = about["data_offsets"]
            with open(self._path, "rb") as f:
                f.seek(self._start + begin)
                array = _array(f.read(end - begin), about["dtype"], about["shape"], name)
        else:
            array = np.array(self._file.get_tensor(name))
        return wrap(_dev.move(array, self._device))

    def get_tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {k: self.get_tensor(k) for k in self.keys()}

    def get_slice(self, name: str) -> _Slice:
        """A tensor that is read where it is indexed: `f.get_slice("weight")[:10]`."""
        return _Slice(self, name)


class _Slice:
    def __init__(self, file: safe_open, name: str) -> None:
        self._of, self._name, self._slice = file, name, file._file.get_slice(name)

    def get_shape(self) -> list[int]:
        """The shape of the whole tensor."""
        return list(self._slice.get_shape())

    def get_dtype(self) -> str:
        """The dtype as the file calls it: "F32"."""
        return str(self._slice.get_dtype())

    def __getitem__(self, index: Any) -> Tensor:
        if self.get_dtype() in _UPPER:
            part: Tensor = self._of.get_tensor(self._name)[index]
            return part
        return wrap(_dev.move(np.array(self._slice[index]), self._of._device))


_UPPER = {"BF16"}
_TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U8": "u1", "BOOL": "?", "C64": "c8"}


def _array(data: Any, kind: str, shape: list[int], name: str) -> Any:
    if kind in _UPPER and dt.has_bfloat16():
        return np.frombuffer(data, dt.bfloat16.dtype).reshape(shape).copy()
    if kind in _UPPER:                                      # bfloat16 is the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(shape)
    if kind not in _TYPES:
        raise TypeError(f"the tensor {name!r} has dtype {kind}, which a Tensor cannot have")
    return np.frombuffer(data, _TYPES[kind]).reshape(shape).copy()


def _groups(tensors: Mapping[str, Tensor]) -> list[list[str]]:
    """Names whose memory overlaps."""
    found: list[tuple[str, int, int, str]] = []
    for name, t in tensors.items():
        a = t._array
        if a.size:
            low, high = np.lib.array_utils.byte_bounds(a) if isinstance(a, np.ndarray) else (a.data.ptr, a.data.ptr + a.nbytes)
            found.append((str(t.device), low, high, name))
    groups: list[list[str]] = []
    where, end = "", 0
    for device, low, high, name in sorted(found):
        if groups and device == where and low < end:
            groups[-1].append(name)
        else:
            groups.append([name])
            end = 0
        where, end = device, max(end, high)
    return groups


def _specs(tensors: Any) -> tuple[dict[str, Any], list[Any]]:
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for k, v in tensors.items():
        if not isinstance(v, Tensor):
            raise ValueError(f"Key `{k}` is invalid, expected torch.Tensor but received {type(v)}")
    shared = [set(g) for g in _groups(tensors) if len(g) > 1]
    if shared:
        raise RuntimeError("Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading them again: "
                           f"{shared}. A potential way to correctly save your model is to use `save_model`.")
    specs: dict[str, Any] = {}
    alive: list[Any] = []
    for k, v in tensors.items():
        if not v._array.flags.c_contiguous:
            raise ValueError(f"You are trying to save a non contiguous tensor: `{k}` which is not allowed. It either means you are trying to save tensors "
                             "which are reference of each other in which case it's recommended to save only the full tensors, and reslice at load time, or "
                             "simply call `.contiguous()` on your tensor to pack it before saving.")
        a = _dev.move(v._array, _dev.CPU)
        alive.append(a)
        specs[k] = _library().TensorSpec(dtype=v.dtype.name, shape=a.shape, data_ptr=a.ctypes.data, data_len=a.nbytes)
    return specs, alive


def _duplicates(state: Mapping[str, Tensor], preferred: Any = ()) -> dict[str, list[str]]:
    """Which names a file leaves out, by the name that it keeps: the one that spans all of the shared memory."""
    found: dict[str, list[str]] = {}
    for names in _groups(state):
        if len(names) < 2:
            continue
        most = max(state[n].nbytes for n in names)
        low = min(np.lib.array_utils.byte_bounds(state[n]._array)[0] for n in names)
        whole = sorted(n for n in names if state[n].nbytes == most and np.lib.array_utils.byte_bounds(state[n]._array)[0] == low)
        if any(np.lib.array_utils.byte_bounds(state[n]._array)[1] > low + most for n in names):
            raise RuntimeError("Error while trying to find names to remove to save state dict, but found no suitable name to keep for saving amongst: "
                               f"{set(names)}. None is covering the entire storage.")
        keep = next(iter(sorted(set(whole) & set(preferred))), whole[0])
        found[keep] = sorted(n for n in names if n != keep)
    return found


def save_model(model: Any, filename: _Path, metadata: dict[str, str] | None = None, force_contiguous: bool = True) -> None:
    """Writes a module's state; of tied tensors one is written, and the metadata says which."""
    state = dict(model.state_dict())
    metadata = None if metadata is None else dict(metadata)
    for kept, others in _duplicates(state).items():
        for name in others:
            metadata = {} if metadata is None else metadata
            metadata.setdefault(name, kept)
            del state[name]
    if force_contiguous:
        state = {k: v.contiguous() for k, v in state.items()}
    save_file(state, filename, metadata)


def load_model(model: Any, filename: _Path, strict: bool = True, device: Any = "cpu", *, backend: str = "mmap") -> tuple[set[str], list[str]]:
    """Reads a state into a module; with `strict`, raises RuntimeError for missing and unexpected names. Names left out because they are tied do not count."""
    state = load_file(filename, device, backend=backend)
    left_out = _duplicates(model.state_dict(), state)
    keys = model.load_state_dict(state, strict=False)
    missing, unexpected = set(keys.missing_keys), list(keys.unexpected_keys)
    for others in left_out.values():
        for name in others:
            if name in missing:
                missing.remove(name)
            else:
                unexpected.append(name)
    if strict and (missing or unexpected):
        error = f"Error(s) in loading state_dict for {type(model).__name__}:"
        for title, names in (("Missing", missing), ("Unexpected", unexpected)):
            if names:
                error += f"\n    {title} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in sorted(names))
        raise RuntimeError(error)
    return missing, unexpected
