"""The tables of one structure: ops, sources, module calls, grad_fn nodes, sites. Append-only, readable while they grow."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ..core.site import Site, resolve
from .frame import Column, Frame, ints, refs
from .strings import Strings

IN_PLACE, VIEW, NO_GRAD, RECOMPUTED = 1, 2, 4, 8
INPUT, PARAMETER, BUFFER, CONSTANT = range(4)

_ASSIGNED = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)")


class Counts(NamedTuple):
    """How long every table is; also a reader's cursor."""

    op: int = 0
    src: int = 0
    mod: int = 0
    node: int = 0
    site: int = 0
    op_in: int = 0
    node_next: int = 0
    closed: int = 0
    owner: int = 0


class Graph:
    """One structure. Rows are written by the recording thread only, and a row's references before the row."""

    def __init__(self, number: int, strings: Strings) -> None:
        self.number = number
        self.strings = strings
        self.first, self.last, self.count = -1, -1, 0          # steps in which it occurred
        # ops
        self.op_name: list[int] = []
        self.op_module: list[int] = []
        self.op_site: list[int] = []
        self.op_flags: list[int] = []
        self.op_shape: list[int] = []
        self.op_dtype: list[int] = []
        self.op_label: list[int] = []
        self.op_inputs: list[int] = []
        self.op_in: list[int] = []
        self.op_node: list[int] = []                           # the op's own grad_fn row
        self.op_size: list[int] = []                           # elements, of ops with one output
        # sources
        self.src_kind: list[int] = []
        self.src_name: list[int] = []
        self.src_shape: list[int] = []
        self.src_dtype: list[int] = []
        self.src_module: list[int] = []
        self.src_param: list[int] = []                         # number in the recording's list of parameters
        # module calls
        self.mod_parent: list[int] = []
        self.mod_path: list[int] = []
        self.mod_class: list[int] = []
        self.mod_call: list[int] = []
        self.mod_first: list[int] = []
        self.mod_last: list[int] = []
        self.closed: list[list[int]] = []
        self.calls: dict[int, int] = {}                        # path -> number of its newest call
        # grad_fn nodes
        self.node_name: list[int] = []
        self.node_op: list[int] = []
        self.node_src: list[int] = []
        self.node_nexts: list[int] = []
        self.node_next: list[int] = []
        # sites
        self.sites: list[Site] = []
        self.site_row: dict[Site, int] = {}
        self._site_text: list[tuple[int, int, int, int, int]] = []
        # how values are found again: what made the n-th tensor of the pass, >= 0 an op, < 0 source row -(k+1)
        self.owner: list[int] = []
        self.param_src: dict[int, int] = {}
        self.acc_node: dict[int, int] = {}                     # source row -> row of its AccumulateGrad

    def mark(self) -> Counts:
        """The lengths as the recording thread knows them."""
        return tuple.__new__(Counts, (len(self.op_inputs), len(self.src_module), len(self.mod_last), len(self.node_nexts), len(self.sites),
                                      len(self.op_in), len(self.node_next), len(self.closed), len(self.owner)))

    def counts(self) -> Counts:
        """The lengths as another thread may use them: an op that is being written does not count."""
        # ops and nodes are read first: what they refer to was written before them
        op, op_in, node, node_next, closed = (len(self.op_inputs), len(self.op_in), len(self.node_nexts), len(self.node_next),
                                              len(self.closed))
        if op:
            op_in = self._flat(self.op_inputs, op)
        node_next = self._flat(self.node_nexts, node)
        return Counts(op, len(self.src_module), len(self.mod_last), node, len(self.sites), op_in, node_next, closed, len(self.owner))

    @staticmethod
    def _flat(counts: list[int], n: int) -> int:
        return sum(counts[:n])

    def prefix(self, c: Counts, number: int) -> Graph:
        """A new structure that begins like this one."""
        g = Graph(number, self.strings)
        for table, n in (("op", c.op), ("src", c.src), ("mod", c.mod), ("node", c.node)):
            for name in vars(self):
                if name.startswith(table + "_") and name not in ("op_in", "node_next"):
                    setattr(g, name, getattr(self, name)[:n])
        g.op_in, g.node_next = self.op_in[:c.op_in], self.node_next[:c.node_next]
        g.closed = [list(pair) for pair in self.closed[:c.closed]]
        g.mod_last = [-1] * c.mod
        for row, last in g.closed:
            g.mod_last[row] = last
        g.calls = dict(zip(g.mod_path, g.mod_call, strict=True))
        g.sites = self.sites[:c.site]
        g.site_row = {s: i for i, s in enumerate(g.sites)}
        g._site_text = self._site_text[:c.site]
        g.owner = self.owner[:c.owner]
        g.param_src = {p: i for i, p in enumerate(g.src_param) if p >= 0}
        g.acc_node = {s: i for i, s in enumerate(g.node_src) if s >= 0}
        return g

    # -- writing ------------------------------------------------------------------------------------------------------

    def site(self, site: Site | None) -> int:
        if site is None or site[0] is None:
            return -1
        row = self.site_row.get(site)
        if row is None:
            self.sites.append(site)
            row = self.site_row[site] = len(self.sites) - 1
        return row

    def source(self, kind: int, name: str, shape: str, dtype: str, module: int, param: int = -1) -> int:
        add = self.strings.add
        row = len(self.src_kind)
        self.src_kind.append(kind)
        self.src_name.append(add(name))
        self.src_shape.append(add(shape))
        self.src_dtype.append(add(dtype))
        self.src_param.append(param)
        self.src_module.append(module)
        if param >= 0:
            self.param_src[param] = row
        return row

    def module(self, parent: int, path: str, cls: str) -> int:
        add = self.strings.add
        row, p = len(self.mod_parent), add(path)
        call = self.calls[p] = self.calls.get(p, -1) + 1
        self.mod_call.append(call)
        self.mod_parent.append(parent)
        self.mod_path.append(p)
        self.mod_class.append(add(cls))
        self.mod_first.append(len(self.op_name))
        self.mod_last.append(-1)
        return row

    def close(self, row: int) -> None:
        """Ends a module call with the newest op (first - 1 when it had none)."""
        last = len(self.op_name) - 1
        self.mod_last[row] = last
        self.closed.append([row, last])

    def node(self, name: str, op: int, src: int, nexts: list[int]) -> int:
        row = len(self.node_name)
        self.node_name.append(self.strings.add(name))
        self.node_op.append(op)
        self.node_src.append(src)
        self.node_next.extend(nexts)
        self.node_nexts.append(len(nexts))
        if src >= 0:
            self.acc_node[src] = row
        return row

    def op(self, name: str, module: int, site: int, flags: int, shape: str, dtype: str, label: str, inputs: list[int]) -> int:
        add = self.strings.add
        row = len(self.op_name)
        self.op_name.append(add(name))
        self.op_module.append(module)
        self.op_site.append(site)
        self.op_flags.append(flags)
        self.op_shape.append(add(shape))
        self.op_dtype.append(add(dtype))
        self.op_label.append(add(label))
        self.op_node.append(-1)
        self.op_in.extend(inputs)
        self.op_inputs.append(len(inputs))                 # last: counts() goes by it
        return row

    # -- reading ------------------------------------------------------------------------------------------------------

    def site_texts(self, a: int, z: int) -> list[tuple[int, int, int, int, int]]:
        """(file, line, text, function, cell) of sites a..z, resolved when first looked at."""
        known = self._site_text
        add = self.strings.add
        while len(known) < z:
            info = resolve(self.sites[len(known)])
            known.append((0, -1, 0, 0, 0) if info is None else
                         (add(info.file), info.line, add(info.text), add(info.function), add(info.cell)))
        return known[a:z]

    def where(self, op_row: int) -> tuple[str, int, str, str] | None:
        """(file, line, cell, text) of an op."""
        site = self.op_site[op_row] if 0 <= op_row < len(self.op_site) else -1
        if site < 0:
            return None
        file, line, text, _, cell = self.site_texts(site, site + 1)[0]
        s = self.strings.list
        return s[file], line, s[cell], s[text]

    def inputs_of(self, op_row: int) -> list[int]:
        """Entries of `op_in` of one op."""
        a = self._flat(self.op_inputs, op_row)
        return self.op_in[a:a + self.op_inputs[op_row]]

    def consumers(self) -> dict[int, list[int]]:
        """From an `op_in` entry (op row, or -(k+1) for a source) to the ops that read it."""
        found: dict[int, list[int]] = {}
        at = 0
        for row, n in enumerate(list(self.op_inputs)):
            for entry in self.op_in[at:at + n]:
                found.setdefault(entry, []).append(row)
            at += n
        return found

    def edges(self) -> list[list[int]]:
        """`node_next` per node."""
        found, at = [], 0
        for n in list(self.node_nexts):
            found.append(self.node_next[at:at + n])
            at += n
        return found

    def read(self, a: Counts, current: bool, budget: int, anyway: bool = False) -> tuple[Frame | None, Counts]:
        """Rows from `a` on that fit into `budget` bytes: side tables first, so that nothing refers to what is not there yet.

        None when there is nothing new, unless it is the `current` one, or `anyway`: for the steps that have come to it."""
        have = self.counts()
        left = max(budget, 4096)
        z = {}
        for name, size in (("site", 20), ("mod", 28), ("src", 17)):
            n = getattr(have, name) - getattr(a, name)
            z[name] = getattr(a, name) + min(n, left // size)
            left -= (z[name] - getattr(a, name)) * size
        whole = all(z[n] == getattr(have, n) for n in z)
        op, op_in = (self._take(self.op_inputs, a.op, have.op, a.op_in, left, 27) if whole else (a.op, a.op_in))
        left -= (op - a.op) * 27 + (op_in - a.op_in) * 4
        node, node_next = (self._take(self.node_nexts, a.node, have.node, a.node_next, left, 14) if op == have.op and whole
                           else (a.node, a.node_next))
        to = Counts(op, z["src"], z["mod"], node, z["site"], op_in, node_next, have.closed if whole else a.closed, 0)
        if to[:8] == a[:8] and not (current or anyway):
            return None, a
        meta = {"graph": self.number, "current": current,
                "start": {"op": a.op, "src": a.src, "mod": a.mod, "node": a.node, "site": a.site},
                "closed": [list(c) for c in self.closed[a.closed:to.closed]], "steps": [self.first, self.last, self.count]}
        return Frame("graph", meta, self._columns(a, to)), to

    @staticmethod
    def _take(counts: list[int], a: int, have: int, flat: int, budget: int, size: int) -> tuple[int, int]:
        row = a
        while row < have and budget > 0:
            budget -= size + 4 * counts[row]
            flat += counts[row]
            row += 1
        return row, flat

    def _columns(self, a: Counts, z: Counts) -> dict[str, Column]:
        columns: dict[str, Column] = {}
        if z.site > a.site:
            texts = self.site_texts(a.site, z.site)
            for i, name in enumerate(("file", "line", "text", "function", "cell")):
                column = [t[i] for t in texts]
                columns["site_" + name] = ints(column) if name == "line" else refs(column)
        if z.mod > a.mod:
            m = slice(a.mod, z.mod)
            columns |= {"mod_parent": ints(self.mod_parent[m]), "mod_path": refs(self.mod_path[m]), "mod_class": refs(self.mod_class[m]),
                        "mod_call": ints(self.mod_call[m]), "mod_first": ints(self.mod_first[m]), "mod_last": ints(self.mod_last[m])}
        if z.src > a.src:
            s = slice(a.src, z.src)
            columns |= {"src_kind": np.array(self.src_kind[s], np.uint8), "src_name": refs(self.src_name[s]),
                        "src_shape": refs(self.src_shape[s]), "src_dtype": refs(self.src_dtype[s]), "src_module": ints(self.src_module[s])}
        if z.op > a.op:
            o = slice(a.op, z.op)
            columns |= {"op_name": refs(self.op_name[o]), "op_module": ints(self.op_module[o]), "op_site": ints(self.op_site[o]),
                        "op_flags": np.array(self.op_flags[o], np.uint8), "op_shape": refs(self.op_shape[o]),
                        "op_dtype": refs(self.op_dtype[o]), "op_label": refs(self.op_label[o]),
                        "op_inputs": np.array(self.op_inputs[o], np.uint16), "op_in": ints(self.op_in[a.op_in:z.op_in])}
        if z.node > a.node:
            n = slice(a.node, z.node)
            columns |= {"node_name": refs(self.node_name[n]), "node_op": ints(self.node_op[n]), "node_src": ints(self.node_src[n]),
                        "node_nexts": np.array(self.node_nexts[n], np.uint16), "node_next": ints(self.node_next[a.node_next:z.node_next])}
        return columns

    def to_dict(self) -> dict[str, Any]:
        """All columns as one frame's; for tests and tools."""
        frame, _ = self.read(Counts(), True, 1 << 60)
        assert frame is not None
        return frame.columns


_dtypes: dict[Any, str] = {}


def dtype_text(dtype: Any) -> str:
    """'float32'; NumPy takes its time to say so."""
    text = _dtypes.get(dtype)
    if text is None:
        text = _dtypes[dtype] = str(dtype)
    return text


def shape_text(shape: Any) -> str:
    """'64x10'; '' for a 0-d value."""
    return "x".join(map(str, shape))
