"""Several processes that train one model: PyTorch's `torch.distributed`, over MPI (mpi4py) or over sockets of one machine or network."""

from __future__ import annotations

import enum
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .core import state
from .core.tensor import Tensor

MOST = 1 << 34                     # bytes of one message
_HEAD = struct.Struct("<IQ")


class ReduceOp(enum.Enum):
    """How values of all ranks become one."""

    SUM = "sum"
    AVG = "avg"
    PRODUCT = "prod"
    MIN = "min"
    MAX = "max"


_ACT: dict[str, Callable[..., Any]] = {"sum": np.add, "avg": np.add, "prod": np.multiply, "min": np.minimum, "max": np.maximum}


class DistError(RuntimeError):
    """Something is wrong with the group: a rank has gone, or ranks call different things."""


class _Sockets:
    """A star: rank 0 hears from everybody, puts parts together in the order of ranks, and answers. Messages are JSON and raw memory, never code."""

    name = "gloo"

    def __init__(self, address: str, port: int, rank: int, world: int, timeout: float) -> None:
        self.rank, self.world, self.calls = rank, world, 0
        self.peers: list[socket.socket | None] = [None] * world
        until = time.monotonic() + timeout
        if rank == 0:
            with socket.create_server((address, port), backlog=world) as server:
                for _ in range(world - 1):
                    server.settimeout(max(until - time.monotonic(), 0.01))
                    try:
                        peer, _ = server.accept()
                    except TimeoutError:
                        there = 1 + sum(p is not None for p in self.peers)
                        raise DistError(f"{there} of {world} ranks came within {timeout:.0f} s to {address}:{port}") from None
                    peer.settimeout(timeout)
                    who = _receive(peer, "a rank that has just come")[0]
                    r = who.get("rank")
                    if who.get("world") != world or not isinstance(r, int) or not 0 < r < world or self.peers[r] is not None:
                        raise DistError(f"somebody came as rank {r} of {who.get('world')}, into a group of {world}")
                    self.peers[r] = peer
        else:
            while True:
                try:
                    peer = socket.create_connection((address, port), timeout=max(until - time.monotonic(), 0.01))
                    break
                except OSError as e:
                    if time.monotonic() > until:
                        raise DistError(f"rank 0 did not answer at {address}:{port} within {timeout:.0f} s: {e}") from None
                    time.sleep(0.05)
            peer.settimeout(timeout)
            _send(peer, {"rank": rank, "world": world}, b"")
            self.peers[0] = peer
        for p in self.peers:
            if p is not None:
                p.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def gather(self, what: str, array: Any) -> list[Any]:
        """The arrays of all ranks, in their order, at every rank. Raises DistError when ranks call different things."""
        self.calls += 1
        head = {"what": what, "call": self.calls, "dtype": array.dtype.str, "shape": list(array.shape)}
        if self.rank:
            peer = self.peers[0]
            assert peer is not None
            _send(peer, head, array.tobytes())
            told, data = _receive(peer, "rank 0")
            if "error" in told:
                raise DistError(str(told["error"]))
            found, at = [], 0
            for shape, dtype in told["parts"]:
                kind = np.dtype(dtype)
                size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
                found.append(np.frombuffer(data[at:at + size], kind).reshape(shape))
                at += size
            return found
        parts, error = [array], ""
        for r in range(1, self.world):
            peer = self.peers[r]
            assert peer is not None
            told, data = _receive(peer, f"rank {r}")
            if (told["what"], told["call"]) != (what, self.calls) or (what.startswith(("all_reduce", "broadcast")) and (told["dtype"], told["shape"]) != (head["dtype"], head["shape"])):
                error = f"rank 0 calls {what} of {head['dtype']}{head['shape']} (call {self.calls}), rank {r} {told['what']} of {told['dtype']}{told['shape']} (call {told['call']})"
            parts.append(np.frombuffer(data, np.dtype(told["dtype"])).reshape(told["shape"]))
        body = b"" if error else b"".join(p.tobytes() for p in parts)
        for peer in self.peers[1:]:
            assert peer is not None
            _send(peer, {"error": error} if error else {"parts": [[list(p.shape), p.dtype.str] for p in parts]}, body)
        if error:
            raise DistError(error)
        return parts

    def close(self) -> None:
        for p in self.peers:
            if p is not None:
                p.close()
        self.peers = [None] * self.world


def _send(peer: socket.socket, head: dict[str, Any], data: bytes) -> None:
    text = json.dumps(head).encode()
    try:
        peer.sendall(_HEAD.pack(len(text), len(data)) + text + data)
    except OSError as e:
        raise DistError(f"another rank has gone: {e}") from None


def _receive(peer: socket.socket, who: str) -> tuple[dict[str, Any], bytes]:
    size, length = _HEAD.unpack(_exactly(peer, _HEAD.size, who))
    if size > 1 << 20 or length > MOST:
        raise DistError(f"{who} sent what no rank sends")
    return dict(json.loads(_exactly(peer, size, who))), _exactly(peer, length, who)


def _exactly(peer: socket.socket, n: int, who: str) -> bytes:
    data = bytearray(n)
    view = memoryview(data)
    while view:
        try:
            k = peer.recv_into(view)
        except TimeoutError:
            raise DistError(f"{who} did not answer in time") from None
        except OSError as e:
            raise DistError(f"{who} has gone: {e}") from None
        if not k:
            raise DistError(f"{who} has gone")
        view = view[k:]
    return bytes(data)


class _Mpi:
    """MPI's world."""

    name = "mpi"

    def __init__(self) -> None:
        try:
            from mpi4py import MPI
        except ImportError:
            raise ImportError("the backend 'mpi' needs mpi4py and an MPI: pip install 'tapescope[mpi]'") from None
        self.comm = MPI.COMM_WORLD
        self.rank, self.world = self.comm.Get_rank(), self.comm.Get_size()

    def gather(self, what: str, array: Any) -> list[Any]:
        heads = [json.loads(h) for h in self.comm.allgather(json.dumps([what, array.dtype.str, list(array.shape)]))]
        if len({h[0] for h in heads}) > 1 or (what.startswith(("all_reduce", "broadcast")) and len({json.dumps(h) for h in heads}) > 1):
            raise DistError("ranks call different things: " + ", ".join(f"rank {r} {h[0]} of {h[1]}{h[2]}" for r, h in enumerate(heads)))
        sizes = [int(np.prod(h[2], dtype=np.int64)) * np.dtype(h[1]).itemsize for h in heads]
        whole = np.empty(sum(sizes), np.uint8)
        self.comm.Allgatherv(np.frombuffer(array.tobytes(), np.uint8), [whole, sizes])
        ends = np.cumsum(sizes).tolist()
        return [whole[z - n:z].view(np.dtype(h[1])).reshape(h[2]) for z, n, h in zip(ends, sizes, heads, strict=True)]

    def close(self) -> None:
        pass


_group: Any = None


def is_available() -> bool:
    """True: sockets are everywhere."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` has been called in this process."""
    return _group is not None


def is_mpi_available() -> bool:
    """Whether mpi4py is installed."""
    import importlib.util

    return importlib.util.find_spec("mpi4py") is not None


def is_gloo_available() -> bool:
    """True: the sockets stand in for gloo."""
    return True


def is_nccl_available() -> bool:
    """False: there is no NCCL here."""
    return False


def init_process_group(backend: str | None = None, init_method: str | None = None, timeout: Any = 1800.0, world_size: int = -1, rank: int = -1) -> None:
    """Joins this process to its group. Every process calls it, and waits until all are there.

    `backend` is "mpi" (ranks come from mpirun) or "gloo" (sockets; the default). With `init_method` "env://" (the default) MASTER_ADDR, MASTER_PORT, RANK and WORLD_SIZE
    say where rank 0 listens and who this is; "tcp://host:port" needs `rank` and `world_size`. Raises ValueError for what is missing or unknown, DistError when
    others do not come within `timeout` seconds.
    """
    global _group
    if _group is not None:
        raise ValueError("trying to initialize the default process group twice!")
    seconds = timeout.total_seconds() if hasattr(timeout, "total_seconds") else float(timeout)
    backend = (backend or "gloo").lower()
    if backend == "mpi":
        _group = _Mpi()
    elif backend == "gloo":
        address, port, rank, world_size = _rendezvous(init_method or "env://", rank, world_size)
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} is none of a group of {world_size}")
        _group = _Sockets(address, port, rank, world_size, seconds)
    else:
        raise ValueError(f"there are the backends 'gloo' and 'mpi', not {backend!r}")
    state.process.rank, state.process.world = _group.rank, _group.world


def _rendezvous(method: str, rank: int, world: int) -> tuple[str, int, int, int]:
    if method == "env://":
        def env(name: str) -> str:
            if name not in os.environ:
                raise ValueError(f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, but not set")
            return os.environ[name]

        return env("MASTER_ADDR"), int(env("MASTER_PORT")), int(env("RANK")) if rank < 0 else rank, int(env("WORLD_SIZE")) if world < 0 else world
    if method.startswith("tcp://"):
        host, _, port = method[6:].rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"{method!r} is no tcp://host:port")
        if rank < 0 or world < 1:
            raise ValueError("tcp:// needs rank and world_size")
        return host, int(port), rank, world
    raise ValueError(f"No rendezvous handler for {method.partition('://')[0]}://: there are env:// and tcp://host:port")


def destroy_process_group() -> None:
    """Leaves the group."""
    global _group
    if _group is not None:
        _group.close()
    _group = None
    state.process.rank, state.process.world = None, 1


def _need() -> Any:
    if _group is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _group


def get_rank() -> int:
    """The number of this process in its group; -1 outside."""
    return -1 if _group is None else int(_group.rank)


def get_world_size() -> int:
    """How many processes there are; -1 outside of a group."""
    return -1 if _group is None else int(_group.world)


def get_backend() -> str:
    """"mpi" or "gloo"."""
    return str(_need().name)


class Work:
    """What an `async_op` gives: here it is done."""

    def wait(self, timeout: Any = None) -> bool:
        return True

    def is_completed(self) -> bool:
        return True


def _done(async_op: bool) -> Work | None:
    return Work() if async_op else None


def _host(t: Tensor) -> Any:
    a = t._array
    return np.ascontiguousarray(a.get() if hasattr(a, "get") else a)


def _put(t: Tensor, value: Any) -> None:
    """Writes values into a tensor's memory, as an in-place change that autograd does not see."""
    a = t._array
    a[...] = value if isinstance(a, np.ndarray) else _like(value)
    t.bump()


def _like(value: Any) -> Any:
    import cupy

    return cupy.asarray(value)


def _reduced(what: str, t: Tensor, op: ReduceOp) -> Any:
    g = _need()
    parts = g.gather(f"{what}:{op.value}", _host(t))
    total = parts[0].copy()
    for part in parts[1:]:                                     # in the order of ranks, so that every rank has the same bits
        total = _ACT[op.value](total, part)
    if op is ReduceOp.AVG:
        total = total / g.world if total.dtype.kind in "fc" else total // g.world
    return total


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Replaces a tensor at every rank by the sum (or `op`) over all ranks. Raises DistError when ranks do not agree in what they call."""
    _put(tensor, _reduced("all_reduce", tensor, op))
    return _done(async_op)


def reduce(tensor: Tensor, dst: int, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """As all_reduce, at the rank `dst` alone."""
    total = _reduced("all_reduce", tensor, op)
    if get_rank() == dst:
        _put(tensor, total)
    return _done(async_op)


def broadcast(tensor: Tensor, src: int = 0, group: Any = None, async_op: bool = False) -> Work | None:
    """Replaces a tensor at every rank by that of the rank `src`."""
    _put(tensor, _need().gather(f"broadcast:{src}", _host(tensor))[src])
    return _done(async_op)


def all_gather(tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False) -> Work | None:
    """Writes every rank's tensor into the list, at every rank."""
    parts = _need().gather("all_gather", _host(tensor))
    if len(tensor_list) != len(parts):
        raise ValueError(f"all_gather needs a list of {len(parts)} tensors, not {len(tensor_list)}")
    for t, part in zip(tensor_list, parts, strict=True):
        _put(t, part)
    return _done(async_op)


def gather(tensor: Tensor, gather_list: list[Tensor] | None = None, dst: int = 0, group: Any = None, async_op: bool = False) -> Work | None:
    """Writes every rank's tensor into the list, at the rank `dst` alone."""
    parts = _need().gather("gather", _host(tensor))
    if get_rank() == dst:
        for t, part in zip(gather_list or [], parts, strict=True):
            _put(t, part)
    return _done(async_op)


def scatter(tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int = 0, group: Any = None, async_op: bool = False) -> Work | None:
    """Gives every rank its tensor of the list that the rank `src` has."""
    g = _need()
    mine = np.stack([_host(t) for t in scatter_list]) if g.rank == src and scatter_list is not None else np.zeros(0, _host(tensor).dtype)
    _put(tensor, g.gather("scatter", mine)[src][g.rank])
    return _done(async_op)


def barrier(group: Any = None, async_op: bool = False) -> Work | None:
    """Waits until every rank is here."""
    _need().gather("barrier", np.zeros(0, np.uint8))
    return _done(async_op)
