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
OUT_OF_SCOPE = {"SparseAdam": "there are no sparse tensors, for whose gradients alone it exists"}
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
    ratchet(entry, PASSING, OUT_OF_SCOPE, failures(ENTRIES[entry]), "optim_db.txt")


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


def test_sparse_adam_refuses_dense_gradients_as_pytorch_does() -> None:
    for lib in (ts, torch):
        p = lib.nn.Parameter(lib.ones(2))
        p.grad = lib.ones(2)
        with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"):
            lib.optim.SparseAdam([p]).step()
