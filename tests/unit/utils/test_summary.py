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


def net(lib: Any) -> Any:
    class Small(lib.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            same = lib.nn.Linear(10, 10)
            self.a = lib.nn.Sequential(lib.nn.Conv2d(1, 4, 3), lib.nn.ReLU(), lib.nn.Sequential(lib.nn.BatchNorm2d(4), lib.nn.MaxPool2d(2)))
            self.f, self.l, self.again = lib.nn.Flatten(), lib.nn.Linear(144, 10), lib.nn.Sequential(same, lib.nn.ReLU(), same)
            self.scale = lib.nn.Parameter(lib.ones(3))
            self.a[0].bias.requires_grad = False

        def forward(self, x: Any) -> Any:
            return self.again(self.l(self.f(self.a(x)))) * self.scale.sum()

    return Small()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_tree_is_torchinfos(depth: int, capsys: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    torchinfo = pytest.importorskip("torchinfo", reason="torchinfo is not installed: its table is not compared")
    theirs = str(torchinfo.summary(net(torch), (2, 1, 14, 14), depth=depth, verbose=0)).replace("Units.MEGABYTES", "M")
    ours = table(capsys, net(ts), (1, 14, 14), 2, depth=depth)
    assert [line.rstrip() for line in ours] == theirs.splitlines()


def test_the_table_is_torchsummarys(capsys: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")
    torchsummary = pytest.importorskip("torchsummary", reason="torchsummary is not installed: its table is not compared")
    torchsummary.summary(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(576, 2)), (1, 14, 14), 3, "cpu")
    theirs = str(capsys.readouterr().out).splitlines()
    assert table(capsys, nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 2)), (1, 14, 14), 3) == theirs


def test_a_single_layer_and_errors(capsys: Any) -> None:
    assert table(capsys, nn.Linear(4, 2), (4,))[3].split() == ["Linear-1", "[-1,", "2]", "10"]
    with pytest.raises(ValueError, match="2 input sizes but 1 dtypes"):
        summary(nn.Linear(4, 2), [(4,), (4,)], dtypes=[ts.float32])
    m = nn.Linear(4, 2)
    with pytest.raises(RuntimeError):
        summary(m, (5,))
    assert not m._forward_hooks
    assert m.training
