"""The files of TensorBoard's projector: values, labels, thumbnails, and the list of them."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import Array, as_array, grid, pillow


def write(folder: str, subdir: str, matrix: Array, metadata: Any, images: Any, header: Sequence[str] | None, name: str) -> str:
    """Writes the files of one embedding into `folder/subdir`; returns its entry in the projector's list."""
    place = os.path.join(folder, subdir)
    if os.path.isdir(place):
        print("warning: Embedding dir exists, did you set global_step for add_embedding()?")
    elif os.path.exists(place):
        raise NotADirectoryError(f"Path: `{place}` exists, but is a file. Cannot proceed.")
    os.makedirs(place, exist_ok=True)
    entry = f"  tensor_name: {_quoted(name)}\n  tensor_path: {_quoted(subdir + '/tensors.tsv')}\n"
    if metadata is not None:
        _labels(os.path.join(place, "metadata.tsv"), metadata, header)
        entry += f"  metadata_path: {_quoted(subdir + '/metadata.tsv')}\n"
    if images is not None:
        pixels = as_array(images)
        with open(os.path.join(place, "sprite.png"), "wb") as f:
            f.write(_sprite(pixels))
        entry += (f"  sprite {{\n    image_path: {_quoted(subdir + '/sprite.png')}\n    single_image_dim: {pixels.shape[3]}\n"
                  f"    single_image_dim: {pixels.shape[2]}\n  }}\n")
    with open(os.path.join(place, "tensors.tsv"), "w", encoding="utf-8") as out:
        out.writelines("\t".join(map(str, row)) + "\n" for row in matrix.tolist())
    return f"embeddings {{\n{entry}}}\n"


def _labels(path: str, metadata: Any, header: Sequence[str] | None) -> None:
    if header:
        if len(header) != len(metadata[0]):
            raise AssertionError("len of header must be equal to the number of columns in metadata")
        lines = ["\t".join(map(str, row)) for row in [header, *metadata]]
    else:
        lines = [str(x) for x in metadata]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def _sprite(images: Array) -> bytes:
    tiles = grid(images, math.ceil(len(images) ** 0.5)).transpose(1, 2, 0)
    square = np.zeros((tiles.shape[1], tiles.shape[1], 3))
    square[:tiles.shape[0]] = tiles[:tiles.shape[1]]
    out = io.BytesIO()
    pillow().fromarray(np.uint8((square * 255).clip(0, 255))).save(out, format="PNG")
    return out.getvalue()


def _quoted(text: str) -> str:
    """A string of protobuf's text format."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:03o}" for b in text.encode()) + '"'
