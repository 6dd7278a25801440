"""Every op of the table: gradcheck, gradgradcheck, formula, and the same vjp on arrays and on Tensors."""

from __future__ import annotations

import numpy as np
import pytest
from op_samples import SAMPLES, make

import tapescope as ts
from tapescope.autograd import gradcheck, gradgradcheck
from tapescope.core.explain import forward_formula, op_formula
from tapescope.core.op import table

# Ops that only exist to be part of others' backward, or that core itself uses.
# What PyTorch does not differentiate either. Random numbers have PyTorch's slope, which is none, and not their own.
INTERNAL = {"accumulate_grad", "special_airy_ai", "nextafter", "copy_slices", "to_device", "to_device_of", "normal", "normal_base", "normal_scalar", "bernoulli"}
OWN = {name for name in table if not name.startswith("function/")}


def test_every_op_has_samples() -> None:
    differentiable = {n for n in OWN if table[n].differentiable} - INTERNAL
    assert differentiable - set(SAMPLES) == set()


@pytest.mark.parametrize("name", sorted(n for n in OWN if table[n].differentiable and n not in INTERNAL))
def test_gradients(name: str) -> None:
    for fn, inputs in SAMPLES.get(name, []):
        args = make(inputs)
        assert gradcheck(fn, args)
        assert gradgradcheck(fn, args, fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_vjp_gives_the_same_on_arrays_and_on_tensors(name: str) -> None:
    for fn, inputs in SAMPLES[name]:
        args = make(inputs)
        leaves = [a for a in args if isinstance(a, ts.Tensor) and a.requires_grad]
        out = fn(*args)
        out = out if isinstance(out, ts.Tensor) else out[0]
        v = ts.from_numpy(np.random.default_rng(2).standard_normal(out.shape))
        plain = ts.autograd.grad(out, leaves, v, retain_graph=True, allow_unused=True)
        graph = ts.autograd.grad(out, leaves, v, create_graph=True, allow_unused=True)
        for p, g in zip(plain, graph, strict=True):
            assert (p is None) == (g is None)
            if p is not None:
                np.testing.assert_allclose(p.numpy(), g.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_op_can_be_written_down(name: str) -> None:
    op = table[name]
    assert forward_formula(op).strip()
    if op.differentiable:
        text = op_formula(op)
        assert text and text.count("{") == text.count("}"), text
        assert text.count(r"\left") == text.count(r"\right"), text
