"""A Tensor works where an array does: NumPy's functions and protocols, and the library's own answers where PyTorch's are fixed."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random

import numpy as np
import pytest

import tapescope as ts

NO_GRAD = r"^Can't call numpy\(\) on Tensor that requires grad\. Use tensor\.detach\(\)\.numpy\(\) instead\."
X = np.arange(12, dtype=np.float32).reshape(3, 4)


def x() -> ts.Tensor:
    return ts.arange(12.0).reshape(3, 4)


FUNCTIONS = {
    "sin": np.sin, "exp": np.exp, "isnan": np.isnan, "sign": np.sign, "maximum": lambda a: np.maximum(a, 3), "round": lambda a: np.round(a, 1),
    "clip": lambda a: np.clip(a, 1, 3), "cumsum": np.cumsum, "argmax": np.argmax, "argsort": lambda a: np.argsort(a[0]), "sort": np.sort, "unique": np.unique,
    "where": lambda a: np.where(a > 3, 1, 0), "concatenate": lambda a: np.concatenate([a, a]),
    "stack": lambda a: np.stack([a, a]), "vstack": lambda a: np.vstack([a, a]), "transpose": np.transpose, "reshape": lambda a: np.reshape(a, (4, 3)),
    "ravel": np.ravel, "expand_dims": lambda a: np.expand_dims(a, 0), "swapaxes": lambda a: np.swapaxes(a, 0, 1), "pad": lambda a: np.pad(a, 1),
    "dot": lambda a: np.dot(a, a.T), "matmul": lambda a: np.matmul(a, a.T), "einsum": lambda a: np.einsum("ij,kj->ik", a, a), "norm": np.linalg.norm,
    "svd": lambda a: np.linalg.svd(a, compute_uv=False), "histogram": lambda a: np.histogram(a)[0], "percentile": lambda a: np.percentile(a, 30),
    "median": np.median, "corrcoef": np.corrcoef, "interp": lambda a: np.interp(a[0], [0, 1, 2, 3], [0, 2, 4, 6]), "diff": np.diff, "tile": lambda a: np.tile(a, 2),
    "fft": lambda a: np.abs(np.fft.fft(a)), "isclose": lambda a: np.isclose(a, a), "average": np.average, "nanmax": np.nanmax, "meshgrid": lambda a: np.meshgrid(a[0], a[1])[0],
    "permutation": lambda a: np.random.default_rng(0).permutation(a), "choice": lambda a: np.random.default_rng(0).choice(a[0], 5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_numpy_gives_what_it_gives_for_an_array(name):
    got, wanted = np.asarray(FUNCTIONS[name](x())), FUNCTIONS[name](X)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert got.dtype == np.asarray(wanted).dtype and got.shape == np.shape(wanted)


@pytest.mark.parametrize("question", [np.shape, np.ndim, len, lambda a: np.allclose(a, X), lambda a: np.array_equal(a, X), lambda a: np.iscomplexobj(np.asarray(a))])
def test_a_question_of_numpy_has_the_same_answer(question):
    assert question(x()) == question(X)


def test_asarray_shares_memory_both_ways():
    a = x()
    b = np.asarray(a)
    assert type(b) is np.ndarray and b.dtype == np.float32 and np.shares_memory(b, a.numpy())
    b[0, 0] = 100
    a[0, 1] = 200
    assert a[0, 0].item() == 100 and b[0, 1] == 200
    c = np.arange(3.0)
    d = ts.from_numpy(c)
    c[0] = 7
    d[1] = 8
    assert d.tolist() == [7, 8, 2] == c.tolist()


def test_asarray_with_a_type_or_a_copy_does_not_share():
    a = x()
    assert np.asarray(a, dtype=np.float64).dtype == np.float64
    copied = np.array(a, copy=True)
    copied[0, 0] = 100
    assert a[0, 0].item() == 0


@pytest.mark.parametrize(("value", "dtype"), [
    (ts.tensor([1, 2]), np.int64), (ts.tensor([1, 2], dtype=ts.uint8), np.uint8), (ts.tensor([True, False]), np.bool_), (ts.tensor([1.0], dtype=ts.float16), np.float16),
    (ts.tensor([1.0], dtype=ts.float64), np.float64), (ts.tensor([1j]), np.complex64), (ts.tensor(3.5), np.float32), (ts.empty(0, 4), np.float32),
])
def test_every_type_and_emptiness_come_over(value, dtype):
    array = np.asarray(value)
    assert array.dtype == dtype and array.shape == tuple(value.shape)


@pytest.mark.parametrize("use", [np.asarray, np.array, np.sin, lambda a: np.maximum(a, 0), lambda a: np.concatenate([a, a]), lambda a: a.numpy(), np.linalg.norm, np.median])
def test_a_tensor_in_training_says_to_detach(use):
    with pytest.raises(RuntimeError, match=NO_GRAD):
        use(x().requires_grad_())
    with pytest.raises(RuntimeError, match=NO_GRAD):
        use(x().requires_grad_() * 2)


def test_detached_it_shares_memory():
    a = x().requires_grad_()
    assert np.shares_memory(np.asarray(a.detach()), a.detach().numpy())
    with ts.no_grad():
        assert np.asarray(a * 2)[2, 3] == 22


@pytest.mark.parametrize(("name", "result"), [
    ("a + n", X + 1), ("n + a", 1 + X), ("a - n", X - 1), ("n - a", 1 - X), ("a * n", X), ("n * a", X), ("a / n", X), ("n / (a + n)", 1 / (X + 1)),
    ("a ** n", X), ("a @ m", X @ np.eye(4)), ("n > a", X < 1), ("a == n", X == 1),
])
def test_operators_with_arrays_make_tensors_that_learn(name, result):
    for dtype in (np.float32, np.float64):
        a = x().to(ts.float32 if dtype is np.float32 else ts.float64).requires_grad_()
        got = eval(name, {"a": a, "n": np.ones((3, 4), dtype), "m": ts.from_numpy(np.eye(4, dtype=dtype))})
        assert isinstance(got, ts.Tensor)
        np.testing.assert_allclose(got.detach().numpy(), result)
        if got.dtype.is_floating_point:
            got.sum().backward()
            assert a.grad.shape == a.shape


def test_arrays_take_tensors_as_values_and_indices():
    a = np.zeros((3, 4), np.float32)
    a[0], a[1, 1], a[2, :2] = x()[0], ts.tensor(7.0), x()[1, 2:]
    assert a.tolist() == [[0, 1, 2, 3], [0, 7, 0, 0], [6, 7, 0, 0]]
    b = np.arange(10)
    assert b[ts.tensor([1, 2])].tolist() == [1, 2] and b[ts.tensor(3)] == 3 and b[:4][ts.tensor([True, False, True, False])].tolist() == [0, 2]
    assert np.add(x(), 1, out=np.zeros((3, 4), np.float32))[2, 3] == 12


def test_lists_of_tensors_become_arrays():
    assert np.array([ts.tensor(1.0), ts.tensor(2.0)]).tolist() == [1, 2]
    assert np.array([ts.tensor([1.0, 2.0]), ts.tensor([2.0, 3.0])]).shape == (2, 2)
    assert np.mean([ts.tensor(1.0), ts.tensor(2.0)]) == 1.5


def test_python_numbers():
    one = ts.tensor(2.5)
    assert (float(one), int(one), bool(one), round(one.item()), math.sqrt(ts.tensor(4.0)), f"{one:.2f}") == (2.5, 2, True, 2, 2.0, "2.50")
    assert [10, 20, 30][ts.tensor(1)] == 20 and list(range(ts.tensor(3))) == [0, 1, 2]
    for many in (ts.ones(2), ts.empty(0)):
        with pytest.raises(RuntimeError, match=r"^Boolean value of Tensor with"):
            bool(many)


def test_iteration():
    a = x()
    assert len(a) == 3 and [row.tolist() for row in a] == X.tolist() == [row.tolist() for row in list(a)]
    assert all(isinstance(item, ts.Tensor) for item in a[0]) and [item.item() for item in reversed(a[0])] == [3, 2, 1, 0]
    first, *rest = ts.tensor([1, 2, 3])
    assert first == 1 and len(rest) == 2
    assert sum(a[0]).item() == 6 and max(a[0]).item() == 3 and [item.item() for item in sorted(-a[0])] == [-3, -2, -1, 0]
    assert [(i.item(), c) for i, c in zip(ts.tensor([1, 2]), "ab", strict=True)] == [(1, "a"), (2, "b")]
    assert 3 in ts.tensor([1, 2, 3]) and 4 not in ts.tensor([1, 2, 3])
    assert random.Random(0).choice(ts.tensor([5.0, 5.0])).item() == 5
    with pytest.raises(TypeError, match=r"^len\(\) of a 0-d tensor"):
        len(ts.tensor(1))
    with pytest.raises(TypeError, match=r"^iteration over a 0-d tensor"):
        list(ts.tensor(1))


def test_rows_of_an_iteration_learn():
    a = x().requires_grad_()
    sum(row.sum() * k for k, row in enumerate(a)).backward()
    assert a.grad.tolist() == [[0] * 4, [1] * 4, [2] * 4]


def test_json_through_lists():
    for value in (x(), ts.tensor(3), ts.tensor(2.5), ts.tensor([True, False]), ts.empty(0, 2), x().requires_grad_(), ts.tensor([float("inf")])):
        assert json.loads(json.dumps(value.tolist())) == value.tolist()
    assert x().tolist() == X.tolist() and ts.tensor(3).tolist() == 3 and type(ts.tensor([True]).tolist()[0]) is bool
    with pytest.raises(TypeError, match=r"^Object of type Tensor is not JSON serializable"):
        json.dumps(x())


@pytest.mark.parametrize("through", [copy.deepcopy, copy.copy, lambda a: pickle.loads(pickle.dumps(a)), lambda a: pickle.loads(pickle.dumps(a, protocol=2))])
def test_copies_and_pickles(through):
    for value in (x(), ts.tensor(3), ts.empty(0, 2), ts.tensor([True]), ts.tensor([1j]), x().t(), x()[:, 1:3], x().requires_grad_(), ts.nn.Parameter(x())):
        other = through(value)
        assert type(other) is type(value) and other.dtype == value.dtype and other.requires_grad == value.requires_grad
        np.testing.assert_array_equal(other.detach().numpy(), value.detach().numpy())


def test_a_deep_copy_is_apart_and_a_tensor_in_a_graph_says_why_it_cannot_be_copied():
    a = x().requires_grad_()
    a.grad = ts.ones(3, 4)
    other = copy.deepcopy(a)
    with ts.no_grad():
        other.zero_()
        other.grad.zero_()
    assert a.sum().item() == 66 and a.grad.sum().item() == 12
    with pytest.raises(RuntimeError, match=r"^Only Tensors created explicitly by the user"):
        copy.deepcopy(a * 2)
    both = copy.deepcopy({"w": a, "again": a})
    assert both["w"] is both["again"] and both["w"] is not a
