"""PyTorch's own op database (`op_db`) as oracle: an entry's samples, run with both libraries and compared.

Every function here that needs PyTorch imports it itself, so that collecting the tests costs nothing where it is missing.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import re
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tapescope as ts

QUICK = 5                                                  # samples of an entry in `make test`
FULL = 400
# relative, and absolute as a share of the largest value
TOLERANCE = {"float32": (2e-4, 2e-5), "float64": (1e-6, 1e-8), "float16": (5e-3, 3e-3), "bfloat16": (4e-2, 2e-2), "complex64": (2e-4, 2e-5), "complex128": (1e-6, 1e-8)}
# memory that nobody has written: only shape and dtype mean something
UNINITIALISED = ("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_", "resize_as_")


class Disagreement(AssertionError):
    """The two libraries differ."""


class Refused(Exception):
    """PyTorch itself does not differentiate this."""


@functools.cache
def database() -> dict[str, Any]:
    """entry -> OpInfo; a variant's name follows after a slash."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from torch.testing._internal.common_methods_invocations import op_db
    torch.set_num_threads(1)
    return {o.name + ("/" + o.variant_test_name if o.variant_test_name else ""): o for o in op_db}


def plain_dtype(info: Any) -> str:
    """The dtype an entry is judged by: float32, where it has it."""
    import torch

    return next((d for d in ("float32", "int64", "bool", "complex64", "float64") if info.supports_dtype(getattr(torch, d), "cpu")), "half")


# -- from theirs to ours -----------------------------------------------------------------------------------------------


def array_of(t: Any) -> np.ndarray[Any, Any]:
    """The values of a torch tensor as a fresh array, with its dense strides."""
    import torch

    t = t.detach().resolve_conj().resolve_neg().clone()
    if t.dtype is torch.bfloat16:
        import ml_dtypes

        return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


def laid_out(t: Any, memory: dict[Any, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """As `array_of`, within a copy of all the memory that the tensor is a view of: one copy for all tensors that share it."""
    n = t.untyped_storage().nbytes() // t.element_size()
    if not n or t.is_conj() or t.is_neg():
        return array_of(t)
    where = t.untyped_storage().data_ptr(), t.dtype
    if where not in memory:
        memory[where] = array_of(t.detach().as_strided((n,), (1,), 0))
    line = memory[where]
    return np.ndarray(tuple(t.shape), line.dtype, line, t.storage_offset() * line.itemsize, [s * line.itemsize for s in t.stride()])


class Converter:
    """Makes ours of theirs, each tensor once, and remembers which of ours stands for which of theirs."""

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[Any, Any]] = {}
        self.memory: dict[Any, np.ndarray[Any, Any]] = {}

    def __call__(self, x: Any) -> Any:
        import torch

        if isinstance(x, torch.Tensor):
            if id(x) not in self.pairs:
                if x.layout is not torch.strided:
                    raise TypeError(f"a sample of layout {x.layout}")
                self.pairs[id(x)] = (x, ts.from_numpy(laid_out(x, self.memory)).requires_grad_(x.requires_grad))
            return self.pairs[id(x)][1]
        if isinstance(x, torch.Size):
            return ts.Size(x)
        if isinstance(x, tuple):
            return type(x)(*map(self, x)) if hasattr(x, "_fields") else tuple(map(self, x))
        if isinstance(x, list):
            return list(map(self, x))
        if isinstance(x, dict):
            return {k: self(v) for k, v in x.items()}
        if isinstance(x, slice):
            return slice(self(x.start), self(x.stop), self(x.step))
        if isinstance(x, (torch.dtype, torch.memory_format, torch.layout)):
            return getattr(ts, str(x).removeprefix("torch."))
        if isinstance(x, torch.device):
            return ts.device(str(x))
        if isinstance(x, torch.Generator):
            return ts.Generator()
        if isinstance(x, torch.nn.Module):
            return getattr(ts.nn, type(x).__name__)()          # those that stand in samples have no weights
        if isinstance(x, (types.FunctionType, functools.partial, types.BuiltinFunctionType)):
            return ours_of(x)
        return x

    @property
    def leaves(self) -> list[tuple[Any, Any]]:
        return [(a, b) for a, b in self.pairs.values() if a.requires_grad]


def _seeded(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    state = ts.default_generator.get_state()
    ts.manual_seed(42)
    try:
        return f(*args, **kwargs)
    finally:
        ts.default_generator.set_state(state)


def ours_of(f: Any) -> Any:
    """A function of PyTorch's test suite that runs on ours: the same code, with `tapescope` where it says `torch`."""
    if isinstance(f, functools.partial):
        return functools.partial(ours_of(f.func), *map(Converter(), f.args), **Converter()(f.keywords))
    if isinstance(f, types.FunctionType) and f.__module__.startswith("torch.testing"):
        space = {**f.__globals__, "torch": ts, "wrapper_set_seed": _seeded, "F": ts.nn.functional}
        cells = None if f.__closure__ is None else tuple(types.CellType(ours_of(c.cell_contents)) for c in f.__closure__)
        made = types.FunctionType(f.__code__, space, f.__name__, f.__defaults__, cells)
        made.__kwdefaults__ = f.__kwdefaults__
        return made
    if isinstance(f, (types.FunctionType, types.BuiltinFunctionType)) and (f.__module__ or "torch").partition(".")[0] == "torch":
        return look_up((f.__module__ or "torch").removeprefix("torch").strip(".").replace("_C._nn", "nn.functional"), f.__name__)
    return f


def look_up(*dotted: str) -> Any:
    """A name in its own place, else at the top, else a method."""
    path = [p for d in dotted for p in d.split(".") if p and not p.startswith("_C")]
    found: Any = ts
    try:
        for p in path:
            found = getattr(found, p)
        return getattr(ts.Tensor, path[-1]) if isinstance(found, ts.dtype) else found
    except AttributeError:
        method = getattr(ts.Tensor, path[-1], None)
        if method is None or len(path) > 1:
            raise AttributeError(f"tapescope has no {'.'.join(path)}") from None
        return method


def ours(info: Any) -> Any:
    """What an entry calls, in our library."""
    if isinstance(info.op, types.FunctionType) and info.op.__module__.startswith("torch.testing"):
        return ours_of(info.op)
    return look_up(info.name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _same_every_time() -> None:
    """What PyTorch draws for a sample is what it drew at the last call."""
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def samples(info: Any, dtype: str, requires_grad: bool, most: int) -> list[Any]:
    """At most `most` samples, spread over all that the entry has; the same at every call."""
    import torch

    _same_every_time()
    found = list(itertools.islice(info.sample_inputs("cpu", getattr(torch, dtype), requires_grad=requires_grad), FULL))
    step = max(1, -(-len(found) // most))
    return found[::step]


# -- comparing ---------------------------------------------------------------------------------------------------------


def compare(a: Any, b: Any, where: str, shapes_only: bool = False) -> None:
    """Ours `a` against theirs `b`: structure, dtype, shape, values."""
    import torch

    if isinstance(b, torch.Tensor):
        if not isinstance(a, ts.Tensor):
            raise Disagreement(f"{where}: a {type(a).__name__} instead of a Tensor")
        if str(a.dtype) != str(b.dtype):
            raise Disagreement(f"{where}: dtype {a.dtype} instead of {b.dtype}")
        if tuple(a.shape) != tuple(b.shape):
            raise Disagreement(f"{where}: shape {tuple(a.shape)} instead of {tuple(b.shape)}")
        if not shapes_only:
            _close(a.detach().numpy(), array_of(b), where)
    elif isinstance(b, (tuple, list)):
        if not isinstance(a, (tuple, list)) or len(a) != len(b):
            raise Disagreement(f"{where}: {type(a).__name__} of length {len(a) if hasattr(a, '__len__') else '-'} instead of {len(b)}")
        if getattr(b, "_fields", None) is not None and getattr(a, "_fields", None) != b._fields:
            raise Disagreement(f"{where}: fields {getattr(a, '_fields', None)} instead of {b._fields}")
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            compare(x, y, f"{where}[{i}]", shapes_only)
    elif isinstance(b, float) and isinstance(a, (int, float)):
        _close(np.float32(a), np.float32(b), where)
    elif str(a) != str(b):
        raise Disagreement(f"{where}: {a!r} instead of {b!r}")


def _close(x: Any, y: Any, where: str) -> None:
    kind = str(y.dtype)
    if kind not in TOLERANCE:
        if not np.array_equal(x, y):
            raise Disagreement(f"{where}: {_first(x, y, x != y)}")
        return
    rtol, share = TOLERANCE[kind]
    wide = np.complex128 if y.dtype.kind == "c" else np.float64
    x, y = np.asarray(x).astype(wide), np.asarray(y).astype(wide)
    finite = np.abs(y[np.isfinite(y)])
    atol = share * max(1.0, float(finite.max()) if finite.size else 1.0)
    near = np.isclose(x, y, rtol, atol, equal_nan=True)
    if not near.all():
        raise Disagreement(f"{where}: {_first(x, y, ~near)}")


def _first(x: Any, y: Any, wrong: Any) -> str:
    i = tuple(int(k) for k in np.argwhere(wrong)[0])
    return f"{np.count_nonzero(wrong)} of {np.size(y)} elements differ, the first at {i}: {x[i]} instead of {y[i]}"


def leaves_of(x: Any, kind: Any) -> list[Any]:
    """The tensors in an output, in order."""
    if isinstance(x, kind):
        return [x]
    return [t for y in x for t in leaves_of(y, kind)] if isinstance(x, (tuple, list)) else []


# -- one entry ---------------------------------------------------------------------------------------------------------


class Case:
    """One sample of an entry, run with both libraries."""

    def __init__(self, info: Any, sample: Any, nr: int, *, wrapped: bool = False, f: Any = None, theirs: Any = None) -> None:
        self.info, self.sample, self.where = info, sample, f"sample {nr} {sample.summary()[11:][:300]}"
        self.to_ours = Converter()
        args, kwargs = (sample.input, *sample.args), sample.kwargs
        mine = [self.to_ours(a) for a in args], {k: self.to_ours(v) for k, v in kwargs.items()}       # before theirs can change its input
        theirs, f = theirs or info.op, f or ours(info)
        wrap = info.gradcheck_wrapper if wrapped else None
        self.expected = wrap(theirs, *args, **kwargs) if wrap else theirs(*args, **kwargs)
        self.result = ours_of(wrap)(f, *mine[0], **mine[1]) if wrap else f(*mine[0], **mine[1])
        process = sample.output_process_fn_grad
        # an output that is only determined up to a sign or a phase is compared through what the sample makes of it
        self.processed = process(self.expected), ours_of(process)(self.result)

    def values(self) -> None:
        theirs, mine = self.processed
        compare(mine, theirs, self.where, self.info.name in UNINITIALISED)

    def outputs(self) -> tuple[list[Any], list[Any]]:
        """Floating-point outputs on both sides, those that gradients flow from."""
        import torch

        theirs, mine = leaves_of(self.processed[0], torch.Tensor), leaves_of(self.processed[1], ts.Tensor)
        chosen = [i for i, t in enumerate(theirs) if t.requires_grad]
        for i in chosen:
            if not mine[i].requires_grad:
                raise Disagreement(f"{self.where}: output {i} does not require grad")
        return [theirs[i] for i in chosen], [mine[i] for i in chosen]

    def gradients(self, second: bool = False) -> None:
        import torch

        theirs, mine = self.outputs()
        pairs = self.to_ours.leaves
        if not theirs or not pairs:
            return
        rng = np.random.default_rng(7)
        cotangents = [_random(rng, t) for t in theirs]
        try:
            a = torch.autograd.grad(theirs, [p for p, _ in pairs], cotangents, create_graph=second, allow_unused=True)
        except NotImplementedError as refusal:
            raise Refused from refusal
        b = ts.autograd.grad(mine, [q for _, q in pairs], [ts.from_numpy(array_of(c)) for c in cotangents], create_graph=second, allow_unused=True)
        self.same_gradients(a, b, "gradient")
        if second:
            some = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and x.requires_grad]
            if not some:
                return
            again = [_random(rng, x) for x, _ in some]
            try:
                a = torch.autograd.grad([x for x, _ in some], [p for p, _ in pairs], again, allow_unused=True)
            except RuntimeError as refusal:
                if "undefined Tensor in C++" in str(refusal):       # PyTorch's own rule misses a gradient
                    return
                if "is not implemented" not in str(refusal):
                    raise
                raise Refused from refusal
            # where ours is a constant, its derivative is zero: right if theirs is, too
            curved = [(y, c) for (_, y), c in zip(some, again, strict=True) if y is not None and y.requires_grad]
            b = ts.autograd.grad([y for y, _ in curved], [q for _, q in pairs], [ts.from_numpy(array_of(c)) for _, c in curved],
                                 allow_unused=True) if curved else [None] * len(pairs)
            self.same_gradients(a, b, "second gradient")

    def same_gradients(self, a: Any, b: Any, what: str) -> None:
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            if x is None or y is None:                     # none on one side is as good as zeros on the other
                left = x if x is not None else y
                if left is not None and bool((left != 0).any()):
                    raise Disagreement(f"{self.where}: {what} {i} is {'missing' if y is None else 'there, but should not be'}")
                continue
            compare(y, x, f"{self.where}: {what} {i}")

    def name(self) -> None:
        import torch

        for x, y in zip(leaves_of(self.expected, torch.Tensor), leaves_of(self.result, ts.Tensor), strict=False):
            if x.grad_fn is not None and (y.grad_fn is None or x.grad_fn.name() != y.grad_fn.name()):
                raise Disagreement(f"{self.where}: {None if y.grad_fn is None else y.grad_fn.name()} instead of {x.grad_fn.name()}")


def _random(rng: np.random.Generator, t: Any) -> Any:
    import torch

    a = rng.standard_normal(tuple(t.shape))
    if t.dtype.is_complex:
        a = a + 1j * rng.standard_normal(tuple(t.shape))
    return torch.as_tensor(a).to(t.dtype)


def examine(entry: str, aspect: str, most: int = QUICK) -> int:
    """Compares one entry in one aspect and returns how many samples said something; raises where they differ."""
    info = database()[entry]
    with quiet():
        return _EXAMINERS.get(aspect, _dtype(aspect))(info, most)


def applies(entry: str, aspect: str) -> bool:
    """Whether PyTorch claims this aspect for this entry."""
    import torch

    info = database()[entry]
    if aspect == "values":
        return True
    if aspect in ("gradients", "name"):
        return bool(info.supports_autograd) and plain_dtype(info) in ("float32", "complex64")
    if aspect == "second":
        return bool(info.supports_autograd and info.supports_gradgrad) and info.supports_dtype(torch.float64, "cpu")
    if aspect == "errors":
        return info.error_inputs_func is not None
    if aspect in ("method", "inplace"):
        return getattr(info, f"{aspect}_variant") is not None
    if aspect == "out":
        return bool(info.supports_out)
    return bool(info.supports_dtype(getattr(torch, aspect), "cpu"))


def _cases(info: Any, dtype: str, requires_grad: bool, most: int, **how: Any) -> Iterator[Case]:
    seen = 0
    for i, s in enumerate(samples(info, dtype, requires_grad, most)):
        try:
            info.gradcheck_wrapper(how.get("theirs") or info.op, s.input, *s.args, **s.kwargs)
        except Exception:
            continue                                       # PyTorch itself refuses this one
        seen += 1
        yield Case(info, s, i, **how)
    if not seen:
        raise Disagreement("no sample to compare")


def _values(info: Any, most: int) -> int:
    n = 0
    for case in _cases(info, plain_dtype(info), False, most):
        case.values()
        n += 1
    return n


def _gradients(info: Any, most: int) -> int:
    n = 0
    for case in _cases(info, plain_dtype(info), True, most, wrapped=True):
        case.gradients()
        n += 1
    return n


def _second(info: Any, most: int) -> int:
    n = 0
    for case in _cases(info, "float64", True, max(2, most // 2), wrapped=True):
        case.gradients(second=True)
        n += 1
    return n


def _name(info: Any, most: int) -> int:
    n = 0
    for case in _cases(info, plain_dtype(info), True, most):
        case.name()
        n += 1
    return n


def _variant(which: str) -> Callable[[Any, int], int]:
    def run(info: Any, most: int) -> int:
        theirs = getattr(info, which + "_variant")
        name = theirs.__name__
        n = 0
        for i, s in enumerate(samples(info, plain_dtype(info), False, max(2, most // 2))):
            if which == "inplace" and s.broadcasts_input:
                continue
            fresh = _copied(s)
            try:
                theirs(_copied(s).input, *s.args, **s.kwargs)
            except Exception:
                continue
            Case(info, fresh, i, f=getattr(ts.Tensor, name), theirs=theirs).values()
            n += 1
        return n
    return run


def _copied(s: Any) -> Any:
    from torch.testing._internal.opinfo.core import SampleInput, clone_sample

    if not isinstance(s, SampleInput):
        return s
    made = clone_sample(s)
    made.output_process_fn_grad = s.output_process_fn_grad
    return made


def _out(info: Any, most: int) -> int:
    import torch

    n = 0
    f = ours(info)
    for i, s in enumerate(samples(info, plain_dtype(info), False, max(2, most // 2))):
        try:
            expected = info.op(s.input, *s.args, **s.kwargs)
        except Exception:
            continue
        if not isinstance(expected, torch.Tensor):
            continue
        convert = Converter()
        target = ts.empty(tuple(expected.shape), dtype=convert(expected.dtype))
        kwargs = {k: convert(v) for k, v in s.kwargs.items()}
        with ts.no_grad():
            returned = f(convert(s.input), *map(convert, s.args), **kwargs, out=target)
        if returned is not target:
            raise Disagreement(f"sample {i}: does not return what was given as out=")
        compare(target, expected, f"sample {i} {s.summary()[11:][:200]}, out=", info.name in UNINITIALISED)
        n += 1
    return n


def error_cases(info: Any) -> Iterator[tuple[int, str, str]]:
    """Of every erroneous sample that PyTorch refuses: its number, how ours differs ("", "type", "text"), and what both say."""
    f = ours(info)
    _same_every_time()
    for i, e in enumerate(info.error_inputs("cpu")):
        s = e.sample_input
        try:
            info.op(s.input, *s.args, **s.kwargs)
        except Exception as said:
            expected: type[BaseException] = type(said)
        else:
            continue                                       # an error of other devices or modes
        convert = Converter()
        known = {"LinAlgError": getattr(getattr(ts, "linalg", None), "LinAlgError", RuntimeError)}.get(expected.__name__, expected)
        known = known if known.__module__ == "builtins" or known is not expected else RuntimeError
        wanted = f"instead of {known.__name__}: {e.error_regex}"
        try:
            f(convert(s.input), *map(convert, s.args), **{k: convert(v) for k, v in s.kwargs.items()})
        except Exception as other:
            said_here = str(other).replace("tapescope", "torch")
            how = "type" if not isinstance(other, known) else "" if re.search(e.error_regex, said_here) else "text"
            yield i, how, f"{type(other).__name__}: {other} {wanted}"
        else:
            yield i, "type", f"no error {wanted}"


def _errors(info: Any, most: int) -> int:
    n = 0
    for i, how, told in error_cases(info):
        if how == "type":
            raise Disagreement(f"erroneous sample {i}: {told}")
        n += 1
    return n


def _dtype(name: str) -> Callable[[Any, int], int]:
    def run(info: Any, most: int) -> int:
        n = 0
        for case in _cases(info, name, False, most):
            case.values()
            n += 1
        return n
    return run


_EXAMINERS: dict[str, Callable[[Any, int], int]] = {
    "values": _values, "gradients": _gradients, "second": _second, "name": _name, "method": _variant("method"), "inplace": _variant("inplace"),
    "out": _out, "errors": _errors}
