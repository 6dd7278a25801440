"""What PyTorch holds, as Tapescope's, and how the two are compared."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
HERE = Path(__file__).parent


def ours(value: Any, known: dict[int, Any] | None = None) -> Any:
    """A value of PyTorch's world in ours: tensors as leaves of their own, dtypes, functions and modules by their names. What was one tensor stays one."""
    known = {} if known is None else known
    if isinstance(value, torch.nn.Module):
        made = _like(value)
        made.load_state_dict(ours(value.state_dict()))
        return made
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return ts.nn.utils.rnn.PackedSequence(*[ours(v, known) for v in value])
    if isinstance(value, torch.Tensor):
        if value.is_sparse:
            return ts.sparse_coo_tensor(ours(value._indices()), ours(value._values()), tuple(value.shape))
        if id(value) not in known:
            made = ts.tensor(value.detach().resolve_conj().numpy().copy())
            known[id(value)] = ts.nn.Parameter(made, value.requires_grad) if isinstance(value, torch.nn.Parameter) else made.requires_grad_(value.requires_grad)
        return known[id(value)]
    if isinstance(value, (torch.dtype, torch.device)):
        return getattr(ts, str(value).removeprefix("torch.")) if isinstance(value, torch.dtype) else ts.device(str(value))
    if isinstance(value, torch.Size):
        return ts.Size(value)
    if isinstance(value, dict):
        return type(value)((k, ours(v, known)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return type(value)(ours(v, known) for v in value)
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) and "torch" in (value.__module__ or ""):
        return getattr(ts.nn.functional, value.__name__)
    return value


def _like(value: Any) -> Any:
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return ts.nn.TransformerEncoderLayer(value.linear1.in_features, value.self_attn.num_heads, value.linear1.out_features, value.dropout.p,
                                             ours(value.activation), value.norm1.eps, value.self_attn.batch_first, value.norm_first,
                                             value.linear1.bias is not None)
    return getattr(ts.nn, type(value).__name__)()


def tensors(value: Any) -> Iterator[Any]:
    """All tensors in nested containers, in order."""
    if isinstance(value, (ts.Tensor, torch.Tensor)):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors(v)


def floating(value: Any) -> list[Any]:
    """The tensors through which gradients can come."""
    return [t for t in tensors(value) if t.requires_grad]


def same(what: str, mine: Any, theirs: Any, rtol: float = 1e-4, atol: float = 4e-5) -> None:
    """Equal containers of equal shapes, dtypes and, within rounding, numbers."""
    a, b = list(tensors(mine)), list(tensors(theirs))
    assert len(a) == len(b), f"{what}: {len(a)} tensors, PyTorch has {len(b)}"
    for x, y in zip(a, b, strict=True):
        assert str(x.dtype) == str(y.dtype), f"{what}: {x.dtype}, PyTorch has {y.dtype}"
        assert tuple(x.shape) == tuple(y.shape), f"{what}: shape {tuple(x.shape)}, PyTorch has {tuple(y.shape)}"
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=rtol, atol=atol, err_msg=what)


def some(samples: Iterable[Any], most: int | None) -> list[Any]:
    """All of them, or `most` spread evenly."""
    every = list(samples)
    if most is None or len(every) <= most:
        return every
    return [every[round(i * (len(every) - 1) / (most - 1))] for i in range(most)]


def listed(name: str) -> list[str]:
    """The entries of a list beside this file: one a line."""
    return [line for line in (HERE / name).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def ratchet(entry: str, passing: list[str], out_of_scope: dict[str, str], errors: list[str], list_name: str) -> None:
    """What is listed must pass; what passes must be listed, so that the list only grows; the rest is reported as what it is."""
    assert not (entry in passing and entry in out_of_scope), f"{entry} is listed as passing and as out of scope"
    if entry in passing:
        assert not errors, f"{entry} passed before and fails now:\n" + "\n".join(errors)
    elif not errors:
        raise AssertionError(f"{entry} passes: add it to {list_name}" + (" and take it out of what is out of scope" if entry in out_of_scope else ""))
    else:
        pytest.xfail(out_of_scope.get(entry, errors[0]))


def quietly(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A call whose warnings are another test's subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)
