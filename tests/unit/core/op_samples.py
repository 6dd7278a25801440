"""Small float64 samples for every differentiable op of the table: name -> [(function, inputs)].

An input is a shape (drawn normal, differentiated), `pos(shape)` (drawn in [0.5, 1.5]), or any other value as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import tapescope as ts
import tapescope.fft
import tapescope.linalg as la
import tapescope.ops as F
import tapescope.ops.complex
import tapescope.ops.pointwise
import tapescope.special
from tapescope.core.op import apply, table


@dataclass(frozen=True)
class Draw:
    shape: tuple[int, ...]
    low: float | None = None
    high: float | None = None


def n(*shape: int) -> Draw:
    return Draw(shape)


def pos(*shape: int) -> Draw:
    return Draw(shape, 0.5, 1.5)


def unit(*shape: int) -> Draw:
    return Draw(shape, -0.8, 0.8)


def prob(*shape: int) -> Draw:
    return Draw(shape, 0.1, 0.9)


def make(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    rng = np.random.default_rng(7)
    out = []
    for i in inputs:
        if isinstance(i, Draw):
            a = rng.standard_normal(i.shape) if i.low is None else rng.uniform(i.low, i.high, i.shape)
            out.append(ts.tensor(a, dtype=ts.float64, requires_grad=True))
        else:
            out.append(i)
    return tuple(out)


def raw(name: str, *params: Any) -> Any:
    return lambda *xs: apply(table[name], *xs, *params)


def many(name: str, *params: Any) -> Any:
    return lambda *xs: apply(table[name], xs, *params)


T, I = ts.tensor, np.array
TARGET = T([1, 0, 2])
WINNER = I([[[[3, 0], [1, 2]]]], np.uint8)
SAMPLES: dict[str, list[tuple[Any, tuple[Any, ...]]]] = {
    "rsub": [(F.pointwise.rsub, (n(2, 3), n(3)))], "pow_base": [(lambda a: 2.5 ** a, (n(3),))],
    "add": [(F.add, (n(2, 3), n(3))), (lambda a: a + 2, (n(2),))],
    "sub": [(F.sub, (n(2, 3), n(2, 1))), (lambda a: 2 - a, (n(2),))],
    "mul": [(F.mul, (n(2, 3), n(1, 3))), (lambda a: a * 3, (n(2),))],
    "div": [(F.div, (n(2, 3), pos(3))), (lambda a: 1 / a, (pos(2),))],
    "pow": [(F.pow, (pos(2, 3), n(3)))],
    "pow_scalar": [(lambda a: a ** 2, (n(3),)), (lambda a: a ** 3, (n(3),)), (lambda a: a ** 0.5, (pos(3),)), (lambda a: a ** 0, (n(3),))],
    "maximum": [(F.maximum, (n(2, 3), n(3)))], "minimum": [(F.minimum, (n(2, 3), n(3)))],
    "atan2": [(F.atan2, (n(3), n(3)))], "remainder": [(F.remainder, (pos(3), Draw((3,), 0.31, 0.44)))],
    "fmod": [(F.fmod, (pos(3), Draw((3,), 0.31, 0.44)))],
    "round": [(F.round, (n(3),))], "gelu": [(F.gelu, (n(4),)), (lambda x: F.gelu(x, "tanh"), (n(4),))],
    "leaky_relu": [(F.leaky_relu, (n(4),))], "elu": [(F.elu, (n(4),))], "softplus": [(F.softplus, (n(4),))],
    "clamp": [(lambda x: F.clamp(x, -0.5, 0.5), (n(6),)), (lambda x: F.clamp(x, max=0.1), (n(6),))],
    "where": [(lambda a, b: F.where(T([[True], [False]]), a, b), (n(2, 3), n(3)))],
    "masked_fill": [(lambda a: F.masked_fill(a, T([True, False, True]), 2.0), (n(2, 3),))],
    "clone": [(F.clone, (n(2),))], "to_copy": [(lambda a: a.to(ts.float64) if a.dtype is ts.float32 else raw("to_copy", np.dtype("f8"), np.dtype("f8"))(a), (n(2),))],
    "sum_all": [(F.sum, (n(2, 3),))], "sum": [(lambda a: F.sum(a, (0, 2)), (n(2, 3, 2),)), (lambda a: F.sum(a, -1, keepdim=True), (n(2, 3),))],
    "mean_all": [(F.mean, (n(2, 3),))], "mean": [(lambda a: F.mean(a, 0), (n(2, 3),)), (lambda a: F.mean(a, (0, 1), True), (n(2, 3),))],
    "prod": [(F.prod, (n(4),)), (lambda a: F.prod(a, 1), (n(2, 3),)), (lambda a: F.prod(a * T([0.0, 1.0, 1.0], dtype=ts.float64)), (n(3),))],
    "max": [(lambda a: F.max(a, 1)[0], (n(2, 3),))], "min": [(lambda a: F.min(a, 0, keepdim=True)[0], (n(2, 3),))],
    "max_all": [(F.max, (n(2, 3),))], "min_all": [(F.min, (n(2, 3),))],
    "amax": [(lambda a: F.amax(a, (0, 1)), (n(2, 3),))], "amin": [(lambda a: F.amin(a, 1, True), (n(2, 3),))],
    "var": [(F.var, (n(4),)), (lambda a: F.var(a, 1, correction=0), (n(2, 3),))], "std": [(F.std, (n(4),)), (lambda a: F.std(a, 0), (n(3, 2),))],
    "logsumexp": [(lambda a: F.logsumexp(a, 1), (n(2, 3),))],
    "norm": [(F.norm, (n(4),)), (lambda a: F.norm(a, 1, 1), (n(2, 3),)), (lambda a: F.norm(a, 3, 0, True), (n(2, 3),)),
             (lambda a: F.norm(a, float("inf")), (n(4),))],
    "cumsum": [(lambda a: F.cumsum(a, 1), (n(2, 3),))],
    "cumprod": [(lambda a: F.cumprod(a, 1), (pos(2, 3),)), (lambda a: F.cumprod(a * T([1.0, 0.0, 1.0], dtype=ts.float64), 0), (pos(3),))],
    "view": [(lambda a: a.view(3, 2), (n(2, 3),))], "reshape": [(lambda a: a.t().reshape(6), (n(2, 3),))],
    "t": [(F.t, (n(2, 3),))], "transpose": [(lambda a: F.transpose(a, 0, 2), (n(2, 3, 2),))], "permute": [(lambda a: a.permute(2, 0, 1), (n(2, 3, 2),))],
    "expand": [(lambda a: a.expand(4, 2, 3), (n(2, 1),))],
    "unsqueeze": [(lambda a: a.unsqueeze(1), (n(2, 3),))], "squeeze": [(lambda a: a.squeeze(), (n(2, 1, 3),))],
    "select": [(lambda a: a[1], (n(2, 3),)), (lambda a: a[:, -1], (n(2, 3),))],
    "slice": [(lambda a: a[:, ::2], (n(2, 5),)), (lambda a: a[1:], (n(3, 2),))],
    "slice_backward": [(raw("slice_backward", (3, 4), (slice(None), slice(1, 3, 1))), (n(3, 2),)), (raw("slice_backward", (3, 4), (slice(None), 2)), (n(3),))],
    "cat": [(lambda *a: F.cat(a, 1), (n(2, 1), n(2, 3)))], "stack": [(lambda *a: F.stack(a, 1), (n(2, 3), n(2, 3)))],
    "split": [(lambda a: F.split(a, 2, 1), (n(2, 5),)), (lambda a: F.split(a, [1, 2])[1], (n(3, 2),))], "unbind": [(lambda a: F.unbind(a, 1), (n(2, 3),))],
    "repeat": [(lambda a: a.repeat(2, 1, 3), (n(2, 2),))], "flip": [(lambda a: F.flip(a, 0, 1), (n(2, 3),))],
    "roll": [(lambda a: F.roll(a, 1, 1), (n(2, 3),)), (lambda a: F.roll(a, 2), (n(2, 3),))],
    "tril": [(F.tril, (n(3, 3),))], "triu": [(lambda a: F.triu(a, 1), (n(3, 3),))],
    "diagonal": [(F.diagonal, (n(3, 3),)), (lambda a: F.diagonal(a, 1), (n(3, 4),))], "diagonal_backward": [(F.diag, (n(3),))],
    "pad": [(lambda a: F.pad(a, (1, 2, 0, 1), value=3.0), (n(2, 3),)), (lambda a: F.pad(a, (-1, 1)), (n(2, 3),))],
    "index": [(lambda a: a[T([0, 2, 0])], (n(3, 2),)), (lambda a: a[:, T([[0], [1]]), T([1, 1])], (n(2, 2, 2),)),
              (lambda a: a[T([True, False, True])], (n(3, 2),))],
    "index_backward": [(raw("index_backward", (4, 2), (I([0, 2, 0]),)), (n(3, 2),))],
    "index_put": [(raw("index_put", (I([0, 2]),), False), (n(3, 2), n(2, 2))), (raw("index_put", (I([0, 0]),), True), (n(3, 2), n(2, 2)))],
    "gather": [(lambda a: F.gather(a, 1, T([[0, 0], [2, 1]])), (n(2, 3),))],
    "scatter_add": [(lambda a, s: F.scatter_add(a, 1, T([[0, 0], [2, 1]]), s), (n(2, 3), n(2, 2)))],
    "scatter": [(lambda a, s: F.scatter(a, 1, T([[0, 1], [2, 1]]), s), (n(2, 3), n(2, 2)))],
    "index_select": [(lambda a: F.index_select(a, 1, T([0, 0, 2])), (n(2, 3),))],
    "index_select_backward": [(raw("index_select_backward", (2, 4), 1, I([0, 0, 2])), (n(2, 3),))],
    "embedding": [(lambda w: F.embedding(T([[0, 2], [2, 1]]), w), (n(4, 3),)), (lambda w: F.embedding(T([0, 1, 1]), w, padding_idx=2), (n(4, 3),))],
    "embedding_dense_backward": [(raw("embedding_dense_backward", I([0, 2, 0]), 4, -1), (n(3, 2),)), (raw("embedding_dense_backward", I([0, 2, 0]), 4, 2), (n(3, 2),))],
    "sort": [(lambda a: F.sort(a, 1, descending=True)[0], (n(2, 4),))], "sort_base": [(lambda a: F.sort(a, 1, stable=True)[0], (n(2, 4),))], "topk": [(lambda a: F.topk(a, 2, 1)[0], (n(2, 4),))],
    "copy": [(raw("copy"), (n(2, 3), n(3)))],
    "mm": [(F.mm, (n(2, 3), n(3, 2)))], "bmm": [(F.bmm, (n(2, 2, 3), n(2, 3, 2)))], "mv": [(F.mv, (n(2, 3), n(3)))], "dot": [(F.dot, (n(3), n(3)))],
    "euclidean_dist": [(raw("euclidean_dist"), (n(2, 3), n(4, 3))), (raw("euclidean_dist"), (n(2, 2, 3), n(2, 4, 3)))],
    "outer": [(raw("outer"), (n(2), n(3)))], "sum_rows": [(raw("sum_rows"), (n(6, 3),))],
    "addmm": [(F.addmm, (n(2), n(3, 4), n(4, 2))), (F.addmm, (n(3, 1), n(3, 4), n(4, 2))), (F.addmm, (n(2), n(1, 4), n(4, 2)))],
    "convolution": [(F.conv2d, (n(2, 2, 5, 5), n(3, 2, 3, 3), n(3))), (lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 2), (n(1, 4, 5, 4), n(2, 2, 3, 2))),
                    (lambda x, w: F.conv2d(x, w, None, 2, (1, 0), (1, 2)), (n(1, 1, 5, 6), n(2, 1, 2, 2)))],
    "conv_input": [(raw("conv_input", (2, 2, 5, 5), (2, 2), (1, 1), (1, 1), 1), (n(2, 3, 3, 3), n(3, 2, 3, 3)))],
    "conv_weight": [(raw("conv_weight", (3, 2, 3, 3), (2, 2), (1, 1), (1, 1), 1), (n(2, 2, 5, 5), n(2, 3, 3, 3)))],
    "max_pool2d_with_indices": [(lambda x: F.max_pool2d(x, 2), (n(1, 2, 4, 4),)), (lambda x: F.max_pool2d(x, 3, 2, 1), (n(1, 1, 5, 5),))],
    "max_pool2d_backward": [(raw("max_pool2d_backward", WINNER, (1, 1, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1)), (n(1, 1, 2, 2),)),
                            (raw("max_pool2d_backward", WINNER, (1, 1, 3, 3), (2, 2), (1, 1), (0, 0), (1, 1)), (n(1, 1, 2, 2),))],
    "max_pool2d_pick": [(raw("max_pool2d_pick", WINNER, (2, 2), (2, 2), (0, 0), (1, 1)), (n(1, 1, 4, 4),))],
    "avg_pool2d": [(lambda x: F.avg_pool2d(x, 2), (n(1, 2, 4, 4),)), (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), (n(1, 1, 5, 5),))],
    "avg_pool2d_backward": [(raw("avg_pool2d_backward", (1, 1, 4, 4), (2, 2), (2, 2), (0, 0), (0, 0), True, None), (n(1, 1, 2, 2),))],
    "adaptive_avg_pool2d": [(lambda x: F.adaptive_avg_pool2d(x, (2, 3)), (n(1, 2, 5, 4),))],
    "hardtanh": [(F.hardtanh, (n(6),))],
    "softmax": [(lambda a: F.softmax(a, 1), (n(2, 3),))], "log_softmax": [(lambda a: F.log_softmax(a, 0), (n(2, 3),))],
    "native_layer_norm": [(lambda x, w, b: F.layer_norm(x, (3,), w, b), (n(2, 3), n(3), n(3))), (lambda x: F.layer_norm(x, (2, 3)), (n(2, 2, 3),))],
    "native_batch_norm": [(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (n(3, 2, 2, 2), n(2), n(2))),
                          (lambda x, w, b: F.batch_norm(x, T([0.1, 0.2], dtype=ts.float64), T([1.0, 2.0], dtype=ts.float64), w, b, False), (n(3, 2), n(2), n(2)))],
    "mse_loss": [(F.mse_loss, (n(3, 2), n(3, 2))), (lambda a, b: F.mse_loss(a, b, reduction="none"), (n(3), n(3)))],
    "smooth_l1_loss": [(F.smooth_l1_loss, (n(3, 2), n(3, 2)))],
    "nll_loss": [(lambda a: F.nll_loss(a, TARGET), (n(3, 4),)), (lambda a: F.nll_loss(a, TARGET, T([1.0, 2.0, 3.0, 4.0], dtype=ts.float64)), (n(3, 4),)),
                 (lambda a: F.nll_loss(a, T([1, -100, 0]), reduction="none"), (n(3, 4),))],
    "nll_loss2d": [(lambda a: F.nll_loss(a, T([[0, 2], [1, -100]])), (n(2, 3, 2),)), (lambda a: F.nll_loss(a, T([[[0], [2]]]), reduction="none"), (n(1, 3, 2, 1),))],
    "nll_loss_one": [(lambda a: F.nll_loss(a, T(2), reduction="none"), (n(4),))],
    "nll_loss_backward": [(raw("nll_loss_backward", (3, 4), I([1, 0, 2]), None, -100), (n(3),))],
    "binary_cross_entropy_with_logits": [(F.binary_cross_entropy_with_logits, (n(3, 2), prob(3, 2))),
                                         (lambda a, b: F.binary_cross_entropy_with_logits(a, b, T([2.0, 1.0], dtype=ts.float64), pos_weight=T([3.0, 0.5], dtype=ts.float64)),
                                          (n(3, 2), prob(3, 2)))],
    "binary_cross_entropy": [(F.binary_cross_entropy, (prob(3, 2), prob(3, 2)))],
}
_UNARY = {"neg": n, "reciprocal": pos, "exp": n, "expm1": n, "exp2": n, "log": pos, "log1p": pos, "log2": pos, "log10": pos, "sqrt": pos, "rsqrt": pos,
          "sin": n, "cos": n, "tan": unit, "asin": unit, "acos": unit, "atan": n, "sinh": n, "cosh": n, "tanh": n, "erf": n, "abs": n, "relu": n,
          "sigmoid": n, "silu": n, "logsigmoid": n, "sign": n, "floor": n, "ceil": n, "trunc": n}
for _name, _kind in _UNARY.items():
    SAMPLES[_name] = [((lambda f: lambda x: f(x))(getattr(F, _name)), (_kind(2, 3),))]

# Inverse hyperbolic functions, sums of exponentials, three operands ...
FOUR = ((2, 2), (3, 1), 0, ((3, 1), 0))                                # size, stride, offset; strides and offset of the whole
COPIES = {"alias": (), "as_strided": FOUR, "unfold": (1, 2, 1), "split_with_sizes": ((1, 2), 1), "squeeze_all": ((2,),), "squeeze_base": ((2,),), "view": ((3, 2),),
          "t": (), "transpose": (0, 1), "permute": ((1, 0),), "expand": ((2, 2, 3),), "unsqueeze": (1,), "squeeze": ((2,),), "select": (1, 2), "slice": (1, 0, 2, 1),
          "split": ((1, 2), 1), "unbind": (1,), "diagonal": (0, 0, 1)}


def first(f: Any) -> Any:
    def call(*xs: Any) -> Any:
        out = f(*xs)
        return out[0] if isinstance(out, tuple) else out
    return call


SAMPLES |= {
    **{n_ + "_copy": [(first(raw(n_ + "_copy", *p)), (n(2, 3, 1) if n_.startswith("squeeze") else n(2, 3),))] for n_, p in COPIES.items()},
    "acosh": [(lambda x: F.acosh(x + 1), (pos(3),))], "asinh": [(F.asinh, (n(3),))], "atanh": [(F.atanh, (unit(3),))], "deg2rad": [(F.deg2rad, (n(3),))],
    "rad2deg": [(F.rad2deg, (n(3),))], "frac": [(F.frac, (n(3),))], "round_tensor": [(lambda x: F.round(x, decimals=1), (n(3),))],
    "nan_to_num": [(F.nan_to_num, (n(3),))], "hypot": [(F.hypot, (n(2, 3), n(3)))], "copysign": [(F.copysign, (n(3), n(3)))], "copysign_number": [(lambda a: F.copysign(a, -1.5), (n(3),))],
    "fmax": [(F.fmax, (n(3), n(3)))], "fmin": [(F.fmin, (n(3), n(3)))], "logaddexp": [(F.logaddexp, (n(2, 3), n(3)))], "logaddexp2": [(F.logaddexp2, (n(3), n(3)))],
    "ldexp": [(F.ldexp, (n(3), n(3)))], "div_floor": [(lambda a, b: F.div(a, b, rounding_mode="floor"), (n(3), pos(3)))],
    "div_trunc": [(lambda a, b: F.div(a, b, rounding_mode="trunc"), (n(3), pos(3)))], "remainder_tensor": [(F.remainder, (n(3), pos(3)))],
    "fmod_tensor": [(F.fmod, (n(3), pos(3)))], "rsub_tensor": [(lambda a, b: F.rsub(a, b, alpha=2), (n(3), n(3)))],
    "lerp_scalar": [(lambda a, b: F.lerp(a, b, 0.3), (n(2, 3), n(3)))], "lerp": [(F.lerp, (n(2, 3), n(3), n(3)))],
    "addcmul": [(lambda *a: F.addcmul(*a, value=2), (n(2, 3), n(3), n(2, 1)))], "addcdiv": [(lambda *a: F.addcdiv(*a, value=2), (n(2, 3), n(3), pos(2, 1)))],
    "clamp_tensor": [(F.clamp, (n(4), unit(4), pos(4)))], "clamp_min_tensor": [(F.clamp_min, (n(4), unit(4)))], "clamp_max_tensor": [(F.clamp_max, (n(4), unit(4)))],
    "clamp_min": [(lambda x: F.clamp_min(x, 0.1), (n(4),))], "clamp_max": [(lambda x: F.clamp_max(x, 0.1), (n(4),))], "frexp": [(lambda x: F.frexp(x)[0], (pos(3),))],
    "fill": [(F.fill, (n(3), n()))], "zero": [(raw("zero"), (n(3),))], "masked_fill_tensor": [(lambda x, v: F.masked_fill(x, T([True, False, True]), v), (n(3), n()))],
    "index_add": [(lambda x, s: F.index_add(x, 0, T([0, 2, 0]), s, alpha=2), (n(3, 2), n(3, 2)))], "index_copy": [(lambda x, s: F.index_copy(x, 0, T([0, 2]), s), (n(3, 2), n(2, 2)))],
    "index_fill": [(lambda x: F.index_fill(x, 0, T([0, 2]), 2.0), (n(3, 2),))], "index_fill_tensor": [(lambda x, v: F.index_fill(x, 0, T([0, 2]), v), (n(3, 2), n()))],
    "scatter_tensor": [(lambda x: F.scatter(x, 1, T([[0], [2]]), 2.0), (n(2, 3),))],
    "scatter_reduce": [(lambda x, s, r=r, i=i: F.scatter_reduce(x, 1, T([[0, 0], [2, 1]]), s, r, include_self=i), (pos(2, 3), pos(2, 2)))
                       for r in ("sum", "mean", "prod", "amax", "amin") for i in (True, False)],
    "index_reduce": [(lambda x, s, r=r: F.index_reduce(x, 0, T([0, 2, 0]), s, r), (pos(3, 2), pos(3, 2))) for r in ("mean", "prod", "amax", "amin")],
    "take": [(lambda x: F.take(x, T([0, 4, 0])), (n(2, 3),))], "put": [(lambda x, s: F.put(x, T([0, 4]), s), (n(2, 3), n(2))),
                                                                     (lambda x, s: F.put(x, T([0, 0]), s, accumulate=True), (n(2, 3), n(2)))],
    "masked_scatter": [(lambda x, s: F.masked_scatter(x, T([True, False, True]), s), (n(3), n(4)))],
    "select_scatter": [(lambda x, s: F.select_scatter(x, s, 1, 2), (n(2, 3), n(2)))], "slice_scatter": [(lambda x, s: F.slice_scatter(x, s, 1, 1), (n(2, 3), n(2, 2)))],
    "diagonal_scatter": [(F.diagonal_scatter, (n(3, 3), n(3)))], "as_strided": [(lambda x: F.as_strided(x, (2, 2), (1, 1), 1), (n(2, 3),))],
    "as_strided_scatter": [(lambda x, s: F.as_strided_scatter(x, s, (2, 2), (3, 1), 1), (n(2, 3), n(2, 2)))], "unfold": [(lambda x: x.unfold(1, 3, 2), (n(2, 5),))],
    "unfold_backward": [(raw("unfold_backward", (2, 5), 1, 3, 2), (n(2, 2, 3),))], "rot90": [(F.rot90, (n(2, 3),))],
    "split_with_sizes": [(lambda a: F.split(a, [1, 2], 1)[1], (n(2, 3),))], "unsafe_split": [(lambda a: F.unsafe_split(a, 2, 1)[0], (n(2, 3),))],
    "squeeze_all": [(lambda a: F.squeeze(a, 1), (n(2, 1),))], "squeeze_base": [(lambda a: F.squeeze(a, (0, 1)), (n(1, 1, 2),))],
    "narrow_copy": [(lambda a: F.narrow_copy(a, 1, 1, 2), (n(2, 3),))], "alias": [(raw("alias"), (n(3),))], "diag_embed": [(F.diag_embed, (n(2, 3),))],
    "block_diag": [(F.block_diag, (n(2, 2), n(1, 3)))],
}

from op_samples_nn import LAYERS  # noqa: E402

SAMPLES.update(LAYERS(n, pos, prob, raw))
SAMPLES |= {
    "cummax": [(lambda x: F.cummax(x, 1)[0], (n(2, 4),))], "cummin": [(lambda x: F.cummin(x, 0)[0], (n(4),))], "logcumsumexp": [(lambda x: F.logcumsumexp(x, 1), (n(2, 4),))],
    "kthvalue": [(lambda x: F.kthvalue(x, 2, 1)[0], (n(2, 4),))], "median": [(lambda x: F.median(x, 1)[0], (n(2, 4),))], "nanmedian": [(lambda x: F.nanmedian(x, 1)[0], (n(2, 4),))],
    "median_all": [(F.median, (n(2, 3),))], "nanmedian_all": [(F.nanmedian, (n(2, 3),))], "mode": [(lambda x: F.mode(x, 1)[0], (n(2, 4),))],
    "nansum": [(F.nansum, (n(2, 3),)), (lambda x: F.nansum(x, 1), (n(2, 3),))], "var_mean": [(lambda x, i=i: F.var_mean(x, 1)[i], (n(2, 3),)) for i in (0, 1)],
    "std_mean": [(lambda x, i=i: F.std_mean(x, 1)[i], (n(2, 3),)) for i in (0, 1)], "aminmax": [(lambda x, i=i: F.aminmax(x, dim=1)[i], (n(2, 3),)) for i in (0, 1)],
    "dist": [(F.dist, (n(2, 3), n(3))), (lambda a, b: F.dist(a, b, 3), (n(3), n(3)))], "renorm": [(lambda x: F.renorm(x, 2, 0, 0.5), (n(2, 3),))],
}

# -- matrices: made regular, so that differences of 1e-6 stay what they are -------------------------------------------------------
EYE = ts.eye(3, dtype=ts.float64)
APART = ts.diag(T([0.0, 5.0, 12.0], dtype=ts.float64))


def _square(z: Any) -> Any:
    return (z * z.conj()).real


SAMPLES |= {
    "linalg_inv": [(lambda a: la.inv(a + 4 * EYE), (n(2, 3, 3),))],
    "linalg_solve": [(lambda a, b: la.solve(a + 4 * EYE, b), (n(3, 3), n(3, 2))), (lambda a, b: la.solve(a + 4 * EYE, b, left=False), (n(2, 3, 3), n(2, 2, 3))),
                     (lambda a, b: la.solve(a + 4 * EYE, b), (n(3, 3), n(3)))],
    "linalg_solve_triangular": [(lambda a, b: la.solve_triangular(a + 4 * EYE, b, upper=True), (n(3, 3), n(3, 2))),
                                (lambda a, b: la.solve_triangular(a, b, upper=False, left=False, unitriangular=True), (n(3, 3), n(2, 3)))],
    "linalg_det": [(la.det, (n(2, 3, 3),))], "linalg_slogdet": [(lambda a: la.slogdet(a)[1], (n(2, 3, 3),))],
    "linalg_pinv": [(la.pinv, (n(3, 2),)), (la.pinv, (n(2, 3),))],
    "linalg_lstsq": [(raw("linalg_lstsq", 1e-15), (n(4, 2), n(4, 2)))], "linalg_matrix_exp": [(la.matrix_exp, (n(2, 2),))],
    "linalg_eigh": [(lambda a: la.eigh(a + a.mT)[0], (n(3, 3),)), (lambda a: la.eigh(a + a.mT + APART)[1].square(), (n(3, 3),))],
    "linalg_eig": [(lambda a: la.eig(a + APART)[0].real, (n(3, 3),)), (lambda a: _square(la.eig(a + APART)[1]), (n(3, 3),))],
    "linalg_svd": [(lambda a: la.svd(a)[1], (n(3, 2),)), (lambda a: la.svd(a + APART, False)[0].square(), (n(3, 3),)),
                   (lambda a: la.svd(a, False)[2].square(), (n(2, 3),))],
    "linalg_cholesky": [(lambda a: la.cholesky(a @ a.mT + EYE), (n(3, 3),)), (lambda a: la.cholesky(a @ a.mT + EYE, upper=True), (n(2, 3, 3),))],
    "linalg_qr": [(lambda a: la.qr(a)[1], (n(3, 2),)), (lambda a: la.qr(a)[0], (n(3, 2),)), (lambda a: la.qr(a)[1], (n(2, 3),))],
    "linalg_lu_factor": [(lambda a: la.lu_factor(a + 4 * EYE)[0], (n(3, 3),)), (lambda a: la.lu_factor(a)[0], (n(3, 2),)), (lambda a: la.lu_factor(a)[0], (n(2, 3),))],
    "linalg_lu": [(lambda a: la.lu(a + 4 * EYE)[1], (n(3, 3),)), (lambda a: la.lu(a)[2], (n(3, 2),))],
    "linalg_householder_product": [(la.householder_product, (n(3, 2), n(2)))], "linalg_cross": [(la.cross, (n(2, 3), n(2, 3)))],
    # complex numbers come from two real ones, and go back to real ones
    "complex": [(lambda a, b: (ts.complex(a, b) * (1 + 2j)).real, (n(3), n(3)))], "conj": [(lambda a, b: (ts.complex(a, b).conj() * (1 + 2j)).imag, (n(3), n(3)))],
    "real": [(lambda a, b: (ts.complex(a, b) * ts.complex(b, a)).real, (n(3), n(3)))], "imag": [(lambda a, b: (ts.complex(a, b).exp()).imag, (n(3), n(3)))],
    "polar": [(lambda r, p: ts.view_as_real(ts.polar(r, p)), (pos(3), n(3)))], "angle": [(lambda a, b: ts.complex(a, b).angle(), (pos(3), pos(3)))],
    "view_as_real": [(lambda a, b: ts.view_as_real(ts.complex(a, b)), (n(3), n(3)))],
    "view_as_complex": [(lambda a: (ts.view_as_complex(a) * (1 + 2j)).real, (n(3, 2),))],
}

# -- special functions ----------------------------------------------------------------------------------------------------------------------
S = ts.special
FAR = Draw((3,), 9.0, 12.0)
HALF = T(0.5, dtype=ts.float64)
SAMPLES |= {
    **{f.op.name: [(f, (n(3),))] for f in (S.erfc, S.erfcx, S.log_ndtr, S.sinc, S.i0, S.i0e, S.i1, S.i1e, S.modified_bessel_i0, S.modified_bessel_i1, S.bessel_j0, S.bessel_j1,
                                           S.spherical_bessel_j0)},
    **{f.op.name: [(f, (prob(3),))] for f in (S.entr, S.ndtri)}, "erfinv": [(S.erfinv, (unit(3),))], "logit": [(S.logit, (prob(3),)), (lambda x: S.logit(x, 0.2), (prob(3),))],
    **{f.op.name: [(f, (pos(3),)), (f, (FAR,))] for f in (S.bessel_y0, S.bessel_y1, S.modified_bessel_k0, S.modified_bessel_k1, S.scaled_modified_bessel_k0,
                                                          S.scaled_modified_bessel_k1)},
    "lgamma": [(S.gammaln, (pos(3),)), (S.gammaln, (FAR,)), (lambda x: S.gammaln(x - 3), (prob(3),))],
    "digamma": [(S.digamma, (pos(3),)), (lambda x: S.digamma(x - 3), (prob(3),))], "polygamma": [(lambda x, k=k: S.polygamma(k, x), (pos(3),)) for k in (1, 2, 3)],
    "mvlgamma": [(lambda x: S.multigammaln(x, 3), (Draw((3,), 1.5, 3.0),))], "special_zeta": [(lambda x: S.zeta(3 + HALF, x), (pos(3),))],
    "igamma": [(lambda x: S.gammainc(2 + HALF, x), (pos(3),))], "igammac": [(lambda x: S.gammaincc(2 + HALF, x), (pos(3),))],
    "xlogy": [(S.xlogy, (n(2, 3), pos(3)))], "special_xlog1py": [(S.xlog1py, (n(2, 3), pos(3)))],
}

# -- Fourier transforms: of real numbers, to real numbers -------------------------------------------------------------------------------------
SAMPLES |= {
    "fft_r2c": [(lambda a: _square(ts.fft.rfft(a)), (n(2, 5),)), (lambda a: _square(ts.fft.rfft(a + a * a, 4, norm="ortho")), (n(5),)), (lambda a: _square(ts.fft.fft(a)), (n(4),))],
    "fft_c2c": [(lambda a, b: _square(ts.fft.fft2(ts.complex(a, b))), (n(2, 3), n(2, 3))), (lambda a, b: ts.fft.ifft(ts.complex(a, b)).imag, (n(4), n(4)))],
    "fft_c2r": [(lambda a, b, k=k: ts.fft.irfft(ts.complex(a, b), k), (n(2, 3), n(2, 3))) for k in (4, 5, 7)] + [
        (lambda a, b: ts.fft.hfftn(ts.complex(a, b), norm="forward").square(), (n(2, 3), n(2, 3)))],
}

# -- products that are added to something -------------------------------------------------------------------------------------------------------
SAMPLES |= {
    "addmm_scaled": [(lambda *a: F.addmm(*a, beta=2, alpha=3), (n(3), n(2, 4), n(4, 3)))], "baddbmm": [(lambda *a: ts.baddbmm(*a, beta=2, alpha=3), (n(2, 1), n(2, 2, 4), n(2, 4, 3)))],
    "addbmm": [(lambda *a: ts.addbmm(*a, alpha=3), (n(2, 3), n(2, 2, 4), n(2, 4, 3)))], "addmv": [(lambda *a: ts.addmv(*a, beta=2, alpha=3), (n(2), n(2, 4), n(4)))],
    "addr": [(lambda *a: ts.addr(*a, beta=2, alpha=3), (n(2, 3), n(2), n(3)))], "vdot": [(lambda a, b: ts.vdot(ts.complex(a, b), ts.complex(b * 2, a)).imag, (n(3), n(3)))],
    "sgn": [(lambda a, b: ts.sgn(ts.complex(a, b)).imag, (pos(3), n(3)))], "sgn_real": [(ts.sgn, (n(3),))],
}
TRI = APART + 3 * EYE
SAMPLES |= {
    "cdist": [(ts.cdist, (n(2, 3), n(4, 3))), (lambda a, b: ts.cdist(a, b, 3.0), (n(2, 3), n(2, 3)))], "pdist": [(ts.pdist, (n(3, 2),))], "trace": [(ts.trace, (n(3, 3),))],
    "masked_select": [(lambda x: ts.masked_select(x, T([True, False, True])), (n(2, 3),))],
    "cholesky_solve": [(lambda b, a: ts.cholesky_solve(b, a.tril() + TRI), (n(3, 2), n(3, 3)))], "cholesky_inverse": [(lambda a: ts.cholesky_inverse(a.tril() + TRI), (n(3, 3),))],
    "triangular_solve": [(lambda b, a: sum(t.sum() for t in ts.triangular_solve(b, a + TRI)), (n(3, 2), n(3, 3)))],
    "cholesky": [(lambda a: ts.cholesky(a @ a.mT + EYE, upper=True), (n(3, 3),))], "norm_base": [(lambda a, b: F.pairwise_distance(a, b, 3.0), (n(2, 3), n(2, 3)))],
    "lu_unpack": [(lambda a: sum((t * t).sum() for t in ts.lu_unpack(a + 4 * EYE, T([1, 3, 3], dtype=ts.int32))[1:]), (n(3, 3),))],
    "lstsq_residuals": [(lambda a, b: la.lstsq(a, b)[0], (n(4, 2), n(4, 2))), (lambda a, b: la.lstsq(a, b)[1], (n(4, 2), n(4, 2)))],
    "linalg_lu_solve": [(lambda a, b: la.lu_solve(a + 4 * EYE, T([1, 3, 3], dtype=ts.int32), b), (n(3, 3), n(3, 2)))], "ormqr": [(ts.ormqr, (n(3, 2), n(2), n(3, 2)))],
    "prod_base": [(lambda a: a.prod(1), (n(2, 3),))], "squeeze_scalar": [(raw("squeeze_scalar", (0,)), (n(1, 3),))],
    "mul_scalar": [(raw("mul_scalar", 0.5), (n(3),))], "div_scalar": [(raw("div_scalar", 2.0), (n(3),))],
}
for _name, _f in {"softmax": lambda x: F.softmax(x * 3, 0), "log_softmax": lambda x: F.log_softmax(x * 3, 0), "cummax": lambda x: F.cummax(x, 0)[0], "logcumsumexp": lambda x: F.logcumsumexp(x, 0),
                  "kthvalue": lambda x: F.kthvalue(x, 1)[0], "max": lambda x: F.max(x, 0)[0], "min": lambda x: F.min(x, 0, keepdim=True)[0], "mode": lambda x: F.mode(x)[0]}.items():
    SAMPLES[_name] = [*SAMPLES[_name], (_f, (n(),))]         # a single number is a line of one
