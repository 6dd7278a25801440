"""What goes wrong between a host and a device: PyTorch's types and words."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn

pytestmark = pytest.mark.usefixtures("two_devices")

MIXED = r"^Expected all tensors to be on the same device, but (found at least two devices, |got )"

MIXES = {
    "add": lambda h, d: h + d, "mul": lambda h, d: d * h, "matmul": lambda h, d: h @ d, "linear": lambda h, d: F.linear(h, d), "cat": lambda h, d: ts.cat([h, d]),
    "where": lambda h, d: ts.where(d > 0, h, d), "in place": lambda h, d: d.clone().add_(h), "mse_loss": lambda h, d: F.mse_loss(h, d),
    "cross_entropy": lambda h, d: F.cross_entropy(d, ts.tensor([0, 1, 0])), "module": lambda h, d: nn.Linear(3, 3)(d), "stack": lambda h, d: ts.stack([d, h]),
    "comparison": lambda h, d: h == d, "embedding": lambda h, d: F.embedding(ts.tensor([0, 1]), d),
}


@pytest.mark.parametrize("name", MIXES)
def test_host_and_device_do_not_mix(name, device):
    host = ts.ones(3, 3)
    with pytest.raises(RuntimeError, match=MIXED) as caught:
        MIXES[name](host, ts.ones(3, 3, device=device))
    assert "cpu" in str(caught.value) and "cuda:0" in str(caught.value)


def test_a_number_of_the_host_mixes_with_anything(device):
    """A 0-d tensor of the host is a number to PyTorch."""
    assert (ts.ones(2, device=device) * ts.tensor(3.0)).tolist() == [3, 3]
    assert ts.arange(4, device=device)[ts.tensor([0, 2])].tolist() == [0, 2]


@pytest.mark.parametrize("use", [lambda t: t.numpy(), np.asarray, np.sin, lambda t: np.concatenate([t, t])])
def test_a_tensor_of_the_device_is_no_array_of_numpy(use, device):
    words = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
    with pytest.raises(TypeError, match=r"^" + re.escape(words)):
        use(ts.ones(2, device=device))


def test_a_device_that_is_not_there():
    import cupy

    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        ts.ones(2).to(f"cuda:{cupy.cuda.runtime.getDeviceCount()}")


def test_wrong_shapes_are_told_as_on_the_host(device):
    with pytest.raises(RuntimeError, match=r"^The size of tensor a \(5\) must match the size of tensor b \(2\) at non-singleton dimension 0"):
        ts.ones(5, device=device) + ts.ones(2, device=device)
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"):
        ts.ones(2, 3, device=device) @ ts.ones(2, 3, device=device)


def test_a_value_changed_in_place_is_named_as_one_of_the_device(device):
    a = ts.ones(2, device=device, requires_grad=True)
    b = a.exp()
    b.add_(1)
    with pytest.raises(RuntimeError, match=re.escape("modified by an inplace operation: [torch.cuda.FloatTensor [2]] is at version 1")):
        b.sum().backward()


def test_a_second_backward_and_a_backward_of_many(device):
    a = ts.ones(2, device=device, requires_grad=True)
    loss = (a * a).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"^Trying to backward through the graph a second time"):
        loss.backward()
    with pytest.raises(RuntimeError, match=r"^grad can be implicitly created only for scalar outputs"):
        (a * 2).backward()


def test_a_gradient_of_another_device_is_refused(device):
    a = ts.ones(2, device=device, requires_grad=True)
    with pytest.raises(RuntimeError):
        (a * 2).backward(ts.ones(2))
