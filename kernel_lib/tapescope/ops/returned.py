"""Several results under names, which print as PyTorch's return types."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def named(name: str, *fields: str) -> Any:
    """A named tuple that prints as PyTorch's return types."""
    base = namedtuple(name, fields)                        # type: ignore[misc]

    def show(self: Any) -> str:
        return f"torch.return_types.{name}(\n" + ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True)) + ")"

    return type(name, (base,), {"__repr__": show, "__slots__": ()})
