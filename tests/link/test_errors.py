"""How a notebook shows an error of shapes: the traceback that the kernel sends ends with the picture."""

from __future__ import annotations

import re

import pytest

from .conftest import StartKernel
from .kernels import Page

pytestmark = pytest.mark.link


def test_shapes_below_each_other_in_a_notebook(start_kernel: StartKernel) -> None:
    page = Page(start_kernel())
    cell = page.run("import tapescope as ts\nw = ts.ones(5, 6, requires_grad=True)\nh = (w * 2).relu()\nts.name_axes(h, 'batch', 'feature')\nts.ones(3, 6) + h")
    with pytest.raises(AssertionError) as caught:
        page.done(cell)
    shown = re.sub(r"\x1b\[[\d;]*m", "", str(caught.value).replace("\\n", "\n").replace("\\x1b", "\x1b"))
    assert "The size of tensor a (3) must match the size of tensor b (5) at non-singleton dimension 0" in shown
    assert "a  [      3,         6]" in shown
    assert "b  [batch 5, feature 6]   from relu (In [" in shown
    assert "would fit: " in shown
    page.close()
