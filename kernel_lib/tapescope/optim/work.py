"""Updates in cache-sized pieces, without temporaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.tensor import Tensor

BLOCK = 16384                      # elements worked on at a time: 64 KiB of float32 stay in the cache


class Work:
    """For every parameter, flat views of its memory, its state and a scratch buffer, cut into blocks.

    They are made once, and again when the memory of the parameter or of its state is another.
    """

    __slots__ = ("_known", "_scratch")

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[Any, ...], list[tuple[Any, ...]]]] = {}
        self._scratch: dict[Any, list[Any]] = {}

    def forget(self) -> None:
        """Drops all views."""
        self._known.clear()

    def pieces(self, p: Tensor, *state: Tensor, scratch: int = 1) -> Iterator[tuple[Any, ...]]:
        """Yields (parameter, gradient, *state, *scratch) for one block after another; scratch holds anything."""
        w = p._array
        arrays = (w, *[s._array for s in state])
        known = self._known.get(id(p))
        if known is None or len(known[0]) != len(arrays) or any(a is not b for a, b in zip(known[0], arrays)):
            known = self._known[id(p)] = (arrays, self._cut(arrays, scratch))
        blocks = known[1]
        g = p._grad._array                                 # type: ignore[union-attr]
        if len(blocks) == 1:
            part = blocks[0]
            yield part[0], (g if g.ndim == part[0].ndim else g.reshape(-1)), *part[1:]
            return
        g = g.reshape(-1)
        start = 0
        for part in blocks:
            stop = start + part[0].size
            yield part[0], g[start:stop], *part[1:]
            start = stop

    def _cut(self, arrays: tuple[Any, ...], scratch: int) -> list[tuple[Any, ...]]:
        w = arrays[0]
        n = w.size
        on_host = isinstance(w, np.ndarray)
        if not all(a.flags.c_contiguous for a in arrays):  # a transposed parameter, say: whole, with scratch of its own
            return [(*arrays, *[module_of(w).empty(w.shape, w.dtype) for _ in range(scratch)])]
        flat = [a.reshape(-1) for a in arrays]
        size = max(min(n, BLOCK) if on_host else n, 1)     # on a device one kernel over everything is best
        shared = self._buffers(w, size, scratch)
        if n <= size:
            return [(*flat, *[b[:n] for b in shared])]
        return [(*[a[i:i + size] for a in flat], *[b[:min(size, n - i)] for b in shared]) for i in range(0, n, size)]

    def _buffers(self, w: Any, size: int, many: int) -> list[Any]:
        module = module_of(w)
        key = (module, w.dtype)
        buffers = self._scratch.setdefault(key, [])
        if buffers and buffers[0].size < size:
            buffers.clear()
        while len(buffers) < many:
            buffers.append(module.empty(max(size, BLOCK), w.dtype))
        return buffers


def downhill(w: Any, g: Any, d: Any, s: Any, maximize: bool, decay: float) -> Any:
    """The gradient with its sign and the decay of the weights; `d` and `s` are scratch, and the result may be `d`."""
    if maximize:
        g = np.negative(g, d)
    if decay:
        np.multiply(w, decay, s)
        g = np.add(g, s, d)
    return g
