"""Error texts: PyTorch's words first, then what they leave out (which tensor, which shape, which line)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dtype as dt
from .node import Freed
from .site import Site, resolve

if TYPE_CHECKING:
    from .node import Node
    from .storage import Storage


def at(site: Site | None) -> str:
    """' (In [3], line 4: y = x * w)', or nothing when the line is unknown."""
    info = resolve(site)
    return f" ({info})" if info is not None else ""


def broadcast(*shapes: tuple[int, ...], of: tuple[Any, ...] = (), names: tuple[str, ...] = ()) -> RuntimeError:
    """The error for shapes that do not broadcast, naming the first dimension that fails (from the right). `of` are the tensors, for the picture below it."""
    from .shapes import not_broadcast

    return not_broadcast(_broadcast(*shapes), shapes, of, names)


def _broadcast(*shapes: tuple[int, ...]) -> RuntimeError:
    a, b = shapes[0], shapes[1]
    n = max(len(a), len(b))
    wide_a, wide_b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)
    for i in range(n - 1, -1, -1):
        if wide_a[i] != wide_b[i] and 1 not in (wide_a[i], wide_b[i]):
            return RuntimeError(
                f"The size of tensor a ({wide_a[i]}) must match the size of tensor b ({wide_b[i]}) at non-singleton dimension {i}")
    return RuntimeError(f"shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast together")


def devices(arrays: Any, error: TypeError) -> Exception:
    """The error for operands of different devices, and for masks that are subtracted; any other error stays what it was."""
    from .device import of

    if "boolean subtract" in str(error):
        return RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.")

    found = list(dict.fromkeys(str(of(a)) for a in arrays if hasattr(a, "shape") and hasattr(a, "dtype")))
    if len(found) < 2:
        return error
    return RuntimeError(f"Expected all tensors to be on the same device, but found at least two devices, {found[0]} and {found[1]}! "
                        "Move one of them: x.to(y.device)")


def tensor_type(array: Any) -> str:
    """'torch.FloatTensor [2, 3]', as PyTorch's messages call a tensor."""
    prefix = "torch." if type(array).__module__.startswith("numpy") else "torch.cuda."
    return f"{prefix}{dt.of(array).tensor_name}Tensor {list(array.shape)}"


def changed_in_place(node: Node, array: Any, storage: Storage, version: int) -> RuntimeError:
    """The error for a saved value that somebody changed before backward."""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{tensor_type(array)}] is at version {storage.version}; expected version {version} instead. "
        f"{node.op.node_name}{at(node.site)} saved it; it was changed in place{at(storage.changed_at) or ' since'}. "
        "Hint: use the out-of-place form there, or a clone().")


def freed(node: Node) -> RuntimeError:
    """The error for a second pass through a graph whose saved values are gone."""
    where = at(node.saved.site) if isinstance(node.saved, Freed) else ""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
        "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
        f"after calling backward. The first freed node met is {node.op.node_name}{at(node.site)}"
        + (f"; the pass that freed it was started here:{where}" if where else "") + ".")


def describe(shape: tuple[int, ...], dtype: Any) -> str:
    """'float32[64, 10]'."""
    return f"{dtype}{list(shape)}"


def came_from(error: RuntimeError, operands: tuple[Any, ...]) -> None:
    """An op knows arrays only: its picture of shapes that do not fit is drawn anew, with the tensors."""
    if hasattr(error, "shapes"):
        from .shapes import redraw

        redraw(error, operands)
