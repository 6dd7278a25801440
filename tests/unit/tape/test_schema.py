"""Recordings that earlier versions wrote are read by this one: `samples/schema-N` was written by the first version with schema N, and is never written again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tapescope as ts
from tapescope.tape.store import SCHEMA, StoredTape
from tapescope.tape.store.schema import NEWEST

from .programs import pages, series, tables

SAMPLES = Path(__file__).parent / "samples"
LOSS = [1.10941136, 1.09716928, 1.08523047, 1.07376552]


def test_there_is_a_sample_of_every_schema() -> None:
    assert sorted(p.name for p in SAMPLES.iterdir()) == [f"schema-{n}" for n in range(1, NEWEST + 1)]


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_sample_is_read(schema: int, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / f"schema-{schema}", tmp_path / "run")
    tape = ts.load_tape(tmp_path / "run")
    assert isinstance(tape, StoredTape) and list(tape._shelf.verify()) == []
    assert (tape.name, tape.state, tape.step_number, tape.params) == ("a sample", "stopped", 4, {"lr": 0.1, "model": "net"})
    steps, values = series(tape, "loss")
    assert steps == [0, 1, 2, 3]
    np.testing.assert_allclose(values, LOSS, rtol=1e-6)
    g = tables(tape)[0]
    assert g["op_name"] == ["t", "addmm", "relu", "t", "addmm", "log_softmax", "nll_loss"] or "addmm" in g["op_name"]
    assert set(g["site_file"]) == {"train.py"}
    copies = pages(tape, "tensor", id="activation/2")
    assert [f.meta["step"] for f in copies] == [0, 1, 2, 3] and copies[0].meta["shape"] == [12, 3]
    assert tape.labels_of(3).tolist() == [0, 1, 2] * 4
    assert sum(int(f.columns["count"].sum()) for f in pages(tape, "histograms", id="weight/0.weight")) == 24 * 4
    assert len(pages(tape, "clocks")) > 0 and len(pages(tape, "gradients")) > 0
    assert pages(tape, "media")[0].columns["bytes"].tobytes() == b"hello"


def test_a_sample_of_ranks_is_read(tmp_path: Path) -> None:
    """Schema 2: two ranks that refer to one structure beside them."""
    shutil.copytree(SAMPLES / "schema-2", tmp_path / "run")
    tape = ts.load_tape(tmp_path / "run")
    assert "of 2 ranks" in repr(tape) and (tape.state, tape.step_number, tape.params) == ("stopped", 4, {"lr": 0.1})
    assert series(tape, "own") == ([0, 1, 2, 3], [0, 1, 2, 3]) and series(tape, "rank1/own") == ([0, 1, 2, 3], [10, 11, 12, 13])
    for r in range(2):
        alone = StoredTape(tmp_path / "run" / f"rank{r}")
        assert list(alone._shelf.verify()) == []
        (g,) = alone.graphs.values()
        assert [alone.strings[i] for i in g.op_name].count("addmm") == 2 and g.where(1)[0] == "train.py"      # type: ignore[index]
