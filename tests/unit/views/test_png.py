"""Pictures as PNG."""

from __future__ import annotations

import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapescope.tape import Tape
from tapescope.views import static
from tapescope.views.png import _has_font, to_png
from tapescope.views.widgets import METHODS

KEYS = {"projector": "0", "tensor": "weight/2.weight"}


def pixels(data: bytes) -> Any:
    image = pytest.importorskip("PIL.Image", reason="Pillow reads the images here")
    return np.asarray(image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.fixture
def drawn() -> None:
    pytest.importorskip("resvg_py", reason="PNG is drawn by resvg-py, which is not installed")
    if not _has_font():
        pytest.skip("this machine has no font to write with")


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_view_has_one(name: str, tape: Tape, drawn: None) -> None:
    cls = METHODS[name]
    svg = cls.picture(tape, key="weight/2.weight" if cls.view == "tensor" else "activation/0") if cls.view in KEYS else cls.picture(tape)
    width, height = static.svg.size_of(svg)
    image = pixels(to_png(svg))
    assert image.shape == (2 * height, 2 * width, 3)
    bare = pixels(to_png(static.svg.re.sub(r"<text.*?</text>", "", svg)))
    assert (image != bare).any(-1).mean() > 1e-4                      # its words are there


def test_a_picture_in_a_file_and_in_another_size(tape: Tape, tmp_path: Path, drawn: None) -> None:
    svg = static.tensor_svg(np.array([[1.0, -1.0], [0.0, np.nan]]))
    path = to_png(svg, tmp_path / "t.png", scale=1)
    image = pixels(path.read_bytes())
    assert path == tmp_path / "t.png" and image.shape[:2] == static.svg.size_of(svg)[::-1]
    colours = {tuple(c) for c in image.reshape(-1, 3)}
    assert {(47, 111, 222), (194, 87, 26), (192, 41, 59)} <= colours        # positive, negative, not a number, cell by cell and not blurred
    for bad in (0, -1, 100, "2", None, float("nan")):
        with pytest.raises(ValueError, match="scale is a number above 0"):
            to_png(svg, scale=bad)


def test_without_resvg_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kw: Any) -> Any:
        if name == "resvg_py":
            raise ImportError(name)
        return real(name, *args, **kw)

    monkeypatch.setattr(builtins, "__import__", without)
    _has_font.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'tapescope\[png\]'"):
        to_png("<svg/>")
