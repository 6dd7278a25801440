"""Values, gradients, grad_fn names, printing, promotion and error texts against PyTorch itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")


def both(program: str) -> tuple[Any, Any]:
    """Runs a program once with each library as `torch`; its `out` is what is compared."""
    results = []
    for lib in (ts, torch):
        space: dict[str, Any] = {"torch": lib, "np": np}
        lib.manual_seed(3)
        exec(program, space)
        results.append(space["out"])
    return results[0], results[1]


def same(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    if isinstance(b, torch.Tensor):
        assert isinstance(a, ts.Tensor)
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=atol)
        assert (a.grad_fn is None) == (b.grad_fn is None)
        if b.grad_fn is not None:
            assert a.grad_fn.name() == b.grad_fn.name()
    elif isinstance(b, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y, rtol, atol)
    else:
        assert str(a) == str(b)


X = "torch.linspace(-2, 2, 12).reshape(3, 4).requires_grad_()"
UNARY = "abs acos asin atan ceil cos cosh erf exp exp2 expm1 floor log log10 log1p log2 neg reciprocal relu rsqrt sigmoid sign sin sinh sqrt tan tanh trunc".split()
EXPRESSIONS = [
    "x + 1", "1 + x", "x - x.t().reshape(3, 4)", "2 - x", "x * 3.5", "x * x", "x / 2", "1 / x", "x ** 2", "x ** 0.5", "x ** 3", "2 ** x", "-x",
    "x @ x.t()", "x.mm(x.t())", "x.t()", "x.T", "x.view(4, 3)", "x.reshape(-1)", "x.flatten()", "x.transpose(0, 1)", "x.permute(1, 0)",
    "x.unsqueeze(0)", "x.unsqueeze(0).squeeze()", "x.expand(2, 3, 4)", "x[0]", "x[:, 1]", "x[1:, ::2]", "x[..., -1]", "x[None]", "x[[0, 2]]",
    "x[torch.tensor([2, 0])]", "x[x > 0]", "x[0, 1]", "x.sum()", "x.sum(0)", "x.sum(1, keepdim=True)", "x.mean()", "x.mean((0, 1))", "x.mean(1)",
    "x.max()", "x.min()", "x.max(1)[0]", "x.max(1).indices", "x.min(0).values", "x.amax(1)", "x.argmax()", "x.argmax(1)", "x.var()", "x.std(0)",
    "x.prod()", "x.norm()", "x.norm(1, 1)", "x.logsumexp(1)", "x.cumsum(1)", "x.cumprod(0)", "x.softmax(1)", "x.log_softmax(0)", "x.clamp(-1, 1)", "x.clamp(min=0)",
    "torch.cat([x, x], 1)", "torch.stack([x, x])", "x.split(2, 1)[1]", "x.chunk(2, 1)[0]", "x.unbind(0)[1]", "torch.where(x > 0, x, -x)", "x.masked_fill(x > 0, 7.0)",
    "x.gather(1, torch.tensor([[0, 1], [1, 2], [3, 0]]))", "x.index_select(0, torch.tensor([2, 0]))", "x.repeat(2, 1)", "x.flip(0)", "x.roll(1, 0)", "x.tril()", "x.triu(1)",
    "x.diagonal()", "x.sort(1, descending=True)[0]", "x.topk(2)[0]", "x.topk(2)[1]", "x.clone()", "x.double()", "x.half().float()", "x.long()", "x > 0", "x == x", "(x > 0) & (x < 1)",
    "torch.maximum(x, -x)", "torch.minimum(x, x * 2)", "torch.atan2(x, x + 3)", "x.round()", "x % 2", "x.detach() // 2", "torch.einsum('ij,kj->ik', x, x)",
    "torch.einsum('ij->ji', x)", "torch.einsum('ij,ij->', x, x)", "torch.outer(x[0], x[1])", "x[0] @ x[1]", "x @ x[0]", "x[0].dot(x[1])", "torch.tensordot(x, x, ([1], [1]))",
    "torch.addmm(x[:, :3], x, x.t())", "x.square()", "x.abs().sqrt()", "x.isnan()", "x.all()", "x.any(1)", "x.numel()", "x.size()", "x.shape", "x.dtype", "x.dim()", "x.stride()",
    "torch.nn.functional.relu(x)", "torch.nn.functional.gelu(x)", "torch.nn.functional.gelu(x, approximate='tanh')", "torch.nn.functional.silu(x)", "torch.nn.functional.leaky_relu(x)",
    "torch.nn.functional.elu(x)", "torch.nn.functional.softplus(x)", "torch.nn.functional.hardtanh(x)", "torch.nn.functional.logsigmoid(x)", "torch.nn.functional.normalize(x)",
    "torch.nn.functional.linear(x, x * 2)", "torch.nn.functional.linear(x, x * 2, x[:, 0])", "torch.nn.functional.linear(x.view(1, 3, 4), x, torch.ones(3))",
    "torch.nn.functional.cross_entropy(x, torch.tensor([0, 3, 1]))", "torch.nn.functional.cross_entropy(x, torch.tensor([0, 3, 1]), label_smoothing=0.1)",
    "torch.nn.functional.nll_loss(x, torch.tensor([0, 3, 1]))", "torch.nn.functional.mse_loss(x, x * 2)", "torch.nn.functional.l1_loss(x, x * 2 + 1)",
    "torch.nn.functional.smooth_l1_loss(x, x * 2)", "torch.nn.functional.binary_cross_entropy_with_logits(x, (x > 0).float())",
    "torch.nn.functional.binary_cross_entropy(x.sigmoid(), (x > 0).float())", "torch.nn.functional.kl_div(x, x.softmax(1), reduction='batchmean')",
    "torch.nn.functional.layer_norm(x, (4,))", "torch.nn.functional.batch_norm(x, None, None, training=True)", "torch.nn.functional.pad(x, (1, 2))",
    "torch.nn.functional.one_hot(torch.tensor([0, 2]))", "torch.nn.functional.embedding(torch.tensor([[0, 2]]), x)",
    "torch.nn.functional.conv2d(x.view(1, 1, 3, 4), x.view(3, 1, 2, 2), x[:, 0], padding=1)", "torch.nn.functional.max_pool2d(x.view(1, 1, 3, 4), 2)",
    "torch.nn.functional.avg_pool2d(x.view(1, 1, 3, 4), 2)", "torch.nn.functional.adaptive_avg_pool2d(x.view(1, 1, 3, 4), 2)",
    "torch.nn.functional.scaled_dot_product_attention(x.view(1, 3, 4), x.view(1, 3, 4), x.view(1, 3, 4)).sum()",
    *[f"torch.{n}(x.detach().abs() / 3 + 0.1)" for n in UNARY],
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_value_gradient_and_name(expression: str) -> None:
    a, b = both(f"x = {X}\nout = {expression}")
    same(a, b, 2e-5, 2e-6)
    if isinstance(b, torch.Tensor) and b.requires_grad:
        a, b = both(f"x = {X}\ny = {expression}\n(y * y.detach().cos()).sum().backward()\nout = x.grad")
        same(a, b, 1e-4, 1e-5)


PRINTED = [
    "torch.tensor([1., 2.5])", "torch.tensor([[1, 2], [3, 4]])", "torch.arange(30)", "torch.linspace(0, 1, 7)", "torch.tensor([1e-8, 1.0])",
    "torch.tensor([1e10, 1.0])", "torch.tensor(3.5)", "torch.tensor([])", "torch.zeros(0, 3)", "torch.tensor([float('nan'), 1.0, float('inf')])",
    "torch.ones(2, 2, requires_grad=True)", "torch.ones(2, 2, requires_grad=True) + 2", "torch.arange(2000.)", "torch.ones(3, 4, 5)", "torch.ones(20, 100)",
    "torch.tensor([True, False])", "torch.ones(2, dtype=torch.float64)", "torch.ones(2, dtype=torch.int32)", "torch.tensor([1.0, 100000.0])",
    "torch.tensor([0.00001, 0.5])", "torch.tensor([-1.0, 10.0])", "torch.tensor([1+2j])", "torch.eye(3) * 1234.5678", "torch.tensor([[-0.5], [100.25]], requires_grad=True).exp()",
    "torch.rand(5, 3)", "torch.randn(2, 3)", "torch.randn(4, 5)", "torch.randn(33)", "torch.randint(0, 100, (10,))", "torch.randperm(10)", "torch.rand(3, dtype=torch.float64)",
    "torch.randn(20, dtype=torch.float64)", "torch.empty(3).uniform_(-1, 1)", "torch.empty(18).normal_(2, 3)", "torch.full((2,), 7)", "torch.rand(5, 3).size()", "torch.float32",
]


@pytest.mark.parametrize("expression", PRINTED)
def test_prints_the_same(expression: str) -> None:
    a, b = both(f"out = str({expression})")
    assert a == b


PROMOTION = ["torch.tensor([1]) + 1.5", "torch.tensor([1], dtype=torch.int8) + 1", "torch.tensor([1.0]) + torch.tensor(1.0, dtype=torch.float64)", "torch.tensor([1]) / 2",
             "torch.tensor([1.0], dtype=torch.float16) * torch.tensor([1])", "torch.tensor([True]) + 1", "torch.tensor([1], dtype=torch.uint8) + torch.tensor([1], dtype=torch.int8)",
             "torch.tensor([1, 2]).sum()", "torch.tensor([True, True]).sum()", "torch.sin(torch.tensor([1]))", "torch.tensor([2]) ** 2", "torch.tensor([5]) // 2",
             "torch.tensor([1.5], dtype=torch.float64) + torch.tensor([1.0])", "torch.tensor(2) * torch.tensor([1.5])", "torch.tensor([1]) * True"]


@pytest.mark.parametrize("expression", PROMOTION)
def test_promotes_the_same(expression: str) -> None:
    same(*both(f"out = {expression}"))


ERRORS = [
    "torch.ones(5) + torch.ones(2)", "torch.ones(2, 3) @ torch.ones(2, 3)", "torch.ones(3).view(2, 2)", "torch.ones(2, requires_grad=True).backward()", "torch.ones(1).backward()",
    "torch.ones(2)[3]", "torch.ones(2).sum(2)", "torch.cat([torch.ones(2, 3), torch.ones(2, 4)])", "torch.stack([torch.ones(2), torch.ones(3)])", "torch.ones(2).item()",
    "bool(torch.ones(2))", "torch.ones(2, requires_grad=True).numpy()", "torch.tensor([1, 2]).mean()", "torch.tensor([1], requires_grad=True)", "x = torch.ones(2, requires_grad=True); x += 1",
    "x = torch.ones(2, requires_grad=True); y = x.sin(); y.sum().backward(); y.sum().backward()", "torch.tensor([[1, 2], [3]])", "torch.ones(2, 3).expand(4, 3)", "torch.ones(2, 3).t().view(6)",
    "x = torch.ones(2, requires_grad=True); y = x.exp(); y += 1; y.sum().backward()", "torch.nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 5]))",
    "torch.nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0]))", "torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 5))", "torch.ones(2).add_(torch.ones(3, 2))",
    "torch.tensor([1, 2]).add_(1.5)", "torch.nn.functional.conv2d(torch.ones(1, 2, 5, 5), torch.ones(3, 1, 3, 3))", "torch.nn.functional.embedding(torch.tensor([5]), torch.ones(3, 2))",
    "torch.ones(2, 3).permute(0)", "torch.ones(3).split([1, 1])", "torch.ones(2, 2).squeeze(5)", "len(torch.tensor(1))", "torch.autograd.grad(torch.ones(1, requires_grad=True).sum(), torch.ones(1, requires_grad=True))",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_fails_the_same(expression: str) -> None:
    found = []
    for lib in (ts, torch):
        with pytest.raises(Exception) as error:
            exec(expression, {"torch": lib})
        found.append(error)
    assert found[0].type is found[1].type
    ours, theirs = (str(f.value).replace("torch.Size", "") for f in found)
    head = theirs.split(". ")[0].split(" (")[0].split(": [")[0][:60]
    assert ours.startswith(head), f"{ours!r} does not begin as {theirs!r}"
