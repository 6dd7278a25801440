"""A recording in a bounded number of bytes, as an exported page or a saved notebook replays it: frames of the wire, thinned by steps until they fit."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .. import project
from ..link.wire import encode, plain
from ..tape import Frame, Tape
from .read import gather, newest
from .rows import Rows, rounded

VERSION = 1
FRAME = 1 << 20                      # bytes of one frame of a page
PASSES = 512                         # steps whose clocks and gradients are looked at
COPIES = 48                          # copies of one tensor, and steps of one projection
HELD = 96 << 20                      # bytes of pictures, sounds and words that are held while a recording is read
SAID = 8                             # tensors of which the notes tell singly
KEYS, PROJECTED = 512, 48            # tensors whose copies are looked at, and of them those that are projected

# Kinds in the order in which they get their share, and how large it is beside those of the kinds behind them. What a kind leaves goes to the next.
SHARES = {"scalars": 20, "projection": 15, "media": 20, "tensor": 10, "gradients": 20, "clocks": 10, "stats": 25, "histograms": 25}
DERIVED = ("grad_norm/", "update_ratio/")          # series of single parameters: they come after what the user has logged
WORDS = {"scalars": "metrics", "norms": "gradient norms and update ratios of parameters", "projection": "projections", "media": "what was logged beside numbers", "tensor": "copied values", "gradients": "gradient norms of nodes", "clocks": "times of ops",
         "stats": "statistics", "histograms": "histograms"}
_PRECISION = {"op_us": 10, "node_us": 10, "norm": 12, "xyz": 12, "mean": 14, "std": 14, "min": 14, "max": 14, "nan": 14, "inf": 14, "zero": 14, "subnormal": 14,
              "values": 16, "value": 30, "time": 24}       # bits that are kept of a float; the rest would cost more than they tell


class Packed:
    """What is kept of a recording: `parts` are compressed frames of one kind (and key), `index` says what they are, what they mean and what was thinned."""

    def __init__(self, tape: Tape, max_bytes: int, kinds: Iterable[str] | None = None) -> None:
        wanted = set(SHARES if kinds is None else kinds) & set(SHARES)
        self.tape = tape
        self.strings: dict[int, int] = {0: 0}                # numbers in the tape -> numbers here: only what is referred to travels
        self.texts: list[str] = [""]
        self.parts: list[bytes] = []
        self.entries: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.keys: list[str] = []
        whole = [("graph", self._whole("graph")), ("kernels", list({f.meta["graph"]: f for f in self._whole("kernels")}.values()) or None), ("findings", newest(tape, "findings")), ("status", newest(tape, "status"))]
        for kind, found in whole:
            if found is not None:
                self._keep(kind, "", self._pack(found if isinstance(found, list) else [found]))
        room = self._room(max_bytes)
        if room < 4096:
            raise ValueError(f"max_bytes={max_bytes:,} is too little: the structure, findings and text of this recording take {max_bytes - room:,} bytes by themselves")
        shares = {**SHARES, "tensor": 80} if tape.values == "full" else SHARES         # every value was asked for
        order = [k for k in SHARES if k in wanted]
        for i, kind in enumerate(order):
            room = self._room(max_bytes)
            self._fill(kind, int(room * shares[kind] / sum(shares[k] for k in order[i:])))

    def _whole(self, kind: str) -> list[Frame]:
        found: list[Frame] = []
        cursor = None
        while True:
            frames, cursor = self.tape.frames(kind, cursor, max_bytes=4 << 20)
            if not frames:
                return found
            found.extend(frames)

    def _room(self, max_bytes: int) -> int:
        texts = sum(map(len, self.texts))
        return max_bytes - sum(map(len, self.parts)) - texts // 3 - 2048

    def _keep(self, kind: str, id: str, data: bytes) -> None:
        self.parts.append(data)
        self.entries.append({"kind": kind, "id": id})

    # -- what is thinned ----------------------------------------------------------------------------------------------------

    def _fill(self, kind: str, share: int) -> None:
        if kind in ("tensor", "projection"):
            return self._fill_copies(kind, share)
        if kind == "media":
            return self._fill_media(share)
        if kind in ("clocks", "gradients"):
            frames = gather(self.tape, kind, most=PASSES)
            self._fit(kind, "", partial(every, frames), max(self.tape.step_number, len(frames)), share)
            return
        rows = Rows(self.tape, kind)
        groups = rows.split(lambda tag: self.tape.strings[tag].startswith(DERIVED)) if kind == "scalars" else [rows]
        for i, (group, name) in enumerate(zip(groups, (kind, "norms"), strict=False)):
            if group.size:
                share -= self._fit(kind, "", partial(group.frames, nbytes=FRAME), group.steps, share // 2 if i < len(groups) - 1 else share, group.nbytes, name)
            if rows.stride > 1:
                self.notes.append(f"{WORDS[kind]}: a recording of this length is read at every {rows.stride}th step")

    def _fill_media(self, share: int) -> None:
        found = sorted(logged(self.tape).items(), key=lambda g: sum(f.nbytes for f in g[1]))         # what the small ones leave goes to the large
        for i, ((_, tag), frames) in enumerate(found):
            steps = sorted({int(f.meta["step"]) for f in frames})
            share -= self._fit("media", tag, partial(of_steps, frames, steps), len(steps), share // (len(found) - i))

    def _fill_copies(self, kind: str, share: int) -> None:
        known = copied(self.tape)
        keys = known[:KEYS if kind == "tensor" else PROJECTED]
        told = len(self.notes)
        for i, key in enumerate(keys):
            room = share // (len(keys) - i)
            frames = (project.frames(self.tape, key, None, COPIES, {})[0] if kind == "projection"
                      else gather(self.tape, kind, id=key, most=COPIES, max_bytes=min(max(room, 1024), 262_144)))     # of a value that has no room, its first rows
            used = self._fit(kind, key, partial(every, frames), len(frames), room)
            share -= used
            if used and kind == "projection" and any("pictures" in f.meta for f in frames):
                seen = project.frames(self.tape, f"pictures:{key}", None, COPIES)[0]
                share -= self._fit(kind, f"pictures:{key}", partial(every, seen), len(seen), room - used)
            if used and key not in self.keys:
                self.keys.append(key)
        if len(self.notes) - told > SAID:
            self.notes[told:] = [f"{WORDS[kind]}: fewer copies than were made of {len(self.notes) - told} of {len(keys)} tensors, or none"]
        if len(known) > len(keys):
            self.notes.append(f"{WORDS[kind]}: of {len(keys)} of {len(known)} tensors")

    def _fit(self, kind: str, id: str, make: Callable[[int], list[Frame]], steps: int, share: int, nbytes: int = 0, name: str = "") -> int:
        """Keeps as many steps as fit into `share` bytes; says so when these are not all. Gives back how many bytes they took."""
        words = WORDS[name or kind] + (f" of {id}" if id else "")
        stride, data = max(1, nbytes // max(8 * share, 1)), b""
        while True:
            frames = make(stride)
            if not frames:
                return 0
            data = self._pack(frames)
            if len(data) <= share:
                break
            if stride >= max(steps, 2) * 2:
                self.notes.append(f"{words}: left out, one step alone takes {len(data) // 1024:,} KB")
                return 0
            stride = min(max(stride + 1, -(-stride * len(data) * 21 // (share * 20 + 1))), max(steps, 2) * 2)
        self._keep(kind, id, data)
        if stride > 1:
            what = "the least and the greatest value" if kind == "scalars" else "one"
            self.notes.append(f"{words}: {what} of every {stride} {'copies' if id else 'steps'}, and the newest")
        return len(data)

    # -- bytes --------------------------------------------------------------------------------------------------------------

    def _pack(self, frames: list[Frame]) -> bytes:
        """Frames as one compressed part: the length of the headers, the headers as JSON, then the columns, the bytes of each sorted by significance."""
        headers, columns = [], []
        for f in frames:
            header, buffers, _ = encode(Frame(f.kind, f.meta, {name: self._column(name, c) for name, c in f.columns.items()}))
            headers.append({"kind": f.kind, "meta": header["meta"], "columns": header["columns"]})
            columns += [np.asarray(b).view(np.uint8).reshape(b.size, -1).T.tobytes() if b.size else b"" for b in buffers]
        text = json.dumps(headers, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return zlib.compress(b"".join([struct.pack("<I", len(text)), text, *columns]), 6)

    def _column(self, name: str, column: Any) -> Any:
        a = np.asarray(column)
        if a.dtype == np.uint32 and name != "count":
            distinct, back = np.unique(a, return_inverse=True)
            numbers = [self._string(int(s)) for s in distinct]
            return np.array(numbers, np.uint32)[back.reshape(a.shape)] if a.size else a
        return rounded(a, _PRECISION.get(name, 0))

    def _string(self, number: int) -> int:
        known = self.strings.get(number)
        if known is None:
            known = self.strings[number] = len(self.texts)
            self.texts.append(self.tape.strings[number])
        return known

    @property
    def index(self) -> dict[str, Any]:
        """What a page must know before it opens a part; JSON."""
        t = self.tape
        from .. import __version__

        return {"format": VERSION, "version": __version__, "notes": self.notes, "parts": self.entries, "strings": self.texts, "keys": self.keys,
                "recording": plain({"id": t.id, "name": t.name, "state": "stopped", "step": t.step_number, "began": t.began,
                                    "capabilities": {**t.capabilities, "can_step": False, "can_rewind": False, "can_edit_grad": False}})}

    def to_bytes(self) -> bytes:
        """Index and parts as one piece of memory: for a widget's state."""
        sizes = [len(p) for p in self.parts]
        head = zlib.compress(json.dumps({**self.index, "sizes": sizes}, ensure_ascii=False).encode("utf-8", "replace"))
        return b"".join([struct.pack("<I", len(head)), head, *self.parts])


def every(frames: list[Frame], k: int) -> list[Frame]:
    """Every k-th of them, the newest among them."""
    return frames[::-1][::k][::-1]


def of_steps(frames: list[Frame], steps: list[int], k: int) -> list[Frame]:
    """What was logged at every k-th of these steps, the newest among them: parts of one thing have one step and stay together."""
    kept = set(steps[::-1][::k])
    return [f for f in frames if int(f.meta["step"]) in kept]


def copied(tape: Tape) -> list[str]:
    """Keys of which values were copied; those that were asked for come before those that `values="full"` brought."""
    found = dict.fromkeys(str(k) for k in tape.status().get("probes", []))
    keys = list(dict.fromkeys([*tape.copied_keys(), *found]))
    order = {k: i for i, k in enumerate(keys)}
    return sorted(keys, key=lambda k: (k.startswith(("output/", "gradient/")) and (k not in found or tape.values == "full"), order[k]))


def logged(tape: Tape) -> dict[tuple[str, str], list[Frame]]:
    """What was logged beside numbers, by kind and tag; of more than can be held every second step goes, the newest stays."""
    found: dict[tuple[str, str], list[Frame]] = {}
    size, cursor = 0, None
    while True:
        frames, cursor = tape.frames("media", cursor, max_bytes=4 << 20)
        if not frames:
            return found
        for f in frames:
            found.setdefault((str(f.meta["kind"]), str(f.meta["tag"])), []).append(f)
            size += f.nbytes
        while size > HELD and any(len({f.meta["step"] for f in fs}) > 1 for fs in found.values()):
            found = {k: of_steps(fs, sorted({int(f.meta["step"]) for f in fs}), 2) for k, fs in found.items()}
            size = sum(f.nbytes for fs in found.values() for f in fs)
