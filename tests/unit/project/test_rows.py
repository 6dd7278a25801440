"""What is known of the rows: classes, answers, losses and pictures, found by themselves or said; axes of one's own, neighbours, a method of one's own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import nn, project
from tapescope.link import commands
from tapescope.tape import Tape


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(2 * 10 * 10, 5)

    def forward(self, x: Any) -> Any:
        return self.fc(F.relu(self.conv(x)).flatten(1))


@pytest.fixture(scope="module")
def trained() -> tuple[Tape, Any, Any, Any]:
    ts.manual_seed(0)
    model, x, y = Net(), ts.rand(20, 1, 12, 12), ts.randint(0, 5, (20,))
    with ts.record() as tape:
        for key in ("activation/fc", "input/conv", "input/fc"):
            tape.probe(key)
        scores = model(x)
        F.cross_entropy(scores, y).backward()
        tape.step()
    return tape, x, y, scores.detach()


def test_answers_losses_and_pictures_are_known_without_a_line(trained: tuple[Tape, Any, Any, Any]) -> None:
    tape, x, y, scores = trained
    (f,), _ = project.frames(tape, "activation/fc")
    np.testing.assert_array_equal(f.columns["label"], y.numpy())
    np.testing.assert_array_equal(f.columns["predicted"], scores.argmax(1).numpy())
    np.testing.assert_allclose(f.columns["value/loss"], F.cross_entropy(scores, y, reduction="none").numpy(), rtol=1e-5)
    (p,), after = project.frames(tape, "pictures:activation/fc")
    assert p.meta["pictures"] == f.meta["pictures"]
    assert p.meta["image"] == [12, 12, 1]
    np.testing.assert_allclose(p.columns["image"].reshape(20, 12, 12) / 255, x[:, 0].numpy(), atol=0.003)
    assert project.frames(tape, "pictures:activation/fc", after) == ([], after)


def test_what_a_module_is_given_can_be_probed_and_has_its_labels(trained: tuple[Tape, Any, Any, Any]) -> None:
    tape, x, y, _ = trained
    f = tape.frames("tensor", id="input/conv")[0][-1]
    np.testing.assert_array_equal(f.columns["values"], x.numpy().ravel())
    assert f.meta["labels"] == y.tolist()
    assert tape.frames("tensor", id="input/fc")[0][-1].meta["shape"] == [20, 200]
    assert "activation/fc" in tape.copied_keys()
    assert not any(k.startswith("rows/") for k in tape.copied_keys())


def test_the_same_is_there_on_disk(trained: tuple[Tape, Any, Any, Any], tmp_path: Path) -> None:
    tape = trained[0]
    tape.save(tmp_path / "run")
    again = ts.load_tape(tmp_path / "run")
    for key in ("activation/fc", "pictures:activation/fc"):
        (a,), _ = project.frames(tape, key, bases={})
        (b,), _ = project.frames(again, key, bases={})
        assert a.meta == b.meta
        for name, column in a.columns.items():
            np.testing.assert_array_equal(column, b.columns[name])
    assert sorted(again.copied_keys()) == sorted(tape.copied_keys())
    assert again.frames("tensor", id="input/conv")[0][-1].meta["labels"] == trained[2].tolist()


def test_pytorch_models_are_known_the_same_way() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten(), torch.nn.Linear(2 * 6 * 6, 4))
    x, y = torch.rand(9, 3, 8, 8), torch.randint(0, 4, (9,))
    import tapescope.adapters.torch as tst

    with tst.record(model) as tape:
        for key in ("activation/2", "input/0"):
            tape.probe(key)
        scores = model(x)
        torch.nn.functional.cross_entropy(scores, y).backward()
        tape.step()
    f = project.frames(tape, "activation/2")[0][-1]
    np.testing.assert_array_equal(f.columns["predicted"], scores.argmax(1).numpy())
    np.testing.assert_allclose(f.columns["value/loss"], torch.nn.functional.cross_entropy(scores, y, reduction="none").detach().numpy(), rtol=1e-5)
    p = project.frames(tape, "pictures:activation/2")[0][-1]
    np.testing.assert_allclose(p.columns["image"].reshape(9, 8, 8, 3) / 255, x.permute(0, 2, 3, 1).numpy(), atol=0.003)
    assert tape.frames("tensor", id="input/0")[0][-1].meta["labels"] == y.tolist()


def said_rows(**columns: Any) -> Tape:
    with ts.record() as tape:
        tape.probe("activation/0")
        nn.Sequential(nn.Linear(3, 4))(ts.randn(6, 3, requires_grad=True)).sum().backward()
        tape.labels([0, 0, 1, 1, 2, 2], **columns)
        tape.step()
    return tape


def test_more_can_be_said_of_the_rows() -> None:
    tape = said_rows(predicted=[0, 1, 1, 1, 2, 0], difficulty=np.linspace(0, 1, 6), images=ts.zeros(6, 40, 40))
    (f,), _ = project.frames(tape, "activation/0")
    assert f.columns["predicted"].tolist() == [0, 1, 1, 1, 2, 0]
    np.testing.assert_allclose(f.columns["value/difficulty"], np.linspace(0, 1, 6), rtol=1e-6)
    assert project.frames(tape, "pictures:activation/0")[0][0].meta["image"] == [20, 20, 1]
    with pytest.raises(ValueError, match="difficulty has 5 rows beside 6 labels"):
        said_rows(difficulty=[1.0] * 5)
    with pytest.raises(ValueError, match=r"images are a tensor \[n, 1 or 3, height, width\] or \[n, height, width\], not \[6, 40\]"):
        said_rows(images=ts.zeros(6, 40))


def test_words_and_pictures_of_what_summarywriter_logs(tmp_path: Path) -> None:
    from tapescope.utils.tensorboard import SummaryWriter

    with ts.record() as tape, SummaryWriter(str(tmp_path)) as writer:
        writer.add_embedding(ts.randn(4, 5), metadata=["cat", "dog", "cat", "owl"], label_img=ts.rand(4, 3, 8, 8), tag="pets")
    (f,), _ = project.frames(tape, "embedding/pets")
    assert [f.meta["names"][str(i)] for i in f.columns["label"]] == ["cat", "dog", "cat", "owl"]
    assert project.frames(tape, "pictures:embedding/pets")[0][0].meta["image"] == [8, 8, 3]
    (again,), _ = project.frames(ts.load_tape(tmp_path), "embedding/pets")
    assert [again.meta["names"][str(i)] for i in again.columns["label"]] == ["cat", "dog", "cat", "owl"]


def test_axes_of_ones_own(trained: tuple[Tape, Any, Any, Any]) -> None:
    tape, _, y, scores = trained
    x, label = scores.numpy().astype(np.float64), y.numpy()

    def places(axes: str) -> Any:
        (f,), _ = project.frames(tape, f"axes:{axes}:activation/fc")
        return f.columns["xyz"].reshape(-1, 3)

    np.testing.assert_allclose(places("#2|loss")[:, :2], np.stack([x[:, 2], F.cross_entropy(scores, y, reduction="none").numpy()], 1), rtol=1e-5)
    ends = [x[label == k].mean(0) for k in (0, 1)]
    along = places("0>1")[:, 0]
    np.testing.assert_allclose([along[label == k].mean() for k in (0, 1)], [0, 1], atol=1e-6)
    np.testing.assert_allclose(along, (x - ends[0]) @ (ends[1] - ends[0]) / ((ends[1] - ends[0]) ** 2).sum(), atol=1e-6)
    with pytest.raises(ValueError, match="no axis 'moon': there are columns #0 to #4, labels"):
        places("moon")


def command(verb: str, tape: Tape, **args: Any) -> dict[str, Any]:
    said: list[dict[str, Any]] = []
    commands.put({"verb": verb, "recording": tape.id, "args": args}, said.append)
    return said[0]


def test_neighbours_are_those_of_the_vectors(trained: tuple[Tape, Any, Any, Any]) -> None:
    tape, x = trained[0], trained[3].numpy()
    for metric in ("cosine", "l2"):
        told = command("projection.near", tape, key="activation/fc", step=0, row=3, k=4, metric=metric)["result"]
        assert told["rows"] == project.neighbours(x, 3, 4, metric).tolist()
    np.testing.assert_allclose(told["distances"], np.linalg.norm(x[told["rows"]] - x[3], axis=1), rtol=1e-6)
    assert "no row 99" in command("projection.near", tape, key="activation/fc", step=0, row=99)["error"]
    assert "no copy" in command("projection.near", tape, key="activation/fc", step=7, row=0)["error"]


def test_what_is_selected_in_the_panel_reaches_python(trained: tuple[Tape, Any, Any, Any]) -> None:
    tape = trained[0]
    assert command("selection.set", tape, key="activation/fc", points=[1, 4]) == {"ok": True, "result": None}
    assert tape.selection == {"key": "activation/fc", "points": [1, 4]}


def until(done: Any, seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


def test_a_method_of_ones_own(trained: tuple[Tape, Any, Any, Any]) -> None:
    tape = trained[0]
    given = []

    def halves(x: Any) -> Any:
        given.append(x.shape)
        return x[:, :2] / 2

    id = f"own:{project.embed(tape, halves)}:activation/fc"
    assert command("projection.start", tape, key=id)["ok"]
    f = until(lambda: project.frames(tape, id)[0])[0]
    want = trained[3].numpy()[:, :2] / 2
    np.testing.assert_allclose(f.columns["xyz"].reshape(-1, 3)[:, :2], want - want.mean(0), atol=1e-5)
    assert f.meta["method"] == "halves"
    assert given == [(20, 5)]
    with pytest.raises(TypeError, match="fit_transform"):
        project.embed(tape, 3)
    project.embed(tape, halves := lambda x: x[:3])              # what it gives is no position for each row
    id = id.replace("halves", "lambda")
    command("projection.start", tape, key=id)
    told = until(lambda: project.frames(tape, id)[0])[0].meta
    assert "must give positions [20, 2 or 3], not [3, 5]" in told["trouble"]
    assert told["n"] == 0
    assert "no method 'umap'" in command("projection.start", tape, key="own:umap:activation/fc")["error"]
