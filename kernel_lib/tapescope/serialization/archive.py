"""The zip around it: stored entries, aligned to 64 bytes, so that a file can be mapped as it lies."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np

ALIGN = 64
_HEADER = 30                                # bytes of a local header before the name
_PIECE = 1 << 22


def damaged(what: str) -> RuntimeError:
    """The error for a file that is not what it should be."""
    return RuntimeError(f"PytorchStreamReader failed reading zip archive: {what}. The file is damaged or incomplete: take a fresh copy of it.")


def write(f: Any, entries: Iterable[tuple[str, Any]]) -> None:
    """Writes (name, bytes) entries into a path or a file object."""
    if isinstance(f, (str, os.PathLike)):
        folder = os.path.dirname(os.path.abspath(os.fspath(f)))
        if not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist.")
    elif not hasattr(f, "write"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, not {type(f).__name__}")
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, data in entries:
            view = memoryview(data).cast("B") if len(data) else memoryview(b"")
            info = zipfile.ZipInfo(name)
            large = view.nbytes >= 1 << 31
            info.file_size = view.nbytes
            start = archive.fp.tell() + _HEADER + len(name.encode()) + (20 if large else 0)  # type: ignore[union-attr]
            gap = -start % ALIGN
            if gap:
                gap += ALIGN if gap < 4 else 0
                info.extra = struct.pack("<HH", 0x4246, gap - 4) + b"Z" * (gap - 4)       # "FB", as PyTorch pads
            with archive.open(info, "w", force_zip64=large) as out:
                for at in range(0, view.nbytes, _PIECE):
                    out.write(view[at:at + _PIECE])


class Archive:
    """A zip that is read: every entry stored, none larger than the file. Raises RuntimeError for anything else."""

    def __init__(self, f: Any) -> None:
        self.path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
        self.file: Any = f if self.path is None else open(self.path, "rb")  # noqa: SIM115  (closed with the archive)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if not all(hasattr(self.file, a) for a in ("read", "seek", "tell")):
            raise AttributeError("'read', 'seek' and 'tell' are needed to load: pre-load the data into a buffer like io.BytesIO and try to load from it instead")
        start = self.file.tell()
        head = self.file.read(8)
        if not isinstance(head, bytes):
            raise TypeError(f"a file to load must be opened in binary mode ('rb'); this one gives {type(head).__name__}")
        self.file.seek(0, io.SEEK_END)
        self.size = self.file.tell()
        self.file.seek(start)
        if not head:
            raise EOFError("Ran out of input")
        if head[:4] != b"PK\x03\x04":
            raise RuntimeError("Invalid magic number; corrupt file? " + _what(head))
        try:
            self.zip = zipfile.ZipFile(self.file)
            self.infos = {i.filename: i for i in self.zip.infolist()}
        except Exception as error:                          # zipfile has many words for it
            raise damaged(f"failed finding central directory ({error})") from error
        if len(self.infos) != len(self.zip.infolist()):
            raise damaged("two entries have the same name")

    def close(self) -> None:
        if self.path is not None:
            self.file.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return name in self.infos

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = self.infos.get(name)
        if info is None:
            raise damaged(f"there is no entry {name!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise damaged(f"the entry {name!r} is compressed; pack it again with stored entries (zip -0)")
        if info.header_offset + info.file_size > self.size:
            raise damaged(f"the entry {name!r} is larger than the file")
        return info

    def read(self, name: str) -> bytes:
        """The bytes of an entry, checked by its CRC."""
        info = self._info(name)
        try:
            return self.zip.read(info)
        except MemoryError:
            raise
        except Exception as error:
            raise damaged(f"{name!r}: {error}") from error

    def array(self, name: str, mapped: bool = False) -> np.ndarray[Any, Any]:
        """The bytes of an entry as a writable array; `mapped` leaves them in the file, and what is changed is private."""
        info = self._info(name)
        if mapped and self.path is not None and info.file_size:
            return self._map(info)
        out = np.empty(info.file_size, np.uint8)
        view, at = memoryview(out.data), 0
        try:
            with self.zip.open(info) as source:
                while at < len(view):
                    piece = source.read(min(_PIECE, len(view) - at))
                    if not piece:
                        raise EOFError("the entry ends too soon")
                    view[at:at + len(piece)] = piece
                    at += len(piece)
        except MemoryError:
            raise
        except Exception as error:
            raise damaged(f"{name!r}: {error}") from error
        return out

    def _map(self, info: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
        self.file.seek(info.header_offset)
        head = self.file.read(_HEADER)
        if len(head) < _HEADER or head[:4] != b"PK\x03\x04":
            raise damaged(f"{info.filename!r} has no header")
        name, extra = struct.unpack("<HH", head[26:30])
        start = info.header_offset + _HEADER + name + extra
        if start + info.file_size > self.size:
            raise damaged(f"the entry {info.filename!r} is larger than the file")
        assert self.path is not None
        return np.memmap(self.path, np.uint8, "c", start, (info.file_size,)).view(np.ndarray)


def _what(head: bytes) -> str:
    if head[:1] == b"\x80":
        return ("This is a pickle, as PyTorch wrote before version 1.6 and as pickle.dump writes: load it where you trust it, "
                "and save it again in the zip format.")
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "This is an HDF5 file: read it with h5py."
    if len(head) == 8 and int.from_bytes(head, "little") < 100_000_000 and head[4:] == bytes(4):
        return "This may be a safetensors file: read it with safetensors.load_file."
    return f"A file of save() begins with b'PK\\x03\\x04', this one with {head[:4]!r}."
