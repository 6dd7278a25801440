"""Weights that are computed of others, and layers melted into one: states, reprs, outputs and gradients as PyTorch's."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
BOTH = (ts, torch)

LAYERS = [
    ("u.parametrizations.weight_norm(nn.Linear(4, 3))", (5, 4)), ("u.parametrizations.weight_norm(nn.Conv2d(2, 3, 2), dim=1)", (1, 2, 4, 4)),
    ("u.parametrizations.spectral_norm(nn.Linear(4, 3))", (5, 4)), ("u.parametrizations.spectral_norm(nn.ConvTranspose2d(2, 3, 2), n_power_iterations=2)", (1, 2, 4, 4)),
    ("u.weight_norm(nn.Linear(4, 3))", (5, 4)), ("u.weight_norm(nn.Linear(4, 3), dim=None)", (5, 4)), ("u.spectral_norm(nn.Linear(4, 3))", (5, 4)),
    ("u.remove_weight_norm(u.weight_norm(nn.Linear(4, 3)))", (5, 4)), ("u.remove_spectral_norm(u.spectral_norm(nn.Linear(4, 3)))", (5, 4)),
    ("u.parametrize.remove_parametrizations(u.parametrizations.weight_norm(nn.Linear(4, 3)), 'weight')", (5, 4)),
    ("u.parametrize.register_parametrization(nn.Linear(4, 4), 'weight', Symmetric())", (5, 4)),
    ("copy.deepcopy(u.parametrize.register_parametrization(nn.Linear(4, 4), 'weight', Symmetric()))", (5, 4)),
    ("u.fuse_conv_bn_eval(nn.Conv2d(2, 3, 2).eval(), nn.BatchNorm2d(3).eval())", (1, 2, 4, 4)),
    ("u.fuse_linear_bn_eval(nn.Linear(4, 3).eval(), nn.BatchNorm1d(3).eval())", (5, 4)),
]


def run(lib: Any, source: str, shape: tuple[int, ...]) -> dict[str, Any]:
    import copy

    class Symmetric(lib.nn.Module):                        # type: ignore[name-defined,misc]
        def forward(self, w: Any) -> Any:
            return w.triu() + w.triu(1).t()

    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = eval(source, {"u": lib.nn.utils, "nn": lib.nn, "Symmetric": Symmetric, "copy": copy})
    x = lib.tensor(np.random.default_rng(0).standard_normal(shape).astype("f4"))
    for _ in range(2):
        y = layer(x)
    (y * y).sum().backward()
    found = {"y": y.detach().numpy(), **{k: v.numpy() for k, v in layer.state_dict().items()}}
    found |= {"grad " + k: p.grad.numpy() for k, p in layer.named_parameters()}
    return {"repr": re.sub(r"tapescope\.|torch\.", "", repr(layer)), **found}


@pytest.mark.parametrize(("source", "shape"), LAYERS)
def test_computed_weights(source: str, shape: tuple[int, ...]) -> None:
    ours, theirs = (run(lib, source, shape) for lib in BOTH)
    assert list(ours) == list(theirs)
    assert ours.pop("repr") == theirs.pop("repr")
    for k in theirs:
        np.testing.assert_allclose(ours[k], theirs[k], rtol=3e-5, atol=3e-6, err_msg=k)


def test_assigning_and_caching() -> None:
    for lib in BOTH:
        layer = lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 2))
        layer.weight = lib.ones(2, 3)
        np.testing.assert_allclose(layer.weight.detach().numpy(), np.ones((2, 3)), rtol=1e-6)
        assert layer.weight is not layer.weight
        with lib.nn.utils.parametrize.cached():
            assert layer.weight is layer.weight
        assert lib.nn.utils.parametrize.is_parametrized(layer, "weight")
        with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element with name 'x'"):
            lib.nn.utils.parametrize.register_parametrization(layer, "x", lib.nn.Identity())
