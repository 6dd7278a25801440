"""Every op on a device gives what it gives on the host: values, gradients, and results that stay where their inputs are."""

from __future__ import annotations

import types

import numpy as np
import op_samples
import op_samples_nn
import pytest

import tapescope as ts
from tapescope.core import device as device_module

PLANNED = ("upsample", "adaptive_avg", "reflection_pad", "replication_pad", "circular_pad")      # their plans are made on the host, wherever the data lies
CASES = [(name, k) for name in sorted(op_samples.SAMPLES) for k in range(len(op_samples.SAMPLES[name]))]


def moved(value, device):
    """The host arrays that a sample keeps for itself (backward ops have some), on the device."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return ts.from_numpy(value).to(device)._array
    if isinstance(value, ts.Tensor):
        return value.to(device)
    if isinstance(value, tuple | list):
        return type(value)(moved(v, device) for v in value)
    if isinstance(value, types.FunctionType) and value.__module__ in (op_samples.__name__, op_samples_nn.__name__):
        cells = tuple(types.CellType(moved(cell.cell_contents, device)) for cell in value.__closure__ or ())
        made = types.FunctionType(value.__code__, value.__globals__, value.__name__, moved(value.__defaults__, device), cells)
        made.__kwdefaults__ = value.__kwdefaults__
        return made
    return value


@pytest.fixture
def constants_on_device(monkeypatch, device):
    """The samples make their index tensors and masks as they run; those must lie where the inputs lie."""
    monkeypatch.setattr(device_module, "default", ts.device(device))
    for module in (op_samples, op_samples_nn):
        for name, value in vars(module).items():
            if isinstance(value, ts.Tensor):
                monkeypatch.setattr(module, name, value.to(device))


def run(fn, args):
    """The output of a sample and the gradients of its inputs for a cotangent that is the same on every device."""
    out = fn(*args)
    out = out if isinstance(out, ts.Tensor) else out[0]
    leaves = [a for a in args if isinstance(a, ts.Tensor) and a.requires_grad]
    if not out.requires_grad:
        return out, []
    v = ts.from_numpy(np.random.default_rng(2).standard_normal(out.shape)).to(out.device)
    return out, ts.autograd.grad(out, leaves, v, allow_unused=True)


@pytest.mark.parametrize(("name", "k"), CASES)
def test_an_op_agrees_with_the_host(name, k, device, array_type, request):
    fn, inputs = op_samples.SAMPLES[name][k]
    host_out, host_grads = run(fn, op_samples.make(inputs))
    request.getfixturevalue("constants_on_device")
    args = [a.detach().to(device).requires_grad_(a.requires_grad) if isinstance(a, ts.Tensor) else a for a in op_samples.make(inputs)]
    out, grads = run(fn if name.startswith(PLANNED) else moved(fn, device), args)
    assert type(out._array) is array_type and out.dtype == host_out.dtype and out.shape == host_out.shape
    np.testing.assert_allclose(out.detach().cpu().numpy(), host_out.detach().numpy(), rtol=1e-8, atol=1e-10)
    assert (out.grad_fn and out.grad_fn.name()) == (host_out.grad_fn and host_out.grad_fn.name())
    for g, h in zip(grads, host_grads, strict=True):
        assert (g is None) == (h is None)
        if g is not None:
            assert type(g._array) is array_type
            np.testing.assert_allclose(g.cpu().numpy(), h.numpy(), rtol=1e-8, atol=1e-10)


VALUES = [
    "x > 0", "x == x", "(x > 0) & (x < 1)", "x.argmax(1)", "x.argmin()", "x.sort(1)[1]", "x.topk(2)[1]", "x.isnan()", "x.all()", "x.any(1)", "x.nonzero()", "x[x > 0]",
    "x.int()", "x.long()", "x.half()", "x.double()", "x.bool()", "x // 0.5", "x.round()", "x.sum()", "x.max(1).indices", "x.t().contiguous()", "x.numel()", "x.tolist()[1]",
    "x[0, 1].item()", "float(x.sum())", "bool((x == x).all())", "len(x)", "x.clone().zero_()", "x.clone().add_(1).mul_(2)", "x.clone().fill_(3)", "ts.zeros_like(x)",
    "ts.full_like(x, 2.5)", "x.new_ones(2)", "x.cumsum(0)", "ts.arange(5, device=x.device)", "ts.linspace(0, 1, 5, device=x.device)", "ts.eye(3, device=x.device)",
    "ts.cat([x, x]).std()", "x.unbind(0)[1]", "ts.allclose(x, x)", "ts.equal(x, x + 1)", "x.var(0)", "x.norm()",
]


@pytest.mark.parametrize("code", VALUES)
def test_what_has_no_gradient_agrees_with_the_host(code, device):
    x = ts.linspace(-2, 2, 12).reshape(3, 4)
    host, there = (eval(code, {"ts": ts, "x": a}) for a in (x, x.to(device)))
    if isinstance(host, ts.Tensor):
        assert there.device.type == ts.device(device).type and there.dtype == host.dtype
        np.testing.assert_allclose(there.cpu().numpy(), host.numpy(), rtol=1e-5, atol=1e-6)
    else:
        assert there == pytest.approx(host)


def test_assignment_and_views_share_memory_on_the_device(device):
    x = ts.zeros(3, 4, device=device)
    x[1] = 5
    x[:, 2] = ts.arange(3.0, device=device)
    x[x > 4] = -1
    x.t()[0, 0] = 7
    assert x.tolist() == [[7, 0, 0, 0], [-1, -1, 1, -1], [0, 0, 2, 0]]


def test_moving_there_and_back_carries_the_gradient(device, array_type):
    a = ts.arange(3.0, requires_grad=True)
    there = a.to(device)
    assert type(there._array) is array_type and there.to(device) is there
    (there * there).cpu().sum().backward()
    assert a.grad.tolist() == [0, 2, 4] and not a.grad.is_cuda


def test_double_backward_on_the_device(device):
    x = ts.tensor([0.5, 1.5], dtype=ts.float64, device=device, requires_grad=True)
    [g] = ts.autograd.grad((x ** 3).sum(), x, create_graph=True)
    g.sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), [3, 9])


def test_random_numbers_repeat_with_the_seed_and_lie_on_the_device(device, array_type):
    draws = []
    for _ in range(2):
        ts.manual_seed(5)
        draws.append([ts.rand(4, device=device), ts.randn(3, 3, device=device), ts.nn.functional.dropout(ts.ones(20, device=device), 0.5)])
    for a, b in zip(*draws, strict=True):
        assert type(a._array) is array_type and ts.equal(a, b)


def test_printing_names_the_device(device):
    text = repr(ts.ones(2, device=device))
    assert text == ("tensor([1., 1.])" if device == "cpu" else "tensor([1., 1.], device='cuda:0')")


def test_arrays_of_the_device_come_in_without_a_copy(device, two_devices):
    import cupy

    a = cupy.arange(4, dtype=cupy.float32)
    t = ts.as_tensor(a)
    a[0] = 9
    assert t.is_cuda and t.tolist() == [9, 1, 2, 3]
