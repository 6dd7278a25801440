"""Weights across: our models take PyTorch's and transformers' state dicts, from memory, from `.pt` and from safetensors files, and compute the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.references import of_hugging_face

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there are no weights of its to take")

import tapescope as ts  # noqa: E402
import tapescope.nn.functional as F  # noqa: E402
from tapescope.adapters import torch as tst  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples"))
from models.distilbert import DistilBert  # noqa: E402
from models.gpt2 import GPT2, load  # noqa: E402


def pair(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6), nn.LayerNorm(6), nn.Linear(6, 2))


@pytest.mark.parametrize("way", ["memory", "pt", "safetensors"])
def test_a_state_dict_of_pytorch(tmp_path: Path, way: str) -> None:
    torch.manual_seed(0)
    theirs, ours = pair(torch), pair(ts)
    x = torch.randn(3, 1, 4, 4)
    theirs(x)                                                   # batch norm has seen something
    state: Any = theirs.state_dict()
    if way == "pt":
        torch.save(state, tmp_path / "w.pt")
        state = ts.load(tmp_path / "w.pt")
    elif way == "safetensors":
        pytest.importorskip("safetensors.torch", reason="safetensors is not installed: its files are not read").save_file(state, tmp_path / "w.safetensors")
        state = ts.safetensors.load_file(tmp_path / "w.safetensors")
    assert not any(ours.load_state_dict(state))
    theirs.eval()
    ours.eval()
    np.testing.assert_allclose(ours(ts.from_numpy(x.numpy())).detach().numpy(), theirs(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert tst.first_divergence(ours, theirs, lambda m: m(ts.from_numpy(x.numpy())), lambda m: m(x)) is None
    with torch.no_grad():
        theirs[4].bias[3] += 1
    found = tst.first_divergence(ours, theirs, lambda m: m(ts.from_numpy(x.numpy())), lambda m: m(x))
    assert found is not None and found.path == "4" and found.where[1] == 3 and "first divergence at 4" in repr(found)


def test_a_state_dict_that_does_not_fit() -> None:
    with pytest.raises(RuntimeError, match=r"size mismatch for 4\.weight"):
        pair(ts).load_state_dict({**pair(torch).state_dict(), "4.weight": torch.zeros(6, 15)})


def gradients_agree(ours: Any, theirs: Any) -> None:
    expected = {n: p.grad for n, p in theirs.named_parameters()}
    names = [n for n, _ in ours.named_parameters()]
    assert set(names) == set(expected)
    for n, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), expected[n].numpy(), rtol=1e-4, atol=1e-4 * float(expected[n].abs().max()) + 1e-7, err_msg=n)


def transformers_or_skip() -> Any:
    return of_hugging_face("transformers", "its weights are not loaded")


@pytest.mark.parametrize("file", [False, True], ids=["memory", "safetensors"])
def test_gpt2(tmp_path: Path, file: bool) -> None:
    transformers = transformers_or_skip()
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=61, n_embd=32, n_layer=3, n_head=4, n_positions=24, bos_token_id=1, eos_token_id=1)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    ours = GPT2(61, 24, 32, 3, 4, config.layer_norm_epsilon).eval()
    state: Any = theirs.state_dict()
    if file:
        theirs.save_pretrained(tmp_path)
        state = ts.safetensors.load_file(tmp_path / "model.safetensors")
    load(ours, state)
    ids = torch.randint(0, 61, (4, 20))
    result = theirs(ids, labels=ids)
    mine = ts.from_numpy(ids.numpy())
    np.testing.assert_allclose(ours(mine).detach().numpy(), result.logits.detach().numpy(), rtol=1e-4, atol=1e-4)
    loss = ours.loss(mine)
    assert float(loss.detach()) == pytest.approx(float(result.loss.detach()), rel=1e-5)
    loss.backward()
    result.loss.backward()
    gradients_agree(ours, theirs)
    mask = torch.ones_like(ids)
    mask[0, 15:] = 0
    np.testing.assert_allclose(ours(mine, ts.from_numpy(mask.numpy())).detach().numpy()[0, :15], theirs(ids, attention_mask=mask).logits.detach().numpy()[0, :15],
                               rtol=1e-4, atol=1e-4)
    assert tst.first_divergence(ours, theirs, lambda m: m(mine), lambda m: m(ids)) is None


@pytest.mark.parametrize("file", [False, True], ids=["memory", "safetensors"])
def test_distilbert(tmp_path: Path, file: bool) -> None:
    transformers = transformers_or_skip()
    torch.manual_seed(0)
    theirs = transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(
        vocab_size=61, dim=32, n_layers=3, n_heads=4, hidden_dim=64, max_position_embeddings=24, num_labels=3, pad_token_id=0)).eval()
    ours = DistilBert(61, 24, 32, 3, 4, 64, num_labels=3).eval()
    state: Any = theirs.state_dict()
    if file:
        theirs.save_pretrained(tmp_path)
        state = ts.safetensors.load_file(tmp_path / "model.safetensors")
    ours.load_state_dict(state)
    ids, labels = torch.randint(1, 61, (4, 20)), torch.tensor([0, 2, 1, 1])
    mask = torch.ones_like(ids)
    ids[1, 12:], mask[1, 12:] = 0, 0
    result = theirs(ids, attention_mask=mask, labels=labels)
    logits = ours(ts.from_numpy(ids.numpy()), ts.from_numpy(mask.numpy()))
    np.testing.assert_allclose(logits.detach().numpy(), result.logits.detach().numpy(), rtol=1e-4, atol=1e-4)
    loss = F.cross_entropy(logits, ts.from_numpy(labels.numpy()))
    loss.backward()
    result.loss.backward()
    gradients_agree(ours, theirs)
