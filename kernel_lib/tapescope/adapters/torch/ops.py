"""What PyTorch's functions are called on the tape, and which of them are no ops."""

from __future__ import annotations

import re
from typing import Any

SKIP = False

# Asked of a tensor, or done to it, without making a value of it.
_NOTHING = frozenset(
    "backward grad size dim ndimension stride numel nelement element_size storage_offset data_ptr item tolist numpy is_floating_point is_complex "
    "is_contiguous is_tensor is_nonzero is_same_size is_set_to is_storage is_signed is_inference is_conj is_neg is_pinned is_shared type_as_name "
    "storage untyped_storage get_device has_names names requires_grad_ retain_grad register_hook register_post_accumulate_grad_hook share_memory_ "
    "rename_ refine_names_ __len__ __repr__ __format__ __bool__ __int__ __float__ __index__ __hash__ __contains__ __array__ __deepcopy__ "
    "__reduce_ex__ __dlpack__ __dlpack_device__ equal allclose broadcast_shapes result_type can_cast promote_types iscomplex "
    "empty zeros ones full rand randn randint randperm arange linspace logspace eye tensor as_tensor scalar_tensor from_numpy empty_strided "
    "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones new_empty new_full new_tensor new_empty_strided "
    "_has_compatible_shallow_copy_type _is_view _nnz set_ resize_ save load manual_seed _set_grad_enabled _record_function_enter_new "
    "_record_function_exit _is_all_true pin_memory".split())

# Attributes that are ops.
_VIEWS = {"T": "t", "mT": "t", "H": "t", "mH": "t", "real": "real", "imag": "imag", "data": "detach"}

# PyTorch's other names for what the tape has a name for: checks, rules and advice go by it.
_TAPE = {"true_divide": "div", "divide": "div", "multiply": "mul", "subtract": "sub", "negative": "neg", "absolute": "abs", "contiguous": "clone",
         "flatten": "reshape", "unflatten": "reshape", "expand_as": "expand", "view_as": "view", "reshape_as": "reshape", "getitem": "index", "chunk": "split",
         "split_with_sizes": "split", "tensor_split": "split", "to": "to_copy", "type": "to_copy", "type_as": "to_copy", "float": "to_copy", "double": "to_copy",
         "half": "to_copy", "bfloat16": "to_copy", "cuda": "to_copy", "cpu": "to_copy", "movedim": "permute", "swapaxes": "transpose", "concat": "cat",
         "narrow": "slice", "truediv": "div", "clip": "clamp", "relu6": "hardtanh", "batch_norm": "batch_norm", "setitem": "index_put", "tile": "repeat",
         "masked_fill": "masked_fill", "detach": "detach", "max_pool2d_with_indices": "max_pool2d", "dropout": "dropout", "special_expit": "sigmoid"}

_REFLECTED = re.compile("r(add|sub|mul|div|truediv|floordiv|pow|matmul|mod|and|or|xor|lshift|rshift)$")
_INPLACE = re.compile("i(add|sub|mul|div|truediv|floordiv|pow|mod|and|or|xor|lshift|rshift)$")


class TorchOp:
    """A function of PyTorch: `label` is the user's word for it, `name` the tape's."""

    __slots__ = ("composite", "label", "mutates", "name", "target", "through", "view")

    def __init__(self, label: str, mutates: bool = False, composite: bool = False, through: bool = False) -> None:
        self.label = label
        bare = label.strip("_") or label
        self.name = _TAPE.get(bare, bare)
        self.mutates = mutates                 # its first operand is what it changes
        self.composite = composite             # written in Python: may change its operand, or hand it through
        self.through = through                 # what happens inside is seen, too
        self.view = False                      # whether the newest output is one
        self.target = self.name in ("cross_entropy", "nll_loss")

    def __repr__(self) -> str:
        return f"<op {self.label}>"


OPS: dict[Any, Any] = {}                       # function -> TorchOp or SKIP


def classify(func: Any) -> Any:
    """The op that a function is; SKIP for what is none."""
    found = OPS[func] = _classify(func)
    return found


def _classify(func: Any) -> Any:
    name = getattr(func, "__name__", None) or type(func).__name__
    if name in ("__get__", "__set__", "__delete__"):
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        if name != "__get__" or attribute not in _VIEWS:
            return SKIP
        op = TorchOp(attribute)
        op.name = _VIEWS[attribute]
        return op
    if name in _NOTHING or name.startswith(("_set_", "__torch")):
        return SKIP
    mutates = name.endswith("_") and not name.endswith("__")
    if name.startswith("__"):
        name = name.strip("_")
        mutates = name == "setitem" or _INPLACE.match(name) is not None
        if _REFLECTED.match(name) or _INPLACE.match(name):
            name = name[1:]
        name = {"truediv": "div"}.get(name, name)
    return TorchOp(name, mutates, hasattr(func, "__code__"))


def function_op(cls: type) -> TorchOp:
    """The op that an autograd.Function is."""
    found = OPS.get(cls)
    if found is None:
        through = cls.__module__ == "torch.utils.checkpoint"
        found = OPS[cls] = TorchOp("checkpoint" if through else cls.__name__, through=through)
    return found


GRAD = TorchOp("grad")
