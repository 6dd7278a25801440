"""What `trace`, `script` and `load` give: functions and modules that run captured graphs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from ..core.state import mode
from ..core.tensor import Tensor
from ..nn.modules.module import Module
from ..nn.parameter import Parameter
from .family import Graph, Leaves, Refused, Unhashable, flatten, hear

_MIGHT = ("might cause the trace to be incorrect. We can't record the data flow of Python values, so this value will be treated as a constant in the future. "
          "This means that the trace might not generalize to other inputs!")
_WHAT = {"__bool__": "boolean", "__float__": "float", "__int__": "integer", "__index__": "index", "item": "number", "tolist": "list", "__complex__": "number"}

tracing: list[bool] = []                 # not empty while something is traced


class TracerWarning(Warning):
    """What a trace could not follow."""


class TracingCheckError(Exception):
    """A trace that does not give what the function gives."""


def warn_of(leak: str) -> None:
    """PyTorch's words for a value that became Python's."""
    name = leak.removeprefix("Tensor.").removesuffix("()")
    what = "a NumPy array" if name in ("numpy", "__array__") else f"a Python {_WHAT[name]}" if name in _WHAT else f"something else by {name}()"
    warnings.warn(f"Converting a tensor to {what} {_MIGHT}", TracerWarning, stacklevel=2)


class Graphs:
    """The graphs of one function: one for each kind of arguments."""

    def __init__(self, function: Callable[..., Any] | None, module: Module | None, warn: Callable[[str], None] | None) -> None:
        self.function, self.module, self.warn = function, module, warn
        self.known: list[tuple[Graph, list[Any]]] = []
        self.modes: list[bool | None] = []                 # whether the module was in training; None where that is over and done
        self.reason = ""

    def owned(self) -> dict[int, Tensor]:
        if self.module is None:
            return {}
        return {id(t): t for t in (*self.module.parameters(), *self.module.buffers())}

    def find(self, args: Any, kwargs: Any) -> tuple[Graph, list[Any], Leaves] | None:
        leaves = Leaves()
        shape = flatten((args, kwargs), leaves)
        for (graph, held), training in zip(self.known, self.modes, strict=True):
            if (training is None or self.module is None or training == self.module.training) and graph.fits(shape, leaves.tensors):
                return graph, held, leaves
        return None

    def learn(self, args: Any, kwargs: Any) -> Any:
        """Calls the function, keeps its graph, and gives its result. Raises Refused or Unhashable."""
        assert self.function is not None
        tracing.append(True)
        try:
            graph, result = hear(self.function, args, kwargs, self.warn, self.owned())
        finally:
            tracing.pop()
        self.add(graph, list(graph.program.held), self.module.training if self.module is not None and self.warn is None else None)
        return result

    def add(self, graph: Graph, held: list[Any], training: bool | None = None) -> None:
        self.known.append((graph, held))
        self.modes.append(training)

    def call(self, args: Any, kwargs: Any) -> Any:
        """By a graph where there is one, else as it is written, to be captured on the way."""
        try:
            found = self.find(args, kwargs)
        except Unhashable:
            found = None
        if found is not None:
            graph, held, leaves = found
            return graph.run(leaves.tensors, held)
        if self.function is None:
            kinds = "; ".join(", ".join(f"{list(s)} {d}" for s, d in g.kinds) + (" with any first dimension" if g.batch else "") for g, _ in self.known)
            raise RuntimeError(f"this graph was captured for arguments of shape {kinds}; call it with such, or capture it again for others")
        if mode.sink is None and mode.calls is None and not self.reason and not tracing:
            try:
                result = self.learn(args, kwargs)
            except (Refused, Unhashable) as why:
                self.reason = str(why)
            else:
                return result if not mode.grad else self.call(args, kwargs)
        return self.function(*args, **kwargs)

    def stored(self) -> list[tuple[Graph, list[Any]]]:
        """What can be saved; raises RuntimeError where there is nothing."""
        if self.reason:
            raise RuntimeError(f"this cannot be saved as a graph: {self.reason}")
        if not self.known:
            raise RuntimeError("there is no graph yet: call it once with arguments like those that it will get, or use jit.trace(f, example_inputs)")
        return [entry for entry, training in zip(self.known, self.modes, strict=True) if training is None or self.module is None or training == self.module.training]


class ScriptFunction:
    """A function that runs its captured graph; `graph` and `code` show it, `save` writes it."""

    def __init__(self, graphs: Graphs, name: str) -> None:
        self._graphs, self.__name__ = graphs, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._graphs.call(args, kwargs)

    @property
    def name(self) -> str:
        return self.__name__

    @property
    def code(self) -> str:
        """The graph as Python would write it."""
        return code_of(self._graphs, self.__name__)

    @property
    def graph(self) -> str:
        """The graph, one op a line."""
        return graph_of(self._graphs)

    def save(self, f: Any) -> None:
        """Writes it to a file or a buffer, see `jit.save`."""
        from .files import save

        save(self, f)

    def __repr__(self) -> str:
        return f"<ScriptFunction {self.__name__}>"


class ScriptModule(Module):
    """A module that runs captured graphs over its own parameters and buffers, which have the names that they had."""

    def __init__(self, graphs: Graphs | None = None, name: str = "ScriptModule") -> None:
        super().__init__()
        self.__dict__["_graphs"] = graphs
        self.__dict__["original_name"] = name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self._graphs is None:
            raise RuntimeError("this part of a captured module holds tensors; the module that was captured is the one to call")
        return self._graphs.call(args, kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and (name in self._parameters or name in self._buffers):
            raise RuntimeError(f"{name!r} is read by a captured graph: change it in place, by copy_() or load_state_dict(), instead of putting another in its place")
        super().__setattr__(name, value)

    def train(self: Any, mode: bool = True) -> Any:
        super().train(mode)
        origin = self.__dict__.get("_origin")
        if origin is not None:                             # a scripted module runs the one that it was made of
            origin.train(mode)
        return self

    @property
    def code(self) -> str:
        """The graph as Python would write it."""
        return code_of(self._graphs, "forward", self)

    @property
    def graph(self) -> str:
        """The graph, one op a line."""
        return graph_of(self._graphs, self)

    def save(self, f: Any) -> None:
        """Writes it to a file or a buffer, see `jit.save`."""
        from .files import save

        save(self, f)

    def extra_repr(self) -> str:
        return f"original_name={self.original_name}"

    def _get_name(self) -> str:
        return type(self).__name__

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        import io

        from .files import load, save

        buffer = io.BytesIO()
        save(self, buffer)
        buffer.seek(0)
        return load(buffer)


class TopLevelTracedModule(ScriptModule):
    """What `trace` of a module gives."""


class RecursiveScriptModule(ScriptModule):
    """What `script` and `load` give."""


def adopt(into: Module, module: Module) -> None:
    """Puts the parameters and buffers of `module`, the very same, under their names into `into`."""
    for name, t in module._parameters.items():
        into.register_parameter(name, t)
    for name, b in module._buffers.items():
        into.register_buffer(name, b, persistent=name not in module._non_persistent_buffers_set)
    for name, child in module._modules.items():
        if child is not None:
            part = RecursiveScriptModule(None, type(child).__name__)
            adopt(part, child)
            into.add_module(name, part)
    into.training = module.training


def place(into: Module, name: str, t: Tensor) -> None:
    """Puts one tensor where its dotted name says, making what lies between."""
    *path, last = name.split(".")
    for part in path:
        if part not in into._modules:
            into.add_module(part, RecursiveScriptModule(None, "Module"))
        into = into._modules[part]
    into.register_parameter(last, t) if isinstance(t, Parameter) else into.register_buffer(last, t)


# -- for people -------------------------------------------------------------------------------------------------------------------


def _name_of(n: int, graph: Graph, names: list[str], arguments: list[str]) -> str:
    p = graph.program
    if n < p.inputs:
        return arguments[n]
    if n < p.inputs + len(p.held):
        return names[n - p.inputs]
    if n < p.inputs + len(p.held) + len(p.constants):
        return f"CONSTANTS.c{n - p.inputs - len(p.held)}"
    return f"_{n - p.inputs - len(p.held) - len(p.constants)}"


def _arguments(graphs: Graphs, n: int) -> list[str]:
    target = graphs.module.forward if graphs.module is not None else graphs.function
    names: list[str] = []
    if target is not None:
        try:
            names = [k for k in inspect.signature(target).parameters if k != "self"]
        except (TypeError, ValueError):
            names = []
    return (names + [f"argument_{i}" for i in range(1, n + 1)])[:n] if len(names) <= n else names[:n]


def held_names(module: Module | None, held: list[Any]) -> list[str]:
    """How held tensors are called: by their place in the module, else `constant.<k>`."""
    known = {} if module is None else {id(t): n for n, t in (*module.named_parameters(), *module.named_buffers())}
    return [known.get(id(t), f"constant.{k}") for k, t in enumerate(held)]


def _lines(graphs: Graphs, module: Module | None, line: Callable[[str, str, list[str]], str], mark: str = "") -> tuple[list[str], list[str], list[str]]:
    from ..compiler.program import Ref
    from .family import Affine

    if not graphs.known:
        raise RuntimeError("there is no graph yet: call it once, or use jit.trace(f, example_inputs)")
    graph, held = graphs.known[0]
    arguments = _arguments(graphs, graph.program.inputs)
    names = ["self." + n for n in held_names(module, held)]

    def show(x: Any) -> str:
        if isinstance(x, Ref):
            return mark + _name_of(x.n, graph, names, arguments)
        if isinstance(x, Affine):
            return f"{x.a}*B" + (f"{x.b:+d}" if x.b else "") if x.a != 1 else "B" + (f"{x.b:+d}" if x.b else "")
        if isinstance(x, tuple):
            return "(" + ", ".join(map(show, x)) + ("," if len(x) == 1 else "") + ")"
        return repr(x) if not hasattr(x, "dtype") else str(x)

    made = []
    for s in graph.program.steps:
        outs = ", ".join(_name_of(n, graph, names, arguments) for n in s.outs)
        made.append(line(outs, s.op.name, [show(x) for x in (*s.operands, *s.params)]))
    return made, arguments, [_name_of(n, graph, names, arguments) for n in graph.program.outputs]


def code_of(graphs: Graphs, name: str, module: Module | None = None) -> str:
    """A captured graph as a function."""
    lines, arguments, outputs = _lines(graphs, module, lambda outs, op, given: f"  {outs} = ops.{op}({', '.join(given)})")
    head = ", ".join([*(["self"] if module is not None else []), *(f"{a}: Tensor" for a in arguments)])
    return "\n".join([f"def {name}({head}) -> Tensor:", *lines, f"  return {', '.join(outputs)}", ""])


def graph_of(graphs: Graphs, module: Module | None = None) -> str:
    """A captured graph, one op a line."""
    lines, arguments, outputs = _lines(graphs, module, lambda outs, op, given: f"  %{outs.replace(', ', ', %')} = {op}({', '.join(given)})", "%")
    return "\n".join([f"graph({', '.join('%' + a for a in arguments)}):", *lines, f"  return ({', '.join('%' + o for o in outputs)})", ""])
