"""DistributedDataParallel: every process has the model and a part of the batch; gradients are the mean over all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ..modules.module import Module


class DistributedDataParallel(Module):
    """Wraps a module; parameters and buffers are those of rank 0, and when the last gradient of a backward pass has come, all are replaced by their mean over ranks.

    With equal parts of a batch these are the gradients of the whole batch. `find_unused_parameters` lets parameters stay out of a pass: theirs count as zero.
    Raises RuntimeError for a module without parameters that need gradients, and when a pass left some out that it should not have.
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0, broadcast_buffers: bool = True, init_sync: bool = True,
                 process_group: Any = None, bucket_cap_mb: Any = None, find_unused_parameters: bool = False, check_reduction: bool = False,
                 gradient_as_bucket_view: bool = False, static_graph: bool = False) -> None:
        super().__init__()
        from ... import distributed

        self._dist = distributed
        distributed._need()
        self.module = module
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.require_backward_grad_sync = True
        self._learned = [p for p in module.parameters() if p.requires_grad]
        if not self._learned:
            raise RuntimeError("DistributedDataParallel is not needed when a module doesn't have any parameters that require a gradient.")
        self._arrived: set[int] = set()
        self._expected = False
        if init_sync:
            self._same([*module.parameters(), *module.buffers()])
        self._handles = [p.register_post_accumulate_grad_hook(self._came) for p in self._learned]

    def _same(self, tensors: list[Tensor]) -> None:
        """Makes tensors those of rank 0, one message a dtype."""
        for group in _by_dtype(tensors):
            flat = Tensor(np.concatenate([self._dist._host(t).reshape(-1) for t in group]))
            self._dist.broadcast(flat, 0)
            _spread(self._dist, flat, group)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        syncs = self.require_backward_grad_sync and self.training
        if syncs and self._expected and 0 < len(self._arrived) < len(self._learned):
            missing = [n for n, p in self.module.named_parameters() if p.requires_grad and id(p) not in self._arrived]
            self._arrived.clear()
            raise RuntimeError("Expected to have finished reduction in the prior iteration before starting a new one. This error indicates that your module has parameters that were "
                               "not used in producing loss. You can enable unused parameter detection by passing the keyword argument `find_unused_parameters=True`; without gradient: "
                               + ", ".join(missing[:8]))
        self._arrived.clear()
        if self.training and self.broadcast_buffers and syncs:
            buffers = list(self.module.buffers())
            if buffers:
                self._same(buffers)
        out = self.module(*args, **kwargs)
        self._expected = syncs
        if syncs and self.find_unused_parameters:
            used = _reached(out)
            self._arrived = {id(p) for p in self._learned if id(p) not in used}
        return out

    def _came(self, p: Tensor) -> None:
        if not self.require_backward_grad_sync or not self._expected:
            return
        self._arrived.add(id(p))
        if len(self._arrived) == len(self._learned):
            self._arrived.clear()
            self._expected = False
            self._mean()

    def _mean(self) -> None:
        """One message a dtype, with all gradients in it."""
        for group in _by_dtype(self._learned):
            flat = Tensor(np.concatenate([(self._dist._host(p.grad) if p.grad is not None else np.zeros(p.shape, self._dist._host(p).dtype)).reshape(-1) for p in group]))
            self._dist.all_reduce(flat, self._dist.ReduceOp.AVG)
            for p in group:
                if p.grad is None:
                    p.grad = Tensor(np.zeros(p.shape, self._dist._host(p).dtype)).to(p.device)
            _spread(self._dist, flat, [p.grad for p in group if p.grad is not None])

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients of passes inside only add up at each rank; the next pass outside takes the mean of all."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before


def _by_dtype(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    found: dict[str, list[Tensor]] = {}
    for t in tensors:
        found.setdefault(str(t.dtype), []).append(t)
    return list(found.values())


def _spread(dist: Any, flat: Tensor, group: list[Tensor]) -> None:
    line, at = flat._array, 0
    for t in group:
        n = t.numel()
        dist._put(t, line[at:at + n].reshape(t._array.shape))
        at += n


def _reached(out: Any) -> set[int]:
    """Leaves that a backward pass from any tensor in `out` can come to."""
    found: set[int] = set()
    stack: list[Any] = [t._node if t._node is not None else t for t in _tensors(out)]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, Tensor):
            found.add(id(node))
            continue
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.add(id(variable))
        stack.extend(node.next or ())
    return found


def _tensors(x: Any) -> list[Tensor]:
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    return [t for v in x for t in _tensors(v)] if isinstance(x, (tuple, list)) else []
