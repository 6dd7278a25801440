"""What a recording knows of the structure of a program: ops, sources, modules, nodes, sites, and when it is the same again."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.tape import from_root, registry

from .programs import Net, check, data, pages, split, tables, train


def test_every_step_is_the_same_structure() -> None:
    tape = train(6)
    assert list(tape.graphs) == [0]
    g = tape.graphs[0]
    assert (g.first, g.last, g.count) == (0, 5, 6)
    assert [(f.meta["graph"], f.meta["step"]) for f in pages(tape, "clocks")] == [(0, s) for s in range(6)]


def test_names_modules_and_parameters() -> None:
    g = tables(train(2))[0]
    assert list(zip(g["mod_path"], g["mod_class"], g["mod_parent"], strict=True)) == [
        ("", "Net", -1), ("encoder", "Sequential", 0), ("encoder.0", "Linear", 1), ("encoder.1", "ReLU", 1), ("encoder.2", "Linear", 1),
        ("encoder.3", "ReLU", 1), ("head", "Linear", 0)]
    parameters = [n for n, k in zip(g["src_name"], g["src_kind"], strict=True) if k == 1]
    assert set(parameters) == {n for n, _ in Net().named_parameters()}
    first, last = g["mod_first"][2], g["mod_last"][2]
    assert {g["mod_path"][m] for m in g["op_module"][first:last + 1]} == {"encoder.0"}
    assert all(x >= 0 for x in g["mod_last"])
    assert [g["op_shape"][i] for i, n in enumerate(g["op_name"]) if n == "relu"] == ["32x16", "32x16"]
    assert g["op_shape"][-1] == ""


def test_the_backward_graph_mirrors_the_forward() -> None:
    g = tables(train(1))[0]
    rows = {n: [i for i, m in enumerate(g["node_name"]) if m == n] for n in set(g["node_name"])}
    assert len(rows["AccumulateGrad"]) == 6
    for i in rows["AccumulateGrad"]:
        assert g["src_kind"][g["node_src"][i]] == 1
        assert g["node_op"][i] == -1
    nexts = split(g["node_next"], g["node_nexts"])
    for i, name in enumerate(g["node_name"]):
        if name == "ReluBackward0":
            assert g["op_name"][g["node_op"][i]] == "relu"
            assert [g["node_name"][m] for m in nexts[i]] == ["AddmmBackward0"]
    reached, stack = set(), [len(g["node_name"]) - 1]
    while stack:
        i = stack.pop()
        if i >= 0 and i not in reached:
            reached.add(i)
            stack += nexts[i]
    assert reached == set(range(len(g["node_name"])))


def test_lines_are_the_users() -> None:
    g = tables(train(1))[0]
    texts = {g["site_text"][s] for s in g["op_site"]}
    assert "loss = F.cross_entropy(model(x), y)" in texts
    assert all(f.endswith("programs.py") for f in g["site_file"])


def test_training_and_evaluation_alternate() -> None:
    tape = train(8, evaluate=True)
    graphs = tables(tape)
    assert len(graphs) == 2
    assert [g.count for g in tape.graphs.values()] == [8, 8]
    assert [f.meta["graph"] for f in pages(tape, "clocks")] == [0, 1] * 8
    assert "node_name" not in graphs[1]
    assert all(f & 4 for f in graphs[1]["op_flags"])


def test_a_loop_of_evaluation_batches_is_one_structure() -> None:
    model, (x, _) = Net(), data()
    with ts.record() as tape:
        train(2, model=model, tape=tape)
        with ts.no_grad():
            for n in (32, 32, 20, 7):
                model(x[:n]).argmax(1)
        train(2, model=model, tape=tape)
    counts = [g.count for g in tape.graphs.values()]
    assert len(counts) <= 5                                    # with and without the slice of the next batch, before or after
    assert sum(counts) == 8


def test_batches_of_other_sizes_are_the_same_structure() -> None:
    model = Net()
    opt = optim.SGD(model.parameters(), lr=0.1)
    with ts.record() as tape:
        for n in (32, 32, 9):
            train(1, model=model, opt=opt, tape=tape, n=n)
    assert [g.count for g in tape.graphs.values()] == [3]


def test_dynamic_control_flow_opens_structures_and_finds_them_again() -> None:
    w = ts.randn(4, 4, requires_grad=True)
    opt = optim.SGD([w], lr=0.0)
    with ts.record() as tape:
        for depth in (2, 3, 2, 3, 3, 2, 5):
            x = ts.ones(4, 4)
            for _ in range(depth):
                x = (x @ w).tanh()
            x.sum().backward()
            opt.step()
    assert [f.meta["graph"] for f in pages(tape, "clocks")] == [0, 1, 0, 1, 1, 0, 2]
    assert [sum(n == "tanh" for n in g["op_name"]) for g in tables(tape).values()] == [2, 3, 5]


def test_connections_are_part_of_the_structure() -> None:
    """The same ops on the same line, wired otherwise, are another structure."""
    with ts.record() as tape:
        for order in ((0, 1), (1, 0), (0, 1)):
            a = [ts.ones(3), ts.ones(3)]
            b = [t + t for t in a]
            for i in order:
                b[i] * 2.0
            tape.step()
    assert [f.meta["graph"] for f in pages(tape, "clocks")] == [0, 1, 0]


def test_the_first_step_can_be_read_while_it_runs() -> None:
    model, (x, y) = Net(), data()
    with ts.record() as tape:
        seen: list[tuple[int, int]] = []
        model.encoder.register_forward_hook(lambda *a: seen.append((len(tables(tape)[0]["op_name"]), len(tables(tape)[0]["mod_path"]))))
        F.cross_entropy(model(x), y)
        assert seen[0][0] >= 4
        assert seen[0][1] == 6
        frames, cursor = tape.frames("graph")
        x * 2
        more, _ = tape.frames("graph", cursor)
    assert [len(f.columns["op_name"]) for f in more] == [1]
    assert more[0].meta["start"]["op"] == len(frames[-1].columns["op_name"])


def test_reading_in_small_pages_gives_the_same() -> None:
    tape = train(3, evaluate=True, model=nn.Sequential(*[nn.Linear(8, 8) for _ in range(60)], nn.Linear(8, 3)))
    whole, small = tables(tape), tables(tape, max_bytes=1024)
    assert whole == small
    assert len(pages(tape, "graph", max_bytes=1024)) > 2


def test_code_without_any_optimizer_can_be_read() -> None:
    with ts.record() as tape:
        a = ts.ones(3, requires_grad=True)
        (a * a + 1).sum().backward()
    g = tables(tape)[0]
    assert g["op_name"] == ["mul", "add", "sum"] or g["op_name"][:2] == ["mul", "add"]
    assert g["src_kind"] == [1]
    assert g["src_name"] == ["param0"]
    assert tape.status()["step"] == 0


def test_ops_after_the_last_step_can_be_read() -> None:
    model, (x, _) = Net(), data()
    with ts.record() as tape:
        train(2, model=model, tape=tape)
        with ts.no_grad():
            F.softmax(model(x), dim=1).max(1)
    assert "softmax" in tables(tape)[1]["op_name"]


def test_inputs_constants_and_buffers() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))
    x = ts.randn(16, 8)
    with ts.record() as tape:
        (model(x) * ts.tensor(2.0)).sum().backward()
    g = tables(tape)[0]
    kinds = dict(zip(g["src_name"], g["src_kind"], strict=True))
    assert kinds["input0"] == 0
    assert kinds["0.weight"] == kinds["1.bias"] == 1
    assert kinds["const0"] == 3


def test_shared_modules_are_several_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.layer(self.layer(x).relu())

    with ts.record() as tape:
        Twice()(ts.randn(2, 4)).sum().backward()
    g = tables(tape)[0]
    assert g["mod_path"] == ["", "layer", "layer"]
    assert g["mod_call"] == [0, 0, 1]
    assert g["src_name"].count("layer.weight") == 1


def test_two_roots_have_names_of_their_own() -> None:
    g_net, d_net = nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(3, 1))
    opt_d, opt_g = optim.SGD(d_net.parameters(), lr=0.1), optim.SGD(g_net.parameters(), lr=0.1)
    with ts.record() as tape:
        for _ in range(5):                                     # a small GAN loop
            fake = g_net(ts.randn(4, 2))
            d_loss = d_net(fake.detach()).mean() - d_net(ts.randn(4, 3)).mean()
            opt_d.zero_grad()
            d_loss.backward()
            opt_d.step()
            opt_g.zero_grad()
            g_loss = -d_net(fake).mean()
            g_loss.backward()
            opt_g.step()
    assert tape.error is None
    names = {p.name for p in tape.recorder.names.params}
    assert names == {"0.weight", "0.bias", "Sequential.0.weight", "Sequential.0.bias"}
    assert tape.step_number == 5
    for g in tables(tape).values():
        check(g)
    assert len(tape.graphs) <= 3
    tags = set(tape.strings)
    assert {"loss", "loss/g_loss"} <= tags


def test_modules_made_inside_a_forward_do_not_multiply_structures() -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return nn.ReLU()(self.layer(x))

    model = Lazy()
    opt = optim.SGD(model.parameters(), lr=0.1)
    with ts.record() as tape:
        for _ in range(4):
            model(ts.randn(2, 4)).sum().backward()
            opt.step()
            opt.zero_grad()
    assert [g.count for g in tape.graphs.values()] == [4]


def test_in_place_and_views_are_flagged() -> None:
    with ts.record() as tape:
        x = ts.ones(2, 3)
        x.add_(1)
        y = x.t()
        y * 2
    g = tables(tape)[0]
    flags = dict(zip(g["op_name"], g["op_flags"], strict=True))
    assert flags["add"] & 1
    assert any(f & 2 for f in g["op_flags"])
    rows = split(g["op_in"], g["op_inputs"])
    assert rows[g["op_name"].index("mul")] == [1]
    assert rows[1] == [0]                                      # the view reads what add_ has written


def test_a_pass_that_never_ends_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapescope.tape import recorder

    monkeypatch.setattr(recorder, "OP_LIMIT", 50)
    with ts.record() as tape:
        x = ts.ones(2)
        for _ in range(200):
            x = x + 1
        tape.step()
        y = x * 2
    assert y[0].item() == 402
    status = tape.status()
    assert status["dropped"]["ops"] == 150
    assert any("tape.step()" in n for n in status["notes"])


def test_too_many_structures_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapescope.tape import course

    monkeypatch.setattr(course, "ROW_LIMIT", 300)
    with ts.record() as tape:
        for n in range(1, 40):
            x = ts.ones(2)
            for _ in range(n):
                x = x + 1
            tape.step()
    assert tape.error is None
    assert sum(len(g.op_name) for g in tape.graphs.values()) < 700
    assert 38 in tape.graphs
    tables(tape)


def test_reading_from_another_thread_while_it_runs() -> None:
    stop, errors = threading.Event(), []

    def read(tape: Any) -> None:
        try:
            while not stop.is_set():
                tables(tape)
                for kind in ("clocks", "gradients", "scalars", "stats", "histograms", "status"):
                    tape.frames(kind)
        except BaseException as e:
            errors.append(e)

    with ts.record() as tape:
        thread = threading.Thread(target=read, args=(tape,))
        thread.start()
        for width in (4, 8, 16, 32):
            train(25, model=Net(width), tape=tape, evaluate=True)
        stop.set()
        thread.join()
    assert not errors, errors[0]
    assert tape.step_number == 100


def test_from_root_walks_a_loss_without_a_recording() -> None:
    model, (x, y) = Net(), data()
    loss = F.cross_entropy(model(x), y)
    tape = from_root(loss, module=model)
    assert tape.state == "stopped"
    g = tables(tape)[0]
    recorded = tables(train(1))[0]
    assert sorted(g["node_name"]) == sorted(recorded["node_name"])
    assert {n for n, k in zip(g["src_name"], g["src_kind"], strict=True) if k == 1} == {n for n, _ in model.named_parameters()}
    assert "loss = F.cross_entropy(model(x), y)" in {g["site_text"][s] for s in g["op_site"] if s >= 0}
    assert registry.get(tape.id) is tape
    with pytest.raises(RuntimeError, match="no grad_fn"):
        from_root(x)


def test_create_graph_and_double_backward_are_recorded() -> None:
    with ts.record() as tape:
        x = ts.randn(4, requires_grad=True)
        (g,) = ts.autograd.grad((x ** 3).sum(), x, create_graph=True)
        g.pow(2).sum().backward()
    assert tape.error is None
    t = tables(tape)[0]
    assert any(f & 8 for f in t["op_flags"])
    assert np.isfinite(x.grad.numpy()).all()


def test_the_end_tells_the_steps_of_every_structure_once() -> None:
    with ts.record() as tape:
        w = ts.ones(2, requires_grad=True)
        cursor = None
        for i in range(5):
            (w * 2).sum().backward()
            tape.step()
            frames, cursor = tape.frames("graph", cursor)
            assert bool(frames) == (i == 0)
    frames, cursor = tape.frames("graph", cursor)
    assert [f.meta["steps"] for f in frames] == [[0, 4, 5]]
    assert frames[0].columns == {}
    assert tape.frames("graph", cursor)[0] == []
