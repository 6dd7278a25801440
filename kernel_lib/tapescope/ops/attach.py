"""The rest of what a Tensor can do: functions as methods, and each in place where PyTorch has it."""

from __future__ import annotations

from typing import Any

from ..core.inplace import assign
from ..core.layout import sparse_coo, strided
from ..core.sparse import Rows
from ..core.tensor import Tensor
from . import api_activation as an
from . import api_create as ac
from . import api_linalg as al
from . import api_reduce as ar
from . import api_scan as asn
from . import api_scatter as asc
from . import api_search as asr
from . import api_shape as ash
from . import api_view as av
from . import creation as cr

METHODS: dict[Any, str] = {
    ac: "geometric_ cauchy_ log_normal_ exponential_ new_empty_strided bernoulli",
    asn: "cummax cummin logcumsumexp kthvalue median nanmedian mode msort nansum nanmean aminmax dist renorm quantile nanquantile diff cov corrcoef",
    asr: "isin argwhere nonzero_static unique_consecutive histogram is_same_size",
    asc: "index_add index_copy index_fill index_reduce scatter_reduce index_put put take masked_scatter select_scatter slice_scatter diagonal_scatter "
         "as_strided as_strided_scatter storage_offset scatter scatter_add",
    av: "tensor_split hsplit vsplit dsplit split split_with_sizes unsafe_split unsafe_chunk rot90 fliplr flipud unfold diag_embed diag diagflat narrow_copy "
        "sum_to_size repeat_interleave diagonal_copy expand_copy permute_copy select_copy slice_copy split_copy squeeze_copy t_copy transpose_copy "
        "unbind_copy unfold_copy unsqueeze_copy view_copy as_strided_copy resize_ resize_as_ set_",
}
INPLACE: dict[Any, str] = {
    asn: "renorm",
    ar: "cumsum cumprod",
    ash: "tril triu",
    asc: "index_add index_copy index_fill index_reduce scatter_reduce index_put put masked_scatter scatter scatter_add",
}


def assigned(f: Any) -> Any:
    """`f` in place, whatever it is made of."""

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return assign(f, self, *args, **kwargs)

    call.__name__ = call.__qualname__ = f.__name__ + "_"
    call.__doc__ = f"`{f.__name__}`, written into the memory of the tensor."
    return call


for _f in (asc.as_strided, ash.t, ash.transpose, ash.squeeze, ash.unsqueeze):
    setattr(Tensor, _f.__name__ + "_", av.reshaped(_f))
Tensor.swapaxes_ = Tensor.swapdims_ = Tensor.transpose_
for _module, _names in METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, getattr(_module, _name))
for _module, _names in INPLACE.items():
    for _name in _names.split():
        setattr(Tensor, _name + "_", assigned(getattr(_module, _name)))


for _name in ("addmm", "baddbmm"):
    setattr(Tensor, _name + "_", assigned(getattr(al, _name)))
Tensor.moveaxis, Tensor.ndimension, Tensor.multinomial = ash.movedim, lambda t: t._array.ndim, cr.multinomial
Tensor.hardshrink, Tensor.prelu, Tensor.conj_physical_ = an.hardshrink, an.prelu, assigned(lambda t: t.conj())
for _name, _answer in {"is_cpu": None, "is_quantized": False, "is_meta": False, "is_nested": False, "is_mps": False, "is_xpu": False}.items():
    setattr(Tensor, _name, property((lambda t: not t.is_cuda) if _answer is None else (lambda t: False)))


setattr(Tensor, "__dlpack__", ac.dlpack)
setattr(Tensor, "__dlpack_device__", ac.dlpack_device)
setattr(Tensor, "is_sparse", property(lambda t: t._array.__class__ is Rows))
setattr(Tensor, "layout", property(lambda t: sparse_coo if t._array.__class__ is Rows else strided))
