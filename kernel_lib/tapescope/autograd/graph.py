"""`torch.autograd.graph`: hooks on what is saved, hooks on many gradients, and edges of the graph."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..core.hooks import RemovableHandle
from ..core.node import Node
from ..core.packed import PackHooks, refusal
from ..core.tensor import Tensor, accumulator

__all__ = ["GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks"]


class GradientEdge(NamedTuple):
    """Where a gradient arrives: a node, and the number of its output."""

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor arrives."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(tensor._node if tensor._node is not None else accumulator(tensor), tensor._nr)


def increment_version(tensor: Any) -> None:
    """Notes that the memory of a tensor was changed behind the library's back."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        t.bump()


class saved_tensors_hooks:
    """Within it, what an op saves for backward goes through `pack_hook`, and comes back through `unpack_hook` when backward needs it."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._entered: list[PackHooks] = []

    def __enter__(self) -> None:
        if refusal.message is not None:
            raise RuntimeError(refusal.message)
        hooks = PackHooks(self.pack_hook, self.unpack_hook)
        self._entered.append(hooks)
        hooks.enter()

    def __exit__(self, *exc: object) -> None:
        self._entered.pop().leave()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **named: Any) -> Any:
            with self:
                return function(*args, **named)
        return wrapped


class save_on_cpu(saved_tensors_hooks):
    """Within it, what is saved waits in the memory of the CPU, and goes back to its GPU when backward needs it."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within it, entering hooks on saved tensors is an error with this message."""
    before, refusal.message = refusal.message, error_message
    try:
        yield
    finally:
        refusal.message = before


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all") -> RemovableHandle:
    """Calls `fn(gradients)` when those of all tensors are known (None for what a pass does not reach), or, with mode "any", `fn(gradient)` at the first one.

    Each backward pass counts by itself.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    state = _Gathered(tensors, fn, mode)
    handles = [t.register_hook(functools.partial(state.hear, i)) for i, t in enumerate(tensors)]
    return _Many(handles)


class _Gathered:
    """What has arrived of one pass."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable[..., None], mode: str) -> None:
        self.fn, self.mode, self.size = fn, mode, len(tensors)
        self.places = [get_gradient_edge(t)[:2] for t in tensors]
        self.lock = threading.Lock()
        self.pass_: Any = None
        self.expected: set[int] = set()
        self.grads: list[Any] = []

    def hear(self, i: int, grad: Tensor) -> None:
        from ..core.autograd import current_pass

        now = current_pass()
        with self.lock:
            if self.pass_ is not now:
                self.pass_, self.grads = now, [None] * self.size
                self.expected = {k for k, p in enumerate(self.places) if now is None or now.reaches(p)}
                fire_any = self.mode == "any"
            else:
                fire_any = False
            self.grads[i] = grad
            self.expected.discard(i)
            done = self.mode == "all" and not self.expected
        if fire_any:
            self.fn(grad)
        if done:
            self.pass_ = None
            self.fn(self.grads)


class _Many(RemovableHandle):
    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        super().__init__({})
        self._handles = handles

    def remove(self) -> None:
        for h in self._handles:
            h.remove()
