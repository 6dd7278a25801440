"""Pictures as PNG. What draws them is optional: resvg, which needs nothing of the system but a font."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from .static.svg import MONO, SANS

# Families that machines have: resvg leaves out text whose family is not there, and knows no `system-ui`.
_SANS = "Segoe UI, Helvetica Neue, Helvetica, Arial, Roboto, Ubuntu, Cantarell, Noto Sans, Liberation Sans, DejaVu Sans"
_MONO = "Menlo, Consolas, Ubuntu Mono, Noto Sans Mono, Liberation Mono, DejaVu Sans Mono"


def to_png(svg: str, path: str | os.PathLike[str] | None = None, scale: float = 2.0) -> Any:
    """An SVG of ours as PNG: its bytes, or the path that they were written to. `scale` is pixels of the image per unit of the picture.

    Raises ImportError that names the extra where nothing is installed that draws it, RuntimeError where there is no font, ValueError for a scale beyond 0 to 20.
    """
    if not isinstance(scale, (int, float)) or not 0 < scale <= 20:
        raise ValueError(f"scale is a number above 0 and at most 20, not {scale!r}")
    if not _has_font():
        raise RuntimeError(f"no font was found to write with: install one of {_SANS} (on Debian: apt install fonts-dejavu-core)")
    data = _draw(svg, float(scale))
    if path is None:
        return data
    target = Path(path)
    target.write_bytes(data)
    return target


def _draw(svg: str, scale: float) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise ImportError("PNG is drawn by resvg: pip install 'tapescope[png]'; to_svg() and to_plotly() do without it") from None
    return bytes(svg_to_bytes(svg_string=svg.replace(SANS, _SANS).replace(MONO, f"{_MONO}, {_SANS}"), zoom=scale))


@functools.cache
def _has_font() -> bool:
    """Whether a letter leaves a trace."""
    sheet = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text x="2" y="16" font-family="{}">{}</text></svg>'
    return _draw(sheet.format(SANS, "M"), 1.0) != _draw(sheet.format(SANS, ""), 1.0)
