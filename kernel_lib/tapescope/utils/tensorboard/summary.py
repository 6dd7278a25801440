"""Summaries, encoded: what TensorBoard's plugins find in an event file."""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...formats import protobuf as pb
from .arrays import Array, as_array

FLOAT, DOUBLE, STRING = 1, 2, 7
_SINGLE = struct.Struct("<f").pack


def value(tag: str, *parts: bytes) -> bytes:
    """A Summary of one value."""
    return pb.chunk(1, pb.chunk(1, str(tag)) + b"".join(parts))


def _plugin(name: str, content: bytes = b"") -> bytes:
    return pb.chunk(9, pb.chunk(1, pb.chunk(1, name) + pb.text(2, content)))


def shape(sizes: Iterable[int]) -> bytes:
    """A TensorShapeProto."""
    return b"".join(pb.chunk(2, pb.integer(1, int(n))) for n in sizes)


def _floats(a: Any) -> bytes:
    return pb.chunk(5, np.ascontiguousarray(a, "<f4").tobytes())


def number(x: Any) -> float:
    """A number of a tensor or array with one element. Raises AssertionError for more."""
    if x.__class__ is float or x.__class__ is int:
        return float(x)
    a = as_array(x).squeeze()
    if a.ndim:
        raise AssertionError(f"Tensor should contain one element (0 dimensions). Was given size: {a.size} and {a.ndim} dimensions.")
    return float(a)


@functools.lru_cache(4096)
def _scalar_head(tag: str) -> bytes:
    """Everything of an Event's summary before the four bytes of the number."""
    inner = pb.chunk(1, tag) + b"\x15"
    outer = b"\x0a" + pb.varint(len(inner) + 4) + inner
    return b"\x2a" + pb.varint(len(outer) + 4) + outer


def scalar_field(tag: str, x: float) -> bytes:
    """The field `summary` of an Event that holds a number."""
    try:
        return _scalar_head(tag) + _SINGLE(x)
    except OverflowError:                                      # beyond float32: an infinity, as protobuf makes it
        return _scalar_head(tag) + _SINGLE(float("inf") if x > 0 else float("-inf"))


def scalar(tag: str, x: float, new_style: bool = False, double_precision: bool = False) -> bytes:
    """A number; in the new style as a tensor of the plugin "scalars"."""
    if not new_style:
        return value(tag, scalar_field(tag, x)[-5:])
    held = pb.integer(1, DOUBLE) + pb.chunk(6, struct.pack("<d", x)) if double_precision else pb.integer(1, FLOAT) + _floats([x])
    return value(tag, pb.chunk(8, held), _plugin("scalars"))


def histogram_raw(tag: str, min: float, max: float, num: float, sum: float, sum_squares: float, bucket_limits: Any, bucket_counts: Any) -> bytes:
    """A histogram from its parts: the upper limit of every bucket, and how many lie in it."""
    parts = [pb.double(i + 1, float(v)) for i, v in enumerate((min, max, num, sum, sum_squares))]
    return value(tag, pb.chunk(5, b"".join(parts) + pb.doubles(6, as_plain(bucket_limits)) + pb.doubles(7, as_plain(bucket_counts))))


def as_plain(x: Any) -> Any:
    """A list, or the array of a tensor."""
    return as_array(x) if isinstance(x, (Tensor, np.ndarray)) else list(x)


def histogram(tag: str, values: Array, bins: Any, max_bins: int | None = None) -> bytes:
    """A histogram of values, its empty ends cut off as TensorBoard wants it."""
    if values.size == 0:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins)
    if max_bins is not None and len(counts) > max_bins:
        every = len(counts) // max_bins
        rest = len(counts) % every
        if rest:
            counts = np.pad(counts, [[0, every - rest]])
        counts = counts.reshape(-1, every).sum(-1)
        fewer = np.empty(counts.size + 1, limits.dtype)
        fewer[:-1], fewer[-1] = limits[:-1:every], limits[-1]
        limits = fewer
    filled = np.cumsum(counts > 0)
    start, end = (int(i) for i in np.searchsorted(filled, [0, filled[-1] - 1], side="right"))
    end += 1
    counts = counts[start - 1:end] if start > 0 else np.concatenate([[0], counts[:end]])
    limits = limits[start:end + 1]
    if not counts.size or not limits.size:
        raise ValueError("The histogram is empty, please file a bug report.")
    return histogram_raw(tag, values.min(), values.max(), len(values), values.sum(), values.dot(values), limits, counts)


def image(tag: str, data: bytes, height: int, width: int, channels: int) -> bytes:
    """An encoded picture or film."""
    return value(tag, pb.chunk(4, pb.integer(1, height) + pb.integer(2, width) + pb.integer(3, channels) + pb.chunk(4, data)))


def audio(tag: str, data: bytes, sample_rate: int, frames: int) -> bytes:
    """A WAV file."""
    return value(tag, pb.chunk(6, pb.single(1, sample_rate) + pb.integer(2, 1) + pb.integer(3, frames) + pb.chunk(4, data) + pb.text(5, "audio/wav")))


def text(tag: str, words: str) -> bytes:
    """Markdown."""
    return value(tag + "/text_summary", pb.chunk(8, pb.integer(1, STRING) + pb.chunk(2, shape([1])) + pb.chunk(8, words)), _plugin("text"))


_HELD: dict[str, tuple[int, Any]] = {
    "float16": (19, lambda a: pb.chunk(13, _ints(a.view(np.uint16)))), "float32": (1, _floats), "float64": (2, lambda a: pb.doubles(6, a)),
    "int8": (6, lambda a: pb.chunk(7, _ints(a))), "uint8": (4, lambda a: pb.chunk(7, _ints(a))), "int16": (5, lambda a: pb.chunk(7, _ints(a))),
    "int32": (3, lambda a: pb.chunk(7, _ints(a))), "int64": (9, lambda a: pb.chunk(10, _ints(a))), "bool": (10, lambda a: pb.chunk(11, a.astype("u1").tobytes())),
    "complex64": (8, lambda a: pb.chunk(9, a.astype("<c8").tobytes())), "complex128": (18, lambda a: pb.chunk(12, a.astype("<c16").tobytes()))}


def _ints(a: Array) -> bytes:
    return b"".join(map(pb.varint, a.reshape(-1).tolist()))


def tensor(tag: str, t: Tensor) -> bytes:
    """A tensor with its dtype and shape."""
    if t.nbytes >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    if t.dtype.name not in _HELD:
        raise ValueError(f"{tag} has unsupported tensor dtype {t.dtype}")
    kind, encode = _HELD[t.dtype.name]
    return value(tag, pb.chunk(8, pb.integer(1, kind) + pb.chunk(2, shape(t.shape)) + encode(np.ascontiguousarray(as_array(t)))), _plugin("tensor"))


def pr_curve_raw(tag: str, parts: Any, num_thresholds: int = 127) -> bytes:
    """Six rows over thresholds: true and false positives, true and false negatives, precision and recall."""
    data = np.stack([as_plain(x) for x in parts])
    held = pb.integer(1, FLOAT) + pb.chunk(2, shape(data.shape)) + _floats(data)
    return value(tag, pb.chunk(8, held), _plugin("pr_curves", pb.integer(2, min(num_thresholds, 127))))


def curve(labels: Array, predictions: Array, num_thresholds: int, weights: Any = None) -> Array:
    """True and false positives, true and false negatives, precision and recall [6, thresholds]."""
    weights = 1.0 if weights is None else as_plain(weights)
    buckets = np.int32(np.floor(predictions * (num_thresholds - 1)))
    truth = labels.astype(np.float64)
    span = (0, num_thresholds - 1)
    tp, fp = (np.histogram(buckets, num_thresholds, span, weights=w * np.asarray(weights))[0][::-1].cumsum()[::-1] for w in (truth, 1.0 - truth))
    tn, fn = fp[0] - fp, tp[0] - tp
    return np.stack((tp, fp, tn, fn, tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn)))


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config: dict[str, Any] | None) -> bytes:
    """Vertices, faces and colours of a mesh, each [batch, n, 3]."""
    parts = [(as_array(a), kind, name) for a, kind, name in ((vertices, 1, "VERTEX"), (faces, 2, "FACE"), (colors, 3, "COLOR")) if a is not None]
    components = sum(1 << kind for _, kind, _ in parts)
    told = "{}" if config is None else json.dumps(config, sort_keys=True)
    out = b""
    for a, kind, name in parts:
        if a.ndim != 3:
            raise ValueError(f"Tensor shape should be of shape BxNx3, but got {list(a.shape)}.")
        about = (pb.text(2, tag) + pb.integer(3, kind) + pb.text(5, told) + pb.chunk(6, b"".join(map(pb.varint, a.shape))) + pb.integer(7, components))
        out += value(f"{tag}_{name}", pb.chunk(8, pb.integer(1, FLOAT) + pb.chunk(2, shape(a.shape)) + _floats(a)), _plugin("mesh", about))
    return out


def custom_scalars(layout: dict[str, dict[str, Sequence[Any]]]) -> bytes:
    """Which charts the page "custom scalars" has: {category: {title: ["Multiline" | "Margin", tags]}}."""
    categories = b""
    for category, titles in layout.items():
        charts = b""
        for title, (kind, tags) in titles.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
                inner = pb.chunk(3, pb.chunk(1, b"".join(pb.text(i + 1, t) for i, t in enumerate(tags))))
            else:
                inner = pb.chunk(2, b"".join(pb.chunk(1, t) for t in tags))
            charts += pb.chunk(2, pb.text(1, title) + inner)
        categories += pb.chunk(2, pb.text(1, category) + charts)
    held = pb.integer(1, STRING) + pb.chunk(2, b"") + pb.chunk(8, categories)
    return value("custom_scalars__config__", pb.chunk(8, held), _plugin("custom_scalars"))


def _struct(x: Any) -> bytes:
    """A google.protobuf.Value."""
    return pb.chunk(3, x) if isinstance(x, str) else pb.varint(2 << 3 | pb.FIXED64) + struct.pack("<d", float(x))


def hparams(hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: dict[str, list[Any]] | None = None) -> tuple[bytes, bytes, bytes]:
    """What the page "hparams" needs: the experiment, the start of a session with its values, its end."""
    domains: Any = hparam_domain_discrete or {}
    if not isinstance(domains, dict):
        raise TypeError("parameter: hparam_domain_discrete should be a dictionary, nothing logged.")
    for k, known in domains.items():
        if k not in hparam_dict or not isinstance(known, list) or not all(isinstance(d, type(hparam_dict[k])) for d in known):
            raise TypeError(f"parameter: hparam_domain_discrete[{k}] should be a list of same type as hparam_dict[{k}].")
    infos = values = b""
    for k, v in hparam_dict.items():
        if v is None:
            continue
        v = number(v) if isinstance(v, Tensor) else v
        if not isinstance(v, (int, float, str)):
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        domain = pb.chunk(5, b"".join(pb.chunk(1, _struct(d)) for d in domains[k])) if k in domains else b""
        infos += pb.chunk(4, pb.text(1, k) + pb.integer(4, 1 if isinstance(v, str) else 3) + domain)
        values += pb.chunk(1, pb.chunk(1, k) + pb.chunk(2, _struct(v)))
    metrics = b"".join(pb.chunk(5, pb.chunk(1, pb.text(2, k))) for k in metric_dict)
    return (value("_hparams_/experiment", _plugin("hparams", pb.chunk(2, infos + metrics))),
            value("_hparams_/session_start_info", _plugin("hparams", pb.chunk(3, values))),
            value("_hparams_/session_end_info", _plugin("hparams", pb.chunk(4, pb.integer(1, 1)))))
