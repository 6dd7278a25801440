"""Tensors that several processes see, queues of them, processes that end together, and Hogwild training."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import shared_work

import tapescope as ts
import tapescope.multiprocessing as mp
from tapescope import nn

METHODS = [m for m in ("fork", "spawn") if m in mp.get_all_start_methods()]


@pytest.mark.parametrize("method", METHODS)
def test_a_change_in_another_process_is_seen(method):
    t, other = ts.arange(6.0).reshape(2, 3).t().share_memory_(), ts.zeros(3)
    assert t.is_shared() and not other.is_shared() and t.stride() == (1, 3) and t.tolist() == [[0, 3], [1, 4], [2, 5]]
    p = mp.get_context(method).Process(target=shared_work.add_one, args=(t,))
    p.start()
    p.join()
    assert p.exitcode == 0 and t.tolist() == [[1, 4], [2, 5], [3, 6]]
    t[0, 0] = 9
    assert t[0].is_shared() and t.clone().is_shared() is False


def test_sharing_twice_is_sharing_once_and_empty_tensors_are_shared_too():
    t = ts.ones(3)
    assert t.share_memory_() is t
    array = t._array
    assert t.share_memory_()._array is array and ts.zeros(0, 3).share_memory_().is_shared() and ts.tensor(3.0).share_memory_().item() == 3


@pytest.mark.parametrize("method", METHODS)
def test_tensors_go_through_queues_as_shared_memory(method):
    context = mp.get_context(method)
    out, back = context.Queue(), context.Queue()
    p = context.Process(target=shared_work.double, args=(out, back))
    p.start()
    sent = [ts.ones(4), nn.Parameter(ts.full((2, 2), 3.0)), ts.arange(10)[2:8:2]]
    for t in sent:
        out.put(t)
    assert [back.get(timeout=60) for _ in sent] == [("Tensor", False, (4,), True), ("Parameter", True, (2, 2), True), ("Tensor", False, (3,), True)]
    assert sent[0].tolist() == [2] * 4 and sent[1].tolist() == [[6, 6]] * 2 and sent[2].tolist() == [4, 8, 12]      # what was sent is what was doubled
    out.put(None)
    assert back.get(timeout=60).tolist() == [[0, 1, 2], [3, 4, 5]]
    out.put(None)
    p.join()
    assert p.exitcode == 0


def test_what_belongs_to_a_graph_is_not_sent():
    y = ts.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        mp.reduction.ForkingPickler.dumps(y)
    assert mp.reduction.ForkingPickler.dumps(y.detach()) is not None


def test_a_pickle_is_still_a_copy():
    t = ts.ones(2).share_memory_()
    copied = pickle.loads(pickle.dumps(t))
    t += 1
    assert copied.tolist() == [1, 1] and not copied.is_shared()


def test_memory_is_freed_with_its_last_user():
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files cannot be counted on this system")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        t = ts.zeros(1000).share_memory_()
        view = t[3:]
        del t
        assert view.sum() == 0
    del view
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_processes_are_started_with_their_numbers():
    t = ts.zeros(2).share_memory_()
    assert mp.spawn(shared_work.add_one_by_index, args=(t,), nprocs=2) is None and t.tolist() == [1, 2]
    started = mp.start_processes(shared_work.add_one_by_index, args=(t,), nprocs=2, join=False, start_method="fork")
    assert len(started.pids()) == 2
    while not started.join():
        pass
    assert t.tolist() == [2, 4] and started.join()
    with pytest.warns(FutureWarning, match="only supports start_method=spawn"):
        mp.spawn(shared_work.add_one_by_index, args=(t,), nprocs=1, start_method="fork")


@pytest.mark.parametrize(("what", "kind", "words"), [
    ("raise", mp.ProcessRaisedException, "-- Process 1 terminated with the following error:\nTraceback"), ("exit", mp.ProcessExitedException, "process 1 terminated with exit code 7"),
    ("kill", mp.ProcessExitedException, "process 1 terminated with signal SIGKILL")])
def test_one_failure_ends_all(what, kind, words):
    with pytest.raises(kind) as caught:
        mp.start_processes(shared_work.fail, args=(what,), nprocs=2, start_method="fork")      # the other one would sleep for a minute
    error = caught.value
    assert words in str(error) and error.error_index == 1 and ("no such luck" in str(error)) == (what == "raise")
    assert (type(pickle.loads(pickle.dumps(error))), getattr(error, "exit_code", None)) == (kind, {"raise": None, "exit": 7, "kill": -9}[what])


@pytest.mark.parametrize("method", METHODS)
def test_hogwild_trains_one_model_from_two_processes(method):
    ts.manual_seed(0)
    model = shared_work.Net()
    model.share_memory()
    assert all(p.is_shared() for p in model.parameters())
    x, y = shared_work.data(5)
    before = (model(x).argmax(1) == y).float().mean().item()
    mp.start_processes(shared_work.hogwild, args=(model,), nprocs=2, start_method=method)
    after = (model(x).argmax(1) == y).float().mean().item()
    assert before < 0.6 and after > 0.9


def test_it_is_pythons_multiprocessing_otherwise():
    import multiprocessing

    assert mp.cpu_count() == multiprocessing.cpu_count() and mp.Queue.__self__ is multiprocessing.Queue.__self__ and mp.connection is multiprocessing.connection
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="invalid sharing strategy"):
        mp.set_sharing_strategy("smoke")


def test_a_share_of_an_array_is_its_copy():
    a = np.arange(4.0)
    t = ts.from_numpy(a).share_memory_()
    a[0] = 9
    assert t[0] == 0
