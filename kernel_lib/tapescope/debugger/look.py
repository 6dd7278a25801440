"""What can be seen at a stop: gradients in and out, saved values, formula, line, and each branch's share."""

from __future__ import annotations

import math
from time import perf_counter_ns as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.engine import Stop, fit, run_node
from ..core.explain import formula
from ..core.node import AccumulateGrad, Freed, Node, meta_of, title
from ..core.saved import arrays, names
from ..core.site import SiteInfo, resolve
from ..core.tensor import Tensor, wrap
from .axes import Names, axes_of, shape_words
from .held import HeldAt, about, stack_of
from .kept import dice, throw_again
from .origin import hooks_of

if TYPE_CHECKING:
    from .check import Check
    from .explain import Explanation
    from .sight import Sight

SAMPLE = 4096                      # values of a tensor that are sent to a view


class At(HeldAt):
    """The node at the cursor of a held pass."""

    def __init__(self, dbg: Sight, stop: Stop) -> None:
        self._dbg, self._stop = dbg, stop
        self.node: Node = stop.node
        self._looked: int | None = None                         # ns that computing grad_out has taken

    @property
    def name(self) -> str:
        return title(self.node)

    @property
    def row(self) -> int:
        """The node's row in the graph of the tape; -1 when it has none."""
        return self._dbg.row(self.node)

    @property
    def parameter(self) -> str:
        """The leaf's name at an AccumulateGrad, else ''."""
        return self._dbg.name_of(self.node.variable) if isinstance(self.node, AccumulateGrad) else ""

    @property
    def module(self) -> str:
        """The path of the module call that made this node; '' at the top level or when unknown."""
        return self._dbg.where.module(self.node)

    @property
    def source(self) -> SiteInfo | None:
        """File, line, text and cell of the user's line that made this node."""
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
        """What happens to shapes here: what was broadcast, and over which axes its gradient is summed."""
        from .explain import rule

        return rule(self)

    @property
    def stack(self) -> list[str]:
        """The modules that the node was made in, outermost first."""
        return stack_of(self.module)

    @property
    def reaches(self) -> list[str]:
        """The parameters that a gradient from here comes to."""
        return self._dbg.reach(self.node)

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
        """Bytes that the node holds for its derivative."""
        return self._dbg.lens.bytes_of(self.node)

    def axes(self, kind: str, i: int = 0, value: Any = None) -> Names | None:
        """Names of the axes of a tensor that is shown here: "grad_in" and "grad_out" by number, "saved" by value."""
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
        """Where several gradients meet at this node, what each consumer sent: `{from, row, module, norm, share, cosine, along}`.

        `share` is the part of the sum of norms, `cosine` the angle to the sum, `along` the part of the sum that it makes: those add up to 1.
        """
        from .shares import contributions, shares

        dbg = self._dbg
        return [{"row": dbg.row(n := s.pop("node")), "module": dbg.where.module(n), **s} for s in shares(contributions(dbg._pass, self.node))]

    def _shown(self) -> tuple[Tensor | None, ...]:
        return () if self.own_code else self.grad_out

    @property
    def own_code(self) -> bool:
        """Whether code of the user's computes the gradients here: it runs once per arrival, not once more to be shown."""
        return bool(self.node.plan is None and self.node.next) or self.node.saved.__class__ not in (tuple, Freed)

    def _line(self, value: Any, kind: str = "saved", i: int = 0) -> str:
        return one_line(value, self.axes(kind, i, value)) if isinstance(value, Tensor) else str(value)

    def _more(self) -> list[str]:
        return [*about(self), *(f"  from {s['from']}{' in ' + s['module'] if s['module'] else ''}: norm {s['norm']:.4g}, {s['share']:.0%}, cosine {s['cosine']:.2f} to the sum"
                for s in (self.shares() if not self._dbg._pass.hooked else ()))]


def one_line(t: Tensor | None, axes: Names | None = None) -> str:
    """'float32[batch 64, 10]  norm 0.31  [-0.2, 0.9]  2 nan'."""
    if t is None:
        return "none"
    s = summary("", t._array)
    text = s["dtype"] + shape_words(s["shape"], axes or axes_of(t))
    if s["norm"] is not None:
        text += f"  norm {s['norm']:.4g}  [{s['min']:.4g}, {s['max']:.4g}]"
    return text + (f"  {s['nonfinite']} non-finite" if s["nonfinite"] else "")


def summary(name: str, a: Any) -> dict[str, Any]:
    """Shape, dtype, bytes and moments of an array; non-finite elements are counted and left out of the moments."""
    a = np.asarray(a) if isinstance(a, np.generic) else a
    found: dict[str, Any] = {"name": name, "shape": [int(s) for s in a.shape], "dtype": str(a.dtype), "bytes": int(a.nbytes), "min": None, "max": None,
                             "mean": None, "norm": None, "nonfinite": 0, "column": None, "axes": None}
    if a.size and a.dtype.kind in "fiub":
        flat = np.asarray(a if isinstance(a, np.ndarray) else a.get(), np.float64).ravel()
        finite = flat[np.isfinite(flat)]
        found["nonfinite"] = int(flat.size - finite.size)
        if finite.size:
            found.update(min=float(finite.min()), max=float(finite.max()), mean=float(finite.mean()), norm=math.sqrt(float(np.dot(finite, finite))))
    return found


def sample(a: Any) -> tuple[list[int], Any]:
    """At most SAMPLE values, thinned evenly along the longest dimensions; with the shape they have left."""
    a = np.asarray(a if isinstance(a, (np.ndarray, np.generic)) else a.get())
    steps = [1] * a.ndim
    shape = list(a.shape)
    while math.prod(shape) > SAMPLE:
        i = int(np.argmax(shape))
        steps[i] += 1
        shape[i] = -(-a.shape[i] // steps[i])
    return shape, np.array(a[tuple(slice(None, None, s) for s in steps)], np.float32, order="C").ravel()
