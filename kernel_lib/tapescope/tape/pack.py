"""The parameters of one optimizer as one piece of memory: their moments cost a few NumPy calls, however many they are."""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

from ..core.sparse import dense
from .frame import Column
from .longs import Longs
from .names import Param
from .reduce import EXACT, Odd, Scratch, device_moments, finish, histogram, histograms, joined, module_of, sample, stride_of, tally

AFTER, GRAD, UPDATE = range(3)
SHORT = 8_192                      # longer segments are tallied one by one: each fits the cache, all of them do not
WAIT = 64                          # steps whose tallies wait to be made moments of together

RECOUNT = 10                       # zeros and subnormals are counted anew every tenth measure, and in the first ten

Done = tuple[list[int], list[float], "Column | None", Column]


class Pack:
    """Three rows of all parameters: weights after the step, gradients, and the update (before the step: the weights before).

    Short parameters come first and lie together, row after row; on a device all of them do. The longer ones are read where they are.
    """

    def __init__(self, tensors: list[Any], members: list[tuple[Param, Any]], optimizer: Any = None) -> None:
        self.of = [weakref.ref(t) for t in tensors]
        self.groups: tuple[Any, ...] | None = groups_of(optimizer)
        members = self._arranged(members)
        self.params = [p for p, _ in members]
        self.refs = [weakref.ref(t) for _, t in members]
        for p in self.params:
            p.packed = True
        self.big = [(p, weakref.ref(t)) for p, t in members if t._array.size > EXACT]
        self.shapes = [t._array.shape for _, t in members]
        sizes = [int(t._array.size) for _, t in members]
        self.n = n = len(members)
        self._reserve(members, sizes)
        self.all_keys = np.array([getattr(p, name) for name in ("key_weight", "key_grad", "key_update") for p in self.params], np.uint32)
        self.ratio_keys = [p.key_ratio for p in self.params]
        self.have: list[bool] = [False] * n
        self.all_have = False
        self.known_at = -2                                     # step whose weights the update row holds
        self.moved = False                                     # the update row holds an update
        self.grad_at = -1                                      # step whose gradients are held
        self.measures = 0
        self.counting = True                                   # whether the next measure counts zeros
        self.finite = True                                     # whether all that the newest measure has seen is, sums of squares included
        self.doubtful = np.zeros(0, np.intp)                   # segments whose spread is small beside their mean
        self.counts = np.zeros((2, 3 * n), np.float32)
        self.waiting: list[tuple[int, float, Column | None]] = []
        self.raws: list[tuple[Column, Odd | None]] = []

    def _arranged(self, members: list[tuple[Param, Any]]) -> list[tuple[Param, Any]]:
        """The parameters in the order in which they lie in memory."""
        self.xp = module_of(members[0][1]._array) if members else np
        self.limit = SHORT if self.xp is np else math.inf
        return sorted(members, key=lambda m: m[1]._array.size > self.limit)        # stable: short ones first, in their order

    def _reserve(self, members: list[tuple[Param, Any]], sizes: list[int]) -> None:
        """The memory for three rows of them."""
        n = self.n
        self.n_short = k = sum(s <= self.limit for s in sizes)
        held = [s if stride_of(s) == 1 else len(range(0, s, stride_of(s))) for s in sizes]
        self.strided = [stride_of(s) > 1 for s in sizes]
        self.short, self.starts, self.slices = self._block(held[:k])
        self.longs = Longs(sizes[k:])
        self.lengths = np.array([s.stop - s.start for s in self.slices], np.intp)
        # the columns of a tally: short ones of three rows, then long ones of three rows
        self.order = np.array([row * n + i for row in range(3) for i in range(k)] + [row * n + i for row in range(3) for i in range(k, n)], np.intp)
        self.sizes = np.tile(np.array(sizes, np.float64), 3)[self.order]
        self.held = np.tile(np.array(held, np.float64), 3)[self.order]
        self.held_short = self.held[:3 * k].astype(np.float32)
        self.scratch = Scratch(self.short.size if self.xp is np else 0)

    def _block(self, held: list[int]) -> tuple[Any, Column, list[slice]]:
        """Memory [3, sum], and its 3k segments when it is read as one line: where they begin, and as slices."""
        ends = np.cumsum(held, dtype=np.intp) if held else np.zeros(0, np.intp)
        total = int(ends[-1]) if held else 0
        starts = ends - np.array(held, np.intp)
        starts3 = np.concatenate([starts + row * total for row in range(3)]).astype(np.intp)
        return (self.xp.zeros((3, total), np.float32), starts3,
                [slice(int(a), int(a) + n) for a, n in zip(starts3, held * 3, strict=True)])

    def stale(self, optimizer: Any) -> bool:
        """Whether the optimizer now holds other tensors."""
        return groups_of(optimizer) != self.groups

    def fits(self, tensors: list[Any]) -> bool:
        """Whether these are the tensors it was made for, in the shapes they had."""
        return (len(tensors) == len(self.of) and all(r() is t for r, t in zip(self.of, tensors, strict=True))
                and [t._array.shape for r in self.refs if (t := r()) is not None] == self.shapes)

    def _gather(self, arrays: list[Any], row: int) -> None:
        # A gradient as it lies in memory, which need not be copied then; weights in one order, for their differences.
        if self.n_short:
            order = "K" if row == GRAD else "C"
            self._join([sample(a) if s else a.ravel(order) for a, s in zip(arrays, self.strided[:self.n_short], strict=False)], self.short[row])

    def _join(self, parts: list[Any], out: Any) -> None:
        if self.xp is np:
            np.concatenate(parts, out=out, casting="same_kind")
        else:
            out[...] = self.xp.concatenate([p.astype(np.float32, copy=False) for p in parts])

    # -- what a step does, in this order ----------------------------------------------------------------------------------

    def gradients(self, step: int, histograms: bool) -> list[float] | None:
        """After a backward: takes the gradients; their squared norms, None where they are on a device."""
        grads = [r()._grad for r in self.refs]                 # type: ignore[union-attr]
        self.grad_at = step
        self.all_have = True
        arrays = [dense(g._array) if g is not None else None for g in grads]
        if any(a is None for a in arrays):
            self.all_have = False
            self.have = [a is not None for a in arrays]
        k = self.n_short
        short = arrays[:k]
        if not self.all_have:
            short = [a if a is not None else self.xp.zeros(s, np.float32) for a, s in zip(short, self.shapes, strict=False)]
        self._gather(short, GRAD)
        if self.xp is not np:
            return None
        with np.errstate(all="ignore"):
            energies: list[float] = []
            if k:
                line = self.short[GRAD]
                squares = np.multiply(line, line, out=self.scratch.floats[:line.size])
                energies = np.add.reduceat(squares, self.starts[:k]).tolist()
            if k < self.n:
                energies += self.longs.gradients(arrays[k:], self.counting, histograms)
        return energies

    def _weights(self) -> list[Any]:
        return [r()._array for r in self.refs]                 # type: ignore[union-attr]

    def before(self, step: int, histograms: bool) -> None:
        """Before the optimizer's step: the weights, unless those after the step before are held."""
        if self.grad_at != step:
            self.gradients(step, histograms)
        if self.known_at != step - 1:
            self._start()

    def _start(self) -> None:
        weights = self._weights()
        self._gather(weights, UPDATE)
        self.longs.start(weights[self.n_short:])

    def after(self, step: int, histograms: bool) -> None:
        """After it: weights and update."""
        weights = self._weights()
        self._gather(weights, AFTER)
        with np.errstate(all="ignore"):
            if self.n_short:
                self.xp.subtract(self.short[AFTER], self.short[UPDATE], out=self.short[UPDATE])
            self.longs.after(weights[self.n_short:], self.counting, histograms)
        self.moved = True

    def by_hand(self, step: int, histograms: bool) -> None:
        """Without an optimizer: what a backward has left; the update is the change of the weights since the last time."""
        first = self.known_at < 0
        self.gradients(step, histograms)
        if first:
            self._start()
        self.after(step, histograms)
        self.moved = not first

    def commit(self, step: int, time: float) -> bool:
        """Tallies the step. True when many tallies wait."""
        self.waiting.append((step, time, self._keep()))
        measured = self._measure()
        self.raws.append(measured)
        raw = measured[0]
        self.finite = not self.n or bool(raw[1].max() < math.inf) if self.xp is np else not raw[:, 5:7].any()
        if self.n_short:
            self.short[UPDATE] = self.short[AFTER]             # what the next step starts from
        self.known_at = step
        return len(self.raws) >= WAIT

    def _keep(self) -> Column | None:
        """Which of the 3n rows there are; None for all: a parameter may have no gradient, the first update by hand is not known."""
        if self.all_have and self.moved:
            return None
        n = self.n
        return np.concatenate([np.ones(n, bool), np.ones(n, bool) if self.all_have else np.array(self.have), np.full(n, self.moved)])

    # -- moments -----------------------------------------------------------------------------------------------------------

    def _measure(self) -> tuple[Column, Odd | None]:
        """A tally of what is held."""
        k = 3 * self.n_short
        short, longs, count = self.short.reshape(-1), self.longs, self.counting
        self.measures += 1
        self.counting = self.measures < RECOUNT or self.measures % RECOUNT == 0
        if self.xp is not np:
            return device_moments(short, self.slices, self.sizes), None
        raw = np.empty((6, 3 * self.n), np.float32)
        odd = tally(short, self.starts, self.held_short, self.sizes, raw[:, :k], self.scratch, count, self.doubtful) if k else None
        if count:
            self.doubtful = np.array(list(odd or ()), np.intp)
        raw[:, k:] = longs.raw
        if longs.odd:
            odd = {**(odd or {}), **{k + i: row for i, row in longs.odd.items()}}
        self._counts(raw, count)
        return raw, odd

    def _counts(self, raw: Column, counted: bool) -> None:
        """Keeps the newest counts, or fills them in."""
        if counted:
            self.counts = raw[4:].copy()
        else:
            raw[4:] = self.counts

    def settle(self) -> list[Done]:
        """(steps, times, keep, moments [steps, 3n, 10]: weights, gradients, updates) of what waits; steps of one `keep` together."""
        n = len(self.raws)
        if not n:
            return []
        raws, waiting = self.raws[:n], self.waiting[:n]
        del self.raws[:n], self.waiting[:n]
        table = self._table(raws)
        found = np.empty_like(table)
        found[:, self.order] = table
        done: list[Done] = []
        at = 0
        while at < n:
            keep, run = waiting[at][2], at + 1
            while run < n and keep is None and waiting[run][2] is None:
                run += 1
            done.append(([w[0] for w in waiting[at:run]], [w[1] for w in waiting[at:run]], keep, found[at:run]))
            at = run
        return done

    def _table(self, raws: list[Any]) -> Column:
        """Moments [steps, 3n, 10] of what was measured, in the order of the columns of a tally."""
        if self.xp is not np:
            return np.stack([m for m, _ in raws])
        return finish(np.stack([m for m, _ in raws]), [odd for _, odd in raws], self.held, self.sizes).reshape(len(raws), 3 * self.n, 10)

    def histograms(self) -> tuple[Column, Column, Column, Column]:
        """Keys, first bins, lengths and counts of all rows."""
        short = self.short.reshape(-1)
        if self.xp is np and self.n_short:
            parts = histograms(short, self.starts, self.lengths, self.scratch)
        else:
            parts = joined([histogram(short[s]) for s in self.slices])
        if self.longs.n:
            more = joined(self.longs.histograms())
            parts = tuple([np.concatenate(pair) for pair in zip(parts, more, strict=True)])  # type: ignore[assignment]
        firsts, lengths, counts = parts
        keys, keep = self.all_keys[self.order], self._keep()
        if keep is not None:
            keep = keep[self.order]
            counts = counts[np.repeat(keep, lengths)]
            keys, firsts, lengths = keys[keep], firsts[keep], lengths[keep]
        return keys, firsts, lengths, counts


def groups_of(optimizer: Any) -> tuple[Any, ...]:
    """What tells, cheaply, that an optimizer's parameters are still the same."""
    if optimizer is None:
        return ()
    return tuple([(len(g["params"]), id(g["params"]), id(g["params"][0]) if g["params"] else 0) for g in optimizer.param_groups])
