"""Event files that TensorBoard's own protocol buffers made are read, and those that a recording exports TensorBoard reads."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.formats.records import frame
from tapescope.tape.logdir import EventsTape
from tapescope.utils.tensorboard import SummaryWriter

tensorboard = pytest.importorskip("tensorboard", reason="TensorBoard is not installed: nothing to compare with")


@pytest.fixture(scope="module")
def pb() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.compat import proto
        from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2  # noqa: F401
        from tensorboard.util import tensor_util
    return proto, tensor_util


def write(folder: Path, pb: Any, values: list[tuple[int, str, Any, Any]]) -> Any:
    """A folder of events whose values are tensors, as TensorFlow 2 writes them."""
    proto, tensor_util = pb
    data = b""
    for step, tag, array, metadata in values:
        e = proto.event_pb2.Event(wall_time=1e9 + step, step=step)
        e.summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto(array), metadata=metadata)
        data += frame(e.SerializeToString())
    folder.mkdir()
    (folder / "events.out.tfevents.1000000000.h").write_bytes(data)
    return EventsTape(folder)


def all_of(tape: Any, kind: str, **how: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        frames, cursor = tape.frames(kind, cursor, **how)
        if not frames:
            return found
        found += frames


def test_tensors_of_every_plugin(pb: Any, tmp_path: Path) -> None:
    from tensorboard.plugins.audio import metadata as audio
    from tensorboard.plugins.histogram import metadata as histogram
    from tensorboard.plugins.image import metadata as image
    from tensorboard.plugins.scalar import metadata as scalar
    from tensorboard.plugins.text import metadata as text

    rng = np.random.default_rng(0)
    x = rng.normal(2, 0.5, 4000)
    counts, ends = np.histogram(x, 30)
    table = np.stack([ends[:-1], ends[1:], counts], 1)
    plain = scalar.create_summary_metadata("", "")
    tape = write(tmp_path / "logs", pb, [
        *[(i, "loss", np.float32(i / 3), plain) for i in range(50)], *[(i, "exact", np.float64(i / 3), plain) for i in range(50)],
        *[(i, "half", np.float16(i / 4), plain) for i in range(20)], (3, "whole", np.int64(7), plain),
        (5, "weights", table, histogram.create_summary_metadata("", "")),
        (1, "pictures", np.array([b"8", b"6", b"\x89PNG one", b"\xff\xd8 two"], object), image.create_summary_metadata("", "", converted_to_tensor=True)),
        (2, "sound", np.array([[b"RIFF", b"a label"]], object), audio.create_summary_metadata("", "", 1)),
        (4, "words", np.array(["# title", "<script>"], object), text.create_summary_metadata("", ""))])
    assert not tape.notes
    found: dict[str, list[float]] = {}
    for f in all_of(tape, "scalars"):
        for t, v in zip(f.columns["tag"], f.columns["value"], strict=True):
            found.setdefault(tape.strings[int(t)], []).append(float(v))
    assert found["loss"] == [float(np.float32(i / 3)) for i in range(50)]
    assert found["exact"] == [i / 3 for i in range(50)]
    assert found["half"] == [i / 4 for i in range(20)] and found["whole"] == [7.0]
    assert sum(int(f.columns["count"].sum()) for f in all_of(tape, "histograms")) == 4000
    stats = all_of(tape, "stats")[0].columns
    assert (stats["mean"][0], stats["std"][0]) == (pytest.approx(2, abs=0.05), pytest.approx(0.5, abs=0.05))
    media = [(f.meta["kind"], f.meta["tag"], f.meta["mime"], f.columns["bytes"].tobytes()) for f in all_of(tape, "media")]
    assert media == [("image", "pictures/0", "image/png", b"\x89PNG one"), ("image", "pictures/1", "image/jpeg", b"\xff\xd8 two"), ("audio", "sound", "audio/wav", b"RIFF"),
                     ("text", "words", "text/markdown", b"# title"), ("text", "words", "text/markdown", b"<script>")]


def test_a_graph_with_a_loop(pb: Any, tmp_path: Path) -> None:
    proto, _ = pb
    g = proto.graph_pb2.GraphDef()
    for name, op, inputs in (("x", "Placeholder", []), ("while/enter", "Enter", ["x"]), ("while/merge", "Merge", ["while/enter", "while/next:0"]),
                             ("while/next", "NextIteration", ["while/merge", "^x"]), ("w", "Const", []), ("dense/MatMul", "MatMul", ["while/merge:1", "w"])):
        g.node.add(name=name, op=op, input=inputs)
    e = proto.event_pb2.Event(graph_def=g.SerializeToString())
    (tmp_path / "events.out.tfevents.1").write_bytes(frame(e.SerializeToString()))
    tape = EventsTape(tmp_path)
    graph, text = tape.graphs[0], tape.strings
    assert sorted(text[i] for i in graph.op_name) == ["Enter", "MatMul", "Merge", "NextIteration"]
    assert [text[i] for i in graph.src_name] == ["x", "w"]
    merge = [text[i] for i in graph.op_name].index("Merge")
    assert len(graph.inputs_of(merge)) == 1                       # the way back is left out
    assert {text[i] for i in graph.mod_path} == {"while", "dense"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    opt = optim.Adam(model.parameters(), lr=1e-2)
    x, y = ts.randn(30, 8), ts.tensor([0, 1, 2] * 10)
    folder = tmp_path_factory.mktemp("exported")
    with ts.record(values="histogram", name="to export", params={"lr": 0.01, "model": "mlp"}) as tape:
        tape.probe("activation/0")
        writer = SummaryWriter(folder / "own")
        for i in range(12):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            tape.labels(y)
            writer.add_scalar("val/loss", loss, i)
        writer.add_image("picture", np.random.default_rng(0).random((3, 6, 8)), 2)
        writer.add_text("words", "*hello*", 3)
        writer.add_audio("sound", np.zeros((1, 50)), 3)
        writer.close()
    return tape, tape.export_tensorboard(folder / "out")


def test_tensorboard_reads_what_a_recording_exports(exported: tuple[Any, Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    tape, folder = exported
    acc = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0, "images": 0, "audio": 0, "tensors": 0})
    acc.Reload()
    tags = acc.Tags()
    for f in all_of(tape, "scalars", id="loss"):
        assert [(e.step, e.value) for e in acc.Scalars("loss")] == [(int(s), pytest.approx(float(v), rel=1e-6)) for s, v in zip(f.columns["step"], f.columns["value"], strict=True)]
    assert {"loss", "val/loss", "grad_norm", "lr"} <= set(tags["scalars"])
    h = acc.Histograms("weight/0.weight")
    assert [e.step for e in h] == list(range(12))
    value = h[0].histogram_value
    stats = all_of(tape, "stats", id="weight/0.weight")[0].columns
    assert (value.num, value.min, value.max, value.sum / value.num) == (8 * 16, pytest.approx(float(stats["min"][0])), pytest.approx(float(stats["max"][0])), pytest.approx(float(stats["mean"][0]), abs=1e-6))
    assert sum(value.bucket) == value.num and len(value.bucket) == len(value.bucket_limit) and list(value.bucket_limit) == sorted(value.bucket_limit)
    assert acc.Images("picture")[0].width == 8
    assert acc.Audio("sound")[0].content_type == "audio/wav"
    assert acc.Tensors("words/text_summary")[0].tensor_proto.string_val == [b"*hello*"]
    names = [n.name for n in acc.Graph().node]
    assert any(n.startswith("Sequential/0/") for n in names) and len(names) == len(set(names))
    assert all(i in names for n in acc.Graph().node for i in n.input)
    start = HParamsPluginData.FromString(acc.SummaryMetadata("_hparams_/session_start_info").plugin_data.content).session_start_info
    assert (start.hparams["lr"].number_value, start.hparams["model"].string_value) == (0.01, "mlp")


def test_what_was_exported_comes_back(exported: tuple[Any, Path]) -> None:
    tape, folder = exported
    back = ts.load_tape(folder)
    assert not back.notes and back.params == tape.params

    def table(t: Any) -> dict[tuple[str, int], float]:
        return {(t.strings[int(k)], int(s)): float(v) for f in all_of(t, "scalars") for k, s, v in zip(f.columns["tag"], f.columns["step"], f.columns["value"], strict=True)}

    assert table(back) == {k: pytest.approx(v, rel=1e-6) for k, v in table(tape).items()}

    def bins(t: Any) -> dict[tuple[str, int], dict[int, int]]:
        found = {}
        for f in all_of(t, "histograms"):
            c = f.columns
            ends = np.cumsum(c["length"], dtype=np.int64)
            for k, s, first, n, end in zip(c["key"], c["step"], c["first"], c["length"], ends, strict=True):
                found[t.strings[int(k)], int(s)] = {int(first) + i: int(x) for i, x in enumerate(c["count"][int(end) - int(n):int(end)]) if x}
        return found

    mine, theirs = bins(tape), bins(back)
    assert mine.keys() == theirs.keys()
    off = [sum(abs(mine[k].get(b, 0) - theirs[k].get(b, 0)) for b in mine[k] | theirs[k]) / max(sum(mine[k].values()), 1) for k in mine]
    assert max(off) < 0.15 and float(np.mean(off)) < 0.01           # the outermost bins end at the least and the greatest value
    assert back.status()["probes"] == ["embedding/activation/0"]
    projected = all_of(back, "projection", id="embedding/activation/0")[-1]
    assert projected.columns["label"].tolist() == [0, 1, 2] * 10
    assert [f.meta["tag"] for f in all_of(back, "media")] == ["picture", "words", "sound"]


def test_a_folder_that_holds_events_is_left_alone(exported: tuple[Any, Path]) -> None:
    tape, folder = exported
    with pytest.raises(FileExistsError, match="holds event files already"):
        tape.export_tensorboard(folder)
