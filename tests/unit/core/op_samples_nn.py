"""Samples of the ops of layers, as in `op_samples`."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapescope as ts
import tapescope.nn.functional as F
import tapescope.ops.rnn as rnn

T, I = ts.tensor, np.array
PICKED = I([[[[0, 5], [10, 15]], [[1, 4], [11, 14]]]])
SEQUENCES = (2, 2, 1)                                      # of two sequences, one ends a step earlier


def _lines() -> Any:
    return (I([[0, 1], [1, 2]]), I([[0, 1, 2], [2, 3, 3]]))


def LAYERS(n: Any, pos: Any, prob: Any, raw: Any) -> dict[str, list[tuple[Any, tuple[Any, ...]]]]:
    x1, x2, x3 = n(2, 2, 7), n(1, 2, 5, 6), n(1, 2, 4, 5, 4)
    found: dict[str, list[tuple[Any, tuple[Any, ...]]]] = {
        "celu": [(lambda x: F.celu(x, 0.7), (n(5),))], "selu": [(F.selu, (n(5),))], "glu": [(F.glu, (n(2, 4),)), (lambda x: F.glu(x, 0), (n(4, 3),))],
        "hardshrink": [(F.hardshrink, (n(6),))], "softshrink": [(F.softshrink, (n(6),))], "hardswish": [(lambda x: F.hardswish(3 * x), (n(6),))],
        "hardsigmoid": [(lambda x: F.hardsigmoid(3 * x), (n(6),))], "mish": [(F.mish, (n(5),))], "threshold": [(lambda x: F.threshold(x, 0.1, 3.0), (n(6),))],
        "prelu": [(F.prelu, (n(2, 3, 2), n(3))), (F.prelu, (n(4), n(1)))],
        "rrelu": [(raw("rrelu", I([1.0, 0.2, 0.3])), (n(3),))],
        "convolution": [(F.conv2d, (n(2, 2, 5, 5), n(3, 2, 3, 3), n(3))), (lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 2), (n(1, 4, 5, 4), n(2, 2, 3, 2))),
                        (lambda x, w: F.conv2d(x, w, None, 2, (1, 0), (1, 2)), (n(1, 1, 5, 6), n(2, 1, 2, 2))),
                        (lambda x, w, b: F.conv1d(x, w, b, 2, 1, 2), (x1, n(3, 2, 2), n(3))), (lambda x, w: F.conv3d(x, w, None, 2, 1, groups=2), (x3, n(2, 1, 2, 3, 2)))],
        "conv_transpose": [(lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1), (n(2, 2, 3, 3), n(2, 3, 3, 3), n(3))),
                           (lambda x, w: F.conv_transpose1d(x, w, None, 3, 0, 2, 2, 1), (x1, n(2, 2, 2))),
                           (lambda x, w: F.conv_transpose3d(x, w, None, 1, 1, dilation=2), (n(1, 2, 3, 3, 3), n(2, 1, 2, 2, 2)))],
        "max_pool3d_with_indices": [(lambda x: F.max_pool3d(x, 2), (x3,)), (lambda x: F.max_pool3d(x, 2, 1, 1, ceil_mode=True), (n(1, 1, 3, 3, 2),))],
        "max_pool3d_backward": [(raw("max_pool3d_backward", I([[[[[3, 5]]]]], np.uint8), (1, 1, 2, 2, 4), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1)), (n(1, 1, 1, 1, 2),))],
        "max_pool3d_pick": [(raw("max_pool3d_pick", I([[[[[3, 5]]]]], np.uint8), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1)), (n(1, 1, 2, 2, 4),))],
        "avg_pool3d": [(lambda x: F.avg_pool3d(x, 2, ceil_mode=True), (x3,)), (lambda x: F.avg_pool3d(x, 3, 2, 1, True, False), (x3,)),
                       (lambda x: F.avg_pool3d(x, 2, divisor_override=3), (x3,))],
        "avg_pool3d_backward": [(raw("avg_pool3d_backward", (1, 1, 2, 2, 2), (2, 2, 2), (2, 2, 2), (0, 0, 0), (0, 0, 0), True, None), (n(1, 1, 1, 1, 1),))],
        "pick_backward": [(raw("pick_backward", PICKED, (1, 2, 4, 4)), (n(1, 2, 2, 2),))], "pick": [(raw("pick", PICKED), (n(1, 2, 4, 4),))],
        "adaptive_max_pool2d": [(lambda x: F.adaptive_max_pool2d(x, (2, 3)), (x2,))], "adaptive_max_pool3d": [(lambda x: F.adaptive_max_pool3d(x, 2), (x3,))],
        "fractional_max_pool2d": [(raw("fractional_max_pool2d", _lines()), (n(1, 2, 4, 4),))],
        "fractional_max_pool3d": [(raw("fractional_max_pool3d", (I([[0, 1]]), *_lines())), (n(1, 2, 2, 4, 4),))],
        "max_unpool2d": [(raw("max_unpool2d", PICKED, (1, 2, 4, 4)), (n(1, 2, 2, 2),))],
        "max_unpool3d": [(raw("max_unpool3d", PICKED[:, :, None], (1, 2, 1, 4, 4)), (n(1, 2, 1, 2, 2),))],
        "im2col": [(lambda x: F.unfold(x, (2, 3), 1, 1, 2), (x2,))], "col2im": [(lambda x: F.fold(x, (4, 5), 2, 1, 1, 2), (n(1, 8, 9),))],
        "pixel_shuffle": [(lambda x: F.pixel_shuffle(x, 2), (n(1, 8, 2, 3),))], "pixel_unshuffle": [(lambda x: F.pixel_unshuffle(x, 2), (n(2, 4, 6),))],
        "channel_shuffle": [(lambda x: F.channel_shuffle(x, 2), (n(1, 6, 2, 2),))],
        "grid_sampler_2d": [(lambda x, g, o=o: F.grid_sample(x, g, *o), (n(2, 2, 4, 5), prob(2, 3, 2, 2)))
                            for o in (("bilinear", "zeros", False), ("bilinear", "border", True), ("bicubic", "reflection", False))],
        "grid_sampler_3d": [(lambda x, g: F.grid_sample(x, g, align_corners=True), (n(1, 2, 3, 4, 3), prob(1, 2, 2, 2, 3)))],
        "native_group_norm": [(lambda x, w, b: F.group_norm(x, 2, w, b), (n(2, 4, 3), n(4), n(4))), (lambda x: F.group_norm(x, 1), (n(2, 2, 2, 2),))],
        "rms_norm": [(lambda x, w: F.rms_norm(x, (3,), w), (n(2, 3), n(3))), (lambda x: F.rms_norm(x, (2, 3), eps=0.1), (n(2, 2, 3),))],
        "huber_loss": [(lambda a, b: F.huber_loss(a, b, delta=0.8), (n(3, 2), n(3, 2)))],
        "soft_margin_loss": [(lambda a: F.soft_margin_loss(a, T([[1.0, -1.0], [-1.0, 1.0]])), (n(2, 2),))],
        "multi_margin_loss": [(lambda a: F.multi_margin_loss(a, T([1, 0]), 2, 0.9, T([1.0, 2.0, 0.5], dtype=ts.float64)), (n(2, 3),)),
                              (lambda a: F.multi_margin_loss(a, T([1, 0]), reduction="none"), (n(2, 3),))],
        "multilabel_margin_loss": [(lambda a: F.multilabel_margin_loss(a, T([[0, 2, -1], [1, -1, 0]])), (n(2, 3),))],
        "ctc_loss": [(lambda x: F.ctc_loss(F.log_softmax(x, 2), T([[1, 1], [2, 3]]), (5, 4), (2, 1)), (n(5, 2, 4),))],
        "lstm": [(lambda *a: rnn.lstm_layer(*a, None, SEQUENCES, False), (n(5, 3), n(2, 2), n(2, 2), n(8, 3), n(8, 2), n(8), n(8))),
                 (lambda x, h, c, w, u, p: rnn.lstm_layer(x, h, c, w, u, None, None, p, SEQUENCES, True), (n(5, 3), n(2, 2), n(2, 3), n(12, 3), n(12, 2), n(2, 3)))],
        "gru": [(lambda *a, r=r: rnn.gru_layer(*a, SEQUENCES, r), (n(5, 3), n(2, 2), n(6, 3), n(6, 2), n(6), n(6))) for r in (False, True)],
        "rnn": [(lambda *a: rnn.rnn_layer(*a, False, SEQUENCES, True), (n(5, 3), n(2, 2), n(2, 3), n(2, 2), n(2), n(2))),
                (lambda *a: rnn.rnn_layer(*a, True, SEQUENCES, False), (n(5, 3), n(2, 2), n(2, 3), n(2, 2), n(2), n(2)))],
    }
    for d, x in ((1, x1), (2, x2), (3, x3)):
        around = (1, 2) * d
        for mode, name in (("reflect", "reflection"), ("replicate", "replication")):
            found[f"{name}_pad{d}d"] = [(lambda t, a=around, m=mode: F.pad(t, a, m), (x,))]
        for mode, name in (("nearest", f"upsample_nearest{d}d"), ("nearest-exact", f"upsample_nearest_exact{d}d"),
                           (("linear", "bilinear", "trilinear")[d - 1], f"upsample_{('linear', 'bilinear', 'trilinear')[d - 1]}{d}d")):
            found[name] = [(lambda t, m=mode: F.interpolate(t, scale_factor=1.6, mode=m), (x,))]
    found["circular_pad"] = [(lambda t: F.pad(t, (1, 2, 0, 1), "circular"), (x2,))]
    found["upsample_bicubic2d"] = [(lambda t: F.interpolate(t, (7, 4), mode="bicubic"), (x2,)), (lambda t: F.interpolate(t, (7, 4), mode="bicubic", align_corners=True), (x2,))]
    for mode in ("bilinear", "bicubic"):
        found[f"upsample_{mode}2d_aa"] = [(lambda t, m=mode: F.interpolate(t, (3, 9), mode=m, antialias=True), (x2,))]
    found["adaptive_avg_pool2d"] = [(lambda t: F.adaptive_avg_pool2d(t, (2, 3)), (x2,))]
    found["adaptive_avg_pool3d"] = [(lambda t: F.adaptive_avg_pool3d(t, (2, 3, 1)), (x3,))]
    mixed, taken = I([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]), I([0, 2])
    for name in [k for k in ts.core.op.table if k.endswith("_backward") and k[:-9] in found and k not in found]:
        found[name] = [(raw(name, (mixed, taken), (3, 4)), (n(1, 2, 2, 2),))]
    return found
