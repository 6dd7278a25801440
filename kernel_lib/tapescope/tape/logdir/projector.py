"""The files of TensorBoard's projector: what lies beside the event files, and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CONFIG = "projector_config.pbtxt"
MOST = 256 << 20                 # bytes of one table
_ENTRY = re.compile(r"embeddings\s*\{(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r'^\s*(\w+)\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))', re.MULTILINE)


def embeddings(folder: Path, told: list[str]) -> Iterator[tuple[str, int, Any, list[str] | None]]:
    """(tag, step, points [n, d], labels) of the list in `folder`; what cannot be read is said in `told`."""
    try:
        text = (folder / CONFIG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for match in _ENTRY.finditer(text):
        fields = {m[1]: _plain(m[2]) if m[2] is not None else m[3] for m in _FIELD.finditer(match[1])}
        name, step = _named(fields.get("tensor_name", "default"))
        if "tensor_path" not in fields:
            told.append(f"{folder / CONFIG}: the embedding {name!r} lies in a checkpoint, which is not read")
            continue
        try:
            points = _table(_inside(folder, fields["tensor_path"]))
            labels = _labels(_inside(folder, fields["metadata_path"]), len(points)) if "metadata_path" in fields else None
        except (OSError, ValueError) as e:
            told.append(f"{folder / CONFIG}: the embedding {name!r} cannot be read: {e}")
            continue
        yield name, step, points, labels


def _plain(quoted: str) -> str:
    raw = re.sub(rb"\\([0-7]{1,3})", lambda m: bytes([int(m[1], 8) & 255]), quoted.encode())
    return re.sub(rb"\\(.)", rb"\1", raw).decode("utf-8", "replace")


def _named(name: str) -> tuple[str, int]:
    """A tensor's name without its step, and the step: "default:00005"."""
    found = re.fullmatch(r"(.*):(\d{1,9})", name)
    return (found[1], int(found[2])) if found else (name, 0)


def _inside(folder: Path, path: str) -> Path:
    """A file below the folder. Raises ValueError for anything else."""
    root = os.path.realpath(folder)
    full = os.path.realpath(os.path.join(root, path))
    if os.path.commonpath([root, full]) != root:
        raise ValueError(f"{path!r} lies outside the folder")
    if not os.path.isfile(full):
        raise ValueError(f"{path!r} is no file")
    if os.path.getsize(full) > MOST:
        raise ValueError(f"{path!r} has {os.path.getsize(full):,} bytes, more than {MOST:,}")
    return Path(full)


def _table(path: Path) -> Any:
    if path.suffix == ".bytes":
        raise ValueError(f"{path.name!r} is raw memory, whose shape is not said")
    points = np.loadtxt(path, np.float32, delimiter="\t", ndmin=2, comments=None)
    if not points.size:
        raise ValueError(f"{path.name!r} is empty")
    return points


def _labels(path: Path, n: int) -> list[str] | None:
    """The first column; where several are named, the first line names them."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) == n + 1:
        lines = lines[1:]
    return [line.partition("\t")[0] for line in lines] if len(lines) == n else None
