"""Moving between devices, as an op: the gradient moves back."""

from __future__ import annotations

from typing import Any

from ..core import device as dev
from ..core.op import op


@op(r"\operatorname{to}({x})", name="to_device", node="ToCopy", grad_tex=r"\bar{x} = \operatorname{to}(\bar{y})")
def move(x: Any, where: str) -> Any:
    return dev.move(x, dev.device(where))


@op(r"\operatorname{to}({x})", name="to_device_of", node="ToCopy", grad_tex=r"\bar{x} = \operatorname{to}(\bar{y})")
def _back(x: Any, where: str) -> Any:
    return dev.move(x, dev.device(where))


def _other(where: str) -> str:
    return "cpu" if where.startswith("cuda") else "cuda"


move.vjp(lambda g, where: _back(g, _other(where)))
_back.vjp(lambda g, where: move(g, _other(where)))
