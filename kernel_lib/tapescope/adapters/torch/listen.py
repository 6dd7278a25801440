"""How PyTorch is listened to, and left as it was: a function mode on the recording's thread; hooks of modules and optimizers and the entrance of the
engine for the process, there while anything is recorded."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from time import perf_counter_ns as clock
from typing import Any

import torch
from torch.nn.modules import module as _modules
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from ...core.state import mode as _mode
from ...debugger.ear import Ear
from .backward import watched
from .compiled import opaque
from .functions import remember
from .mirror import version_of
from .ops import OPS, SKIP, classify, function_op
from .recorder import TorchRecorder
from .scaling import patches

_sequence = torch.autograd._get_sequence_nr
_maybe_level = torch._C._functorch.maybe_current_level
_stack = torch.overrides._get_current_function_mode_stack

lookout: Any = None                            # runs the engine on the lookout for breakpoints, while there are some
forward: Any = None                            # looks at ops and module calls, while a forward breakpoint waits for them


class Listener(TorchFunctionMode):  # type: ignore[misc]
    """Hears every call of PyTorch on its thread."""

    def __init__(self, recorder: TorchRecorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.thread = threading.get_ident()
        self.depth = 0                         # modes below it
        self.standing = False
        self.aside = 0                         # > 0: PyTorch has put it aside, and it hears by `hearing`

    def wake(self) -> None:
        """Takes its place among the modes of this thread, below those that have come since."""
        if self.standing:
            return
        self.standing = True
        above = [torch.overrides._pop_mode() for _ in range(max(len(_stack()) - self.depth, 0))]
        self.depth = len(_stack())
        torch.overrides._push_mode(self)
        for m in reversed(above):
            torch.overrides._push_mode(m)

    def rest(self) -> bool:
        """Leaves the modes of this thread, wherever it stands: what nobody asks for then costs nothing. False inside of a call of its own."""
        if not self.standing:
            return True
        if self.aside or self not in _stack():
            return False
        self.standing = False
        above = []
        while True:
            top = torch.overrides._pop_mode()
            if top is self:
                break
            above.append(top)
        self.depth = len(_stack())
        for m in reversed(above):
            torch.overrides._push_mode(m)
        return True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        op = OPS.get(func)
        if op is None:
            op = classify(func)
        r = self.recorder
        if op is SKIP or (_mode.sink is not r and _heard_by() is not r) or r.quiet or not (r.listens or r.armed) or r.stopped or (r.values.away and captured(r)):
            return func(*args) if kwargs is None else func(*args, **kwargs)
        first = _sequence()
        version = version_of(args[0]) if op.composite and args and isinstance(args[0], torch.Tensor) else -1
        if r.kernels is not None:
            r.kernels.pending.clear()
            r.newest = None
        before = r.times.mark() if r.times.on else None
        t0 = clock()
        out = func(*args) if kwargs is None else func(*args, **kwargs)
        t1 = clock()
        if before is not None:
            r.times.called = before, r.times.mark()
        called = None if r.kernels is None else list(r.kernels.pending)        # what comes after is our own looking
        try:
            r.heard(op, args, kwargs, out, first, version, 3, t0, t1)
            if called and r.newest is not None:
                r.kernels.of_op(called)
        except Exception as e:
            r.fail(e)
        if forward is not None:
            forward.on_op(r)
        return out


class _Local(threading.local):
    quiet: TorchRecorder | None = None         # hears this thread where no recording does


local = _Local()


def _heard_by() -> TorchRecorder | None:
    """Whoever hears PyTorch on this thread: the innermost recording, perhaps behind a breakpoint's ear, or the quiet one."""
    r = _mode.sink
    if r.__class__ is Ear:
        r = r.below
    return r if isinstance(r, TorchRecorder) else local.quiet


def recorder_here() -> TorchRecorder | None:
    """The recorder that hears this thread, when it is one of PyTorch's."""
    r = _heard_by()
    if r is None:
        return None
    if r.stopped:                  # from another thread
        r.tape.leave()
        return None
    return None if _maybe_level() is not None or (r.values.away and captured(r)) else r


def captured(r: TorchRecorder) -> bool:
    """Whether what is launched goes into a CUDA graph: nothing may be asked of it then, and when the graph is replayed nobody hears its ops."""
    if not (torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()):
        return False
    r.tape.note("capture", "what is captured into a CUDA graph, and replayed from it, is not recorded")
    return True


leaving: list[Callable[[], bool]] = []         # what takes recordings away that ended inside one of PyTorch's calls


def sweep() -> None:
    """Takes away what could not be taken away when it ended."""
    leaving[:] = [leave for leave in leaving if not leave()]


# ---- what is the process's ---------------------------------------------------------------------------------------------


def _enter(module: Any, args: Any) -> None:
    if leaving:
        sweep()
    if not torch.compiler.is_compiling():
        if ears.stance is None:
            ears.eager()                       # compiled since
        r = recorder_here()
        if r is not None:
            if r.updating:
                r.updated()                    # a closure inside of step(), or a step() that raised
            with torch._C.DisableTorchFunction():
                r.module_enter(module, args, None, 0)
            if forward is not None:
                forward.on_enter(r, module, args)


def _leave(module: Any, args: Any, output: Any) -> None:
    r = _heard_by()
    if r is not None and r.listens and not torch.compiler.is_compiling():
        if forward is not None and output is None:
            forward.on_exit(r, module)
        with torch._C.DisableTorchFunction():
            r.module_left(module, output)


def _step_begins(optimizer: Any, args: Any, kwargs: Any) -> None:
    r = recorder_here()
    if r is not None and not _inside_step():
        r.step_begins(optimizer)


def _step_ended(optimizer: Any, args: Any, kwargs: Any) -> None:
    r = recorder_here()
    if r is not None and not _inside_step():
        r.step_ended(optimizer)


def _inside_step() -> bool:
    """Whether the step() that calls its hooks was itself called by one, as that of a subclass calls its parent's: the outermost counts."""
    own = frame = sys._getframe(2)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is own.f_code:
            return True
    return False


class _Ears:
    """Hooks and patches of the process, counted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.handles: list[Any] = []
        self.engine: Any = None
        self.apply: Any = None                 # of autograd.Function: PyTorch's own, and ours
        self.applied: Any = None
        self.patched: list[tuple[Any, str, Any]] = []
        self.stance: Any = None
        self.filter: Any = None

    def open(self) -> None:
        with self.lock:
            self.users += 1
            if self.users > 1:
                return
            # a compiled module's wrapper is called as a module of its own: known, and nothing to the user
            warnings.filterwarnings("ignore", r"Using `torch\.compile\(module\)` when there are global hooks", UserWarning)
            self.filter = warnings.filters[0]
            self.handles = [_modules.register_module_forward_pre_hook(_enter), _modules.register_module_forward_hook(_leave, always_call=True),
                            register_optimizer_step_pre_hook(_step_begins), register_optimizer_step_post_hook(_step_ended)]
            engine = self.engine = torch.autograd._engine_run_backward

            def run_backward(outputs: Any, *args: Any, **kwargs: Any) -> Any:
                r, run_it = recorder_here(), engine
                if lookout is not None:
                    def run_it(outputs: Any, *args: Any, **kwargs: Any) -> Any:
                        return lookout(engine, outputs, *args, **kwargs)
                return run_it(outputs, *args, **kwargs) if r is None else watched(r, run_it, outputs, args, kwargs)

            apply = self.apply = torch.autograd.Function.__dict__["apply"]

            def applied(cls: type, *args: Any, **kwargs: Any) -> Any:
                r = recorder_here()
                if r is None or r.quiet or cls.__name__ == "_NoopSaveInputs":      # a checkpoint's own, which computes nothing
                    return apply.__get__(None, cls)(*args, **kwargs)
                return _function(r, apply.__get__(None, cls), cls, args, kwargs)

            for owner, name, ours in patches(recorder_here):
                self.patched.append((owner, name, getattr(owner, name)))
                setattr(owner, name, ours)
            torch.autograd._engine_run_backward = run_backward
            self.applied = torch.autograd.Function.apply = classmethod(applied)

    def close(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users:
                return
            for h in self.handles:
                h.remove()
            self.handles = []
            if self.filter in warnings.filters:
                warnings.filters.remove(self.filter)  # type: ignore[attr-defined]
            for owner, name, theirs in self.patched:
                if theirs is None:             # inherited
                    delattr(owner, name)
                else:
                    setattr(owner, name, theirs)
            self.patched = []
            torch.autograd._engine_run_backward = self.engine
            torch.autograd.Function.apply = self.apply
            if self.stance is not None:
                self.stance.__exit__(None, None, None)
                self.stance = None

    def eager(self) -> None:
        """Compiled models run their Python as long as they are listened to; nothing is compiled anew."""
        if self.stance is None and self.users and "torch._dynamo" in sys.modules:
            self.stance = torch.compiler.set_stance("force_eager")
            self.stance.__enter__()
            module = torch._dynamo.eval_frame.OptimizedModule
            theirs = module.__call__

            def call(self: Any, *args: Any, **kwargs: Any) -> Any:
                return called(self, lambda *a, **k: theirs(self, *a, **k), args, kwargs)

            self.patched.append((module, "__call__", vars(module).get("__call__")))
            module.__call__ = call


ears = _Ears()


def called(module: Any, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a compiled module."""
    r = recorder_here()
    return call(*args, **kwargs) if r is None or not r.opaque or r.quiet else opaque(r, ears, module, call, args, kwargs)


def _function(r: TorchRecorder, apply: Callable[..., Any], cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A user's autograd.Function is one op; what its forward computes is its own affair. A checkpoint's forward is the model's."""
    op = function_op(cls)
    first, t0 = _sequence(), clock()
    before = r.times.mark() if r.times.on else None
    if not op.through:
        r.quiet += 1
    try:
        out = apply(*args, **kwargs)
    finally:
        if not op.through:
            r.quiet -= 1
    t1 = clock()
    if before is not None:
        r.times.called = before, r.times.mark()
    try:
        with torch._C.DisableTorchFunction():
            remember(out, args)
            r.heard(op, args, kwargs, out, first, -1, 3, t0, t1)
    except Exception as e:
        r.fail(e)
    return out


@contextlib.contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """Hears again where the mode is put aside, as inside of `Tensor.backward`: a checkpoint computes its part of the forward there."""
    if listener in _stack():
        yield
        return
    listener.aside += 1
    torch.overrides._push_mode(listener)
    try:
        yield
    finally:
        torch.overrides._pop_mode()
        listener.aside -= 1
