"""Is a derivative of PyTorch's right? The node's own derivative beside central differences of its forward, both in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...core.say import say
from ...core.state import set_sink
from ...debugger.check import DRAWS, Check, Unchecked, compare
from .arrays import quietly
from .branch import unheard
from .functions import MISSING
from .known import Known
from .rerun import Forward, Unknown, bare, forwards, shape_of

if TYPE_CHECKING:
    from .sight import TorchSight


def check_node(dbg: TorchSight, node: Any, values: Known | None = None) -> Check:
    """One node, at the values that it was computed with where they are still there."""
    try:
        ways = forwards(node)
    except Unknown as why:
        raise Unchecked(why.args[0]) from None
    values = values or Known(dbg._pass.nodes)
    error: Exception | None = None
    for f in ways:
        drawn, operands = _operands(node, f, values)
        for draw in DRAWS if drawn else DRAWS[:1]:
            given = [torch.from_numpy(np.array(draw(a.numpy()))) if i in drawn else a for i, a in enumerate(operands)]
            try:
                return _checked(dbg, node, f, given, bool(drawn))
            except Unchecked:
                raise
            except Exception as e:
                error = e
    raise Unchecked(say("its forward could not be run again ({0})", f"{type(error).__name__}: {error}"))


def _operands(node: Any, f: Forward, values: Known) -> tuple[list[int], list[Any]]:
    """Operands in float64 on the host, and the numbers of those that had to be drawn."""
    rng = np.random.default_rng(0)
    drawn: list[int] = []
    found: list[Any] = []
    for i in range(len(f.operands)):
        value = values.operand(node, i)
        value = f.operand(i) if value is None else value
        if value is MISSING:
            shape = shape_of(node, i)
            if shape is None:                                   # no gradient goes there, and the derivative does not ask for it
                found.append(torch.zeros((), dtype=torch.float64))
                continue
            drawn.append(i)
            value = torch.from_numpy(np.asarray(rng.standard_normal(shape)))
        found.append(_wide(value))
    return drawn, found


def _wide(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if value.is_complex():
        raise Unchecked(say("its numbers are complex"))
    value = value.detach().cpu()
    if not value.is_floating_point():
        return value
    if value.layout != torch.strided:
        value = value.to_dense()
    if not bool(value.isfinite().all()):
        raise Unchecked(say("its operands are not finite; origin() says where that began"))
    return value.double().clone()


def _checked(dbg: TorchSight, node: Any, f: Forward, given: list[Any], drawn: bool) -> Check:
    wide = Forward(f.call, f.names, [_all_wide(g) for g in f.given], f.operands, f.kwargs)
    asked = [i for i, (m, _) in enumerate(node.next_functions) if m is not None and isinstance(given[i], torch.Tensor) and given[i].is_floating_point()]
    sink, rolled = set_sink(None), torch.get_rng_state()
    try:
        with quietly(), unheard(), torch.enable_grad():
            leaves = [g.clone().requires_grad_() if i in asked else g for i, g in enumerate(given)]
            outs = [o for o in wide.run(leaves) if o.requires_grad]
            if not outs or bare(outs[0].grad_fn) != bare(node) or tuple(outs[0].shape) != tuple(node._input_metadata[0].shape):
                raise ValueError(f"its forward gives {bare(outs[0].grad_fn) if outs else 'nothing that needs a gradient'}")
            if not all(bool(o.isfinite().all()) for o in outs):
                raise ValueError("it does not hold its operands, and is not defined at those drawn for them")
            rng = np.random.default_rng(1)
            weights = [torch.from_numpy(np.asarray(rng.standard_normal(tuple(o.shape)))) for o in outs]
            torch.set_rng_state(rolled)
            analytic = torch.autograd.grad(outs, [leaves[i] for i in asked], weights, allow_unused=True)

        def run(operands: list[Any]) -> float:
            torch.set_rng_state(rolled)
            with quietly(), unheard(), torch.no_grad():
                made = [o for o in wide.run([torch.from_numpy(np.array(a)) if isinstance(a, (np.ndarray, np.generic)) else a for a in operands]) if o.is_floating_point()]
                return sum(float((w * o).sum()) for w, o in zip(weights, made, strict=False))

        arrays = [g.numpy() if isinstance(g, torch.Tensor) else g for g in given]
        inputs = [compare(f.name(i), run, arrays, i, g.to_dense().numpy() if g.layout != torch.strided else g.numpy(), np.random.default_rng(2))
                  for i, g in zip(asked, analytic, strict=True) if g is not None]
    finally:
        set_sink(sink)
        torch.set_rng_state(rolled)
    return Check(bare(node), dbg.where.module(node), dbg.row(node), "drawn" if drawn else "its own", inputs)


def _all_wide(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_all_wide(v) for v in value]
    return value if not isinstance(value, torch.Tensor) or value.is_complex() or not value.is_floating_point() else value.detach().cpu().double()
