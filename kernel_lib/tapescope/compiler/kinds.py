"""Which ops a captured sequence may hold: what they give depends on nothing but their operands and parameters, and what they need to have checked is checked by shapes."""

from __future__ import annotations

# One element of the result depends on one element of each operand: these can be computed piece by piece.
POINTWISE = frozenset(
    "abs acos acosh add addcdiv addcmul asin asinh atan atan2 atanh ceil celu clamp clamp_max clamp_max_tensor clamp_min clamp_min_tensor clamp_tensor clone copysign "
    "cos cosh deg2rad div elu eq erf exp exp2 expm1 floor floor_divide fmax fmin frac ge gelu gt hardshrink hardsigmoid hardswish hardtanh hypot isfinite isinf isnan "
    "le leaky_relu lerp lerp_scalar log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor logsigmoid lt maximum minimum mish mul ne neg "
    "pow pow_base pow_scalar rad2deg reciprocal relu round rsqrt rsub selu sigmoid sign silu sin sinh softplus softshrink sqrt sub tan tanh threshold trunc where".split())

SAFE = POINTWISE | frozenset(
    # views and other arrangements
    "view reshape t transpose permute expand unsqueeze squeeze squeeze_all squeeze_base select slice cat stack split split_with_sizes unbind repeat flip roll tril "
    "triu diagonal diag_embed pad to_copy unfold pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im rot90 "
    # reductions
    "sum_all sum mean_all mean prod max_all min_all amax amin max min var std var_mean std_mean logsumexp norm cumsum cumprod argmax argmin all any nansum "
    # products, convolutions, pools, norms, recurrence
    "mm bmm mv dot outer addmm convolution conv_transpose max_pool2d_with_indices max_pool3d_with_indices avg_pool2d avg_pool3d adaptive_avg_pool2d "
    "adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d softmax log_softmax native_layer_norm native_batch_norm native_group_norm rms_norm lstm gru rnn "
    "glu prelu embedding masked_fill linalg_cross bitwise_and bitwise_or bitwise_xor bitwise_not "
    "reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d circular_pad upsample_nearest1d upsample_nearest2d upsample_linear1d upsample_bilinear2d "
    "upsample_bicubic2d mse_loss smooth_l1_loss huber_loss".split())


# Whose parameters hold matrices that follow from shapes.
MATRICES = frozenset(n for n in SAFE if n.startswith(("upsample_", "adaptive_avg_pool", "reflection_pad", "replication_pad", "circular_pad")))


def refused(name: str, params: tuple[object, ...]) -> str:
    """Why an op cannot be part of a sequence; "" when it can."""
    if name not in SAFE:
        return f"{name} may look at values, draw random numbers or change something"
    if name == "native_batch_norm" and params[0] and params[1] is not None and params[4]:
        return "batch norm in training moves its running moments"
    return ""
