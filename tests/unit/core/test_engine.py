"""The engine: order, hooks, accumulation, retained and freed graphs, in-place and views."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tapescope as ts


def test_gradients_are_never_shared() -> None:
    a, b, c = (ts.ones(3, requires_grad=True) for _ in range(3))
    ((a + b) * c).backward(ts.ones(3))
    assert a.grad is not None
    assert b.grad is not None
    a.grad.mul_(5)
    np.testing.assert_array_equal(b.grad.numpy(), np.ones(3))
    seed = ts.ones(3)
    a.grad = None
    (a + 0).backward(seed)
    a.grad.mul_(2)                                        # type: ignore[attr-defined]
    np.testing.assert_array_equal(seed.numpy(), np.ones(3))


def test_a_fresh_gradient_is_not_copied() -> None:
    x, w = ts.ones(50, 40), ts.ones(40, 30, requires_grad=True)
    kept = []
    w.register_hook(lambda g: kept.append(g.data_ptr()))
    (x @ w).backward(ts.ones(50, 30))
    assert w.grad is not None
    # the hook holds no reference, so what it saw is what .grad is
    assert w.grad.data_ptr() == kept[0]


def test_accumulates_in_place() -> None:
    w = ts.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    first = w.grad
    (w * 2).sum().backward()
    assert w.grad is first
    np.testing.assert_array_equal(first.numpy(), np.full(3, 4.0))      # type: ignore[union-attr]


def test_leaves_come_as_soon_as_they_are_complete() -> None:
    order = []
    w1, w2 = ts.ones(2, requires_grad=True), ts.ones(2, requires_grad=True)
    w1.register_post_accumulate_grad_hook(lambda t: order.append("w1"))
    w2.register_post_accumulate_grad_hook(lambda t: order.append("w2"))
    h = w1 * 2
    h.register_hook(lambda g: order.append("h"))
    (h * w2).sum().backward()
    assert order == ["w2", "h", "w1"]


def test_hooks_run_in_pytorchs_order() -> None:
    torch = pytest.importorskip("torch")
    seen = []
    for lib in (ts, torch):
        order: list[str] = []
        w = lib.ones(2, requires_grad=True)
        y = w * 3
        y.retain_grad()
        y.register_hook(lambda g, order=order: order.append("tensor"))
        y.grad_fn.register_prehook(lambda g, order=order: order.append("pre"))
        y.grad_fn.register_hook(lambda i, o, order=order: order.append("post"))
        w.register_hook(lambda g, order=order: order.append("leaf"))
        w.register_post_accumulate_grad_hook(lambda t, order=order: order.append("accumulated"))
        y.sum().backward()
        order.append(str(y.grad.tolist()))
        seen.append(order)
    assert seen[0] == seen[1]


def test_hook_replaces_and_is_removed() -> None:
    w = ts.ones(2, requires_grad=True)
    handle = w.register_hook(lambda g: g * 10)
    w.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [10, 10]
    handle.remove()
    w.sum().backward()
    assert w.grad.tolist() == [11, 11]


def test_second_backward_names_where_it_was_freed() -> None:
    w = ts.ones(2, requires_grad=True)
    y = (w * w).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"(?s)a second time.*MulBackward0.*y = \(w \* w\)\.sum\(\).*y\.backward\(\)"):
        y.backward()


def test_inplace_error_names_both_lines() -> None:
    w = ts.ones(2, requires_grad=True)
    h = w * 2
    y = h * h
    h.add_(1)
    with pytest.raises(RuntimeError, match=r"(?s)modified by an inplace operation.*version 1; expected version 0.*y = h \* h.*h.add_\(1\)"):
        y.sum().backward()


def test_inplace_through_views() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (ts, torch):
        w = lib.arange(6.0).reshape(2, 3).requires_grad_()
        x = w * 1
        row = x[0]
        row.mul_(w[1])
        x[1, 1:] = w[0, :2] * 3
        x.view(6)[2:4].add_(5)
        assert row.grad_fn is not None
        (x * x * row.sum()).sum().backward()
        found.append((x.detach().numpy(), w.grad.numpy(), x.grad_fn.name()))
    np.testing.assert_allclose(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1])


def test_saved_values_are_released() -> None:
    x = ts.ones(1000, requires_grad=True)
    h = x.exp()
    ref = weakref.ref(h)
    y = (h * h).sum()
    del h
    assert ref() is not None
    gc.disable()
    try:
        y.backward()
        assert ref() is None                              # by reference counting alone: no cycle
    finally:
        gc.enable()


def test_graph_of_a_loop_is_freed_without_recursion() -> None:
    x = ts.ones(2, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = y + 1
    y.sum().backward()
    assert x.grad is not None
    del y


def test_grad_mode_and_sites() -> None:
    x = ts.ones(2, requires_grad=True)
    with ts.no_grad():
        assert (x * 2).grad_fn is None

    @ts.no_grad()
    def quiet() -> ts.Tensor:
        return x * 2
    assert not quiet().requires_grad
    assert ts.is_grad_enabled()
    from tapescope.core.site import resolve

    y = ts.mean(x * 2)                                    # this line
    info = resolve(y.grad_fn.site)                        # type: ignore[union-attr]
    assert info is not None
    assert info.text.endswith("# this line")


def test_function_of_ones_own() -> None:
    class Cube(ts.autograd.Function):
        @staticmethod
        def forward(ctx, x):                              # type: ignore[no-untyped-def,override]
            ctx.save_for_backward(x)
            return x ** 3

        @staticmethod
        def backward(ctx, g):                             # type: ignore[no-untyped-def,override]
            x, = ctx.saved_tensors
            return g * 3 * x * x

    x = ts.tensor([2.0], dtype=ts.float64, requires_grad=True)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward"
    assert ts.autograd.gradcheck(Cube.apply, (x,))
    assert ts.autograd.gradgradcheck(Cube.apply, (x,))


def test_a_number_formats_as_a_number_and_keeps_its_digits() -> None:
    loss = ts.tensor([3.0, 4.0]).norm()
    assert f"{loss} {loss:.2f}" == "5.0 5.00"
    assert f"{ts.ones(2)}" == "tensor([1., 1.])"
    assert ts.tensor([0.1], dtype=ts.float64).item() == ts.as_tensor([0.1], dtype=ts.float64).item() == 0.1
