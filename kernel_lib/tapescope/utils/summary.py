"""A table of a model's layers, with the shapes that data takes on its way; the table that torchsummary prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core import dtype as dt
from ..core.grad_mode import no_grad
from ..core.random import default_generator
from ..core.state import set_sink
from ..core.tensor import Tensor
from ..ops.creation import rand, zeros
from . import layer_tree

_MB = 1024.0 ** 2
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")        # by name: utils does not import nn


def summary(model: Any, input_size: Any, batch_size: int = -1, device: Any = None, dtypes: Sequence[Any] | None = None,
            depth: int | None = None) -> None:
    """Prints every layer with its output shape and number of parameters.

    `input_size` leaves out the batch: `(1, 28, 28)`, or a list of such for several inputs; `dtypes` says what they hold (float32).
    With `depth` the layers are shown as a tree so many levels deep, in torchinfo's table, and the model runs with a batch of `batch_size` (1).
    The model runs once in evaluation, unrecorded; its mode and the random numbers are afterwards as before.

    >>> import tapescope as ts
    >>> ts.utils.summary(ts.nn.Linear(4, 2), (4,))
    ----------------------------------------------------------------
            Layer (type)               Output Shape         Param #
    ================================================================
                Linear-1                    [-1, 2]              10
    ================================================================
    Total params: 10
    Trainable params: 10
    Non-trainable params: 0
    ----------------------------------------------------------------
    Input size (MB): 0.00
    Forward/backward pass size (MB): 0.00
    Params size (MB): 0.00
    Estimated Total Size (MB): 0.00
    ----------------------------------------------------------------
    """
    sizes = [tuple(s) for s in input_size] if isinstance(input_size, list) else [tuple(input_size)]
    kinds = list(dtypes) if dtypes is not None else [dt.float32] * len(sizes)
    if len(kinds) != len(sizes):
        raise ValueError(f"summary() got {len(sizes)} input sizes but {len(kinds)} dtypes")
    if depth is not None:
        print(_quietly(model, lambda: layer_tree.table(model, _inputs(model, sizes, kinds, max(batch_size, 1), device), depth)))
        return
    rows = _run(model, sizes, kinds, batch_size, device)
    params = {id(p): p for p in model.parameters()}.values()
    total = sum(p.numel() for p in params)
    learned = sum(p.numel() for p in params if p.requires_grad)
    many = abs(batch_size)
    held = sum(math.prod(s) * dt.as_dtype(k).itemsize for s, k in zip(sizes, kinds, strict=True)) * many / _MB
    passed = 2.0 * sum(values for _, _, _, values in rows) * 4 / _MB              # every output and its gradient
    stored = sum(p.nbytes for p in params) / _MB
    print("-" * 64)
    print(f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}")
    print("=" * 64)
    for name, shape, count, _ in rows:
        print(f"{name:>20}  {shape:>25} {count:>15,}")
    print("=" * 64)
    print(f"Total params: {total:,}\nTrainable params: {learned:,}\nNon-trainable params: {total - learned:,}")
    print("-" * 64)
    print(f"Input size (MB): {held:.2f}\nForward/backward pass size (MB): {passed:.2f}\nParams size (MB): {stored:.2f}\n"
          f"Estimated Total Size (MB): {held + passed + stored:.2f}")
    print("-" * 64)


def _run(model: Any, sizes: list[tuple[int, ...]], kinds: list[Any], batch_size: int, device: Any) -> list[tuple[str, str, int, int]]:
    """One forward pass; (name, shape, parameters, elements a sample) of every layer call."""
    rows: list[tuple[str, str, int, int]] = []

    def seen(module: Any, _: Any, output: Any) -> None:
        outputs = [o for o in (output if isinstance(output, (tuple, list)) else [output]) if isinstance(o, Tensor)]
        shapes = [[batch_size, *o.shape[1:]] for o in outputs]
        shape = str(shapes[0]) if len(shapes) == 1 else str(shapes)
        rows.append((f"{type(module).__name__}-{len(rows) + 1}", shape, sum(p.numel() for p in module.parameters(recurse=False)),
                     sum(abs(math.prod(s)) for s in shapes)))

    handles = [m.register_forward_hook(seen) for m in model.modules()
               if type(m).__name__ not in _CONTAINERS and (m is not model or not list(m.children()))]
    def forward() -> None:
        with no_grad():
            model(*_inputs(model, sizes, kinds, 2, device))

    try:
        _quietly(model, forward)
    finally:
        for handle in handles:
            handle.remove()
    return rows


def _inputs(model: Any, sizes: list[tuple[int, ...]], kinds: list[Any], batch: int, device: Any) -> list[Tensor]:
    device = device if device is not None else next((p.device for p in model.parameters()), None)
    return [rand((batch, *s), device=device).to(k) if dt.as_dtype(k).is_floating_point else zeros((batch, *s), dtype=k, device=device)
            for s, k in zip(sizes, kinds, strict=True)]


def _quietly(model: Any, run: Callable[[], Any]) -> Any:
    """Runs something in evaluation, unrecorded; modes and random numbers are afterwards as before."""
    modes = [(m, m.training) for m in model.modules()]
    state, sink = default_generator.get_state(), set_sink(None)
    try:
        model.eval()
        return run()
    finally:
        for m, training in modes:
            m.training = training
        default_generator.set_state(state)
        set_sink(sink)
