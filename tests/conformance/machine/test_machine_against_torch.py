"""What a program asks about the machine, half precision and scaled losses, beside PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

Same = Callable[[str], None]

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed: the answers are those of a device")
def test_cuda_answers_as_on_a_machine_without_a_device(says_the_same: Same) -> None:
    says_the_same("""
c = torch.cuda
for name in "is_available device_count is_initialized empty_cache memory_allocated max_memory_allocated memory_reserved max_memory_reserved memory_cached memory_stats " \\
            "memory_stats_as_nested_dict get_arch_list is_bf16_supported get_rng_state_all seed seed_all".split():
    say(name, getattr(c, name)())
say(c.manual_seed(1), c.manual_seed_all(2), c.set_device(-1))
for name in "current_device get_device_name get_device_capability get_device_properties synchronize ipc_collect init current_stream default_stream Event Stream get_rng_state " \\
            "initial_seed mem_get_info".split():
    try: getattr(c, name)()
    except (AssertionError, RuntimeError) as error: say(name, type(error).__name__)
with c.stream(None): say('inside')
with c.device(-1): say('inside')
for f in (lambda: torch.ones(2).cuda(), lambda: torch.ones(2).to('cuda'), lambda: torch.ones(2, device='cuda'), lambda: nn.Linear(2, 2).cuda()):
    try: f()
    except AssertionError: say('no device')
""")


BACKENDS = """
b = torch.backends
say(b.cudnn.is_available(), b.cudnn.version(), b.cudnn.enabled, b.cudnn.benchmark, b.cudnn.deterministic, b.cudnn.allow_tf32, b.mps.is_available(), b.mps.is_built())
b.cudnn.benchmark = True; b.cudnn.deterministic = True
say(b.cudnn.benchmark, b.cudnn.deterministic)
with b.cudnn.flags(enabled=False, benchmark=False): say(b.cudnn.enabled, b.cudnn.benchmark)
say(b.cudnn.enabled, b.cudnn.benchmark)
b.cudnn.benchmark = False; b.cudnn.deterministic = False
say(b.cuda.matmul.allow_tf32, b.cuda.flash_sdp_enabled(), b.cuda.math_sdp_enabled(), b.mha.get_fastpath_enabled(), b.opt_einsum.is_available())
say(torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode())
torch.set_float32_matmul_precision('high'); say(torch.get_float32_matmul_precision()); torch.set_float32_matmul_precision('highest')
torch.use_deterministic_algorithms(True, warn_only=True)
say(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(), torch.get_deterministic_debug_mode())
torch.set_deterministic_debug_mode('error'); say(torch.get_deterministic_debug_mode()); torch.set_deterministic_debug_mode(0); say(torch.are_deterministic_algorithms_enabled())
say(torch.get_default_device(), torch.set_default_device('cpu'), torch.set_default_device(None), torch.get_default_device(), torch.zeros(1).get_device())
"""


def test_backends_and_switches(says_the_same: Same) -> None:
    import torch

    # PyTorch's own test tools, which the op database imports into the same process, forbid setting flags outside such a context.
    with getattr(torch.backends, "__allow_nonbracketed_mutation")():
        says_the_same(BACKENDS)

    for wrong in ("torch.set_num_threads(0)", "torch.set_num_threads('a')", "torch.use_deterministic_algorithms(3)"):
        says_the_same(wrong)


def test_threads_are_those_of_the_library_that_multiplies() -> None:
    import tapescope as ts

    before = ts.get_num_threads()
    try:
        ts.set_num_threads(1)
        assert ts.get_num_threads() == 1
        info = pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed: nobody else tells the number of threads").threadpool_info()
        blas = [pool["num_threads"] for pool in info if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
        assert blas in ([], [1])
    finally:
        ts.set_num_threads(before)


def test_the_generator_can_be_put_back(says_the_same: Same) -> None:
    says_the_same("""
state = torch.get_rng_state()
say(state.dtype)
a = torch.rand(3), torch.randn(5)
torch.set_rng_state(state)
b = torch.rand(3), torch.randn(5)
say(torch.equal(a[0], b[0]), torch.equal(a[1], b[1]), a)
with torch.random.fork_rng(devices=[]):
    torch.manual_seed(7); say(torch.rand(2))
say(torch.rand(2), torch.random.initial_seed())
""")


HALF = """
import numpy as np
def shown(t): say(t.dtype, tuple(t.shape), [round(float(v), 1) for v in t.detach().float().reshape(-1)[:6]])
x, w, b = torch.randn(4, 6), torch.randn(5, 6, requires_grad=True), torch.randn(5, requires_grad=True)
image, kernel = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3, requires_grad=True)
F = nn.functional
"""


def test_products_are_in_half_precision_in_a_region_and_losses_are_not(says_the_same: Same) -> None:
    says_the_same(HALF + """
with torch.autocast('cpu', dtype=torch.float16):
    y = F.linear(x, w, b)
    shown(y); shown(x @ w.t()); shown(torch.mm(x, w.t())); shown(torch.bmm(x[None], w.t()[None])); shown(torch.addmm(b, x, w.t())); shown(torch.matmul(image, kernel[0, 0].reshape(3, 3).repeat(2, 2)))
    shown(F.conv2d(image, kernel)); shown(F.conv_transpose2d(image, kernel.transpose(0, 1))); shown(F.scaled_dot_product_attention(image, image, image))
    shown(torch.relu(y)); shown(y.softmax(-1)); shown(y + x[:, :5]); shown(torch.cat([y, x], 1)); shown(x.sum()); shown(F.layer_norm(x, (6,)))
    target = torch.tensor([0, 1, 2, 3])
    for loss in (F.mse_loss(y, x[:, :5]), F.cross_entropy(y, target), F.nll_loss(y.log_softmax(-1), target), F.l1_loss(y, y * 2), F.smooth_l1_loss(y, y * 2),
                 F.binary_cross_entropy_with_logits(y, torch.ones(4, 5)), F.kl_div(y.log_softmax(-1), y.softmax(-1), reduction='sum'), F.huber_loss(y, y * 2)): shown(loss)
    shown(F.linear(x.double(), w.double()))
    with torch.autocast('cpu', enabled=False): shown(F.linear(x, w, b)); say(torch.is_autocast_enabled('cpu'))
    say(torch.is_autocast_enabled('cpu'), torch.get_autocast_dtype('cpu'))
loss = F.mse_loss(y, x[:, :5]); loss.backward()
shown(w.grad); shown(b.grad)
shown(F.linear(x, w, b)); say(torch.is_autocast_enabled('cpu'))
@torch.autocast('cpu', dtype=torch.float16)
def f(a): return a @ a.t()
shown(f(x))
""")


def test_wrong_regions(says_the_same: Same) -> None:
    for wrong in ("torch.autocast(3)", "torch.amp.autocast('cpu', dtype=torch.float16)(3)"):
        says_the_same(wrong)
    says_the_same("with torch.autocast('cuda'): say((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)\nwith torch.cuda.amp.autocast(): say((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)")


def test_regions_are_of_one_thread() -> None:
    import threading

    import tapescope as ts

    seen = []
    with ts.autocast("cpu", dtype=ts.float16):
        thread = threading.Thread(target=lambda: seen.append((ts.ones(2, 2) @ ts.ones(2, 2)).dtype))
        thread.start()
        thread.join()
        seen.append((ts.ones(2, 2) @ ts.ones(2, 2)).dtype)
    assert seen == [ts.float32, ts.float16]


def test_functions_of_the_user_in_a_region(says_the_same: Same) -> None:
    says_the_same(HALF + """
class Mine(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type='cpu', cast_inputs=torch.float32)
    def forward(ctx, a):
        say('forward', a.dtype, torch.is_autocast_enabled('cpu')); ctx.save_for_backward(a); return a @ a
    @staticmethod
    @torch.amp.custom_bwd(device_type='cpu')
    def backward(ctx, g):
        say('backward', g.dtype, torch.is_autocast_enabled('cpu')); return g
class Plain(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type='cpu')
    def forward(ctx, a):
        say('forward', a.dtype, torch.is_autocast_enabled('cpu')); return a * 2
    @staticmethod
    @torch.amp.custom_bwd(device_type='cpu')
    def backward(ctx, g):
        say('backward', g.dtype, torch.is_autocast_enabled('cpu')); return g * 2
a = torch.ones(2, 2, requires_grad=True)
with torch.autocast('cpu', dtype=torch.float16):
    h = a @ torch.eye(2)
    y = Mine.apply(h); say(y.dtype); z = Plain.apply(h); say(z.dtype)
(y.sum() + z.sum()).backward()
say(a.grad)
""")


def test_scaled_losses(says_the_same: Same) -> None:
    says_the_same("""
import warnings; warnings.simplefilter('ignore')
def steps(scaler, bad_at):
    torch.manual_seed(0)
    model = nn.Linear(3, 2); opt = optim.SGD(model.parameters(), lr=0.1)
    for i in range(8):
        opt.zero_grad()
        loss = model(torch.ones(4, 3) * (float('inf') if i in bad_at else 1)).pow(2).mean()
        scaler.scale(loss).backward()
        if i % 2: scaler.unscale_(opt); nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(opt); scaler.update()
        say(i, scaler.get_scale(), [round(float(v), 4) for v in model.weight.reshape(-1)], scaler.state_dict())
s = torch.amp.GradScaler('cpu', init_scale=1024.0, growth_interval=2)
say(s.is_enabled(), s.get_scale(), s.get_growth_factor(), s.get_backoff_factor(), s.get_growth_interval())
steps(s, (3, 4))
t = torch.amp.GradScaler('cpu'); t.load_state_dict(s.state_dict()); say(t.get_scale(), t.state_dict() == s.state_dict())
s.update(8.0); say(s.get_scale())
say(s.scale([torch.ones(1), (torch.ones(2), torch.zeros(1))]))
off = torch.amp.GradScaler('cpu', enabled=False); say(off.is_enabled(), off.get_scale(), off.state_dict(), off.scale(torch.ones(1))); steps(off, ())
gpu = torch.amp.GradScaler(); say(gpu.is_enabled())
""")


@pytest.mark.parametrize("wrong", [
    "torch.amp.GradScaler('cpu', growth_factor=1.0)", "torch.amp.GradScaler('cpu', backoff_factor=1.0)", "s.step(opt)", "s.update()", "s.unscale_(opt)",
    "s.scale(loss).backward(); s.unscale_(opt); s.unscale_(opt)", "s.scale(loss).backward(); s.step(opt); s.step(opt)", "s.scale(loss).backward(); s.step(opt); s.unscale_(opt)",
    "s.scale(loss); s.step(opt)", "s.scale(loss); s.update()", "s.scale(3)", "s.load_state_dict({})", "s.scale(loss).backward(); s.step(opt, closure=lambda: 1)",
    "import warnings; warnings.simplefilter('ignore'); model.half(); s.scale(model(torch.ones(1, 3).half()).sum()).backward(); s.unscale_(opt)",
])
def test_wrong_use_of_a_scaler(wrong: str, says_the_same: Same) -> None:
    says_the_same("s = torch.amp.GradScaler('cpu'); model = nn.Linear(3, 2); opt = optim.SGD(model.parameters(), lr=0.1); loss = model(torch.ones(1, 3)).sum()\n" + wrong)


def test_the_share_of_a_process(says_the_same: Same) -> None:
    says_the_same("""
for n in (10, 3, 16, 1):
    for k in (1, 3, 4):
        for drop in (False, True):
            for shuffle in (False, True):
                shares = [data.DistributedSampler(range(n), k, r, shuffle=shuffle, seed=3, drop_last=drop) for r in range(k)]
                for s in shares: s.set_epoch(2)
                say(n, k, drop, shuffle, [list(s) for s in shares], [len(s) for s in shares]) if n >= k or not drop else None
data.DistributedSampler([1], 2, 2)
""")
    says_the_same("data.distributed.DistributedSampler([1], 2, -1)")


def test_a_training_step_holds_little_more_memory_than_with_pytorch() -> None:
    """Beside PyTorch a GPT step also keeps the weights of attention, which are shown."""
    import sys
    from pathlib import Path

    pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    try:
        from tests.benchmarks.memory import measured
    finally:
        sys.path.pop(0)
    for name, most in (("MLP", 1.1), ("GPT-mini", 1.3), ("LSTM", 1.0)):
        found = measured(name)
        assert found["tapescope"] < most * found["torch"], (name, found)
