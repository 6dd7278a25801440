"""Cells that tests run: a small real training whose length they choose."""

from __future__ import annotations

MODEL = """
import time
import tapescope as ts
from tapescope import nn, optim
import tapescope.nn.functional as F

ts.manual_seed(0)
x, y = ts.randn(64, 8), ts.randint(0, 3, (64,))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.encoder(x))

model = Net()
opt = optim.Adam(model.parameters(), lr=1e-2)
"""


def train(seconds: float, name: str = "run", values: str = "histogram") -> str:
    """A cell that trains for so long, 50 steps a second at most."""
    return f"""
with ts.record(values={values!r}, name={name!r}) as tape:
    end = time.monotonic() + {seconds}
    while time.monotonic() < end:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        with ts.no_grad():
            tape.log_scalar("accuracy", (model(x).argmax(1) == y).float().mean())
        time.sleep(0.02)
print("trained", tape.step_number)
"""
