"""`save` and `load` in our own format: what comes back, what shares memory, what is refused."""

from __future__ import annotations

import collections
import io
import json
import math
import pickle
import zipfile

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn


def again(obj, weights_only=None, **how):
    f = io.BytesIO()
    ts.save(obj, f, **how)
    f.seek(0)
    return ts.load(f, weights_only=weights_only)


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
@pytest.mark.parametrize("value", [
    None, True, 0, -1, 255, 256, 70000, -(1 << 31), 1 << 62, -(1 << 200), 1.5, -0.0, math.inf, "", "ü\n\ud800", b"", b"\x00\xff", bytearray(b"ab"), 3 - 4j,
    (), (1,), (1, 2), (1, 2, 3), (1, (2, (3, (4,)))), [], [1, [2, []]], {}, {"a": 1, 2: {"b": None}, (1, "x"): 0.5, None: 1, True: 2}, {1, 2}, set(),
    collections.OrderedDict(b=1, a=2), collections.Counter("aab"), ts.Size([2, 3]), ts.float16, ts.bool, ts.device("cpu"),
], ids=repr)
def test_data_comes_back(value, how):
    found = again(value, **how)
    assert found == value and type(found) is type(value) and repr(found) == repr(value)


@pytest.mark.parametrize("value", [frozenset({1, (2, 3)}), slice(1, None, 2), range(3, 9, 2), np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("ab")], ids=repr)
def test_what_only_our_own_format_holds(value):
    found = again(value)
    assert found == value and type(found) is type(value)
    with pytest.raises(TypeError, match=f"this holds a .*{type(value).__name__}"):
        again(value, format="torch")


def test_nan_is_a_number_too():
    assert math.isnan(again([math.nan])[0])


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
@pytest.mark.parametrize("dtype", [ts.float16, ts.float32, ts.float64, ts.int8, ts.int16, ts.int32, ts.int64, ts.uint8, ts.bool, ts.complex64, ts.complex128])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_come_back(dtype, shape, how):
    t = ts.tensor(np.arange(math.prod(shape)).reshape(shape) % 3).to(dtype)
    found = again(t, **how)
    assert found.dtype is dtype and found.shape == t.shape and ts.equal(found, t) and found._array.flags.writeable


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3).T, np.array(["a", "bc"]), np.array([b"x"]), np.array([], "f4"), np.array(3.5), np.arange(4)[::-1],
                                   np.array(["2020-01-01"], "M8[D]"), np.arange(3, dtype=">i4")], ids=str)
def test_arrays_come_back(array):
    found = again(array)
    assert found.dtype == array.dtype and (found == array).all() and found.shape == array.shape


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
def test_memory_that_is_shared_stays_shared_and_is_written_once(how):
    a = ts.zeros(100, 100)
    parts = {"whole": a, "row": a[3], "column": a[:, 4], "turned": a.t(), "alone": ts.ones(2)}
    f = io.BytesIO()
    ts.save(parts, f, **how)
    assert len(f.getvalue()) < 45_000
    found = ts.load(io.BytesIO(f.getvalue()))
    found["row"].fill_(7)
    assert found["whole"][3].sum() == 700 and found["column"][3] == 7 and found["turned"][0, 3] == 7 and found["alone"].sum() == 2
    assert found["turned"].stride() == (1, 100)
    before = found["whole"]._version
    found["column"].add_(1)
    assert found["whole"]._version > before


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
def test_a_small_view_does_not_bring_its_base(how):
    f = io.BytesIO()
    ts.save(ts.zeros(1000, 1000)[5], f, **how)
    assert len(f.getvalue()) < 8000


def test_other_readings_of_one_memory():
    a = np.arange(4, dtype=np.float32)
    t, bits = ts.from_numpy(a), ts.from_numpy(a.view(np.int32))
    found = again([t, bits])
    found[1].zero_()
    assert found[0].sum() == 0
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        again([t, bits], format="torch")


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
def test_one_object_stays_one_object(how):
    t, inner = ts.ones(2), [1]
    found = again({"a": t, "b": t, "c": inner, "d": (inner, inner)}, **how)
    assert found["a"] is found["b"] and found["c"] is found["d"][0] is found["d"][1]
    inner.append(inner)
    found = again(inner, **how)
    assert found[1] is found


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
def test_parameters_gradients_and_attributes(how):
    p, t = nn.Parameter(ts.ones(2)), ts.ones(3, requires_grad=True)
    t.tag = "x"
    frozen = nn.Parameter(ts.zeros(1), requires_grad=False)
    found = again([p, t, t * 2, frozen], **how)
    assert type(found[0]) is nn.Parameter and found[0].requires_grad and not found[3].requires_grad and type(found[3]) is nn.Parameter
    assert found[1].requires_grad and found[1].tag == "x" and found[1].is_leaf
    assert found[2].requires_grad and found[2].is_leaf


@pytest.mark.parametrize("how", [{}, {"format": "torch"}])
def test_a_training_goes_on_where_it_was_saved(how, tmp_path):
    def parts(seed):
        ts.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        return model, ts.optim.Adam(model.parameters(), lr=0.1)

    def train(model, opt, steps):
        for i in range(steps):
            x = ts.full((8, 4), float(i)) + ts.arange(8.0)[:, None]
            opt.zero_grad()
            model(x).square().mean().backward()
            opt.step()
        return model.state_dict()

    model, opt = parts(0)
    train(model, opt, 3)
    ts.save({"model": model.state_dict(), "opt": opt.state_dict(), "epoch": 3}, tmp_path / "c.pt", **how)
    expected = train(model, opt, 3)
    fresh, fresh_opt = parts(1)
    saved = ts.load(tmp_path / "c.pt")
    fresh.load_state_dict(saved["model"])
    fresh_opt.load_state_dict(saved["opt"])
    assert saved["model"]._metadata["1"] == {"version": 2}
    for k, v in train(fresh, fresh_opt, 3).items():
        assert ts.equal(v, expected[k]), k


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
        self.b.weight = self.a.weight
        self.note = {"n": 1}

    def forward(self, x):
        return self.b(self.a(x))


def test_a_whole_module_needs_a_word():
    net = Net()
    with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed. The file holds a .*Net, saved as a whole object(.|\n)*weights_only=False"):
        again(net)
    found = again({"net": net, "epoch": 1}, weights_only=False)["net"]
    assert type(found) is Net and found.b.weight is found.a.weight and found.note == {"n": 1} and len(list(found.parameters())) == 3
    x = ts.randn(3, 2)
    assert ts.equal(found(x), net(x))
    with pytest.raises(TypeError, match=r"format='torch' holds tensors, containers and numbers only, and this holds a .*Net"):
        again(net, format="torch")


def test_nothing_is_written_where_nothing_can_be_saved(tmp_path):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        ts.save({"f": lambda: 0}, tmp_path / "x.pt")
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist\."):
        ts.save(1, tmp_path / "nowhere" / "x.pt")
    with pytest.raises(FileNotFoundError):
        ts.load(tmp_path / "y.pt")
    assert list(tmp_path.iterdir()) == []


def test_mapped_tensors_are_private(tmp_path):
    path = tmp_path / "a.pt"
    for how in ({}, {"format": "torch"}):
        ts.save({"a": ts.arange(1000.0), "b": ts.ones(3)}, path, **how)
        before = path.read_bytes()
        found = ts.load(path, mmap=True)
        assert ts.equal(found["a"], ts.arange(1000.0)) and found["a"]._array.ctypes.data % 64 == 0
        found["a"].zero_()
        assert found["a"].sum() == 0 and path.read_bytes() == before
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        ts.load(io.BytesIO(before), mmap=True)


def test_where_tensors_go():
    f = io.BytesIO()
    ts.save(ts.ones(2), f)
    seen = []
    for where in ("cpu", ts.device("cpu"), {"cuda:0": "cpu"}, lambda stored, location: seen.append((stored.nbytes(), location))):
        f.seek(0)
        assert ts.load(f, map_location=where).device == ts.device("cpu")
    assert seen == [(8, "cpu")]
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda device type"):
        ts.load(f, map_location="moon")


@pytest.mark.parametrize(("change", "says"), [
    (lambda h: h.update(version=99), "version 99 of the format; this version of Tapescope reads 1"),
    (lambda h: h.update(byteorder="middle"), "'middle' byte order"),
    (lambda h: h.update(root=[7]), "there is no node 7"),
    (lambda h: h["nodes"].append(["mystery", 1]), "'mystery', which this version does not know"),
    (lambda h: h["nodes"][0][1].update(shape=[3]), "ends at byte 12 of a storage that has 8"),
    (lambda h: h["nodes"][0][1].update(offset=-4), "whole numbers, not -4"),
    (lambda h: h["nodes"][0][1].update(strides=[1 << 60]), "a storage that has 8"),
    (lambda h: h["nodes"][0][1].update(storage=5), "there is no entry 'data/5'"),
    (lambda h: h["nodes"][0][1].update(storage="../x"), "a storage is a number"),
    (lambda h: h["nodes"][0][1].update(dtype="object"), "there is no dtype 'object' here"),
    (lambda h: h["nodes"][0][1].update({"class": "Module"}), "KeyError: 'Module'"),
    (lambda h: h["nodes"].insert(0, ["tuple", [[0]]]), "node 0 is used before it is made"),
    (lambda h: h["nodes"].append(["set", [[2]]]) or h["nodes"].append(["list", []]), "unhashable type: list"),
    (lambda h: h["nodes"].append(["array", {"storage": 0, "dtype": "|O8", "shape": [1], "strides": [1], "offset": 0}]), "holds more than numbers"),
])
def test_a_description_that_nobody_wrote(change, says):
    f = io.BytesIO()
    ts.save(ts.ones(2), f)
    with zipfile.ZipFile(f) as z:
        head, data = json.loads(z.read("tapescope.json")), z.read("data/0")
    change(head)
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        z.writestr("tapescope.json", json.dumps(head))
        z.writestr("data/0", data)
    f.seek(0)
    with pytest.raises((RuntimeError, pickle.UnpicklingError), match=says):
        ts.load(f)


@pytest.mark.parametrize(("raw", "error", "says"), [
    (b"", EOFError, "Ran out of input"), (b"hello world", RuntimeError, "this one with b'hell'"), (pickle.dumps([1]), RuntimeError, "This is a pickle"),
    (b"\x89HDF\r\n\x1a\n", RuntimeError, "h5py"), (b"\x10\0\0\0\0\0\0\0{}", RuntimeError, "safetensors.load_file"), (b"PK\x03\x04", RuntimeError, "central directory")])
def test_a_file_of_another_kind_is_named(raw, error, says):
    with pytest.raises(error, match=says):
        ts.load(io.BytesIO(raw))


def test_a_compressed_zip_is_refused():
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("tapescope.json", "{}" + " " * 1000)
    f.seek(0)
    with pytest.raises(RuntimeError, match=r"is compressed; pack it again with stored entries \(zip -0\)"):
        ts.load(f)
    with pytest.raises(TypeError, match="opened in binary mode"):
        ts.load(io.StringIO("PK"))
