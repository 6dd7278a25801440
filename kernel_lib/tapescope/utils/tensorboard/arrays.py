"""Images, sounds and films as TensorBoard shows them, made with Pillow and the standard library."""

from __future__ import annotations

import io
import math
import wave
from typing import Any

import numpy as np

from ...core import device as dev
from ...core.tensor import Tensor

Array = np.ndarray[Any, Any]


def pillow() -> Any:
    """Pillow's Image module. Raises ImportError that says how to get it."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("images need Pillow: pip install pillow") from None
    return Image


def as_array(x: Any) -> Array:
    """A NumPy array of a tensor, an array or a number."""
    if isinstance(x, Tensor):
        return np.asarray(dev.move(x._array, dev.CPU))
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")


def grid(images: Array, columns: int = 8) -> Array:
    """Images [N, 3 or 1, H, W] side by side, as one [3, H, W]."""
    if images.ndim == 4 and images.shape[1] == 1:
        images = np.concatenate([images] * 3, 1)
    if images.ndim != 4 or images.shape[1] != 3:
        raise AssertionError("Input should be a 4D numpy array with 3 channels")
    n, _, h, w = images.shape
    columns = min(n, columns)
    canvas = np.zeros((3, h * math.ceil(n / columns), w * columns), images.dtype)
    for i, image in enumerate(images):
        y, x = i // columns * h, i % columns * w
        canvas[:, y:y + h, x:x + w] = image
    return canvas


def to_hwc(a: Array, dataformats: str) -> Array:
    """An array of any order of N, C, H, W as [H, W, channels]."""
    if len(set(dataformats)) != len(dataformats):
        raise AssertionError(f"You can not use the same dimension shorthand twice. input_format: {dataformats}")
    if a.ndim != len(dataformats):
        raise AssertionError(f"size of input tensor and input format are different. tensor shape: {a.shape}, input_format: {dataformats}")
    order = {4: "NCHW", 3: "HWC", 2: "HW"}.get(a.ndim)
    if order is None or set(dataformats.upper()) != set(order):
        raise AssertionError(f"dataformats is an order of NCHW, CHW or HW, not {dataformats}")
    a = a.transpose([dataformats.upper().find(c) for c in order])
    if a.ndim == 4:
        return grid(a).transpose(1, 2, 0)
    if a.ndim == 2:
        return np.stack([a] * 3, 2)
    return np.concatenate([a] * 3, 2) if a.shape[2] == 1 else a


def to_bytes(a: Array) -> Array:
    """Values in [0, 1] as bytes; bytes stay."""
    return (a.astype(np.float32) * (1 if a.dtype == np.uint8 else 255)).clip(0, 255).astype(np.uint8)


def png(a: Array, rescale: float = 1, boxes: Array | None = None, labels: Any = None) -> bytes:
    """A PNG of bytes [H, W, channels], with boxes (left, top, right, bottom) drawn into it."""
    image = pillow().fromarray(a)
    if boxes is not None:
        for i, box in enumerate(boxes):
            _box(image, box.tolist(), "" if labels is None else str(labels[i]))
    size = (int(a.shape[1] * rescale), int(a.shape[0] * rescale))
    if size != image.size:
        image = image.resize(size, pillow().Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


def _box(image: Any, box: list[float], label: str) -> None:
    from PIL import ImageDraw, ImageFont

    left, top, right, bottom = box
    draw = ImageDraw.Draw(image)
    draw.line([(left, top), (left, bottom), (right, bottom), (right, top), (left, top)], width=2, fill="Red")
    if label:
        font = ImageFont.load_default()
        x0, y0, x1, y1 = font.getbbox(label)
        margin = math.ceil(0.05 * (y1 - y0))
        draw.rectangle([(left, bottom - (y1 - y0) - 2 * margin), (left + x1 - x0, bottom)], fill="Red")
        draw.text((left + margin, bottom - (y1 - y0) - margin), label, fill="black", font=font)


def film(a: Array, fps: float) -> tuple[bytes, int, int, int]:
    """A GIF of [batch, time, channel, height, width], the batch as tiles; with height, width and channels."""
    if a.ndim != 5:
        raise AssertionError(f"a video has the shape [N, T, C, H, W], not {list(a.shape)}")
    b, t, c, h, w = a.shape
    a = a.astype(np.float32) / 255 if a.dtype == np.uint8 else a
    n = 1 << (b - 1).bit_length() if b & (b - 1) else b
    if n > b:
        a = np.concatenate((a, np.zeros((n - b, t, c, h, w), a.dtype)))
    rows = 2 ** ((b.bit_length() - 1) // 2)
    a = a.reshape(rows, n // rows, t, c, h, w).transpose(2, 0, 4, 1, 5, 3).reshape(t, rows * h, n // rows * w, c)
    frames = [pillow().fromarray(f[:, :, 0] if c == 1 else f) for f in to_bytes(np.ascontiguousarray(a))]
    out = io.BytesIO()
    frames[0].save(out, format="GIF", save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0)
    return out.getvalue(), a.shape[1], a.shape[2], c


def sound(a: Array, sample_rate: int) -> tuple[bytes, int]:
    """A WAV file of samples in [-1, 1], and how many there are."""
    a = a.squeeze()
    if a.size and np.abs(a).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        a = a.clip(-1, 1)
    if a.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    samples = (a * np.iinfo(np.int16).max).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(sample_rate)
        f.writeframes(samples.tobytes())
    return out.getvalue(), len(samples)


def figure(figures: Any, close: bool = True) -> Array:
    """A matplotlib figure as [3, H, W] bytes; a list of them as [N, 3, H, W]."""
    if isinstance(figures, list):
        return np.stack([figure(f, close) for f in figures])
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    pixels = np.array(np.asarray(canvas.buffer_rgba())[:, :, :3])
    if close:
        import matplotlib.pyplot as plt

        plt.close(figures)
    return np.moveaxis(pixels, 2, 0)
