"""Products and quotients with a Python number, where PyTorch's own code has them so: their nodes have names of their own."""

from __future__ import annotations

from typing import Any

from ..core.op import op


@op(r"{x}\,{k}", name="mul_scalar")
def mul_number(x: Any, k: float) -> Any:
    return (x * k).astype(x.dtype, copy=False) if x.dtype.kind in "fc" else x * k


@op(r"\frac{x}{{k}}", name="div_scalar")
def div_number(x: Any, k: float) -> Any:
    return (x / k).astype(x.dtype, copy=False) if x.dtype.kind in "fc" else (x / k).astype("f4")


mul_number.vjp(lambda g, k: g * k)
div_number.vjp(lambda g, k: g / k)
mul_number.op.node_name, div_number.op.node_name = "MulBackward1", "DivBackward1"
