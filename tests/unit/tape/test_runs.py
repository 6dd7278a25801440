"""Runs below a folder: found, filtered by what is read and never run, grouped, compared."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.tape.runs import Runs
from tapescope.tape.store import load_tape
from tapescope.utils.tensorboard import SummaryWriter

from .programs import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for i, (lr, model, seed) in enumerate([(0.1, "mlp", 0), (0.1, "mlp", 1), (0.01, "mlp", 0), (0.1, "cnn<b>", 0)]):
        with ts.record(root / f"exp{i}", params={"lr": lr, "model": model, "seed": seed, "batch": 32}) as tape:
            for step in range(20):
                tape.log_scalar("val/loss", lr * 10 + seed + 1 / (step + 1), step)
                if step < 10 or i != 1:
                    tape.log_scalar("acc", step / 20 + seed, step)
                tape.step()
    with SummaryWriter(root / "old" / "board") as w:
        for step in range(5):
            w.add_scalar("val/loss", 9.0 - step, step)
        w.add_hparams({"lr": 0.5}, {})
    (root / "broken").mkdir()
    (root / "broken" / "tape.db").write_bytes(b"no database at all" * 100)
    return root


@pytest.fixture(scope="module")
def found(folder: Path) -> Any:
    return ts.runs(folder)


def names(runs: Any) -> list[str]:
    return sorted(r.name for r in runs)


def test_all_runs_are_found(found: Any) -> None:
    assert names(found) == ["broken", "exp0", "exp1", "exp2", "exp3", "old/board", *[n for n in names(found) if n.startswith("old/board/")]]
    one = next(r for r in found if r.name == "exp0")
    assert (one.state, one.step, one.params["lr"]) == ("stopped", 20, 0.1)
    m = one.metrics["val/loss"]
    assert (m.last, m.min, m.max, m.n) == (pytest.approx(1.05), pytest.approx(1.05), pytest.approx(2.0), 20)
    broken = next(r for r in found if r.name == "broken")
    assert broken.state == "unreadable" and "tape.db" in broken.error
    board = next(r for r in found if r.name == "old/board")
    assert board.metrics["val/loss"].min == 5.0
    assert [r.name for r in found][1:] == [r.name for r in sorted(found[1:], key=lambda r: r.began)]
    assert ts.load_tape(one.path).metrics() == load_tape(one.path).metrics() != {}


@pytest.mark.parametrize(("expression", "want"), [
    ("lr == 0.1", ["exp0", "exp1", "exp3"]), ("lr < 0.05", ["exp2"]), ("model == 'mlp' and seed == 0", ["exp0", "exp2"]), ("not seed == 0", ["exp1"]),
    ("val/loss < 1.1", ["exp0", "exp2"] + ["exp3"]), ("metrics['val/loss'] < 1.1 and lr*10 > 0.5", ["exp0", "exp3"]), ("min(val/loss) <= 0.2", ["exp2"]),
    ("max(acc) > 1", ["exp1"]), ("count(acc) == 10", ["exp1"]), ("like(name, 'exp[01]')", ["exp0", "exp1"]), ("model in ('cnn<b>', 'x')", ["exp3"]),
    ("0.05 < lr <= 0.1 and 'ml' in model", ["exp0", "exp1"]), ("has(seed) and abs(-seed) == 1", ["exp1"]), ("model < 3", []), ("lr / 0 > 1", []), ("acc / seed > 0", ["exp1"]),
    ("state == 'unreadable'", ["broken"]), ("model == 'cnn<b>' or step > 100", ["exp3"]),
])
def test_expressions(found: Any, expression: str, want: list[str]) -> None:
    assert names(found.where(expression)) == want


@pytest.mark.parametrize("expression", [
    "__import__('os').system('true')", "lr.__class__ == 1", "(lambda: 1)()", "[x for x in 'ab']", "open('/etc/passwd')", "f'{lr}'", "lr if seed else 1", "lr ** 99999999",
    "lr = 1", "lr <", "", "min(lr, seed)", "print(lr)", "lr[0]", "lr is 1", "params[lr]", "1 << 9999999999", "(" * 300 + "lr" + ")" * 300, "x" * 3000, "lr := 2", "*lr"])
def test_what_is_no_expression_is_refused_and_never_run(found: Any, expression: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        found.where(expression)


def test_a_name_that_no_run_has(found: Any) -> None:
    with pytest.raises(KeyError, match=r"no run has 'val/los'; did you mean 'val/loss'"):
        found.where("metrics['val/los'] < 1")
    with pytest.raises(KeyError, match="no run has 'missing'"):
        found.compare("missing")


def test_sorting_and_grouping(found: Any) -> None:
    assert [r.name for r in found.where("has(lr)").sort("val/loss")][:1] == ["exp2"]
    assert [r.name for r in found.sort("lr", descending=True)][:1] in (["old/board"], [n for n in names(found) if n.startswith("old/board/")][:1])
    assert found.sort("acc")[-1].get("acc") is None
    groups = found.where("has(seed)").group("model", "lr")
    assert {k: names(v) for k, v in groups.items()} == {("mlp", 0.1): ["exp0", "exp1"], ("mlp", 0.01): ["exp2"], ("cnn<b>", 0.1): ["exp3"]}


def test_comparison_has_mean_and_band(found: Any) -> None:
    c = found.where("has(seed)").compare("val/loss", by=("model", "lr"))
    band = next(b for b in c.bands if b.name == "model=mlp, lr=0.1")
    steps = np.arange(20)
    np.testing.assert_allclose(band.steps, steps)
    np.testing.assert_allclose(band.mean, 1 + 0.5 + 1 / (steps + 1))
    np.testing.assert_allclose(band.high - band.low, 1)
    np.testing.assert_allclose(band.std, 0.5)
    assert band.n.tolist() == [2] * 20
    shorter = next(b for b in found.where("has(seed)").compare("acc", by="lr").bands if b.name == "lr=0.1")
    assert shorter.n.tolist() == [3] * 10 + [2] * 10              # a run that ended early counts as far as it goes
    assert "of 2 at step 19" in repr(c)
    bundle = c._repr_mimebundle_()
    assert "<polygon" in bundle["image/svg+xml"] and "cnn&lt;b&gt;" in bundle["image/svg+xml"]


def test_what_a_notebook_shows(found: Any) -> None:
    page = found._repr_mimebundle_()[0]["text/html"]
    assert "cnn&lt;b&gt;" in page and "<b>" not in page and "exp2" in page
    assert page.index("<th>lr</th>") < page.index("<th>batch</th>")   # what differs comes first
    words = repr(found)
    assert words.startswith(f"{len(found)} runs") and "exp0" in words
    frame = found.to_pandas()
    assert frame.loc[frame["name"] == "exp2", "lr"].tolist() == [0.01]
    assert repr(Runs([])) == "0 runs"


def test_a_run_opens_and_one_that_grows_is_seen(tmp_path: Path) -> None:
    tape = ts.record(tmp_path / "live")
    train(3, tape=tape)
    for _ in range(100):
        time.sleep(0.05)
        live = ts.runs(tmp_path)
        if live and live[0].metrics.get("loss"):
            break
    assert live[0].state == "recording" and math.isfinite(live[0].metrics["loss"].last)
    tape.stop()
    again = live.refresh()
    assert again[0].state == "stopped" and again[0].tape.step_number == 3 and again[0].series("loss")[0].tolist() == [0, 1, 2]
    with pytest.raises(FileNotFoundError):
        ts.runs(tmp_path / "nowhere")


def test_a_part_of_the_runs_knows_how_it_came(found: Any) -> None:
    part = found.where("has(seed)").where("lr > 0.05").sort("val/loss", descending=True)
    assert part.asked == {"where": "(has(seed)) and (lr > 0.05)", "sort": {"by": "val/loss", "down": True}}
    assert names(found.where(part.asked["where"])) == names(found.where("has(seed)").where("lr > 0.05"))
    assert part[:1].asked["only"] == [part[0].name] and found.asked == {}
