"""One direction of one recurrent layer as one op, with its gradient written by hand: nothing is recorded step by step.

Rows of all steps lie one after another, `sizes[t]` of them at step t (they shrink where sequences have ended), so a layer is two products for all
steps together and one small product a step. Gates of an LSTM are i, f, g, o; a sigmoid is computed as (1 + tanh(z / 2)) / 2, so that one tanh does all gates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from .again import gradients
from .pointwise import let

Steps = list[tuple[int, int]]


def steps_of(sizes: tuple[int, ...], reverse: bool) -> Steps:
    """First and last row of every step, in the order in which they are computed."""
    starts, start = [], 0
    for n in sizes:
        starts.append((start, start + n))
        start += n
    return starts[::-1] if reverse else starts


def _inputs(x: Any, w_ih: Any, b_ih: Any, b_hh: Any) -> Any:
    """x Wᵀ + b for all steps."""
    z = x.dot(w_ih.T)
    if b_ih is not None:
        z += b_ih + b_hh if b_hh is not None else b_ih
    return z


def _row_sums(z: Any) -> Any:
    return module_of(z).ones(len(z), z.dtype) @ z


# -- LSTM ---------------------------------------------------------------------------------------------------------------------------------------


def _lstm(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """Rows [sum(sizes), I] to rows [sum(sizes), H] and the last h and c of every sequence; beside them what the gradient needs."""
    hidden = w_hh.shape[0] // 4
    half = module_of(x).full(4 * hidden, 0.5, x.dtype)
    half[2 * hidden:3 * hidden] = 1
    gates = _inputs(x, w_ih * half[:, None], None if b_ih is None else b_ih * half, None if b_hh is None else b_hh * half)
    wt = (w_hh * half[:, None]).T
    rows = len(x)
    h, c = h0.copy(), c0.copy()
    y = module_of(x).empty((rows, h0.shape[1]), x.dtype)
    cells, tanhs = module_of(x).empty((rows, hidden), x.dtype), module_of(x).empty((rows, hidden), x.dtype)
    i, f, g, o = (slice(k * hidden, (k + 1) * hidden) for k in range(4))
    spare = module_of(x).empty((max(sizes, default=0), 4 * hidden), x.dtype)
    shift = (1 - half).astype(x.dtype)
    for start, stop in steps_of(sizes, reverse):
        n = stop - start
        z, hn, cn = gates[start:stop], h[:n], cells[start:stop]
        z += np.dot(hn, wt, spare[:n])
        np.tanh(z, z)
        z *= half
        z += shift
        np.multiply(z[:, f], c[:n], cn)
        t = tanhs[start:stop]
        np.multiply(z[:, i], z[:, g], t)
        cn += t
        np.tanh(cn, t)
        c[:n] = cn
        if w_hr is None:
            np.multiply(z[:, o], t, y[start:stop])
        else:
            y[start:stop] = (z[:, o] * t) @ w_hr.T
        h[:n] = y[start:stop]
    return (y, h, c), gates, cells, tanhs


def _before(y: Any, first: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """What each row found when it was computed: the row of its sequence one step earlier, or what was there at the beginning."""
    out = module_of(y).empty((len(y), first.shape[1]), y.dtype)
    if sizes and len(first) == sizes[-1]:                   # all sequences are equally long
        n = len(first)
        to, since, begin = (slice(None, -n), slice(n, None), slice(-n, None)) if reverse else (slice(n, None), slice(None, -n), slice(None, n))
        out[to], out[begin] = y[since], first
        return out
    state = first.copy()
    for start, stop in steps_of(sizes, reverse):
        out[start:stop] = state[:stop - start]
        state[:stop - start] = y[start:stop]
    return out


def _lstm_grad(g: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: tuple[int, ...], reverse: bool,
               gates: Any, cells: Any, tanhs: Any, needs: Any) -> Any:
    if hasattr(x, "_array") or hasattr(_first(g), "_array"):
        return gradients(lambda *a: _lstm_composed(*[*a, sizes, reverse]), (x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr), g, needs)
    gy, gh, gc = g
    hidden = w_hh.shape[0] // 4
    i, f, o_g, o = (slice(k * hidden, (k + 1) * hidden) for k in range(4))
    dh = np.zeros_like(h0) if gh is None else gh.copy()
    dc = np.zeros_like(c0) if gc is None else gc.copy()
    before = _before(cells, c0, sizes, reverse)
    # what each gate's slope is, for all steps at once: σ' = σ (1 - σ), tanh' = 1 - tanh²
    dz = gates * gates
    np.subtract(gates, dz, dz)
    cand = gates[:, o_g]
    dz[:, o_g] = 1 - cand * cand
    dz[:, i] *= cand
    dz[:, f] *= before
    dz[:, o_g] *= gates[:, i]
    dz[:, o] *= tanhs
    slope = tanhs * tanhs
    np.subtract(1, slope, slope)
    slope *= gates[:, o]                                   # of c through h
    out = module_of(x).empty((len(x), h0.shape[1]), x.dtype) if w_hr is not None and needs[7] else None
    for start, stop in reversed(steps_of(sizes, reverse)):
        n = stop - start
        d = dh[:n]
        if gy is not None:
            d += gy[start:stop]
        if w_hr is not None:
            if out is not None:
                out[start:stop] = d
            d = d @ w_hr
        z = dz[start:stop]
        c = dc[:n]
        c += d * slope[start:stop]
        z[:, o] *= d
        z3 = z[:, :3 * hidden].reshape(n, 3, hidden)
        z3 *= c[:, None, :]
        c *= gates[start:stop, f]
        np.dot(z, w_hh, dh[:n])
    gx = dz.dot(w_ih) if needs[0] else None
    gw_ih = dz.T.dot(x) if needs[3] else None
    gw_hh = None
    gw_hr = None
    if needs[4] or out is not None:
        made = gates[:, o] * tanhs
        if needs[4]:
            gw_hh = dz.T.dot(_before(made if w_hr is None else made @ w_hr.T, h0, sizes, reverse))
        if out is not None:
            gw_hr = out.T @ made
    gb = _row_sums(dz) if needs[5] or needs[6] else None
    return [gx, dh if needs[1] else None, dc if needs[2] else None, gw_ih, gw_hh, gb if needs[5] else None, gb if needs[6] else None, gw_hr]


def _first(g: Any) -> Any:
    return next(v for v in g if v is not None)


lstm_layer = op(r"\operatorname{LSTM}({x}, {h0}, {c0})", operands=8, name="lstm", node="MkldnnRnnLayer", multi=True, aux=("gates", "cells", "tanhs"),
                grad_tex=r"\bar{c}_t = \bar{h}_t\,o_t (1 - \tanh^2 c_t) + \bar{c}_{t+1} f_{t+1} \\ \bar{z}_t = \left(\bar{c}_t g_t\,\sigma'_i,\ \bar{c}_t c_{t-1}\,\sigma'_f,\ "
                         r"\bar{c}_t i_t (1 - g_t^2),\ \bar{h}_t \tanh(c_t)\,\sigma'_o\right) \\ \bar{h}_{t-1} = \bar{z}_t W_{hh},\quad \bar{W}_{hh} = \textstyle\sum \bar{z}_t^{\top} h_{t-1}")(_lstm)
lstm_layer.vjp_all(_lstm_grad)


def _affine(x: Any, w: Any, b: Any) -> Any:
    y = x @ w.t()
    return y if b is None else y + b


def _walk(step: Any, states: tuple[Any, ...], sizes: tuple[int, ...], reverse: bool) -> Any:
    """A recurrence of Tensors: `step(start, stop, *states)` gives new states, of which the first is the output."""
    from .shape import cat

    made: dict[int, Any] = {}
    for start, stop in steps_of(sizes, reverse):
        n = stop - start
        new = step(start, stop, *[s[:n] for s in states])
        states = tuple(v if n == s.shape[0] else cat((v, s[n:]), 0) for v, s in zip(new, states, strict=True))
        made[start] = new[0]
    return (cat(tuple(made[k] for k in sorted(made)), 0), *states)


def _lstm_composed(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """The same of ops of the table."""
    z = _affine(x, w_ih, b_ih)

    def step(start: int, stop: int, h: Any, c: Any) -> Any:
        i, f, g, o = (z[start:stop] + _affine(h, w_hh, b_hh)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h if w_hr is None else h @ w_hr.t()), c

    return _walk(step, (h0, c0), sizes, reverse)


# -- GRU ----------------------------------------------------------------------------------------------------------------------------------------


def _gru(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    """r = σ(..), z = σ(..), n = tanh(W x + r (U h + b)), h = (1 - z) n + z h. Gates are r, z, n; beside the outputs, U h + b of n."""
    hidden = w_hh.shape[0] // 3
    gates = _inputs(x, w_ih, b_ih, None)
    wt = ar.contiguous(w_hh.T)
    h = h0.copy()
    rows = len(x)
    y, inner = module_of(x).empty((rows, hidden), x.dtype), module_of(x).empty((rows, hidden), x.dtype)
    half = x.dtype.type(0.5)
    spare = module_of(x).empty((max(sizes, default=0), 3 * hidden), x.dtype)
    for start, stop in steps_of(sizes, reverse):
        n = stop - start
        u = np.dot(h[:n], wt, spare[:n])
        if b_hh is not None:
            u += b_hh
        z = gates[start:stop]
        two = z[:, :2 * hidden]
        two += u[:, :2 * hidden]
        two *= half
        np.tanh(two, two)
        two *= half
        two += half
        inner[start:stop] = u[:, 2 * hidden:]
        new = z[:, 2 * hidden:]
        new += z[:, :hidden] * inner[start:stop]
        np.tanh(new, new)
        out = y[start:stop]
        np.subtract(h[:n], new, out)
        out *= z[:, hidden:2 * hidden]
        out += new
        h[:n] = out
    return (y, h), gates, inner


def _gru_grad(g: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: tuple[int, ...], reverse: bool, gates: Any, inner: Any,
              needs: Any) -> Any:
    if hasattr(x, "_array") or hasattr(_first(g), "_array"):
        return gradients(lambda *a: _gru_composed(*[*a, sizes, reverse]), (x, h0, w_ih, w_hh, b_ih, b_hh), g, needs)
    gy, gh = g
    hidden = w_hh.shape[0] // 3
    r, z, n = (gates[:, k * hidden:(k + 1) * hidden] for k in range(3))
    before = np.empty_like(inner)
    state = h0.copy()
    for start, stop in steps_of(sizes, reverse):
        before[start:stop] = state[:stop - start]
        state[:stop - start] = n[start:stop] + z[start:stop] * (state[:stop - start] - n[start:stop])
    to_new = (1 - z) * (1 - n * n)                         # of n's argument by h
    to_update = (before - n) * z * (1 - z)
    to_reset = inner * r * (1 - r)                         # of r's argument by n's
    dz, du = np.empty_like(gates), np.empty_like(gates)
    dh = np.zeros_like(h0) if gh is None else gh.copy()
    for start, stop in reversed(steps_of(sizes, reverse)):
        k = stop - start
        d = dh[:k]
        if gy is not None:
            d += gy[start:stop]
        a, u = dz[start:stop], du[start:stop]
        np.multiply(d, to_new[start:stop], a[:, 2 * hidden:])
        np.multiply(d, to_update[start:stop], a[:, hidden:2 * hidden])
        np.multiply(a[:, 2 * hidden:], to_reset[start:stop], a[:, :hidden])
        u[:, :2 * hidden] = a[:, :2 * hidden]
        np.multiply(a[:, 2 * hidden:], r[start:stop], u[:, 2 * hidden:])
        d *= z[start:stop]
        d += u.dot(w_hh)
    return [dz.dot(w_ih) if needs[0] else None, dh if needs[1] else None, dz.T.dot(x) if needs[2] else None, du.T.dot(before) if needs[3] else None,
            _row_sums(dz) if needs[4] else None, _row_sums(du) if needs[5] else None]


gru_layer = op(r"\operatorname{GRU}({x}, {h0})", operands=6, name="gru", node="GruLayer", multi=True, aux=("gates", "inner"),
               grad_tex=r"\bar{n}_t = \bar{h}_t (1 - z_t)(1 - n_t^2),\quad \bar{z}_t = \bar{h}_t (h_{t-1} - n_t)\,\sigma'_z,\quad \bar{r}_t = \bar{n}_t (U h_{t-1})\,\sigma'_r"
                        r" \\ \bar{h}_{t-1} = \bar{h}_t z_t + (\bar{r}_t, \bar{z}_t, r_t \bar{n}_t)\,W_{hh}")(_gru)
gru_layer.vjp_all(_gru_grad)


def _gru_composed(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: tuple[int, ...], reverse: bool) -> Any:
    a = _affine(x, w_ih, b_ih)

    def step(start: int, stop: int, h: Any) -> Any:
        ra, za, na = a[start:stop].chunk(3, 1)
        ru, zu, nu = _affine(h, w_hh, b_hh).chunk(3, 1)
        z = (za + zu).sigmoid()
        n = (na + (ra + ru).sigmoid() * nu).tanh()
        return (n + z * (h - n),)

    return _walk(step, (h0,), sizes, reverse)


# -- plain --------------------------------------------------------------------------------------------------------------------------------------


def _rnn(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, relu: bool, sizes: tuple[int, ...], reverse: bool) -> Any:
    """h = tanh(W x + U h + b), or max(.., 0)."""
    y = _inputs(x, w_ih, b_ih, b_hh)
    wt = ar.contiguous(w_hh.T)
    h = h0.copy()
    for start, stop in steps_of(sizes, reverse):
        z = y[start:stop]
        z += h[:stop - start].dot(wt)
        if relu:
            np.maximum(z, 0, out=z)
        else:
            np.tanh(z, z)
        h[:stop - start] = z
    return (y, h), y.copy()                                # its own memory: an output may be changed in place


def _rnn_grad(g: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, relu: bool, sizes: tuple[int, ...], reverse: bool, states: Any,
              needs: Any) -> Any:
    if hasattr(x, "_array") or hasattr(_first(g), "_array"):
        return gradients(lambda *a: _rnn_composed(*[*a, relu, sizes, reverse]), (x, h0, w_ih, w_hh, b_ih, b_hh), g, needs)
    gy, gh = g
    dz = np.empty_like(states) if relu else 1 - states * states
    dh = np.zeros_like(h0) if gh is None else gh.copy()
    for start, stop in reversed(steps_of(sizes, reverse)):
        d = dh[:stop - start]
        if gy is not None:
            d += gy[start:stop]
        z = dz[start:stop]
        if relu:
            z[...] = let(d, states[start:stop])
        else:
            z *= d
        dh[:stop - start] = z.dot(w_hh)
    gb = _row_sums(dz) if needs[4] or needs[5] else None
    return [dz.dot(w_ih) if needs[0] else None, dh if needs[1] else None, dz.T.dot(x) if needs[2] else None,
            dz.T.dot(_before(states, h0, sizes, reverse)) if needs[3] else None, gb if needs[4] else None, gb if needs[5] else None]


rnn_layer = op(r"\operatorname{RNN}({x}, {h0})", operands=6, name="rnn", node="RnnLayer", multi=True, aux=("states",),
               grad_tex=r"\bar{z}_t = \bar{h}_t\,(1 - h_t^2),\quad \bar{h}_{t-1} = \bar{z}_t W_{hh},\quad \bar{W}_{hh} = \textstyle\sum \bar{z}_t^{\top} h_{t-1}")(_rnn)
rnn_layer.vjp_all(_rnn_grad)


def _rnn_composed(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, relu: bool, sizes: tuple[int, ...], reverse: bool) -> Any:
    a = _affine(x, w_ih, b_ih)

    def step(start: int, stop: int, h: Any) -> Any:
        z = a[start:stop] + _affine(h, w_hh, b_hh)
        return ((z.relu() if relu else z.tanh()),)

    return _walk(step, (h0,), sizes, reverse)
