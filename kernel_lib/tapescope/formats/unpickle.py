"""Reads a pickle without running anything: numbers, text, containers, and what a table of ours builds; all else is refused by name.

Python's own unpickler calls what the file names. This one calls functions of the table it was given, and nothing more: no import, no `__new__`,
no `__setstate__`, no attribute of the file's choosing.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from pickle import UnpicklingError
from typing import Any

DEEP, MANY = 100, 10_000                    # of a key: hash() has no limit of its own; a C stack has one, and a user's patience
_BLOCKED = ("sys", "os", "posix", "nt")


class Global:
    """What a name in the file stands for: `build(*args)` makes the object."""

    __slots__ = ("build", "name", "new")

    def __init__(self, name: str, build: Callable[..., Any], new: Callable[..., Any] | None = None) -> None:
        self.name, self.build, self.new = name, build, new

    def __repr__(self) -> str:
        return f"<{self.name} of a pickle>"


class Pending:
    """An object that is complete only when its state has come: `finish(state)` gives it."""

    __slots__ = ("finish", "slots")

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish
        self.slots: list[int] = []


def refused(name: str) -> UnpicklingError:
    """The error for a name that is not in the table; PyTorch's words, then what to do."""
    return UnpicklingError(
        f"Unsupported global: GLOBAL {name} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{name}])` or the `torch.serialization.safe_globals([{name}])` context manager to allowlist "
        "this global if you trust this class/function.")


class Unpickler:
    """Reads one pickle. `known` maps "module.name" to a value, a Global, or a class that the user trusts; `persistent(id)` gives what lies outside."""

    def __init__(self, data: bytes, known: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None, encoding: str = "utf-8",
                 trusted: Mapping[str, Any] | None = None) -> None:
        self.data, self.at = data, 0
        self.known, self.persistent, self.encoding = known, persistent, encoding
        self.trusted: Mapping[str, Any] = {} if trusted is None else trusted
        self.memo: dict[int, Any] = {}
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []

    def load(self) -> Any:
        """The object. Raises UnpicklingError for what is not admitted and for bytes that are no pickle."""
        steps = _STEPS
        try:
            while True:
                code = self.data[self.at]
                self.at += 1
                if code == 0x2E:                            # STOP
                    return self._whole(self.stack.pop())
                step = steps.get(code)
                if step is None:
                    raise UnpicklingError(f"byte {self.at - 1}: the pickle uses the instruction {code:#04x}, which data does not need: it is refused")
                step(self)
        except UnpicklingError:
            raise
        except RecursionError:
            raise UnpicklingError("the pickle nests too deeply") from None
        except MemoryError:
            raise
        except Exception as error:                          # an empty stack, a wrong type, text that is none: a pickle that nobody wrote
            raise UnpicklingError(f"byte {self.at}: the pickle is damaged ({type(error).__name__}: {error})") from error

    # -- bytes -----------------------------------------------------------------------------------------------------------

    def take(self, n: int) -> bytes:
        end = self.at + n
        if n < 0 or end > len(self.data):
            raise UnpicklingError(f"byte {self.at}: the pickle ends too soon: {n} bytes are claimed, {len(self.data) - self.at} are left")
        piece = self.data[self.at:end]
        self.at = end
        return piece

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise UnpicklingError(f"byte {self.at}: the pickle ends within a line")
        piece = self.data[self.at:end]
        self.at = end + 1
        return piece.decode("utf-8")

    def text(self, raw: bytes) -> Any:
        """A Python 2 string."""
        return raw if self.encoding == "bytes" else raw.decode(self.encoding)

    # -- stack -------------------------------------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.marks.pop()
        return found

    def put(self, index: int) -> None:
        value = self.stack[-1]
        self.memo[index] = value
        if isinstance(value, Pending):
            value.slots.append(index)

    def tuple_of(self, n: int) -> None:
        items = tuple(self.stack[-n:])
        if len(items) != n:
            raise IndexError("an empty stack")
        self.stack[-n:] = [items]

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise UnpicklingError(f"Can only extend lists, but got {type(target)}")
        target.extend(items)

    def add(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise UnpicklingError(f"Can only add to sets, but got {type(target)}")
        target.update(map(key, items))

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict, Counter):
            raise UnpicklingError(f"Can only set items of dicts, but got {type(target)}")
        for i in range(0, len(items), 2):
            target[key(items[i])] = items[i + 1]

    # -- what builds ---------------------------------------------------------------------------------------------------------

    def find(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise UnpicklingError("a GLOBAL needs two strings")
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        path = f"{module}.{name}"
        if module in _BLOCKED:
            raise UnpicklingError(f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked.")
        if path in self.known:
            self.push(self.known[path])
        elif path in self.trusted:
            cls = self.trusted[path]
            self.push(Global(path, cls, lambda *args: cls.__new__(cls, *args)))
        else:
            raise refused(path.removeprefix("builtins."))

    def reduce(self, new: bool = False) -> None:
        args, build = self.stack.pop(), self.stack.pop()
        if not isinstance(build, Global) or type(args) is not tuple:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {_safe_repr(build)}")
        call = build.new if new and build.new is not None else build.build
        try:
            self.push(call(*args))
        except (UnpicklingError, MemoryError, RecursionError):
            raise
        except Exception as error:
            raise UnpicklingError(f"byte {self.at}: {build.name} cannot be made of what the file gives ({type(error).__name__}: {error})") from error

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Pending):
            made = target.finish(state)
            self.stack[-1] = made
            for index in target.slots:
                self.memo[index] = made
        elif type(target) is OrderedDict:
            if type(state) is not dict or any(type(k) is not str or hasattr(OrderedDict, k) for k in state):
                raise UnpicklingError("an OrderedDict's attributes must be a dict of new names")
            vars(target).update(state)
        elif type(target) in self.trusted.values():
            if hasattr(target, "__setstate__"):
                target.__setstate__(state)
            else:
                vars(target).update(state)
        else:
            raise UnpicklingError(f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got {type(target)}")

    def outside(self) -> None:
        if self.persistent is None:
            raise UnpicklingError("the pickle refers to something outside of it")
        self.push(self.persistent(self.stack.pop()))

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise UnpicklingError(f"byte {self.at}: the pickle recalls object {index}, which it has not made")
        self.push(self.memo[index])

    @staticmethod
    def _whole(value: Any) -> Any:
        if isinstance(value, (Global, Pending)):
            raise UnpicklingError(f"the pickle holds no data, only {_safe_repr(value)}")
        return value


def key(value: Any) -> Any:
    """A dict's key or a set's member, when it is hashable data; raises UnpicklingError otherwise."""
    level, seen = [value], 0
    for _ in range(DEEP):
        inner: list[Any] = []
        for v in level:
            kind = type(v)
            if kind is tuple:
                inner += v
            elif kind in (list, dict, set, bytearray, OrderedDict, Counter) or isinstance(v, (Global, Pending)):
                raise UnpicklingError(f"unhashable type: {kind.__name__}")
        seen += len(inner)
        if seen > MANY:
            break
        if not inner:
            return value
        level = inner
    raise UnpicklingError(f"a key of more than {DEEP} tuples within each other, or of more than {MANY} parts")


def _safe_repr(value: Any) -> str:
    return repr(value) if isinstance(value, (Global, str, int)) else f"a {type(value).__name__}"


def _int_line(u: Unpickler) -> None:
    text = u.line()
    u.push({"00": False, "01": True}[text] if text in ("00", "01") else int(text))


def _long(u: Unpickler, n: int) -> None:
    u.push(int.from_bytes(u.take(n), "little", signed=True))


def _one(u: Unpickler, act: Callable[[list[Any]], None]) -> None:
    item = u.stack.pop()
    act([item])


def _pair(u: Unpickler) -> None:
    pair = u.stack[-2:]
    del u.stack[-2:]
    u.set_items(pair)


def _dict(u: Unpickler) -> None:
    items = u.since_mark()
    u.push({})
    u.set_items(items)


def _marked(u: Unpickler, act: str) -> None:
    items = u.since_mark()
    getattr(u, act)(items)


def _stack_global(u: Unpickler) -> None:
    name, module = u.stack.pop(), u.stack.pop()
    u.find(module, name)


def _protocol(u: Unpickler) -> None:
    if u.number("<B") > 5:
        raise UnpicklingError("the pickle is of a protocol that is newer than 5")


_STEPS: dict[int, Callable[[Unpickler], Any]] = {
    0x80: _protocol,
    0x95: lambda u: u.take(8),                                                  # FRAME
    ord("("): Unpickler.mark,
    ord("0"): lambda u: u.stack.pop(),
    ord("1"): Unpickler.since_mark,
    ord("N"): lambda u: u.push(None),
    0x88: lambda u: u.push(True),
    0x89: lambda u: u.push(False),
    ord("I"): _int_line,
    ord("L"): lambda u: u.push(int(u.line().rstrip("L"))),
    ord("F"): lambda u: u.push(float(u.line())),
    ord("J"): lambda u: u.push(u.number("<i")),
    ord("K"): lambda u: u.push(u.number("<B")),
    ord("M"): lambda u: u.push(u.number("<H")),
    0x8A: lambda u: _long(u, u.number("<B")),
    0x8B: lambda u: _long(u, u.number("<i")),
    ord("G"): lambda u: u.push(u.number(">d")),
    ord("T"): lambda u: u.push(u.text(u.take(u.number("<i")))),
    ord("U"): lambda u: u.push(u.text(u.take(u.number("<B")))),
    ord("X"): lambda u: u.push(u.take(u.number("<I")).decode("utf-8", "surrogatepass")),
    0x8C: lambda u: u.push(u.take(u.number("<B")).decode("utf-8", "surrogatepass")),
    0x8D: lambda u: u.push(u.take(u.number("<Q")).decode("utf-8", "surrogatepass")),
    ord("B"): lambda u: u.push(u.take(u.number("<I"))),
    ord("C"): lambda u: u.push(u.take(u.number("<B"))),
    0x8E: lambda u: u.push(u.take(u.number("<Q"))),
    0x96: lambda u: u.push(bytearray(u.take(u.number("<Q")))),
    ord(")"): lambda u: u.push(()),
    ord("t"): lambda u: u.push(tuple(u.since_mark())),
    0x85: lambda u: u.tuple_of(1),
    0x86: lambda u: u.tuple_of(2),
    0x87: lambda u: u.tuple_of(3),
    ord("]"): lambda u: u.push([]),
    ord("l"): lambda u: u.push(u.since_mark()),
    ord("a"): lambda u: _one(u, u.extend),
    ord("e"): lambda u: _marked(u, "extend"),
    ord("}"): lambda u: u.push({}),
    ord("d"): _dict,
    ord("s"): _pair,
    ord("u"): lambda u: _marked(u, "set_items"),
    0x8F: lambda u: u.push(set()),
    0x90: lambda u: _marked(u, "add"),
    0x91: lambda u: u.push(frozenset(map(key, u.since_mark()))),
    ord("c"): lambda u: u.find(u.line(), u.line()),
    0x93: _stack_global,
    ord("R"): Unpickler.reduce,
    0x81: lambda u: u.reduce(new=True),
    ord("b"): Unpickler.build,
    ord("Q"): Unpickler.outside,
    ord("p"): lambda u: u.put(int(u.line())),
    ord("q"): lambda u: u.put(u.number("<B")),
    ord("r"): lambda u: u.put(u.number("<I")),
    0x94: lambda u: u.put(len(u.memo)),
    ord("g"): lambda u: u.recall(int(u.line())),
    ord("h"): lambda u: u.recall(u.number("<B")),
    ord("j"): lambda u: u.recall(u.number("<I")),
}
