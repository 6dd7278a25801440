"""Arrays of PyTorch tensors: NumPy's view of the same memory where there is one, else something that reads the values when they are asked for."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np
import torch

quietly = torch._C.DisableTorchFunction         # what we ask of tensors is nobody's op
on_host = attrgetter("is_cpu")                  # whether NumPy may see a tensor


class Kind:
    """A dtype that NumPy has not, or one whose values cannot be read (kind "V")."""

    def __init__(self, text: str, kind: str, itemsize: int) -> None:
        self.text, self.kind, self.itemsize, self.char = text, kind, itemsize, "e"

    def __str__(self) -> str:
        return self.text


@cache
def _kind(dtype: torch.dtype, readable: bool) -> Any:
    text = str(dtype).removeprefix("torch.")
    if readable:
        try:
            found = np.dtype(text)
        except TypeError:
            pass
        else:
            if found.kind != "V":                  # ml_dtypes gives NumPy a bfloat16, but not PyTorch's tensors a way to it
                return found
    return Kind(text, "f" if readable and dtype.is_floating_point else "V", dtype.itemsize)


class Away:
    """A tensor that NumPy cannot see: on a device, in bfloat16, sparse. Shape and dtype cost nothing; anything else copies it to the host, once."""

    __slots__ = ("_near", "dtype", "far", "nbytes", "ndim", "shape", "size", "tensor")

    # What takes an array apart into NumPy's and a device's finds NumPy's here: reading goes by the copy.
    __class__ = property(lambda self: np.ndarray)

    def __init__(self, t: torch.Tensor) -> None:
        self.tensor = t
        self.shape = tuple(t.shape)
        self.ndim, self.size = t.dim(), t.numel()
        self.dtype = _kind(t.dtype, t.device.type != "meta" and type(t) in (torch.Tensor, torch.nn.Parameter))
        self.nbytes = self.size * t.dtype.itemsize
        self.far = self.dtype.kind != "V" and not on_host(t) and t.layout == torch.strided         # what is asked of it is worked out where it is
        self._near: Any = None

    def near(self) -> Any:
        """The values on the host; float32 for what NumPy has no name of."""
        if self._near is None:
            with quietly(), torch.no_grad():
                t = self.tensor.detach()
                if t.layout != torch.strided:
                    t = t.to_dense()
                t = t.to("cpu").resolve_conj().resolve_neg()
                self._near = (t if isinstance(_kind(t.dtype, True), np.dtype) else t.float()).numpy()
        return self._near

    def sample(self, first: int, stride: int) -> Any:
        """Every `stride`-th value, taken where the tensor is: only those are copied."""
        t = self.tensor.detach()
        if stride == 1 or t.layout != torch.strided or not t.is_contiguous():
            return self.near().ravel("K")[first::stride]
        with quietly(), torch.no_grad():
            return t.view(-1)[first::stride].float().cpu().numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.near(), dtype=dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.near(), name)

    def __getitem__(self, where: Any) -> Any:
        return self.near()[where]

    def __gt__(self, other: Any) -> Any:
        return self.near() > other

    def __len__(self) -> int:
        return len(self.near())


def array_of(t: torch.Tensor) -> Any:
    """The array behind a tensor; no copy for what lies on the host."""
    with quietly():
        if on_host(t):
            try:
                return t.detach().numpy()
            except (TypeError, RuntimeError):
                pass
        return Away(t)
