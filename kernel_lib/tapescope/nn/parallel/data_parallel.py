"""DataParallel: a batch in parts, one a device of this process, through copies of the module that share its parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ...core.device import device as device_of
from ...core.tensor import Tensor
from ..modules.module import Module


class DataParallel(Module):
    """Splits the inputs along `dim`, runs the parts on `device_ids` (all GPUs, or none), and joins the outputs on `output_device`. Gradients come back to the module's own parameters."""

    def __init__(self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module, self.dim = module, dim
        self.device_ids = _devices(device_ids)
        self.output_device = device_of(output_device) if output_device is not None else self.device_ids[0] if self.device_ids else None

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return data_parallel(self.module, inputs, self.device_ids, self.output_device, self.dim, kwargs)


def _devices(ids: Sequence[Any] | None) -> list[Any]:
    if ids is None:
        from ... import cuda

        ids = range(cuda.device_count()) if cuda.is_available() else ()
    return [device_of("cuda", i) if isinstance(i, int) else device_of(i) for i in ids]


def data_parallel(module: Module, inputs: Any, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0, module_kwargs: dict[str, Any] | None = None) -> Any:
    """The module over parts of `inputs`, one a device. Raises ValueError where a part would be empty for every device."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    kwargs = module_kwargs or {}
    devices = _devices(device_ids) if device_ids is None or not all(hasattr(d, "type") for d in device_ids) else list(device_ids)
    if len(devices) < 2:
        return module(*inputs, **kwargs)
    parts = [_split((inputs, kwargs), len(devices), dim)[i] for i in range(min(len(devices), _parts((inputs, kwargs), len(devices), dim)))]
    home = output_device if output_device is not None else devices[0]
    outs = []
    for where, (args, named) in zip(devices, parts, strict=False):
        with _moved(module, where):
            outs.append(module(*_to(args, where), **_to(named, where)))
    return _join([_to(o, home) for o in outs], dim)


@contextlib.contextmanager
def _moved(module: Module, where: Any) -> Iterator[None]:
    """Parameters and buffers on another device while a part runs there; gradients flow back through the move."""
    held: list[tuple[dict[str, Any], str, Any]] = []
    for m in module.modules():
        for table in (m._parameters, m._buffers):
            for name, t in table.items():
                if t is not None and t.device != where:
                    held.append((table, name, t))
    try:
        for table, name, t in held:
            table[name] = t.to(where)
        yield
    finally:
        for table, name, t in held:
            table[name] = t


def _parts(x: Any, n: int, dim: int) -> int:
    sizes = [t.shape[dim] for t in _tensors(x)]
    if not sizes:
        return 1
    per = -(-max(sizes) // n)
    return -(-max(sizes) // per) if per else 1


def _split(x: Any, n: int, dim: int) -> list[Any]:
    if isinstance(x, Tensor):
        found = list(x.chunk(n, dim))
        return found + [found[-1]] * (n - len(found))
    if isinstance(x, (tuple, list)):
        columns = [_split(v, n, dim) for v in x]
        return [type(x)(c[i] for c in columns) for i in range(n)]
    if isinstance(x, dict):
        split = {k: _split(v, n, dim) for k, v in x.items()}
        return [{k: v[i] for k, v in split.items()} for i in range(n)]
    return [x] * n


def _to(x: Any, where: Any) -> Any:
    if isinstance(x, Tensor):
        return x.to(where)
    if isinstance(x, (tuple, list)):
        return type(x)(_to(v, where) for v in x)
    return {k: _to(v, where) for k, v in x.items()} if isinstance(x, dict) else x


def _join(outs: list[Any], dim: int) -> Any:
    first = outs[0]
    if isinstance(first, Tensor):
        from ...ops.api_shape import cat, stack

        return cat(outs, dim) if first.dim() else stack(outs)
    if isinstance(first, (tuple, list)):
        return type(first)(_join([o[i] for o in outs], dim) for i in range(len(first)))
    return {k: _join([o[k] for o in outs], dim) for k in first} if isinstance(first, dict) else first


def _tensors(x: Any) -> list[Tensor]:
    if isinstance(x, Tensor):
        return [x] if x.dim() else []
    values = x.values() if isinstance(x, dict) else x if isinstance(x, (tuple, list)) else ()
    return [t for v in values for t in _tensors(v)]
