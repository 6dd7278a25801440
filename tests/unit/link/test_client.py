"""The kernel side of the wire without a kernel: clients in memory, a reader in the place of the page, real recordings."""

from __future__ import annotations

import gc
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.link import client as client_module
from tapescope.link import commands, providers, service, subscription
from tapescope.link.client import Client
from tapescope.link.subscription import Subscription
from tapescope.link.wire import encode, plain
from tapescope.tape import Frame, Tape

assert providers


class Reader:
    """A page at the other end: keeps what was sent, and acknowledges when told to."""

    def __init__(self, name: str = "page") -> None:
        self.sent: list[tuple[dict[str, Any], list[Any]]] = []
        self.client = Client(name, lambda content, buffers: self.sent.append((content, buffers)))
        self.clock = 0.0

    def say(self, **message: Any) -> None:
        self.client.receive(message)

    def tick(self, rounds: int = 1, ack: bool = True, page: str | None = None) -> list[dict[str, Any]]:
        """Lets the client send, as the link thread would with a clock of its own, and gives the frames."""
        found = []
        for _ in range(rounds):
            before = len(self.sent)
            self.clock += 1.0
            self.client.pump(self.clock)
            new = [m for m, _ in self.sent[before:] if m["type"] == "frame"]
            found += new
            if ack:
                for m in new:
                    self.say(type="ack", seq=m["seq"], **({} if page is None else {"client": page}))
        return found

    def replies(self) -> dict[str, dict[str, Any]]:
        return {m["request"]: m for m, _ in self.sent if m["type"] == "reply"}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setattr(service, "_start", lambda: None)    # rounds are made by hand
    made = Reader()
    made.say(type="attach", protocol=1, client="tab", request="a")
    yield made
    service.remove(made.client)


def train(tape: Tape, steps: int) -> None:
    w = ts.ones(3, 3, requires_grad=True)
    for _ in range(steps):
        w.grad = None
        (w @ w).sum().backward()
        tape.step()


@pytest.fixture
def tape() -> Iterator[Tape]:
    with ts.record(values="histogram") as made:
        train(made, 5)
        yield made


def test_attach_says_who_is_there(reader: Reader, tape: Tape) -> None:
    reader.say(type="attach", protocol=1, client="tab", request="b")
    m = reader.sent[-1][0]
    assert (m["type"], m["request"], m["protocol"], m["version"]) == ("attached", "b", 1, ts.__version__)
    tape.log_params({"lr": 0.1, "odd": float("nan")})
    reader.say(type="attach", protocol=1, client="tab", request="c")
    m = reader.sent[-1][0]
    told = m["recordings"][-1]
    assert abs(told.pop("began") - time.time()) < 600
    assert told == {"id": tape.id, "name": tape.name, "state": "recording", "step": 5, "params": {"lr": 0.1, "odd": None}, "capabilities": tape.capabilities}


def test_at_most_two_frames_are_on_their_way(reader: Reader, tape: Tape) -> None:
    for kind in ("graph", "scalars", "clocks", "stats", "histograms", "status"):
        reader.say(type="subscribe", request=kind, recording="latest", kind=kind)
    assert len(reader.tick(5, ack=False)) == 2
    train(tape, 100)
    assert reader.tick(5, ack=False) == []
    reader.say(type="ack", seq=reader.sent[1][0]["seq"])
    assert len(reader.tick(5, ack=False)) == 1
    for m in reader.sent[2:]:
        reader.say(type="ack", seq=m[0].get("seq"))
    reader.tick(9)
    kinds = {m["kind"] for m, _ in reader.sent if m["type"] == "frame"}
    assert kinds == {"graph", "scalars", "clocks", "stats", "histograms", "status"}     # nobody was starved
    assert reader.tick(3) == []


def test_sixty_frames_a_second_and_twenty_of_a_kind(reader: Reader, tape: Tape) -> None:
    for kind in ("scalars", "clocks", "gradients", "stats", "histograms", "status"):
        reader.say(type="subscribe", request=kind, recording="latest", kind=kind)
    sent: list[dict[str, Any]] = []
    now = 100.0
    while now < 101.0:
        train(tape, 1)
        before = len(reader.sent)
        reader.client.pump(now)
        for m, _ in reader.sent[before:]:
            sent.append(m)
            reader.say(type="ack", seq=m["seq"])
        now += 0.002
    kinds = [m["kind"] for m in sent]
    assert len(kinds) <= 62
    assert max(kinds.count(k) for k in set(kinds)) <= 21


def test_every_buffer_is_memory_of_its_own() -> None:
    held = np.arange(6, dtype=np.float64)[::2]
    header, buffers, highest = encode(Frame("x", {"n": np.int64(3), "bad": float("nan")}, {"a": held, "b": np.zeros((2, 2), bool), "tag": np.array([3, 9], np.uint32)}))
    held[:] = 7
    assert buffers[0].tolist() == [0, 2, 4]
    assert all(b.flags.c_contiguous and b.flags.owndata or b.base is not None for b in buffers)
    assert header["columns"] == [["a", "f8", 3], ["b", "u1", 4], ["tag", "u4", 2]]
    assert header["meta"] == {"n": 3, "bad": None}
    assert highest == 9
    with pytest.raises(TypeError, match=r"x\.c has dtype complex128"):
        encode(Frame("x", {}, {"c": np.zeros(1, complex)}))


def test_strings_come_as_far_as_they_are_referred_to_and_once(reader: Reader, tape: Tape) -> None:
    reader.say(type="subscribe", request="g", recording="latest", kind="graph")
    reader.say(type="subscribe", request="s", recording="latest", kind="scalars")
    table: list[str] = []
    for _ in range(3):
        for m in reader.tick(4):
            if "strings" in m:
                start, texts = m["strings"]
                assert start == len(table)
                assert texts
                table += texts
        train(tape, 1)                                        # with a parameter of a new name
    assert table == tape.strings[:len(table)]
    reader.say(type="attach", protocol=1, client="tab", request="again")           # the page has forgotten everything
    reader.say(type="subscribe", request="s2", recording="latest", kind="scalars")
    assert reader.tick(1)[0]["strings"][0] == 0


def test_a_query_comes_in_pages_and_says_which_is_the_last(reader: Reader, tape: Tape) -> None:
    train(tape, 300)
    reader.say(type="query", request="q", recording=tape.id, kind="scalars", max_bytes=2048)
    pages = reader.tick(400)
    assert len(pages) > 5
    assert [m["more"] for m in pages] == [True] * (len(pages) - 1) + [False]
    assert reader.replies()["q"]["ok"]
    reader.say(type="query", request="none", recording=tape.id, kind="tensor", id="weight/nobody")
    assert reader.tick(2) == []
    assert reader.replies()["none"]["ok"]


def test_a_query_can_be_cancelled(reader: Reader, tape: Tape) -> None:
    train(tape, 300)
    reader.say(type="query", request="q", recording=tape.id, kind="scalars", max_bytes=1024)
    assert reader.tick(2)
    reader.say(type="cancel", request="q")
    assert reader.tick(5) == []


def test_a_page_that_fell_behind_gets_the_newest_moment_and_all_of_a_series(reader: Reader, tape: Tape) -> None:
    reader.say(type="subscribe", request="c", recording="latest", kind="clocks")
    reader.say(type="subscribe", request="s", recording="latest", kind="scalars", id="loss")
    train(tape, 400)
    frames = reader.tick(6)
    clocks = [m["meta"]["step"] for m in frames if m["kind"] == "clocks"]
    assert len(clocks) == 1
    assert clocks[0] >= 404
    assert sum(n for m in frames if m["kind"] == "scalars" for name, _, n in m["columns"] if name == "step") == 405


def test_latest_follows_the_newest_recording(reader: Reader, tape: Tape) -> None:
    reader.say(type="subscribe", request="s", recording="latest", kind="status")
    assert reader.tick(1)[0]["recording"] == tape.id
    with ts.record() as newer:
        train(newer, 1)
        m = reader.tick(1)[0]
    assert m["recording"] == newer.id


def test_a_subscription_does_not_keep_a_recording_alive() -> None:
    with ts.record() as tape:
        train(tape, 1)
    s = Subscription({"request": "r", "recording": tape.id, "kind": "scalars"}, once=False)
    s.follow()
    assert s.read() is not None
    for _ in range(6):                                        # the newest few are kept by the registry
        with ts.record():
            pass
    del tape
    gc.collect()
    assert s.tape is None
    assert s.read() is None


def test_two_tabs_of_one_widget_have_their_own_window(reader: Reader, tape: Tape) -> None:
    reader.say(type="attach", protocol=1, client="other", request="b")
    for page in ("tab", "other"):
        reader.say(type="subscribe", client=page, request=f"{page}-s", recording="latest", kind="scalars")
        reader.say(type="subscribe", client=page, request=f"{page}-g", recording="latest", kind="graph")
    first = reader.tick(1, ack=False)
    assert sorted(m["request"] for m in first) == ["other-g", "other-s", "tab-g", "tab-s"]
    assert sum(m.get("strings", [1])[0] == 0 for m in first) == 2
    train(tape, 3)
    for m in first:                                           # the other tab is hidden; a tab that answers goes on
        reader.say(type="ack", client="tab", seq=m["seq"])
    assert [m["request"] for m in reader.tick(3, page="tab")] == ["tab-s"]
    reader.say(type="ack", client="other", seq=first[0]["seq"])
    for m in first:
        reader.say(type="ack", client="other", seq=m["seq"])
    assert [m["request"] for m in reader.tick(3, page="other")] == ["other-s"]    # it wakes up, and has missed nothing


def test_a_client_that_never_answers_is_let_go_and_may_come_back(reader: Reader, tape: Tape) -> None:
    reader.say(type="subscribe", request="s", recording="latest", kind="scalars")
    now = time.monotonic()
    service._round(now)
    assert reader.client in service.clients
    service._round(now + 601)
    assert reader.client not in service.clients
    train(tape, 1)
    frames = [m for m, _ in reader.sent if m["type"] == "frame"]
    reader.say(type="ack", seq=frames[-1]["seq"])
    assert reader.client in service.clients
    reader.clock = now + 700
    assert [m["kind"] for m in reader.tick(1)] == ["scalars"]


def test_a_full_window_lets_the_training_loop_wake_nobody(reader: Reader, tape: Tape) -> None:
    for kind in ("scalars", "clocks", "graph"):
        reader.say(type="subscribe", request=kind, recording="latest", kind=kind)
    service._round(1.0)
    assert not service._hungry
    service._news.clear()
    service._grown()
    assert not service._news.is_set()
    reader.say(type="ack", seq=1)
    assert service._news.is_set()
    service._round(2.0)
    for seq in (2, 3):
        reader.say(type="ack", seq=seq)
    service._round(3.0)
    assert service._hungry
    service._news.clear()
    service._grown()
    assert service._news.is_set()


def test_a_transport_that_fails_takes_nobody_with_it(reader: Reader, tape: Tape) -> None:
    def broken(content: Any, buffers: Any) -> None:
        raise OSError("socket closed")

    other = Client("broken", broken)
    other.receive({"type": "attach", "protocol": 1, "request": "a"})
    assert other.closed
    reader.say(type="subscribe", request="s", recording="latest", kind="scalars")
    service._round(time.monotonic())
    assert [m["kind"] for m, _ in reader.sent if m["type"] == "frame"] == ["scalars"]
    assert other not in service.clients


@pytest.mark.parametrize(("message", "error"), [
    ({"type": "subscribe", "kind": "smell"}, "unknown kind 'smell'"),
    ({"type": "subscribe", "kind": "graph", "recording": "r999"}, "there is no recording 'r999'"),
    ({"type": "query", "kind": "graph", "steps": "all"}, r"steps must be \[first, last\], not 'all'"),
    ({"type": "query", "kind": "graph", "max_bytes": -1}, "max_bytes must be a whole number"),
    ({"type": "wave"}, "unknown message type 'wave'"),
    ({"type": ["attach"]}, "unknown message type"),
    ({"type": "attach", "protocol": 0}, "this kernel speaks 1 to 1"),
    ({"type": "attach", "protocol": "x"}, "protocol 'x'"),
    ({"type": "command", "verb": "rm -rf"}, "unknown verb"),
    ({"type": "command", "verb": "probe.set", "args": {}}, "a probe needs a key"),
    ({"type": "command", "verb": "probe.set", "args": [1]}, "args must be an object"),
])
def test_what_is_not_understood_is_answered(reader: Reader, tape: Tape, message: dict[str, Any], error: str) -> None:
    reader.say(request="x", **message)
    answer = reader.replies()["x"]
    assert not answer["ok"]
    assert re.search(error, answer["error"])


def test_rubbish_is_answered(reader: Reader) -> None:
    for rubbish in (None, 3, "attach", [], {}):
        reader.client.receive(rubbish)
        assert reader.sent[-1][0]["ok"] is False


def test_a_reader_that_fails_ends_its_subscription_only(reader: Reader, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    def bad(*args: Any) -> Any:
        raise RuntimeError("no more clocks")

    monkeypatch.setattr(tape, "_read_clocks", bad)
    reader.say(type="subscribe", request="c", recording="latest", kind="clocks")
    reader.say(type="subscribe", request="s", recording="latest", kind="scalars")
    assert [m["kind"] for m in reader.tick(3)] == ["scalars"]
    assert reader.replies()["c"]["error"] == "no more clocks"


def test_commands_wait_for_the_main_thread_and_their_errors_are_answers() -> None:
    done: list[Any] = []
    commands.register("test.good", lambda tape, args: {"n": np.float32(args["n"]), "thread": threading.current_thread().name})
    answers: list[dict[str, Any]] = []
    try:
        t = threading.Thread(target=lambda: commands.put({"verb": "test.good", "args": {"n": 2}}, answers.append))
        t.start()
        t.join()
        assert answers == []
        other = threading.Thread(target=commands.drain)
        other.start()
        other.join()
        assert answers == []
        commands.drain()
        assert answers == [{"ok": True, "result": {"n": 2.0, "thread": "MainThread"}}]
        commands.put({"verb": "test.good", "args": {}}, done.append)
        commands.drain()
        assert done == [{"ok": False, "error": "'n'"}]
    finally:
        del commands._verbs["test.good"]


def test_an_interrupt_in_a_verb_is_the_cells_and_the_page_is_told() -> None:
    def interrupted(tape: Any, args: Any) -> Any:
        raise KeyboardInterrupt

    commands.register("test.stop", interrupted)
    answers: list[dict[str, Any]] = []
    try:
        commands.put({"verb": "test.stop"}, answers.append)
        with pytest.raises(KeyboardInterrupt):
            commands.drain()
        assert answers == [{"ok": False, "error": "test.stop was interrupted"}]
    finally:
        del commands._verbs["test.stop"]
        commands.drain()


def test_plain_values() -> None:
    assert plain({1: (np.int8(1), np.array([1.5, np.inf])), "t": True, "o": np.bool_(False), "x": 1j}) == {"1": [1, [1.5, None]], "t": True, "o": False, "x": "1j"}


def test_the_window_and_the_limit_are_the_contracts() -> None:
    assert client_module.WINDOW == 2
    assert subscription.MAX_BYTES == 256 * 1024


def test_a_late_page_gets_a_few_tensors_of_all_steps_and_then_the_newest(reader: Reader, tape: Tape) -> None:
    tape.probe("output/0")
    train(tape, 200)
    reader.say(type="subscribe", request="t", recording="latest", kind="tensor", id="output/0")
    steps = [m["meta"]["step"] for m in reader.tick(30)]
    assert len(steps) == 12
    assert steps == sorted(steps)
    assert steps[-1] == tape.step_number - 1
    assert steps[0] < 30
    train(tape, 200)
    steps = [m["meta"]["step"] for m in reader.tick(30)]
    assert len(steps) == 2
    assert steps[-1] == tape.step_number - 1
    reader.say(type="query", request="q", recording=tape.id, kind="tensor", id="output/0")
    assert len(reader.tick(600)) == 400
