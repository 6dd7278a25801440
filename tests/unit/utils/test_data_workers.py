"""DataLoader's processes: what they hand over, how they fail, and that none outlives its loop."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.core.state import mode, set_sink
from tapescope.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info, random_split

pytestmark = [pytest.mark.filterwarnings("ignore:This DataLoader will create"), pytest.mark.skipif(sys.platform == "win32", reason="forks")]


class Calls(Dataset[Any]):
    """Item i is what a function says."""

    def __init__(self, call: Callable[[int], Any], n: int = 6) -> None:
        self.call, self.n = call, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        return self.call(i)


def pid(_: int) -> int:
    return os.getpid()


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def quick(seconds: float) -> Any:
    @contextlib.contextmanager
    def measured() -> Iterator[None]:
        start = time.monotonic()
        yield
        assert time.monotonic() - start < seconds
    return measured()


def test_every_batch_is_made_elsewhere_and_in_order() -> None:
    seen = [b.tolist() for b in DataLoader(Calls(lambda i: (i, os.getpid()), 9), 2, num_workers=2, collate_fn=ts.tensor)]
    assert [i for b in seen for i, _ in b] == list(range(9))
    pids = {p for b in seen for _, p in b}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert not any(alive(p) for p in pids)


def test_large_batches_come_through_shared_memory() -> None:
    before = len(os.listdir("/proc/self/fd"))
    loader = DataLoader(Calls(lambda i: (ts.full((300, 1000), float(i)), np.arange(5) + i, "x", ts.tensor(i))), 2, num_workers=2)
    for k, (big, small, text, scalar) in enumerate(loader):
        assert big.shape == (2, 300, 1000)
        assert big[1, 0, 0].item() == 2 * k + 1
        big += 1                                           # the memory is ours to write
        big.mul_(2)
        assert small.tolist()[1] == [2 * k + 1 + j for j in range(5)]
        assert list(text) == ["x", "x"]
        assert scalar.tolist() == [2 * k, 2 * k + 1]
    del big, small, loader
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_batch_outlives_its_loader() -> None:
    batches = list(DataLoader(Calls(lambda i: ts.full((400, 400), float(i))), 1, num_workers=2))
    gc.collect()
    assert [b[0, 3, 3].item() for b in batches] == [0, 1, 2, 3, 4, 5]


def test_transposed_and_empty_arrays() -> None:
    def sample(i: int) -> Any:
        return {"t": ts.arange(6).reshape(2, 3).t(), "e": ts.zeros(0, 3), "b": ts.tensor([True, False]), "n": None, "h": ts.tensor(1.5, dtype=ts.float16)}
    got = next(iter(DataLoader(Calls(sample), None, num_workers=1)))
    assert got["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert got["e"].shape == (0, 3)
    assert got["b"].dtype is ts.bool
    assert got["n"] is None
    assert got["h"].item() == 1.5
    assert got["h"].ndim == 0


def test_indices_larger_than_a_pipe() -> None:
    """Neither side waits for the other: long lists of indices on their way in, large batches on their way out."""
    data = TensorDataset(ts.arange(60_000))
    with quick(20):
        got = [b[0] for b in DataLoader(data, 15_000, num_workers=1, prefetch_factor=4)]
    assert ts.cat(got).tolist() == list(range(60_000))


def bad(i: int) -> Any:
    if i == 3:
        raise ValueError("no such picture")
    return i


class Own(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(a)


def test_an_exception_is_raised_here_with_its_traceback() -> None:
    got = []
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 1") as caught:
        for b in DataLoader(Calls(bad), num_workers=2):
            got.append(b.item())
    assert got == [0, 1, 2]
    text = str(caught.value)
    assert text.startswith("Caught ValueError in DataLoader worker process 1.\nOriginal Traceback (most recent call last):\n")
    assert 'raise ValueError("no such picture")' in text
    assert text.endswith("ValueError: no such picture\n")


def test_after_an_exception_no_worker_is_left() -> None:
    before = set(multiprocessing.active_children())           # of a test before this one, perhaps, and about to end
    with contextlib.suppress(ValueError):
        list(DataLoader(Calls(bad), num_workers=2))
    assert set(multiprocessing.active_children()) <= before


def test_the_loop_can_go_on_after_an_exception() -> None:
    loop = iter(DataLoader(Calls(bad), num_workers=2))
    got: list[Any] = []
    while len(got) < 6:
        try:
            got.append(next(loop).item())
        except ValueError:
            got.append("failed")
    assert got == [0, 1, 2, "failed", 4, 5]


@pytest.mark.parametrize(("error", "kind"), [
    (Own(1, 2), RuntimeError), (KeyError("a\nb"), KeyError), (StopIteration(), RuntimeError), (type("Local", (Exception,), {})("x"), RuntimeError)])
def test_odd_exceptions(error: Exception, kind: type[Exception]) -> None:
    def fail(_: int) -> Any:
        raise error
    with pytest.raises(kind, match=r"Caught .* in DataLoader worker process 0") as caught:
        list(DataLoader(Calls(fail), num_workers=1))
    assert "\\n" not in str(caught.value).replace("'a\\nb'", "")


def test_what_cannot_be_pickled() -> None:
    with pytest.raises(Exception, match=r"Caught .*Error in DataLoader worker process 0") as caught:
        list(DataLoader(Calls(lambda i: (lambda: i)), None, num_workers=1))
    assert "pickle" in str(caught.value)


def test_a_result_with_a_history() -> None:
    w = ts.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        list(DataLoader(Calls(lambda i: w * 2), None, num_workers=1))
    assert next(iter(DataLoader(Calls(lambda i: w), None, num_workers=1))).requires_grad


def test_an_exception_in_worker_init() -> None:
    def init(k: int) -> None:
        raise OSError(f"no disk for {k}")
    with pytest.raises(OSError, match="no disk for 0"):
        list(DataLoader(Calls(pid), num_workers=1, worker_init_fn=init))


@pytest.mark.parametrize("how", ["kill", "exit", "system exit"])
def test_a_worker_that_dies(how: str) -> None:
    def die(i: int) -> Any:
        if i == 2:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "exit":
                os._exit(3)
            raise SystemExit(4)
        return i
    with quick(5), pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(DataLoader(Calls(die), num_workers=2))


def test_a_worker_that_takes_too_long() -> None:
    with quick(5), pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.3 seconds"):
        list(DataLoader(Calls(lambda i: time.sleep(30)), num_workers=1, timeout=0.3))


@pytest.mark.parametrize("size", [1, 400_000])
def test_a_loop_that_is_left_ends_its_workers(size: int) -> None:
    """Also those that are blocked with a large batch that nobody takes."""
    with quick(4):
        gone = next(iter(DataLoader(Calls(lambda i: (os.getpid(), ts.zeros(size)), 100), 2, num_workers=2, prefetch_factor=8)))[0].tolist()
        gc.collect()
        while any(alive(p) for p in gone):
            time.sleep(0.01)


def test_an_interrupt_ends_the_loop_and_its_workers() -> None:
    program = """
        import os, signal, threading, time
        import tapescope as ts
        from tapescope.utils.data import DataLoader, Dataset
        class D(Dataset):
            def __len__(self): return 50
            def __getitem__(self, i): time.sleep(0.05); return os.getpid()
        threading.Timer(0.4, lambda: os.killpg(0, signal.SIGINT)).start()     # as a notebook interrupts its kernel: the whole group
        pids = set()
        try:
            for b in DataLoader(D(), 1, num_workers=2): pids.update(b.tolist())
        except KeyboardInterrupt:
            print("interrupted", *pids, flush=True)
        del b
        time.sleep(0.5)
        print(*[p for p in pids if os.path.exists(f"/proc/{p}")], "left", flush=True)
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, start_new_session=True)
    assert done.stdout.startswith("interrupted")
    assert done.stdout.split("\n")[1] == "left"
    assert "Traceback" not in done.stderr


def test_workers_end_when_their_parent_is_killed() -> None:
    program = """
        import os, signal
        from tapescope.utils.data import DataLoader, Dataset
        class D(Dataset):
            def __len__(self): return 50
            def __getitem__(self, i): return os.getpid()
        loop = iter(DataLoader(D(), 1, num_workers=2))
        print(next(loop).item(), next(loop).item(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30)
    pids = [int(p) for p in done.stdout.split()]
    assert len(set(pids)) == 2
    deadline = time.monotonic() + 10
    while any(alive(p) for p in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_persistent_workers_stay() -> None:
    loader = DataLoader(Calls(pid), 3, num_workers=2, persistent_workers=True)
    passes = [{p for b in loader for p in b.tolist()} for _ in range(3)]
    next(iter(loader))                                     # left early: what is still on its way belongs to no later pass
    assert passes[0] == passes[1] == passes[2] == {p for b in loader for p in b.tolist()}
    assert len(passes[0]) == 2
    del loader
    gc.collect()
    assert not any(alive(p) for p in passes[0])


def test_out_of_order_when_asked() -> None:
    def slow_first(i: int) -> int:
        if i == 0:
            time.sleep(0.5)
        return i
    got = [b.item() for b in DataLoader(Calls(slow_first), num_workers=2, in_order=False)]
    assert sorted(got) == list(range(6))
    assert got[0] != 0


def test_a_stream_is_shared_out() -> None:
    class Part(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            info = get_worker_info()
            assert info is not None
            return iter(range(info.id, 10, info.num_workers))
    assert sorted(i for b in DataLoader(Part(), 3, num_workers=2) for i in b.tolist()) == list(range(10))
    assert get_worker_info() is None


def test_seeds() -> None:
    def draws() -> list[Any]:
        ts.manual_seed(3)
        return [[round(x, 6) for x in b.tolist()] for b in DataLoader(Calls(lambda i: ts.rand(1).item() + np.random.rand()), 2, num_workers=2)]
    assert draws() == draws()
    flat = [x for b in draws() for x in b]
    assert len(set(flat)) == len(flat)


class Squares(Dataset[int]):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> int:
        return i * i


def test_other_ways_to_start() -> None:
    program = """
        from tapescope.utils.data import DataLoader
        if __name__ == "__main__":
            print([b.tolist() for b in DataLoader(list(range(5)), 2, num_workers=1, multiprocessing_context="spawn")])
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[[0, 1], [2, 3], [4]]", done.stderr


class Ear:
    """A sink that only counts."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *a: self.heard.append(name)


@pytest.mark.parametrize("workers", [0, 1])
def test_loading_is_not_recorded(workers: int) -> None:
    def busy(i: int) -> Any:
        return (ts.ones(3) * i + 1), mode.sink is None
    ear: Any = Ear()
    before = set_sink(ear)
    try:
        for x, silent in DataLoader(Calls(busy), 2, num_workers=workers):
            assert silent.all()
            assert mode.sink is ear
            heard = len(ear.heard)
            x + 1
            assert len(ear.heard) > heard
            ear.heard.clear()
        with pytest.raises(ValueError):
            list(DataLoader(Calls(bad), num_workers=0))
        assert mode.sink is ear
    finally:
        set_sink(before)


def test_rows_at_once_are_what_one_by_one_gives() -> None:
    x, y = ts.randn(50, 3), ts.arange(50)

    class Slow(TensorDataset):
        def __getitem__(self, i: Any) -> Any:
            return super().__getitem__(i)

    for make in (lambda d: d, lambda d: random_split(d, [20, 30], ts.Generator().manual_seed(1))[1]):
        for a, b in zip(DataLoader(make(TensorDataset(x, y)), 7), DataLoader(make(Slow(x, y)), 7), strict=True):
            assert type(a) is type(b) is list
            for p, q in zip(a, b, strict=True):
                assert p.dtype is q.dtype
                assert p.tolist() == q.tolist()
    batch = next(iter(DataLoader(TensorDataset(x), 4)))[0]
    batch.zero_()
    assert x[:4].abs().sum() > 0                           # a copy


def test_rows_keep_their_history() -> None:
    w = ts.ones(4, requires_grad=True)
    next(iter(DataLoader(TensorDataset(w * 2), 4)))[0].sum().backward()
    assert w.grad.tolist() == [2, 2, 2, 2]


def test_tqdm_goes_over_a_loader() -> None:
    tqdm = pytest.importorskip("tqdm")
    with open(os.devnull, "w") as nowhere:
        bar = tqdm.tqdm(DataLoader(Squares(), 2), file=nowhere)
        assert bar.total == 3
        assert len(list(bar)) == 3


def test_a_loader_can_be_copied() -> None:
    import copy
    import pickle

    loader = DataLoader(Squares(), 2, num_workers=1, persistent_workers=True)
    assert len(list(loader)) == 3
    for other in (copy.copy(loader), pickle.loads(pickle.dumps(loader))):
        assert len(list(other)) == 3
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(loader))
