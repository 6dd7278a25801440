"""A model's layers as a tree, the table that torchinfo prints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..core.grad_mode import no_grad
from ..core.tensor import Tensor


@dataclass
class _Call:
    """One call of a module."""

    module: Any
    depth: int
    index: int
    again: bool
    shape: list[int]
    itemsize: int = 4

    @property
    def leaf(self) -> bool:
        return not list(self.module.children())

    @property
    def params(self) -> int:
        return sum(p.numel() for p in self.module.parameters())

    @property
    def own(self) -> int:
        return sum(p.numel() for p in self.module.parameters(recurse=False))

    def told(self, last: bool) -> str:
        """The column of parameters."""
        count = self.params if last or self.leaf else self.own
        return "--" if not count else "(recursive)" if self.again else f"{count:,}"

    def title(self) -> str:
        name = type(self.module).__name__
        if not self.depth:
            return name
        return ("├─" if self.depth == 1 else "│    " * (self.depth - 1) + "└─") + f"{name}: {self.depth}-{self.index}"

    def products(self) -> int:
        """Multiplications and additions of a leaf: its parameters at every place of the output where they are used."""
        total = 0
        for name, p in self.module.named_parameters():
            if name in ("weight", "bias"):
                places = self.shape[:1] + self.shape[2:] if "Conv" in type(self.module).__name__ else self.shape[:1]
            else:
                places = self.shape[:2]
            total += p.numel() * math.prod(places)
        return total


def calls(model: Any, inputs: list[Tensor]) -> list[_Call]:
    """Every call of a module in one forward pass, in order."""
    found: list[_Call] = []
    numbers: dict[int, int] = {}
    seen: set[int] = set()
    running: list[_Call] = []

    def enter(module: Any, _: Any) -> None:
        depth = len(running)
        numbers[depth] = numbers.get(depth, 0) + 1
        call = _Call(module, depth, numbers[depth], id(module) in seen, [])
        seen.add(id(module))
        found.append(call)
        running.append(call)

    def leave(module: Any, _: Any, output: Any) -> None:
        call = running.pop()
        while isinstance(output, (tuple, list)) and output:
            output = output[0]
        if isinstance(output, Tensor):
            call.shape, call.itemsize = list(output.shape), output.itemsize

    handles = []
    try:
        for m in model.modules():
            handles += [m.register_forward_pre_hook(enter), m.register_forward_hook(leave)]
        with no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def table(model: Any, inputs: list[Tensor], depth: int) -> str:
    """The tree down to `depth`, with totals of all of it."""
    found = calls(model, inputs)
    width = max(40, *(math.ceil((len(c.title().lstrip("├─│└ ")) + c.depth * 5 + 1) / 5) * 5 for c in found))
    rule = "=" * (width + 50)
    lines = [rule, f"{'Layer (type:depth-idx)':<{width}} {'Output Shape':<25} Param #", rule]
    lines += [f"{c.title():<{width}} {str(c.shape) if c.shape else '--':<25} {c.told(c.depth == depth)}" for c in found if c.depth <= depth]
    params = list(model.parameters())
    total = sum(p.numel() for p in params)
    learned = sum(p.numel() for p in params if p.requires_grad)
    leaves = [c for c in found if c.leaf]
    number = sum(c.products() for c in leaves)
    scale, unit = next((s, u) for s, u in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if number >= s or u == "M")
    shown = f"{number // int(scale):,d}" if number % scale == 0 else f"{number / scale:,.2f}"
    given = sum(t.nbytes for t in inputs) / 1e6
    passed = 2 * sum(math.prod(c.shape) * c.itemsize for c in leaves if c.params) / 1e6          # every output and its gradient
    stored = sum(p.nbytes for p in params) / 1e6
    lines += [rule, f"Total params: {total:,}", f"Trainable params: {learned:,}", f"Non-trainable params: {total - learned:,}",
              f"Total mult-adds ({unit}): {shown}", rule, f"Input size (MB): {given:.2f}", f"Forward/backward pass size (MB): {passed:.2f}",
              f"Params size (MB): {stored:.2f}", f"Estimated Total Size (MB): {given + passed + stored:.2f}", rule]
    return "\n".join(lines)
