"""Elementwise ops: their declarations, and the short path for the common case.

The short path runs when gradients are on and all operands are Tensors of one dtype. It builds the node inline: a call here costs as much as the
arithmetic. Everything else takes `op.run`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter_ns as clock
from typing import Any

import numpy as np

from . import dtype as dt
from . import errors
from .device import module_of
from .node import Node, next_seq
from .op import Op, Plan, _camel, _finish, _with_output, record, run, together
from .site import PACKAGES, user_frame
from .state import mode
from .storage import new_storage
from .symbol import Symbol
from .tensor import Tensor, accumulator, wrap

_new = object.__new__
_frame = sys._getframe
_generic = np.generic
_ndarray = np.ndarray
_NUMBERS = (int, float, complex, np.generic)
_PLAIN = (int, float, complex, bool)
# which operands PyTorch wants to be tensors: both, the first, or one of the two
_BOTH = frozenset("atan2 fmax fmin gcd heaviside hypot lcm ldexp logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum nextafter".split())
_FIRST = frozenset("eq ne lt le gt ge copysign copysign_number fmod fmod_tensor rsub rsub_tensor clamp_min_tensor clamp_max_tensor".split())
_ONE = frozenset("bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift remainder".split())


def _kind(plan: Plan, operands: int) -> int:
    """How the short path saves: 0 nothing, 1 the first, 2 the second, 3 both, 4 only the output, 5 anything else."""
    if plan.others or (plan.saves_output and plan.tensors):
        return 5
    if plan.saves_output:
        return 4
    return sum(1 << i for i in plan.tensors)


def common(x: Any, y: Any, to_float: bool = False) -> tuple[Any, Any]:
    """Both operands in PyTorch's result dtype; Python numbers stay numbers where NumPy treats them alike."""
    d = dt.result_type(x, y)
    if to_float and d.category < 2:
        d = dt.get_default_dtype()
    return _cast(x, d), _cast(y, d)


def _cast(x: Any, d: dt.dtype) -> Any:
    if isinstance(x, bool):
        return d.dtype.type(x)
    if isinstance(x, (int, float, complex)):
        return x if x.__class__ is not int or 0 <= x < 128 or d.category != 1 else dt.wrapped(x, d)
    return x if x.dtype == d.dtype else x.astype(d.dtype)


def unary(tex: str, raw: Callable[[Any], Any], *, name: str, node: str | None = None, to_float: bool = False,
          grad_tex: str | None = None, quick: Callable[[Any], Any] | None = None) -> Any:
    """Declares an elementwise op of one operand; `to_float` sends integers to the default dtype, as sin and exp do. `quick` is `raw` for NumPy
    arrays whose dtype it keeps; another dtype of its result sends the operand to `raw`."""
    quick = quick or raw
    if to_float:
        def forward(x: Any) -> Any:
            if x.dtype.kind in "biu":
                x = x.astype(dt.get_default_dtype().dtype)
            return raw(x)
    else:
        def forward(x: Any) -> Any:
            return raw(x)

    o = Op(name, (node or _camel(name)) + "Backward0", tex, forward, 1, grad_tex=grad_tex,
           ufunc=raw if isinstance(raw, np.ufunc) else None)
    plans: list[tuple[Plan, int]] = []

    def call(input: Any, *, out: Tensor | None = None) -> Any:
        if not isinstance(input, Tensor):
            if isinstance(input, Symbol):
                return Symbol.of_op(o, (input,), ())
            if isinstance(input, (np.ndarray, _generic)) or hasattr(input, "__cuda_array_interface__"):
                return raw(input)
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        if out is not None:
            return write_out(out, call(input))
        fast = mode.fast
        if not fast and mode.sink is not None:
            return run(o, (input,))
        x = input._array
        t0 = 0 if fast is True else clock()
        r = quick(x) if x.__class__ is _ndarray else raw(x)
        if r.__class__ is not _ndarray and isinstance(r, _generic):
            r = np.asarray(r)
        if r.dtype is not x.dtype:
            return run(o, (input,))
        if not fast:
            return wrap(r)
        t = _new(Tensor)
        t._array = r
        t._nr = t._id = 0
        t._grad = t._storage = t._extra = None
        if input._req:
            if not plans:
                plan = o.plan((True,))
                plans.append((plan, _kind(plan, 1)))
            plan, kind = plans[0]
            node = Node()
            node.op = o
            node.seq = next_seq()
            above = input._node
            node.next = (above if above is not None else accumulator(input),)
            node.nrs = (input._nr,)
            node.plan = plan
            node.shape = r.shape
            node.dtype = r.dtype
            node.extra = None
            f: Any = _frame(1)
            if f.f_globals.get("__package__") in PACKAGES and (f := f.f_back) is not None and f.f_globals.get("__package__") in PACKAGES:
                f = user_frame(f)
            node.site = None if f is None else (f.f_code, f.f_lasti)
            t._node = node
            t._req = True
            if kind == 0:
                node.saved = ()
            elif kind == 1:
                storage = input._storage
                node.saved = ((input, 0 if storage is None else storage.version),)
            elif kind == 4:
                t._storage = storage = new_storage()
                node.saved = ((r, 0, storage),)
            else:
                node.saved = _with_output(record(o, (input,), (), (True,), r, ()), t)
        else:
            t._node = node = None
            t._req = False
        if fast is not True:
            if node is None:
                f = _frame(1)
                if f.f_globals.get("__package__") in PACKAGES:
                    f = user_frame(f)
                site = None if f is None else (f.f_code, f.f_lasti)
            else:
                site = node.site
            fast.op(o, (input,), (t,), node, site, t0, clock())
        return t

    return _finish(call, o, None)


def binary(tex: str, ufunc: Any, *, name: str, node: str | None = None, to_float: bool = False, differentiable: bool = True,
           grad_tex: str | None = None) -> Any:
    """Declares an elementwise op of two operands that broadcast and promote; Python numbers are admitted on either side."""

    def forward(x: Any, b: Any) -> Any:
        x, b = common(x, b, to_float)
        try:
            return ufunc(x, b)
        except ValueError:
            raise errors.broadcast(np.shape(x), np.shape(b)) from None

    o = Op(name, (node or _camel(name)) + "Backward0", tex, forward, 2, grad_tex=grad_tex, ufunc=ufunc)
    o.operands = ("a", "b")
    o.extras = ("a_shape", "b_shape")
    tensors = 3 if name in _BOTH else 2 if name in _FIRST else 1 if name in _ONE else 0
    plans: list[tuple[Plan, int] | None] = [None] * 4

    def choose(ra: bool, rb: bool) -> tuple[Plan, int]:
        plan = o.plan((ra, rb))
        plans[ra + 2 * rb] = found = (plan, _kind(plan, 2))
        return found

    def call(input: Any, other: Any, *, out: Tensor | None = None) -> Any:
        fast = mode.fast
        if not (isinstance(input, Tensor) and isinstance(other, Tensor) and fast) or out is not None:
            return slow(input, other, out)
        x = input._array
        y = other._array
        if x.dtype is not y.dtype:
            return run(o, (input, other))
        t0 = 0 if fast is True else clock()
        try:
            r = ufunc(x, y)
        except ValueError:
            raise errors.broadcast(x.shape, y.shape, of=(input, other)) from None
        except TypeError as wrong:
            if (moved := together((input, other))) is not None:
                return call(*moved)
            raise errors.devices((x, y), wrong) from None
        if r.__class__ is not _ndarray and isinstance(r, _generic):
            r = np.asarray(r)
        if to_float and r.dtype is not x.dtype:
            return run(o, (input, other))
        t = _new(Tensor)
        t._array = r
        t._nr = t._id = 0
        t._grad = t._storage = t._extra = None
        ra = input._req
        rb = other._req
        if differentiable and (ra or rb):
            plan, kind = plans[ra + 2 * rb] or choose(ra, rb)
            node = Node()
            node.op = o
            node.seq = next_seq()
            na = input._node
            nb = other._node
            if ra and na is None:
                na = accumulator(input)
            if rb and nb is None:
                e = other._extra
                if e is None or e.accumulator is None or (nb := e.accumulator()) is None:
                    nb = accumulator(other)
            node.next = (na, nb)
            node.nrs = (input._nr, other._nr)
            node.plan = plan
            node.shape = r.shape
            node.dtype = r.dtype
            node.extra = None
            f: Any = _frame(1)
            if f.f_globals.get("__package__") in PACKAGES and (f := f.f_back) is not None and f.f_globals.get("__package__") in PACKAGES:
                f = user_frame(f)
            node.site = None if f is None else (f.f_code, f.f_lasti)
            t._node = node
            t._req = True
            if kind == 0:
                node.saved = ()
            elif kind == 3:
                sa = input._storage
                sb = other._storage
                node.saved = ((input, 0 if sa is None else sa.version), (other, 0 if sb is None else sb.version))
            elif kind == 1:
                sa = input._storage
                node.saved = ((input, 0 if sa is None else sa.version),)
            elif kind == 2:
                sb = other._storage
                node.saved = ((other, 0 if sb is None else sb.version),)
            else:
                node.saved = record(o, (input, other), (), (ra, rb), r, ()).saved
                if plan.saves_output:
                    node.saved = _with_output(node, t)
        else:
            t._node = node = None
            t._req = False
        if fast is not True:
            if node is None:
                f = _frame(1)
                if f.f_globals.get("__package__") in PACKAGES:
                    f = user_frame(f)
                site = None if f is None else (f.f_code, f.f_lasti)
            else:
                site = node.site
            fast.op(o, (input, other), (t,), node, site, t0, clock())
        return t

    def slow(a: Any, b: Any, out: Tensor | None) -> Any:
        if a.__class__ is np.ndarray and not isinstance(b, Tensor):
            return ufunc(a, b)
        ta, tb = isinstance(a, Tensor), isinstance(b, Tensor)
        if tensors and (a.__class__ in _PLAIN or b.__class__ in _PLAIN):
            _want_tensors(name, tensors, a, b)
        if ta and tb and mode.sink is None and out is None and not mode.grad and a._array.dtype is b._array.dtype:
            try:
                r = ufunc(a._array, b._array)
            except ValueError:
                raise errors.broadcast(a._array.shape, b._array.shape, of=(a, b)) from None
            except TypeError as wrong:
                raise errors.devices((a._array, b._array), wrong) from None
            if not to_float or r.dtype is a._array.dtype:
                return wrap(r)
        if not ta and not tb:
            if isinstance(a, Symbol) or isinstance(b, Symbol):
                return Symbol.of_op(o, (a, b), ())
            return ufunc(a, b)
        if not ta:
            a = _number(a, name, 1)
        if not tb:
            b = _number(b, name, 2)
        if a is NotImplemented or b is NotImplemented:
            return NotImplemented
        result = run(o, (a, b))
        return result if out is None else write_out(out, result)

    return _finish(call, o, None)


def _want_tensors(name: str, tensors: int, a: Any, b: Any) -> None:
    """Raises where an operand is a number that PyTorch wants to be a tensor."""
    plain = a.__class__ in _PLAIN, b.__class__ in _PLAIN
    if tensors == 3:
        which, what = ("input", a) if plain[0] else ("values" if name == "heaviside" else "other", b)
        raise TypeError(f"{name}(): argument '{which}' (position {2 - plain[0]}) must be Tensor, not {type(what).__name__}")
    if all(plain) or (tensors == 2 and plain[0] and isinstance(b, Tensor)):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({type(a).__name__}, {type(b).__name__}), but expected one of:\n"
                        " * (Tensor input, Tensor other, *, Tensor out)\n * (Tensor input, Number other, *, Tensor out)")


def _number(value: Any, name: str, position: int) -> Any:
    if isinstance(value, _generic):                          # np.float64 is a float, too, and would promote
        return value.item()
    if isinstance(value, (bool, int, float, complex)):
        return value
    if isinstance(value, np.ndarray):
        return wrap(value)
    return NotImplemented


def apart(out: Tensor | None, *inputs: Any) -> None:
    """Refuses to write into memory that an operation reads."""
    if out is None:
        return
    m = module_of(out._array)
    if any(isinstance(t, Tensor) and module_of(t._array) is m and m.shares_memory(out._array, t._array) for t in inputs):
        raise RuntimeError("unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
                           "Please clone() the tensor before performing the operation.")


_DEMANGLED = {"Double": "double", "Float": "float", "Half": "c10::Half", "BFloat16": "c10::BFloat16", "Long": "long int", "Int": "int", "Short": "short int", "Char": "signed char",
              "Byte": "unsigned char", "Bool": "bool", "ComplexFloat": "c10::complex<float>", "ComplexDouble": "c10::complex<double>"}


def of_dtype(out: Tensor | None, like: Tensor) -> None:
    """Refuses an `out` of another dtype, by the names that C has for them."""
    if out is not None and out._array.dtype != like._array.dtype:
        raise RuntimeError(f"Expected out tensor to have dtype {_DEMANGLED[like.dtype.tensor_name]}, but got {_DEMANGLED[out.dtype.tensor_name]} instead")


def write_out(out: Tensor, result: Tensor) -> Tensor:
    """Puts a result into the tensor given as `out=`."""
    if result._req:
        raise RuntimeError("out=... arguments don't support automatic differentiation, but one of the arguments requires grad.")
    if 0 in out._array.strides and out._array.size > 1 and any(s == 0 and n > 1 for s, n in zip(out._array.strides, out._array.shape, strict=True)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor "
                           "before performing the operation.")
    if not np.can_cast(result._array.dtype, out._array.dtype, "same_kind"):
        raise RuntimeError(f"result type {result.dtype.tensor_name} can't be cast to the desired output type {out.dtype.tensor_name}")
    if out._array.shape == result._array.shape:
        out._array[...] = result._array
    else:
        out._array = result._array.astype(out._array.dtype)
    out.bump()
    return out
