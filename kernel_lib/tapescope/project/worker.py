"""A process that computes one t-SNE: `python -m tapescope.project.worker`, rows on stdin, positions on stdout as they come to be.

It ends when its task is done, or when whoever asked has gone: the pipe breaks.
"""

from __future__ import annotations

import io
import os
import sys
import time

import numpy as np

from .tsne import HEAD, tsne

PAUSE = 0.1                        # seconds between two pictures


def main() -> None:
    """Reads a .npz of x, k and perhaps init; writes HEAD and positions, again and again."""
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as task:
        x, k, init = task["x"], int(task["k"]), task.get("init")
    os.nice(5)
    told = 0.0
    for i, rounds, y, divergence in tsne(x, k, init=init):
        if i == rounds or time.monotonic() - told >= PAUSE:
            data = np.asarray(y, np.float32).tobytes()
            sys.stdout.buffer.write(HEAD.pack(i, rounds, divergence, len(data)) + data)
            sys.stdout.buffer.flush()
            told = time.monotonic()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
