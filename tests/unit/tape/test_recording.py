"""How recordings begin, nest and end, what they remember, and that they never disturb the program."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.core.state import mode
from tapescope.tape import active, registry
from tapescope.tape.log import ItemLog, RowLog
from tapescope.tape.recorder import Recorder

from .programs import Net, pages, series, train


def test_leaving_the_block_ends_it_whatever_the_reason() -> None:
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            with ts.record() as tape:
                ts.ones(2) + 1
                raise error
        assert tape.state == "stopped"
        assert mode.sink is None
        assert len(tape.graphs[0].op_name) == 1


def test_a_plain_recording() -> None:
    tape = ts.record(name="mine")
    ts.ones(2) + 1
    assert (tape.state, tape.name, active()) == ("recording", "mine", tape)
    assert tape.stop() is tape
    tape.stop()
    ts.ones(2) * 3
    assert len(tape.graphs[0].op_name) == 1
    assert active() is None


def test_the_innermost_hears() -> None:
    with ts.record() as outer:
        ts.ones(2) + 1
        with ts.record() as inner:
            ts.ones(2) * 2
            inner.log_scalar("x", 1)
        ts.ones(2) - 1
    names = [[t.strings[i] for i in t.graphs[0].op_name] for t in (outer, inner)]
    assert names == [["add", "sub"], ["mul"]]


def test_ending_the_outer_first() -> None:
    outer, inner = ts.record(), ts.record()
    outer.stop()
    ts.ones(2) + 1
    assert active() is inner
    inner.stop()
    assert mode.sink is None
    assert [len(t.graphs) for t in (outer, inner)] == [0, 1]


def test_what_listened_before_listens_again() -> None:
    class Other:
        def op(self, *a: Any) -> None: ...

    from tapescope.core.state import set_sink

    other: Any = Other()
    before = set_sink(other)
    try:
        with ts.record():
            pass
        assert mode.sink is other
    finally:
        set_sink(before)


def test_running_a_cell_again_is_another_run_of_the_same_name() -> None:
    tapes = []
    for _ in range(2):
        with ts.record() as tape:
            pass
        tapes.append(tape)
    with ts.record() as other:
        pass
    assert tapes[0].name == tapes[1].name != other.name
    assert len({t.id for t in [*tapes, other]}) == 3


def test_the_registry() -> None:
    heard: list[int] = []
    unlisten = registry.listen(lambda: heard.append(1))
    with ts.record() as tape:
        assert registry.newest() is tape
    unlisten()
    assert len(heard) == 2
    assert registry.get(tape.id) is tape
    assert registry.get("latest") is tape
    assert registry.get("nothing") is None
    assert tape in registry.list()


def test_a_stop_from_another_thread() -> None:
    tape = ts.record()
    ts.ones(2) + 1
    thread = threading.Thread(target=tape.stop)
    thread.start()
    thread.join()
    assert tape.state == "stopped"
    for _ in range(3):
        ts.ones(2) + 1
    assert mode.sink is None
    assert tape.error is None


def test_listeners() -> None:
    heard: list[int] = []
    at_steps: list[int] = []
    with ts.record() as tape:
        unlisten = tape.listen(lambda: heard.append(tape.step_number))
        remove = tape.at_step(lambda: at_steps.append(tape.step_number))
        tape.listen(lambda: 1 / 0)                             # its trouble is not the user's
        train(3, tape=tape)
        unlisten()
        remove()
        n = len(heard)
        train(2, tape=tape)
    assert at_steps == [1, 2, 3]
    assert {1, 2, 3} <= set(heard)
    assert len(heard) == n


def test_an_error_of_ours_ends_the_recording_and_not_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*a: Any) -> Any:
        raise RuntimeError("ours")

    for method in ("_turn", "_event", "_implicit_step", "end_step"):
        with monkeypatch.context() as m:
            m.setattr(Recorder, method, broken)
            model = Net()
            with ts.record() as tape:
                with contextlib.suppress(AssertionError):      # train() asserts that there was no error
                    train(2, model=model, tape=tape)
        if tape.error is not None:
            assert "ours" in str(tape.error)
            assert any("Tapescope itself" in n for n in tape.status()["notes"])
            assert tape.state == "stopped"
            assert mode.sink is None
    assert tape.error is not None


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="parameter 'net' must be a number"):
        ts.record(params={"net": object()})
    for every in (0, -1, 1.5):
        with pytest.raises(ValueError, match="every"):
            ts.record(every=every)                             # type: ignore[arg-type]
    assert active() is None
    with ts.record() as tape:
        with pytest.raises(ValueError, match="unknown kind 'nothing'"):
            tape.frames("nothing")


def test_status() -> None:
    tape = train(5)
    status = tape.status()
    assert status["step"] == 5
    assert status["state"] == "stopped"
    assert status["level"] == "stats"
    assert status["dropped"] == {}
    assert status["overhead"] > 0
    assert status["step_rate"] > 0
    assert status["capabilities"]["can_step"]
    frames, cursor = tape.frames("status")
    assert frames[0].meta["id"] == tape.id
    assert tape.frames("status", cursor) == ([], cursor)


def test_cursors_give_only_what_is_new() -> None:
    with ts.record() as tape:
        cursors: dict[str, Any] = {}
        for _ in range(3):
            train(2, tape=tape, evaluate=True)
            for kind in ("clocks", "gradients", "scalars", "stats", "histograms"):
                frames, cursors[kind] = tape.frames(kind, cursors.get(kind))
                again, same = tape.frames(kind, cursors[kind])
                assert again == []
                assert same == cursors[kind]
        steps = series(tape, "loss")[0]
    assert steps == list(range(6))
    some = [f.meta["step"] for f in pages(tape, "gradients", steps=(2, 3))]
    assert some == [2, 3]


def test_small_pages_lose_nothing() -> None:
    tape = train(30, values="histogram")
    for kind, column in (("scalars", "value"), ("stats", "mean"), ("histograms", "count")):
        whole = np.concatenate([f.columns[column] for f in pages(tape, kind, max_bytes=1 << 30)])
        parts = pages(tape, kind, max_bytes=2000)
        np.testing.assert_array_equal(whole, np.concatenate([f.columns[column] for f in parts]))
        assert len(parts) > 3


def test_tensors_are_not_kept_alive() -> None:
    import gc
    import weakref

    with ts.record() as tape:
        model = Net()
        train(2, model=model, tape=tape)
        refs = [weakref.ref(p) for p in model.parameters()]
        x = ts.ones(1000)
        y = x + 1
        refs += [weakref.ref(x), weakref.ref(y)]
        del model, x, y
        gc.collect()
        assert [r for r in refs if r() is not None] == []
        train(1, tape=tape)
    assert tape.error is None


def test_rows_are_thinned_and_the_newest_kept() -> None:
    log = RowLog(1, 20_000, "f8")
    for i in range(60_000):
        log.add([1], i, 0.0, [float(i)])
        if i % 1000 == 0:
            log.add([2], i, 0.0, [0.5])
    block, cursor = log.read(0, 1 << 30)
    assert block is not None
    assert len(block.key) <= 21_100
    assert log.thinned + len(block.key) == 60_060
    assert block.step[block.key == 1][-1] == 59_999
    assert np.diff(block.step[block.key == 1][-2000:]).max() == 1       # the newest are complete
    gaps = np.diff(block.step[block.key == 1][:3000])
    assert gaps.max() <= 2 * gaps.min()                        # the older ones are thinned evenly
    assert (block.key == 2).sum() == 60                        # a short series is not thinned
    assert (np.diff(block.seq) > 0).all()                      # type: ignore[arg-type]
    assert log.read(cursor, 10)[0] is None
    middle, _ = log.read(int(block.seq[100]), 5)               # type: ignore[index]
    assert middle is not None
    assert middle.step.tolist() == block.step[100:105].tolist()


def test_items_are_thinned_and_the_newest_kept() -> None:
    log = ItemLog(10_000)
    for i in range(1000):
        log.add(i % 2, i, 100, i)
    assert log.bytes <= 10_000
    assert log.items[-1].step == 999
    assert log.thinned + len(log.items) == 1000
    gaps = np.diff([i.step for i in log.items if i.key == 0][:14])
    assert gaps.max() <= 2 * gaps.min()
    few, after = log.few(5, key=1)
    assert [i.step for i in few] == sorted(i.step for i in few)
    assert few[-1].step == 999
    assert after == 1000
    items, cursor = log.read(0, 500)
    assert len(items) == 5
    assert log.read(cursor, 100, key=1)[0][0].step > items[-1].step
    log.add(0, 1000, 1_000_000, "large")
    assert log.items[-1].data == "large"


def test_a_users_function_is_one_op_and_one_node() -> None:
    class Square(ts.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    with ts.record() as tape:
        x = ts.ones(3, requires_grad=True)
        Square.apply(x).mean().backward()
        tape.step()
    graph = next(iter(tape.graphs.values()))
    assert [tape.strings[i] for i in graph.op_name] == ["Square", "mean"]
    assert [tape.strings[i] for i in graph.node_name] == ["AccumulateGrad", "SquareBackward", "MeanBackward0"]
