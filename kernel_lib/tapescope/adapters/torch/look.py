"""What can be seen at a stop of a held pass of PyTorch: gradients in and out, saved values, formula, line, and each branch's share."""

from __future__ import annotations

from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import torch

from ...core.site import SiteInfo, resolve
from ...debugger.held import Array, HeldAt
from ...debugger.shares import Part
from ...debugger.where import micros_of
from .arrays import Away, array_of, quietly
from .formulas import formula
from .nodes import LEAF

if TYPE_CHECKING:
    from .sight import TorchSight

_HEAVY = ("CheckpointFunctionBackward",)        # running these to look would write something


class TorchAt(HeldAt):
    """The node at the cursor of a held pass."""

    _dbg: TorchSight

    def __init__(self, dbg: TorchSight, node: Any, grads: tuple[Any, ...]) -> None:
        self._dbg, self.node, self._grads = dbg, node, grads
        self._looked: int | None = None                         # ns that computing grad_out has taken

    @property
    def name(self) -> str:
        return str(self.node.name()).rpartition("::")[2]

    @property
    def parameter(self) -> str:
        """The leaf's name at an AccumulateGrad, else ''."""
        return self._dbg.where.parameter(self.node)

    @property
    def module(self) -> str:
        """The path of the module call that made this node; '' at the top level or when unknown."""
        return self._dbg.where.module(self.node)

    @property
    def op(self) -> str:
        """What the user wrote that made this node, as the recording has it."""
        return self._dbg.where.label(self.node)

    @property
    def source(self) -> SiteInfo | None:
        """File, line, text and cell of the user's line that made this node; None when nobody recorded it."""
        site = self._dbg.where.site(self.node)
        return None if site is None else resolve(site)

    @property
    def grad_in(self) -> tuple[Any, ...]:
        """The gradient of every output of the node; what `edit` replaces."""
        return self._grads

    @property
    def saved(self) -> dict[str, Any]:
        """What the forward kept for this node, by PyTorch's names."""
        node = self.node
        if node._sequence_nr() >= LEAF:
            return {"variable": node.variable}
        with quietly():
            if isinstance(node, torch._C._FunctionBase):
                try:
                    return {f"saved_{i}": t for i, t in enumerate(node.saved_tensors)}
                except RuntimeError:
                    return {}
            found = {}
            for name in dir(node):
                if name.startswith("_saved_"):
                    try:
                        value = getattr(node, name)
                    except Exception:              # freed, or packed away by somebody's hooks
                        continue
                    if value is not None:
                        found[name.removeprefix("_saved_")] = value
            return found

    @property
    def grad_out(self) -> tuple[Any, ...]:
        """The gradient of every operand: computed here for looking, without moving the pass. Empty where looking would do something."""
        node = self.node
        if node._sequence_nr() >= LEAF or node.name().endswith(_HEAVY):
            return ()
        try:
            with quietly(), torch.no_grad():
                if isinstance(node, torch._C._FunctionBase):
                    return ()                      # a user's own code: it runs once per arrival
                began = clock()
                out = node(*self._grads)
                self._looked = clock() - began
        except Exception:
            return ()
        return out if isinstance(out, tuple) else (out,)

    @property
    def goes_to(self) -> tuple[str, ...]:
        """Where each gradient of `grad_out` goes: a leaf's name, or the name of the node; "" where none is needed."""
        return tuple("" if m is None else self._dbg.where.parameter(m) or str(m.name()).rpartition("::")[2] for m, _ in self.node.next_functions)

    @property
    def formula(self) -> str:
        """The derivative in LaTeX, '' where none is written down."""
        return formula(self.name)

    @property
    def time(self) -> dict[str, float | None]:
        """Microseconds, None where not known: `forward`, what the op took while it was recorded; `backward`, what its derivative took when it ran last, hooks
        included, or as it is computed to be shown. On a device that is asked for, the time to ask."""
        where, dbg = self._dbg.where, self._dbg
        if self._looked is None and self.node not in dbg._pass.took:
            self.grad_out  # noqa: B018
        op, graph = where.op(self.node)
        ran = dbg._pass.took.get(self.node, self._looked)
        return {"forward": None if op < 0 or graph is None else micros_of(where.tape, where.number, op), "backward": None if ran is None else ran * 1e-3}

    @property
    def hooks(self) -> list[str]:
        """The names of a leaf's hooks; PyTorch does not tell those of other tensors and of nodes."""
        leaf = getattr(self.node, "variable", None)
        found = [*(getattr(leaf, "_backward_hooks", None) or {}).values(), *(getattr(leaf, "_post_accumulate_grad_hooks", None) or {}).values()]
        return [getattr(h, "__qualname__", None) or type(h).__name__ for h in found]

    def shares(self) -> list[dict[str, Any]]:
        with quietly(), torch.no_grad():
            return self._told([Part(n, g.double()) for n, g in self._dbg._pass.parts.get(self.node, {}).items()], lambda a, b: (a * b).sum())

    def array(self, value: Any) -> Array | None:
        return (host(value), str(value.dtype).removeprefix("torch.")) if isinstance(value, torch.Tensor) else None

    @property
    def label(self) -> str:
        return self.parameter or self.op or self.name

    def explain(self) -> TorchAt:
        """The node written out: what there is to see, formula included in a notebook."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: what a view is sent that asks for an explanation."""
        return {"forward": self.op, "derivative": self.formula, "text": repr(self), "words": self.name}


def host(t: Any) -> Any:
    a = array_of(t)
    return a.near() if type(a) is Away else a
