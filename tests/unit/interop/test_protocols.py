"""NumPy's numbers among tensors, and what the protocols of NumPy, copy and matplotlib ask for."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tapescope as ts


@pytest.mark.parametrize("use", [
    lambda t: t * np.float64(2), lambda t: np.float64(2) * t, lambda t: t + np.float64(2), lambda t: t / np.float64(2),
    lambda t: t.mul(np.float64(2)), lambda t: t.clamp(np.float64(0.5)),
])
def test_a_numpy_number_does_not_widen_a_tensor(use):
    assert use(ts.ones(2)).dtype == ts.float32


@pytest.mark.parametrize(("values", "dtype"), [([np.float64(1)], "float64"), ([np.float32(1), np.float64(2)], "float64"), ([np.int32(1)], "int32")])
def test_a_list_of_numpy_numbers_keeps_their_type(values, dtype):
    assert str(ts.tensor(values).dtype) == f"torch.{dtype}"


def test_a_shallow_copy_of_a_result_still_requires_grad():
    assert copy.copy(ts.ones(2, requires_grad=True) * 2).requires_grad


def test_plot_of_a_tensor_in_training_says_to_detach():
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        plt.plot(ts.ones(3, requires_grad=True))


@pytest.mark.parametrize("convert", [float, int])
def test_a_tensor_of_many_is_no_number(convert):
    with pytest.raises(ValueError, match=r"^only one element tensors can be converted to Python scalars"):
        convert(ts.ones(2))


def test_plot_of_a_matrix():
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    assert len(plt.plot(ts.rand(8, 9))) == 9


def test_no_silent_copy():
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(ts.ones(2), dtype=np.int64, copy=False)


def test_from_numpy_of_text():
    with pytest.raises(TypeError, match=r"^can't convert np.ndarray of type numpy\.str_\."):
        ts.from_numpy(np.array(["a"]))
