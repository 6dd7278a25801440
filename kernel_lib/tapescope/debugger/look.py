"""What can be seen at a stop: gradients in and out, saved values, formula, line, and each branch's share."""

from __future__ import annotations

from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.engine import Stop
from ..core.explain import formula
from ..core.node import AccumulateGrad, Freed, Node, meta_of, title
from ..core.rule import fit, run_node
from ..core.saved import arrays, names
from ..core.site import SiteInfo, resolve
from ..core.tensor import Tensor, wrap
from .axes import Names, axes_of
from .held import Array, HeldAt
from .kept import dice, throw_again
from .reads import hooks_of
from .shares import contributions

if TYPE_CHECKING:
    from .check import Check
    from .explain import Explanation
    from .sight import Sight



class At(HeldAt):
    """The node at the cursor of a held pass."""

    _dbg: Sight

    def __init__(self, dbg: Sight, stop: Stop) -> None:
        self._dbg, self._stop = dbg, stop
        self.node: Node = stop.node
        self._looked: int | None = None                         # ns that computing grad_out has taken

    @property
    def name(self) -> str:
        return title(self.node)

    @property
    def parameter(self) -> str:
        """The leaf's name at an AccumulateGrad, else ''."""
        return self._dbg.name_of(self.node.variable) if isinstance(self.node, AccumulateGrad) else ""

    @property
    def module(self) -> str:
        return self._dbg.where.module(self.node)

    @property
    def source(self) -> SiteInfo | None:
        return resolve(self.node.site)

    @property
    def grad_in(self) -> tuple[Tensor | None, ...]:
        """The gradient of every output of the op; what `edit` replaces."""
        return tuple(g if g is None or isinstance(g, Tensor) else wrap(np.asarray(g) if isinstance(g, np.generic) else g) for g in self._stop.grads)

    @property
    def saved(self) -> dict[str, Any]:
        """What the forward kept for this node's vjp, by name."""
        if isinstance(self.node, AccumulateGrad):
            return {"variable": self.node.variable}
        if self.node.saved.__class__ not in (tuple, Freed):
            return {"saved": "held by hooks on saved tensors: a checkpoint runs its forward again for it"}
        if self.node.plan is None:
            return {f"saved_{i}": t for i, t in enumerate(self.node.saved_tensors)}
        return {n: wrap(v) if hasattr(v, "shape") and hasattr(v, "dtype") else v for n, v in zip(names(self.node), arrays(self.node), strict=True)}

    @property
    def grad_out(self) -> tuple[Tensor | None, ...]:
        """The gradient of every operand, as the vjp gives it: computed here for looking, without moving the pass."""
        if isinstance(self.node, AccumulateGrad):
            return ()
        g = list(self._stop.grads) if self.node.extra is not None and self.node.extra.outs is not None else self._stop.grads[0]
        found: list[Tensor | None] = []
        state = dice() if self.node.plan is None else None
        began = clock()
        outs = run_node(self.node, g, self._dbg._pass.create)
        self._looked = clock() - began
        if state is not None:
            throw_again(state)                                  # a Function's backward may have drawn some: looking leaves no trace
        for o, m, nr in zip(outs, self.node.next, self.node.nrs, strict=True):
            if o is None or m is None:
                found.append(None)
                continue
            shape, dtype = meta_of(m, nr)
            o = fit(o, shape, dtype, self.node, m)
            found.append(o if isinstance(o, Tensor) else wrap(np.asarray(o) if isinstance(o, np.generic) else o))
        return tuple(found)

    @property
    def goes_to(self) -> tuple[str, ...]:
        return tuple("" if m is None else self._dbg.name_of(m.variable) or title(m) if isinstance(m, AccumulateGrad) else title(m) for m in self.node.next)

    @property
    def formula(self) -> str:
        """The vjp in LaTeX."""
        return formula(self.node)

    def explain(self) -> Explanation:
        """What the op computes, its derivative, and the real numbers; text in a terminal, LaTeX in a notebook."""
        from .explain import Explanation

        return Explanation(self)

    def check(self) -> Check:
        """Whether the derivative is right: the vjp beside central differences of the forward, in float64."""
        return self._dbg.check_here()

    @property
    def rule(self) -> str:
        from .explain import rule

        return rule(self)

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that run here, once per arrival."""
        return hooks_of(self.node)

    @property
    def time(self) -> dict[str, float | None]:
        """Microseconds, None where not known: `forward`, what the op took while it was recorded; `backward`, what its derivative took when it ran last, hooks
        included, or as it is computed to be shown."""
        ran = self._dbg._pass.took.get(self.node)
        if ran is None and not self.own_code:
            if self._looked is None:
                self.grad_out  # noqa: B018
            ran = self._looked
        return {"forward": self._dbg.where.micros(self.node), "backward": None if ran is None else ran * 1e-3}

    @property
    def held(self) -> int:
        return self._dbg.lens.bytes_of(self.node)

    @property
    def freed(self) -> bool:
        return isinstance(self.node.saved, Freed)

    @property
    def label(self) -> str:
        return self.parameter or self.node.op.label

    def array(self, value: Any) -> Array | None:
        a = value._array if isinstance(value, Tensor) else value
        return (a, str(a.dtype)) if hasattr(a, "shape") and hasattr(a, "dtype") else None

    def axes(self, kind: str, i: int = 0, value: Any = None) -> Names | None:
        return self._axes(kind, i, value) or axes_of(value)

    def _axes(self, kind: str, i: int, value: Any) -> Names | None:
        found = self._dbg.axes
        if kind == "grad_out":
            return found.operand(self.node, i)
        if kind == "saved":
            names = axes_of(value) if isinstance(value, Tensor) else None
            shape = tuple(getattr(value, "shape", ()))
            for k, m in enumerate(self.node.next):
                if names is None and m is not None and shape == tuple(meta_of(m, self.node.nrs[k])[0]):
                    names = found.operand(self.node, k)
            return names or (found.of(self.node) if shape == tuple(self.node.shape) else None)
        return found.of(self.node, i)

    def shares(self) -> list[dict[str, Any]]:
        return self._told(contributions(self._dbg._pass, self.node), np.vdot)

    def _shown(self) -> tuple[Tensor | None, ...]:
        return () if self.own_code else self.grad_out

    @property
    def own_code(self) -> bool:
        """Whether code of the user's computes the gradients here: it runs once per arrival, not once more to be shown."""
        return bool(self.node.plan is None and self.node.next) or self.node.saved.__class__ not in (tuple, Freed)

    def _meeting(self) -> list[dict[str, Any]]:
        return [] if self._dbg._pass.hooked or self.own_code else self.shares()
