"""Damaged and hostile files: a clear error or the right data, never a crash, never code."""

from __future__ import annotations

import io
import pickle
import sys
import threading
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapescope as ts

ALLOWED = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError)
ran: list[str] = []
loading: list[int] = []            # the thread that loads, while it does


def sample(how):
    f = io.BytesIO()
    a = ts.arange(12.0).reshape(3, 4)
    ts.save({"a": a, "v": a[1], "n": [1, 2.5, "x", (True, None)], "p": ts.nn.Parameter(ts.ones(2))}, f, format=how)
    return f.getvalue()


FILES = {how: sample(how) for how in ("tapescope", "torch")}


def parts(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as z:
        return {n: z.read(n) for n in z.namelist()}


PARTS = {how: parts(raw) for how, raw in FILES.items()}


def zipped(entries):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        for name, data in entries.items():
            z.writestr(name, data)
    return f.getvalue()


def attempt(raw):
    """Loads; an error must be one that is meant, and what comes must be data that can be read through."""
    loading.append(threading.get_ident())
    try:
        found = ts.load(io.BytesIO(raw))
    except ALLOWED:
        return
    finally:
        loading.pop()
    repr(found)


@pytest.fixture(scope="module", autouse=True)
def watch():
    """Anything that runs a program, compiles code or opens a file for writing is seen, whoever does it."""
    def hook(event, args):
        if threading.get_ident() in loading and (event in ("os.system", "subprocess.Popen", "os.exec", "pickle.find_class", "ctypes.dlopen")
                                                 or (event == "open" and "w" in str(args[1]))):
            ran.append(event)

    sys.addaudithook(hook)


@pytest.mark.parametrize("how", FILES)
def test_every_cut(how):
    raw = FILES[how]
    for end in range(0, len(raw), 7):
        with pytest.raises(ALLOWED):
            ts.load(io.BytesIO(raw[:end]))


@pytest.mark.parametrize("how", FILES)
@given(st.data())
@settings(deadline=None, max_examples=150, derandomize=True)
def test_changed_bytes_of_the_file(how, data):
    raw = bytearray(FILES[how])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(raw))


@pytest.mark.parametrize(("how", "entry"), [("tapescope", "tapescope.json"), ("torch", "archive/data.pkl")])
@given(st.data())
@settings(deadline=None, max_examples=500, derandomize=True)
def test_changed_descriptions_with_a_right_crc(how, entry, data):
    entries = dict(PARTS[how])
    raw = bytearray(entries[entry])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        action = data.draw(st.integers(0, 2))
        if action == 0:
            raw[at] = data.draw(st.integers(0, 255))
        elif action == 1:
            del raw[at:at + data.draw(st.integers(1, 9))]
        else:
            raw[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    entries[entry] = bytes(raw)
    attempt(zipped(entries))


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=500, derandomize=True)
def test_any_bytes_as_a_pickle(raw):
    entries = dict(PARTS["torch"])
    entries["archive/data.pkl"] = b"\x80\x02" + raw
    attempt(zipped(entries))


def test_nothing_was_run():
    """Of all the files above. `pickle.find_class` would be Python's own unpickler at work."""
    assert ran == []


def test_the_watch_sees():
    f = io.BytesIO(pickle.dumps(ts.Size))
    before = len(ran)
    loading.append(threading.get_ident())
    pickle.Unpickler(f).load()
    loading.pop()
    assert ran[before:] == ["pickle.find_class"]
    del ran[before:]
