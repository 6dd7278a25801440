"""Real PyTorch models, small: what the adapter is tried on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

Loss = Callable[[], Any]
Made = tuple[nn.Module, Loss]


def mlp() -> Made:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
    return model, lambda: F.cross_entropy(model(x), y)


def cnn() -> Made:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU(),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 3))
    x, y = torch.randn(8, 1, 12, 12), torch.randint(0, 3, (8,))
    return model, lambda: F.cross_entropy(model(x), y)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(8, 16), nn.Linear(16, 1)
        self.blocks = nn.ModuleList([nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 16), nn.GELU()) for _ in range(3)])

    def forward(self, x: Any) -> Any:
        h = self.stem(x)
        for block in self.blocks:
            h = h + block(h)
        return self.head(h).mean()


def residual() -> Made:
    model, x = Residual(), torch.randn(16, 8)
    return model, lambda: model(x)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token, self.lstm, self.head = nn.Embedding(20, 8), nn.LSTM(8, 12, num_layers=2, batch_first=True), nn.Linear(12, 20)

    def forward(self, ids: Any) -> Any:
        h, _ = self.lstm(self.token(ids))
        return self.head(h)


def lstm() -> Made:
    model, ids = Recurrent(), torch.randint(0, 20, (4, 7))
    return model, lambda: F.cross_entropy(model(ids[:, :-1]).reshape(-1, 20), ids[:, 1:].reshape(-1))


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm, self.head = nn.MultiheadAttention(16, 4, batch_first=True), nn.LayerNorm(16), nn.Linear(16, 2)

    def forward(self, x: Any) -> Any:
        y, _ = self.attention(x, x, x)
        return self.head(self.norm(x + y)).pow(2).mean()


def attention() -> Made:
    model, x = Attends(), torch.randn(3, 5, 16)
    return model, lambda: model(x)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token, self.norm, self.head = nn.Embedding(20, 16), nn.LayerNorm(16), nn.Linear(16, 20, bias=False)
        self.head.weight = self.token.weight

    def forward(self, ids: Any) -> Any:
        q = self.token(ids)
        y = F.scaled_dot_product_attention(q, q, q, is_causal=True)
        return self.head(self.norm(q + y))


def tied() -> Made:
    model, ids = Tied(), torch.randint(0, 20, (4, 7))
    return model, lambda: F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.first, self.middle, self.last = nn.Linear(8, 16), nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)), nn.Linear(16, 1)

    def forward(self, x: Any) -> Any:
        h = torch.relu(self.first(x))
        h = checkpoint(self.middle, h, use_reentrant=self.reentrant)
        return self.last(h).pow(2).mean()


def checkpointed() -> Made:
    model, x = Checkpointed(False), torch.randn(16, 8)
    return model, lambda: model(x)


def reentrant() -> Made:
    model, x = Checkpointed(True), torch.randn(16, 8)
    return model, lambda: model(x)


def autocast() -> Made:
    model, _ = mlp()
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))

    def loss() -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return F.cross_entropy(model(x), y)

    return model, loss


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, = ctx.saved_tensors
        return 3 * g * x * x


def custom() -> Made:
    model, x = nn.Linear(8, 4), torch.randn(16, 8)
    return model, lambda: Cube.apply(model(x)).mean()


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 12), nn.Linear(12, 3)

    def forward(self, x: Any) -> Any:
        h = self.first(x).clone()
        h[:, 0] = 0
        h[:, 1:3] += 1
        h.mul_(2)
        h = h.view(-1, 3, 4).transpose(1, 2).mT.reshape(-1, 12)
        a, b = h.chunk(2, dim=1)
        return self.second(torch.cat([b, a], 1).relu_())


def in_place() -> Made:
    model, x, y = InPlace(), torch.randn(16, 8), torch.randint(0, 3, (16,))
    return model, lambda: F.cross_entropy(model(x), y)


MODELS: dict[str, Callable[[], Made]] = {
    f.__name__: f for f in (mlp, cnn, residual, lstm, attention, tied, checkpointed, reentrant, autocast, custom, in_place)}


def gradients(model: nn.Module) -> dict[str, Any]:
    """Copies of all gradients by name."""
    return {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two sets of gradients are equal bit for bit."""
    return a.keys() == b.keys() and all((a[n] is None) == (b[n] is None) and (a[n] is None or torch.equal(a[n], b[n])) for n in a)


def traces() -> tuple[Any, ...]:
    """All that a listener puts into PyTorch: the same before and after, when it has left."""
    m, o = torch.nn.modules.module, sys.modules[torch.optim.Optimizer.__module__]
    from torch.amp.grad_scaler import GradScaler
    from torch.nn.utils import clip_grad

    return (GradScaler.scale, GradScaler._unscale_grads_, GradScaler.update, clip_grad._clip_grads_with_norm_, clip_grad.clip_grad_value_, torch.nn.utils.clip_grad_value_, torch.utils._python_dispatch._get_current_dispatch_mode_stack(), torch.overrides._get_current_function_mode_stack(), torch.autograd._engine_run_backward, torch.autograd.Function.__dict__["apply"],
            dict(m._global_forward_hooks), dict(m._global_forward_pre_hooks), dict(m._global_forward_hooks_always_called),
            dict(o._global_optimizer_pre_hooks), dict(o._global_optimizer_post_hooks))
