"""Optimizers and schedules against PyTorch's: the same parameters after the same steps, the same states, words and prints."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
BOTH = (ts, torch)

OPTIMIZERS = [
    "SGD(p, lr=0.1)", "SGD(p, lr=0.1, momentum=0.9)", "SGD(p, 0.1, 0.9, nesterov=True, weight_decay=0.01)", "SGD(p, 0.1, momentum=0.5, dampening=0.3)",
    "SGD(p, 0.01, maximize=True, weight_decay=0.1, momentum=0.9)", "SGD(p, lr=torch.tensor(0.1))",
    "Adam(p)", "Adam(p, 0.05, betas=(0.8, 0.9), eps=1e-3)", "Adam(p, 0.05, weight_decay=0.1)", "Adam(p, 0.05, amsgrad=True)", "Adam(p, 0.05, maximize=True)",
    "Adam(p, 0.05, weight_decay=0.1, decoupled_weight_decay=True)", "AdamW(p)", "AdamW(p, 0.05, weight_decay=0.3, amsgrad=True, maximize=True)",
    "RMSprop(p)", "RMSprop(p, 0.02, alpha=0.9, momentum=0.5, weight_decay=0.1)", "RMSprop(p, 0.02, centered=True, maximize=True)",
    "RMSprop(p, 0.02, centered=True, momentum=0.9)", "Adagrad(p)", "Adagrad(p, 0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5)",
    "Adagrad(p, 0.1, maximize=True)",
    "SGD([{'params': p[:1], 'lr': 0.5}, {'params': p[1:], 'momentum': 0.5}], lr=0.01)",
]
SHAPES = [(3,), (4, 5), (), (41000,), (7, 1, 2, 3)]          # one of them longer than a block


def trained(lib: Any, source: str, steps: int, dtype: str = "f4") -> tuple[list[Any], Any]:
    rng = np.random.default_rng(0)
    params = [lib.nn.Parameter(lib.tensor(rng.standard_normal(s).astype(dtype))) for s in SHAPES]
    opt = eval("optim." + source, {"optim": lib.optim, "p": params, "torch": lib})
    advance(lib, params, opt, steps, rng, dtype)
    return params, opt


def advance(lib: Any, params: list[Any], opt: Any, steps: int, rng: Any, dtype: str = "f4") -> None:
    for i in range(steps):
        for k, p in enumerate(params):
            g = np.asarray(rng.standard_normal(SHAPES[k]).astype(dtype))
            p.grad = None if (i + k) % 7 == 6 else lib.tensor(g if g.ndim != 2 or i % 2 else np.ascontiguousarray(g.T)).t() if g.ndim == 2 and not i % 2 else lib.tensor(g)
        opt.step()


def compare(ours: Any, theirs: Any, rtol: float = 2e-5, atol: float = 2e-6) -> None:
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, ts.Tensor)
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=atol)
    elif isinstance(theirs, dict):
        assert sorted(map(str, ours)) == sorted(map(str, theirs))
        for k in theirs:
            compare(ours[k], theirs[k], rtol, atol)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            compare(a, b, rtol, atol)
    else:
        assert ours == theirs or ours == pytest.approx(theirs)


@pytest.mark.parametrize("source", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_ten_steps(source: str, dtype: str) -> None:
    (p, ours), (q, theirs) = (trained(lib, source, 10, dtype) for lib in BOTH)
    tight = (2e-4, 1e-5) if dtype == "f4" else (1e-11, 1e-12)
    if dtype == "f8" and "lr=torch.tensor" in source:
        tight = (1e-7, 1e-8)                                # a float32 rate
    compare(p, q, *tight)
    compare(ours.state_dict(), theirs.state_dict(), *tight)
    if "torch.tensor" not in source:
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("source", ["SGD(p, 0.1, 0.9)", "Adam(p, 0.05, amsgrad=True)", "RMSprop(p, momentum=0.9)", "Adagrad(p, 0.1)"])
def test_a_state_goes_on_in_the_other_library(source: str) -> None:
    """PyTorch's saved state, read here, gives PyTorch's next steps."""
    q, theirs = trained(torch, source, 4)
    p, ours = trained(ts, source, 0)
    for mine, given in zip(p, q, strict=True):
        mine.data = ts.tensor(given.detach().numpy().copy())

    def ported(v: Any) -> Any:
        if isinstance(v, torch.Tensor):
            return ts.tensor(v.numpy().copy())
        return {k: ported(x) for k, x in v.items()} if isinstance(v, dict) else [ported(x) for x in v] if isinstance(v, list) else v

    ours.load_state_dict(ported(theirs.state_dict()))
    advance(ts, p, ours, 3, np.random.default_rng(5))
    advance(torch, q, theirs, 3, np.random.default_rng(5))
    compare(p, q)
    compare(ours.state_dict(), theirs.state_dict())


SCHEDULES = [
    "StepLR(o, 3, 0.5)", "MultiStepLR(o, [2, 5, 5], 0.1)", "ExponentialLR(o, 0.9)", "LambdaLR(o, lambda e: 1 / (1 + e))",
    "LambdaLR(o, [lambda e: 0.9 ** e, lambda e: 1.0])", "LinearLR(o, 0.25, 0.75, 4)", "CosineAnnealingLR(o, 5, 0.01)", "OneCycleLR(o, 1.0, total_steps=12)",
    "OneCycleLR(o, [1.0, 0.5], epochs=3, steps_per_epoch=4, three_phase=True, anneal_strategy='linear', pct_start=0.25)",
    "OneCycleLR(o, 1.0, 13, cycle_momentum=False)",
]


@pytest.mark.parametrize("source", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_schedules(source: str, optimizer: str) -> None:
    seen = []
    for lib in BOTH:
        p, q = (lib.nn.Parameter(lib.ones(2)) for _ in range(2))
        extra = {"momentum": 0.9} if optimizer == "SGD" else {}
        o = getattr(lib.optim, optimizer)([{"params": [p]}, {"params": [q], "lr": 0.3}], lr=0.1, **extra)
        s = eval("lr_scheduler." + source, {"lr_scheduler": lib.optim.lr_scheduler, "o": o})
        rates = []
        for _ in range(11):
            o.step()
            rates.append([s.get_last_lr(), s.last_epoch, [g.get("momentum", g.get("betas")) for g in o.param_groups]])
            s.step()
        kept = {k: v for k, v in s.state_dict().items() if k not in ("anneal_func", "_is_initial", "_get_lr_called_within_step")}
        seen.append((rates, kept))
    compare(seen[0][0], seen[1][0])
    compare({k: seen[0][1][k] for k in ("last_epoch", "base_lrs", "_step_count", "_last_lr")},
            {k: seen[1][1][k] for k in ("last_epoch", "base_lrs", "_step_count", "_last_lr")})


@pytest.mark.parametrize("options", [{}, {"mode": "max"}, {"threshold_mode": "abs", "threshold": 0.2}, {"cooldown": 2, "min_lr": [0.01, 0.02]}, {"patience": 0}])
def test_plateau(options: dict[str, Any]) -> None:
    metrics = [1.0, 0.9, 0.95, 0.96, 0.97, 0.5, 0.5, 0.5, 0.5, 0.5, 0.49, 0.3, float("nan"), 0.3, 0.3, 0.3, -1.0, -1.0, -0.9, -1.1]
    seen = []
    for lib in BOTH:
        p, q = (lib.nn.Parameter(lib.ones(2)) for _ in range(2))
        o = lib.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.3}], lr=0.1)
        s = lib.optim.lr_scheduler.ReduceLROnPlateau(o, **{"patience": 1, **options})
        rates = []
        for m in metrics:
            s.step(lib.tensor(m))
            rates.append([s.get_last_lr(), s.num_bad_epochs, s.in_cooldown])
        seen.append(rates)
    compare(*seen)


def test_a_schedule_goes_on() -> None:
    for lib in BOTH:
        o = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1)
        s = lib.optim.lr_scheduler.StepLR(o, 2)
        for _ in range(3):
            o.step()
            s.step()
        fresh = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1)
        again = lib.optim.lr_scheduler.StepLR(fresh, 2)
        fresh.load_state_dict(o.state_dict())
        again.load_state_dict(s.state_dict())
        for x, y in ((o, s), (fresh, again)):
            x.step()
            y.step()
        assert s.get_last_lr() == again.get_last_lr() == pytest.approx([0.001])


def test_a_training_run() -> None:
    """The same seed gives the same losses: data, layers, loss, optimizer, schedule and clipping together."""
    seen = []
    for lib in BOTH:
        lib.manual_seed(7)
        x = lib.randn(64, 6)
        y = (x[:, 0] * x[:, 1] > 0).long()
        m = lib.nn.Sequential(lib.nn.Linear(6, 16), lib.nn.BatchNorm1d(16), lib.nn.Tanh(), lib.nn.Linear(16, 2))
        o = lib.optim.AdamW(m.parameters(), lr=0.02)
        s = lib.optim.lr_scheduler.OneCycleLR(o, 0.05, epochs=6, steps_per_epoch=4)
        loader = lib.utils.data.DataLoader(lib.utils.data.TensorDataset(x, y), batch_size=16, shuffle=True)
        losses = []
        for _ in range(6):
            for a, b in loader:
                o.zero_grad()
                loss = lib.nn.functional.cross_entropy(m(a), b)
                loss.backward()
                lib.nn.utils.clip_grad_norm_(m.parameters(), 0.5)
                o.step()
                s.step()
                losses.append(loss.item())
        seen.append(losses)
    np.testing.assert_allclose(*seen, rtol=2e-4)


WORDS = {
    "nothing": "optim.SGD([], lr=0.1)",
    "one tensor": "optim.SGD(torch.ones(2), lr=0.1)",
    "numbers": "optim.SGD([1, 2], lr=0.1)",
    "a set": "optim.SGD([{'params': {torch.ones(1)}}], lr=0.1)",
    "a non-leaf": "optim.SGD([torch.ones(1, requires_grad=True) * 2], lr=0.1)",
    "the same twice": "p = nn.Parameter(torch.ones(1)); optim.SGD([p, p], lr=0.1)",
    "the same in two groups": "p = nn.Parameter(torch.ones(1)); optim.SGD([{'params': [p]}, {'params': [p]}], lr=0.1)",
    "a group that is no dict": "p = nn.Parameter(torch.ones(1)); optim.SGD([p]).add_param_group([p])",
    "negative lr": "optim.SGD([nn.Parameter(torch.ones(1))], lr=-1.0)",
    "negative momentum": "optim.SGD([nn.Parameter(torch.ones(1))], momentum=-1.0)",
    "nesterov": "optim.SGD([nn.Parameter(torch.ones(1))], nesterov=True)",
    "betas": "optim.Adam([nn.Parameter(torch.ones(1))], betas=(0.9, 1.0))",
    "eps": "optim.Adam([nn.Parameter(torch.ones(1))], eps=-1.0)",
    "decay": "optim.AdamW([nn.Parameter(torch.ones(1))], weight_decay=-1.0)",
    "alpha": "optim.RMSprop([nn.Parameter(torch.ones(1))], alpha=-1.0)",
    "lr_decay": "optim.Adagrad([nn.Parameter(torch.ones(1))], lr_decay=-1.0)",
    "fused": "optim.Adam([nn.Parameter(torch.ones(1))], fused=True, foreach=True)",
    "names": """
m = nn.Linear(2, 1); o = optim.SGD(m.named_parameters(), lr=0.1); say(o.param_groups[0]["param_names"], o.state_dict()["param_groups"])
o.add_param_group({"params": [nn.Parameter(torch.ones(1))]})""",
    "some names": "optim.SGD([('a', nn.Parameter(torch.ones(1))), nn.Parameter(torch.ones(1))])",
    "other groups": "a = [nn.Parameter(torch.ones(1)) for _ in range(2)]; s = optim.SGD(a).state_dict(); optim.SGD(a[:1]).load_state_dict(s)",
    "more groups": "a = [nn.Parameter(torch.ones(1)) for _ in range(2)]; s = optim.SGD(a).state_dict(); optim.SGD([{'params': a[:1]}, {'params': a[1:]}]).load_state_dict(s)",
    "hooks": """
p = nn.Parameter(torch.ones(2)); o = optim.SGD([p], lr=0.5)
h = o.register_step_pre_hook(lambda o, a, k: say("before", len(a), k, p)); o.register_step_post_hook(lambda o, a, k: say("after", len(a), k, p))
p.grad = torch.ones(2); o.step(); h.remove(); o.step()
o.register_state_dict_pre_hook(lambda o: say("saving")); o.register_state_dict_post_hook(lambda o, s: s.update(x=1))
o.register_load_state_dict_pre_hook(lambda o, s: say(sorted(s))); o.register_load_state_dict_post_hook(lambda o: say("loaded"))
o.load_state_dict(o.state_dict())""",
    "a bad hook": "p = nn.Parameter(torch.ones(2)); o = optim.SGD([p], lr=0.5); o.register_step_pre_hook(lambda o, a, k: 3)\ntry: o.step()\nexcept RuntimeError as e: say(str(e).split('must')[1])",
    "a closure": """
p = nn.Parameter(torch.ones(2)); o = optim.SGD([p], lr=0.5)
def again():
    o.zero_grad(); loss = (p ** 2).sum(); loss.backward(); return loss
say(o.step(again), p, o.step(again), torch.is_grad_enabled())""",
    "zero_grad": "p = nn.Parameter(torch.ones(2)); o = optim.SGD([p]); (p * 2).sum().backward(); o.zero_grad(False); say(p.grad); o.zero_grad(); say(p.grad)",
    "a new version": "p = nn.Parameter(torch.ones(2)); v = p._version; y = (p * p).sum(); p.grad = torch.ones(2); optim.SGD([p], lr=1.0).step(); say(p._version > v)",
    "own step": """
class Mine(optim.Optimizer):
    def __init__(self, params, lr): super().__init__(params, {"lr": lr})
    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]: p.add_(p.grad, alpha=-g["lr"]); self.state[p]["n"] = self.state[p].get("n", 0) + 1
p = nn.Parameter(torch.ones(2)); o = Mine([p], 0.5); p.grad = torch.ones(2); o.step(); say(p, o, o.state_dict()); optim.lr_scheduler.StepLR(o, 1).step()""",
    "no step": "class Mine(optim.Optimizer): pass\nMine([torch.ones(1)], {}).step()",
    "schedule of a model": "optim.lr_scheduler.StepLR(nn.Linear(1, 1), 3)",
    "schedule too early": "o = optim.SGD([nn.Parameter(torch.ones(1))]); s = optim.lr_scheduler.StepLR(o, 3); s.step(); o.step(); s.step(); say(s.get_last_lr())",
    "get_lr": "o = optim.SGD([nn.Parameter(torch.ones(1))]); s = optim.lr_scheduler.StepLR(o, 3); say(s.get_lr())",
    "an epoch": "o = optim.SGD([nn.Parameter(torch.ones(1))]); s = optim.lr_scheduler.StepLR(o, 3); o.step(); s.step(7); say(s.get_last_lr(), s.last_epoch)",
    "resumed": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.StepLR(o, 3, last_epoch=4)",
    "lambdas": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.LambdaLR(o, [max, min])",
    "linear": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.LinearLR(o, 2.0)",
    "linear end": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.LinearLR(o, 0.5, 2.0)",
    "plateau factor": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.ReduceLROnPlateau(o, factor=1.0)",
    "plateau mode": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.ReduceLROnPlateau(o, 'up')",
    "plateau lows": "o = optim.SGD([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.ReduceLROnPlateau(o, min_lr=[1, 2])",
    "cycle without steps": "o = optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9); optim.lr_scheduler.OneCycleLR(o, 1.0)",
    "cycle too long": "o = optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9); s = optim.lr_scheduler.OneCycleLR(o, 1.0, 2); o.step(); s.step(); s.step(); s.step()",
    "cycle part": "o = optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9); optim.lr_scheduler.OneCycleLR(o, 1.0, 2, pct_start=3)",
    "cycle shape": "o = optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9); optim.lr_scheduler.OneCycleLR(o, 1.0, 2, anneal_strategy='x')",
    "cycle steps": "o = optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9); optim.lr_scheduler.OneCycleLR(o, 1.0, -2)",
    "cycle rates": "o = optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9); optim.lr_scheduler.OneCycleLR(o, [1.0, 2.0], 2)",
    "cycle without momentum": "o = optim.Adagrad([nn.Parameter(torch.ones(1))]); optim.lr_scheduler.OneCycleLR(o, 1.0, 2)",
}


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(WORDS[name])


def test_a_change_is_noticed_by_backward() -> None:
    """An optimizer step between forward and backward is an in-place change of a saved value."""
    for lib in BOTH:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            m = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Linear(2, 1))
            o = lib.optim.SGD(m.parameters(), lr=0.1)
            x = lib.ones(1, 2, requires_grad=True)
            m(x).sum().backward()
            y = m(x).sum()
            o.step()
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                y.backward()
