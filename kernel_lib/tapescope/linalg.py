"""`torch.linalg`: norms, inverses, factors, eigenvalues and singular values of stacks of matrices."""

from .ops.api_linalg import matmul
from .ops.api_linalg_ldl import ldl_factor, ldl_factor_ex, ldl_solve
from .ops.api_linalg_solve import (
    cholesky,
    cholesky_ex,
    det,
    householder_product,
    inv,
    inv_ex,
    lstsq,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    matrix_exp,
    pinv,
    qr,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
)
from .ops.api_linalg_spectral import (
    cond,
    cross,
    diagonal,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    matrix_norm,
    matrix_power,
    matrix_rank,
    multi_dot,
    norm,
    svd,
    svdvals,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
    vector_norm,
)
from .ops.linalg_base import LinAlgError

__all__ = ["LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "householder_product", "inv",
           "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot",
           "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot",
           "vector_norm"]
