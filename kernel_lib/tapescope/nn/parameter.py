"""Tensors that a Module owns."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor, wrap


class Parameter(Tensor):
    """A leaf that a Module registers when it is assigned as an attribute; `requires_grad` is True unless said otherwise."""

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            from ..ops.creation import empty

            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter data has to be a Tensor, but got {type(data).__name__}")
        t = wrap(data._array, cls=cls)
        if data._storage is not None and data._node is None:
            t._storage = data._storage                     # the same memory: a change through either name is noticed by both
        t.requires_grad = requires_grad
        return t  # type: ignore[return-value]

    def __repr__(self) -> str:                             # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to a Module's state but is not learned; saved with it unless `persistent=False`."""

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            from ..ops.creation import empty

            data = empty(0)
        t = wrap(data._array, cls=cls)
        t.__dict__["persistent"] = persistent
        return t  # type: ignore[return-value]


_UNKNOWN = ("Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to load an uninitialized "
            "parameter into an initialized one. Call `forward` to initialize the parameters before accessing their attributes.")


class _Uninitialized:
    """A tensor whose shape comes with the first input."""

    __slots__ = ()

    @property
    def shape(self) -> Any:
        raise RuntimeError(_UNKNOWN)

    def detach(self) -> Any:
        """Itself: there is nothing to share yet."""
        return self

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Gives it memory of a shape, and makes it what it was meant to be."""
        from ..ops.creation import empty

        t: Any = self
        t._array = empty(tuple(shape), device=device if device is not None else t.device, dtype=dtype if dtype is not None else t.dtype)._array
        t.__class__ = t.cls_to_become

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):      # type: ignore[misc]
    """A Parameter whose shape comes with the first input of a lazy module."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:
        from ..ops.creation import empty

        return Parameter.__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)  # type: ignore[return-value]


class UninitializedBuffer(_Uninitialized, Tensor):            # type: ignore[misc]
    """A buffer whose shape comes with the first input of a lazy module."""

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True) -> UninitializedBuffer:
        from ..ops.creation import empty

        return wrap(empty(0, device=device, dtype=dtype)._array, cls=cls)  # type: ignore[return-value]


def is_lazy(t: Any) -> bool:
    """Whether a parameter or buffer still waits for its shape."""
    return isinstance(t, _Uninitialized)
