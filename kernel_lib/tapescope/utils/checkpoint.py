"""`torch.utils.checkpoint`: memory for time. What a piece of a model saves is thrown away, and computed again when backward comes to it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ..core.autograd import backward
from ..core.function import Function
from ..core.grad_mode import enable_grad
from ..core.packed import PackHooks
from ..core.random import default_generator
from ..core.state import mode, set_grad, set_sink
from ..core.tensor import Tensor

_UNSAID = ("torch.utils.checkpoint{}: the use_reentrant parameter should be passed explicitly. {} use_reentrant=False is recommended, but if you need to preserve the "
           "current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between the two variants.")


_stop_early: bool | None = None


class CheckpointError(RuntimeError):
    """The second run of a function was not like the first."""


class _Enough(Exception):
    """All that is needed has been computed again."""


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, context_fn: Any = None, determinism_check: str = "default",
               debug: bool = False, early_stop: bool = True, **kwargs: Any) -> Any:
    """function(*args), without keeping what it saves for backward: backward runs the function again.

    `use_reentrant=False` records the graph and recomputes saved values; True runs forward without gradients and a backward within backward.
    Random numbers of the second run are those of the first unless `preserve_rng_state=False`.
    """
    if use_reentrant is None:
        warnings.warn(_UNSAID.format("", "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception."), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not None or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        if mode.grad and not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        return _Reentrant.apply(function, preserve, *args)
    if not mode.grad:
        return function(*args, **kwargs)
    first, again = context_fn() if context_fn is not None else (contextlib.nullcontext(), contextlib.nullcontext())
    run = _Rerun(function, args, kwargs, preserve, again, early_stop if _stop_early is None else _stop_early)
    hooks = PackHooks(run.pack, run.unpack)
    hooks.enter()
    try:
        with first:
            return function(*args, **kwargs)
    finally:
        hooks.leave()


class _Rerun:
    """What is needed to run a function again, and what that has given."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, preserve: bool, context: Any, early_stop: bool) -> None:
        self.function, self.args, self.kwargs, self.context, self.early_stop = function, args, kwargs, context, early_stop
        self.state = default_generator.get_state() if preserve else None
        self.shapes: list[Any] = []
        self.found: dict[int, Tensor] = {}
        self.left = 0

    def pack(self, t: Tensor) -> int:
        self.shapes.append((t._array.shape, t._array.dtype))
        return len(self.shapes) - 1

    def unpack(self, i: int) -> Tensor:
        if i not in self.found:
            self.run()
        t = self.found.pop(i)
        shape, dtype = self.shapes[i]
        if t._array.shape != shape or t._array.dtype != dtype:
            raise CheckpointError("torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward pass.\n"
                                  f"tensor at position {i}:\nsaved metadata: {{'shape': {list(shape)}, 'dtype': {dtype}}}\n"
                                  f"recomputed metadata: {{'shape': {list(t._array.shape)}, 'dtype': {t._array.dtype}}}")
        return t

    def run(self) -> None:
        made: list[Tensor] = []

        def keep(t: Tensor) -> None:
            made.append(t)
            if self.early_stop and len(made) == len(self.shapes):
                raise _Enough

        before = default_generator.get_state()
        if self.state is not None:
            default_generator.set_state(self.state)
        sink, grad = set_sink(None), set_grad(True)                  # on the tape the ops stand once
        hooks = PackHooks(keep, lambda t: t)
        hooks.enter()
        try:
            with self.context:
                self.function(*[a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in self.args], **self.kwargs)
        except _Enough:
            pass
        finally:
            set_sink(sink)
            set_grad(grad)
            if self.state is not None:
                default_generator.set_state(before)
        if len(made) != len(self.shapes):
            raise CheckpointError("torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                                  f"Number of tensors saved during forward: {len(self.shapes)}\nNumber of tensors saved during recomputation: {len(made)}.")
        self.found = dict(enumerate(made))


class _Reentrant(Function):
    """The older way: forward without gradients, and a backward pass within the backward pass."""

    writes_grad = True                                               # of what the function uses: a debugger cannot run it twice

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        ctx.function, ctx.state = function, default_generator.get_state() if preserve else None
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.at = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.at])
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        given = list(ctx.others)
        for i, t in zip(ctx.at, ctx.saved_tensors, strict=True):
            given[i] = t.detach().requires_grad_(t.requires_grad)
        before = default_generator.get_state()
        if ctx.state is not None:
            default_generator.set_state(ctx.state)
        try:
            with enable_grad():
                outputs = ctx.function(*given)
        finally:
            if ctx.state is not None:
                default_generator.set_state(before)
        pairs = [(o, g) for o, g in zip(outputs if isinstance(outputs, tuple) else (outputs,), grads, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[a._grad if isinstance(a, Tensor) else None for a in given])


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """Runs functions (or a Sequential) one after the other, in `segments` pieces, all but the last of which are checkpointed."""
    if use_reentrant is None:
        warnings.warn(_UNSAID.format(".checkpoint_sequential", "In version 2.9 we will raise an exception if use_reentrant is not passed."), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def piece(start: int, end: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for f in steps[start:end + 1]:
                x = f(x)
            return x
        return forward

    size, end = len(steps) // segments, -1
    for start in range(0, size * (segments - 1), size):
        end = start + size - 1
        input = checkpoint(piece(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return piece(end + 1, len(steps) - 1)(input)


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within it, whether a second run ends as soon as everything is there again, whatever `early_stop` says."""
    global _stop_early
    before, _stop_early = _stop_early, enable
    try:
        yield
    finally:
        _stop_early = before


__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "set_checkpoint_early_stop"]
