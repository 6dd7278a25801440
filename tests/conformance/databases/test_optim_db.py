"""Every optimizer of PyTorch's own database: ten steps of a small network, and the state that they leave, equal to PyTorch's for each of its variants."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from oracle import listed, ours, quietly, ratchet, same, torch

import tapescope as ts

common = pytest.importorskip("torch.testing._internal.common_optimizers", reason="PyTorch's optimizer database is not installed: no optimizer is compared with it")
ENTRIES = {info.name: info for info in common.optim_db}
PASSING = listed("optim_db.txt")
SPARSE = [e for e in ENTRIES if ENTRIES[e].supports_sparse or ENTRIES[e].only_supports_sparse_grads]
STEPS = 10


def network(lib: Any, info: Any, dtype: str) -> tuple[list[Any], Any]:
    """Parameters of several shapes, and a closure that computes a loss of them."""
    rng = np.random.default_rng(1)
    shapes = [(4, 3), (5, 4)] if info.name == "Muon" else [(4, 3), (5, 4), (5,), ()]
    params = [lib.nn.Parameter(lib.tensor(np.asarray(rng.standard_normal(s), dtype))) for s in shapes]
    x, t = lib.tensor(rng.standard_normal((6, 3)).astype(dtype)), lib.tensor(rng.standard_normal((6, 5)).astype(dtype))

    def loss() -> Any:
        y = (x @ params[0].t()).tanh() @ params[1].t()
        for p in params[2:]:
            y = y + p
        return ((y - t) ** 2).mean()

    return params, loss


def walk(lib: Any, info: Any, options: dict[str, Any], dtype: str, groups: bool) -> tuple[Any, Any]:
    params, loss = network(lib, info, dtype)
    # parameters in two groups, the second with a rate of its own
    given = [{"params": params[:1]}, {"params": params[1:], "lr": 0.003}] if groups else params
    optimizer = getattr(lib.optim, info.name)(given, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        y = loss()
        y.backward()
        if info.only_supports_sparse_grads:
            for p in params:
                p.grad = p.grad.to_sparse()
        return y

    for _ in range(STEPS):
        if info.step_requires_closure:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return params, optimizer


def compare(info: Any, options: dict[str, Any], dtype: str, groups: bool = False) -> None:
    theirs, reference = quietly(walk, torch, info, options, dtype, groups)
    mine, optimizer = quietly(walk, ts, info, ours(options), dtype, groups)
    # a rate that is a float32 tensor makes every update as exact as that
    tight = {"rtol": 1e-7, "atol": 1e-8} if dtype == "f8" and not isinstance(options.get("lr"), torch.Tensor) else {}
    same("parameters", mine, theirs, **tight)
    assert re.sub(r"tapescope\.|torch\.", "", repr(optimizer)) == re.sub(r"torch\.", "", repr(reference))
    a, b = optimizer.state_dict(), reference.state_dict()
    assert a["param_groups"] == ours(b["param_groups"])
    assert {k: sorted(map(str, v)) for k, v in a["state"].items()} == {k: sorted(map(str, v)) for k, v in b["state"].items()}
    for k, state in b["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                same(f"state {name}", a["state"][k][name], value, **(tight if value.dtype is torch.float64 else {}))
    other = getattr(ts.optim, info.name)(network(ts, info, dtype)[0] if not groups else [{"params": g["params"]} for g in optimizer.param_groups], **ours(options))
    other.load_state_dict(ours(b))                         # a state of PyTorch's is one of ours


def variants(info: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every variant as it is, and with each switch that only chooses an implementation."""
    found = []
    for sample in info.optim_inputs_func(device="cpu"):
        # hundreds of quasi-Newton moves would show nothing but how rounding grows
        options = {"max_iter": 4} if info.step_requires_closure else {}
        options |= {k: v for k, v in sample.kwargs.items() if k != "capturable"}
        found.append((sample.desc, options))
        found += [(f"{sample.desc}, {switch}", {**options, switch: True}) for switch in info.supported_impls if switch != "differentiable"]
    return found


def failures(info: Any, dtypes: tuple[str, ...] = ("f4", "f8")) -> list[str]:
    found = []
    for desc, options in variants(info):
        for dtype in dtypes if not info.step_requires_closure else ("f8",):
            for groups in (False, True) if info.supports_param_groups and "foreach" not in options and "fused" not in options else (False,):
                try:
                    compare(info, options, dtype, groups)
                except Exception as error:
                    found.append(f"{desc} {dtype}: {type(error).__name__}: {str(error).strip()[:600]}")
    return found


@pytest.mark.parametrize("entry", ENTRIES)
def test_optimizers_are_pytorchs(entry: str) -> None:
    ratchet(entry, PASSING, {}, failures(ENTRIES[entry]), "optim_db.txt")


@pytest.mark.parametrize("entry", [e for e in PASSING if ENTRIES[e].optim_error_inputs_func])
def test_wrong_options_are_refused_in_pytorchs_words(entry: str) -> None:
    info = ENTRIES[entry]
    for error in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        sample = error.optimizer_error_input
        if error.error_on is not common.OptimizerErrorEnum.CONSTRUCTION_ERROR or "capturable" in sample.kwargs:
            continue
        given = [ts.nn.Parameter(ts.randn(1, 1))] if sample.params is None else ours(sample.params)
        if issubclass(error.error_type, Warning):
            with pytest.warns(error.error_type, match=error.error_regex):
                getattr(ts.optim, entry)(given, **ours(sample.kwargs))
        else:
            with pytest.raises(error.error_type, match=error.error_regex):
                getattr(ts.optim, entry)(given, **ours(sample.kwargs))


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    update = ts.optim.Adam.update
    monkeypatch.setattr(ts.optim.Adam, "update", lambda self, group, params: update(self, {**group, "eps": 1e-3}, params))
    assert failures(ENTRIES["Adam"])


def of_words(lib: Any, name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Ten steps of a table of words whose gradient is sparse: words that come twice, one that is padding, many that never come."""
    rng = np.random.default_rng(3)
    table = lib.nn.Embedding(30, 4, padding_idx=2, sparse=True)
    bags = lib.nn.EmbeddingBag(30, 4, mode="mean", sparse=True)
    with lib.no_grad():
        for m in (table, bags):
            m.weight.copy_(lib.tensor(rng.standard_normal((30, 4)).astype("f4")))
    params = [table.weight, bags.weight]
    optimizer = getattr(lib.optim, name)(params, **options)
    for _ in range(STEPS):
        words, starts = lib.tensor(rng.integers(0, 9, 12)), lib.tensor([0, 3, 3])
        target = lib.tensor(rng.standard_normal((12, 4)).astype("f4"))
        optimizer.zero_grad()
        (((table(words) - target) ** 2).mean() + (bags(words, starts) ** 2).sum()).backward()
        table(words[:2]).sum().backward()                  # what is added to a sparse gradient leaves it sparse
        assert all(p.grad.is_sparse for p in params)
        optimizer.step()
    return params, [p.grad.coalesce() for p in params]


@pytest.mark.parametrize(("entry", "options"), [(e, o) for e in SPARSE for o in ({}, {"lr": 0.05, "maximize": True})] + [
    ("SGD", {"lr": 0.1, "momentum": 0.9}), ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}), ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.3})])
def test_sparse_gradients_are_pytorchs(entry: str, options: dict[str, Any]) -> None:
    theirs, rows = quietly(of_words, torch, entry, options)
    mine, own = of_words(ts, entry, options)
    same("parameters", mine, theirs)
    same("places", [g.indices() for g in own], [g.indices() for g in rows])
    same("values", [g.values() for g in own], [g.values() for g in rows])


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e not in SPARSE and e != "LBFGS"])
def test_who_cannot_work_with_sparse_gradients_says_so_in_pytorchs_words(entry: str) -> None:
    said = []
    for lib in (ts, torch):
        p = lib.nn.Parameter(lib.ones(3, 2))
        p.grad = lib.ones(3, 2).to_sparse(1)
        with pytest.raises(RuntimeError) as error:
            quietly(getattr(lib.optim, entry)([p]).step)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_sparse_gradient_and_a_dense_one_may_meet() -> None:
    """In one model, where SparseAdam refuses dense gradients; SGD, as PyTorch's, takes both; weight decay is refused."""
    for lib in (ts, torch):
        p, q = lib.nn.Parameter(lib.ones(2)), lib.nn.Parameter(lib.ones(3, 2))
        p.grad, q.grad = lib.ones(2), lib.ones(3, 2).to_sparse(1)
        with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"):
            lib.optim.SparseAdam([p]).step()
        with pytest.raises(RuntimeError, match=r"add\(sparse, dense\) is not supported"):
            lib.optim.SGD([q], lr=0.1, weight_decay=0.1).step()
        with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
            lib.optim.Adagrad([q], lr=0.1, weight_decay=0.1).step()
        lib.optim.SGD([p, q], lr=0.5).step()
        assert p.tolist() == [0.5, 0.5] and q.tolist() == [[0.5, 0.5]] * 3
