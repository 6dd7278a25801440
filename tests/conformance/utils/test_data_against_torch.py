"""utils.data against PyTorch's: the same order from the same seed, the same batches, the same words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

PRELUDE = """
import numpy as np
from collections import namedtuple, OrderedDict
def show(b):
    if isinstance(b, torch.Tensor): return f"T{tuple(b.shape)} {b.dtype} {b.tolist()}"
    if isinstance(b, dict): return type(b).__name__ + str({k: show(v) for k, v in b.items()})
    if isinstance(b, tuple) and hasattr(b, "_fields"): return type(b).__name__ + str([show(x) for x in b])
    if isinstance(b, (list, tuple)): return type(b).__name__ + str([show(x) for x in b])
    return repr(b)
class Squares(data.Dataset):
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i):
        if i >= self.n: raise IndexError("too far")
        return i, i * i
class Stream(data.IterableDataset):
    def __init__(self, n): self.n = n
    def __iter__(self):
        info = data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.n, step))
class Sized(Stream):
    def __repr__(self): return "sized"
    def __len__(self): return self.n - 2
pairs = data.TensorDataset(torch.arange(10.).reshape(10, 1), torch.arange(10))
"""

PROGRAMS = {
    "in order": "for b in data.DataLoader(Squares(7), 3): say(show(b))\nsay(len(data.DataLoader(Squares(7), 3)), len(data.DataLoader(Squares(7), 3, drop_last=True)))",
    "dropping the last": "for b in data.DataLoader(Squares(7), batch_size=3, drop_last=True): say(show(b))",
    "shuffled": "l = data.DataLoader(pairs, 4, shuffle=True)\nfor e in range(3):\n    for x, y in l: say(show(y))\nsay(torch.rand(1))",
    "two iterators at once": "l = data.DataLoader(pairs, 5, shuffle=True); a, b = iter(l), iter(l); say(show(next(b)), show(next(a))); say(torch.rand(1), len(a))",
    "a generator": "g = torch.Generator().manual_seed(4); l = data.DataLoader(pairs, 4, shuffle=True, generator=g)\nfor x, y in l: say(show(y))\nsay(torch.rand(1), torch.rand(1, generator=g))",
    "without batches": "for b in data.DataLoader(pairs, None): say(show(b))\nfor b in data.DataLoader(Squares(3), batch_size=None): say(show(b))",
    "own collate": "for b in data.DataLoader(Squares(5), 2, collate_fn=lambda s: s): say(show(b))",
    "own sampler": "for b in data.DataLoader(pairs, 3, sampler=[3, 1, 4, 1, 5]): say(show(b[1]))",
    "own batch sampler": "l = data.DataLoader(pairs, batch_sampler=[[1], [2, 3], []][:2]); say(len(l), l.batch_size, l.drop_last)\nfor b in l: say(show(b[1]))",
    "numpy": "l = data.DataLoader([(np.ones(2, 'f4') * i, np.int64(i), np.float32(i), float(i), str(i), bytes([i])) for i in range(3)], 2)\nfor b in l: say(show(b))",
    "nested": """
P = namedtuple("P", "x y")
samples = [{"a": i, "p": P(i, [i, float(i)]), "t": torch.ones(2) * i, "b": i % 2 == 0, "n": {"s": "z"}} for i in range(4)]
for b in data.DataLoader(samples, 2): say(show(b))""",
    "uneven lists": "next(iter(data.DataLoader([[1, 2], [1]], 2)))",
    "uneven tensors": "next(iter(data.DataLoader([torch.ones(2), torch.ones(3)], 2)))",
    "uneven arrays": "next(iter(data.DataLoader([np.ones(2), np.ones(3)], 2)))",
    "odd samples": "try: next(iter(data.DataLoader([object()], 1)))\nexcept TypeError as e: say(e)",
    "arrays of strings": "try: next(iter(data.DataLoader([np.array(['a'])], 1)))\nexcept TypeError as e: say(e)",
    "convert": "say(show(data.default_convert({'a': np.ones(2), 'b': [np.float32(1), 'x'], 'c': (1, np.arange(2))})))",
    "stream": "l = data.DataLoader(Stream(7), 3)\nfor b in l: say(show(b))\nfor b in data.DataLoader(Stream(3), None): say(show(b))\nfor b in data.DataLoader(Stream(7), 3, drop_last=True): say(show(b))",
    "stream's length": "len(data.DataLoader(Stream(7), 3))",
    "stream that says too little": "l = data.DataLoader(Sized(7), 1); say(len(l))\nfor b in l: pass",
    "chained": "s = Stream(2) + Stream(3); say(type(s).__name__, list(s)); c = pairs + pairs; say(type(c).__name__, len(c), show(c[-1]), show(c[11]), c.cumulative_sizes)",
    "chained with a list": "list(data.ChainDataset([[1]]))",
    "concatenating nothing": "data.ConcatDataset([])",
    "concatenating streams": "data.ConcatDataset([Stream(1)])",
    "concat index": "data.ConcatDataset([pairs])[-11]",
    "splits": "for s in data.random_split(range(10), [7, 3]): say(s.indices, len(s), s[0])\nfor s in data.random_split(range(10), [0.35, 0.35, 0.3], torch.Generator().manual_seed(2)): say(s.indices)",
    "splits that do not add up": "data.random_split(range(10), [7, 4])",
    "splits of nothing": "say([len(s) for s in data.random_split(range(1), [0.5, 0.5])])",
    "negative split": "data.random_split(range(10), [1.5, -0.5])",
    "subset": "s = data.Subset(pairs, [4, 2, 0]); say(show(s[1]), show(s[[0, 2]]), len(s))\nfor b in data.DataLoader(s, 2): say(show(b))",
    "subset of a subset": "a, b = data.random_split(pairs, [6, 4]); c, d = data.random_split(a, [0.5, 0.5])\nfor x in data.DataLoader(c, 2, shuffle=True): say(show(x))",
    "own subset": "class S(data.Subset):\n    def __getitem__(self, i): return 1\nS(pairs, [1])",
    "tensor dataset": "data.TensorDataset(torch.ones(3), torch.ones(2))",
    "tensor dataset, own items": "class D(data.TensorDataset):\n    def __getitem__(self, i): return super().__getitem__(i)[0] * 2\nfor b in data.DataLoader(D(torch.arange(4)), 2): say(show(b))",
    "abstract": "data.Dataset()[0]",
    "abstract stream": "data.IterableDataset()",
    "samplers": """
say(list(data.SequentialSampler(range(3))), list(data.RandomSampler(range(5))), list(data.RandomSampler(range(5), num_samples=12)))
say(list(data.RandomSampler(range(5), replacement=True, num_samples=40)), list(data.SubsetRandomSampler([3, 5, 7])))
b = data.BatchSampler(data.SequentialSampler(range(5)), 2, False); say(list(b), len(b)); b = data.BatchSampler(range(5), 2, True); say(list(b), len(b))
say(len(data.RandomSampler(range(5), num_samples=7)), torch.rand(1))""",
    "weights": "say(list(data.WeightedRandomSampler([0.1, 0.9, 0.0], 6)), len(data.WeightedRandomSampler([1], 3))) if False else say(sorted(set(data.WeightedRandomSampler([0.5, 0.5, 0.0], 60))))",
    "weights in a table": "data.WeightedRandomSampler([[1., 2.]], 3)",
    "weights, none drawn": "data.WeightedRandomSampler([1.], 0)",
    "weights, replacement": "data.WeightedRandomSampler([1.], 1, 3)",
    "nothing to shuffle": "data.RandomSampler([])",
    "replacement": "data.RandomSampler([1], replacement=3)",
    "batch size": "data.DataLoader([1], 0)",
    "batch size of a stream": "data.DataLoader(Stream(3), -1)",
    "drop_last": "data.BatchSampler([1], 1, 3)",
    "negative workers": "data.DataLoader([1], num_workers=-1)",
    "negative timeout": "data.DataLoader([1], timeout=-1)",
    "prefetch without workers": "data.DataLoader([1], prefetch_factor=2)",
    "persistent without workers": "data.DataLoader([1], persistent_workers=True)",
    "context without workers": "data.DataLoader([1], multiprocessing_context='fork')",
    "unknown context": "data.DataLoader([1], num_workers=1, multiprocessing_context='spoon')",
    "odd context": "data.DataLoader([1], num_workers=1, multiprocessing_context=3)",
    "shuffle and sampler": "data.DataLoader([1], shuffle=True, sampler=[0])",
    "two batch sizes": "data.DataLoader([1], batch_size=2, batch_sampler=[[0]])",
    "no batches to drop": "data.DataLoader([1], batch_size=None, drop_last=True)",
    "shuffled stream": "data.DataLoader(Stream(3), shuffle=True)",
    "stream with a sampler": "data.DataLoader(Stream(3), sampler=[0])",
    "stream with a batch sampler": "data.DataLoader(Stream(3), batch_sampler=[0])",
    "set afterwards": "l = data.DataLoader([1, 2]); l.collate_fn = len; say(list(l)); l.batch_size = 3",
    "an error here": "list(data.DataLoader(Squares(3), sampler=[0, 7]))",
    "pinned": "list(data.DataLoader([1], pin_memory=True))",
    "index too large": "list(data.DataLoader(pairs, sampler=[10]))",
    "workers": "for b in data.DataLoader(Squares(11), 2, num_workers=2): say(show(b))",
    "shuffled workers": "l = data.DataLoader(pairs, 3, shuffle=True, num_workers=2)\nfor e in range(2):\n    for b in l: say(show(b))\nsay(torch.rand(1))",
    "workers on streams": "for n in (1, 3):\n    for b in data.DataLoader(Stream(10), 2, num_workers=n): say(show(b))\nfor b in data.DataLoader(Stream(10), None, num_workers=2): say(show(b))",
    "streams of different lengths": """
class Uneven(data.IterableDataset):
    def __iter__(self): k = data.get_worker_info().id; return iter([k] * (1 + 4 * k))
for b in data.DataLoader(Uneven(), 2, num_workers=3): say(show(b))
for b in data.DataLoader(Uneven(), 2, num_workers=3, drop_last=True, prefetch_factor=1): say(show(b))""",
    "persistent workers": "l = data.DataLoader(pairs, 3, shuffle=True, num_workers=2, persistent_workers=True)\nfor e in range(3):\n    for b in l: say(show(b))\nl._iterator = None",
    "persistent streams": "l = data.DataLoader(Stream(7), 2, num_workers=2, persistent_workers=True)\nfor e in range(3):\n    for b in l: say(show(b))",
    "workers draw": """
class Noise(data.Dataset):
    def __len__(self): return 6
    def __getitem__(self, i):
        import random
        return torch.rand(1), np.random.rand(), random.random(), data.get_worker_info().seed % 1000, data.get_worker_info().num_workers
for b in data.DataLoader(Noise(), 3, num_workers=2): say(show(b))""",
    "initialised workers": """
def init(k): data.get_worker_info().dataset.n = 100 + k
class Told(Squares):
    def __getitem__(self, i): return self.n
for b in data.DataLoader(Told(4), 1, num_workers=2, worker_init_fn=init): say(show(b))""",
    "no worker here": "say(data.get_worker_info())",
}


# PyTorch takes five seconds to end its processes now and then.
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if "num_workers=" in p else n
                                  for n, p in PROGRAMS.items()])
def test_data(name: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(PRELUDE + PROGRAMS[name])


FAILURES = {
    "an exception": "def f(i): raise ValueError(f'bad sample {i}')",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_a_raising_worker(name: str, says_the_same: Callable[[str], None]) -> None:
    """The same exception with the same words, and the worker's traceback down to the line."""
    says_the_same(PRELUDE + FAILURES[name] + """
class Bad(data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, i): return f(i) if i == 2 else i
got = []
try:
    for b in data.DataLoader(Bad(), num_workers=1): got.append(b.item())
except Exception as e:
    lines = str(e).split("\\n")
    say(type(e).__name__, got, lines[:2], lines[-2:], [l for l in lines if l.endswith(" in f") or "__getitem__" in l])
""")


@pytest.mark.slow
def test_a_raising_init_and_stream(says_the_same: Callable[[str], None]) -> None:
    says_the_same(PRELUDE + """
def init(k): raise ValueError(f"no worker {k}")
class Bad(data.IterableDataset):
    def __iter__(self):
        yield 1
        raise OSError("gone")
for make in (lambda: data.DataLoader(pairs, num_workers=1, worker_init_fn=init), lambda: data.DataLoader(Bad(), num_workers=1)):
    try: list(make())
    except Exception as e: say(type(e).__name__, str(e).split("\\n")[0], str(e).split("\\n")[-2])
""")


@pytest.mark.slow
def test_a_loop_left_early(says_the_same: Callable[[str], None]) -> None:
    says_the_same(PRELUDE + """
l = data.DataLoader(Squares(40), 2, num_workers=2, persistent_workers=True)
for e in range(3):
    for k, b in enumerate(l):
        if k == 2: break
    say(show(b))
""")


STACKS = """
a, b = data.TensorDataset(torch.arange(5)), [10, 11, 12, 13, 14]
pair, named = data.StackDataset(a, b), data.StackDataset(x=data.Subset(b, [4, 3, 2, 1, 0]), y=b)
say(len(pair), pair[1], pair.__getitems__([0, 2]), named[0], named.__getitems__([3]))
for batch in data.DataLoader(named, 2): say(batch)
for batch in data.DataLoader(pair, 5): say(batch)
"""


@pytest.mark.parametrize("program", [STACKS, "data.StackDataset()", "data.StackDataset([1], [1, 2])", "data.StackDataset([1], x=[1])",
                                     "class Odd(list):\n    def __getitems__(self, i): return []\ndata.StackDataset(Odd([1])).__getitems__([0])"])
def test_stacks(program: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(program)
