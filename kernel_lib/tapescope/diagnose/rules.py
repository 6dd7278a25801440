"""The rules. Each reads what the recording already knows and gives findings; none keeps or touches a tensor.

Thresholds are wide: a healthy run must stay silent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import reduce
from statistics import median
from typing import Any

from ..core.say import say
from ..tape import Graph, Tape
from .finding import Finding

VANISHING = 1e-4                   # first layer's gradient per element, over the last layer's
TINY = 1e-8                        # norm of the whole gradient
EXPLODING = 1e3                    # norm of the whole gradient, over its median so far
HUGE = 1e5                         # the same, absolute
DEAD = 0.5                         # share of a relu's units that no sample of a window activated
PERSISTENT = 5                     # steps that a slow trouble must last


def place(tape: Tape, graph: int, op: int) -> dict[str, Any]:
    """source, op and node of an op row."""
    g = tape.graphs.get(graph)
    if g is None or not 0 <= op < len(g.op_name):
        return {}
    found: dict[str, Any] = {"graph": graph, "op": op, "node": g.op_node[op] if g.op_node[op] >= 0 else None}
    site = g.op_site[op]
    if site >= 0:
        file, line, _, _, cell = g.site_texts(0, site + 1)[site]
        text = tape.strings
        found["source"] = (text[file], line, text[cell])
    return found


def within(tape: Tape, graph: int, op: int, what: str) -> str:
    """'what in encoder.0', or what alone."""
    g = tape.graphs.get(graph)
    if g is None or not 0 <= op < len(g.op_name) or g.op_module[op] < 0:
        return what
    path = tape.strings[g.mod_path[g.op_module[op]]]
    return say("{0} in {1}", what, path) if path else what


def joined(pattern: str, parts: Iterable[str]) -> str:
    return reduce(lambda a, b: say(pattern, a, b), parts)


def non_finite(tape: Tape, state: Any) -> Iterator[Finding]:
    """The first op that made a value that is not finite from finite operands; without one, where it was first seen."""
    troubles = [t for t in tape.recorder.values.troubles if not t.fill]
    origins = sorted((t for t in troubles if t.what == "op" and t.made), key=lambda t: (t.step, t.row))
    clean = [t for t in origins if not any(f.get("nan") or f.get("inf") for f in t.operands)]
    origins = clean or origins[:1]                             # a NaN made of an infinity is a consequence
    for t in origins[:3]:
        facts = joined("{0}; {1}", map(_operand, t.operands)) if t.operands else say("its operands were finite")
        yield Finding("non-finite", "error", within(tape, t.graph, t.row, say("{0} made {1}", t.name, _count(t))), say("{0} of {1}", t.name, facts), _advice(t.name),
                      f"non-finite/{t.graph}/{t.row}", value=_count(t), threshold=say("all finite"), step=t.step, **place(tape, t.graph, t.row))
    if origins:
        return
    seen = sorted((t for t in troubles if t.what in ("node", "grad", "weight", "loss")), key=lambda t: t.step)
    for t in seen[:1]:
        g = tape.graphs.get(t.graph)
        spot: dict[str, Any] = {}
        if t.what == "node" and g is not None and 0 <= t.row < len(g.node_op):
            spot = place(tape, t.graph, g.node_op[t.row])
            spot["node"] = t.row
        what = {"node": say("the gradient at {0}", t.name), "grad": say("the gradient of {0}", t.name), "weight": say("the parameter {0}", t.name), "loss": say("the loss")}[t.what]
        yield Finding("non-finite", "error", say("{0} holds {1}", what, _count(t)), say("every forward value was finite: the backward pass made it"),
                      say("look at the node in the backward view; a derivative like that of sqrt at 0 is infinite"),
                      f"non-finite/{t.what}/{t.name}", value=_count(t), threshold=say("all finite"), step=t.step,
                      parameter=t.name if t.what in ("grad", "weight") else None, **spot)


def _count(t: Any) -> str:
    parts = [f"{t.nan} nan"] * (t.nan > 0) + [f"{t.inf} inf"] * (t.inf > 0)
    return say("{0} of {1}", joined("{0} and {1}", parts) if parts else say("non-finite values"), t.size)


def _operand(f: dict[str, Any]) -> str:
    text = f.get("shape", "")
    shape = "×".join(map(str, text)) if isinstance(text, (list, tuple)) else str(text)
    low, high = f.get("min"), f.get("max")
    bad = "".join(f", {f[k]} {k}" for k in ("nan", "inf") if f.get(k))
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return say("{0} in {1}", f"[{shape}]", f"[{low:.4g}, {high:.4g}]{bad}")
    return f"[{shape}]{bad}"


_ADVICE = {"log": say("clamp its operand away from 0, or use log_softmax / logsigmoid"), "div": say("add a small eps to the divisor"),
           "sqrt": say("add a small eps under the root"), "exp": say("subtract the maximum first, or lower the learning rate"), "pow": say("keep the base positive")}


def _advice(op: str) -> str:
    return _ADVICE.get(op, say("look at its operands; a smaller learning rate or gradient clipping often helps"))


def no_gradient(tape: Tape, state: Any) -> Iterator[Finding]:
    """Parameters that a module or an optimizer has and that no backward has reached."""
    values, names = tape.recorder.values, tape.recorder.names
    if values.grad_steps < 2 and not (tape.state == "stopped" and values.grad_steps):
        return
    missing = []
    for p in names.params:
        t = p.ref()                                            # a model that is gone by now is judged by what was recorded
        if p.owned and p.grad_step < 0 and (p.trained if t is None else t._req and t._grad is None):
            missing.append(p)
    for p in missing[:8]:
        cause, spot = _cut(tape, p)
        yield Finding("no-gradient", "warning", say("{0} gets no gradient", p.name), cause, say("use it on the way to the loss, or freeze it by requires_grad_(False)"),
                      f"no-gradient/{p.name}", value=0.0, threshold="> 0", step=max(tape.step_number - 1, 0), parameter=p.name, **spot)


def _cut(tape: Tape, p: Any) -> tuple[str, dict[str, Any]]:
    """Why a parameter's path does not reach the loss, and the op at which it ends."""
    graphs = sorted(tape.graphs.values(), key=lambda g: -g.count)
    for g in graphs:
        src = g.param_src.get(p.index)
        if src is None:
            continue
        row, seen = _follow(g, src)
        spot = place(tape, g.number, row)
        name = g_text(tape, g, row)
        if g.op_node[row] < 0:
            return say("its path ends at {0}, under no_grad()" if g.op_flags[row] & 4 else "its path ends at {0}, which has no derivative", name), spot
        rest = say("what that made does not reach the loss (detach(), .data, numpy(), or simply not used)")
        return say("{0}; {1}", say("it is used by {0} op, {1}" if seen == 1 else "it is used by {0} ops, the last of them {1}", seen, name), rest), spot
    return say("no op of the forward pass used it"), {}


def g_text(tape: Tape, g: Graph, row: int) -> str:
    return within(tape, g.number, row, tape.strings[g.op_name[row]])


def _follow(g: Graph, src: int) -> tuple[int, int]:
    """The last op that a source reaches before its history is cut, and how many it reaches."""
    reached: set[int] = set()
    last, start = -1, 0
    want = -(src + 1)
    for row, n in enumerate(g.op_inputs):
        ins = g.op_in[start:start + n]
        start += n
        if want in ins or any(i in reached for i in ins):
            last = row
            if g.op_node[row] < 0:
                return row, len(reached) + 1
            reached.add(row)
    return last, len(reached)


def vanishing(tape: Tape, state: Any) -> Iterator[Finding]:
    """Gradients per element that fall by orders of magnitude from the last layer to the first, or that are nothing at all."""
    layers = _layers(tape, state)
    if len(layers) >= 3:
        ratios = []
        (first, a), (last, b) = layers[0], layers[-1]
        for s in sorted(set(a) & set(b))[-PERSISTENT:]:
            if b[s] > 0 and math.isfinite(a[s]) and math.isfinite(b[s]):
                ratios.append((a[s] / math.sqrt(first.numel)) / (b[s] / math.sqrt(last.numel)))
        if len(ratios) >= PERSISTENT and max(ratios) < VANISHING:
            yield Finding("vanishing-gradient", "warning", say("the gradient fades on its way to {0}", first.name),
                          say("per element it is {0} times that of {1}, {2} steps in a row", f"{ratios[-1]:.2g}", last.name, PERSISTENT),
                          say("use relu or gelu instead of saturating activations, normalisation, residual connections, or a better initialisation"),
                          f"vanishing-gradient/{first.name}", value=ratios[-1], threshold=VANISHING, step=state.step, parameter=first.name, **_of_param(tape, first))
            return
    total = list(state.total.items())[-PERSISTENT:]
    loss = state.loss
    if len(total) >= PERSISTENT and max(v for _, v in total) < TINY and loss is not None and loss > 1e-3:
        yield Finding("vanishing-gradient", "warning", say("the whole gradient is almost zero"), say("its norm is {0} while the loss is {1}", f"{total[-1][1]:.2g}", f"{loss:.3g}"),
                      say("check activations for saturation and the loss for a constant"), "vanishing-gradient/all", value=total[-1][1], threshold=TINY, step=total[-1][0])


def exploding(tape: Tape, state: Any) -> Iterator[Finding]:
    """A gradient norm far above what it was, or beyond any use."""
    clipped = getattr(getattr(tape.recorder, "values", None), "clipped", ())
    series = [(s, v) for s, v in state.total.items() if s not in clipped]
    for i in range(len(series) - 1, max(-1, len(series) - 20), -1):
        step, v = series[i]
        before = [x for _, x in series[max(0, i - 50):i] if math.isfinite(x)]
        usual = median(before) if len(before) >= 5 else None
        sudden = usual is not None and usual > 0 and v > EXPLODING * usual and v > 10
        if not math.isfinite(v) or not (sudden or v > HUGE):
            continue
        worst = max(((p, n.get(step, 0.0)) for p, n in _layers(tape, state)), key=lambda pn: pn[1] if math.isfinite(pn[1]) else 0, default=None)
        cause = say("its norm is {0}, {1} times the usual {2}", f"{v:.3g}", f"{v / usual:.2g}", f"{usual:.3g}") if usual else say("its norm is {0}", f"{v:.3g}")
        if worst is not None:
            cause = say("{0}; {1}", cause, say("the largest part is that of {0} ({1})", worst[0].name, f"{worst[1]:.3g}"))
        yield Finding("exploding-gradient", "error", say("the gradient explodes"), cause, say("lower the learning rate, clip by nn.utils.clip_grad_norm_, or normalise the inputs"),
                      "exploding-gradient", value=v, threshold=EXPLODING * usual if sudden and usual else HUGE, step=step,
                      parameter=worst[0].name if worst is not None else None, **(_of_param(tape, worst[0]) if worst is not None else {}))
        return


def dead_relu(tape: Tape, state: Any) -> Iterator[Finding]:
    """Relus of which most units stay at zero for every sample of two windows of steps."""
    for unit in list(tape.recorder.values.relus.units.values()):
        if len(unit.history) < 2:
            continue
        share = min(h[2] for h in unit.history[-2:])
        if share <= DEAD:
            continue
        first, last, _, units, samples = unit.history[-1]
        name = unit.name or say("a relu")
        yield Finding("dead-relu", "error" if share >= 0.999 else "warning", say("{0} of the units of {1} are dead", f"{share:.0%}", name),
                      say("{0} of {1} units gave 0 for all {2} samples of steps {3} to {4}", round(share * units), units, samples, first, last),
                      say("lower the learning rate, use leaky_relu, or check for large negative biases"), f"dead-relu/{unit.graph}/{unit.row}/{unit.name}",
                      value=share, threshold=DEAD, step=last, **place(tape, unit.graph, unit.row))


def on_disk(tape: Tape, state: Any) -> Iterator[Finding]:
    """What the disk of a recording with a path has refused."""
    if tape.follower is not None:
        for id, (severity, title, cause, fix) in tape.follower.troubles.items():
            yield Finding("recording-to-disk", severity, title, cause, fix, f"recording-to-disk/{id}", step=max(tape.step_number - 1, 0))


def _layers(tape: Tape, state: Any) -> list[tuple[Any, dict[int, float]]]:
    """Weight matrices in the order of the forward pass, with the norms of their gradients by step."""
    best: Graph | None = max(tape.graphs.values(), key=lambda g: (len(g.acc_node), g.count), default=None)
    if best is None:
        return []
    by_index = {p.index: p for p in tape.recorder.names.params}
    order = [by_index[i] for i, _ in sorted(best.param_src.items(), key=lambda kv: kv[1]) if i in by_index]
    found = []
    for p in order:
        if p.ndim >= 2 and p.name in state.norms:
            found.append((p, state.norms[p.name]))
    return found


def _of_param(tape: Tape, p: Any) -> dict[str, Any]:
    """The op that first uses a parameter."""
    for g in sorted(tape.graphs.values(), key=lambda g: -g.count):
        src = g.param_src.get(p.index)
        if src is None:
            continue
        start = 0
        for row, n in enumerate(g.op_inputs):
            if -(src + 1) in g.op_in[start:start + n]:
                return place(tape, g.number, row)
            start += n
    return {}


RULES = (non_finite, no_gradient, vanishing, exploding, dead_relu, on_disk)
