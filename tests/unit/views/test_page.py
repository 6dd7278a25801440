"""An exported page: what is on it, how large it is, what it says of what it left out."""

from __future__ import annotations

import base64
import html
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.tape import Frame, Tape
from tapescope.views import parts
from tapescope.views.packed import Packed
from tapescope.views.page import export_html
from tapescope.views.read import gather
from tapescope.views.rows import Rows, rounded

NASTY = "<img src=x onerror=alert(1)> & \"quoted\" \x07"             # the name of the recording, and of one of its series

TYPES = {"u1": "<u1", "u2": "<u2", "u4": "<u4", "i4": "<i4", "f4": "<f4", "f8": "<f8"}


def opened(part: bytes) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """What a page makes of a part: (kind, meta, columns)."""
    raw = zlib.decompress(part)
    size = struct.unpack("<I", raw[:4])[0]
    at, found = 4 + size, []
    for header in json.loads(raw[4:at]):
        columns = {}
        for name, kind, n in header["columns"]:
            dtype = np.dtype(TYPES[kind])
            end = at + n * dtype.itemsize
            columns[name] = np.frombuffer(raw[at:end], np.uint8).reshape(dtype.itemsize, n).T.copy().view(dtype).reshape(-1) if n else np.zeros(0, dtype)
            at = end
        found.append((header["kind"], header["meta"], columns))
    assert at == len(raw)
    return found


def all_of(packed: Packed, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(meta, c) for entry, part in zip(packed.entries, packed.parts, strict=True) if entry["kind"] == kind for _, meta, c in opened(part)]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is tested here does not need the page's script."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "page.js").write_text("console.log('</script><!-- a page');")
    monkeypatch.setattr(parts, "BUNDLES", folder)


def test_a_packed_recording_holds_what_the_tape_holds(tape: Tape) -> None:
    packed = Packed(tape, 4_000_000)
    assert packed.notes == []
    assert {e["kind"] for e in packed.entries} == {"graph", "findings", "status", "scalars", "projection", "tensor", "gradients", "clocks", "stats", "histograms"}
    want = {tape.strings[int(t)]: v for f in tape.frames("scalars", id="loss")[0] for t, v in zip(f.columns["tag"], f.columns["value"], strict=True)}
    steps, values = [], []
    for _, c in all_of(packed, "scalars"):
        mine = np.array([packed.texts[t] == "loss" for t in c["tag"]])
        steps += c["step"][mine].tolist()
        values += c["value"][mine].tolist()
    assert steps == list(range(12))
    assert values[-1] == pytest.approx(want["loss"], rel=1e-8)
    shown = [(packed.texts[k], int(s)) for _, c in all_of(packed, "histograms") for k, s in zip(c["key"], c["step"], strict=True)]
    assert len(shown) == len(set(shown)) == sum(len(f.columns["key"]) for f in gather(tape, "histograms"))
    assert sum(int(f.columns["count"].sum()) for f in gather(tape, "histograms", id="weight/0.weight")) == 8 * 16 * 12
    assert sum(int(c["count"][np.repeat([packed.texts[k] == "weight/0.weight" for k in c["key"]], c["length"])].sum()) for _, c in all_of(packed, "histograms")) == 8 * 16 * 12
    norms = gather(tape, "gradients")
    kept = all_of(packed, "gradients")
    assert [m["step"] for m, _ in kept] == [f.meta["step"] for f in norms]
    np.testing.assert_allclose(kept[-1][1]["norm"], norms[-1].columns["norm"], rtol=2e-4)
    assert packed.keys == ["activation/0", "weight/2.weight"]
    assert len(all_of(packed, "projection")) == 2 * 12
    names = [packed.texts[i] for _, c in all_of(packed, "graph") for i in c.get("op_name", [])]
    assert "addmm" in names


def test_what_does_not_fit_is_thinned_and_said(model: Any) -> None:
    x = ts.randn(30, 8)
    with ts.record(values="histogram") as tape:
        for _ in range(400):
            model(x).square().mean().backward()
            tape.step()
    packed = Packed(tape, 24_000)
    assert sum(map(len, packed.parts)) < 24_000
    assert any(note.startswith("histograms: one of every") for note in packed.notes)
    assert any(note.startswith("times of ops: one of every") for note in packed.notes)
    steps = [m["step"] for m, _ in all_of(packed, "clocks")]
    assert 1 <= len(steps) < 400 and steps[-1] == 399                       # the newest stays
    for _, c in all_of(packed, "histograms"):
        assert c["step"].max() == 399
        assert int(c["length"].sum()) == len(c["count"])


def test_pictures_and_words_come_along_and_their_steps_are_thinned() -> None:
    rng = np.random.default_rng(0)
    with ts.record() as tape:
        for step in range(40):
            tape.log("image", "batch", rng.bytes(4000), step, {"mime": "image/png"})
            for part in ("vertices", "faces"):
                tape.log("mesh", "chair", np.arange(6, dtype=np.float32), step, {"part": part})
            tape.log("text", "notes", f"step {step}", step)
            tape.step()
    whole = all_of(Packed(tape, 1_000_000), "media")
    assert sorted((m["tag"], m["step"], m.get("part")) for m, _ in whole) == sorted((m["tag"], m["step"], m.get("part")) for m in (f.meta for f in gather(tape, "media")))
    assert [bytes(c["bytes"]) for m, c in whole if m["tag"] == "notes"] == [f"step {i}".encode() for i in range(40)]
    few = Packed(tape, 80_000)
    kept = all_of(few, "media")
    shown = [m["step"] for m, _ in kept if m["tag"] == "batch"]
    assert 1 <= len(shown) < 40 and shown[-1] == 39
    assert {(m["step"], m["part"]) for m, _ in kept if m["tag"] == "chair"} == {(s, p) for s in range(40) for p in ("vertices", "faces")}
    assert any(note.startswith("what was logged beside numbers of batch: one of every") for note in few.notes)
    assert [e["id"] for e in few.entries if e["kind"] == "media"] == ["notes", "chair", "batch"]


def test_full_values_come_along_within_the_bytes(model: Any) -> None:
    with ts.record(values="full") as tape:
        for _ in range(3):
            model(ts.randn(4000, 8)).sum().backward()
            tape.step()
    made = {f.meta["key"] for f in gather(tape, "tensor")}
    assert {"output/0", "output/1", "output/2"} <= made
    whole = Packed(tape, 8_000_000)
    assert {m["key"] for m, _ in all_of(whole, "tensor")} == made == set(whole.keys)
    row = next(c["values"] for m, c in all_of(whole, "tensor") if m["key"] == "output/1" and m["step"] == 2)
    np.testing.assert_allclose(row, next(f.columns["values"] for f in gather(tape, "tensor", id="output/1", steps=(2, 2))), rtol=1e-4)
    few = Packed(tape, 60_000)
    assert sum(map(len, few.parts)) < 60_000
    parts = [m for m, _ in all_of(few, "tensor") if m["key"] == "output/1"]
    assert parts and parts[-1]["step"] == 2 and parts[-1]["part"][0] < 4000 and parts[-1]["shape"] == [4000, 16]      # its first rows, and the frame says so


def test_a_budget_that_nothing_fits_into_is_refused(tape: Tape, built: None, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"max_bytes=6,000 is too little: the structure, findings and text"):
        Packed(tape, 6_000)
    with pytest.raises(ValueError, match="max_bytes=50,000 is too little: the views alone take"):
        export_html(tape, tmp_path / "run.html", 50_000)
    assert not list(tmp_path.glob("run.html*"))


def test_the_page_is_text_of_nobody_else(tape: Tape, built: None, tmp_path: Path) -> None:
    tape.params = {"note": NASTY}
    try:
        path = export_html(tape, tmp_path / "run.html")
    finally:
        tape.params = {}
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    assert "<img" not in text
    assert html.escape(NASTY.replace("\x07", " ")) in text
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    index = json.loads(scripts[0])
    assert index["recording"]["name"] == NASTY
    assert len(scripts) == 2 + len(index["parts"])                   # neither the code nor the data ends a script
    assert scripts[-1].startswith("console.log('<\\/script><\\!-- a page")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    import hashlib

    assert policy
    assert f"'sha256-{base64.b64encode(hashlib.sha256(scripts[-1].encode()).digest()).decode()}'" in policy[1]
    assert opened(base64.b64decode(scripts[1]))[0][0] == "graph"


def test_a_recording_from_disk_makes_the_same_page(tape: Tape, tmp_path: Path) -> None:
    stored = ts.load_tape(tape.save(tmp_path / "saved"))
    here, there = Packed(tape, 4_000_000), Packed(stored, 4_000_000)
    for kind in ("scalars", "histograms", "stats", "gradients", "projection"):
        a, b = all_of(here, kind), all_of(there, kind)
        assert len(a) == len(b), kind
        for (_, x), (_, y) in zip(a, b, strict=True):
            for name in x:
                if name in ("tag", "key"):
                    assert [here.texts[i] for i in x[name]] == [there.texts[i] for i in y[name]]
                else:
                    np.testing.assert_allclose(x[name], y[name], rtol=1e-3, atol=1e-3, err_msg=f"{kind}.{name}")


def test_an_empty_recording_is_a_page_too(empty: Tape, built: None, tmp_path: Path) -> None:
    assert export_html(empty, tmp_path / "empty.html").stat().st_size < 20_000


def test_the_export_needs_the_views(tape: Tape, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "BUNDLES", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"page\.js is missing. Run `npm run build`"):
        tape.export_html(tmp_path / "run.html")                       # type: ignore[attr-defined]


class _Series:
    """A tape of one long scalar, in pages."""

    def __init__(self, steps: Any, values: Any) -> None:
        self.steps, self.values = steps, values

    def frames(self, kind: str, cursor: Any = None, **how: Any) -> tuple[list[Frame], Any]:
        a = cursor or 0
        z = min(a + 1000, len(self.steps))
        if a == z:
            return [], a
        return [Frame(kind, {}, {"tag": np.ones(z - a, np.uint32), "step": self.steps[a:z], "time": np.zeros(z - a), "value": self.values[a:z]})], z


def test_thinned_scalars_keep_their_extremes() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=10_000)
    values[[1234, 5678]] = 50, -50
    values[777] = np.nan
    rows = Rows(_Series(np.arange(10_000, dtype=np.int32), values), "scalars")            # type: ignore[arg-type]
    kept = rows.frames(500, 1 << 20)[0].columns
    assert len(kept["step"]) <= 2 * 20 + 1
    assert {1234, 5678, 777, 9999} <= set(kept["step"].tolist())
    assert np.nanmax(kept["value"]) == 50 and np.nanmin(kept["value"]) == -50


def test_rounded_floats_keep_what_is_not_finite() -> None:
    a = np.array([1 / 3, np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, np.finfo(np.float32).max, 1e-45], np.float32)
    r = rounded(a, 10)
    np.testing.assert_allclose(r[:1], a[:1], rtol=2**-11)
    assert np.isnan(r[1]) and r[2] == np.inf and r[3] == -np.inf and r[7] == a[7]
    assert np.array_equal(np.signbit(r), np.signbit(a))
    assert (r.view(np.uint32)[[0, 6]] & 0x1FFF == 0).all()
