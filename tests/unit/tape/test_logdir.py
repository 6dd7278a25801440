"""TensorBoard's folders as recordings: what is in them, what is damaged in them, and what must not come of them."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.formats import protobuf as pb
from tapescope.formats.records import frame
from tapescope.tape.logdir.decode import binned, event, tensor
from tapescope.tape.logdir.scan import _crc, scan
from tapescope.tape.logdir.tape import EventsTape
from tapescope.tape.reduce import edges
from tapescope.tape.store import TapeError
from tapescope.utils.tensorboard import SummaryWriter, summary
from tapescope.utils.tensorboard.event_file import event as encoded

from .programs import pages, series


def scalar(tag: str, value: float, step: int, wall: float = 1e9) -> bytes:
    return frame(encoded(summary.scalar_field(tag, value), step, wall))


def put(folder: Path, data: bytes, name: str = "events.out.tfevents.1000000000.host.1.0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return folder


def media(tape: Any, kind: str) -> list[Any]:
    return [f for f in pages(tape, "media") if f.meta["kind"] == kind]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs") / "run"
    rng = np.random.default_rng(0)
    with SummaryWriter(folder) as w:
        for i in range(300):
            w.add_scalar("train/loss", 1 / (i + 1), i)
            w.add_scalar("new", i / 3, i, new_style=True, double_precision=True)
            if i % 7 == 0:
                w.add_scalar("rarely", -float(i), i)
        w.add_scalar("huge", float("nan"), 1 << 40)
        for i in range(3):
            w.add_histogram("weights", rng.normal(i, 1, 5000), i)
        w.add_scalars("both", {"a": 1.0, "b": 2.0}, 4)
        w.add_image("picture", rng.random((3, 6, 8)), 2)
        w.add_audio("sound", rng.random((1, 100)), 3, sample_rate=8000)
        w.add_text("words", "<b>bold</b> *words*", 1)
        w.add_pr_curve("curve", rng.integers(0, 2, 50), rng.random(50), 5)
        w.add_tensor("values", ts.arange(6).reshape(2, 3), 1)
        w.add_hparams({"lr": 0.1, "model": "mlp", "deep": True}, {"hparam/loss": 0.5})
        w.add_embedding(rng.random((20, 4)), [f"class {i % 3}" for i in range(20)], global_step=5, tag="points")
        w.add_graph(ts.nn.Sequential(ts.nn.Linear(4, 3), ts.nn.ReLU(), ts.nn.Sequential(ts.nn.Linear(3, 2))), ts.randn(2, 4))
    return folder


@pytest.fixture(scope="module")
def tape(logdir: Path) -> Any:
    return ts.load_tape(logdir)


def test_scalars(tape: Any) -> None:
    assert series(tape, "train/loss") == (list(range(300)), [pytest.approx(1 / (i + 1), rel=1e-6) for i in range(300)])
    assert series(tape, "new") == (list(range(300)), [i / 3 for i in range(300)])
    assert series(tape, "rarely")[0] == list(range(0, 300, 7))
    assert [series(tape, f"both_{k}/both") for k in "ab"] == [([4], [1.0]), ([4], [2.0])]
    steps, values = series(tape, "huge")
    assert steps == [(1 << 31) - 1] and np.isnan(values).all()
    assert any("are shown as that" in note for note in tape.status()["notes"])
    assert tape.here is False and not any(tape.capabilities.values())


def test_histograms(tape: Any) -> None:
    frames = pages(tape, "histograms", id="weights")
    assert [int(s) for f in frames for s in f.columns["step"]] == [0, 1, 2]
    assert sum(int(f.columns["count"].sum()) for f in frames) == 15_000
    stats = pages(tape, "stats", id="weights")[0].columns
    np.testing.assert_allclose(stats["mean"], [0, 1, 2], atol=0.05)
    np.testing.assert_allclose(stats["std"], [1, 1, 1], atol=0.05)
    first, count = int(frames[0].columns["first"][0]), frames[0].columns["count"][:int(frames[0].columns["length"][0])]
    middle = (edges()[first:first + len(count)] + edges()[first + 1:first + 1 + len(count)]) / 2
    assert float((middle * count).sum() / 5000) == pytest.approx(0, abs=0.05)


def test_pictures_sounds_words_and_the_rest(tape: Any) -> None:
    picture = media(tape, "image")[0]
    assert (picture.meta["tag"], picture.meta["mime"], picture.meta["height"], picture.meta["width"]) == ("picture", "image/png", 6, 8)
    assert picture.columns["bytes"][:4].tobytes() == b"\x89PNG"
    sound = media(tape, "audio")[0]
    assert sound.meta["mime"] == "audio/wav" and sound.meta["sample_rate"] == 8000 and sound.columns["bytes"][:4].tobytes() == b"RIFF"
    words = media(tape, "text")[0]
    assert words.meta["tag"] == "words" and words.columns["bytes"].tobytes().decode() == "<b>bold</b> *words*"
    assert media(tape, "pr_curve")[0].meta["shape"] == [6, 127]
    values = media(tape, "tensor")[0]
    assert values.meta["shape"] == [2, 3] and np.frombuffer(values.columns["bytes"].tobytes(), values.meta["dtype"]).tolist() == list(range(6))
    assert tape.params == {"lr": 0.1, "model": "mlp", "deep": 1.0}          # PyTorch writes a boolean as a number


def test_embeddings_are_projected(tape: Any) -> None:
    assert tape.status()["probes"] == ["embedding/points"]
    f = pages(tape, "projection", id="embedding/points")[0]
    assert f.meta["step"] == 5 and f.meta["n"] == 20
    assert f.columns["label"].tolist() == [i % 3 for i in range(20)]


def test_graphs(tape: Any) -> None:
    g = tape.graphs[0]
    text = tape.strings
    assert [text[i] for i in g.op_name].count("addmm") + [text[i] for i in g.op_name].count("linear") >= 2
    assert {text[i] for i in g.mod_path} >= {"Sequential", "Sequential.Linear[0]", "Sequential.Sequential[2].Linear[0]"}
    assert {text[i] for i in g.mod_class} >= {"Sequential", "Linear", "ReLU"}
    assert {text[i] for i in g.src_name} >= {"Sequential/Linear[0]/weight", "input/input"}
    at = 0
    for row, n in enumerate(g.op_inputs):
        assert all(e < row for e in g.op_in[at:at + n])
        at += n
    assert "Sequential" in tape.graph().to_dot() if hasattr(tape, "graph") and _built() else True


def _built() -> bool:
    from tapescope.views.parts import BUNDLES

    return (BUNDLES / "graph.js").exists()


def test_a_page_of_it(tape: Any) -> None:
    from tapescope.views.packed import Packed

    packed = Packed(tape, 1_000_000)
    assert {"scalars", "histograms", "graph", "projection"} <= {e["kind"] for e in packed.entries}
    assert packed.keys == ["embedding/points"]


def test_it_refuses_what_only_a_running_recording_can(tape: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot be logged"):
        tape.log_scalar("x", 1.0)
    with pytest.raises(RuntimeError, match="was not copied"):
        tape.probe("weight/a")


# -- damage -----------------------------------------------------------------------------------------------------------------


def many(n: int = 200) -> list[bytes]:
    return [scalar(("loss", "accuracy", "lr/group")[i % 3], i / 7, i // 3) for i in range(n)]


def rows(tape: Any) -> list[tuple[str, int, float]]:
    return [(tape.strings[int(t)], int(s), float(v)) for f in pages(tape, "scalars")
            for t, s, v in zip(f.columns["tag"], f.columns["step"], f.columns["value"], strict=True)]


WANT = [(("loss", "accuracy", "lr/group")[i % 3], i // 3, float(np.float32(i / 7))) for i in range(200)]


def test_a_file_that_is_cut_is_read_to_the_cut(tmp_path: Path) -> None:
    records = many()
    whole = b"".join(records)
    ends = np.cumsum([len(r) for r in records])
    for cut in random.Random(0).sample(range(len(whole)), 60):
        tape = EventsTape(put(tmp_path, whole[:cut]))
        assert rows(tape) == WANT[:int(np.searchsorted(ends, cut, "right"))]
        assert not tape.notes                                   # it may still be written


def test_a_file_that_grows_is_followed(tmp_path: Path) -> None:
    records = many()
    whole = b"".join(records)
    tape = EventsTape(put(tmp_path, whole[:1001]))
    n = len(rows(tape))
    with open(tmp_path / os.listdir(tmp_path)[0], "ab") as f:
        f.write(whole[1001:])
    tape._looked = 0.0
    assert tape.refresh() and rows(tape) == WANT and 0 < n < 200
    put(tmp_path / "later", scalar("loss", 1.0, 9))
    tape._looked = 0.0
    assert tape.refresh() and series(tape, "later/loss") == ([9], [1.0])


def test_damaged_records_are_left_out_and_said(tmp_path: Path) -> None:
    records = many()
    at = sum(map(len, records[:50]))
    for where, what in ((at + 20, "the checksum of 1 record"), (at + 3, "this is no record; "), (at + 9, "this is no record; ")):
        data = bytearray(b"".join(records))
        data[where] ^= 0x41
        tape = EventsTape(put(tmp_path, bytes(data)))
        assert rows(tape) == WANT[:50] + WANT[51:]
        assert what in tape.notes["damage"] and str(tmp_path) in tape.notes["damage"] and f"offset {at}:" in tape.notes["damage"]


def test_whatever_the_bytes_are_there_is_an_end(tmp_path: Path) -> None:
    rng = random.Random(1)
    whole = b"".join(many(60)) + frame(encoded(pb.chunk(5, summary.histogram("h", np.arange(20.0), 5)), 3)) + frame(encoded(pb.chunk(5, summary.text("t", "x" * 600)), 1))
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            i = rng.randrange(len(data))
            if rng.random() < 0.5:
                data[i] ^= 1 << rng.randrange(8)
            else:
                del data[i:i + rng.randint(1, 40)]
        if rng.random() < 0.3:                                  # valid checksums around nonsense
            data += frame(rng.randbytes(rng.randint(0, 80)))
        found = rows(EventsTape(put(tmp_path, bytes(data))))
        assert {t for t, _, _ in found} <= {"loss", "accuracy", "lr/group"} | {t for t, _, _ in found if "\ufffd" in t}


def test_nonsense_within_a_valid_record(tmp_path: Path) -> None:
    rng = random.Random(2)
    body = pb.chunk(5, summary.histogram("h", np.arange(50.0), 7))
    good = encoded(body, 3, 1e9)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        tape = EventsTape(put(tmp_path, frame(bytes(data)) + scalar("after", 1.0, 1)))
        assert series(tape, "after") == ([1], [1.0])


def test_a_tensor_that_claims_too_much() -> None:
    huge = pb.integer(1, 1) + pb.chunk(2, summary.shape([1 << 40])) + pb.chunk(5, np.zeros(1, "<f4").tobytes())
    with pytest.raises(pb.Damaged, match="claims the shape"):
        tensor(huge)
    assert tensor(pb.integer(1, 1) + pb.chunk(2, summary.shape([2, 2])) + pb.chunk(5, np.float32([3]).tobytes())).tolist() == [[3, 3], [3, 3]]


def test_a_run_that_began_again(tmp_path: Path) -> None:
    session = frame(encoded(pb.chunk(7, pb.integer(1, 1)), 3))
    tape = EventsTape(put(tmp_path, b"".join(scalar("loss", float(i), i) for i in range(6)) + session + b"".join(scalar("loss", 10.0 + i, i) for i in range(3, 5))))
    assert series(tape, "loss") == ([0, 1, 2, 3, 4], [0, 1, 2, 13, 14])


# -- what must not come of them -----------------------------------------------------------------------------------------------


def test_an_hparam_that_is_an_object_comes_as_text(tmp_path: Path) -> None:
    struct = pb.chunk(5, pb.chunk(1, pb.chunk(1, "k") + pb.chunk(2, pb.chunk(3, "v"))))
    listed = pb.chunk(6, pb.chunk(1, pb.chunk(3, "a")))
    values = b"".join(pb.chunk(1, pb.chunk(1, name) + pb.chunk(2, v)) for name, v in (("object", struct), ("list", listed), ("flag", b"\x20\x01"), ("nothing", b"\x08\x00")))
    data = summary.value("_hparams_/session_start_info", summary._plugin("hparams", pb.chunk(3, values)))
    tape = EventsTape(put(tmp_path, frame(encoded(pb.chunk(5, data)))))
    assert tape.params == {"object": '{"k": "v"}', "list": '["a"]', "flag": True}


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.tsv").write_text("1\t2\n")
    folder = put(tmp_path / "run", scalar("../../up", 1.0, 0))
    os.symlink(tmp_path, folder / "link")
    put(tmp_path / "elsewhere", scalar("not mine", 1.0, 0))
    entry = 'embeddings {{\n  tensor_name: "e"\n  tensor_path: "{}"\n}}\n'
    (folder / "projector_config.pbtxt").write_text(entry.format("../secret.tsv") + entry.format("/etc/hostname") + entry.format("missing.tsv"))
    tape = EventsTape(folder)
    assert series(tape, "../../up") == ([0], [1.0])
    assert "not mine" not in "".join(tape.strings)
    assert tape.status()["probes"] == []
    assert "'../secret.tsv' lies outside the folder" in tape.notes["damage"]
    from tapescope.views.packed import Packed

    assert Packed(tape, 100_000).parts


def test_a_folder_without_any(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"holds no recording|is no recording|tape\.db"):
        ts.load_tape(tmp_path)


# -- parts ------------------------------------------------------------------------------------------------------------------


def test_checksums_by_columns_are_those_of_single_records() -> None:
    from tapescope.formats.crc32c import masked

    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 8, 33, 200):
        data = rng.integers(0, 256, (5, n), dtype=np.uint8)
        assert _crc(data).tolist() == [masked(row.tobytes()) for row in data]


def test_reading_by_columns_gives_what_reading_one_by_one_gives() -> None:
    rng = random.Random(3)
    records, want = [], []
    for i in range(3000):
        tag, value, step = rng.choice(["a", "bb", "c/c", "ü"]), rng.choice([rng.random(), float("nan"), 0.0]), rng.choice([0, i, i * 1000, -1])
        records.append(frame(encoded(pb.chunk(5, summary.scalar(tag, value, rng.random() < 0.5, rng.random() < 0.5)), step, 1e9 + i)))
        want.append(records[-1][12:-4])
    found = scan(b"".join(records))
    assert not found.troubles and found.records == 3000
    mine = {int(at): (p.tags[int(tag)], int(step), float(wall), float(v)) for p in found.scalars for at, tag, step, wall, v in zip(p.at, p.tag, p.step, p.wall, p.value, strict=True)}
    assert len(mine) > 2900
    for at, body in found.events:
        e = event(body)[0]
        mine[at] = (e.data.tag, e.step, e.wall, float(np.asarray(e.data.data).reshape(-1)[0]))
    for at, body in enumerate(want):
        e = event(body)[0]
        tag, step, wall, v = mine[at]
        assert (tag, step, wall) == (e.data.tag, e.step, e.wall)
        np.testing.assert_equal(v, float(np.asarray(e.data.data).reshape(-1)[0]))


@pytest.mark.parametrize("values", [np.array([1.5] * 7), np.linspace(-3, 3, 1001), np.array([0.0, 0, 0, 1e-20, -1e30]), np.array([1e3] * 3)])
def test_buckets_become_bins_of_the_same_number_of_values(values: Any) -> None:
    limits, counts = np.histogram(np.clip(values, -1e38, 1e38), 12)[::-1]
    first, line = binned(limits, counts.astype(float))
    assert int(line.sum()) == len(values)
    assert first >= 4 and first + len(line) <= 2044
