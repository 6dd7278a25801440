"""What the processes of the tests do: importable, so that a fresh interpreter finds it."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np

import tapescope as ts
from tapescope import nn, optim
from tapescope.nn import functional as F


def add_one(t):
    t += 1


def add_one_by_index(i, t):
    t[i] += i + 1


def double(incoming, outgoing):
    """Doubles every tensor in place, and sends one of its own."""
    while (t := incoming.get()) is not None:
        t.data.mul_(2)
        outgoing.put((type(t).__name__, t.requires_grad, tuple(t.shape), t.is_shared()))
    outgoing.put(ts.arange(6).reshape(2, 3))
    incoming.get()                                         # stays until the other side has taken it


def fail(i, what):
    if i == 1:
        if what == "raise":
            raise ValueError("no such luck")
        if what == "exit":
            sys.exit(7)
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        import time

        time.sleep(60)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.two(F.relu(self.one(x)))


def data(seed):
    rng = np.random.RandomState(seed)
    x = rng.randn(256, 8).astype(np.float32)
    y = (x @ np.random.RandomState(99).randn(8, 3)).argmax(1)
    return ts.from_numpy(x), ts.from_numpy(y)


def hogwild(rank, model):
    """One of the processes that all train the same weights, without a lock. Niu et al., 2011."""
    ts.manual_seed(rank)
    x, y = data(rank)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for _ in range(8):
        for i in ts.randperm(8).tolist():
            optimizer.zero_grad()
            F.cross_entropy(model(x[32 * i:32 * i + 32]), y[32 * i:32 * i + 32]).backward()
            optimizer.step()
