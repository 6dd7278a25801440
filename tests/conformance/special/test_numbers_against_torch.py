"""Numbers that do not fit their dtype, masks that are subtracted, and what PyTorch composes: as PyTorch has it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tapescope as ts

Says = Callable[[str], None]

ATTEMPT = """
def attempt(f):
    try: say(f())
    except RuntimeError as e: say(str(e))
"""


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int64", "bool", "float16"])
def test_an_alpha_is_converted_to_the_common_dtype(says_the_same: Says, dtype: str) -> None:
    says_the_same(ATTEMPT + f"""
a, b, f = torch.tensor([1, 2, 3]).to(torch.{dtype}), torch.tensor([5, 0, 7]).to(torch.{dtype}), torch.tensor([1.5, 2, 3])
for alpha in (-1, 2, 300, -300, True):
    for name in ("add",) if a.dtype is torch.bool else ("add", "sub", "rsub"):
        for other in (b, 3, f):
            attempt(lambda: getattr(torch, name)(a, other, alpha=alpha))
    attempt(lambda: a.clone().add_(b, alpha=alpha))
for alpha in (1.5, 2.0):
    attempt(lambda: a.add(b, alpha=alpha))
    attempt(lambda: a.clone().add_(b, alpha=alpha))
""")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32"])
def test_whole_numbers_outside_the_dtype(says_the_same: Says, dtype: str) -> None:
    says_the_same(ATTEMPT + f"""
a = torch.tensor([1, 2, 3]).to(torch.{dtype})
for v in (300, -3, 70000, 2**40):
    for name in ("add", "sub", "mul", "bitwise_and", "eq", "lt", "clamp_min", "clamp_max", "fill_", "__radd__", "__rsub__", "add_", "mul_"):
        attempt(lambda: getattr(a.clone(), name)(v))
    for f in (lambda: torch.where(a > 1, a, v), lambda: a.masked_fill(a > 1, v), lambda: torch.full_like(a, v), lambda: a.clamp(v, None)):
        attempt(f)
for v in (float("nan"), 1e40, 1.5):
    attempt(lambda: a.clone().fill_(v))
for f in (lambda: a % 0, lambda: torch.fmod(a, a - 1), lambda: 7 % (a - 1)):
    attempt(f)
attempt(lambda: torch.ones(2, dtype=torch.float16).fill_(70000.0))
attempt(lambda: torch.ones(2).fill_(1e40))
attempt(lambda: torch.ones(2).fill_(float("inf")))
""")


def test_masks_are_not_subtracted(says_the_same: Says) -> None:
    says_the_same(ATTEMPT + """
m, f = torch.tensor([True, False]), torch.tensor([1.5, 2])
for g in (lambda: m - m, lambda: m - 1, lambda: 1 - m, lambda: f - m, lambda: torch.sub(m, f), lambda: torch.rsub(m, 1, alpha=2), lambda: m + m):
    attempt(g)
""")


EQUATIONS = ["i,j->ij", "ij->ji", "ii->i", "ij->i", "ij->", "ii", "i,i->i", "ij,j->ij", "ij,ij->ji", "ij,ij", "bij,bjk->bik", "ij,jk", "...ij->...ji", "iij->ij", "ij,kj->", "i,ij,j->i", "b...i,b...j->bij"]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_composed_as_pytorch_composes_it(says_the_same: Says, equation: str) -> None:
    says_the_same(f"""
sizes, equation = dict(b=2, i=3, j=4, k=5), {equation!r}
xs = [torch.arange(1.0, 1 + torch.Size([sizes.get(c, 2) for c in t.replace("...", ".")]).numel()).reshape([sizes.get(c, 2) for c in t.replace("...", ".")]).requires_grad_()
      for t in equation.split("->")[0].split(",")] if "ii" not in equation else [torch.arange(9.0 * (4 if "j" in equation else 1)).reshape([3, 3, 4] if "j" in equation else [3, 3]).requires_grad_()]
y = torch.einsum(equation, *xs)
say(y, y.stride(), [n and n[0].name() for n in y.grad_fn.next_functions])
(y * y).sum().backward()
say(*[x.grad for x in xs])
""")


def test_differences_distances_and_losses_at_their_edges(says_the_same: Says) -> None:
    says_the_same(ATTEMPT + """
a = torch.tensor([[1.0, 4, 9]], requires_grad=True)
for n in (0, 1, 5):
    say(torch.diff(a, n=n), torch.diff(a, n=n, prepend=a.detach(), append=a.detach()))
h = torch.tensor([1.0, 4, 90]).half()
for p in (0.5, 1, 2, 3):
    x = h.clone().requires_grad_()
    y = torch.dist(x, torch.tensor([2.0, 4, 0]).half(), p)
    y.backward()
    say(y.detach(), [round(v, 2) for v in x.grad.tolist()])
for f in (torch.nn.functional.smooth_l1_loss, torch.nn.functional.huber_loss):
    x, t = torch.tensor([1.0, 4, 9.1, 2.0], requires_grad=True), torch.tensor([2.0, 4, -1, 2.5])
    g, = torch.autograd.grad(f(x, t), x, create_graph=True)
    say(g.detach(), torch.autograd.grad(g.sum(), x)[0] + 0)
y = torch.nn.functional.smooth_l1_loss(x, t, beta=0)
g, = torch.autograd.grad(y, x)
say(y, g, torch.nn.functional.l1_loss(x, t))
attempt(lambda: torch.nn.functional.smooth_l1_loss(x, t, beta=-1))
""")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_uniform_numbers_are_pytorchs_bit_for_bit(says_the_same: Says, dtype: str) -> None:
    says_the_same(f"""
for make in (lambda: torch.rand(5000, dtype=torch.{dtype}), lambda: torch.empty(5000, dtype=torch.{dtype}).uniform_(-0.1, 0.3),
             lambda: torch.nn.functional.dropout(torch.ones(100, dtype=torch.{dtype}), 0.3)):
    torch.manual_seed(3)
    say(make().double().tolist())
torch.manual_seed(3)
say(nn.Linear(7, 5).weight.tolist(), nn.Conv2d(2, 3, 3).weight.tolist(), [round(v, 3) for v in torch.randn(25, dtype=torch.{dtype}).tolist()])
""")


def test_extremes_norms_and_counts_of_nothing(says_the_same: Says) -> None:
    says_the_same("""
def attempt(f):
    try: say(f())
    except Exception as e: say(type(e).__name__, e)
a = torch.ones(0, 3)
for f in (lambda: a.amax(1), lambda: a.amin((1,), True), lambda: a.amax(0), lambda: a.amax(-2)):
    attempt(f)
for order, dims in ((1, (0, 1)), (float("inf"), (1, 0)), (2, (1, 0)), (-1, (2, 0))):
    attempt(lambda: torch.linalg.norm(torch.ones(2, 0, 4), order, dim=dims))
attempt(lambda: torch.histc(torch.ones(0), 3))
attempt(lambda: torch.histc(torch.tensor([1, 2]), 3))
attempt(lambda: torch.linalg.lstsq(torch.eye(4, 3), torch.ones(4, 2)).residuals.shape)
""")


def test_quantiles_have_a_gradient_for_q(says_the_same: Says) -> None:
    says_the_same("""
x = torch.tensor([[4.0, 1, 2, 8], [0, 5, 3, 1]], requires_grad=True)
q = torch.tensor([0.2, 0.7], requires_grad=True)
for dim in (0, 1):
    y = torch.quantile(x, q, dim=dim)
    say(y, *torch.autograd.grad(y.sum(), [x, q]))
say(torch.quantile(x, 0.5, dim=1, keepdim=True, interpolation="lower"), torch.nanquantile(x, 0.4))
""")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "float16"])
@pytest.mark.parametrize(("size", "k", "dim"), [((5000,), 11, 0), ((4, 3000), 5, 1), ((900, 7), 2, 0), ((5000,), 4000, 0)])
def test_the_first_of_many(dtype: str, size: tuple[int, ...], k: int, dim: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for strange in (False, True):
        a = (rng.standard_normal(size) * 60).astype(dtype) if dtype != "uint8" else rng.integers(0, 255, size).astype(dtype)
        if strange and a.dtype.kind == "f":
            a[rng.random(size) < 0.01] = np.nan
            a[rng.random(size) < 0.01] = -np.inf
        for largest in (True, False):
            values, places = ts.topk(ts.from_numpy(a), k, dim, largest)
            expected = torch.topk(torch.from_numpy(a), k, dim, largest).values.numpy()
            np.testing.assert_array_equal(values.numpy(), expected)
            np.testing.assert_array_equal(np.take_along_axis(a, places.numpy(), dim), expected)
