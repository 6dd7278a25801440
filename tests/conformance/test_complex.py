"""Complex gradients and matrices, as PyTorch tells of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Z = "z = torch.tensor([[1 + 2j, 0.5 - 1j], [-1 + 0.25j, 2 + 1j]], dtype=torch.complex128, requires_grad=True)\n"
FUNCTIONS = ["(z * z).real", "(z * z.conj()).real", "(z @ z).imag", "z.exp().real", "z.sin().imag", "(1 / z).real", "torch.view_as_real(z * 2j)", "z.angle()", "(z + 2).imag",
             "torch.linalg.inv(z).real", "torch.linalg.det(z).real", "torch.linalg.solve(z, z.conj()).imag", "torch.linalg.svdvals(z)", "torch.linalg.slogdet(z)[1]",
             "torch.linalg.eigvalsh(z @ z.mH)", "torch.linalg.cholesky(z @ z.mH).real", "torch.linalg.pinv(z).imag", "torch.linalg.matrix_exp(z).real",
             "z.sum().real", "z[0].imag", "z.t().real", "torch.cat([z, z.conj()]).imag"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradient_is_the_conjugate_of_the_derivative(function: str, says_the_same: Callable[[str], None]) -> None:
    say = "say([round(v, 6) + 0.0 for v in torch.view_as_real(g).detach().reshape(-1).tolist()])\n"
    says_the_same(Z + f"y = {function}\ng, = torch.autograd.grad((y * y).sum(), z)\n" + say)


MATRICES = ["torch.linalg.inv(torch.zeros(2, 2))", "torch.linalg.cholesky(-torch.eye(2))", "torch.linalg.solve(torch.zeros(2, 2), torch.ones(2))", "torch.linalg.inv(torch.ones(2, 3))",
            "torch.linalg.det(torch.ones(3))", "torch.linalg.norm(torch.ones(2, 2), 3)", "torch.imag(torch.ones(2))", "torch.linalg.cross(torch.ones(2), torch.ones(2))",
            "torch.linalg.eigh(torch.eye(2))", "torch.linalg.slogdet(torch.eye(2))"]


@pytest.mark.parametrize("expression", MATRICES)
def test_says_the_same_of_matrices(expression: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(f"say({expression})")
