"""Averages of weights over a training. Izmailov et al., 2018."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

from ..core.grad_mode import no_grad
from ..core.tensor import Tensor
from ..nn.modules.module import Module
from ..nn.modules.normalization import _BatchNorm
from ..ops.creation import tensor
from .lr_scheduler import LRScheduler
from .optimizer import Optimizer

Average = Callable[[Tensor, Tensor, Any], Tensor]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """decay · average + (1 - decay) · weight."""
    _decay(decay)
    return no_grad()(lambda average, current, seen: average * decay + current * (1 - decay))


def get_swa_avg_fn() -> Average:
    """average + (weight - average) / (seen + 1)."""
    return no_grad()(lambda average, current, seen: average + (current - average) / (seen + 1))


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[list[Tensor], list[Tensor], Any], None]:
    """get_ema_avg_fn for lists, in place."""
    _decay(decay)

    @no_grad()
    def update(averages: list[Tensor], currents: list[Tensor], seen: Any) -> None:
        for a, c in zip(averages, currents, strict=True):
            a.copy_(a * decay + c * (1 - decay))

    return update


def get_swa_multi_avg_fn() -> Callable[[list[Tensor], list[Tensor], Any], None]:
    """get_swa_avg_fn for lists, in place."""
    @no_grad()
    def update(averages: list[Tensor], currents: list[Tensor], seen: Any) -> None:
        for a, c in zip(averages, currents, strict=True):
            a.copy_(a + (c - a) / (float(seen) + 1))

    return update


def _decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those that `update_parameters` saw."""

    def __init__(self, model: Module, device: Any = None, avg_fn: Average | None = None, multi_avg_fn: Any = None, use_buffers: bool = False) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    def _values(self, model: Module) -> list[Tensor]:
        return [*model.parameters(), *model.buffers()] if self.use_buffers else list(model.parameters())

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Takes the weights of a model into the average."""
        mine, theirs = self._values(self.module), [t.detach().to(device=m.device) for m, t in zip(self._values(self.module), self._values(model), strict=True)]
        seen = int(self.n_averaged.item())
        if seen == 0:
            for m, t in zip(mine, theirs, strict=True):
                m.copy_(t)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn([m.detach() for m in mine], theirs, seen)
        else:
            average = self.avg_fn if self.avg_fn is not None else get_swa_avg_fn()
            for m, t in zip(mine, theirs, strict=True):
                m.copy_(average(m.detach(), t, tensor(seen)) if m.dtype.is_floating_point or self.avg_fn is not None else t)
        if not self.use_buffers:                           # buffers follow the model
            for own, given in zip(self.module.buffers(), model.buffers(), strict=True):
                own.copy_(given.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Sets the running statistics of all batch norms to the averages over a loader's batches."""
    momenta: dict[_BatchNorm, Any] = {}
    for m in model.modules():
        if isinstance(m, _BatchNorm):
            m.reset_running_stats()
            momenta[m] = m.momentum
    if not momenta:
        return
    training = model.training
    model.train()
    for m in momenta:
        m.momentum = None                                  # the mean over all batches
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x if device is None else x.to(device))
    for m, momentum in momenta.items():
        m.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """Anneals the rates to `swa_lr` in `anneal_epochs` steps, and keeps them there."""

    def __init__(self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: Literal["cos", "linear"] = "cos", last_epoch: int = -1) -> None:
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(optimizer.param_groups)
        if len(rates) != len(optimizer.param_groups):
            raise ValueError(f"swa_lr must have the same length as optimizer.param_groups: swa_lr has {len(rates)}, optimizer.param_groups has "
                             f"{len(optimizer.param_groups)}")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[float]:
        self._inside()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._share(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        now = self._share(max(0, min(1, step / max(1, self.anneal_epochs))))
        rates = []
        for group in self.optimizer.param_groups:
            lr, goal = group["lr"], group["swa_lr"]
            first = goal if before == 1 else (lr - before * goal) / (1 - before)      # from what has been annealed so far
            rates.append(goal * now + first * (1 - now))
        return rates


__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn"]
