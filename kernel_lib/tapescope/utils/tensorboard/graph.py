"""A model's forward pass as TensorFlow's GraphDef: what runs, in which module, and how it hangs together."""

from __future__ import annotations

from typing import Any

from ...core.grad_mode import no_grad
from ...core.state import set_sink
from ...core.tensor import Tensor
from ...formats import protobuf as pb
from .summary import shape


class Tracer:
    """A sink that only listens to a forward pass."""

    def __init__(self, model: Any) -> None:
        self.paths: dict[int, str] = {}
        self.nodes: list[tuple[str, str, list[str], Any]] = []         # name, op, inputs, shape
        self.names: dict[int, str] = {}                                # of tensors, by id()
        self.alive: list[Any] = []
        self.used: dict[str, int] = {}
        self.stack: list[str] = []
        self._scopes(model, type(model).__name__)

    def _scopes(self, module: Any, path: str) -> None:
        self.paths[id(module)] = path
        for name, child in module._modules.items():
            if child is not None and id(child) not in self.paths:
                self._scopes(child, f"{path}/{type(child).__name__}[{name}]")
        for name, p in [*module._parameters.items(), *module._buffers.items()]:
            if p is not None and id(p) not in self.names:
                self.add(f"{path}/{name}", "Parameter" if name in module._parameters else "Buffer", [], p)

    def add(self, name: str, op: str, inputs: list[str], t: Any) -> str:
        n = self.used.get(name, 0)
        self.used[name] = n + 1
        name = f"{name}_{n}" if n else name
        self.nodes.append((name, op, inputs, None if t is None else tuple(t.shape)))
        if t is not None:
            self.names[id(t)] = name
            self.alive.append(t)
        return name

    def module_enter(self, module: Any, args: Any, site: Any, t0: int) -> None:
        self.stack.append(self.paths.get(id(module), type(module).__name__))

    def module_exit(self, module: Any, output: Any, t1: int) -> None:
        self.stack.pop()

    def op(self, op: Any, inputs: Any, outputs: Any, node: Any, site: Any, t0: int, t1: int) -> None:
        where = self.stack[-1] + "/" if self.stack else ""
        for t in inputs:
            if isinstance(t, Tensor) and id(t) not in self.names:
                self.add(f"{where}constant", "Constant", [], t)
        come = [self.names[id(t)] for t in inputs if isinstance(t, Tensor)]
        made = self.add(where + op.name, op.name, come, outputs[0] if outputs else None)
        for t in outputs[1:]:
            self.names[id(t)] = made
            self.alive.append(t)

    def _nothing(self, *args: Any) -> None:
        """A forward pass has none of it."""

    backward_begin = backward_end = node = accumulate = update_begin = update_end = treated = log = _nothing


def tensors(x: Any) -> list[Tensor]:
    """The tensors within tuples, lists and dicts."""
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, dict):
        x = x.values()
    return [t for v in x for t in tensors(v)] if isinstance(x, (tuple, list)) or hasattr(x, "__iter__") and not isinstance(x, str) else []


def graph(model: Any, args: Any, verbose: bool = False) -> bytes:
    """Runs the model once in evaluation and gives its GraphDef."""
    args = args if isinstance(args, (tuple, list)) else (args,)
    tracer = Tracer(model)
    for i, t in enumerate(tensors(tuple(args))):
        tracer.add(f"input/input.{i + 1}" if i else "input/input", "IO Node", [], t)
    modes = [(m, m.training) for m in model.modules()]
    before = set_sink(tracer)
    try:
        model.eval()
        with no_grad():
            out = model(*args)
    finally:
        set_sink(before)
        for m, training in modes:
            m.training = training
    for i, t in enumerate(tensors(out)):
        come = tracer.names.get(id(t))
        tracer.nodes.append((f"output/output.{i + 1}", "IO Node", [come] if come else [], tuple(t.shape)))
    if verbose:
        for name, op, inputs, size in tracer.nodes:
            print(f"{name}: {op}({', '.join(inputs)}) -> {list(size or ())}")
    used = {i for _, _, inputs, _ in tracer.nodes for i in inputs}
    return b"".join(pb.chunk(1, _node(*n)) for n in tracer.nodes if n[0] in used or n[1] not in ("Parameter", "Buffer")) + pb.chunk(4, pb.integer(1, 22))


def _node(name: str, op: str, inputs: list[str], size: Any) -> bytes:
    attr = b""
    if size is not None:
        attr = pb.chunk(5, pb.chunk(1, "_output_shapes") + pb.chunk(2, pb.chunk(1, pb.chunk(7, shape(size)))))
    return pb.text(1, name) + pb.text(2, op) + b"".join(pb.chunk(3, i) for i in inputs) + attr
