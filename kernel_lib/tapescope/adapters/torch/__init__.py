"""The same tape and debugger on PyTorch models, unchanged: `from tapescope.adapters import torch as tst`.

`with tst.record(model) as tape:` around a training loop makes it visible; when the block ends, PyTorch is as it was.
`tst.debug(loss)` holds a backward pass and steps it.
"""

from .version import check as _check

_check()

from . import watch as _watch  # noqa: E402
from .divergence import Divergence, first_divergence  # noqa: E402
from .ranks import bucket_norms  # noqa: E402
from .stepper import TorchDebugger, debug  # noqa: E402
from .tape import TorchTape, record  # noqa: E402

_watch.install()

__all__ = ["Divergence", "TorchDebugger", "TorchTape", "bucket_norms", "debug", "first_divergence", "record"]
