"""The only thing that core, nn, optim and utils know of a tape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .node import Node
    from .op import Op
    from .site import Site
    from .tensor import Tensor


class Sink(Protocol):
    """Receives what happens, on the thread where it happens; times are `perf_counter_ns`.

    A sink must not keep the tensors alive, must not raise, and must read values only at the level its user asked for.
    """

    def op(self, op: Op, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], node: Node | None,
           site: Site | None, t0: int, t1: int) -> None: ...

    def module_enter(self, module: Any, args: tuple[Any, ...], site: Site | None, t0: int) -> None: ...

    def module_exit(self, module: Any, output: Any, t1: int) -> None:
        """Always paired with `module_enter`; `output` is None when the forward raised."""

    def backward_begin(self, roots: tuple[Tensor, ...], site: Site | None) -> None: ...

    def node(self, node: Node, grads_in: tuple[Any, ...], grads_out: tuple[Any, ...], t0: int, t1: int) -> None:
        """One grad_fn has run; gradients are raw arrays (Tensors under create_graph), None where there is none."""

    def accumulate(self, tensor: Tensor, grad: Any) -> None:
        """The `.grad` of a leaf has been written."""

    def backward_end(self, error: BaseException | None) -> None: ...

    def update_begin(self, optimizer: Any) -> None: ...

    def update_end(self, optimizer: Any) -> None: ...

    def treated(self, what: str, *about: Any) -> None:
        """What no op says. "asked": a classification loss without a gradient, its scores and classes, raw arrays. Of what is done to gradients: "scale" (a
        GradScaler is about to multiply a loss), "scaled" (the loss, multiplied), "unscaled" (tensors whose `.grad` are themselves again), "updated" (the scaler
        has), "clipped"."""

    def log(self, kind: str, tag: str, value: Any, step: int | None, meta: dict[str, Any]) -> None: ...
