"""SummaryWriter: every event equals PyTorch's, TensorBoard's plugins read the files, and the tape holds what was logged."""

from __future__ import annotations

import io
import math
import os
import re
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import tapescope as ts
from tapescope.formats import protobuf as pb
from tapescope.formats.records import records
from tapescope.utils.tensorboard import SummaryWriter

tensorboard = pytest.importorskip("tensorboard", reason="TensorBoard is not installed: nothing reads the event files")


def events(folder):
    """All events of a folder and its subfolders, by relative folder, without their times."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    found = {}
    for root, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            if ".tfevents." in name:
                here = [Event.FromString(raw) for raw in RawEventFileLoader(os.path.join(root, name)).Load()]
                for e in here:
                    e.ClearField("wall_time")
                    e.ClearField("source_metadata")
                found.setdefault(os.path.relpath(root, folder), []).extend(here)
    return found


@pytest.fixture(scope="module")
def torch_writer():
    pytest.importorskip("torch", reason="PyTorch is not installed: its writer is not compared")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.utils.tensorboard import SummaryWriter as Theirs
    return Theirs


def image(*shape):
    return np.random.RandomState(0).rand(*shape).astype(np.float32)


def readable(event):
    """An event as text; the inner message of hparams, whose entries have no order in bytes, as a message."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    told = [str(event)]
    for v in event.summary.value:
        if v.metadata.plugin_data.plugin_name == "hparams":
            told = [v.tag, str(HParamsPluginData.FromString(v.metadata.plugin_data.content))]
    return told


IMAGES = [
    ("add_image", ("i", image(3, 5, 7), 1), {}), ("add_image", ("i", image(1, 5, 7), 1), {}), ("add_image", ("i", image(5, 7), 2), {"dataformats": "HW"}),
    ("add_image", ("i", (image(5, 7, 3) * 255).astype(np.uint8)), {"dataformats": "HWC"}), ("add_image", ("i", image(4, 5, 7) * 2 - 0.5), {}),
    ("add_images", ("i", image(10, 3, 4, 6), 1), {}), ("add_images", ("i", image(3, 4, 6, 1), 1), {"dataformats": "NHWC"}),
    ("add_image_with_boxes", ("i", image(3, 60, 80), np.array([[5, 6, 50, 40], [1, 2, 20, 20]])), {"labels": ["a", "bc"], "rescale": 2}),
    ("add_image_with_boxes", ("i", image(3, 60, 80), np.array([[5, 6, 50, 40]])), {"labels": "only"}),
]
CALLS = [
    ("add_scalar", ("a/b", 1.5, 3), {}), ("add_scalar", ("ü", -2), {}), ("add_scalar", ("z", 0.0, 0), {}), ("add_scalar", ("n", math.nan, -5), {}),
    ("add_scalar", ("big", 1e300, 1 << 40), {}), ("add_scalar", ("low", -1e300, 1), {}), ("add_scalar", ("np", np.float64(2.25), np.int64(7)), {}), ("add_scalar", ("arr", np.array([[3.5]]), 1), {}),
    ("add_scalar", ("new", 1.5, 3), {"new_style": True}), ("add_scalar", ("double", 0.1, 3), {"new_style": True, "double_precision": True}),
    ("add_scalar", ("b", True, 1), {}), ("add_scalar", ("x" * 300, 1.5, 300), {}),
    ("add_scalars", ("run/all", {"sin": 0.5, "cos": 1.0}, 4), {}),
    ("add_histogram", ("h", np.random.RandomState(0).randn(1000), 5), {}), ("add_histogram", ("h", np.arange(10), 5), {}), ("add_histogram", ("h", np.zeros(3, np.float32), 5), {}),
    ("add_histogram", ("h", np.random.RandomState(1).randn(500), 5), {"bins": "auto"}), ("add_histogram", ("h", np.random.RandomState(1).randn(500), 5), {"bins": 20}),
    ("add_histogram", ("h", np.random.RandomState(1).randn(500), 5), {"bins": "fd", "max_bins": 7}), ("add_histogram", ("h", np.array([-1e10, 2.0]), 5), {"max_bins": 64}),
    ("add_histogram_raw", ("r", 0.0, 1.0, 3, 1.5, 1.25, [0.5, 1.0], [1, 2], 6), {}),
    *IMAGES,
    ("add_audio", ("s", np.sin(np.arange(400) / 9).astype(np.float32), 1), {"sample_rate": 8000}), ("add_audio", ("s", np.array([[2.0, -2, 0.5]]), 1), {}),
    ("add_text", ("words", "# ü\n|a|b|", 2), {}), ("add_text", ("w", "", 2), {}),
    ("add_pr_curve", ("p", np.random.RandomState(0).randint(0, 2, 100), np.random.RandomState(1).rand(100), 1), {}),
    ("add_pr_curve", ("p", np.array([0, 1, 1]), np.array([0.0, 1.0, 0.5]), 1), {"num_thresholds": 10, "weights": np.array([1.0, 2, 3])}),
    ("add_pr_curve_raw", ("p", [75, 64], [150, 105], [0, 45], [0, 11], [0.3333333, 0.3786982], [1.0, 0.85], 0), {"num_thresholds": 2}),
    ("add_custom_scalars", ({"Taiwan": {"twse": ["Multiline", ["twse/0050", "twse/2330"]]}, "USA": {"dow": ["Margin", ["a", "b", "c"]]}},), {}),
    ("add_custom_scalars_multilinechart", (["a", "b"],), {"category": "c", "title": "t"}), ("add_custom_scalars_marginchart", (["a", "b", "c"],), {}),
    ("add_hparams", ({"lr": 0.1, "bs": 0, "name": "x", "empty": "", "flag": True, "none": None}, {"acc": 10, "loss": 0.5}), {"run_name": "one"}),
    ("add_hparams", ({"lr": 0.1, "opt": "sgd"}, {"acc": 1.0}, {"lr": [0.1, 0.2], "opt": ["sgd", "adam"]}, "two", 7), {}),
]


def both(torch_writer, tmp_path, calls, convert=None):
    out = []
    for name, make in (("ours", SummaryWriter), ("theirs", torch_writer)):
        with make(str(tmp_path / name)) as w:
            for method, args, how in calls:
                getattr(w, method)(*([convert[name](a) for a in args] if convert else args), **how)
        out.append(events(tmp_path / name))
    return out


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c[0])
def test_every_event_equals_pytorchs(call, torch_writer, tmp_path):
    ours, theirs = both(torch_writer, tmp_path, [call])
    assert list(ours) == list(theirs)
    for where in ours:
        assert len(ours[where]) == len(theirs[where])
        for a, b in zip(ours[where], theirs[where], strict=True):
            assert readable(a) == readable(b)


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool", "complex64"])
def test_tensors_equal_pytorchs(name, torch_writer, tmp_path):
    import torch

    a = (np.arange(6) - 2).reshape(2, 3)
    convert = {"ours": lambda x: ts.tensor(x).to(getattr(ts, name)) if isinstance(x, np.ndarray) else x,
               "theirs": lambda x: torch.tensor(x).to(getattr(torch, name)) if isinstance(x, np.ndarray) else x}
    from tensorboard.util.tensor_util import make_ndarray

    ours, theirs = both(torch_writer, tmp_path, [("add_tensor", ("t", a, 3), {})], convert)
    if name not in ("float16", "uint8"):                         # PyTorch puts these into fields that TensorBoard does not read
        assert ours == theirs
    held = make_ndarray(ours["."][1].summary.value[0].tensor)
    assert held.dtype.name == name and (held == a.astype(name)).all()


@pytest.mark.parametrize("how", [{}, {"colors": np.array([[[255, 0, 0]] * 4]), "faces": np.array([[[0, 1, 2], [1, 2, 3]]]), "config_dict": {"b": 1, "a": "x"}}])
def test_meshes_equal_pytorchs(how, torch_writer, tmp_path):
    ours, theirs = both(torch_writer, tmp_path, [("add_mesh", ("m", image(1, 4, 3)), {**how, "global_step": 2})])
    assert ours == theirs


def test_figures_equal_pytorchs(torch_writer, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    plt.switch_backend("Agg")

    def figure():
        f, ax = plt.subplots(figsize=(2, 1.5))
        ax.plot([1, 3, 2])
        return f

    found = []
    for name, make in (("ours", SummaryWriter), ("theirs", torch_writer)):
        with make(str(tmp_path / name)) as w:
            w.add_figure("f", figure(), 1)
            w.add_figure("f", [figure(), figure()], 2)
            kept = figure()
            w.add_figure("f", kept, 3, close=False)
            assert plt.fignum_exists(kept.number)
            plt.close(kept)
        found.append(events(tmp_path / name))
    assert plt.get_fignums() == [] and found[0] == found[1]


def test_embeddings_equal_pytorchs(torch_writer, tmp_path):
    import torch
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    for name, make, tensor in (("ours", SummaryWriter, ts.from_numpy), ("theirs", torch_writer, torch.from_numpy)):
        with make(str(tmp_path / name)) as w:
            w.add_embedding(tensor(image(5, 3)), metadata=["a", "b", 3, "ü", ""], label_img=tensor(image(5, 3, 4, 4)), global_step=7, tag="x/y%")
            w.add_embedding(tensor(image(2, 2)), metadata=[["a", 1], ["b", 2]], metadata_header=["word", "n"])
    files = [{str(p.relative_to(tmp_path / n)): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file() and "tfevents" not in p.name} for n in ("ours", "theirs")]
    configs = [text_format.Parse(f.pop("projector_config.pbtxt").decode(), ProjectorConfig()) for f in files]
    assert configs[0] == configs[1] and len(configs[0].embeddings) == 2
    assert files[0] == files[1] and len(files[0]) == 5


def test_purging_naming_and_closing_are_pytorchs(torch_writer, tmp_path):
    found = []
    for name, make in (("ours", SummaryWriter), ("theirs", torch_writer)):
        w = make(str(tmp_path / name), purge_step=30, filename_suffix=".mine", max_queue=1)
        w.add_scalar("a", 1, 30)
        w.close()
        w.close()
        w.flush()
        w.add_scalar("a", 2, 31)
        w.close()
        assert len(list((tmp_path / name).iterdir())) == 2
        assert all(re.fullmatch(r"events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+\.\d+\.mine", p.name) for p in (tmp_path / name).iterdir())
        found.append(sorted(str(e) for e in events(tmp_path / name)["."]))
    assert found[0] == found[1]


def test_without_a_folder_it_is_pytorchs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_x") as w:
        assert re.fullmatch(r"runs/\w{3}\d\d_\d\d-\d\d-\d\d_.*_x", str(w.log_dir)) and w.get_logdir() == w.log_dir
    assert len(list((tmp_path / w.log_dir).iterdir())) == 1


@pytest.mark.parametrize("call", [
    ("add_scalar", ("a", np.ones(2))), ("add_scalar", ("a", "x")), ("add_scalar", ("a", [1])), ("add_histogram", ("h", np.array([]))),
    ("add_histogram_raw", ("r", 0, 1, 3, 1, 1, [1], [1, 2])), ("add_image", ("i", np.zeros((2, 2)))), ("add_audio", ("a", np.zeros((2, 2)))),
    ("add_hparams", (1, {})), ("add_hparams", ({"a": []}, {})), ("add_hparams", ({"a": 1}, {}, {"a": 1})), ("add_mesh", ("m", np.zeros((2, 3)))),
    ("add_custom_scalars_marginchart", (["a"],)), ("add_embedding", (np.zeros(3),)), ("add_embedding", (np.zeros((3, 2)), [1])), ("add_image", ("i", np.zeros((2, 2)), 0, 0, "HH")),
], ids=str)
def test_errors_are_pytorchs(call, torch_writer, tmp_path):
    kinds = []
    for name, make in (("ours", SummaryWriter), ("theirs", torch_writer)):
        with make(str(tmp_path / name)) as w, pytest.raises(Exception, match=r"(?s).") as caught:
            getattr(w, call[0])(*call[1])
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def accumulator(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(("scalars", "histograms", "images", "audio", "tensors"), 0)).Reload()


def test_tensorboard_reads_it_all(tmp_path):
    with SummaryWriter(str(tmp_path), flush_secs=1) as w:
        for i in range(50):
            w.add_scalar("loss", 1 / (i + 1), i)
        w.add_histogram("w", ts.arange(100.0), 1)
        w.add_image("i", ts.rand(3, 4, 5), 2)
        w.add_video("v", ts.rand(3, 6, 3, 8, 10), 3, fps=5)
        w.add_audio("s", ts.sin(ts.arange(100.0)), 4)
        w.add_text("t", "**bold**", 5)
        w.add_pr_curve("p", ts.tensor([0, 1]), ts.tensor([0.2, 0.9]), 6)
        with pytest.raises(NotImplementedError, match="ONNX"):
            w.add_onnx_graph("x")
    a = accumulator(tmp_path)
    assert [(s.step, s.value) for s in a.Scalars("loss")] == [(i, np.float32(1 / (i + 1))) for i in range(50)]
    h = a.Histograms("w")[0].histogram_value
    assert (h.num, h.sum, h.min, h.max, sum(h.bucket)) == (100, 4950, 0, 99, 100)
    assert {k: a.Tags()[k] for k in ("images", "audio")} == {"images": ["i", "v"], "audio": ["s"]}
    assert a.Tensors("t/text_summary")[0].tensor_proto.string_val == [b"**bold**"] and sorted(a.Tags()["tensors"]) == ["p", "t/text_summary"]
    from PIL import Image

    film = Image.open(io.BytesIO(a.Images("v")[0].encoded_image_string))
    assert film.n_frames == 6 and film.size == (40, 8) and film.info["duration"] == 200


def test_plugins_show_what_was_written(tmp_path):
    """The data providers and plugins behind the pages: hparams, graph, pr curves, custom scalars, projector."""
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    model = ts.nn.Sequential(ts.nn.Linear(4, 3), ts.nn.ReLU(), ts.nn.Sequential(ts.nn.Linear(3, 2)))
    with SummaryWriter(str(tmp_path)) as w:
        w.add_graph(model, ts.randn(5, 4))
        w.add_hparams({"lr": 0.1}, {"acc": 1.0}, run_name="h")
    assert model.training
    graph = GraphDef.FromString(accumulator(tmp_path).Graph().SerializeToString())
    nodes = {n.name: n for n in graph.node}
    first = nodes["Sequential/Linear[0]/addmm"]
    assert list(first.input) == ["Sequential/Linear[0]/bias", "input/input", "Sequential/Linear[0]/t"]
    assert list(nodes["Sequential/Linear[0]/t"].input) == ["Sequential/Linear[0]/weight"]
    assert [d.size for d in first.attr["_output_shapes"].list.shape[0].dim] == [5, 3]
    assert any(n.startswith("Sequential/Sequential[2]/Linear[0]/") for n in nodes)
    out, = nodes["output/output.1"].input
    assert out in nodes and all(i in nodes for n in graph.node for i in n.input)
    summary = accumulator(tmp_path / "h").SummaryMetadata("_hparams_/session_start_info")
    assert plugin_data_pb2.HParamsPluginData.FromString(summary.plugin_data.content).session_start_info.hparams["lr"].number_value == 0.1
    assert summary.plugin_data.plugin_name == metadata.PLUGIN_NAME


def test_waiting_events_are_written_in_time(tmp_path):
    with SummaryWriter(str(tmp_path), max_queue=1000, flush_secs=0.2) as w:
        path, = tmp_path.iterdir()
        before = path.stat().st_size
        w.add_scalar("a", 1, 1)
        assert path.stat().st_size == before
        until = time.monotonic() + 5
        while path.stat().st_size == before and time.monotonic() < until:
            time.sleep(0.02)
        assert path.stat().st_size > before
        w.add_scalar("a", 1, 2)
        w.flush()
        assert len(list(records(path.read_bytes()))) == 3
    with SummaryWriter(str(tmp_path / "q"), max_queue=3, flush_secs=1e9) as w:
        path, = (tmp_path / "q").iterdir()
        sizes = []
        for i in range(6):
            w.add_scalar("a", 1, i)
            sizes.append(len(list(records(path.read_bytes()))))
    assert sizes == [1, 1, 4, 4, 4, 7]


def test_the_end_of_the_process_writes_what_waits(tmp_path):
    code = f"import tapescope as ts; w = ts.utils.tensorboard.SummaryWriter({str(tmp_path)!r}, max_queue=99); w.add_scalar('a', 1.0, 1)"
    subprocess.run([sys.executable, "-c", code + "; import sys; print(*[m for m in ('tensorboard', 'google.protobuf', 'PIL', 'matplotlib') if m in sys.modules])"],
                   check=True, timeout=60, capture_output=True)
    path, = tmp_path.iterdir()
    assert len(list(records(path.read_bytes()))) == 2


def test_no_package_of_others_is_loaded_for_numbers(tmp_path):
    code = (f"import tapescope as ts, sys; w = ts.utils.tensorboard.SummaryWriter({str(tmp_path)!r}); w.add_scalar('a', 1.0, 1); w.add_histogram('h', ts.ones(3));"
            "w.add_text('t', 'x'); print(*[m for m in ('tensorboard', 'google.protobuf', 'PIL', 'matplotlib', 'torch') if m in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True).stdout.split() == []


def test_the_tape_holds_what_is_written(tmp_path):
    with ts.record() as tape, SummaryWriter(str(tmp_path)) as w:
        w.add_scalar("loss", 0.5, 3)
        w.add_scalars("all", {"x": 1, "y": 2}, 4)
        w.add_histogram("h", ts.ones(3), 1)
        w.add_embedding(ts.rand(4, 2), [0, 1, 0, 1], global_step=2)
        w.add_image("i", ts.rand(3, 4, 5), 5)
        w.add_text("t", "ü", 6)
        w.add_audio("s", ts.zeros(10), 7)
        w.add_pr_curve("p", ts.tensor([0, 1]), ts.tensor([0.2, 0.9]), 8)
        w.add_mesh("m", ts.rand(1, 4, 3), global_step=9)
        w.add_hparams({"lr": 0.1}, {"acc": 1}, run_name="r", global_step=10)
    tags = {tape.strings[t]: v for f in tape.frames("scalars")[0] for t, v in zip(f.columns["tag"], f.columns["value"], strict=True)}
    assert (tags["loss"], tags["all/x"], tags["all/y"]) == (0.5, 1, 2)
    frames, cursor = tape.frames("media")
    assert [(f.meta["kind"], f.meta["tag"], f.meta["step"], f.meta["mime"]) for f in frames] == [
        ("image", "i", 5, "image/png"), ("text", "t", 6, "text/markdown"), ("audio", "s", 7, "audio/wav"), ("pr_curve", "p", 8, "application/x-array"),
        ("mesh", "m", 9, "application/x-array"), ("hparams", "r", 10, "application/json")]
    assert bytes(frames[0].columns["bytes"][:4]) == b"\x89PNG" and (frames[0].meta["width"], frames[0].meta["height"]) == (5, 4)
    assert bytes(frames[1].columns["bytes"]).decode() == "ü"
    curve = frames[3].columns["bytes"].view(frames[3].meta["dtype"]).reshape(frames[3].meta["shape"])
    assert curve.shape == (6, 127)
    assert tape.frames("media", cursor) == ([], cursor)
    assert [f.meta["tag"] for f in tape.frames("media", id="t")[0]] == ["t"]
    assert {f.meta["tag"] for f in tape.frames("media", most=2)[0]} == {"i", "t", "s", "p", "m", "r"}          # the newest of each tag
    assert tape.status()["dropped"] == {}


def test_a_forked_copy_writes_nothing(tmp_path):
    w = SummaryWriter(str(tmp_path), max_queue=99)
    w.add_scalar("a", 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                          # other threads run while it forks; the child does nothing with them
        child = os.fork()
    if child == 0:
        w.close()
        os._exit(0)
    os.waitpid(child, 0)
    w.close()
    path, = tmp_path.iterdir()
    assert len(list(records(path.read_bytes()))) == 2
    assert [n for raw, _ in records(path.read_bytes()) for n, _, _ in pb.fields(raw)] == [1, 3, 10, 1, 2, 5]
