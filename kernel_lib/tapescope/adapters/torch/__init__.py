"""The same tape and debugger on PyTorch models, unchanged: `from tapescope.adapters import torch as tst`.

`with tst.record(model) as tape:` around a training loop makes it visible; when the block ends, PyTorch is as it was.
`tst.debug(loss)` holds a backward pass and steps it.
"""

from . import watch as _watch
from .divergence import Divergence, first_divergence
from .stepper import TorchDebugger, debug
from .tape import TorchTape, record

_watch.install()

__all__ = ["Divergence", "TorchDebugger", "TorchTape", "debug", "first_divergence", "record"]
