"""What is written to disk is what the tape in memory holds, and it is read the same way."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope.tape import registry
from tapescope.tape.store import TapeError
from tapescope.tape.store.disk import Disk

from .programs import train

KINDS = ("graph", "clocks", "gradients", "scalars", "stats", "histograms", "tensor", "projection", "findings")


def gather(tape: Any, kind: str, **options: Any) -> list[Any]:
    cursor, found = None, []
    while True:
        frames, cursor = tape.frames(kind, cursor, **options)
        if not frames:
            return found
        found += frames


def columns(frames: list[Any]) -> dict[str, Any]:
    names = [n for f in frames for n in f.columns]
    return {n: np.concatenate([f.columns[n] for f in frames if n in f.columns]) for n in dict.fromkeys(names)}


def same(a: list[Any], b: list[Any]) -> None:
    ca, cb = columns(a), columns(b)
    assert list(ca) == list(cb)
    for n in ca:
        assert ca[n].dtype == cb[n].dtype, n
        np.testing.assert_array_equal(ca[n], cb[n], err_msg=n)


def recorded(path: Path, steps: int = 120, probe: str | None = "activation/encoder.0", **options: Any) -> Any:
    tape = ts.record(path, **options)
    if probe:
        tape.probe(probe)
    train(steps, tape=tape, evaluate=True)
    tape.stop()
    assert not tape.follower.troubles, tape.follower.troubles
    return tape


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """A tape, and the same read from disk."""
    path = tmp_path_factory.mktemp("runs") / "exp1"
    return recorded(path, params={"lr": 0.1, "model": "net"}, values="histogram"), ts.load_tape(path)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_kind_is_read_as_from_memory(pair: tuple[Any, Any], kind: str) -> None:
    tape, got = pair
    options = {"id": "activation/encoder.0"} if kind == "projection" else {}
    a, b = gather(tape, kind, **options), gather(got, kind, **options)
    assert len(columns(a)) or kind == "findings"
    same(a, b)
    if kind in ("clocks", "gradients", "tensor", "projection"):
        assert [f.meta for f in a] == [f.meta for f in b]


def test_structures_are_the_same(pair: tuple[Any, Any]) -> None:
    tape, got = pair
    assert set(tape.graphs) == set(got.graphs)
    for number, g in tape.graphs.items():
        h = got.graphs[number]
        for name in ("op_name", "op_in", "op_shape", "op_node", "op_flags", "mod_path", "mod_last", "node_next", "node_src", "acc_node", "src_name", "first", "last", "count"):
            assert getattr(g, name) == getattr(h, name), name
        assert [g.where(i) for i in range(len(g.op_name))] == [h.where(i) for i in range(len(h.op_name))]
    assert tape.strings[:len(got.strings)] == got.strings


@pytest.mark.parametrize(("kind", "id"), [("scalars", "loss"), ("scalars", "grad_norm/"), ("stats", "weight/head.weight"), ("histograms", "weight/head.weight"),
                                          ("histograms", "grad/"), ("clocks", "0"), ("gradients", "0"), ("graph", "0"), ("tensor", "activation/encoder.0"),
                                          ("scalars", "no such tag")])
@pytest.mark.parametrize("steps", [None, (17, 40)])
@pytest.mark.parametrize("size", [1024, 1 << 20])
def test_windows_by_id_and_steps(pair: tuple[Any, Any], kind: str, id: str, steps: Any, size: int) -> None:
    tape, got = pair
    same(gather(tape, kind, id=id, steps=steps, max_bytes=size), gather(got, kind, id=id, steps=steps, max_bytes=size))


@pytest.mark.parametrize("kind", ["clocks", "gradients", "tensor"])
def test_a_few_that_end_with_the_newest(pair: tuple[Any, Any], kind: str) -> None:
    tape, got = pair
    for most in (1, 5):
        a, cursor_a = tape.frames(kind, most=most)
        b, cursor = got.frames(kind, most=most)
        assert 1 <= len(b) <= most
        assert b[-1].meta == a[-1].meta
        assert got.frames(kind, cursor)[0] == []


def test_what_it_says_of_itself(pair: tuple[Any, Any]) -> None:
    tape, got = pair
    assert (got.name, got.state, got.step_number, got.params) == ("exp1", "stopped", 120, {"lr": 0.1, "model": "net"})
    assert got.capabilities["can_step"] is False
    assert registry.get(got.id) is got
    assert repr(got).endswith(": stopped, 120 steps, values='histogram', 40 ops in 3 structures>") or "structures>" in repr(got)
    for call in (got.step, lambda: got.log_scalar("x", 1), lambda: got.probe("weight/none")):
        with pytest.raises(RuntimeError, match="was read from"):
            call()


def test_views_show_it(pair: tuple[Any, Any]) -> None:
    from tapescope.views import static

    tape, got = pair
    for picture in (static.graph_svg, static.metrics_svg, static.histograms_svg, static.backward_svg, static.findings_svg, static.projector_svg):
        svg = picture(got, key="activation/encoder.0") if picture is static.projector_svg else picture(got)
        assert svg.startswith("<svg")
    assert static.graph_svg(got) == static.graph_svg(tape)
    assert static.histograms_svg(got) == static.histograms_svg(tape)


def test_findings_come_with_it(tmp_path: Path) -> None:
    with ts.record(tmp_path / "bad") as tape:
        x = ts.zeros(4, requires_grad=True)
        for _ in range(3):
            (x.log() * 0 + x).sum().backward()
            tape.step()
    got = ts.load_tape(tmp_path / "bad")
    assert [repr(f) for f in got.findings()] == [repr(f) for f in tape.findings()]
    assert any(f.rule == "non-finite" for f in got.findings())


def test_save_writes_what_memory_holds(tmp_path: Path) -> None:
    tape = train(30)
    where = tape.save(tmp_path / "saved")
    got = ts.load_tape(where)
    for kind in KINDS[1:]:
        same(gather(tape, kind), gather(got, kind))
    assert tape.save(tmp_path / "saved") == tmp_path / "saved-2"
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TapeError, match="is a file"):
        tape.save(tmp_path / "file")


def test_a_taken_path_is_left_alone(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 5, None)
    before = (tmp_path / "a" / "tape.db").read_bytes()
    with ts.record(tmp_path / "a") as one, ts.record(tmp_path / "a") as two:
        ts.ones(2) + 1
    assert [t.path for t in (one, two)] == [tmp_path / "a-2", tmp_path / "a-3"]
    assert (tmp_path / "a" / "tape.db").read_bytes() == before
    assert any(f.rule == "recording-to-disk" and f.severity == "info" for f in one.findings())
    with pytest.raises(TapeError, match="another recording of this process"):
        with ts.record(tmp_path / "b"):
            Disk(tmp_path / "b", {})


def run(program: str, *args: Any, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program), *map(str, args)], stdout=subprocess.PIPE, text=True, **options)


def test_it_is_followed_from_another_process(tmp_path: Path) -> None:
    child = run("""
        import sys, time, tapescope as ts
        with ts.record(sys.argv[1]) as tape:
            x = ts.ones(3, requires_grad=True)
            for i in range(40):
                (x * x).sum().backward()
                tape.log_scalar("i", i)
                tape.step()
                time.sleep(0.02)
                if i == 3: time.sleep(0.3); print("go", flush=True)
    """, tmp_path / "live")
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    got = ts.load_tape(tmp_path / "live")
    assert got.state == "recording"
    heard: list[float] = []
    got.listen(lambda: heard.append(time.monotonic()))
    cursor, seen = None, []
    end = time.monotonic() + 20
    while time.monotonic() < end and (got.state == "recording" or len(seen) < 40):
        frames, cursor = got.frames("scalars", cursor, id="i")
        seen += [int(v) for f in frames for v in f.columns["value"]]
        time.sleep(0.05)
    child.wait()
    assert seen == list(range(40))
    assert len(heard) >= 3
    assert got.state == "stopped" and not got.status()["notes"]


def test_a_second_process_does_not_write_into_it(tmp_path: Path) -> None:
    child = run("import sys, tapescope as ts; t = ts.record(sys.argv[1]); print('go', flush=True); sys.stdin.read()", tmp_path / "a", stdin=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    try:
        with pytest.raises(TapeError, match="another process"):
            Disk(tmp_path / "a", {})
        with ts.record(tmp_path / "a") as tape:
            ts.ones(2) + 1
        assert tape.path == tmp_path / "a-2"
    finally:
        child.communicate()


def test_a_program_that_forgets_to_stop(tmp_path: Path) -> None:
    child = run("import sys, tapescope as ts; t = ts.record(sys.argv[1]); t.log_scalar('x', 1); t.step()", tmp_path / "a")
    assert child.wait() == 0
    got = ts.load_tape(tmp_path / "a")
    assert (got.state, got.step_number, got.status()["notes"]) == ("stopped", 1, [])


def test_a_forked_child_touches_nothing(tmp_path: Path) -> None:
    child = run("""
        import os, sys, time, tapescope as ts
        tape = ts.record(sys.argv[1])
        for i in range(5):
            tape.log_scalar("x", i); tape.step()
        time.sleep(0.3)
        pid = os.fork()
        if pid == 0:
            ts.ones(3) + 1
            tape.log_scalar("x", 100); tape.stop()
            sys.exit(0)
        os.waitpid(pid, 0)
        for i in range(5, 10):
            tape.log_scalar("x", i); tape.step()
        tape.stop()
    """, tmp_path / "a")
    assert child.wait() == 0
    got = ts.load_tape(tmp_path / "a")
    assert columns(gather(got, "scalars", id="x"))["value"].tolist() == list(range(10))


def test_without_a_write_ahead_log(tmp_path: Path) -> None:
    """SQLite's dot-file locks know no shared memory, as remote file systems do not."""
    tape = ts.record()
    train(10, tape=tape)
    tape.stop()
    from tapescope.tape.store.follow import Follower

    f = Follower(tape, tmp_path / "a", "unix-dotfile")
    f.close()
    assert list(f.troubles) == ["journal"]
    assert not (tmp_path / "a" / "tape.db-wal").exists()
    same(gather(tape, "stats"), gather(ts.load_tape(tmp_path / "a"), "stats"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    root = hasattr(os, "geteuid") and os.geteuid() == 0        # whom permissions do not stop
    tmp_path.chmod(0o500)
    with pytest.warns(RuntimeWarning, match="in memory only"):
        tape = ts.record(Path("/proc/self/a") if root else tmp_path / "a")
    train(3, tape=tape)
    tape.stop()
    assert any(f.rule == "recording-to-disk" and f.severity == "error" for f in tape.findings())


def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.warns(RuntimeWarning, match="in memory only"):
        tape = ts.record(tmp_path / "a")
    train(3, tape=tape)
    tape.stop()
    assert tape.step_number == 3 and tape.path is None
    assert [f.title for f in tape.findings() if f.severity == "error"] == ["this recording is not on disk"]
    assert (tmp_path / "a").read_text() == "x"


def test_a_disk_that_is_full_and_then_is_not(tmp_path: Path) -> None:
    """A limit of the size of files stands in for a full disk: training goes on, and what waited is written when there is room."""
    child = run("""
        import resource, sys, time, tapescope as ts
        from tapescope.tape.store import follow
        follow.AGAIN = 0.2
        tape = ts.record(sys.argv[1])
        time.sleep(0.2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        for i in range(20_000):
            tape.log_scalar("x", i)
            if i % 1000 == 0: tape.step(); time.sleep(0.05)
        time.sleep(0.3)
        found = [f for f in tape.findings() if f.rule == "recording-to-disk"]
        print(found[0].title if found else None, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        tape.stop()
        print(tape.error, flush=True)
    """, tmp_path / "a")
    out = child.communicate()[0].splitlines()
    assert out[0].endswith("cannot be written") and out[1] == "None"
    assert columns(gather(ts.load_tape(tmp_path / "a"), "scalars", id="x"))["value"].tolist() == list(range(20_000))


# -- what is no tape ----------------------------------------------------------------------------------------------------------


def test_what_is_no_tape(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"is no recording: it has no tape\.db"):
        ts.load_tape(tmp_path)
    (tmp_path / "tape.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(TapeError, match="no database"):
        ts.load_tape(tmp_path)
    (tmp_path / "tape.db").unlink()
    db = sqlite3.connect(tmp_path / "tape.db")
    db.execute("CREATE TABLE other(x)")
    db.close()
    with pytest.raises(TapeError, match="a database, but no recording"):
        ts.load_tape(tmp_path)


def altered(path: Path, *statements: str) -> Path:
    db = sqlite3.connect(path / "tape.db")
    for s in statements:
        db.execute(s)
    db.commit()
    db.close()
    return path


def test_a_newer_schema_names_the_version_it_needs(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 3, None)
    altered(tmp_path / "a", "UPDATE meta SET value='7' WHERE name='schema'", "UPDATE meta SET value='\"2.3.0\"' WHERE name='needs'")
    with pytest.raises(TapeError, match=r"has schema 7.*reads up to 2: install tapescope>=2\.3\.0"):
        ts.load_tape(tmp_path / "a")


def test_tables_that_no_recording_has(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 3, None)
    altered(tmp_path / "a", "CREATE TRIGGER t AFTER INSERT ON block BEGIN DELETE FROM meta; END")
    with pytest.raises(TapeError, match="trigger 't'"):
        ts.load_tape(tmp_path / "a")


def test_damage_is_named_by_file_and_place(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 60)
    blob = tmp_path / "a" / "blobs-000.bin"
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    got = ts.load_tape(tmp_path / "a")
    with pytest.raises(TapeError, match=r"blobs-000\.bin: 'activation/encoder\.0' at step \d+ .*checksum is wrong"):
        gather(got, "tensor")
    altered(tmp_path / "a", "UPDATE block SET data = zeroblob(length(data)) WHERE id = (SELECT max(id) FROM block)")
    got = ts.load_tape(tmp_path / "a")
    found = list(got._shelf.verify())
    assert len(found) == 2 and any("tape.db: block" in f for f in found)


def test_nothing_is_pickled_and_meta_is_plain(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 5)
    db = sqlite3.connect(tmp_path / "a" / "tape.db")
    for table, column in (("meta", "value"), ("state", "value"), ("layout", "columns"), ("block", "meta")):
        for (text,) in db.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
            json.loads(text)
    db.close()



def test_what_is_logged_in_words(tmp_path: Path) -> None:
    with ts.record(tmp_path / "a") as tape:
        tape.log("text", "notes", "first line", 0)
        tape.step()
    same(gather(tape, "media"), gather(ts.load_tape(tmp_path / "a"), "media"))
    assert columns(gather(tape, "media"))
