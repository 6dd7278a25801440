"""A pass of PyTorch's engine as `origin` reads it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import torch

from ...core.say import say
from ...core.site import SiteInfo, resolve
from ...debugger.origin import Gave, Reads
from .arrays import quietly
from .branch import run_aside, unheard
from .formulas import formula
from .hooks import HookMet
from .known import Known
from .look import TorchAt, host
from .nodes import LEAF
from .rerun import bare
from .structure import label

if TYPE_CHECKING:
    from .sight import TorchSight


class TorchReads(Reads):
    """Values are what nodes have saved, and what ATen computes again of that; gradients those of a run of PyTorch's engine beside the pass."""

    dbg: TorchSight

    def __init__(self, dbg: TorchSight) -> None:
        super().__init__(dbg)
        self._pass = dbg._pass
        self._known: Known | None = None

    def sequence(self) -> list[Any]:
        return self._pass.nodes

    def ops(self) -> list[Any]:
        return sorted(self.dbg._ops(), key=lambda n: n._sequence_nr())

    def roots(self) -> list[tuple[Any, Any]]:
        return [(t.grad_fn, host(t.detach())) for t in self._pass.roots if isinstance(t, torch.Tensor)]

    def suspicious(self) -> bool:
        with quietly(), torch.no_grad():
            return any(isinstance(v, torch.Tensor) and v.is_floating_point() and not bool(v.isfinite().all())
                       for n in self.dbg._ops() for v in TorchAt(self.dbg, n, ()).saved.values())

    def forward(self, n: Any) -> tuple[Any, list[Any]]:
        if self._known is None:
            self._known = Known(self._pass.nodes)
        value = self._known.of(n)
        return None if value is None else host(value), [_operand(v, m) for v, (m, _) in zip(self._known.operands(n), n.next_functions, strict=True)]

    def backward(self) -> Generator[Gave, None, None]:
        yield from self.beside()

    def beside(self) -> list[Gave]:
        """All that comes into nodes and goes out of them, of a run of the engine that writes nothing."""
        if why := self.dbg.cannot_run_again():
            raise RuntimeError(say("this pass cannot be run beside itself: {0}", why))
        p = self._pass
        found: list[Gave] = []
        sound = [True]                                          # what comes after the first trouble is its consequence: no values are copied of it

        def met(n: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
            grads = p.altered(n, grads)
            if sound[0]:
                found.append(Gave(n, [host(g) for g in grads if g is not None], None))
                sound[0] = all(g is None or bool(g.isfinite().all()) for g in grads)
            return grads

        def gave(n: Any, out: tuple[Any, ...], grads: tuple[Any, ...]) -> None:
            if sound[0]:
                outs = [(i, g) for i, g in enumerate(out) if g is not None and n.next_functions[i][0] is not None]
                found.append(Gave(n, [_largest(g) for g in grads if g is not None], [(i, host(g) if not bool(g.isfinite().all()) else _largest(g)) for i, g in outs]))
                sound[0] = all(bool(g.isfinite().all()) for _, g in outs)

        with quietly(), torch.no_grad(), unheard(p.recorder):
            handles = [h for n in self.dbg._ops() for h in (n.register_prehook(lambda g, n=n: met(n, g)), n.register_hook(lambda o, g, n=n: gave(n, o, g)))]
            try:
                run_aside(p, self.dbg.rerun_hooks)
            except HookMet as hook:
                raise RuntimeError(say("this pass cannot be run beside itself: {0}", hook.args[0])) from None
            finally:
                for h in handles:
                    h.remove()
        return found

    def next(self, n: Any) -> list[Any]:
        return [m for m, _ in n.next_functions]

    def op(self, n: Any) -> str:
        return self.dbg.where.words(n).name if n._sequence_nr() < LEAF else ""

    def label(self, n: Any) -> str:
        return self.dbg.where.label(n) or label(bare(n))

    def operand(self, n: Any, i: int) -> str:
        forwards = self._names(n)
        return forwards[0].name(i) if forwards else f"x{i}"

    def _names(self, n: Any) -> Any:
        if self._known is None:
            self._known = Known(())
        return self._known.forwards(n)

    def saved(self, n: Any) -> list[tuple[str, Any]]:
        return [(name, host(v) if isinstance(v, torch.Tensor) else v) for name, v in TorchAt(self.dbg, n, ()).saved.items() if isinstance(v, (torch.Tensor, int, float))]

    def formula(self, n: Any, direction: str) -> str:
        return formula(bare(n)) if direction == "backward" else ""

    def source(self, n: Any) -> SiteInfo | None:
        site = self.dbg.where.site(n)
        return None if site is None else resolve(site)

    def hooks(self, n: Any) -> list[str]:
        return TorchAt(self.dbg, n, ()).hooks


def _operand(v: Any, m: Any) -> Any:
    """A number that the user wrote is no array that grows."""
    return None if v is None else float(v) if m is None and v.dim() == 0 and not v.is_complex() else host(v)


def _largest(g: Any) -> Any:
    """Of what is in order only its size is asked for."""
    return host(g.detach().abs().max().reshape(1)) if g.numel() else host(g)
