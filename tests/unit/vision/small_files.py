"""Small files in the formats of the data sets."""

from __future__ import annotations

import io
import pickle
import struct

import numpy as np

CODES = {np.dtype("u1"): 8, np.dtype("i1"): 9, np.dtype("i2"): 11, np.dtype("i4"): 12, np.dtype("f4"): 13, np.dtype("f8"): 14}


def idx(a: np.ndarray) -> bytes:
    """An array in the idx format."""
    return struct.pack(f">BBBB{a.ndim}I", 0, 0, CODES[a.dtype], a.ndim, *a.shape) + a.astype(a.dtype.newbyteorder(">")).tobytes()


def digits(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.RandomState(seed)
    return rng.randint(0, 256, (n, 28, 28)).astype(np.uint8), rng.randint(0, 10, n).astype(np.uint8)


class _Old(pickle._Pickler):                               # type: ignore[name-defined, misc]
    """Writes as Python 2 did, by which CIFAR's files were made: strings of bytes, arrays by numpy.core.multiarray._reconstruct."""

    dispatch = dict(pickle._Pickler.dispatch)              # type: ignore[attr-defined]

    def _bytes(self, text):
        raw = text.encode("latin1") if isinstance(text, str) else text
        self.write(b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = _bytes

    def save_array(self, a):
        self.write(b"cnumpy.core.multiarray\n_reconstruct\n")
        self.write(b"cnumpy\nndarray\nK\x00\x85")
        self._bytes("b")
        self.write(b"\x87R")
        self.write(b"(K\x01")
        self.save(tuple(int(n) for n in a.shape))
        self.write(b"cnumpy\ndtype\n")
        self._bytes("u1")
        self.write(b"K\x00K\x01\x87R(K\x03")
        self._bytes("|")
        self.write(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")
        self.write(b"\x89")
        self._bytes(a.tobytes())
        self.write(b"tb")

    def save(self, obj, *args, **kwargs):
        if isinstance(obj, np.ndarray):
            return self.save_array(obj)
        return super().save(obj, *args, **kwargs)


def old_pickle(entry) -> bytes:
    f = io.BytesIO()
    _Old(f, 2).dump(entry)
    return f.getvalue()
