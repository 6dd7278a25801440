"""Training on a device: the same steps as on the host, for every layer and optimizer that a small model is made of."""

from __future__ import annotations

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, optim
from tapescope.utils.data import DataLoader, TensorDataset

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=1e-3),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5),
}


def mlp() -> nn.Module:
    ts.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 4)).double()


def cnn() -> nn.Module:
    ts.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).double()


class Attention(nn.Module):
    """One causal head over embedded words, with the loss on the next word."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.qkv, self.norm, self.out = nn.Embedding(11, 12), nn.Linear(12, 36), nn.LayerNorm(12), nn.Linear(12, 4)

    def forward(self, i: ts.Tensor) -> ts.Tensor:
        x = self.words(i)
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        scores = q @ k.transpose(-2, -1) / 12 ** 0.5
        mask = ts.ones(i.shape[1], i.shape[1], device=i.device, dtype=ts.bool).triu(1)
        x = x + scores.masked_fill(mask, float("-inf")).softmax(-1) @ v
        return self.out(x).mean(1)


def attention() -> nn.Module:
    ts.manual_seed(0)
    return Attention().double()


def data(kind: str) -> tuple[ts.Tensor, ts.Tensor]:
    rng = np.random.default_rng(1)
    inputs = {"mlp": lambda: rng.standard_normal((32, 8)), "cnn": lambda: rng.standard_normal((8, 1, 8, 8)), "attention": lambda: rng.integers(0, 11, (16, 6))}[kind]()
    return ts.from_numpy(inputs), ts.from_numpy(rng.integers(0, 4, len(inputs)))


def train(model: nn.Module, make_optimizer, x: ts.Tensor, y: ts.Tensor, steps: int = 8) -> list[float]:
    opt, losses = make_optimizer(model.parameters()), []
    for _ in range(steps):
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def agree(model: nn.Module, host: nn.Module, rtol: float = 1e-7) -> None:
    for (name, a), (_, b) in zip(model.state_dict().items(), host.state_dict().items(), strict=True):
        np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=rtol, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_steps_that_it_takes_on_the_host(name, device, array_type):
    x, y = data("mlp")
    host, model = mlp(), mlp().to(device)
    wanted = train(host, OPTIMIZERS[name], x, y)
    losses = train(model, OPTIMIZERS[name], x.to(device), y.to(device))
    np.testing.assert_allclose(losses, wanted, rtol=1e-8)
    assert losses[-1] < losses[0]
    agree(model, host)
    assert all(type(p._array) is array_type and type(p.grad._array) is array_type for p in model.parameters())


@pytest.mark.parametrize("kind", ["cnn", "attention"])
def test_a_model_learns_as_it_learns_on_the_host(kind, device):
    make = {"cnn": cnn, "attention": attention}[kind]
    x, y = data(kind)
    host, model = make(), make().to(device)
    wanted = train(host, OPTIMIZERS["adam"], x, y)
    np.testing.assert_allclose(train(model, OPTIMIZERS["adam"], x.to(device), y.to(device)), wanted, rtol=1e-7)
    assert wanted[-1] < wanted[0]
    agree(model, host, 1e-6)
    np.testing.assert_allclose(model.eval()(x.to(device)).detach().cpu().numpy(), host.eval()(x).detach().numpy(), rtol=1e-6, atol=1e-8)


def test_single_precision_learns_too(device):
    x, y = data("mlp")
    losses = train(mlp().float().to(device), OPTIMIZERS["adamw"], x.float().to(device), y.to(device), 60)
    assert losses[-1] < 0.5 * losses[0]


def test_the_state_of_an_optimizer_lies_on_the_device_and_comes_back(device, array_type):
    x, y = (a.to(device) for a in data("mlp"))
    model = mlp().to(device)
    opt = optim.Adam(model.parameters(), lr=0.01)
    F.cross_entropy(model(x), y).backward()
    opt.step()
    moments = [value for state in opt.state.values() for key, value in state.items() if key != "step"]
    assert moments and all(type(value._array) is array_type for value in moments)
    again = optim.Adam(model.parameters(), lr=0.5)
    again.load_state_dict(opt.state_dict())
    assert again.param_groups[0]["lr"] == 0.01
    again.step()


def test_a_state_dict_crosses_devices(device):
    host, model = mlp(), mlp().to(device)
    with ts.no_grad():
        for p in model.parameters():
            p.mul_(2)
    host.load_state_dict(model.state_dict())
    agree(model, host, 0)
    assert not next(host.parameters()).is_cuda
    model.load_state_dict(mlp().state_dict())
    agree(model, mlp(), 0)


def test_batches_of_a_loader_move_in_the_loop(device):
    x, y = data("mlp")
    model = mlp().to(device)
    opt, seen = optim.SGD(model.parameters(), lr=0.1), 0
    for a, b in DataLoader(TensorDataset(x, y), batch_size=10, shuffle=True):
        opt.zero_grad()
        F.cross_entropy(model(a.to(device, non_blocking=True)), b.to(device)).backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        seen += len(a)
        assert norm.item() > 0
    assert seen == 32


def test_hooks_see_gradients_of_the_device(device, array_type):
    a, seen = ts.ones(3, device=device, requires_grad=True), []
    b = a * 2
    b.register_hook(lambda g: seen.append(g) or g * 3)
    b.sum().backward()
    assert type(seen[0]._array) is array_type and a.grad.tolist() == [6, 6, 6]
