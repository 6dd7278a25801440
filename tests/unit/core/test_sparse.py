"""Sparse gradients of tables: what they are, what takes them, and that who looks at them sees them whole."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapescope as ts
from tapescope import nn
from tapescope.nn import functional as F

INDICES, VALUES = [[0, 2, 0]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def rows() -> ts.Tensor:
    return ts.sparse_coo_tensor(INDICES, VALUES, (4, 2))


def words(seed: int = 0) -> tuple[nn.Module, ts.Tensor]:
    ts.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(50, 4, sparse=True), nn.Flatten(), nn.Linear(12, 2))
    return model, F.cross_entropy(model(ts.randint(0, 9, (5, 3))), ts.randint(0, 2, (5,)))


def test_it_prints_as_pytorchs() -> None:
    assert repr(rows()) == ("tensor(indices=tensor([[0, 2, 0]]),\n       values=tensor([[1., 2.],\n                      [3., 4.],\n                      [5., 6.]]),\n"
                            "       size=(4, 2), nnz=3, layout=torch.sparse_coo)")
    assert repr(ts.zeros(3, layout=ts.sparse_coo)) == ("tensor(indices=tensor([], size=(1, 0)),\n       values=tensor([], size=(0,)),\n"
                                                       "       size=(3,), nnz=0, layout=torch.sparse_coo)")


def test_what_stands_at_one_place_twice_is_summed() -> None:
    s = rows()
    c = s.coalesce()
    assert (s._nnz(), s.is_coalesced(), s.sparse_dim(), s.dense_dim()) == (3, False, 1, 1)
    assert c.indices().tolist() == [[0, 2]] and c.values().tolist() == [[6, 8], [3, 4]] and c.is_coalesced()
    assert s.to_dense().tolist() == c.to_dense().tolist() == [[6, 8], [0, 0], [3, 4], [0, 0]]
    assert s.to_dense().to_sparse(1).values().tolist() == c.values().tolist()
    two = ts.sparse_coo_tensor([[1, 0, 1], [2, 0, 2]], [1.0, 2.0, 3.0], (2, 3)).coalesce()
    assert two.indices().tolist() == [[0, 1], [0, 2]] and two.values().tolist() == [2, 4]


def test_it_is_added_and_scaled() -> None:
    s, d = rows(), rows().to_dense()
    for made in (s + s, s * 2, 4 * s / 2, s - -s):
        assert made.is_sparse and made.layout is ts.sparse_coo and made.to_dense().tolist() == (2 * d).tolist()
    assert (ts.ones(4, 2) + s).tolist() == (1 + d).tolist()
    assert s.double().dtype is ts.float64 and s.clone().zero_()._nnz() == 0 and s._nnz() == 3


@pytest.mark.parametrize(("what", "error", "said"), [
    (lambda s: s.numpy(), TypeError, "can't convert Sparse layout tensor to numpy. Use Tensor.to_dense"),
    (lambda s: np.asarray(s), TypeError, "can't convert Sparse layout tensor"),
    (lambda s: s + ts.ones(4, 2), RuntimeError, r"add\(sparse, dense\) is not supported. Use add\(dense, sparse\) instead"),
    (lambda s: s.indices(), RuntimeError, "Cannot get indices on an uncoalesced tensor, please call .coalesce"),
    (lambda s: s.exp(), NotImplementedError, r"aten::exp.*SparseCPU.*to_dense\(\)"),
    (lambda s: s[0], NotImplementedError, "aten::select|aten::index|aten::.*SparseCPU"),
    (lambda s: s.softmax(0), NotImplementedError, "SparseCPU"),
    (lambda s: ts.ones(2).coalesce(), RuntimeError, "coalesce expected sparse coordinate tensor layout but got Strided"),
    (lambda s: ts.sparse_coo_tensor([[0, 1]], [1.0, 2.0, 3.0]), RuntimeError, "indices and values must have same nnz, but got nnz from indices: 2, nnz from values: 3"),
    (lambda s: ts.sparse_coo_tensor([[0, 4]], [1.0, 2.0], (4,)), RuntimeError, "for dim 0, size is 4 but found index 4"),
    (lambda s: ts.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (4,)), RuntimeError, "found negative index -1 for dim 0"),
    (lambda s: ts.sparse_coo_tensor(INDICES, VALUES, (4, 3)), RuntimeError, "values has incorrect size"),
    (lambda s: ts.sparse_coo_tensor(INDICES, VALUES, (4, 2), requires_grad=True), NotImplementedError, "have none themselves"),
    (lambda s: ts.save(s, io.BytesIO()), NotImplementedError, r"sparse tensors are not stored: save what to_dense\(\)"),
    (lambda s: ts.save(s, io.BytesIO(), format="torch"), NotImplementedError, "sparse tensors are not stored"),
])
def test_what_takes_no_sparse_tensor_says_so(what: Callable[[Any], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        what(rows())


def test_a_table_has_the_rows_that_were_read() -> None:
    table = nn.Embedding(1000, 3, padding_idx=5, sparse=True)
    table(ts.tensor([7, 5, 7, 9])).sum().backward()
    g = table.weight.grad
    assert g is not None and g.is_sparse and g.shape == (1000, 3)
    assert g._indices().tolist() == [[7, 7, 9]]             # padding has no gradient
    assert g.coalesce().values().tolist() == [[2, 2, 2], [1, 1, 1]]
    assert ts.autograd.grad(table(ts.tensor([1])).sum(), table.weight)[0].is_sparse
    twice = ts.autograd.grad((table(ts.tensor([1])) ** 2).sum(), table.weight, create_graph=True)[0]
    assert not twice.is_sparse and twice.requires_grad       # what is to be differentiated is dense


def test_sparse_and_dense_gradients_meet() -> None:
    w = ts.ones(4, 2, requires_grad=True)
    (F.embedding(ts.tensor([1, 1]), w, sparse=True).sum() + (3 * w).sum()).backward()
    assert not w.grad.is_sparse and w.grad.tolist() == [[3, 3], [5, 5], [3, 3], [3, 3]]
    F.embedding(ts.tensor([0]), w, sparse=True).sum().backward()
    assert w.grad[0].tolist() == [4, 4]
    w.grad = None
    F.embedding(ts.tensor([0]), w, sparse=True).sum().backward()
    (3 * w).sum().backward()
    assert w.grad.tolist() == [[4, 4], [3, 3], [3, 3], [3, 3]]


def test_bags_have_the_rows_that_are_in_one() -> None:
    for mode in ("sum", "mean"):
        bags, other = (nn.EmbeddingBag(9, 3, mode=mode, sparse=s, padding_idx=2) for s in (True, False))
        other.load_state_dict(bags.state_dict())
        given = ts.tensor([1, 2, 1, 4]), ts.tensor([0, 3, 3])
        for m in (bags, other):
            (m(*given) ** 2).sum().backward()
        assert bags.weight.grad.coalesce().indices().tolist() == [[1, 4]]
        np.testing.assert_allclose(bags.weight.grad.to_dense().numpy(), other.weight.grad.numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="max mode does not support sparse weights"):
        nn.EmbeddingBag(9, 3, mode="max", sparse=True)(*given)


def test_hooks_copies_and_scaling() -> None:
    model, loss = words()
    seen = []
    model[0].weight.register_hook(lambda g: seen.append(g.is_sparse))
    loss.backward()
    assert seen == [True] and copy.deepcopy(model)[0].weight.grad.is_sparse
    before = model[0].weight.grad.to_dense()
    scaler = ts.amp.GradScaler("cpu", init_scale=4.0)
    optimizer = ts.optim.SparseAdam([model[0].weight])
    scaler.scale(loss.detach())
    scaler.unscale_(optimizer)
    assert (model[0].weight.grad.to_dense() * 4 == before).all()
    with pytest.raises(NotImplementedError, match="linalg_vector_norm"):
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.zero_grad(set_to_none=False)
    assert model[0].weight.grad._nnz() == 0


@pytest.mark.parametrize("values", ["none", "health", "stats", "histogram", "full"])
def test_a_recording_sees_them_whole(values: Any) -> None:
    """With the numbers that the same table has with dense gradients."""
    told = []
    for sparse in (True, False):
        ts.manual_seed(0)
        model = nn.Sequential(nn.Embedding(50, 4, sparse=sparse), nn.Flatten(), nn.Linear(12, 2))
        optimizer = ts.optim.SGD(model.parameters(), lr=0.1)
        with ts.record(values=values) as tape:
            for _ in range(12):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(ts.randint(0, 9, (5, 3))), ts.randint(0, 2, (5,)))
                loss.backward()
                optimizer.step()
        assert tape.status()["step"] == 12 and not tape.status().get("error")
        told.append([f.columns[c].tolist() for kind in ("stats", "histograms") for f in tape.frames(kind)[0] for c in f.columns if c != "time"])
    assert told[0] == told[1] or np.allclose(np.concatenate([np.ravel(x) for x in told[0]]), np.concatenate([np.ravel(x) for x in told[1]]), rtol=1e-4, atol=1e-6)


def test_the_debugger_shows_them_whole_and_leaves_them_sparse() -> None:
    model, loss = words()
    loss.backward()
    expected = [p.grad for p in model.parameters()]
    model, loss = words()
    held = ts.debug(loss)
    seen = []
    while held.state == "held":
        seen.append(held.at.grad_in[0])
        repr(held.at.explain()), held.at.shares()
        held.step()
    assert seen[-1].tolist() == expected[0].to_dense().tolist()
    held.step_back(3)
    held.edit(held.at.grad_in[0] * 2)
    held.edit(held.at.grad_in[0] / 2)
    held.continue_()
    for p, g in zip(model.parameters(), expected, strict=True):
        assert p.grad.is_sparse == g.is_sparse and p.grad.to_dense().tolist() == g.to_dense().tolist()
