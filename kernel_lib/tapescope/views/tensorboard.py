"""A recording as TensorBoard's event files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..formats import protobuf as pb
from ..project.rows import labelled
from ..tape import Tape
from ..tape.logdir import event_files
from ..utils.tensorboard import embedding, summary
from ..utils.tensorboard.event_file import FileWriter, event
from .export import call_names, source_modules
from .packed import copied
from .read import Structure, _bins, gather, structure
from .rows import Rows

_KINDS = ("Input", "Parameter", "Buffer", "Constant")


def export_tensorboard(tape: Tape, log_dir: str | os.PathLike[str]) -> Path:
    """Writes event files into `log_dir` and gives it back. Raises FileExistsError where there are some already."""
    folder = Path(log_dir)
    if folder.exists() and event_files(folder):
        raise FileExistsError(f"{folder} holds event files already, which TensorBoard would mix with these: name another folder")
    writer = FileWriter(folder, max_queue=4096)
    try:
        _graph(tape, writer)
        _scalars(tape, writer)
        _histograms(tape, writer)
        for f in gather(tape, "media"):
            data = _medium(f.meta, f.columns["bytes"])
            if data is not None:
                writer.add_summary(data, int(f.meta["step"]), tape.began + float(f.meta.get("time", 0.0)))
        if tape.params:
            told = {k: v for k, v in tape.params.items() if v is not None}
            for data in summary.hparams(told, {}):
                writer.add_summary(data, None, tape.began)
        _embeddings(tape, folder)
        found = tape.frames("findings")[0]
        for finding in found[-1].meta["findings"] if found else ():
            words = f"**{finding['severity']}: {finding['title']}**\n\n{finding['cause']}\n\n{finding['fix']}"
            writer.add_summary(summary.text(f"findings/{finding['rule']}", words), finding.get("step"), tape.began)
    finally:
        writer.close()
    return folder


def _scalars(tape: Tape, writer: FileWriter) -> None:
    began, text = tape.began, tape.strings
    for f in gather(tape, "scalars", max_bytes=4 << 20):
        c = f.columns
        for tag, step, at, value in zip(c["tag"].tolist(), c["step"].tolist(), c["time"].tolist(), c["value"].tolist(), strict=True):
            writer.add_event(event(summary.scalar_field(text[tag], value), step, began + at))


def _histograms(tape: Tape, writer: FileWriter) -> None:
    """Our bins are their buckets; what the moments tell is exact."""
    known: dict[tuple[int, int], Any] = {}
    for f in gather(tape, "stats", max_bytes=4 << 20):
        c = f.columns
        for i, place in enumerate(zip(c["key"].tolist(), c["step"].tolist(), strict=True)):
            known[place] = [float(c[n][i]) for n in ("min", "max", "mean", "norm")]
    lows, highs = _bins()
    rows = Rows(tape, "histograms")
    if not rows.size:
        return
    c = rows.columns
    ends = np.cumsum(c["length"], dtype=np.int64)
    for key, step, first, n, end in zip(c["key"].tolist(), c["step"].tolist(), c["first"].tolist(), c["length"].tolist(), ends.tolist(), strict=True):
        counts = c["count"][end - n:end].astype(np.float64)
        total = counts.sum()
        if not total:
            continue
        a, z = first - 4, first - 4 + n                        # bins 0 to 3 and from 2,044 on hold nothing finite
        low, high, mean, norm = known.get((key, step), [lows[a], highs[z - 1], float(((lows[a:z] + highs[a:z]) / 2 * counts).sum() / total), np.nan])
        squares = norm * norm if np.isfinite(norm) else float((((lows[a:z] + highs[a:z]) / 2) ** 2 * counts).sum())
        limits = np.append(lows[a], highs[a:z])                # an empty bucket at first, whose limit is where the values begin
        writer.add_summary(summary.histogram_raw(tape.strings[key], low, high, total, mean * total, squares, limits, np.append(0.0, counts)), step, tape.began)


def _medium(meta: dict[str, Any], data: Any) -> bytes | None:
    kind, tag, raw = meta["kind"], str(meta["tag"]), data.tobytes()
    if kind in ("image", "video"):
        return summary.image(tag, raw, int(meta.get("height") or 0), int(meta.get("width") or 0), int(meta.get("channels") or 3))
    if kind == "audio":
        return summary.audio(tag, raw, int(meta.get("sample_rate") or 44_100), int(meta.get("frames") or 0))
    if meta.get("mime") == "application/x-array":
        array = np.frombuffer(raw, np.dtype(meta["dtype"])).reshape(meta["shape"])
        if kind == "pr_curve" and array.ndim == 2 and len(array) == 6:
            return summary.pr_curve_raw(tag, array, array.shape[1])
        return summary.tensor(tag, Tensor(array)) if array.dtype.kind in "fiub" else None
    if str(meta.get("mime", "")).startswith("text/"):
        return summary.text(tag, raw.decode("utf-8", "replace"))
    return None


def _embeddings(tape: Tape, folder: Path) -> None:
    """Copies of matrices, the newest of each, and all that were logged as embeddings."""
    told = ""
    for key in copied(tape):
        logged = key.startswith("embedding/")
        items, _ = tape.copies(key, None, 1 << 20, most=64 if logged else 1)
        for item in items:
            a = np.asarray(item.data[0])
            if a.ndim < 2 or a.dtype.kind not in "fiub" or not a.size:
                continue
            points = a.reshape(len(a), -1)
            known = labelled(tape, key, item, len(points))
            labels = known.label if len(known.pick) == len(points) else None
            safe = "".join(ch if ch.isalnum() or ch in "-_." else f"%{ord(ch):02x}" for ch in key)
            told += embedding.write(str(folder), f"{item.step:05d}/{safe}", points, None if labels is None else [known.about.get("names", {}).get(str(v), v) for v in labels.tolist()], None, None,
                                    f"{key.removeprefix('embedding/')}:{item.step:05d}")
    if told:
        (folder / "projector_config.pbtxt").write_text(told, encoding="utf-8")


def _graph(tape: Tape, writer: FileWriter) -> None:
    g = structure(tape)
    if g is None:
        return
    writer.add_event(event(pb.chunk(4, graphdef(g)), None, tape.began))


def graphdef(g: Structure) -> bytes:
    """The graph as a GraphDef: module calls are scopes."""
    scopes = [""]
    for name, parent in zip(call_names(g), g.mod_parent, strict=True):
        scopes.append(scopes[parent + 1] + name.replace("/", "_").replace(" ", "_") + "/")
    used: dict[str, int] = {}

    def free(name: str) -> str:
        n = used[name] = used.get(name, -1) + 1
        return f"{name}_{n}" if n else name

    sources = [free(f"{scopes[home + 1]}{name.replace('/', '_') or _KINDS[kind].lower()}") for name, kind, home in zip(g.src_name, g.src_kind, source_modules(g), strict=True)]
    ops = [free(scopes[m + 1] + name) for m, name in zip(g.op_module, g.op_name, strict=True)]
    nodes = [_node(name, "Placeholder" if kind == 0 else _KINDS[kind], [], size) for name, kind, size in zip(sources, g.src_kind, g.src_shape, strict=True)]
    for i, name in enumerate(ops):
        nodes.append(_node(name, g.op_name[i], [ops[a] if a >= 0 else sources[-a - 1] for a in g.op_in[i]], g.op_shape[i]))
    return b"".join(pb.chunk(1, n) for n in nodes) + pb.chunk(4, pb.integer(1, 22))


def _node(name: str, op: str, inputs: list[str], size: str) -> bytes:
    sizes = [int(n) for n in size.split("x") if n.isdigit()] if size else []
    attr = pb.chunk(5, pb.chunk(1, "_output_shapes") + pb.chunk(2, pb.chunk(1, pb.chunk(7, summary.shape(sizes)))))
    return pb.text(1, name) + pb.text(2, op) + b"".join(pb.chunk(3, i) for i in inputs) + attr
