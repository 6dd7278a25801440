"""The memory lens: bytes that each node holds for the backward pass, how they fall as it runs, their peak, and what a checkpoint of a module would save.

Counted is what `backward()` would hold, which frees a node's values as soon as it has run; memory that several nodes hold counts once and falls with the
last of them. Parameters are not counted, they stay anyway. A pass that is held keeps everything so that it can go back: `kept` is what that costs besides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.node import AccumulateGrad, Node, meta_of, title
from ..core.tensor import Tensor, accumulator

if TYPE_CHECKING:
    from .held import Held


class Lens:
    """What a pass holds, by index; worked out once for a pass."""

    def __init__(self, pass_: Any) -> None:
        self.sequence = pass_.sequence
        leaves = self._leaves(pass_)
        self.buffers: dict[int, int] = {}                       # memory -> bytes
        self.users: dict[int, list[int]] = {}                   # memory -> indices of the nodes that hold it
        self.of: dict[Node, list[int]] = {}                     # node -> memory
        self.source: dict[int, Node | None] = {}                # memory -> the node whose output it is, None for data
        for i, n in enumerate(self.sequence):
            mine = self.of[n] = []
            for key, nbytes, maker in self._saved(n):
                if key in leaves:
                    continue
                self.buffers[key] = nbytes
                self.source.setdefault(key, maker)
                if key not in mine:
                    mine.append(key)
                    self.users.setdefault(key, []).append(i)
        total = len(self.sequence)
        falls = np.zeros(total + 1, np.int64)                   # bytes that are let go as the cursor comes to an index
        for key, users in self.users.items():
            falls[users[-1] + 1] += self.buffers[key]
        self.held = int(sum(self.buffers.values())) - np.cumsum(falls)
        self.gradients = self._gradients(pass_)
        both = self.held + self.gradients
        self.peak_at = int(np.argmax(both))
        self.peak = int(both[self.peak_at])

    def _leaves(self, pass_: Any) -> set[int]:
        """The memory of parameters."""
        return {id(root(n.variable._array)) for n in pass_.leaves if isinstance(n, AccumulateGrad)}

    def _saved(self, node: Node) -> Iterator[tuple[int, int, Node | None]]:
        """What a node holds: which memory, its bytes, the node that made it."""
        for array, maker in saved_arrays(node):
            base = root(array)
            yield id(base), int(base.nbytes), maker

    def _gradients(self, pass_: Any) -> Any:
        """Bytes of gradients that wait, and of those that have arrived at leaves, before every node."""
        index = {n: i for i, n in enumerate(self.sequence)}
        change = np.zeros(len(self.sequence) + 2, np.int64)
        first: dict[Node, int] = {}
        for t in pass_.roots:
            first[t._node if t._node is not None else accumulator(t)] = 0
        for i, n in enumerate(self.sequence):
            for m in n.next:
                if m is not None:
                    first.setdefault(m, i + 1)
        for n, begin in first.items():
            outs = n.extra.outs if n.extra is not None and n.extra.outs is not None else (meta_of(n, 0),)
            size = sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in outs)
            change[begin] += size
            if not isinstance(n, AccumulateGrad):               # a leaf's becomes .grad, and stays
                change[index.get(n, len(self.sequence)) + 1] -= size
        return np.cumsum(change)[:len(self.sequence) + 1]

    def bytes_of(self, node: Node) -> int:
        return sum(self.buffers[k] for k in self.of.get(node, ()))

    def totals(self, index: int, kept: int) -> dict[str, int]:
        """The numbers beside a stop."""
        i = min(max(index, 0), len(self.held) - 1)
        return {"held": int(self.held[i]), "total": int(self.held[0]), "gradients": int(self.gradients[i]), "kept": kept, "peak": self.peak, "peak_at": self.peak_at}


class Memory:
    """What `dbg.memory()` gives: `held`, `gradients` and `kept` now, `total` at the start, `peak` and where; `curve` over the pass, `nodes` and `modules`."""

    def __init__(self, totals: dict[str, int], nodes: list[dict[str, Any]], curve: list[int], modules: list[dict[str, Any]]) -> None:
        self.held, self.total, self.gradients, self.kept = totals["held"], totals["total"], totals["gradients"], totals["kept"]
        self.peak, self.peak_at = totals["peak"], totals["peak_at"]
        self.nodes, self.curve, self.modules = nodes, curve, modules

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent."""
        return {"held": self.held, "total": self.total, "gradients": self.gradients, "kept": self.kept, "peak": self.peak, "peak_at": self.peak_at,
                "nodes": [[n["node"], n["bytes"], int(n["freed"])] for n in self.nodes], "curve": self.curve, "modules": self.modules, "words": repr(self)}

    def __repr__(self) -> str:
        lines = [f"held {size(self.held)} of {size(self.total)}, gradients {size(self.gradients)}; peak {size(self.peak)} at node {self.peak_at + 1}"
                 + (f"; {size(self.kept)} more so that the pass can go back" if self.kept else "")]
        for n in sorted(self.nodes, key=lambda n: -n["bytes"])[:8]:
            if n["bytes"]:
                lines.append(f"  {size(n['bytes']):>9}  {n['name']}{' in ' + n['module'] if n['module'] else ''}" + ("  (freed)" if n["freed"] else ""))
        worth = [m for m in self.modules if m["saves"]]
        if worth:
            lines.append("  a checkpoint would save")
            lines += [f"  {size(m['saves']):>9}  in {m['module']}, of {size(m['bytes'])}; it runs again during backward" for m in worth[:8]]
        return "\n".join(lines)


def size(n: float) -> str:
    """'1.5 MB'."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.2f} GB"


def told(dbg: Held[Any], lens: Lens, kept: int) -> Memory:
    """The lens over a held pass, at its cursor. `kept`: bytes that are held so that it can go back."""
    nodes = [{"node": dbg.row(n), "index": i, "name": title(n), "module": dbg.where.module(n), "bytes": lens.bytes_of(n), "freed": i < dbg.index}
             for i, n in enumerate(lens.sequence) if not hasattr(n, "variable")]
    return Memory(lens.totals(dbg.index, kept), nodes, [int(b) for b in lens.held], checkpoints(dbg.where.module, lens))


def checkpoints(module_of: Callable[[Any], str], lens: Lens) -> list[dict[str, Any]]:
    """For every module: what its nodes hold, what of it a checkpoint would not (all but its inputs and what others hold too), most first."""
    inside: dict[str, set[Any]] = {}
    for n in lens.sequence:
        if hasattr(n, "variable"):                              # a leaf
            continue
        path = module_of(n)
        while path:
            inside.setdefault(path, set()).add(n)
            path = path.rpartition(".")[0]
    found = []
    for path, nodes in inside.items():
        keys = {k for n in nodes for k in lens.of[n]}
        inputs = {k for k in keys if lens.source[k] not in nodes}
        alone = [k for k in keys - inputs if all(lens.sequence[i] in nodes for i in lens.users[k])]
        found.append({"module": path, "bytes": sum(lens.buffers[k] for k in keys), "saves": sum(lens.buffers[k] for k in alone),
                      "inputs": sum(lens.buffers[k] for k in inputs)})
    return sorted(found, key=lambda m: -int(str(m["saves"])))


def saved_arrays(node: Node) -> list[tuple[Any, Node | None]]:
    """Arrays that a node holds, each with the node that made it (None for data)."""
    if isinstance(node, AccumulateGrad) or node.saved.__class__ is not tuple:      # freed, or held by hooks
        return []
    found: list[tuple[Any, Node | None]] = []
    if node.plan is None:
        for t, _, _, array in node.saved:
            if array is not None:
                found.append((array, node if t is None else t._node))
        return found
    k = node.plan.tensors_saved
    for entry in node.saved[:k]:
        if isinstance(entry[0], Tensor):
            found.append((entry[0]._array, entry[0]._node))
    if node.plan.saves_output:
        array = node.saved[k][0]
        found += [(a, node) for a in (array if isinstance(array, tuple) else (array,))]
        k += 1
    found += [(v, node) for v in node.saved[k:] if hasattr(v, "nbytes") and hasattr(v, "dtype") and getattr(v, "ndim", 0) > 0]
    return found


def root(a: Any) -> Any:
    """The array whose memory this one looks at."""
    while isinstance(getattr(a, "base", None), type(a)):
        a = a.base
    return a
