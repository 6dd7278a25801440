"""Windows of poolings and convolutions that cannot be: PyTorch's words, its order of checks, and its results where it takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is nothing to compare with")

# a pooling, the shapes of inputs, and the arguments of calls
CALLS: list[tuple[str, list[tuple[int, ...]], list[dict[str, Any]]]] = [
    ("max_pool1d", [(2, 3, 5)], [{"kernel_size": k} for k in (0, -1, 9, (2, 2), (2,))] + [{"kernel_size": -1, "stride": 1}, {"kernel_size": 0, "stride": 1}]
     + [{"kernel_size": 2, name: v} for name in ("padding", "stride", "dilation") for v in (-1, 0, 2, (1, 1))]
     + [{"kernel_size": 4, "dilation": 2, "padding": p} for p in (2, 3)] + [{"kernel_size": 5, "stride": 2, "ceil_mode": True, "padding": 2}]
     + [{"kernel_size": k, "return_indices": True, **more} for k in (0, 2, 9) for more in ({}, {"stride": 0}, {"padding": -1})]),
    ("max_pool1d", [(5,), (), (0,), (0, 5), (0, 3, 5), (2, 0, 5), (2, 3, 0), (2, 3, 4, 5)], [{"kernel_size": 2}, {"kernel_size": 0}]),
    ("max_pool1d", [(0, 5), (0, 3, 5), (2, 0, 5)], [{"kernel_size": 2, "return_indices": True}]),
    ("avg_pool1d", [(2, 3, 5)], [{"kernel_size": k} for k in (0, 9, (2, 2))] + [{"kernel_size": 2, name: v} for name in ("padding", "stride") for v in (-1, 0, 2, (1, 1))]),
    ("avg_pool1d", [(5,), (0, 5), (0, 3, 5), (2, 0, 5), (2, 3, 4, 5)], [{"kernel_size": 2}]),
    ("max_pool2d", [(2, 3, 5, 5), (3, 5, 5), (2, 3, 1, 5)], [{"kernel_size": k} for k in (0, 2, 7, (2, 3, 4), (2, 7))] + [{"kernel_size": 0, "stride": 1}]
     + [{"kernel_size": 2, "stride": v} for v in (-1, 0, (1, 0))] + [{"kernel_size": 2, "dilation": v} for v in (0, (1, -1), 2)]
     + [{"kernel_size": (2, 3), "padding": v} for v in (-1, (0, 2), (2, 0), 1)] + [{"kernel_size": 4, "dilation": 2, "padding": 3}, {"kernel_size": 3, "stride": 3, "dilation": 2}]
     + [{"kernel_size": 7, "stride": 7, "ceil_mode": True}]),
    ("max_pool2d", [(5, 5), (0, 5, 5), (0, 3, 5, 5), (2, 0, 5, 5), (1, 2, 3, 4, 5)], [{"kernel_size": 2}]),
    ("avg_pool2d", [(2, 3, 5, 5)], [{"kernel_size": k} for k in (0, 2, 7)] + [{"kernel_size": 0, "stride": 1}] + [{"kernel_size": 2, "stride": v} for v in (-1, 0)]
     + [{"kernel_size": 2, "padding": v} for v in (-1, 1, 2)]),
    ("avg_pool2d", [(5,), (5, 5), (0, 5, 5), (0, 3, 5, 5), (2, 0, 5, 5), (1, 2, 3, 4, 5)], [{"kernel_size": 2}]),
    ("max_pool3d", [(2, 3, 5, 5, 5), (3, 5, 5, 5)], [{"kernel_size": k} for k in (0, 2, 7, (1, 2, 7))] + [{"kernel_size": 0, "stride": 1}]
     + [{"kernel_size": 2, "stride": v} for v in (-1, 0)] + [{"kernel_size": 2, "dilation": v} for v in (0, 2)] + [{"kernel_size": 4, "dilation": 2, "padding": 3}]),
    ("max_pool3d", [(5, 5), (0, 1, 2, 10), (0, 1, 2, 10, 3), (2, 1, 0, 1, 2), (3, 0, 5, 5)], [{"kernel_size": 1}]),
    ("avg_pool3d", [(2, 3, 5, 5, 5), (2, 3, 2, 2, 2)], [{"kernel_size": k} for k in (0, 2, 7, (1, 2, 7))] + [{"kernel_size": 0, "stride": 1}, {"kernel_size": 3, "padding": 1}]
     + [{"kernel_size": 2, "stride": v} for v in (-1, 0)] + [{"kernel_size": 7, "stride": 7, "ceil_mode": True}]),
    ("avg_pool3d", [(5, 5), (0, 1, 5), (0, 3, 5, 5), (2, 3, 5, 0, 5), (2, 0, 5, 5, 5)], [{"kernel_size": 2}]),
    ("adaptive_avg_pool1d", [(2, 3, 4), (3, 4), (4,), (2, 3, 0), (2, 0, 4)], [{"output_size": o} for o in (2, (2, 2), (), -1)]),
    ("adaptive_max_pool1d", [(2, 3, 4), (3, 4), (4,), (2, 3, 0), (2, 0, 4)], [{"output_size": o} for o in (2, (2, 2), (), -1)]),
    ("adaptive_avg_pool2d", [(2, 3, 4, 4), (3, 4, 4), (4, 4), (2, 3, 0, 4), (2, 0, 4, 4), (2, 3, 4, 4, 4)], [{"output_size": o} for o in (2, 1, (2, 2, 2), (), (-1, 2), (None, 2))]),
    ("adaptive_max_pool2d", [(2, 3, 4, 4), (3, 4, 4), (4, 4), (3, 0, 4), (2, 0, 4, 4), (2, 3, 4, 4, 4)], [{"output_size": o} for o in (2, (3,), (2, 2, 2), (), (-1, 2), (None, 2))]),
    ("adaptive_avg_pool3d", [(2, 3, 4, 4, 4), (4, 4, 4), (2, 3, 0, 4, 4), (2, 0, 4, 4, 4)], [{"output_size": o} for o in (2, (2, 2), (), (2, -1, 2))]),
    ("adaptive_max_pool3d", [(2, 3, 4, 4, 4), (4, 4, 4), (2, 3, 0, 4, 4), (2, 0, 4, 4, 4)], [{"output_size": o} for o in (2, (2, 2), (), (2, -1, 2))]),
]


def said(call: Callable[[], Any]) -> str:
    try:
        made = call()
    except Exception as e:
        return f"{type(e).__name__}: {str(e).partition('Exception raised')[0].strip()}"
    return str([tuple(m.shape) for m in (made if isinstance(made, tuple) else (made,))])


def differing(name: str, calls: list[tuple[tuple[tuple[int, ...], ...], dict[str, Any]]]) -> list[str]:
    """Calls, of tensors of these shapes, that end otherwise than PyTorch's."""
    found = []
    for shapes, given in calls:
        theirs, ours = (said(lambda: getattr(lib.nn.functional, name)(*map(lib.ones, shapes), **given)).partition("\n\n")[0] for lib in (torch, ts))    # noqa: B023
        if ours != theirs:
            found.append(f"{shapes} {given}\n    here     {ours}\n    PyTorch  {theirs}")
    return found


@pytest.mark.parametrize(("name", "shapes", "arguments"), CALLS, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CALLS)])
def test_pooling(name: str, shapes: list[tuple[int, ...]], arguments: list[dict[str, Any]]) -> None:
    found = differing(name, [((shape,), given) for shape in shapes for given in arguments])
    assert not found, "\n".join(found)


@pytest.mark.filterwarnings("ignore:Using padding=.same.")
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_convolution(d: int, transposed: bool) -> None:
    x, w, b, too_many = (1, 2, *(5,) * d), (2, 2, *(2,) * d), (2,), (1,) * (d + 1)
    calls: list[tuple[tuple[tuple[int, ...], ...], dict[str, Any]]] = [((x, w, b), given) for given in [
        *({"groups": g} for g in (-1, 0, 1, 2, 3)), *({"dilation": v} for v in (-1, 0, 2, 9, too_many)), *({"stride": v} for v in (-1, 0, 2, too_many)),
        *({"padding": v} for v in (-1, 1, too_many))]]
    calls += [((x, w[:2], b), {}), ((x, w[:1], b), {}), ((x[1:], w, b), {}), ((x[-1:], w, b), {}), (((1, *x), w, b), {}), ((x, w, (3,)), {}), ((x, w, (2, 1)), {}),
              ((x, (2, 3, *w[2:]), b), {}), (((0, *x[1:]), w, b), {})]
    if transposed:
        calls += [((x, w, b), given) for given in ({"output_padding": -1}, {"output_padding": 1}, {"stride": 2, "output_padding": 1}, {"output_padding": too_many}, {"padding": 4})]
    else:
        calls += [((x, w, b), given) for given in ({"padding": "same"}, {"padding": "same", "groups": 0}, {"padding": "same", "dilation": -1}, {"padding": "same", "stride": 2},
                                                   {"padding": "valid", "groups": -1}, {"padding": "elsewhere"})]
        calls += [((x, (0, *w[1:]), (0,)), {}), (((1, 2, *(0,) * d), w, b), {}), ((x, (2, 2, *(9,) * d), b), {}), ((x, (2, 2, *(0,) * d), b), {}), ((x, (3, 1, *w[2:]), (3,)), {"groups": 2})]
    found = differing(f"conv_transpose{d}d" if transposed else f"conv{d}d", calls)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["conv2d", "conv3d", "conv_transpose2d"])
def test_a_weight_of_other_dimensions_is_told_by_what_differs(name: str) -> None:
    """PyTorch tells it as a stride of too many numbers, which nobody gave."""
    x = ts.ones(1, 2, *(5,) * int(name[-2]))
    with pytest.raises(RuntimeError, match=rf"Expected {x.ndim - 1}-dimensional input for {x.ndim - 1}-dimensional weight \[.*\], but got {x.ndim}-dimensional input of size"):
        getattr(ts.nn.functional, name)(x, ts.ones(2, 2, *(2,) * (int(name[-2]) - 1)))
