"""A recording as tables of other libraries."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tapescope as ts
from tapescope.tape import Tape


def test_scalars_as_every_table(tape: Any, tmp_path: Path) -> None:
    frame = tape.to_pandas()
    loss = frame[frame["tag"] == "loss"]
    assert loss["step"].tolist() == list(range(12))
    assert list(frame.columns) == ["tag", "step", "time", "value"]
    table = tape.to_arrow()
    assert table.num_rows == len(frame)
    read = pq.read_table(tape.to_parquet(tmp_path / "run.parquet"))
    assert read.filter(pa.compute.equal(read["tag"].cast(pa.string()), "loss"))["value"].to_pylist() == loss["value"].tolist()
    assert pa.ipc.open_file(str(tape.to_arrow(path=tmp_path / "run.arrow"))).read_all().equals(table)
    rows = list(csv.DictReader(io.StringIO(tape.to_csv())))
    assert [float(r["value"]) for r in rows if r["tag"] == "loss"] == loss["value"].tolist()


def test_statistics_and_histograms(tape: Any) -> None:
    stats = tape.to_pandas("stats")
    assert {"key", "step", "mean", "std", "norm", "count"} <= set(stats.columns)
    histograms = tape.to_arrow("histograms").to_pydict()
    i = histograms["key"].index("weight/0.weight")
    assert sum(histograms["count"][i]) == 8 * 16
    with pytest.raises(ValueError, match="there are tables of scalars, stats, histograms, not of 'graph'"):
        tape.to_pandas("graph")


def test_an_empty_recording(empty: Any) -> None:
    assert len(empty.to_pandas()) == 0 and empty.to_arrow().num_rows == 0


def test_without_pyarrow_it_is_said_what_to_install(tape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'tapescope\[arrow\]'"):
        tape.to_arrow()


def test_a_recording_from_disk(tape: Tape, tmp_path: Path) -> None:
    stored: Any = ts.load_tape(tape.save(tmp_path / "saved"))
    mine, theirs = (t.to_pandas().sort_values(["tag", "step"]).reset_index(drop=True) for t in (tape, stored))       # type: ignore[attr-defined]
    assert mine["tag"].tolist() == theirs["tag"].tolist()
    np.testing.assert_array_equal(mine["value"], theirs["value"])
