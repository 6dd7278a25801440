"""The debugger's check of one node finds every op of the table right, at its own values or at drawn ones, or says why it cannot be checked."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from op_samples import SAMPLES, make

import tapescope as ts
from tapescope.debugger.check import Unchecked

# What a node does not hold of its forward; everything else must be checked.
UNKNOWN = {"adaptive_max_pool2d", "adaptive_max_pool3d", "fractional_max_pool2d", "fractional_max_pool3d", "native_batch_norm"}


def checked(dbg: Any) -> tuple[Any, str]:
    try:
        return dbg.check(), ""
    except Unchecked as why:
        return None, str(why)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_op_is_found_right(name: str) -> None:
    for fn, inputs in SAMPLES[name]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = fn(*make(inputs))
        out = next((o for o in (made if isinstance(made, (tuple, list)) else (made,)) if o.requires_grad), None)
        if out is None or out._array.dtype.kind == "c":
            continue
        dbg = ts.debug(out, gradient=ts.tensor(np.ones(out.shape)))
        while dbg.at is not None and dbg.at.name != "AccumulateGrad":
            found, why = checked(dbg)
            if found is None:
                assert name in UNKNOWN or "complex" in why or "some directions" in why, f"{dbg.at.name}: {why}"
            else:
                assert found.ok, repr(found)
            dbg.step()
