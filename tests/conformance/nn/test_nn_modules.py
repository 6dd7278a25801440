"""Layers against PyTorch's: what they draw, print, compute, and the gradients they give."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
BOTH = (ts, torch)


def close(a: Any, b: Any, rtol: float = 2e-5, atol: float = 2e-6) -> None:
    a, b = a.detach().numpy(), b.detach().numpy()
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


LAYERS = {
    "nn.Identity(3, x=1)": [(2, 3)],
    "nn.Linear(4, 3)": [(5, 4)],
    "nn.Linear(4, 3, bias=False)": [(2, 5, 4)],
    "nn.Bilinear(3, 4, 5)": [(6, 3), (6, 4)],
    "nn.Bilinear(3, 4, 2, bias=False)": [(2, 6, 3), (2, 6, 4)],
    "nn.Conv2d(3, 6, 3)": [(2, 3, 8, 7)],
    "nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, dilation=2, groups=2, bias=False)": [(2, 4, 9, 8)],
    "nn.Conv2d(2, 3, 3, padding='same')": [(1, 2, 6, 6)],
    "nn.Conv2d(2, 3, 4, padding='same')": [(1, 2, 6, 6)],
    "nn.Conv2d(2, 3, 3, padding='valid')": [(2, 6, 6)],
    "nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode='reflect')": [(2, 2, 6, 6)],
    "nn.Conv2d(2, 3, 3, padding=1, padding_mode='replicate')": [(2, 2, 6, 6)],
    "nn.Conv2d(2, 3, 3, padding='same', padding_mode='circular')": [(2, 2, 6, 5)],
    "nn.BatchNorm1d(4)": [(6, 4)],
    "nn.BatchNorm1d(4, affine=False)": [(6, 4, 5)],
    "nn.BatchNorm2d(3)": [(4, 3, 5, 5)],
    "nn.BatchNorm2d(3, momentum=None, eps=1e-3)": [(4, 3, 5, 5)],
    "nn.BatchNorm2d(3, track_running_stats=False)": [(4, 3, 5, 5)],
    "nn.LayerNorm(5)": [(3, 4, 5)],
    "nn.LayerNorm((4, 5), bias=False)": [(3, 4, 5)],
    "nn.LayerNorm([5], elementwise_affine=False)": [(3, 5)],
    "nn.ReLU()": [(3, 4)],
    "nn.ReLU(inplace=True)": None,
    "nn.LeakyReLU(0.2)": [(3, 4)],
    "nn.GELU()": [(3, 4)],
    "nn.GELU('tanh')": [(3, 4)],
    "nn.SiLU()": [(3, 4)],
    "nn.Sigmoid()": [(3, 4)],
    "nn.Tanh()": [(3, 4)],
    "nn.LogSigmoid()": [(3, 4)],
    "nn.Softplus(2, 10)": [(3, 4)],
    "nn.ELU(0.5)": [(3, 4)],
    "nn.Hardtanh(-0.5, 2.0)": [(3, 4)],
    "nn.Softmax(dim=1)": [(3, 4)],
    "nn.LogSoftmax(dim=-1)": [(3, 4)],
    "nn.MaxPool2d(2)": [(2, 3, 7, 8)],
    "nn.MaxPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True)": [(2, 3, 7, 8)],
    "nn.AvgPool2d(2)": [(2, 3, 6, 8)],
    "nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)": [(2, 3, 7, 7)],
    "nn.AdaptiveAvgPool2d(1)": [(2, 3, 7, 7)],
    "nn.AdaptiveAvgPool2d((3, None))": [(2, 3, 7, 5)],
    "nn.Flatten()": [(2, 3, 4)],
    "nn.Flatten(0, 1)": [(2, 3, 4)],
    "nn.Unflatten(1, (2, -1))": [(3, 6)],
    "nn.Dropout(0.0)": [(3, 4)],
    "nn.Dropout2d(0.0)": [(3, 4, 2, 2)],
    "nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Sequential(nn.Linear(8, 2), nn.Tanh()))": [(5, 4)],
    "nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])": None,
    "nn.ModuleList()": None,
    "nn.ModuleDict({'a': nn.Linear(2, 2), 'b': nn.ReLU()})": None,
    "nn.ParameterList([torch.zeros(2, 3), nn.Parameter(torch.ones(4)), 3])": None,
    "nn.ParameterDict({'a': torch.zeros(2, 3), 'b': 'x'})": None,
    "nn.Embedding(7, 3, padding_idx=-1)": None,
    "nn.MultiheadAttention(8, 2)": None,
    "nn.MultiheadAttention(8, 2, kdim=4, vdim=6, add_bias_kv=True)": None,
    "nn.CrossEntropyLoss(label_smoothing=0.1)": None,
    "nn.BCEWithLogitsLoss()": None,
}


def build(source: str, seed: int = 3) -> tuple[Any, Any]:
    made = []
    for lib in BOTH:
        lib.manual_seed(seed)
        made.append(eval(source, {"torch": lib, "nn": lib.nn}))
    return made[0], made[1]


@pytest.mark.parametrize("source", LAYERS)
def test_draws_and_prints(source: str) -> None:
    ours, theirs = build(source)
    assert repr(ours) == repr(theirs)
    mine, reference = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(reference)
    assert dict(mine._metadata) == {k: dict(v) for k, v in reference._metadata.items()}
    for k in reference:
        close(mine[k], reference[k], 1e-6, 1e-7)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]


@pytest.mark.parametrize("source", [s for s, shapes in LAYERS.items() if shapes])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients(source: str, training: bool) -> None:
    shapes = LAYERS[source]
    rng = np.random.default_rng(0)
    data = [rng.standard_normal(s).astype("f4") for s in shapes or []]
    seen = []
    for lib, m in zip(BOTH, build(source), strict=True):
        m.train(training)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                # PyTorch warns about even kernels with "same"
            inputs = [lib.tensor(d, requires_grad=True) for d in data]
            m(*inputs)                                     # twice, so that running statistics have moved
            y = m(*inputs)
        (y * lib.linspace(-1, 2, y.numel()).reshape(y.shape)).sum().backward()
        seen.append((m, inputs, y))
    (ours, xs, y), (theirs, rs, r) = seen
    close(y, r, 1e-4, 1e-5)
    for x, reference in zip(xs, rs, strict=True):
        close(x.grad, reference.grad, 1e-4, 2e-5)
    for (name, p), (name2, reference) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == name2
        close(p.grad, reference.grad, 1e-4, 2e-5)
    for b, reference in zip(ours.buffers(), theirs.buffers(), strict=True):
        close(b, reference, 1e-4, 1e-5)


def test_embedding() -> None:
    ours, theirs = build("nn.Embedding(7, 3, padding_idx=2)")
    index = np.array([[0, 2, 6], [6, 6, 1]])
    for lib, m in zip(BOTH, (ours, theirs), strict=True):
        (m(lib.tensor(index)) ** 2).sum().backward()
    close(ours.weight.grad, theirs.weight.grad)
    table = np.arange(6, dtype="f4").reshape(2, 3)
    a, b = (lib.nn.Embedding.from_pretrained(lib.tensor(table)) for lib in BOTH)
    assert a.weight.requires_grad is b.weight.requires_grad is False
    close(a(ts.tensor([1, 0])), b(torch.tensor([1, 0])))


LOSSES = [
    ("nn.MSELoss()", (4, 3), (4, 3)), ("nn.MSELoss(reduction='sum')", (4, 3), (4, 3)), ("nn.MSELoss(reduction='none')", (4, 3), (4, 3)),
    ("nn.L1Loss()", (4, 3), (4, 3)), ("nn.SmoothL1Loss(beta=0.5)", (4, 3), (4, 3)), ("nn.BCEWithLogitsLoss()", (4, 3), "unit"),
    ("nn.BCEWithLogitsLoss(weight=torch.tensor([1., 2., 3.]), pos_weight=torch.tensor([2., 1., 1.]))", (4, 3), "unit"),
    ("nn.CrossEntropyLoss()", (4, 3), "class"), ("nn.CrossEntropyLoss(weight=torch.tensor([1., 2., 3.]))", (4, 3), "class"),
    ("nn.CrossEntropyLoss(ignore_index=1, label_smoothing=0.1)", (4, 3), "class"), ("nn.CrossEntropyLoss(reduction='none')", (4, 3), "class"),
    ("nn.CrossEntropyLoss()", (4, 3), "unit"), ("nn.CrossEntropyLoss(label_smoothing=0.2)", (4, 3), "unit"),
    ("nn.CrossEntropyLoss()", (4, 3, 2), "class"), ("nn.KLDivLoss(reduction='batchmean')", (4, 3), "unit"),
]


@pytest.mark.parametrize(("source", "shape", "target"), LOSSES)
def test_losses(source: str, shape: tuple[int, ...], target: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype("f4")
    t = {"class": lambda: rng.integers(0, 3, (shape[0], *shape[2:])), "unit": lambda: rng.random(shape).astype("f4")}.get(
        target if isinstance(target, str) else "", lambda: rng.standard_normal(shape).astype("f4"))()
    seen = []
    for lib, m in zip(BOTH, build(source), strict=True):
        a = lib.tensor(x, requires_grad=True)
        loss = m(a, lib.tensor(t))
        loss.sum().backward()
        seen.append((loss, a.grad))
    close(seen[0][0], seen[1][0])
    close(seen[0][1], seen[1][1])
    if source.startswith("nn.CrossEntropyLoss()") and target == "class":
        logp = [lib.log_softmax(lib.tensor(x), 1) for lib in BOTH]
        close(ts.nn.NLLLoss()(logp[0], ts.tensor(t)), torch.nn.NLLLoss()(logp[1], torch.tensor(t)))


def test_bce() -> None:
    p, t = np.array([0.1, 0.9, 0.0, 1.0], "f4"), np.array([0.0, 1.0, 1.0, 1.0], "f4")
    close(ts.nn.BCELoss()(ts.tensor(p), ts.tensor(t)), torch.nn.BCELoss()(torch.tensor(p), torch.tensor(t)))


ATTENTION = [
    ("nn.MultiheadAttention(8, 2)", {}, (5, 3, 8), (5, 3, 8)),
    ("nn.MultiheadAttention(8, 2, batch_first=True)", {"need_weights": False}, (3, 5, 8), (3, 6, 8)),
    ("nn.MultiheadAttention(8, 4, bias=False)", {"average_attn_weights": False}, (5, 3, 8), (6, 3, 8)),
    ("nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)", {"masks": True}, (5, 3, 8), (5, 3, 8)),
    ("nn.MultiheadAttention(8, 2, kdim=8, vdim=8)", {"masks": True}, (5, 3, 8), (6, 3, 8)),
    ("nn.MultiheadAttention(8, 2)", {}, (5, 8), (6, 8)),
]


@pytest.mark.parametrize(("source", "options", "q", "k"), ATTENTION)
def test_attention(source: str, options: dict[str, Any], q: Any, k: Any) -> None:
    rng = np.random.default_rng(2)
    x, other = rng.standard_normal(q).astype("f4"), rng.standard_normal(k).astype("f4")
    options = dict(options)
    masks = options.pop("masks", False)
    seen = []
    for lib, m in zip(BOTH, build(source), strict=True):
        given = dict(options)
        if masks:
            given["attn_mask"] = lib.tensor(np.triu(np.ones((q[0], k[0]), bool), 2))
            padding = np.zeros((q[1], k[0]), bool)
            padding[1, -1] = True
            given["key_padding_mask"] = lib.tensor(padding)
        query = lib.tensor(x, requires_grad=True)
        key = query if q == k and not masks else lib.tensor(other)
        y, weights = m(query, key, key, **given)
        (y ** 2).sum().backward()
        seen.append((y, weights, query.grad, m))
    close(seen[0][0], seen[1][0], 1e-4, 1e-5)
    assert (seen[0][1] is None) == (seen[1][1] is None)
    if seen[1][1] is not None:
        close(seen[0][1], seen[1][1], 1e-4, 1e-5)
    close(seen[0][2], seen[1][2], 1e-4, 2e-5)
    for p, r in zip(seen[0][3].parameters(), seen[1][3].parameters(), strict=True):
        assert (p.grad is None) == (r.grad is None)
        if r.grad is not None:
            close(p.grad, r.grad, 1e-4, 2e-5)


INITS = ["uniform_(t, -1, 2)", "normal_(t, 1, 2)", "constant_(t, 3)", "ones_(t)", "zeros_(t)", "eye_(t)", "xavier_uniform_(t, 2)", "xavier_normal_(t)",
         "kaiming_uniform_(t, 0.1, 'fan_out')", "kaiming_normal_(t, nonlinearity='relu')", "trunc_normal_(t, 0, 1, -1, 1)",
         "trunc_normal_(t, std=0.02, a=0.03, b=0.05)", "orthogonal_(t, 2)"]


@pytest.mark.parametrize("source", INITS)
@pytest.mark.parametrize("shape", [(6, 5), (3, 40)])
def test_init(source: str, shape: tuple[int, int]) -> None:
    found = []
    for lib in BOTH:
        lib.manual_seed(5)
        t = lib.empty(shape, requires_grad=True)
        found.append(eval("init." + source, {"init": lib.nn.init, "t": t}))
        assert found[-1] is t
    close(found[0], found[1], 1e-4, 1e-5)


def test_gains() -> None:
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert ts.nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert ts.nn.init.calculate_gain("leaky_relu", 0.3) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.3))


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping(norm: float, limit: float) -> None:
    seen = []
    for lib, m in zip(BOTH, build("nn.Linear(4, 3)"), strict=True):
        (m(lib.ones(2, 4)) ** 2).sum().backward()
        total = lib.nn.utils.clip_grad_norm_(m.parameters(), limit, norm)
        seen.append((total, *[p.grad for p in m.parameters()]))
    for a, b in zip(*seen, strict=True):
        close(a, b)
    for lib, m in zip(BOTH, build("nn.Linear(4, 3)"), strict=True):
        (m(lib.ones(2, 4)) ** 2).sum().backward()
        lib.nn.utils.clip_grad_value_(m.parameters(), 0.25)
        seen.append([p.grad for p in m.parameters()])
    for a, b in zip(*seen[-2:], strict=True):
        close(a, b)


def test_parameters_as_a_vector() -> None:
    vectors = []
    for lib, m in zip(BOTH, build("nn.Linear(4, 3)"), strict=True):
        v = lib.nn.utils.parameters_to_vector(m.parameters())
        lib.nn.utils.vector_to_parameters(v * 2, m.parameters())
        vectors.append((v, m.weight, m.bias))
    for a, b in zip(*vectors, strict=True):
        close(a, b)
