"""The Tensor: an array, its place in the graph, and its gradient."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import device as dev
from . import dtype as dt
from .hooks import RemovableHandle, add_hook
from .node import AccumulateGrad, Node, next_seq
from .site import here
from .state import numbers
from .storage import Storage, new_storage

if TYPE_CHECKING:
    from .op import Op

_next_id = itertools.count(1).__next__
_new = object.__new__


class Size(tuple[int, ...]):
    """A shape; prints as PyTorch's (`torch.Size([5, 3])`)."""

    __slots__ = ()

    def numel(self) -> int:
        n = 1
        for s in self:
            n *= s
        return n

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, i: Any) -> Any:
        item = tuple.__getitem__(self, i)
        return Size(item) if isinstance(i, slice) else item

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))


class TensorExtra:
    """What few tensors have: a base they view, hooks, a retained gradient."""

    __slots__ = ("accumulator", "base", "chain", "hooks", "name", "post_accumulate", "retains")

    def __init__(self) -> None:
        self.base: Tensor | None = None                                  # of a differentiable view
        self.chain: tuple[tuple[Op, tuple[Any, ...]], ...] = ()          # view ops that lead from base to here
        self.hooks: dict[int, Callable[..., Any]] | None = None          # of a leaf
        self.post_accumulate: dict[int, Callable[..., Any]] | None = None
        self.accumulator: weakref.ref[AccumulateGrad] | None = None
        self.retains = False
        self.name: str | None = None


class Tensor:
    """A multi-dimensional array that remembers how it was made.

    `Tensor(2, 3)` and `Tensor([1, 2])` are PyTorch's legacy constructor; the library itself uses `wrap`.
    """

    __slots__ = ("__dict__", "__weakref__", "_array", "_extra", "_grad", "_id", "_node", "_nr", "_req", "_storage")

    _array: Any
    _node: Node | None
    _nr: int
    _req: bool
    _grad: Tensor | None
    _id: int
    _storage: Storage | None
    _extra: TensorExtra | None

    __array_priority__ = 1000
    __hash__ = object.__hash__

    # Filled by ops, so that core knows nobody above it.
    _legacy: Any
    _format: Any
    if TYPE_CHECKING:
        __add__: Any
        __sub__: Any
        __mul__: Any
        __truediv__: Any
        __matmul__: Any
        __pow__: Any
        __neg__: Any
        __radd__: Any
        __rmul__: Any
        __getitem__: Any
        __setitem__: Any
        __iter__: Any

        def __getattr__(self, name: str) -> Any: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        made: Tensor = Tensor._legacy(*args, **kwargs)
        return made if cls is Tensor else wrap(made._array, cls=cls)

    # -- what it is -----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    @property
    def ndim(self) -> int:
        return int(self._array.ndim)

    @property
    def dtype(self) -> dt.dtype:
        return dt.of(self._array)

    @property
    def device(self) -> dev.device:
        return dev.of(self._array)

    @property
    def is_cuda(self) -> bool:
        return not isinstance(self._array, np.ndarray) and dev.of(self._array).type != "cpu"

    @property
    def itemsize(self) -> int:
        return int(self._array.itemsize)

    @property
    def nbytes(self) -> int:
        return int(self._array.nbytes)

    # -- its place in the graph -----------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        return self._req

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None:
            if not value:
                raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                                   "in a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
            return
        if value and self.dtype.category < 2:
            raise RuntimeError("only Tensors of floating point dtype can require gradients "
                               f"(this one is {self.dtype}, shape {list(self._array.shape)})")
        if value and self._array.dtype.kind in "cV":
            numbers.wide = True
        self._req = bool(value)

    @property
    def grad_fn(self) -> Node | None:
        return self._node

    @property
    def is_leaf(self) -> bool:
        return self._node is None

    @property
    def output_nr(self) -> int:
        return self._nr

    @property
    def _version(self) -> int:
        return 0 if self._storage is None else self._storage.version

    @property
    def _base(self) -> Tensor | None:
        return None if self._extra is None else self._extra.base

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def grad(self) -> Tensor | None:
        if self._grad is None and self._node is not None and not (self._extra and self._extra.retains):
            import warnings

            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
                "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
                ".retain_grad() on the non-leaf Tensor.", UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value._array.shape != self._array.shape:
                raise RuntimeError(f"assigned grad has data of a different size: the tensor has shape {list(self._array.shape)}, "
                                   f"the gradient {list(value._array.shape)}")
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(f"assigned grad has data of a different type: the tensor is {self.dtype}, the gradient {value.dtype}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory outside the graph; changes through it are not seen by the version check."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array = value._array
        if self._extra is not None:
            self._extra.accumulator = None             # its shape may no longer fit

    @property
    def name(self) -> str | None:
        return None if self._extra is None else self._extra.name

    def more(self) -> TensorExtra:
        if self._extra is None:
            self._extra = TensorExtra()
        return self._extra

    def storage(self) -> Storage:
        """Version and observers of the memory; made on first need."""
        if self._storage is None:
            self._storage = new_storage()
        return self._storage

    def bump(self) -> None:
        """Notes that the memory has just been changed, and by which line."""
        storage = self.storage()
        storage.version += 1
        storage.changed_at = here(2)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """The same memory outside the graph; shares the version, so a later change is still noticed."""
        t = wrap(self._array)
        t._storage = self.storage()
        return t

    def detach_(self) -> Tensor:
        if self._is_view():
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node, self._nr, self._req = None, 0, False
        return self

    def retain_grad(self) -> None:
        """Keeps `.grad` of this non-leaf when backward passes it."""
        if not self._req:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is None or (self._extra is not None and self._extra.retains):
            return
        self.more().retains = True
        extra = self._node.more()
        extra.retain = [] if extra.retain is None else extra.retain
        extra.retain.append((self._nr, weakref.ref(self)))

    @property
    def retains_grad(self) -> bool:
        return self._extra is not None and self._extra.retains

    def register_hook(self, fn: Callable[[Tensor], Any]) -> RemovableHandle:
        """Calls `fn(grad)` when the gradient of this tensor is known; a returned Tensor replaces it."""
        if not self._req:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is None:
            extra = self.more()
            extra.hooks = {} if extra.hooks is None else extra.hooks
            return add_hook(extra.hooks, fn)
        node = self._node.more()
        node.tensor_hooks = {} if node.tensor_hooks is None else node.tensor_hooks
        handle = RemovableHandle(node.tensor_hooks)
        node.tensor_hooks[handle.id] = (self._nr, fn)
        return handle

    def register_post_accumulate_grad_hook(self, fn: Callable[[Tensor], Any]) -> RemovableHandle:
        """Calls `fn(tensor)` after `.grad` of this leaf has been written."""
        if not self._req:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        extra = self.more()
        extra.post_accumulate = {} if extra.post_accumulate is None else extra.post_accumulate
        return add_hook(extra.post_accumulate, fn)

    def backward(self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False,
                 inputs: Any = None) -> None:
        """Computes the gradient of this tensor with respect to the leaves, and adds it to their `.grad`."""
        from .autograd import backward

        backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph, inputs=inputs)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return str(Tensor._format(self))

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return int(self._array.shape[0])


def wrap(array: Any, node: Node | None = None, nr: int = 0, req: bool = False, cls: type[Tensor] = Tensor) -> Tensor:
    """A Tensor around an array, without a copy. NumPy scalars become 0-d arrays."""
    t = _new(cls)
    t._array = array if not isinstance(array, np.generic) else np.asarray(array)
    t._node = node
    t._nr = nr
    t._req = req or node is not None
    t._grad = None
    t._id = 0
    t._storage = None
    t._extra = None
    return t


def tensor_id(t: Tensor) -> int:
    """The process-wide number of a tensor, given when first asked for."""
    if not t._id:
        t._id = _next_id()
    return t._id


def accumulator(t: Tensor) -> AccumulateGrad:
    """The AccumulateGrad of a leaf; the graph keeps it, the leaf only knows it weakly."""
    extra = t._extra
    if extra is None:
        extra = t.more()
    if extra.accumulator is not None:
        known = extra.accumulator()
        if known is not None:
            return known
    from .op import ACCUMULATE, NO_PLAN

    node = _new(AccumulateGrad)
    node.op, node.seq, node.next, node.nrs, node.plan, node.saved = ACCUMULATE, next_seq(), (), (), NO_PLAN, ()
    node.shape, node.dtype, node.site, node.extra = t._array.shape, t._array.dtype, None, None
    node.variable = t
    extra.accumulator = weakref.ref(node)
    return node


def edge(t: Any) -> Node | None:
    """The node at which the gradient of an operand arrives; None when it needs none."""
    if not isinstance(t, Tensor) or not t._req:
        return None
    return t._node if t._node is not None else accumulator(t)
