"""Real PyTorch models on the tape: structure, ownership, values, findings; gradients bit for bit, and PyTorch left as it was."""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the adapter has nothing to listen to")

import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import tapescope as ts  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402
from tapescope.adapters.torch.nodes import roots_of, walk  # noqa: E402

from .torch_models import MODELS, gradients, same, traces  # noqa: E402


@pytest.fixture(autouse=True)
def left_as_found():
    """Every test leaves PyTorch as it found it."""
    torch.manual_seed(0)
    before = traces()
    yield
    assert traces() == before


def trained(model, loss, steps=6, lr=0.05, optimizer=torch.optim.SGD, **options):
    opt = optimizer(model.parameters(), lr)
    with tst.record(model, **options) as tape:
        for _ in range(steps):
            opt.zero_grad()
            loss().backward()
            opt.step()
    assert tape.error is None, tape.error_text
    return tape


def column(tape, kind, tag):
    name, value = ("tag", "value") if kind == "scalars" else ("key", "norm")
    return [(int(s), v) for f in tape.frames(kind, max_bytes=1 << 30)[0]
            for k, s, v in zip(f.columns[name], f.columns["step"], f.columns[value], strict=True) if tape.strings[int(k)] == tag]


def current(tape):
    return tape.graphs[tape.recorder.current]


def words(tape, rows):
    return [tape.strings[i] for i in rows]


@pytest.mark.parametrize("values", ["none", "full"])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_the_same_and_nodes_have_owners(name, values):
    model, loss = MODELS[name]()

    def run():
        model.zero_grad()
        torch.manual_seed(5)
        loss().backward()
        return gradients(model)

    plain = run()
    opt = torch.optim.SGD(model.parameters(), 0.0)
    with tst.record(model, values=values) as tape:
        for _ in range(4):
            recorded = run()
            opt.step()
        held = loss()
        nodes, leaves = walk(roots_of([held]))
        rows = [tape.recorder.row_of(seq) for _, seq in nodes]
        graph = current(tape)
        unowned = [n.name() for (n, _), row in zip(nodes, rows, strict=True) if row is None or graph.node_op[row] < 0]
        for (n, _), row in zip(nodes, rows, strict=True):
            assert row is None or words(tape, [graph.node_name[row]])[0] == n.name().rpartition("::")[2]
    assert tape.error is None, tape.error_text
    assert same(plain, recorded)
    assert len(unowned) <= 0.01 * len(nodes), unowned
    assert tape.findings() == []
    ours = {tape.strings[graph.src_name[s]] for s in graph.acc_node}
    assert len(ours) >= len(leaves) > 0 and ours - {"param0"} <= {n for n, _ in model.named_parameters()}      # a reentrant checkpoint's operand is a leaf


def test_ops_are_what_the_user_wrote():
    tape = trained(*MODELS["in_place"]())
    g = current(tape)
    assert words(tape, g.op_name) == ["linear", "clone", "setitem", "getitem", "add_", "setitem", "mul_", "view", "transpose", "mT", "reshape", "chunk", "cat",
                                      "relu_", "linear", "cross_entropy"]
    flags = dict(zip(words(tape, g.op_name), g.op_flags, strict=True))
    assert flags["add_"] & 1 and flags["mul_"] & 1 and flags["setitem"] & 1 and flags["view"] & 2 and flags["mT"] & 2
    assert not flags["linear"] & 3 and not flags["cat"] & 3
    _, first = inspect.getsourcelines(sys.modules[MODELS["in_place"].__module__].InPlace.forward)
    file, line, _, text = g.where(1)
    assert file.endswith("torch_models.py") and text == "h = self.first(x).clone()" and line == first + 1
    assert words(tape, [g.mod_path[g.op_module[0]], g.op_shape[0], g.op_dtype[0]]) == ["first", "16x12", "float32"]


def test_modules_called_twice_and_sources():
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    x = torch.randn(5, 4)
    tape = trained(model, lambda: model(x).sum())
    g = current(tape)
    assert list(zip(words(tape, g.mod_path), g.mod_call, strict=True)) == [("", 0), ("0", 0), ("1", 0), ("0", 1)]
    assert words(tape, g.src_name) == ["input0", "0.weight", "0.bias"]
    assert len(tape.graphs) == 1 and g.count == 6


def test_recomputed_ops_are_marked():
    tape = trained(*MODELS["checkpointed"]())
    g = current(tape)
    marked = [(name, bool(flag & 8)) for name, flag in zip(words(tape, g.op_name), g.op_flags, strict=True)]
    assert marked == [("linear", False), ("relu", False), ("linear", False), ("relu", False), ("linear", False), ("linear", False), ("pow", False), ("mean", False),
                      ("linear", True), ("relu", True)]


def test_values_are_those_of_the_model():
    model, loss = MODELS["mlp"]()
    seen = []

    class Watching(torch.optim.SGD):
        def step(self, *args):
            before = {n: p.detach().clone() for n, p in model.named_parameters()}
            norm = {n: float(p.grad.norm()) for n, p in model.named_parameters()}
            super().step(*args)
            seen.append((norm, {n: float((p.detach() - before[n]).norm() / p.detach().norm()) for n, p in model.named_parameters()}))

    tape = trained(model, loss, optimizer=Watching, values="histogram")
    for name, p in model.named_parameters():
        norms = column(tape, "scalars", f"grad_norm/{name}")
        assert [s for s, _ in norms] == list(range(6))
        assert np.allclose([v for _, v in norms], [n[name] for n, _ in seen], rtol=1e-5)
        assert np.allclose(column(tape, "stats", f"weight/{name}")[-1][1], float(p.detach().norm()), rtol=1e-5)
        ratios = [v for _, v in column(tape, "scalars", f"update_ratio/{name}")]
        assert np.allclose(ratios, [u[name] for _, u in seen], rtol=1e-2)
    assert len(column(tape, "scalars", "loss")) == 6 and {v for _, v in column(tape, "scalars", "lr")} == {0.05}
    counts = {}
    for f in tape.frames("histograms", max_bytes=1 << 30)[0]:
        ends = np.cumsum(f.columns["length"].astype(int))
        for key, end, n in zip(f.columns["key"], ends, f.columns["length"], strict=True):
            counts[tape.strings[int(key)]] = int(f.columns["count"][end - int(n):end].sum())
    assert counts["weight/0.weight"] == counts["grad/0.weight"] == counts["update/0.weight"] == 128 and counts["activation/1"] == 32 * 16


def test_gradient_norms_of_nodes():
    model, loss = MODELS["mlp"]()
    opt = torch.optim.SGD(model.parameters(), 0.1)
    arrived = {}
    with tst.record(model) as tape:
        opt.zero_grad()
        last = loss()
        rows = {}
        for n, seq in walk(roots_of([last]))[0]:
            n.register_prehook(lambda g, seq=seq: arrived.setdefault(seq, float(g[0].norm())) and None)
            rows[tape.recorder.row_of(seq)] = seq
        last.backward()
        opt.step()
    f = tape.frames("gradients")[0][0]
    norms = dict(zip(f.columns["node"].tolist(), f.columns["norm"].tolist(), strict=True))
    assert len(rows) == 10 and all(norms[row] == pytest.approx(arrived[seq], rel=1e-5) for row, seq in rows.items())
    clocks = tape.frames("clocks")[0][0].columns
    assert np.isfinite(clocks["op_us"]).all() and np.isfinite(clocks["node_us"][list(rows)]).all()


def test_probes_labels_and_views():
    model, loss = MODELS["mlp"]()
    opt = torch.optim.Adam(model.parameters(), 0.01)
    with tst.record(model, values="histogram") as tape:
        tape.probe("activation/1")
        tape.probe("weight/4.weight")
        tape.probe("grad/0.bias")
        for _ in range(3):
            opt.zero_grad()
            value = loss()
            value.backward()
            opt.step()
            tape.log_scalar("accuracy", torch.tensor(0.5))
            tape.log_scalars("train", {"loss": value})
        with torch.no_grad():
            torch.nn.functional.cross_entropy(model(torch.ones(32, 8)), torch.tensor([0, 2, 1, 1] * 8))
    probes = {f.meta["key"]: f.meta["shape"] for f in tape.frames("tensor", max_bytes=1 << 30)[0]}
    assert probes == {"activation/1": [32, 16], "weight/4.weight": [3, 16], "grad/0.bias": [16]}
    assert tape.recorder.values.labels[0].shape == (32,)
    assert tape.recorder.values.labels[3].tolist() == [0, 2, 1, 1] * 8, "a batch that is only evaluated has its labels, too"
    assert [s for s, _ in column(tape, "scalars", "train/loss")] == [0, 1, 2]
    from tapescope.views.static.graph import graph_svg
    from tapescope.views.static.histograms import histograms_svg
    from tapescope.views.static.metrics import metrics_svg
    from tapescope.views.static.projector import projector_svg

    assert ">linear<" in graph_svg(tape) or "Linear" in graph_svg(tape)
    assert "0.weight" in histograms_svg(tape) and "loss" in metrics_svg(tape)
    assert projector_svg(tape, "1").count("<circle") + projector_svg(tape, "1").count("<path") > 0
    for view in (tape.graph(), tape.backward(), tape.histograms(), tape.metrics(), tape.projector("1"), tape.tensor("activation/1"), tape.findings_view(), tape.dashboard()):
        assert view is not None


def test_findings_on_a_sick_model():
    x = torch.rand(16, 4)
    model = nn.Linear(4, 4)
    never = nn.Linear(2, 2)
    opt = torch.optim.SGD([*model.parameters(), *never.parameters()], 0.1)
    with tst.record(model) as tape:
        for _ in range(4):
            opt.zero_grad()
            roots = torch.sqrt(model(x).relu() * 0)             # its derivative is infinite at 0
            roots.sum().backward()
            opt.step()
    found = {f.rule: f for f in tape.findings()}
    assert "SqrtBackward0" in found["non-finite"].title and found["non-finite"].step == 0
    assert found["non-finite"].source[0] == __file__ and "parameter" not in found["non-finite"].title
    assert {f.parameter for f in tape.findings() if f.rule == "no-gradient"} == {"param0", "param1"}
    y = torch.zeros(3, requires_grad=True)
    model = nn.Linear(4, 4)
    nn.init.constant_(model.weight, 10.0)
    with tst.record(model) as tape:
        model(torch.full((4,), 1e38)).sum().backward()          # of a vector: a view of what is new
    assert any("linear made 4 inf of 4" in f.title for f in tape.findings()), tape.findings()
    with tst.record() as tape:
        (torch.log(y) * y).sum().backward()
    assert any("log made 3 inf of 3" in f.title for f in tape.findings())


def test_dead_relu_is_found_and_a_healthy_run_is_silent():
    model, loss = MODELS["mlp"]()
    assert trained(model, loss, steps=30).findings() == []
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    assert "dead-relu" in {f.rule for f in trained(model, loss, steps=30).findings()}


def test_every_listens_to_every_kth_step():
    model, loss = MODELS["mlp"]()
    tape = trained(model, loss, steps=12, every=5, values="histogram")
    assert [f.meta["step"] for f in tape.frames("clocks")[0]] == [0, 5, 10]
    assert [s for s, _ in column(tape, "scalars", "loss")] == list(range(12))
    assert [s for s, _ in column(tape, "stats", "grad/0.weight")] == [0, 5, 10]
    leaf = torch.randn(3, requires_grad=True)
    with tst.record(every=3) as tape:                          # no optimizer: steps end where gradients were cleared
        for _ in range(6):
            leaf.grad = None
            (leaf * 2).sum().backward()
    assert tape.step_number == 5 and [f.meta["step"] for f in tape.frames("clocks")[0]] == [0, 3]


def test_nothing_is_kept_alive():
    model, loss = MODELS["cnn"]()
    tape = trained(model, loss, values="histogram")
    with tst.record(model):
        out = loss()
        gone = weakref.ref(out)
        out.backward()
        del out
        assert gone() is None
    assert all(not p.__dict__ and not p._backward_hooks and not p._post_accumulate_grad_hooks for p in model.parameters())
    parameter = weakref.ref(next(model.parameters()))
    del model, loss
    gc.collect()
    assert parameter() is None
    assert tape.findings() == [] and "6 steps" in repr(tape)


def test_evaluation_and_inference_mode():
    model, loss = MODELS["cnn"]()
    opt = torch.optim.SGD(model.parameters(), 0.01)
    x = torch.randn(8, 1, 12, 12)
    with tst.record(model) as tape:
        for _ in range(3):
            opt.zero_grad()
            loss().backward()
            opt.step()
            model.eval()
            with torch.inference_mode():
                accuracy = (model(x).argmax(1) == 0).float().mean()
            model.train()
        assert 0 <= float(accuracy) <= 1
    assert tape.error is None, tape.error_text
    g = max(tape.graphs.values(), key=lambda g: g.count if not g.node_name else -1)
    assert not g.node_name and words(tape, g.op_name)[-2:] == ["float", "mean"]
    assert current(tape).node_name


def test_exceptions_pass_and_leave_nothing():
    class Bad(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.fail = True

        def forward(self, x):
            y = self.fc(x)
            if self.fail:
                raise ValueError("no")
            return y

    model, x = Bad(), torch.randn(2, 4)
    opt = torch.optim.LBFGS(model.parameters())
    with tst.record(model) as tape:
        with pytest.raises(ValueError, match="no"):
            model(x)
        with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
            torch.mm(x, x)
        model.fail = False
        model(x).sum().backward()
        y = model(x)
        y.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            y.sum().backward()
        with pytest.raises(ZeroDivisionError):
            opt.step(lambda: 1 / 0)
        model(x).sum().backward()
    assert tape.error is None, tape.error_text
    assert not tape.recorder.open and words(tape, current(tape).op_name)[-2:] == ["linear", "sum"]
    with pytest.raises(KeyError), tst.record(model):
        raise KeyError


def test_a_closure_is_the_model():
    model, loss = MODELS["mlp"]()
    opt = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        opt.zero_grad()
        value = loss()
        value.backward()
        return value

    with tst.record(model) as tape:
        for _ in range(3):
            opt.step(closure)
    assert tape.error is None, tape.error_text
    assert tape.step_number == 3 and "cross_entropy" in words(tape, current(tape).op_name) and "dot" not in words(tape, current(tape).op_name)


def test_recordings_nest_and_native_tensors_may_be_in_between():
    model, loss = MODELS["mlp"]()
    with tst.record(model) as outer:
        loss().backward()
        with tst.record(model) as inner:
            loss().backward()
            with ts.record() as native:
                (ts.ones(3, requires_grad=True) * 2).sum().backward()
            with torch.device("cpu"):
                loss().backward()
        loss().backward()
    assert all(words(t, current(t).op_name)[:6] == ["linear", "relu", "linear", "tanh", "linear", "cross_entropy"] for t in (outer, inner))
    assert words(native, current(native).op_name) == ["mul", "sum"]
    assert outer.error is None and inner.error is None


def test_another_thread_is_not_heard_and_may_stop():
    model, loss = MODELS["mlp"]()
    with tst.record(model) as tape:
        for work in (lambda: loss().backward(), tape.stop):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            assert not tape.graphs
        loss().backward()
        loss().backward()
    assert tape.state == "stopped" and not tape.graphs


def test_vmap_is_skipped_with_a_word():
    model, loss = MODELS["mlp"]()
    x = torch.randn(4, 8)
    with tst.record(model) as tape:
        torch.vmap(lambda row: model(row))(x)
        torch.func.grad(lambda w: (w * 2).sum())(torch.ones(3))
        loss().backward()
    assert tape.error is None, tape.error_text
    assert any("vmap" in note for note in tape.status()["notes"])
    assert len(current(tape).op_name) == 6


def test_gradient_penalty_owns_the_nodes_of_grad():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(6, 4, requires_grad=True)
    with tst.record(model) as tape:
        y = model(x).sum()
        g, = torch.autograd.grad(y, x, create_graph=True)
        value = y + g.norm()
        nodes, _ = walk(roots_of([value]))
        assert len(nodes) > 10 and all(tape.recorder.row_of(seq) is not None for _, seq in nodes)
        value.backward()
    assert tape.error is None, tape.error_text
    assert words(tape, current(tape).op_name) == ["linear", "tanh", "linear", "sum", "grad", "norm", "add"]


def test_data_loading_and_bookkeeping_are_not_the_model():
    data = torch.utils.data.TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,)))
    model, _ = MODELS["mlp"]()
    opt = torch.optim.Adam(model.parameters())
    with tst.record(model) as tape:
        for x, y in torch.utils.data.DataLoader(data, batch_size=8, shuffle=True):
            x = (x.view(-1, 8).float() - 0.5) / 2
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
    assert tape.error is None, tape.error_text
    assert words(tape, current(tape).op_name) == ["linear", "relu", "linear", "tanh", "linear", "cross_entropy"] and len(tape.graphs) == 1


def test_what_numpy_has_no_name_for():
    model, _ = MODELS["mlp"]()
    model = model.bfloat16()
    x, y = torch.randn(32, 8, dtype=torch.bfloat16), torch.randint(0, 3, (32,))
    tape = trained(model, lambda: F.cross_entropy(model(x), y), values="full")
    assert set(words(tape, current(tape).op_dtype)) == {"bfloat16"}
    p = dict(model.named_parameters())["0.weight"]
    assert column(tape, "stats", "weight/0.weight")[-1][1] == pytest.approx(float(p.detach().float().norm()), rel=1e-5)
    table = nn.Embedding(10, 4, sparse=True)
    tape = trained(table, lambda: table(torch.tensor([1, 2, 2])).sum(), lr=0.1)
    assert column(tape, "scalars", "grad_norm/weight")[0][1] == pytest.approx((4 + 16) ** 0.5)
    with tst.record() as tape:
        (torch.ones(3, device="meta", requires_grad=True) * 2).sum()
        (torch.ones(3, dtype=torch.complex64, requires_grad=True) * 2j).conj().abs().sum().backward()
    assert tape.error is None, tape.error_text


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"record\(\) takes a torch\.nn\.Module, not list"):
        tst.record([1])
    with pytest.raises(ValueError, match="values must be one of"):
        tst.record(values="all")


@pytest.mark.parametrize("name", MODELS)
def test_kernels_under_the_ops(name, tmp_path):
    model, loss = MODELS[name]()

    def run():
        model.zero_grad()
        torch.manual_seed(5)
        loss().backward()
        return gradients(model)

    plain = run()
    opt = torch.optim.SGD(model.parameters(), 0.0)
    with tst.record(model, kernels=True) as tape:
        for _ in range(2):
            assert same(plain, run())
            opt.step()
    assert tape.error is None, tape.error_text
    table = tape.kernels()
    assert len(table) == len(current(tape).op_name) and tape.status()["capabilities"]["sees_kernels"]
    assert sum(bool(k.forward) for k in table) >= 0.6 * len(table) and any(k.backward for k in table)
    if name == "mlp":
        by = {k.op: k for k in table[::-1]}
        assert [k.name for k in by["linear"].forward] == ["aten::t", "aten::addmm"] and by["linear"].module == "0"
        assert {"aten::mm", "aten::sum"} <= {k.name for k in by["linear"].backward}
        assert {"aten::_log_softmax", "aten::nll_loss_forward"} <= {k.name for k in by["cross_entropy"].forward}
        assert any(repr(k).startswith("relu in 1: relu") and repr(k).endswith("; back: threshold_backward") for k in table)
    with tst.record(model) as plainly, pytest.raises(RuntimeError, match=r"record\(model, kernels=True\)"):
        plainly.kernels()
    assert plainly.frames("kernels")[0] == []
    frames, cursor = tape.frames("kernels")                    # what a view is told, and a recording on disk
    assert tape.frames("kernels", cursor)[0] == []
    f = frames[-1]
    said = [(int(op), int(node) >= 0, tape.strings[int(name)]) for op, node, name in zip(*(f.columns[c] for c in ("op", "node", "name")), strict=True)]
    for row in table:
        assert [n for op, back, n in said if op == row.row and not back] == [k.name for k in row.forward]
        assert sorted(n for op, back, n in said if op == row.row and back) == sorted(k.name for k in row.backward)
    stored = ts.load_tape(tape.save(tmp_path / "run"))
    g = stored.frames("kernels")[0][-1]
    assert [stored.strings[int(n)] for n in g.columns["name"]] == [n for _, _, n in said] and g.columns["us"].tolist() == f.columns["us"].tolist()
