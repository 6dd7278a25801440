"""What a tape on disk is given that it should not be given: said clearly, contained, and never outside the run's folder."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import tapescope as ts
from tapescope.tape.recordings import active
from tapescope.tape.store import TapeError
from tapescope.tape.store.disk import being_written
from tapescope.views import static

from .programs import train
from .test_disk import altered, columns, gather, recorded

MARKUP = "<img src=x onerror=alert(1)>"
UP = "../../outside"


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


def test_runs_of_several_versions_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("old", "new"):
        recorded(tmp_path / name, 3, None)
    altered(tmp_path / "new", "UPDATE meta SET value='7' WHERE name='schema'", "UPDATE meta SET value='\"2.3.0\"' WHERE name='needs'")
    found = {r.name: r for r in ts.runs(tmp_path)}
    assert found["old"].step == 3 and not found["old"].error
    assert found["new"].state == "unreadable" and found["new"].error.endswith("install tapescope>=2.3.0")
    with pytest.raises(TapeError, match=r"install tapescope>=2\.3\.0"):
        _ = found["new"].tape


def test_ranks_of_several_versions_are_refused_by_name(tmp_path: Path) -> None:
    for rank in range(2):
        recorded(tmp_path / f"rank{rank}", 3, None)
    assert ts.load_tape(tmp_path).step_number == 3
    altered(tmp_path / "rank1", "UPDATE meta SET value='7' WHERE name='schema'")
    with pytest.raises(TapeError, match=r"rank1 has schema 7"):
        ts.load_tape(tmp_path)


def test_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = time.time
    with ts.record(tmp_path / "a") as tape:
        for shift in (0, -86_400, 86_400 * 365, 0):
            monkeypatch.setattr(time, "time", lambda shift=shift: wall() + shift)
            train(3, tape=tape)
    got = ts.load_tape(tmp_path / "a")
    times = columns(gather(got, "scalars", id="loss"))["time"]
    assert len(times) == 12 and (times[1:] > times[:-1]).all() and times[0] >= 0 and times[-1] < 60


def test_a_run_that_says_it_began_in_the_future(tmp_path: Path) -> None:
    for name, began in (("future", "1e300"), ("before", "-1e300"), ("words", "\"yesterday\"")):
        recorded(tmp_path / name, 2, None)
        altered(tmp_path / name, f"UPDATE meta SET value='{began}' WHERE name='created'")
    found = ts.runs(tmp_path)
    assert {r.name: bool(r.error) for r in found} == {"future": False, "before": False, "words": True}
    assert "future" in repr(found) and "<table" in found._repr_mimebundle_()[0]["text/html"]


def test_steps_that_repeat_or_go_back_are_kept_as_they_came(tmp_path: Path) -> None:
    with ts.record(tmp_path / "a") as tape:
        for step, value in ((0, 1.0), (1, 2.0), (1, 3.0), (0, 4.0), (-5, 5.0), (2, 6.0)):
            tape.log_scalar("x", value, step)
    found = columns(gather(ts.load_tape(tmp_path / "a"), "scalars", id="x"))
    assert found["step"].tolist() == [0, 1, 1, 0, -5, 2] and found["value"].tolist() == [1, 2, 3, 4, 5, 6]
    (run,) = ts.runs(tmp_path)
    (band,) = ts.runs(tmp_path).compare("x").bands
    assert run.metrics["x"].n == 6
    assert band.steps.tolist() == [-5, 0, 1, 2] and band.mean.tolist() == [5, 4, 3, 6]             # of a step the later value


def test_names_that_lead_elsewhere_stay_in_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "deep" / "er" / "runs"
    inside.mkdir(parents=True)
    with ts.record(inside / "a", name=UP, params={UP: "/etc/passwd"}) as tape:
        train(2, tape=tape)
        tape.log_scalar(UP + "/loss", 1.0)
        tape.log("text", UP, "words")
        tape.log("image", "/etc/" + UP, b"bytes", None, {"mime": "image/png", "part": UP})
    got = ts.load_tape(inside / "a")
    assert got.name == UP and columns(gather(got, "scalars", id=UP + "/loss"))["value"].tolist() == [1.0]
    got.save(inside / "copy")
    got.export_tensorboard(inside / "events")
    got.to_csv(inside / "all.csv")
    assert {p.split("/")[0] for p in tree(tmp_path)} == {"deep"} and {p.name for p in (tmp_path / "deep").iterdir()} == {"er"}
    assert {p.name for p in inside.iterdir()} == {"a", "copy", "events", "all.csv"} and [p.name for p in (tmp_path / "deep/er").iterdir()] == ["runs"]
    assert columns(gather(ts.load_tape(inside / "events"), "scalars", id=UP + "/loss"))["value"].tolist() == [1.0]


def test_a_blob_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 60)
    secret = tmp_path / "secret"
    blob = tmp_path / "a" / "blobs-000.bin"
    blob.rename(secret)
    blob.symlink_to(secret)
    with pytest.raises(TapeError, match=r"blobs-000\.bin cannot be read"):
        gather(ts.load_tape(tmp_path / "a"), "tensor")


def test_markup_stays_text(tmp_path: Path) -> None:
    with ts.record(tmp_path / "a", name=MARKUP, params={MARKUP: MARKUP}) as tape:
        train(3, tape=tape)
        tape.log_scalar(MARKUP, 0.5)
    got = ts.load_tape(tmp_path / "a")
    shown = [static.metrics_svg(got), static.graph_svg(got), str(got._repr_mimebundle_()["text/html"]), ts.runs(tmp_path)._repr_mimebundle_()[0]["text/html"]]
    assert all("<img src=x" not in text for text in shown) and any("&lt;img" in text for text in shown)


def test_a_parameter_that_is_an_object_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="the parameter 'thing' must be a number, text or a boolean, not object"):
        ts.record(tmp_path / "a", params={"ok": 3, "thing": object()})
    assert active() is None and not being_written(tmp_path / "a")
    with ts.record(tmp_path / "b", params={"nan": float("nan"), "tensor": ts.tensor(2.0), "ok": 3}) as tape:
        train(2, tape=tape)
    (run,) = (r for r in ts.runs(tmp_path) if r.name == "b")
    assert run.params["ok"] == 3 and run.params["tensor"] == 2.0 and run.params["nan"] != run.params["nan"]
    assert [r.name for r in ts.runs(tmp_path).where("ok == 3 and tensor < 3")] == ["b"]
