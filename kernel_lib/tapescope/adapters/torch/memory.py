"""The memory lens over a pass of PyTorch: what its nodes have saved, by storage. What hooks have packed away, a checkpoint's say, is not unpacked to be counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...core.say import say
from ...debugger.memory import Lens, Memory, told
from .arrays import quietly
from .nodes import LEAF, roots_of

if TYPE_CHECKING:
    from .sight import TorchSight


class TorchLens(Lens):
    """What a pass of PyTorch holds, by index."""

    def _leaves(self, pass_: Any) -> set[int]:
        return {n.variable.untyped_storage()._cdata for n in pass_.leaves if hasattr(n, "variable")}

    def _saved(self, node: Any) -> Iterator[tuple[int, int, Any]]:
        for name in dir(node) if node._sequence_nr() < LEAF else ():
            if not name.startswith("_raw_saved_"):
                continue
            try:
                raw = getattr(node, name)
                plain = [isinstance(r.data, torch.Tensor) for r in (raw if isinstance(raw, (tuple, list)) else (raw,))]
                if not plain or not all(plain):                 # packed by hooks
                    continue
                value = getattr(node, "saved_tensors" if name == "_raw_saved_tensors" else name.replace("_raw", "", 1))
            except RuntimeError:                                # freed
                continue
            for t in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(t, torch.Tensor) and t.layout == torch.strided:
                    storage = t.untyped_storage()
                    yield storage._cdata, storage.nbytes(), t.grad_fn

    def _gradients(self, pass_: Any) -> Any:
        order = self.sequence
        index = {n: i for i, n in enumerate(order)}
        change = np.zeros(len(order) + 2, np.int64)
        first = dict.fromkeys(roots_of(pass_.roots), 0)
        for i, n in enumerate(order):
            for m, _ in n.next_functions:
                if m is not None:
                    first.setdefault(m, i + 1)
        for n, begin in first.items():
            size = sum(int(np.prod(m.shape, dtype=np.int64)) * m.dtype.itemsize for m in n._input_metadata)
            change[begin] += size
            if n._sequence_nr() < LEAF:                         # a leaf's becomes .grad, and stays
                change[index.get(n, len(order)) + 1] -= size
        return np.cumsum(change)[:len(order) + 1]


def memory(dbg: TorchSight) -> Memory:
    """The lens over a held pass, at its cursor. Raises RuntimeError where PyTorch does not tell what is packed and what is not."""
    if not hasattr(torch._C._autograd.SavedTensor, "data"):
        raise RuntimeError(say("PyTorch {0} does not tell what its nodes have saved without unpacking it; newer ones do", torch.__version__))
    p = dbg._pass
    with quietly():
        lens = TorchLens(p)
        return told(dbg, lens, int(lens.held[0] - lens.held[min(dbg.index, len(lens.held) - 1)]) if p.retain else 0)
