"""`torch.jit` on captured sequences of ops: `trace`, `script`, `save`, `load`, `freeze`.

A graph is what `compile` hears: ops by name, their parameters, and which tensors they read. It is data; a stored graph is checked and then run by the op
table, so that loading a file runs no code of it. Where gradients are needed, or a recording listens, it runs op by op on Tensors; else on arrays alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from ..nn.modules.module import Module
from .family import Leaves, Refused, Unhashable, flatten
from .files import load, save
from .script import (
    Graphs,
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    TopLevelTracedModule,
    TracerWarning,
    TracingCheckError,
    adopt,
    tracing,
    warn_of,
)

__all__ = ["RecursiveScriptModule", "ScriptFunction", "ScriptModule", "TopLevelTracedModule", "TracerWarning", "TracingCheckError", "annotate", "export", "fork", "freeze",
           "ignore", "is_scripting", "is_tracing", "load", "optimize_for_inference", "save", "script", "script_if_tracing", "trace", "unused", "wait"]


def trace(func: Any, example_inputs: Any = None, optimize: Any = None, check_trace: bool = True, check_inputs: Any = None, check_tolerance: float = 1e-5,
          strict: bool = True, *, example_kwarg_inputs: Any = None) -> Any:
    """Runs a function or module once with `example_inputs` and gives what it did, as a function or module of its own.

    Control flow is that of the example; a value that Python looked at is a constant from then on, and a TracerWarning says so. Where the same ops work for
    another first dimension, they are kept for any. Raises RuntimeError for what cannot be captured (random numbers, changes of arguments, results that are
    no tensors), TracingCheckError where a second run gives something else.
    """
    if isinstance(func, (ScriptFunction, ScriptModule)):
        return func
    kwargs = dict(example_kwarg_inputs or {})
    if example_inputs is None and not kwargs:
        raise RuntimeError("example_kwarg_inputs should be a dict" if example_kwarg_inputs is not None else "example_inputs is needed: a tuple of tensors like those that it will get")
    args = (example_inputs,) if isinstance(example_inputs, Tensor) else tuple(example_inputs or ())
    _traceable(args, args)
    module = func if isinstance(func, Module) else None
    graphs = Graphs(func, module, warn_of)
    try:
        result = graphs.learn(args, kwargs)
    except Unhashable:
        raise RuntimeError("Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions") from None
    except Refused as why:
        raise RuntimeError(f"Could not trace {_name(func)}: {why}. (A trace repeats ops on other values of the same kind; what else a program does it cannot hold. "
                           "Call eval() on the module, or take that part out of what is traced.)") from None
    _results(result)
    if check_trace:
        for given in [args, *([(c,) if isinstance(c, Tensor) else tuple(c) for c in check_inputs or ()])]:
            _check(graphs, func, given, kwargs, check_tolerance)
    if module is None:
        return ScriptFunction(graphs, _name(func))
    traced = TopLevelTracedModule(graphs, type(module).__name__)
    adopt(traced, module)
    return traced


def _traceable(x: Any, whole: Any) -> None:
    if isinstance(x, Tensor):
        return
    if isinstance(x, (tuple, list, dict)):
        for v in x.values() if isinstance(x, dict) else x:
            _traceable(v, whole)
    else:
        raise RuntimeError(f"Type '{_type(whole)}' cannot be traced. Only Tensors and (possibly nested) Lists, Dicts, and Tuples of Tensors can be traced")


def _type(x: Any) -> str:
    """A type as PyTorch writes it."""
    if isinstance(x, (tuple, list)):
        inside = [_type(v) for v in x]
        return f"Tuple[{', '.join(inside)}]" if isinstance(x, tuple) else f"List[{inside[0] if inside else 'Tensor'}]"
    return type(x).__name__


def _results(x: Any) -> None:
    if isinstance(x, (tuple, list)):
        for v in x:
            _results(v)
    elif isinstance(x, dict):
        for v in x.values():
            _results(v)
    elif not isinstance(x, Tensor):
        raise RuntimeError(f"Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions (there is a {type(x).__name__})")


def _check(graphs: Graphs, func: Any, args: Any, kwargs: Any, tolerance: float) -> None:
    """The graph beside the function, once more."""
    import warnings

    import numpy as np

    from ..core.grad_mode import no_grad

    got, want = Leaves(), Leaves()
    with no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)
        found = graphs.find(args, kwargs)
        if found is None:
            raise TracingCheckError("Tracing failed sanity checks!\nERROR: the check inputs are of another kind than the example inputs")
        flatten(found[0].run(found[2].tensors, found[1]), got)
        flatten(func(*args, **kwargs), want)
    for n, (g, w) in enumerate(zip(got.tensors, want.tensors, strict=True)):
        if g._array.shape != w._array.shape or not np.allclose(g._array, w._array, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise TracingCheckError(f"Tracing failed sanity checks!\nERROR: Tensor-valued output {n} of the trace and of the function differ: the function does not do the "
                                    "same for these inputs (control flow that depends on values?)")


def _name(func: Any) -> str:
    return type(func).__name__ if isinstance(func, Module) else str(getattr(func, "__name__", type(func).__name__))


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """A function or module that keeps a graph for each kind of arguments that it meets; also a decorator.

    PyTorch compiles the source; here the function runs as it is written until its ops are known. Control flow that depends on values stays Python: it runs
    right, and `save` says that there is no graph of it.
    """
    if isinstance(obj, (ScriptFunction, ScriptModule)):
        return obj
    if isinstance(obj, type):
        return obj
    scripted: Any
    if isinstance(obj, Module):
        scripted = RecursiveScriptModule(Graphs(obj, obj, None), type(obj).__name__)
        adopt(scripted, obj)
        scripted.__dict__["_origin"] = obj
    elif callable(obj):
        scripted = ScriptFunction(Graphs(obj, None, None), _name(obj))
    else:
        raise RuntimeError(f"jit.script() takes a function or a module, not a {type(obj).__name__}")
    for given in example_inputs or ():
        scripted(*given)
    return scripted


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """The module with its parameters as constants: what it gives no longer changes with them."""
    if not isinstance(mod, ScriptModule):
        raise RuntimeError("Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your 'nn.Module'.")
    if mod.training:
        raise RuntimeError("Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing.")
    graphs = Graphs(None, None, None)
    for graph, held in mod._graphs.stored():
        graphs.add(graph, [t.detach().clone() for t in held])
    frozen = RecursiveScriptModule(graphs, mod.original_name)
    return frozen.eval()


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """`freeze`, for a module that is not frozen yet."""
    return freeze(mod.eval()) if list(mod.parameters()) else mod


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Marks a method that PyTorch's compiler leaves to Python; nothing changes here."""
    return drop if callable(drop) else (lambda fn: fn)


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a method that a compiled module does not have; nothing changes here."""
    return fn


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a method as an entry of its own; nothing changes here."""
    return fn


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value: PyTorch's compiler reads the type."""
    return the_value


def is_scripting() -> bool:
    """False: Python runs the program."""
    return False


def is_tracing() -> bool:
    """Whether a function is being traced right now."""
    return bool(tracing)


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function: what it does is captured where it is traced."""
    return fn


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs the function now; `wait` gives its result."""
    return [func(*args, **kwargs)]


def wait(future: Any) -> Any:
    """What a forked function gave."""
    return future[0]
