"""Random numbers: PyTorch's CPU generator, MT19937, so that a seeded program prints what PyTorch prints."""

from __future__ import annotations

import math
import secrets
import threading
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Generator:
    """A stream of random numbers; `manual_seed(n)` starts it where PyTorch's starts."""

    def __init__(self, device: Any = "cpu") -> None:
        from .device import device as make

        self.device = make(device)
        self._lock = threading.Lock()
        self.manual_seed(67280421310721)                   # PyTorch's default seed

    def manual_seed(self, seed: int) -> Generator:
        self._seed = int(seed)
        self._state = np.random.RandomState(self._seed & 0xFFFFFFFF)
        self._bits: Any = self._state._bit_generator
        self._next_normal: float | None = None
        return self

    def seed(self) -> int:
        self.manual_seed(secrets.randbits(63))
        return self._seed

    def initial_seed(self) -> int:
        return self._seed

    def get_state(self) -> Any:
        from .tensor import wrap

        state = self._bits.state["state"]
        parts = [np.asarray([self._seed & 0xFFFFFFFFFFFFFFFF], "u8").view("u1"), state["key"].astype("u4").view("u1"),
                 np.asarray([state["pos"]], "i4").view("u1"),
                 np.asarray([math.nan if self._next_normal is None else self._next_normal]).view("u1")]
        return wrap(np.concatenate(parts))

    def set_state(self, state: Any) -> Generator:
        raw = state._array.tobytes()
        if len(raw) != 8 + 624 * 4 + 4 + 8:
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {8 + 624 * 4 + 12} but found the input RNG state size to be {len(raw)}")
        self._seed = int(np.frombuffer(raw[:8], "u8")[0])
        bits = self._bits.state
        bits["state"] = {"key": np.frombuffer(raw[8:2504], "u4").copy(), "pos": int(np.frombuffer(raw[2504:2508], "i4")[0])}
        self._bits.state = bits
        kept = float(np.frombuffer(raw[2508:], "f8")[0])
        self._next_normal = None if math.isnan(kept) else kept
        return self

    def chance(self, n: int, p: float) -> Array:
        """n times whether a uniform number of 53 bits lies below p: two words each, of which the second decides only where the first is undecided."""
        with self._lock:
            w = self._state.randint(0, 1 << 32, 2 * n, dtype=np.uint32)
        high, low = divmod(math.ceil(p * 2.0**53), 1 << 32)
        first = w[0::2] & np.uint32((1 << 21) - 1)
        found = first < np.uint32(high)
        close = np.flatnonzero(first == np.uint32(high))
        if close.size:
            found[close] = w[1::2][close] < low
        return found

    # -- draws, in PyTorch's order -----------------------------------------------------------------------------------

    def words(self, n: int) -> Array:
        """n raw 32-bit draws, as uint64."""
        with self._lock:
            return self._bits.random_raw(n) if n else np.empty(0, "u8")

    def words64(self, n: int) -> Array:
        """n 64-bit draws; each takes two words, the first one high."""
        w = self.words(2 * n)
        return (w[0::2] << np.uint64(32)) | w[1::2]

    def uniform(self, n: int, dtype: Any) -> Array:
        """n numbers in [0, 1): 24 bits each for float32 and what is made of it, 53 for float64."""
        if np.dtype(dtype) == np.float64:
            return (self.words64(n) & np.uint64((1 << 53) - 1)).astype(np.float64) * 2.0**-53
        u = (self.words(n) & np.uint64((1 << 24) - 1)).astype(np.float32) * np.float32(2.0**-24)
        if np.dtype(dtype).itemsize == 2:
            u = u.astype(dtype)
            u[u == 1] = 0                                    # what was rounded up to the end is the beginning
        return u

    def normal(self, n: int, dtype: Any) -> Array:
        """n standard normal numbers: Box-Muller in blocks of 16, or one by one below 16."""
        kind = np.dtype(dtype) if np.dtype(dtype) == np.float64 else np.dtype(np.float32)
        if n < 16:
            return np.array([self._one_normal() for _ in range(n)], kind)
        tail = n % 16
        u = self.uniform(n - tail if np.dtype(dtype).itemsize == 2 else n, kind)     # what the tail replaces is drawn for wide numbers only
        if tail:                                            # the last 16 are drawn afresh, over what was there
            last = self.uniform(16, kind)
        body = _box_muller(u[:n - tail].reshape(-1, 16)).reshape(-1)
        if not tail:
            return body
        out = np.empty(n, kind)
        out[:n - tail] = body
        out[n - 16:] = _box_muller(last.reshape(1, 16)).reshape(-1)
        return out

    def one_by_one(self, n: int) -> Array:
        """n standard normal numbers in double precision, two from each pair of draws, as where a tensor asks for one at a time."""
        first = [] if self._next_normal is None or not n else [self._one_normal()]
        u1, u2 = self.uniform((n - len(first) + 1) // 2 * 2, np.float64).reshape(-1, 2).T
        radius, angle = np.sqrt(-2.0 * np.log1p(-u2)), 2.0 * np.pi * u1
        drawn = np.concatenate((first, np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1).reshape(-1)))
        if len(drawn) > n:
            self._next_normal = float(drawn[-1])
        return drawn[:n]

    def _one_normal(self) -> float:
        if self._next_normal is not None:
            value, self._next_normal = self._next_normal, None
            return value
        u1, u2 = self.uniform(2, np.float64).tolist()
        radius = math.sqrt(-2.0 * math.log1p(-u2))
        self._next_normal = radius * math.sin(2.0 * math.pi * u1)
        return radius * math.cos(2.0 * math.pi * u1)

    def integers(self, low: int, high: int, n: int) -> Array:
        """n integers in [low, high)."""
        span = high - low
        w = self.words64(n) if span >= 1 << 32 else self.words(n)
        return (w % np.uint64(span)).astype(np.int64) + low

    def permutation(self, n: int) -> Array:
        """A random order of 0 .. n-1."""
        order = list(range(n))
        if n < 2:
            return np.asarray(order, np.int64)
        draws = self.words(n - 1) % np.arange(n, 1, -1, dtype=np.uint64)
        if n >= 20000:
            return _exchanged(draws.astype(np.int64))
        for i, z in enumerate(draws.tolist()):
            order[i], order[i + z] = order[i + z], order[i]
        return np.asarray(order, np.int64)


def _exchanged(draws: Array) -> Array:
    """0 .. n-1 after i has been exchanged with i + draws[i], one after the other, without doing it one after the other.

    What i gets at last is what stood at its partner before: the partner itself, unless an earlier exchange had that partner, too; then what stood at the place
    of that one when its turn came, which is found by going back from exchange to exchange, all at once.
    """
    n = len(draws) + 1
    partner = np.append(np.arange(n - 1) + draws, n - 1)
    order = np.argsort((partner & 0xFFFF).astype(np.uint16), kind="stable")      # two sorts by 16 bits, which NumPy does by counting
    order = order[np.argsort((partner >> 16)[order].astype(np.uint16 if n <= 1 << 32 else np.int64), kind="stable")]
    ranked = partner[order]
    same = ranked[1:] == ranked[:-1]
    before = np.full(n, -1)                                 # the exchange before this one with the same partner
    before[order[1:][same]] = order[:-1][same]
    last = order[np.append(~same, True)]
    at = partner[last]
    root = np.arange(n)                                     # what stands at i when its turn comes: what the last exchange with it brought
    came = np.where(last == at, before[last], last)
    root[at[came >= 0]] = came[came >= 0]
    while True:
        further = root[root]
        if (further == root).all():
            break
        root = further
    return np.where(before >= 0, root[before], partner)


def _box_muller(u: Array) -> Array:
    u1 = u.dtype.type(1) - u[:, :8]
    radius = np.sqrt(u.dtype.type(-2) * np.log(u1))
    theta = u.dtype.type(2.0 * math.pi) * u[:, 8:]
    return np.concatenate([radius * np.cos(theta), radius * np.sin(theta)], 1)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seeds the default generator (and CuPy's, when it is in use)."""
    import sys

    cupy = sys.modules.get("cupy")
    if cupy is not None:
        cupy.random.seed(seed & 0xFFFFFFFF)
    return default_generator.manual_seed(seed)


def seed() -> int:
    return default_generator.seed()


def initial_seed() -> int:
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator, as a tensor of bytes that `set_rng_state` takes."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Puts the default generator back where it was."""
    default_generator.set_state(new_state)
