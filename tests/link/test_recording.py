"""A page switches recording on and off while a cell that knows of no recording runs."""

from __future__ import annotations

import pytest

from .conftest import StartKernel
from .kernels import Page

pytestmark = pytest.mark.link

MODEL = """
import time
import tapescope as ts
from tapescope import nn, optim
net = nn.Linear(3, 1)
opt = optim.SGD(net.parameters(), lr=0.1)
done = 0
"""
WITH = "for done in range(1, 151):\n    opt.zero_grad(); net(ts.ones(4, 3)).sum().backward(); opt.step(); time.sleep(0.02)"
WITHOUT = """
for done in range(1, 151):
    net(ts.ones(4, 3)).sum().backward()
    with ts.no_grad():
        for p in net.parameters():
            p -= 0.1 * p.grad
            p.grad = None
    time.sleep(0.02)
"""


@pytest.mark.parametrize("loop", [WITH, WITHOUT], ids=["an optimizer", "by hand"])
def test_a_recording_begins_and_ends_in_the_middle_of_a_cell(start_kernel: StartKernel, loop: str) -> None:
    page = Page(start_kernel())
    page.done(page.run(MODEL))
    page.attach()
    cell = page.run(loop)
    page.listen(0.5)
    page.send(way="control", type="command", request="begin", recording="latest", verb="record.start", args={"values": "histogram"})
    assert page.reply("begin")["ok"]
    page.listen(0.5)
    page.send(way="control", type="command", request="end", recording="latest", verb="record.stop", args={})
    assert page.reply("end")["ok"]
    assert cell not in page.replies                              # both came while it ran
    page.done(cell)
    steps, state, values = page.value("(lambda t: (t.step_number, t.state, t.values))(ts.recordings()[-1])")
    assert state == "stopped" and values == "histogram"
    assert 5 < steps < 120
    assert page.value("ts.recordings()[-1].error_text") in (None, "")
    page.close()
