"""The table of a model's layers."""

from __future__ import annotations

from typing import Any

import pytest

import tapescope as ts
from tapescope import nn
from tapescope.utils import summary


def table(capsys: Any, *args: Any, **kwargs: Any) -> list[str]:
    summary(*args, **kwargs)
    return str(capsys.readouterr().out).splitlines()


def test_layers_shapes_and_sizes(capsys: Any) -> None:
    m = nn.Sequential(nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Sequential(nn.Linear(1440, 50), nn.BatchNorm1d(50)), nn.Linear(50, 10))
    m[5].weight.requires_grad = False
    lines = table(capsys, m, (1, 28, 28), batch_size=64)
    assert lines[0] == "-" * 64
    assert lines[1] == "        Layer (type)               Output Shape         Param #"
    assert lines[3] == "            Conv2d-1           [64, 10, 24, 24]             260"
    assert lines[7] == "            Linear-5                   [64, 50]          72,050"
    assert lines[10] == "=" * 64
    assert lines[11:14] == ["Total params: 72,920", "Trainable params: 72,420", "Non-trainable params: 500"]
    assert lines[15] == "Input size (MB): 0.19"
    assert lines[17] == "Params size (MB): 0.28"
    assert m.training


def test_several_inputs_shared_layers_and_what_stays(capsys: Any) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.norm, self.drop = nn.Embedding(5, 4), nn.BatchNorm1d(4), nn.Dropout()
            self.fc = nn.Linear(4, 4)

        def forward(self, words: Any, x: Any) -> Any:
            return self.drop(self.fc(self.fc(self.norm(x) + self.table(words).sum(1))))

    m = Two()
    m.drop.eval()
    ts.manual_seed(1)
    expected = ts.rand(3).tolist()
    ts.manual_seed(1)
    lines = table(capsys, m, [(6,), (4,)], dtypes=[ts.long, ts.float32])
    assert ts.rand(3).tolist() == expected
    assert [line.split()[0] for line in lines[3:8]] == ["BatchNorm1d-1", "Embedding-2", "Linear-3", "Linear-4", "Dropout-5"]
    assert "Total params: 48" in lines
    assert m.norm.training
    assert not m.drop.training
    assert m.norm.num_batches_tracked.item() == 0
    assert not m.fc._forward_hooks


def test_a_single_layer_and_errors(capsys: Any) -> None:
    assert table(capsys, nn.Linear(4, 2), (4,))[3].split() == ["Linear-1", "[-1,", "2]", "10"]
    with pytest.raises(ValueError, match="2 input sizes but 1 dtypes"):
        summary(nn.Linear(4, 2), [(4,), (4,)], dtypes=[ts.float32])
    m = nn.Linear(4, 2)
    with pytest.raises(RuntimeError):
        summary(m, (5,))
    assert not m._forward_hooks
    assert m.training
