"""Every op on a million numbers, beside PyTorch on one thread: `python tests/benchmarks/large.py [part of a name ...]` prints ratios, the worst first.

Where an op takes more than five times as long, `REASONS` says why; without a reason it is marked, and the exit code is 1.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch

import tapescope as ts

LIMIT, N = 5.0, 1_000_000

# An op that takes more than five times as long as PyTorch's, and why that stays.
REASONS: dict[str, str] = {
    "to float16": "NumPy converts number by number; PyTorch has the processor's instruction for eight",
    "float16 add": "NumPy adds halves number by number, by way of float32",
    "float16 exp": "as float16 add",
    "randperm": "each exchange depends on the ones before it: PyTorch's compiled loop does them in turn, here they are undone by sorting",
    "F.gelu": "no vectorised erf in NumPy: a polynomial, in pieces that stay in the cache",
    "index_add": "rows are sorted by index and added run by run, since NumPy's own addition at indices goes number by number",
    "cummax(dim=1)": "NumPy's running maximum goes number by number and has no places: the lines are laid side by side, and the steps taken for all of them at once",
    "cummin(dim=1)": "as cummax",
    "prod(dim=1)": "NumPy multiplies along a line number by number: halves times halves are five passes over memory",
    "outer": "NumPy multiplies a row by a number at a third of the speed of two rows",
    "multinomial": "the running sum of the probabilities, which NumPy computes number by number",
    "cumsum()": "NumPy's running sum goes number by number", "cumprod()": "as cumsum", "cumsum(dim=1)": "as cumsum", "cumprod(dim=1)": "as cumsum",
    "nextafter": "NumPy's goes number by number",
    "F.conv2d grouped": "windows are laid out for a matrix product, and each group's product is small",
    "F.grid_sample": "the corners around every point are gathered by index, one corner after the other",
    "F.embedding_bag": "rows are gathered, then added up: two passes over what PyTorch adds as it reads",
    "F.pdist": "the rows of every pair are gathered and subtracted, so that near rows keep their digits: the differences are 200 MB",
    "vander": "each power is a product with the power before it, and all of them are put side by side at the end",
    "lu": "NumPy has no LU: pivots column by column in Python, blocks of 32 columns as products", "lu_factor": "as lu",
    "cholesky_inverse": "NumPy has no triangular solver: the factor's inverse by a general one, times itself",
    "lstsq": "NumPy's least squares go by the singular values, PyTorch's by a QR with pivots",
    **dict.fromkeys(("erfc", "erfinv", "lgamma", "polygamma", "special.ndtr", "special.i1e", "special.bessel_j0", "special.bessel_y0", "special.bessel_y1", "special.hermite_polynomial_h",
                     "special.chebyshev_polynomial_t", "special.ndtri"),
                    "NumPy has no such function: in double precision by polynomials, each element by that of its interval, where PyTorch's compiled loop takes one branch in single precision"),
}

UNARY = ("abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad erf exp exp2 expm1 floor frac isfinite isinf isnan isneginf log log10 log1p log2 "
         "logical_not neg rad2deg reciprocal relu round rsqrt sigmoid sign signbit sin sinh sqrt square tan tanh trunc nan_to_num positive").split()
BINARY = "add atan2 copysign div eq floor_divide fmax fmin fmod ge gt hypot ldexp le logaddexp logaddexp2 lt maximum minimum mul ne pow remainder sub".split()
ACTIVATIONS = ("celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu6 selu silu softplus softshrink softsign tanhshrink").split()
REDUCTIONS = "sum mean prod max min amax amin argmax argmin var std logsumexp norm all any count_nonzero nansum nanmean median aminmax".split()
ALONG = "sum mean prod max min amax argmax var std logsumexp norm cumsum cumprod cummax cummin logcumsumexp softmax log_softmax sort argsort flip all median mode msort".split()


SPECIAL = ("airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 entr erfcx i0e i1 i1e log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 ndtr "
           "scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0").split()


def cases() -> dict[str, Any]:
    """name -> f(lib, t), t being the tensors of `inputs`."""
    made: dict[str, Any] = {}
    for n in UNARY:
        made[n] = lambda lib, t, n=n: getattr(lib, n)(t.over_one if n == "acosh" else t.inside if n in ("acos", "asin", "atanh") else t.positive if n in ("log", "sqrt", "rsqrt", "log2", "log10", "log1p") else t.x)
    for n in BINARY:
        made[n] = lambda lib, t, n=n: getattr(lib, n)(t.positive if n == "pow" else t.x, t.y)
    for n in ACTIVATIONS:
        made["F." + n] = lambda lib, t, n=n: getattr(lib.nn.functional, n)(t.x)
    for n in REDUCTIONS:
        made[n + "()"] = lambda lib, t, n=n: getattr(lib, n)(*((t.x, 0) if n == "logsumexp" else (t.x,)))
    for n in ALONG:
        for d in (0, 1):
            made[f"{n}(dim={d})"] = lambda lib, t, n=n, d=d: getattr(lib, n)(t.m, **({"dims": [d]} if n == "flip" else {} if n == "msort" else {"dim": d}))
    made |= {
        "add scalar": lambda lib, t: t.x + 2.0, "mul scalar": lambda lib, t: t.x * 2.0, "pow 2": lambda lib, t: t.x ** 2, "pow 3": lambda lib, t: t.x ** 3, "pow 0.5": lambda lib, t: t.positive ** 0.5,
        "broadcast row": lambda lib, t: t.m + t.row, "broadcast column": lambda lib, t: t.m * t.column, "add_": lambda lib, t: t.scratch.add_(t.y), "mul_": lambda lib, t: t.scratch.mul_(1.0),
        "relu_": lambda lib, t: t.scratch.relu_(), "copy_": lambda lib, t: t.scratch.copy_(t.x), "fill_": lambda lib, t: t.scratch.fill_(1.0), "zero_": lambda lib, t: t.scratch.zero_(),
        "addcmul": lambda lib, t: lib.addcmul(t.x, t.y, t.positive, value=0.5), "addcdiv": lambda lib, t: lib.addcdiv(t.x, t.y, t.positive), "lerp": lambda lib, t: lib.lerp(t.x, t.y, 0.3),
        "clamp": lambda lib, t: lib.clamp(t.x, -0.5, 0.5), "where": lambda lib, t: lib.where(t.mask, t.x, t.y), "masked_fill": lambda lib, t: t.x.masked_fill(t.mask, 0.0),
        "bitwise_and": lambda lib, t: t.i & t.j, "bitwise_not": lambda lib, t: ~t.i, "int add": lambda lib, t: t.i + t.j, "int floor_divide": lambda lib, t: t.i // 7, "int remainder": lambda lib, t: t.i % 7,
        "gcd": lambda lib, t: lib.gcd(t.i, t.j), "logical_and": lambda lib, t: lib.logical_and(t.mask, t.mask2), "isclose": lambda lib, t: lib.isclose(t.x, t.y), "allclose": lambda lib, t: lib.allclose(t.x, t.x),
        "equal": lambda lib, t: lib.equal(t.x, t.x), "to float64": lambda lib, t: t.x.double(), "to int64": lambda lib, t: t.x.long(), "to float16": lambda lib, t: t.x.half(), "from bool": lambda lib, t: t.mask.float(),
        "clone": lambda lib, t: t.x.clone(), "contiguous": lambda lib, t: t.m.t().contiguous(), "cat": lambda lib, t: lib.cat([t.m, t.m]), "cat(dim=1)": lambda lib, t: lib.cat([t.m, t.m], 1),
        "stack": lambda lib, t: lib.stack([t.x, t.y]), "stack last": lambda lib, t: lib.stack([t.x, t.y], -1), "repeat": lambda lib, t: t.row.repeat(1000, 1), "repeat_interleave": lambda lib, t: t.row.repeat_interleave(1000),
        "roll": lambda lib, t: t.m.roll(3, 1), "tril": lambda lib, t: t.m.tril(), "diagonal": lambda lib, t: t.m.diagonal().clone(), "permute": lambda lib, t: t.image.permute(0, 2, 3, 1).contiguous(),
        "pad": lambda lib, t: lib.nn.functional.pad(t.image, (1, 1, 1, 1)), "pad reflect": lambda lib, t: lib.nn.functional.pad(t.image, (1, 1, 1, 1), mode="reflect"), "split": lambda lib, t: t.x.split(100),
        "unfold": lambda lib, t: t.x.unfold(0, 10, 10).clone(), "index rows": lambda lib, t: t.m[t.rows], "index elements": lambda lib, t: t.x[t.index], "index mask": lambda lib, t: t.x[t.mask],
        "masked_select": lambda lib, t: lib.masked_select(t.x, t.mask), "index_select": lambda lib, t: lib.index_select(t.m, 0, t.rows), "index_select(dim=1)": lambda lib, t: lib.index_select(t.m, 1, t.rows),
        "gather": lambda lib, t: lib.gather(t.m, 1, t.columns), "take_along_dim": lambda lib, t: lib.take_along_dim(t.m, t.columns, 1), "take": lambda lib, t: lib.take(t.x, t.index),
        "scatter": lambda lib, t: t.m.scatter(1, t.columns, t.m), "scatter_add": lambda lib, t: t.m.scatter_add(1, t.columns, t.m), "scatter_add(dim=0)": lambda lib, t: t.m.scatter_add(0, t.columns, t.m),
        "scatter_reduce": lambda lib, t: t.m.scatter_reduce(1, t.columns, t.m, "amax"), "index_add": lambda lib, t: t.m.index_add(0, t.rows, t.m), "index_copy": lambda lib, t: t.m.index_copy(0, t.order, t.m),
        "index_put": lambda lib, t: t.x.index_put((t.index,), t.y), "index_put accumulate": lambda lib, t: t.x.index_put((t.index,), t.y, accumulate=True), "setitem mask": lambda lib, t: t.scratch.masked_fill_(t.mask, 0.0),
        "nonzero": lambda lib, t: t.mask.nonzero(), "unique": lambda lib, t: lib.unique(t.small), "unique_consecutive": lambda lib, t: lib.unique_consecutive(t.small), "bincount": lambda lib, t: lib.bincount(t.small), "histc": lambda lib, t: lib.histc(t.x, 100),
        "topk": lambda lib, t: lib.topk(t.x, 10), "topk(dim=1)": lambda lib, t: lib.topk(t.m, 5, 1), "kthvalue": lambda lib, t: lib.kthvalue(t.x, 1000), "sort()": lambda lib, t: lib.sort(t.x), "argsort()": lambda lib, t: lib.argsort(t.x),
        "int sort": lambda lib, t: lib.sort(t.i), "searchsorted": lambda lib, t: lib.searchsorted(t.sorted, t.x), "bucketize": lambda lib, t: lib.bucketize(t.x, t.edges), "quantile": lambda lib, t: lib.quantile(t.x, 0.3), "isin": lambda lib, t: lib.isin(t.small, t.few),
        "cumsum()": lambda lib, t: lib.cumsum(t.x, 0), "cumprod()": lambda lib, t: lib.cumprod(t.x, 0), "diff": lambda lib, t: lib.diff(t.x), "trapezoid": lambda lib, t: lib.trapezoid(t.x), "renorm": lambda lib, t: lib.renorm(t.m, 2, 0, 1.0),
        "cdist": lambda lib, t: lib.cdist(t.tall, t.tall), "mm": lambda lib, t: t.m @ t.m, "mv": lambda lib, t: t.m @ t.row, "dot": lambda lib, t: lib.dot(t.x, t.y), "outer": lambda lib, t: lib.outer(t.row, t.row), "bmm": lambda lib, t: lib.bmm(t.batch, t.batch),
        "addmm": lambda lib, t: lib.addmm(t.row, t.m, t.m), "einsum": lambda lib, t: lib.einsum("bij,bjk->bik", t.batch, t.batch), "trace": lambda lib, t: lib.trace(t.m), "cov": lambda lib, t: lib.cov(t.tall.t()), "dist": lambda lib, t: lib.dist(t.x, t.y),
        "cross": lambda lib, t: lib.linalg.cross(t.threes, t.threes), "matrix_norm": lambda lib, t: lib.linalg.matrix_norm(t.m), "inv": lambda lib, t: lib.linalg.inv(t.square), "solve": lambda lib, t: lib.linalg.solve(t.square, t.square),
        "det": lambda lib, t: lib.linalg.det(t.square), "cholesky": lambda lib, t: lib.linalg.cholesky(t.spd), "svd": lambda lib, t: lib.linalg.svd(t.square), "eigh": lambda lib, t: lib.linalg.eigh(t.spd), "qr": lambda lib, t: lib.linalg.qr(t.square),
        "rand": lambda lib, t: lib.rand(N), "randn": lambda lib, t: lib.randn(N), "randint": lambda lib, t: lib.randint(0, 10, (N,)), "randperm": lambda lib, t: lib.randperm(N), "bernoulli": lambda lib, t: lib.bernoulli(t.inside.abs()),
        "multinomial": lambda lib, t: lib.multinomial(t.positive, 1000, True), "normal": lambda lib, t: lib.normal(t.x, 1.0), "exponential_": lambda lib, t: lib.empty(N).exponential_(), "zeros": lambda lib, t: lib.zeros(N), "ones": lambda lib, t: lib.ones(N), "arange": lambda lib, t: lib.arange(N),
        "linspace": lambda lib, t: lib.linspace(0, 1, N), "full": lambda lib, t: lib.full((N,), 3.0), "eye": lambda lib, t: lib.eye(1000), "meshgrid": lambda lib, t: [g.clone() for g in lib.meshgrid(t.row, t.row, indexing="ij")], "tensor": lambda lib, t: lib.tensor(t.array),
        "complex mul": lambda lib, t: t.z * t.z, "complex abs": lambda lib, t: t.z.abs(), "item": lambda lib, t: t.x[0].item(), "tolist": lambda lib, t: t.x[:100000].tolist(),
    }
    for n in SPECIAL:
        made["special." + n] = lambda lib, t, n=n: getattr(lib.special, n)(t.x)
    S = {
        "lgamma": "t.x.lgamma()", "digamma": "t.x.digamma()", "polygamma": "lib.polygamma(1, t.positive)", "erfc": "t.x.erfc()", "erfinv": "t.inside.erfinv()", "logit": "t.unit.logit()", "i0": "t.x.i0()", "sinc": "t.x.sinc()",
        "xlogy": "lib.xlogy(t.x, t.positive)", "special.xlog1py": "lib.special.xlog1py(t.x, t.positive)", "mvlgamma": "lib.mvlgamma(t.over_one + 1, 2)", "special.zeta": "lib.special.zeta(t.over_one + 0.1, t.positive)", "special.ndtri": "lib.special.ndtri(t.unit)",
        "special.gammainc": "lib.special.gammainc(t.positive, t.unit)", "special.gammaincc": "lib.special.gammaincc(t.positive, t.unit)", "special.chebyshev_polynomial_t": "lib.special.chebyshev_polynomial_t(t.x, 5)", "special.hermite_polynomial_h": "lib.special.hermite_polynomial_h(t.x, 5)",
        "special.laguerre_polynomial_l": "lib.special.laguerre_polynomial_l(t.x, 5)", "special.legendre_polynomial_p": "lib.special.legendre_polynomial_p(t.inside, 5)",
        "angle": "t.x.angle()", "sgn": "t.x.sgn()", "float_power": "lib.float_power(t.positive, 2.5)", "nextafter": "lib.nextafter(t.x, t.y)", "heaviside": "lib.heaviside(t.x, t.y)", "lcm": "lib.lcm(t.small + 1, t.small + 2)", "bitwise_left_shift": "t.small << 3", "clamp_min": "t.x.clamp_min(0.1)",
        "clamp by tensors": "lib.clamp(t.x, t.y, t.positive)", "polar": "lib.polar(t.positive, t.x)", "complex exp": "t.z.exp()", "complex angle": "t.z.angle()", "complex div": "t.z / t.z", "frexp": "lib.frexp(t.x)", "float16 add": "t.half + t.half", "float16 exp": "t.half.exp()", "int sum": "t.i.sum()", "int div": "t.i / t.j",
        "fft": "lib.fft.fft(t.x)", "rfft": "lib.fft.rfft(t.x)", "fft2": "lib.fft.fft2(t.m)", "irfft": "lib.fft.irfft(t.z)", "fftshift": "lib.fft.fftshift(t.m)", "stft": "lib.stft(t.x, 512, return_complex=True, window=lib.ones(512))",
        "logcumsumexp": "lib.logcumsumexp(t.x, 0)", "nanmedian()": "t.x.nanmedian()", "nanquantile": "lib.nanquantile(t.x, 0.3)", "kthvalue(dim=1)": "lib.kthvalue(t.m, 10, 1)", "std_mean": "lib.std_mean(t.m, 1)", "var_mean": "lib.var_mean(t.m, 0)", "norm p=3": "lib.norm(t.m, 3)", "norm inf": "lib.linalg.vector_norm(t.x, float('inf'))",
        "rot90": "lib.rot90(t.m).clone()", "tile": "t.row.tile(1000)", "hstack": "lib.hstack([t.m, t.m])", "vstack": "lib.vstack([t.m, t.m])", "triu": "t.m.triu()", "diag_embed": "lib.diag_embed(t.row)", "tril_indices": "lib.tril_indices(1000, 1000)", "block_diag": "lib.block_diag(t.batch[0], t.batch[1])", "cartesian_prod": "lib.cartesian_prod(t.row, t.row)",
        "combinations": "lib.combinations(t.row, 2)", "argwhere": "t.mask.argwhere()", "histogram": "lib.histogram(t.x, 100)", "bincount weights": "lib.bincount(t.small, t.positive)", "put": "t.x.put(t.index, t.y)", "index_fill": "t.m.index_fill(0, t.rows, 1.0)", "masked_scatter": "t.x.masked_scatter(t.mask, t.y)",
        "gradient": "lib.gradient(t.x)", "corrcoef": "lib.corrcoef(t.tall.t())", "tensordot": "lib.tensordot(t.batch, t.batch, dims=([0, 2], [0, 1]))", "kron": "lib.kron(t.batch[0], t.tall[:5, :5])", "vander": "lib.vander(t.row, 100)", "chain_matmul": "lib.linalg.multi_dot([t.m, t.m, t.m])", "matrix_power": "lib.linalg.matrix_power(t.square, 5)", "addmv": "lib.addmv(t.row, t.m, t.row)",
        "baddbmm": "lib.baddbmm(t.batch, t.batch, t.batch)", "count_nonzero(dim=1)": "lib.count_nonzero(t.m, 1)", "logsumexp(dim=0)": "lib.logsumexp(t.m, 0)", "unique inverse": "lib.unique(t.small, return_inverse=True)", "scatter reduce mean": "t.m.scatter_reduce(1, t.columns, t.m, 'mean')",
        "pinv": "lib.linalg.pinv(t.square)", "lstsq": "lib.linalg.lstsq(t.square, t.square).solution", "matrix_exp": "lib.linalg.matrix_exp(t.square / 30)", "slogdet": "lib.linalg.slogdet(t.square)", "eig": "lib.linalg.eig(t.square)", "eigvalsh": "lib.linalg.eigvalsh(t.spd)", "svdvals": "lib.linalg.svdvals(t.square)", "lu": "lib.linalg.lu(t.square)",
        "lu_factor": "lib.linalg.lu_factor(t.square)", "solve_triangular": "lib.linalg.solve_triangular(t.spd.tril(), t.square, upper=False)", "cholesky_solve": "lib.cholesky_solve(t.square, t.spd.tril())", "cholesky_inverse": "lib.cholesky_inverse(t.spd.tril())", "inv of many": "lib.linalg.inv(t.batch)", "det of many": "lib.linalg.det(t.batch)",
        "randn_like": "lib.randn_like(t.x)", "rand float64": "lib.rand(N, dtype=lib.float64)", "normal_": "t.scratch.normal_()", "uniform_": "t.scratch.uniform_()", "poisson": "lib.poisson(t.positive)", "log_normal_": "lib.empty(N).log_normal_()", "cauchy_": "lib.empty(N).cauchy_()", "geometric_": "lib.empty(N).geometric_(0.3)", "multinomial few": "lib.multinomial(t.m.abs(), 3)",
    }
    for name, text in S.items():
        made[name] = eval(f"lambda lib, t: {text}", {"N": N})
    F = {
        "threshold": "F.threshold(t.x, 0.1, 0.0)", "rrelu": "F.rrelu(t.x)", "softmin": "F.softmin(t.m, 1)", "gelu tanh": "F.gelu(t.x, approximate='tanh')", "gumbel_softmax": "F.gumbel_softmax(t.m)", "alpha_dropout": "F.alpha_dropout(t.x, 0.3, True)", "feature_alpha_dropout": "F.feature_alpha_dropout(t.image, 0.3, True)",
        "embedding_bag": "F.embedding_bag(t.rows.view(100, 10), t.m)", "poisson_nll_loss": "F.poisson_nll_loss(t.x, t.positive)", "gaussian_nll_loss": "F.gaussian_nll_loss(t.x, t.y, t.positive)", "multi_margin_loss": "F.multi_margin_loss(t.m, t.rows)", "multilabel_margin_loss": "F.multilabel_margin_loss(t.m, t.columns)",
        "multilabel_soft_margin_loss": "F.multilabel_soft_margin_loss(t.m, t.m)", "soft_margin_loss": "F.soft_margin_loss(t.x, t.signs)", "margin_ranking_loss": "F.margin_ranking_loss(t.x, t.y, t.signs)", "cosine_embedding_loss": "F.cosine_embedding_loss(t.m, t.m, t.signs[:1000])", "fold": "F.fold(t.columns9, (88, 88), 3, padding=1)",
        "ctc_loss": "F.ctc_loss(t.speech, t.labels, t.lengths, t.label_lengths)", "fractional_max_pool2d": "F.fractional_max_pool2d(t.image, 2, 40)", "max_unpool2d": "F.max_unpool2d(*F.max_pool2d(t.image, 2, return_indices=True), 2)", "avg_pool1d": "F.avg_pool1d(t.sound, 3)", "avg_pool3d": "F.avg_pool3d(t.film, 2)", "lp_pool1d": "F.lp_pool1d(t.sound, 2, 3)",
        "max_pool2d indices": "F.max_pool2d(t.image, 2, return_indices=True)", "channel_shuffle": "F.channel_shuffle(t.image, 4)", "pixel_unshuffle": "F.pixel_unshuffle(t.image, 2)", "affine_grid": "F.affine_grid(t.batch[:8, :2, :3], (8, 16, 88, 88), align_corners=False)", "bilinear": "F.bilinear(t.tall, t.tall, t.batch[:, :100, :100])", "pdist": "F.pdist(t.tall)",
        "conv_transpose1d": "F.conv_transpose1d(t.sound, t.k1)", "conv_transpose3d": "F.conv_transpose3d(t.film, t.k3)", "pad replicate": "F.pad(t.image, (1, 1, 1, 1), mode='replicate')", "pad circular": "F.pad(t.image, (1, 1, 1, 1), mode='circular')", "pad 1": "F.pad(t.sound, (2, 2))", "interpolate linear": "F.interpolate(t.sound, scale_factor=2, mode='linear')",
        "interpolate trilinear": "F.interpolate(t.film, scale_factor=1.5, mode='trilinear')", "interpolate nearest-exact": "F.interpolate(t.image, scale_factor=2, mode='nearest-exact')", "attention causal": "F.scaled_dot_product_attention(t.heads, t.heads, t.heads, is_causal=True)", "cross_entropy smooth": "F.cross_entropy(t.m, t.rows, label_smoothing=0.1)", "bce weighted": "F.binary_cross_entropy_with_logits(t.x, t.unit, pos_weight=t.one)",
        "softmax": "F.softmax(t.m, 1)", "log_softmax": "F.log_softmax(t.m, 1)", "glu": "F.glu(t.m, 1)", "prelu": "F.prelu(t.x, t.one)", "normalize": "F.normalize(t.m)", "layer_norm": "F.layer_norm(t.m, (1000,), t.row, t.row)", "rms_norm": "F.rms_norm(t.m, (1000,))",
        "batch_norm": "F.batch_norm(t.image, t.mean, t.deviation, t.mean, t.deviation, True)", "batch_norm eval": "F.batch_norm(t.image, t.mean, t.deviation)", "group_norm": "F.group_norm(t.image, 4)", "instance_norm": "F.instance_norm(t.image)",
        "dropout": "F.dropout(t.x, 0.3)", "dropout2d": "F.dropout2d(t.image, 0.3)", "embedding": "F.embedding(t.rows, t.m)", "one_hot": "F.one_hot(t.few_classes, 10)", "cross_entropy": "F.cross_entropy(t.m, t.rows)", "nll_loss": "F.nll_loss(t.m, t.rows)",
        "mse_loss": "F.mse_loss(t.x, t.y)", "l1_loss": "F.l1_loss(t.x, t.y)", "smooth_l1_loss": "F.smooth_l1_loss(t.x, t.y)", "huber_loss": "F.huber_loss(t.x, t.y)", "bce": "F.binary_cross_entropy(t.unit, t.unit)", "bce logits": "F.binary_cross_entropy_with_logits(t.x, t.unit)",
        "kl_div": "F.kl_div(t.x, t.unit, reduction='sum')", "cosine_similarity": "F.cosine_similarity(t.m, t.m)", "pairwise_distance": "F.pairwise_distance(t.m, t.m)", "triplet": "F.triplet_margin_loss(t.m, t.m, t.m)", "hinge": "F.hinge_embedding_loss(t.x, t.signs)",
        "linear": "F.linear(t.m, t.m, t.row)", "conv1d": "F.conv1d(t.sound, t.k1)", "conv2d": "F.conv2d(t.image, t.k2, padding=1)", "conv2d 1x1": "F.conv2d(t.image, t.k0)", "conv2d grouped": "F.conv2d(t.image, t.k2[:, :1], groups=16)", "conv2d stride": "F.conv2d(t.image, t.k2, stride=2)",
        "conv3d": "F.conv3d(t.film, t.k3)", "conv_transpose2d": "F.conv_transpose2d(t.image, t.k2, stride=2)", "max_pool1d": "F.max_pool1d(t.sound, 2)", "max_pool2d": "F.max_pool2d(t.image, 2)", "max_pool2d 3/2": "F.max_pool2d(t.image, 3, 2)", "max_pool3d": "F.max_pool3d(t.film, 2)",
        "avg_pool2d": "F.avg_pool2d(t.image, 2)", "adaptive_avg_pool2d": "F.adaptive_avg_pool2d(t.image, 1)", "adaptive_avg_pool2d 7": "F.adaptive_avg_pool2d(t.image, 7)", "adaptive_max_pool2d": "F.adaptive_max_pool2d(t.image, 7)", "lp_pool2d": "F.lp_pool2d(t.image, 2, 2)",
        "interpolate nearest": "F.interpolate(t.image, scale_factor=2)", "interpolate bilinear": "F.interpolate(t.image, scale_factor=2, mode='bilinear')", "interpolate bicubic": "F.interpolate(t.image, scale_factor=2, mode='bicubic')", "interpolate area": "F.interpolate(t.image, scale_factor=0.5, mode='area')",
        "grid_sample": "F.grid_sample(t.image, t.grid, align_corners=False)", "F.unfold": "F.unfold(t.image, 3)", "pixel_shuffle": "F.pixel_shuffle(t.image, 2)", "local_response_norm": "F.local_response_norm(t.image, 3)", "attention": "F.scaled_dot_product_attention(t.heads, t.heads, t.heads)",
    }
    for name, text in F.items():
        made[f"F.{name}".replace("F.F.", "F.")] = eval(f"lambda lib, t, F=None: (lambda F: {text})(lib.nn.functional)", {})
    return made


class Inputs:
    """The same numbers for both libraries."""

    def __init__(self, lib: Any) -> None:
        rng = np.random.RandomState(0)

        def give(a: Any) -> Any:
            return lib.from_numpy(np.ascontiguousarray(a))

        def floats(*shape: int) -> Any:
            return give(rng.randn(*shape).astype(np.float32))

        self.x, self.y, self.scratch, self.m = floats(N), floats(N), floats(N), floats(1000, 1000)
        self.row, self.column, self.tall, self.batch, self.square = floats(1000), floats(1000, 1), floats(1000, 100), floats(25, 200, 200), floats(300, 300)
        self.array = rng.randn(N).astype(np.float32)
        self.positive, self.unit = give(rng.rand(N).astype(np.float32) + 0.1), give(rng.rand(N).astype(np.float32))
        self.inside, self.over_one = give((rng.rand(N) * 1.8 - 0.9).astype(np.float32)), give((rng.rand(N) + 1).astype(np.float32))
        self.mask, self.mask2 = give(rng.rand(N) < 0.5), give(rng.rand(N) < 0.5)
        self.i, self.j = give(rng.randint(1, 1 << 20, N)), give(rng.randint(1, 1 << 20, N))
        self.index, self.rows, self.columns = give(rng.randint(0, N, N)), give(rng.randint(0, 1000, 1000)), give(rng.randint(0, 1000, (1000, 1000)))
        self.order, self.small, self.few, self.few_classes = give(rng.permutation(1000)), give(rng.randint(0, 100, N)), give(rng.randint(0, 100, 7)), give(rng.randint(0, 10, 100000))
        self.sorted, self.edges = give(np.sort(rng.randn(10000)).astype(np.float32)), give(np.linspace(-3, 3, 20).astype(np.float32))
        a = rng.randn(300, 300)
        self.spd = give((a @ a.T / 300 + np.eye(300)).astype(np.float32))
        self.image, self.sound, self.film = floats(8, 16, 88, 88), floats(8, 16, 7812), floats(4, 4, 40, 40, 40)
        self.k0, self.k1, self.k2, self.k3 = floats(16, 16, 1, 1), floats(16, 16, 3), floats(16, 16, 3, 3), floats(4, 4, 3, 3, 3)
        self.mean, self.deviation, self.one = give(np.zeros(16, np.float32)), give(np.ones(16, np.float32)), floats(1)
        self.grid, self.heads, self.threes = give((rng.rand(8, 88, 88, 2) * 2 - 1).astype(np.float32)), floats(4, 8, 256, 64), floats(333333, 3)
        self.signs = give(np.where(rng.rand(N) < 0.5, 1, -1).astype(np.float32))
        self.half, self.columns9 = self.x.half(), floats(4, 4 * 9, 88 * 88)
        self.speech = lib.nn.functional.log_softmax(floats(200, 50, 100), 2)
        self.labels, self.lengths, self.label_lengths = give(rng.randint(1, 100, (50, 30))), give(np.full(50, 200)), give(np.full(50, 30))
        self.z = give((rng.randn(N) + 1j * rng.randn(N)).astype(np.complex64))


def best(f: Any, seconds: float) -> float:
    """The shortest of several runs, in seconds of the processor."""
    f()
    times, end = [], time.process_time() + seconds
    while len(times) < 2 or (time.process_time() < end and len(times) < 30):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return min(times)


def ratio(f: Any, ours: Inputs, theirs: Inputs, seconds: float = 0.1) -> tuple[float, float]:
    """(our time, PyTorch's), taken by turns."""
    a, b = math.inf, math.inf
    for _ in range(2):
        b = min(b, best(lambda: f(torch, theirs), seconds / 2))
        a = min(a, best(lambda: f(ts, ours), seconds / 2))
    return a, b


def main(quick: bool = False, names: tuple[str, ...] = ()) -> int:
    """Prints the table; `quick` measures each op for a fifth of the time."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    ts.set_num_threads(1)
    ours, theirs = Inputs(ts), Inputs(torch)
    found = []
    with torch.no_grad(), ts.no_grad():
        for name, f in cases().items():
            if names and not any(part in name for part in names):
                continue
            try:
                found.append((*ratio(f, ours, theirs, 0.02 if quick else 0.1), name))
            except Exception as error:                     # a name that one of the two has not
                print(f"{name:28} {type(error).__name__}: {str(error).splitlines()[0][:100]}")
    found.sort(key=lambda row: -row[0] / row[1])
    for a, b, name in found:
        over = a > LIMIT * b and a > 1e-4                  # below a tenth of a millisecond it is the call that is measured
        print(f"{name:28}{a * 1e3:10.3f} ms{b * 1e3:10.3f} ms{a / b:8.2f}x  {'' if not over else REASONS.get(name, 'NO REASON')}")
    bad = [name for a, b, name in found if a > LIMIT * b and a > 1e-4 and name not in REASONS]
    print(f"{len(found)} ops, {sum(a <= b for a, b, _ in found)} not slower than PyTorch, {len(bad)} slower than {LIMIT:g}x without a reason" + (f": {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(names=tuple(sys.argv[1:])))
