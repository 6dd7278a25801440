"""Files that PyTorch writes and reads, and what its checkpoints may not do here."""

from __future__ import annotations

import collections
import io
import os
import pickle
import pickletools
import struct
import zipfile

import numpy as np
import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: its files are not compared")


def to_ours(obj, **how):
    f = io.BytesIO()
    torch.save(obj, f)
    f.seek(0)
    return ts.load(f, **how)


def to_torch(obj):
    f = io.BytesIO()
    ts.save(obj, f, format="torch")
    f.seek(0)
    return torch.load(f, weights_only=True)


DATA = [None, True, 1, -5, 1 << 70, 1.5, "ü", b"\x00\xff", bytearray(b"x"), 2j, [1, (2, 3, 4, 5)], {"a": {1: 2}}, {1, 2}, collections.OrderedDict(a=1), collections.Counter("aab")]


def test_data_both_ways():
    assert to_ours(DATA) == DATA and to_torch(DATA) == DATA
    assert repr(to_ours([torch.float32, torch.Size([2, 3]), torch.device("cpu")])) == "[torch.float32, torch.Size([2, 3]), device(type='cpu')]"
    assert repr(to_torch([ts.float32, ts.Size([2, 3]), ts.device("cpu")])) == "[torch.float32, torch.Size([2, 3]), device(type='cpu')]"


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128"])
def test_tensors_both_ways(name):
    a = torch.arange(24).reshape(2, 3, 4).to(getattr(torch, name))
    ours = to_ours([a, a[1, ::2], a.permute(2, 0, 1), a[:0], a[0, 0, 1], a[:, :1].expand(2, 3, 4)])
    theirs = to_torch(ours)
    for o, t, e in zip(ours, theirs, [a, a[1, ::2], a.permute(2, 0, 1), a[:0], a[0, 0, 1], a[:, :1].expand(2, 3, 4)], strict=True):
        assert str(o.dtype) == str(e.dtype) and (o.stride() == e.stride() == t.stride() or not e.numel()) and torch.equal(t, e) and np.array_equal(o.numpy(), e.numpy())
    theirs[0].zero_()
    assert not theirs[2].any()
    ours[0].zero_()
    assert not ours[1].any()


def test_bfloat16_keeps_its_values():
    a = torch.tensor([1.5, -3.0e38, float("inf"), 1e-39], dtype=torch.bfloat16)
    found = to_ours({"all": a, "some": a[1:3]})
    assert np.array_equal(found["all"].numpy(), a.float().numpy()) and np.array_equal(found["some"].numpy(), a[1:3].float().numpy())


def test_parameters_attributes_and_shared_modules():
    p = torch.nn.Parameter(torch.ones(2))
    t = torch.ones(2, requires_grad=True)
    t.tag = "x"
    found = to_ours([p, t, p])
    assert type(found[0]) is ts.nn.Parameter and found[0] is found[2] and found[1].tag == "x" and found[1].requires_grad
    back = to_torch(found)
    assert type(back[0]) is torch.nn.Parameter and back[0] is back[2] and back[1].tag == "x" and back[1].requires_grad


def test_a_checkpoint_goes_back_and_forth():
    def net(lib):
        m = lib.nn.Sequential(lib.nn.Conv2d(1, 4, 3), lib.nn.BatchNorm2d(4), lib.nn.Flatten(), lib.nn.Linear(4 * 36, 3))
        return m, lib.optim.Adam(m.parameters())

    theirs, opt = net(torch)
    x = torch.randn(2, 1, 8, 8)
    theirs(x).sum().backward()
    opt.step()
    state = to_ours({"m": theirs.state_dict(), "o": opt.state_dict()})
    ours, our_opt = net(ts)
    assert str(ours.load_state_dict(state["m"])) == "<All keys matched successfully>"
    our_opt.load_state_dict(state["o"])
    theirs.eval()
    ours.eval()
    assert np.allclose(ours(ts.from_numpy(x.numpy())).detach().numpy(), theirs(x).detach().numpy(), atol=1e-5)
    back = to_torch({"m": ours.state_dict(), "o": our_opt.state_dict()})
    again, opt2 = net(torch)
    assert str(again.load_state_dict(back["m"])) == "<All keys matched successfully>"
    opt2.load_state_dict(back["o"])
    assert back["m"]._metadata == theirs.state_dict()._metadata
    assert torch.equal(opt2.state[again[0].weight]["exp_avg"], opt.state[theirs[0].weight]["exp_avg"])


def test_numbers_of_numpy_are_read():
    found = to_ours({"a": np.float64(2.5), "b": np.arange(6).reshape(2, 3).T, "c": np.array(["ab"])})
    assert found["a"] == 2.5 and (found["b"] == np.arange(6).reshape(2, 3).T).all() and found["c"][0] == "ab"


class Danger:
    """Runs a command when it is unpickled."""

    def __init__(self, call, *args):
        self.call = call, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(("what", "says"), [
    (Danger(os.system, "touch SHOULD_NOT_BE"), "GLOBAL posix.system whose module posix is blocked"), (Danger(eval, "1"), "GLOBAL eval was not an allowed"),
    (Danger(getattr, 1, "real"), "GLOBAL getattr"), (np.array([Danger(exec, "1")], object), "holds more than numbers and text|object"), (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    (torch.ones(2).to_sparse(), "_rebuild_sparse_tensor"),
    (torch.ones(2).to(torch.float8_e5m2), "torch.float8_e5m2|Float8"), (torch.zeros(2, dtype=torch.uint16), "uint16|UInt16"),
    (collections.defaultdict(list), "collections.defaultdict"),
], ids=lambda x: type(x).__name__ if not isinstance(x, str) else x[:20])
def test_what_is_no_data_is_refused_by_name(what, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    f = io.BytesIO()
    torch.save([1, what], f)
    f.seek(0)
    with pytest.raises(pickle.UnpicklingError, match=f"Weights only load failed(.|\n)*({says})"):
        ts.load(f)
    assert list(tmp_path.iterdir()) == []


class Settings:
    def __init__(self):
        self.lr = 0.1


def test_a_trusted_class_is_built():
    with pytest.raises(pickle.UnpicklingError, match=r"Settings was not an allowed global by default. Please use `torch.serialization.add_safe_globals"):
        to_ours(Settings())
    with ts.serialization.safe_globals([Settings]):
        assert to_ours(Settings()).lr == 0.1
    assert ts.serialization.get_safe_globals() == []
    assert to_ours({"s": Settings(), "t": torch.ones(1)}, weights_only=False)["s"].lr == 0.1
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules\.linear\.Linear"):
        to_ours(torch.nn.Linear(1, 1), weights_only=False)


def packed(pkl, **entries):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        z.writestr("a/data.pkl", pkl)
        z.writestr("a/data/0", entries.get("data", bytes(8)))
        z.writestr("a/version", "3\n")
    f.seek(0)
    return f


def tensor_pickle(count=2, offset=0, size=(2,), stride=(1,), grad=False, kind="FloatStorage", key="0", location="cpu"):
    def number(n):
        return b"\x8a\x09" + n.to_bytes(9, "little", signed=True)

    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def numbers(v):
        return b"(" + b"".join(map(number, v)) + b"t"

    return (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text(location) + number(count) + b"tQ"
            + number(offset) + numbers(size) + numbers(stride) + (b"\x88" if grad else b"\x89") + b"ccollections\nOrderedDict\n)RtR.")


def test_a_pickle_made_by_hand_is_read():
    assert ts.load(packed(tensor_pickle())).tolist() == torch.load(packed(tensor_pickle())).tolist() == [0, 0]


@pytest.mark.parametrize(("change", "says"), [
    ({"size": (3,)}, "ends at byte 12 of a storage that has 8"), ({"offset": 1}, "ends at byte 12"), ({"offset": -1}, "whole numbers, not -4"),
    ({"size": (-2,)}, "whole numbers, not -2"), ({"stride": (-1,)}, "whole numbers, not -1"), ({"stride": (1, 1)}, "1 sizes and 2 strides"),
    ({"size": (1 << 61, 1 << 61), "stride": (0, 0)}, "a storage that has 8|big|large|too"), ({"size": (2,) * 65, "stride": (0,) * 65}, "65 sizes"),
    ({"count": 3}, "has 8 bytes, its description claims 3 elements"), ({"count": -1}, "claims -1"), ({"key": "1"}, "there is no entry 'a/data/1'"),
    ({"key": "../data.pkl"}, "there is no entry"), ({"kind": "IntStorage", "grad": True}, "cannot require gradients"), ({"kind": "Tensor"}, "a storage is"),
    ({"location": "tpu"}, "don't know how to restore data location"),
])
def test_tensors_that_reach_beyond_their_memory(change, says):
    with pytest.raises((RuntimeError, pickle.UnpicklingError), match=says):
        ts.load(packed(tensor_pickle(**change)))


DEEP_TUPLE = b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"Ns."
DOUBLED = b"\x80\x02})" + b"".join(b"r" + struct.pack("<I", i) + b"j" + struct.pack("<I", i) + b"\x86" for i in range(90)) + b"Ns."


@pytest.mark.parametrize(("pkl", "says"), [
    (DEEP_TUPLE, "a key of more than 100 tuples"), (DOUBLED, "more than 10000 parts"), (b"\x80\x02]" + b"]" * 10 + b"R.", "Trying to call reduce"),
    (b"\x80\x02X\xff\xff\xff\x7fab.", "ends too soon"), (b"\x80\x02\x8e" + b"\xff" * 8 + b".", "ends too soon"), (b"\x80\x02.", "damaged"), (b"", "damaged"),
    (b"\x80\x02ctorch\nTensor\n.", "holds no data"), (b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb.", "dict of new names"),
    (b"\x80\x02j\xff\xff\xff\xff.", "recalls object"), (b"\x80\x02cbuiltins\nset\n]]a\x85R.", "unhashable"), (b"\x80\x02\x82\x01.", "instruction 0x82"),
    (b"\x80\x02(Vx\nios\nsystem\n.", "instruction"), (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "posix is blocked"), (b"\x80\x02K\x01Q.", "persistent_load"),
    (b"\x80\x09.", "newer than 5"), (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00rot1\x86R.", "makes bytes of text only"),
], ids=range(17))
def test_pickles_that_nobody_wrote(pkl, says):
    with pytest.raises(pickle.UnpicklingError, match=says):
        ts.load(packed(pkl))


def test_our_pickles_are_in_order():
    f = io.BytesIO()
    ts.save(DATA + [ts.ones(3), ts.nn.Parameter(ts.ones(1))] + [str(i) for i in range(300)], f, format="torch")
    with zipfile.ZipFile(f) as z:
        pickletools.dis(z.read("archive/data.pkl"), io.StringIO())


def test_safetensors_both_ways(tmp_path):
    st = pytest.importorskip("safetensors.torch")
    path = tmp_path / "a.safetensors"
    theirs = {"a": torch.randn(3, 4), "i": torch.arange(5), "b": torch.tensor([True]), "h": torch.ones(2).half(), "e": torch.ones(0, 2), "s": torch.tensor(2.5)}
    st.save_file(theirs | {"bf": torch.tensor([1.5, -2], dtype=torch.bfloat16)}, path, metadata={"who": "they"})
    ours = ts.safetensors.load_file(path)
    assert ours.pop("bf").tolist() == [1.5, -2]
    assert {k: (str(v.dtype), v.tolist()) for k, v in ours.items()} == {k: (str(v.dtype), v.tolist()) for k, v in theirs.items()}
    assert {k: v.tolist() for k, v in ts.safetensors.load(path.read_bytes()).items()} == {k: v.tolist() for k, v in ours.items()} | {"bf": [1.5, -2]}
    with ts.safetensors.safe_open(path, "pt") as f:
        assert f.metadata() == {"who": "they"} and sorted(f.keys()) == sorted([*ours, "bf"])
        piece = f.get_slice("a")
        assert piece.get_shape() == [3, 4] and piece.get_dtype() == "F32" and piece[1:, :2].tolist() == theirs["a"][1:, :2].tolist()
        assert f.get_slice("bf")[1:].tolist() == [-2]
    ts.safetensors.save_file(ours, path, {"who": "we"})
    back = st.load_file(path)
    assert all(torch.equal(back[k], v) for k, v in theirs.items())
    assert ts.safetensors.save(ours) == st.save(back)


def test_safetensors_refuse_what_they_cannot_hold(tmp_path):
    pytest.importorskip("safetensors.torch")
    a = ts.ones(4, 4)
    path = tmp_path / "x"
    for wrong, error, says in (({"a": a, "b": a[1]}, RuntimeError, "Some tensors share memory"), ({"a": a[:, 0]}, ValueError, "non contiguous tensor: `a`"),
                               ({"a": 1}, ValueError, "Key `a` is invalid"), ([a], ValueError, "Expected a dict")):
        with pytest.raises(error, match=says):
            ts.safetensors.save_file(wrong, path)
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(Exception, match=r"[Hh]eader|invalid|deserializ"):
        ts.safetensors.load_file(path)


def test_tied_weights_in_safetensors(tmp_path):
    st = pytest.importorskip("safetensors.torch")

    def net(lib):
        m = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.Linear(3, 3))
        m[1].weight = m[0].weight
        return m

    ours, theirs = net(ts), net(torch)
    ts.safetensors.save_model(ours, tmp_path / "o")
    st.load_model(theirs, tmp_path / "o")
    assert theirs[1].weight.tolist() == ours[0].weight.tolist()
    st.save_model(theirs, tmp_path / "t")
    fresh = net(ts)
    assert ts.safetensors.load_model(fresh, tmp_path / "t") == (set(), [])
    assert fresh[1].weight is fresh[0].weight and fresh[0].weight.tolist() == ours[0].weight.tolist()
    with pytest.raises(RuntimeError, match='Missing key'):
        ts.safetensors.load_model(ts.nn.Sequential(ts.nn.Linear(3, 3), ts.nn.Linear(3, 3)), tmp_path / "t")
