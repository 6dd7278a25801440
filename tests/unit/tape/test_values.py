"""What a recording reads of values: scalars, moments, histograms, gradients, what is not finite, and steps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim

from .programs import Net, data, pages, series, train


def array(t: Any) -> np.ndarray:
    return t.detach().numpy()                                  # type: ignore[no-any-return]


def stats(tape: Any, key: str) -> dict[str, np.ndarray]:
    frames = pages(tape, "stats", id=key)
    return {} if not frames else {n: np.concatenate([f.columns[n] for f in frames]) for n in frames[0].columns}


def test_derived_scalars() -> None:
    ts.manual_seed(0)
    model, (x, y) = Net(), data()
    opt = optim.SGD(model.parameters(), lr=0.1)
    losses, norms, ratios = [], [], []
    with ts.record() as tape:
        for _ in range(4):
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            losses.append(loss.item())
            norms.append(math.sqrt(sum(float((array(p.grad).astype("f8") ** 2).sum()) for p in model.parameters())))
            before = array(model.head.weight).copy()
            opt.step()
            after = array(model.head.weight)
            ratios.append(np.linalg.norm(after - before) / np.linalg.norm(after))
    assert series(tape, "loss")[0] == [0, 1, 2, 3]
    np.testing.assert_allclose(series(tape, "loss")[1], losses, rtol=1e-6)
    np.testing.assert_allclose(series(tape, "grad_norm")[1], norms, rtol=1e-5)
    np.testing.assert_allclose(series(tape, "update_ratio/head.weight")[1], ratios, rtol=1e-4)
    assert series(tape, "lr")[1] == [0.1] * 4
    assert len(series(tape, "step_time")[1]) == 4
    assert all(t > 0 for t in series(tape, "step_time")[1])


@pytest.mark.parametrize("width", [16, 200])                   # short parameters together, long ones one by one
def test_moments_of_weights_gradients_and_updates(width: int) -> None:
    ts.manual_seed(0)
    model, (x, y) = Net(width), data()
    opt = optim.Adam(model.parameters(), lr=0.01)
    wanted: dict[str, list[np.ndarray]] = {}
    with ts.record() as tape:
        for _ in range(13):
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            before = {n: array(p).copy() for n, p in model.named_parameters()}
            for n, p in model.named_parameters():
                wanted.setdefault("grad/" + n, []).append(array(p.grad).copy())
            opt.step()
            for n, p in model.named_parameters():
                wanted.setdefault("weight/" + n, []).append(array(p).copy())
                wanted.setdefault("update/" + n, []).append(array(p) - before[n])
    assert len(wanted) == 18
    for key, arrays in wanted.items():
        found = stats(tape, key)
        assert found["step"].tolist() == list(range(13))
        for name, f in (("mean", np.mean), ("std", np.std), ("min", np.min), ("max", np.max), ("norm", np.linalg.norm), ("count", np.size)):
            np.testing.assert_allclose(found[name], [f(a.astype("f8")) for a in arrays], rtol=2e-4, atol=1e-7, err_msg=f"{key} {name}")
        assert found["zero"][0] == np.count_nonzero(arrays[0] == 0)
        assert not found["nan"].any()


def test_levels_read_what_they_say() -> None:
    none, health, full = train(3, values="none"), train(3, values="health"), train(3, values="full")
    assert {t for t in none.strings if series(none, t)[0]} == {"lr", "step_time"}
    assert pages(none, "stats") == pages(none, "gradients") == []
    assert series(health, "loss")[0] == [0, 1, 2]
    assert len(series(health, "grad_norm/head.weight")[0]) == 3
    assert pages(health, "stats") == []
    assert len(pages(health, "gradients")) == 3
    hist = train(3, values="histogram")
    assert stats(hist, "activation/encoder.1")["step"].tolist() == [0, 1, 2]
    assert {int(s) for f in pages(hist, "histograms", id="weight/head.weight") for s in f.columns["step"]} == {0, 1, 2}
    frames = pages(full, "tensor", id="output/2")
    assert [f.meta["step"] for f in frames] == [0, 1, 2]
    with pytest.raises(ValueError, match="'none', 'health'"):
        ts.record(values="everything")


def test_histograms_are_thinned_at_level_stats() -> None:
    tape = train(23)
    frames = pages(tape, "histograms", id="grad/head.weight")
    assert [int(s) for f in frames for s in f.columns["step"]] == [0, 10, 20]
    for f in frames:
        assert f.columns["count"].sum() == 48 * len(f.columns["step"])
    every = train(40, every=2)
    assert [int(s) for f in pages(every, "histograms", id="grad/head.weight") for s in f.columns["step"]] == [0, 20]
    assert stats(every, "weight/head.weight")["step"].tolist() == list(range(0, 40, 2))


def test_gradients_at_nodes() -> None:
    model, (x, y) = Net(), data()
    kept: dict[str, float] = {}
    with ts.record() as tape:
        h = model.encoder(x)
        h.retain_grad()
        loss = F.cross_entropy(model.head(h), y)
        loss.backward()
        kept["relu"] = float(np.linalg.norm(h.grad.numpy()))
        kept["head"] = float(np.linalg.norm(model.head.weight.grad.numpy()))
        tape.step()
    (frame,) = pages(tape, "gradients")
    g = tape.graphs[0]
    norm = dict(zip(frame.columns["node"].tolist(), frame.columns["norm"].tolist(), strict=True))
    relu = max(i for i, n in enumerate(g.node_name) if tape.strings[n] == "ReluBackward0")
    np.testing.assert_allclose(norm[relu], kept["relu"], rtol=1e-5)
    leaf = next(g.acc_node[s] for s, n in enumerate(g.src_name) if tape.strings[n].endswith("weight") and s in g.acc_node
                and tape.strings[g.src_shape[s]] == "3x16")
    np.testing.assert_allclose(norm[leaf], kept["head"], rtol=1e-5)
    assert not frame.columns["nonfinite"].any()
    (clock,) = pages(tape, "clocks")
    assert len(clock.columns["op_us"]) == len(g.op_name)
    assert (clock.columns["op_us"] > 0).all()
    ran = ~np.isnan(clock.columns["node_us"])
    assert ran.sum() == sum(tape.strings[n] != "AccumulateGrad" for n in g.node_name) - 0


def test_large_gradients_are_estimated_and_leaves_exact() -> None:
    with ts.record() as tape:
        w = ts.randn(400, 300, requires_grad=True)
        y = (w * 2.0).tanh()
        y.retain_grad()
        (y * y).sum().backward()
        tape.step()
    (frame,) = pages(tape, "gradients")
    names = [tape.strings[n] for n in tape.graphs[0].node_name]
    norm = {names[i]: n for i, n in zip(frame.columns["node"], frame.columns["norm"], strict=True)}
    np.testing.assert_allclose(norm["TanhBackward0"], np.linalg.norm(y.grad.numpy()), rtol=0.1)
    np.testing.assert_allclose(norm["AccumulateGrad"], np.linalg.norm(w.grad.numpy()), rtol=1e-4)


@pytest.mark.parametrize("size", [5, 200_000])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_non_finite_value_is_never_missed(size: int, bad: float) -> None:
    model = nn.Linear(4, 4)
    opt = optim.SGD(model.parameters(), lr=0.1)
    with ts.record(values="health") as tape:
        for i in range(4):
            x = ts.rand(size) + 1
            if i == 3:
                x[size // 2] = bad
            y = x * 2
            z = ts.sqrt(y + 1)
            loss = model(ts.ones(1, 4)).sum() + (z[:2] * 0).sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
    found = [t for t in tape.recorder.values.troubles if t.what == "op"]
    assert found, "missed"
    assert {t.step for t in found} == {3}
    assert sum(t.nan + t.inf for t in found[:1]) == 1


def test_a_mask_of_minus_infinity_is_no_trouble_of_its_own() -> None:
    with ts.record() as tape:
        scores = ts.randn(4, 4, requires_grad=True)
        mask = ts.tril(ts.ones(4, 4)).bool()
        F.softmax((scores * 2).masked_fill(~mask, -math.inf), dim=-1).pow(2).sum().backward()
        tape.step()
    assert [t for t in tape.recorder.values.troubles if not t.fill] == []


def test_overflowing_squares_are_no_trouble() -> None:
    with ts.record(values="health") as tape:
        x = ts.full((5,), 1e30, requires_grad=True)
        (x * 1.0).sum().backward()
        tape.step()
    assert list(tape.recorder.values.troubles) == []


def test_the_maker_is_told_from_the_propagators() -> None:
    with ts.record() as tape:
        x = ts.tensor([1.0, 0.0, -1.0], requires_grad=True)
        y = x.log()
        z = y * 3 + 1
        z.sum().backward()
        tape.step()
    ops = [t for t in tape.recorder.values.troubles if t.what == "op"]
    assert [(t.name, t.made) for t in ops][:2] == [("log", True), ("mul", False)]
    assert (ops[0].nan, ops[0].inf) == (1, 1)
    assert ops[0].operands[0]["min"] == -1.0


def test_an_infinite_derivative_is_found_at_its_node() -> None:
    with ts.record() as tape:
        x = ts.tensor([4.0, 0.0], requires_grad=True)
        x.sqrt().sum().backward()
        tape.step()
    t = next(t for t in tape.recorder.values.troubles if t.what == "node")
    assert (t.name, t.made, t.inf) == ("SqrtBackward0", True, 1)


def test_steps_by_hand_end_where_they_are_said_to() -> None:
    w = ts.randn(3, requires_grad=True)
    with ts.record() as tape:
        for _ in range(3):
            for _ in range(2):                                 # accumulation
                (w * w).sum().backward()
            with ts.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
            tape.step()
    assert tape.step_number == 3
    assert series(tape, "loss")[0] == [0, 1, 2]
    assert [g.count for g in tape.graphs.values()] == [3]


@pytest.mark.parametrize("reset", ["none", "zero"])
def test_a_loop_without_optimizer_has_steps(reset: str) -> None:
    ts.manual_seed(0)
    w, b = ts.randn(4, 2, requires_grad=True), ts.zeros(2, requires_grad=True)
    x, y = ts.randn(16, 4), ts.randn(16, 2)
    with ts.record() as tape:
        for _ in range(6):
            loss = ((x @ w + b - y) ** 2).mean()
            loss.backward()
            with ts.no_grad():
                for p in (w, b):
                    p -= 0.1 * p.grad
                    if reset == "none":
                        p.grad = None
                    else:
                        p.grad.zero_()
    assert tape.error is None, tape.error_text
    assert tape.step_number in (5, 6)
    assert series(tape, "loss")[0][:5] == [0, 1, 2, 3, 4]
    assert len(set(series(tape, "loss")[1])) == 6
    assert sum(g.count for g in tape.graphs.values()) == 6
    assert len(tape.graphs) <= 2
    assert len(stats(tape, "weight/param0")["step"]) >= 5


def test_accumulation_counts_once() -> None:
    model, (x, y) = Net(), data()
    opt = optim.SGD(model.parameters(), lr=0.1)
    with ts.record() as tape:
        for _ in range(3):
            for i in range(4):
                F.cross_entropy(model(x[i * 8:i * 8 + 8]), y[i * 8:i * 8 + 8]).backward()
            opt.step()
            opt.zero_grad()
    assert tape.step_number == 3
    assert len(series(tape, "loss")[0]) == 3
    assert [g.count for g in tape.graphs.values()] == [3]


def test_logged_values_belong_to_the_step_just_done() -> None:
    tape = train(4, evaluate=True)
    assert series(tape, "accuracy")[0] == [0, 1, 2, 3]
    with ts.record() as tape:
        tape.log_scalar("a", 1)
        tape.log_scalars({"b": 2, "c": np.float32(3)})
        tape.log_scalars("val", {"d": ts.tensor(4.0)}, step=7)
    assert [series(tape, t) for t in ("a", "b", "c", "val/d")] == [([0], [1.0]), ([0], [2.0]), ([0], [3.0]), ([7], [4.0])]
    tape.log_scalar("a", 2)                                    # after the end: nothing, and no error
    assert series(tape, "a")[1] == [1.0]


def test_a_logged_value_must_be_a_number() -> None:
    with ts.record() as tape:
        with pytest.raises(ValueError, match=r"takes one number; this has shape \[2\]"):
            tape.log_scalar("a", ts.ones(2))
        with pytest.raises((TypeError, ValueError)):
            tape.log_scalar("a", "high")
        assert tape.state == "recording"


def test_filters_limit_values_not_structure() -> None:
    tape = train(2, module="encoder*", values="histogram")
    keys = {tape.strings[k] for f in pages(tape, "stats") for k in f.columns["key"]}
    assert {k.partition("/")[2] for k in keys if k.startswith("weight/")} == {"encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias"}
    assert not any(k.startswith("activation/head") for k in keys)
    assert len(tape.graphs[0].op_name) == 10
    assert len(series(tape, "grad_norm/head.weight")[0]) == 2   # norms are of health, and complete


def test_probes() -> None:
    model = Net()
    opt = optim.SGD(model.parameters(), lr=0.1)
    with ts.record() as tape:
        train(2, model=model, opt=opt, tape=tape)
        for key in ("activation/encoder.1", "weight/head.weight", "grad/head.bias", "output/2"):
            tape.probe(key)
        with pytest.raises(ValueError, match="a probe is"):
            tape.probe("nonsense")
        train(3, model=model, opt=opt, tape=tape)
        tape.unprobe("activation/encoder.1")
        train(1, model=model, opt=opt, tape=tape)
    assert tape.error is None, tape.error_text
    steps = {k: [f.meta["step"] for f in pages(tape, "tensor", id=k)] for k in ("activation/encoder.1", "weight/head.weight", "grad/head.bias", "output/2")}
    assert steps["activation/encoder.1"] == [2, 3, 4]
    assert steps["weight/head.weight"] == steps["grad/head.bias"] == steps["output/2"] == [2, 3, 4, 5]
    last = pages(tape, "tensor", id="weight/head.weight")[-1]
    np.testing.assert_array_equal(last.columns["values"].reshape(last.meta["shape"]), array(model.head.weight))
    assert last.meta["dtype"] == "float32"
    assert last.meta["strided"] == 0
    np.testing.assert_allclose(last.meta["stats"]["mean"], array(model.head.weight).mean(), rtol=1e-4)
    small = pages(tape, "tensor", id="weight/head.weight", max_bytes=1)[-1]
    assert small.columns["values"].size <= 256


def test_of_a_large_value_come_its_first_rows_whole() -> None:
    from tapescope.tape.probes import tensor_frame

    a = np.arange(64 * 6 * 20 * 20, dtype=np.float32).reshape(64, 6, 20, 20)
    f = tensor_frame("activation/conv", 3, (a, a.shape, "float32"), 65_536)
    assert (f.meta["shape"], f.meta["part"], f.meta["every"]) == ([64, 6, 20, 20], [6, 6, 20, 20], 1)
    np.testing.assert_array_equal(f.columns["values"].reshape(f.meta["part"]), a[:6])
    every = tensor_frame("activation/conv", 3, (a[::4], a.shape, "float32"), 1 << 20)
    assert (every.meta["part"], every.meta["every"]) == ([16, 6, 20, 20], 4)
    row = tensor_frame("weight/long", 3, (a.reshape(1, -1), (1, a.size), "float32"), 65_536)
    assert "part" not in row.meta
    assert row.columns["values"].size <= 16_384


def test_of_media_a_page_gets_the_newest_of_each_tag() -> None:
    with ts.record() as tape:
        for i in range(30):
            tape.log("text", "often", f"{i}", step=i)
        tape.log("text", "once", "x", step=0)
        for part in ("vertices", "faces"):
            tape.log("mesh", "chair", np.zeros((1, 4, 3)), step=1, meta={"part": part})
    frames, cursor = tape.frames("media", most=4)
    assert [(f.meta["tag"], f.meta["step"], f.meta.get("part")) for f in frames] == [("often", 29, None), ("once", 0, None), ("chair", 1, "vertices"), ("chair", 1, "faces")]
    assert tape.frames("media", cursor, most=4)[0] == []
    assert len(tape.frames("media", id="often")[0]) == 30


def test_labels_come_from_the_loss_when_something_is_probed() -> None:
    model = Net()
    with ts.record() as tape:
        tape.probe("activation/head")
        train(2, model=model, tape=tape)
        assert sorted(tape.recorder.values.labels) == [0, 1]
        tape.labels(np.arange(5))
        assert tape.recorder.values.labels[2].tolist() == list(range(5))


def test_a_batch_that_is_only_evaluated_has_its_labels_too() -> None:
    model, classes = nn.Sequential(nn.Linear(4, 3)), ts.tensor([0, 2, 1, 1])
    with ts.record() as tape:
        tape.probe("input/0")
        with ts.no_grad():
            F.cross_entropy(model(ts.randn(4, 4)), classes)
    assert tape.frames("tensor", id="input/0")[0][-1].meta["labels"] == [0, 2, 1, 1]


def test_full_copies_what_arrives_at_every_node(tmp_path: Path) -> None:
    model, x, y = Net(), *data(5)
    with ts.record(tmp_path / "a", values="full") as tape:
        for _ in range(2):
            model.zero_grad()
            out = model(x)
            out.retain_grad()
            loss = F.cross_entropy(out, y)
            loss.backward()
            tape.step()
    tape.follower.close()
    g = next(iter(tape.graphs.values()))
    names = [g.strings[i] for i in g.node_name]
    ran = {r for r, o in enumerate(g.node_op) if o >= 0}
    for read in (tape, ts.load_tape(tmp_path / "a")):
        assert {int(k.partition("/")[2]) for k in read.copied_keys() if k.startswith("gradient/")} == ran
        (last,) = (i.data[0] for i in read.copies(f"gradient/{names.index('NllLossBackward0')}", None, 1 << 20, (1, 1))[0])
        assert float(last) == 1.0
        rows = [r for r, name in enumerate(names) if name == "AddmmBackward0"]
        found = [i.data[0] for r in rows for i in read.copies(f"gradient/{r}", None, 1 << 20, (1, 1))[0] if i.data[0].shape == out.shape]
        assert any(np.array_equal(a, out.grad.numpy()) for a in found)


def test_full_stops_at_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapescope.tape import values

    monkeypatch.setattr(values, "FULL_BYTES", 20_000)
    tape = train(20, values="full")
    assert any("no more are made" in n for n in tape.status()["notes"])
    assert tape.recorder.values.kept <= 20_000


def test_logged_histograms_and_embeddings() -> None:
    with ts.record() as tape:
        tape.log("histogram", "noise", np.random.default_rng(0).standard_normal(1000), 3)
        tape.log("embedding", "words", ts.eye(4), 0, {"metadata": ["a", "b", "c", "d"]})
        tape.log("image", "picture", ts.zeros(3, 4, 4))
    assert sum(f.columns["count"].sum() for f in pages(tape, "histograms", id="noise")) == 1000
    assert pages(tape, "tensor", id="embedding/words")[0].meta["shape"] == [4, 4]
    picture, = pages(tape, "media")
    assert picture.meta["shape"] == [3, 4, 4] and picture.columns["bytes"].view(picture.meta["dtype"]).size == 48
    with pytest.raises(TypeError, match="bytes, text or an array can be logged, not dict"), ts.record() as tape:
        tape.log("table", "t", {})


def test_a_weight_of_an_ended_recording_is_there_until_somebody_changes_it() -> None:
    model = Net()
    tape = train(3, model=model)
    tape.probe("weight/head.weight")
    tape.probe("weight/head.weight")                           # a second view asks for the same
    (frame,) = pages(tape, "tensor", id="weight/head.weight")
    assert frame.meta["step"] == 2
    np.testing.assert_array_equal(frame.columns["values"].reshape(frame.meta["shape"]), array(model.head.weight))
    with ts.no_grad():
        model.encoder[0].weight.mul_(2)
    with pytest.raises(RuntimeError, match="changed since"):
        tape.probe("weight/encoder.0.weight")
    for key in ("activation/encoder.1", "weight/nobody"):
        with pytest.raises(RuntimeError, match=r"has ended: .* can be looked at in the next one"):
            tape.probe(key)
