"""Names that load their module when they are first used: what few programs need does not cost every program its import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..core.inplace import assign
from ..core.tensor import Tensor

# module of ops -> what of it is PyTorch's at the top level; "*" before a name: a Tensor has it as a method, too; "+": as a method and in
# place; "-": as a method only; "." before it: as a property; "=": what it is called there
NAMES: dict[str, str] = {
    "complex": ".mH=adjoint *adjoint *angle complex *conj *conj_physical .imag *is_conj *is_neg *isreal polar .real *resolve_conj *resolve_neg view_as_complex view_as_real",
    "api_linalg_solve": "*inverse *det *slogdet *logdet *matrix_exp *cholesky=cholesky_old *cholesky_solve *cholesky_inverse *qr=qr_old lu_unpack "
                        "*lu_solve=lu_solve_old *triangular_solve *pinverse=pinv *orgqr *geqrf *ormqr",
    "api_linalg_spectral": "*svd=svd_old *matrix_power *cross=cross_old chain_matmul *ger",
    "special_erf": "+erfc +erfinv +logit +sinc +xlogy",
    "special_gamma": "+lgamma +digamma +polygamma +mvlgamma +igamma +igammac",
    "special_bessel": "+i0",
    "api_products": "+addmv +addr +addbmm *baddbmm *inner *kron *vdot +sgn +nextafter svd_lowrank pca_lowrank *lu",
    "api_sparse": "sparse_coo_tensor -to_sparse -to_dense -coalesce -is_coalesced -indices -values -_indices -_values -_nnz -sparse_dim -dense_dim -sparse_mask",
    "api_window": "hann_window hamming_window blackman_window bartlett_window kaiser_window",
    "api_fourier": "*stft *istft",
    "api_misc": ".H *is_complex *is_signed *is_nonzero *is_inference typename *get_device asarray frombuffer range=range_ constant_pad_nd grid_sampler grid_sampler_2d "
                "grid_sampler_3d native_layer_norm native_group_norm native_batch_norm poisson detach detach_copy view_as_real_copy view_as_complex_copy vander pdist "
                "set_default_tensor_type -fill_diagonal_ -apply_ -map_ -new",
}

WHERE: dict[str, tuple[str, str]] = {}


def find(name: str) -> Any:
    """The function of that name, its module loaded."""
    module, own = WHERE[name]
    return getattr(import_module("." + module, __package__), own)


def _method(name: str, module: str = "") -> Any:
    def call(self: Tensor, *args: Any, **named: Any) -> Any:
        f = getattr(import_module("." + module, __package__), name) if module else find(name)
        return f(self, *args, **named)

    call.__name__ = call.__qualname__ = name
    return call


def _inplace(name: str) -> Any:
    def call(self: Tensor, *args: Any, **named: Any) -> Any:
        return assign(find(name), self, *args, **named)

    call.__name__ = call.__qualname__ = name + "_"
    return call


# In place at the top level: torch.sin_(x) is x.sin_().
_IN_PLACE = frozenset(
    "abs acos acosh addmv alpha_dropout arccos arccosh arcsin arcsinh arctan arctanh as_strided asin asinh atan atanh ceil clamp clamp_max clamp_min clip conj_physical cos "
    "cosh deg2rad detach erf erfc exp exp2 expm1 fill fix floor frac gcd i0 index_put lcm ldexp log log10 log1p log2 logit nan_to_num neg negative rad2deg reciprocal "
    "resize_as round rsqrt sigmoid sin sinc sinh sqrt square tan tanh trunc xlogy".split())


def in_place(name: str) -> Any:
    """The method of that name as a function, where PyTorch has one."""
    return getattr(Tensor, name, None) if name.endswith("_") and name[:-1] in _IN_PLACE else None


for _module, _names in NAMES.items():
    for _entry in _names.split():
        _name, _, _own = _entry.lstrip("*+.").partition("=")
        if _entry[0] == "-":
            setattr(Tensor, _name[1:], _method(_name[1:], _module))
            continue
        WHERE[_name] = (_module, _own or _name)
        if _entry[0] in "*+":
            setattr(Tensor, _name, _method(_name))
            if _entry[0] == "+":
                setattr(Tensor, _name + "_", _inplace(_name))
        elif _entry[0] == ".":
            setattr(Tensor, _name, property(_method(_name)))
