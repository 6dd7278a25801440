"""bfloat16 where ml_dtypes is installed: promotion, printing, layers, training, regions and files beside PyTorch; and what is said where it is not."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable

import pytest

import tapescope as ts
from tapescope.core import dtype as dt

Same = Callable[[str], None]
needs = pytest.mark.skipif(importlib.util.find_spec("ml_dtypes") is None, reason="ml_dtypes is not installed: there are no bfloat16 numbers")


@needs
def test_numbers_print_promote_and_are_differentiated_as_pytorchs(says_the_same: Same) -> None:
    says_the_same("""
b = torch.bfloat16
x = torch.tensor([1.5, 2.25, -3.0], dtype=b, requires_grad=True)
say(x, x.dtype, b.is_floating_point, b.itemsize, torch.finfo(b), x.float(), x.type(), torch.zeros(2, 2, dtype=b), x.detach().tolist())
for other in (torch.ones(3, dtype=torch.float16), torch.ones(3), torch.ones(3, dtype=torch.int64), torch.ones(3).double(), 2, 0.5, torch.tensor(2.0)):
    say((x * other).dtype, torch.result_type(x, other))
say(torch.promote_types(b, torch.float16), torch.promote_types(b, torch.complex64), torch.promote_types(b, torch.int8), torch.can_cast(torch.int32, b))
y = (x * 2.5).exp() + x.sin() / x - x ** 3
say(y)
y.sum().backward()
say(x.grad)
z = x * x
(g,) = torch.autograd.grad(z.sum(), x, create_graph=True)
g.sum().backward()
say(x.grad, g)
w = torch.ones(4, dtype=b); w += 1; w[0] = 7.5; w.mul_(0.3); say(w, w.sum(), w.mean(), w.max(), w.argmax(), w > 1, w.cumsum(0))
say(torch.tensor([1, 2]).bfloat16(), torch.tensor([3.14159]).to(b), torch.arange(5, dtype=b), torch.rand(3, dtype=b), torch.tensor([float('nan'), float('inf')], dtype=b))
say((torch.ones(2, 3, dtype=b) @ torch.ones(3, 2, dtype=b)), torch.cat([w, w]), w.sort(descending=True)[0], torch.where(w > 1, w, -w), w.clone().fill_(2))
""")


@needs
def test_a_model_learns_the_same(says_the_same: Same) -> None:
    says_the_same("""
net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)).bfloat16()
x, target = torch.randn(20, 6).bfloat16(), torch.arange(20) % 3
opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for _ in range(5):
    loss = nn.functional.cross_entropy(net(x), target)
    opt.zero_grad(); loss.backward(); opt.step()
say(loss.dtype, round(float(loss.detach()), 1), net[0].weight.grad.dtype, next(net.parameters()).dtype)
""")


@needs
def test_a_region_on_the_cpu_computes_products_in_bfloat16(says_the_same: Same) -> None:
    says_the_same("""
x, w = torch.randn(4, 6), torch.randn(5, 6, requires_grad=True)
with torch.autocast('cpu'):
    y = nn.functional.linear(x, w)
    say(y.dtype, (x @ w.t()).dtype, torch.relu(y).dtype, nn.functional.mse_loss(y, x[:, :5]).dtype, torch.get_autocast_dtype('cpu'), (x + x).dtype)
loss = nn.functional.mse_loss(y, x[:, :5]); loss.backward()
say(loss.dtype, w.grad.dtype, [round(float(v), 1) for v in w.grad.reshape(-1)[:5]])
with torch.autocast('cpu', dtype=torch.float64): say((x @ w.t()).dtype)
""")


@needs
def test_files_hold_them_both_ways() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nobody else reads the files")
    x = ts.randn(3, 4).to(ts.bfloat16)
    for form in ({}, {"format": "torch"}):
        file = io.BytesIO()
        ts.save({"x": x, "kind": ts.bfloat16, "view": x.t()}, file, **form)
        again = ts.load(io.BytesIO(file.getvalue()))
        assert again["kind"] is ts.bfloat16
        assert ts.equal(again["x"], x)
        assert again["x"].data_ptr() == again["view"].data_ptr()
        if form:
            theirs = torch.load(io.BytesIO(file.getvalue()), weights_only=True)["x"]
            assert theirs.dtype is torch.bfloat16
            assert theirs.float().tolist() == x.float().tolist()
    file = io.BytesIO()
    torch.save(torch.tensor([1.5, -2.0]).bfloat16(), file)
    read = ts.load(io.BytesIO(file.getvalue()))
    assert read.dtype is ts.bfloat16
    assert read.tolist() == [1.5, -2.0]


def test_without_ml_dtypes_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dt, "find_spec", lambda name: None)
    for space in (vars(dt), vars(ts)):
        monkeypatch.delitem(space, "bfloat16", raising=False)
    with pytest.raises(AttributeError, match=r"ml_dtypes, which brings one, is not installed \(pip install 'tapescope\[bfloat16\]'\)"):
        _ = ts.bfloat16
    with pytest.warns(UserWarning, match="for which ml_dtypes is not installed: give dtype=torch.float16"):
        region = ts.autocast("cpu")
    with region:
        assert (ts.ones(2, 2) @ ts.ones(2, 2)).dtype is ts.float32
