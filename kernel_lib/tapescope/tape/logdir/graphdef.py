"""TensorFlow's GraphDef as a structure: names are paths, and what lies under one path is a module."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from ...formats import protobuf as pb
from ..graph import BUFFER, CONSTANT, INPUT, PARAMETER, Graph
from ..strings import Strings

_SOURCES = {"Placeholder": INPUT, "IO Node": INPUT, "_Arg": INPUT, "Const": CONSTANT, "Constant": CONSTANT, "prim::Constant": CONSTANT, "Parameter": PARAMETER,
            "Variable": PARAMETER, "VariableV2": PARAMETER, "VarHandleOp": PARAMETER, "ReadVariableOp": PARAMETER, "prim::GetAttr": PARAMETER, "Buffer": BUFFER}
_DTYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 6: "int8", 9: "int64", 10: "bool", 14: "bfloat16", 19: "float16", 7: "string"}
MOST = 200_000                   # nodes of a graph that are read


class _Node:
    __slots__ = ("dtype", "inputs", "name", "op", "shape")

    def __init__(self, message: Any) -> None:
        self.name = self.op = self.shape = self.dtype = ""
        self.inputs: list[str] = []
        for n, _, v in pb.fields(message):
            if n == 1:
                self.name = _text(v)
            elif n == 2:
                self.op = _text(v)
            elif n == 3:
                name = _text(v)
                if not name.startswith("^"):                   # an order, not a value
                    self.inputs.append(name.partition(":")[0])
            elif n == 5:
                self._attribute({m: x for m, _, x in pb.fields(v)})

    def _attribute(self, entry: dict[int, Any]) -> None:
        name = _text(entry.get(1, b""))
        if name in ("T", "dtype"):
            self.dtype = next((_DTYPES.get(v, "") for n, w, v in pb.fields(entry.get(2, b"")) if n == 6 and w == pb.VARINT), "")
        elif name in ("_output_shapes", "shape"):
            for n, _, v in pb.fields(entry.get(2, b"")):
                shapes = [v] if n == 7 else [x for m, _, x in pb.fields(v) if m == 7] if n == 1 else []
                if shapes:
                    sizes = [pb.signed(next((x for m, _, x in pb.fields(d) if m == 1), 0)) for k, _, d in pb.fields(shapes[0]) if k == 2]
                    self.shape = "x".join(str(s) if s >= 0 else "?" for s in sizes)
                    return


def _text(v: Any) -> str:
    return bytes(v).decode("utf-8", "replace")


def graph_of(data: bytes, number: int, strings: Strings) -> Graph:
    """The graph of a GraphDef. Ops come in an order in which values are made before they are used; where a loop forbids one, its way back is left out."""
    nodes: dict[str, _Node] = {}
    for n, _, v in pb.fields(data):
        if n == 1 and len(nodes) < MOST:
            node = _Node(v)
            nodes.setdefault(node.name, node)
    g = Graph(number, strings)
    known: dict[str, int] = {}                                 # op row, or -(source + 1)
    ops: dict[str, _Node] = {}
    for name, node in nodes.items():
        kind = _SOURCES.get(node.op)
        if kind is not None and not (node.op == "ReadVariableOp" and node.inputs) and not (node.op == "IO Node" and node.inputs):
            known[name] = -(g.source(kind, name, node.shape, node.dtype, -1) + 1)
        else:
            ops[name] = node
    stack: list[tuple[str, int]] = []                          # scopes that are open, and their rows
    for name in _order(ops):
        node = ops[name]
        scope = name.split("/")[:-1]
        paths = [".".join(scope[:i + 1]) for i in range(len(scope))]
        common = 0
        while common < min(len(stack), len(paths)) and stack[common][0] == paths[common]:
            common += 1
        while len(stack) > common:
            g.close(stack.pop()[1])
        for i in range(common, len(paths)):
            stack.append((paths[i], g.module(stack[-1][1] if stack else -1, paths[i], _class(scope[i]))))
        inputs = [known[i] for i in node.inputs if i in known]
        known[name] = len(g.op_name)
        g.op(node.op or name.rpartition("/")[2], stack[-1][1] if stack else -1, -1, 0, node.shape, node.dtype, name.rpartition("/")[2], inputs)
    while stack:
        g.close(stack.pop()[1])
    g.first, g.last, g.count = 0, 0, 1
    return g


def _class(name: str) -> str:
    """`Linear` of "Linear[fc1]", as PyTorch names its scopes."""
    return name.partition("[")[0] or name


def _order(ops: dict[str, _Node]) -> list[str]:
    """Every op behind those it reads, and near to others of its scope where that is possible."""
    waiting = {name: len({i for i in node.inputs if i in ops}) for name, node in ops.items()}
    readers: dict[str, list[str]] = {}
    for name, node in ops.items():
        for read in set(node.inputs):
            if read in ops:
                readers.setdefault(read, []).append(name)
    place = {name: i for i, name in enumerate(ops)}
    ready: dict[str, list[int]] = {}
    names = list(ops)

    def offer(name: str) -> None:
        heapq.heappush(ready.setdefault(name.rpartition("/")[0], []), place[name])

    for name, left in waiting.items():
        if not left:
            offer(name)
    done: list[str] = []
    seen = np.zeros(len(names), bool)
    scope = ""
    later = iter(names)
    while len(done) < len(names):
        if not ready:                                          # a loop: its first op comes without what it waits for
            offer(next(name for name in later if not seen[place[name]]))
        if scope not in ready:
            scope = min(ready, key=lambda s: ready[s][0])
        heap = ready[scope]
        i = heapq.heappop(heap)
        if not heap:
            del ready[scope]
        if seen[i]:
            continue
        seen[i] = True
        done.append(names[i])
        for reader in readers.get(names[i], ()):
            waiting[reader] -= 1
            if not waiting[reader] and not seen[place[reader]]:
                offer(reader)
    return done
