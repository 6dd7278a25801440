"""Connectionist temporal classification: the probability of all alignments of a sequence of labels. Graves et al., 2006."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from ..core.tensor import wrap
from .again import gradients
from .index import gather
from .pointwise import exp
from .reduce import logsumexp
from .shape import stack


def _labels(targets: Any, blank: int) -> tuple[Any, Any]:
    """Labels with blanks between, and where a blank may be left out: at a label that is not the one before."""
    n, s = targets.shape
    labels = module_of(targets).full((n, 2 * s + 1), blank, np.int64)
    labels[:, 1::2] = targets
    skips = module_of(labels).zeros(labels.shape, bool)
    skips[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    return labels, skips


def _sum(a: Any, b: Any) -> Any:
    return np.logaddexp(a, b)


def _alphas(lp: Any, labels: Any, skips: Any, lengths: Any) -> Any:
    """log alpha [T, N, S]: the probability of all ways to be at a label after t steps."""
    steps, n, _ = lp.shape
    at = np.take_along_axis(lp, np.broadcast_to(labels, (steps, *labels.shape)), 2)
    alpha = module_of(lp).full(at.shape, -np.inf, lp.dtype)
    if not steps:
        return alpha
    alpha[0, :, :2] = at[0, :, :2]
    alpha[0, :, 1:2][lengths[:, 1] == 0] = -np.inf
    for t in range(1, steps):
        before = alpha[t - 1]
        total = before.copy()
        total[:, 1:] = _sum(total[:, 1:], before[:, :-1])
        total[:, 2:] = _sum(total[:, 2:], np.where(skips[:, 2:], before[:, :-2], -np.inf))
        alpha[t] = total + at[t]
    return alpha


def _ends(alpha: Any, lengths: Any) -> Any:
    """log p of every sequence: the last label or the blank after it, at the last step."""
    rows = module_of(alpha).arange(alpha.shape[1])
    last, end = lengths[:, 0] - 1, 2 * lengths[:, 1]
    found = alpha[last, rows, end]
    labelled = np.where(end > 0, alpha[last, rows, np.maximum(end - 1, 0)], -np.inf)
    found = _sum(found, labelled)
    return np.where(lengths[:, 0] > 0, found, np.where(lengths[:, 1] == 0, 0.0, -np.inf)).astype(alpha.dtype)


@op(r"-\log \textstyle\sum_{\text{alignments}} \prod_t e^{{x}_t}", name="ctc_loss", aux=("alpha", "nll"), grad_tex=r"\bar{x}_{tc} = \bar{y}\left(e^{x_{tc}} - p(c \text{ at } t \mid \text{labels})\right)")
def ctc_loss(x: Any, targets: Any, lengths: Any, blank: int, zero_infinity: bool) -> Any:
    """Log-probabilities [T, N, C], padded targets [N, S], lengths [N, 2] of inputs and targets; a loss for every sequence."""
    labels, skips = _labels(targets, blank)
    alpha = _alphas(x, labels, skips, lengths)
    nll = -_ends(alpha, lengths)
    return np.where(np.isinf(nll), x.dtype.type(0), nll) if zero_infinity else nll, alpha, nll


def _posterior(lp: Any, labels: Any, skips: Any, lengths: Any, alpha: Any, nll: Any) -> Any:
    """[T, N, C]: how much of the probability of all alignments passes each class at each step."""
    steps, n, classes = lp.shape
    at = np.take_along_axis(lp, np.broadcast_to(labels, (steps, *labels.shape)), 2)
    beta = module_of(lp).full(at.shape, -np.inf, lp.dtype)
    rows = module_of(lp).arange(n)
    last, end = lengths[:, 0] - 1, 2 * lengths[:, 1]
    state = module_of(lp).full(labels.shape, -np.inf, lp.dtype)
    for t in range(steps - 1, -1, -1):
        total = state.copy()
        total[:, :-1] = _sum(total[:, :-1], state[:, 1:])
        total[:, :-2] = _sum(total[:, :-2], np.where(skips[:, 2:], state[:, 2:], -np.inf))
        total += at[t]
        begins = last == t
        if begins.any():
            fresh = module_of(lp).full(labels.shape, -np.inf, lp.dtype)
            fresh[rows, end] = at[t, rows, end]
            some = end > 0
            fresh[rows[some], end[some] - 1] = at[t, rows[some], end[some] - 1]
            total = np.where(begins[:, None], fresh, total)
        state = beta[t] = total
    share = np.exp(alpha + beta - at + nll[None, :, None])
    share = np.where(np.isfinite(share), share, 0) * (module_of(end).arange(2 * labels.shape[1])[:labels.shape[1]] <= end[:, None])
    hot = module_of(lp).zeros((n, labels.shape[1], classes), lp.dtype)
    np.put_along_axis(hot, labels[:, :, None], 1, 2)
    return np.matmul(share.transpose(1, 0, 2), hot).transpose(1, 0, 2)


def _ctc_grad(g: Any, x: Any, targets: Any, lengths: Any, blank: int, zero_infinity: bool, alpha: Any, nll: Any) -> Any:
    """As PyTorch's, which assumes that x is normalised: e^x stands for what the softmax before it takes away again."""
    inside = (module_of(alpha).arange(alpha.shape[0])[:, None] < lengths[:, 0])[:, :, None]
    if hasattr(x, "_array"):
        g = g.reshape(1, -1, 1)
        true, = gradients(lambda lp: _composed(lp, targets, lengths, blank), (x,), (g.reshape(-1),), (True,))
        return true + g * exp(x) * inside.astype(alpha.dtype)
    labels, skips = _labels(targets, blank)
    out = (np.exp(x) - _posterior(x, labels, skips, lengths, alpha, nll)) * g[None, :, None]
    if np.isinf(nll).any():
        out = np.where(np.isinf(nll)[None, :, None], 0 if zero_infinity else np.nan, out)
    return np.where(inside, out, 0).astype(x.dtype)


ctc_loss.vjp(_ctc_grad)
_NEVER = -1e30


def _composed(lp: Any, targets: Any, lengths: Any, blank: int) -> Any:
    """The same of ops of the table, to be differentiated twice."""
    from .pointwise import where

    labels, skips = _labels(targets, blank)
    steps, n, _ = lp.shape
    s = labels.shape[1]
    at = gather(lp, 2, ar.contiguous(np.broadcast_to(labels, (steps, n, s))))
    never = wrap(module_of(lp._array).full((n, s), _NEVER, lp._array.dtype))
    first = module_of(lp._array).zeros((n, s), bool)
    first[:, :1] = True
    first[:, 1:2] = lengths[:, 1:] > 0
    alpha = where(first, at[0], never)
    kept = [alpha]
    for t in range(1, steps):
        by_one, by_two = (where(np.broadcast_to(module_of(lp._array).arange(s) >= k, (n, s)), alpha.roll(k, 1), never) for k in (1, 2))
        alpha = logsumexp(stack((alpha, by_one, where(skips, by_two, never)), 0), (0,), False) + at[t]
        kept.append(alpha)
    every = stack(tuple(kept), 0)
    ends = 2 * lengths[:, 1]
    rows = np.arange(n)
    last = lengths[:, 0] - 1
    end = every[wrap(last), wrap(rows), wrap(ends)]
    label = where(ends > 0, every[wrap(last), wrap(rows), wrap(np.maximum(ends - 1, 0))], wrap(module_of(lp._array).full(n, _NEVER, lp._array.dtype)))
    return -logsumexp(stack((end, label), 0), (0,), False)
