"""Names that load their module when they are first used: what few programs need does not cost every program its import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..core.inplace import assign
from ..core.tensor import Tensor

# module of ops -> what of it is PyTorch's at the top level; "*" before a name: a Tensor has it as a method, too; "+": as a method and in
# place; "." before it: as a property; "=": what it is called there
NAMES: dict[str, str] = {
    "complex": ".mH=adjoint *adjoint *angle complex *conj *conj_physical .imag *is_conj *is_neg *isreal polar .real *resolve_conj *resolve_neg view_as_complex view_as_real",
    "api_linalg_solve": "*inverse *det *slogdet *logdet *matrix_exp *cholesky=cholesky_old *cholesky_solve *cholesky_inverse *qr=qr_old lu_unpack "
                        "*lu_solve=lu_solve_old *triangular_solve *pinverse=pinv *orgqr *geqrf *ormqr",
    "api_linalg_spectral": "*svd=svd_old *matrix_power *cross=cross_old chain_matmul *ger",
    "special_erf": "+erfc +erfinv +logit +sinc +xlogy",
    "special_gamma": "+lgamma +digamma +polygamma +mvlgamma +igamma +igammac",
    "special_bessel": "+i0",
}

WHERE: dict[str, tuple[str, str]] = {}


def find(name: str) -> Any:
    """The function of that name, its module loaded."""
    module, own = WHERE[name]
    return getattr(import_module("." + module, __package__), own)


def _method(name: str) -> Any:
    def call(self: Tensor, *args: Any, **named: Any) -> Any:
        return find(name)(self, *args, **named)

    call.__name__ = call.__qualname__ = name
    return call


def _inplace(name: str) -> Any:
    def call(self: Tensor, *args: Any, **named: Any) -> Any:
        return assign(find(name), self, *args, **named)

    call.__name__ = call.__qualname__ = name + "_"
    return call


for _module, _names in NAMES.items():
    for _entry in _names.split():
        _name, _, _own = _entry.lstrip("*+.").partition("=")
        WHERE[_name] = (_module, _own or _name)
        if _entry[0] in "*+":
            setattr(Tensor, _name, _method(_name))
            if _entry[0] == "+":
                setattr(Tensor, _name + "_", _inplace(_name))
        elif _entry[0] == ".":
            setattr(Tensor, _name, property(_method(_name)))
