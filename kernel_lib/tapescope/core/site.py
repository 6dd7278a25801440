"""Where in the user's program something happened: one frame's `(code, lasti)`, resolved only when somebody looks."""

from __future__ import annotations

import linecache
import sys
from types import CodeType, FrameType
from typing import NamedTuple

Site = tuple[CodeType, int]

# Frames of these packages are never the user's. A test holds this list against the tree.
PACKAGES = frozenset(
    "tapescope" + ("." + name if name else "")
    for name in ("", "core", "formats", "ops", "autograd", "nn", "nn.modules", "nn.parallel", "nn.utils", "optim", "utils", "utils.data", "utils.tensorboard", "serialization",
                 "distributions", "compiler", "jit", "signal", "vision", "vision.transforms", "vision.datasets", "multiprocessing",
                 "amp", "cuda", "backends", "tape", "tape.logdir", "tape.store", "debugger", "diagnose", "project", "link", "views", "views.static", "adapters", "adapters.torch"))


class SiteInfo(NamedTuple):
    """A resolved site."""

    file: str
    line: int
    text: str
    function: str
    cell: str

    def __str__(self) -> str:
        where = f"{self.cell}, line {self.line}" if self.cell else f"{self.file}:{self.line}"
        return f"{where}: {self.text}" if self.text else where


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The first frame, from `frame` outwards, that is not ours."""
    while frame is not None and frame.f_globals.get("__package__") in PACKAGES:
        frame = frame.f_back
    return frame


def here(depth: int = 1) -> Site | None:
    """The site of the user's line that led here."""
    frame = user_frame(sys._getframe(depth))
    return None if frame is None else (frame.f_code, frame.f_lasti)


_lines: dict[tuple[int, int], tuple[CodeType, int]] = {}


def line_of(site: Site) -> int:
    """The line number of a site (1-based)."""
    code, lasti = site
    known = _lines.get((id(code), lasti))
    if known is not None and known[0] is code:
        return known[1]
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end and number is not None:
            line = number
            break
    _lines[id(code), lasti] = (code, line)
    return line


def resolve(site: Site | None) -> SiteInfo | None:
    """File, line, source text, function and notebook cell of a site."""
    if site is None:
        return None
    code, _ = site
    line = line_of(site)
    return SiteInfo(code.co_filename, line, linecache.getline(code.co_filename, line).strip(),
                    code.co_qualname, _cell(code.co_filename))


def _cell(filename: str) -> str:
    """'In [3]' when the file is a notebook cell: IPython keeps the execution count of what it compiles."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    count = getattr(getattr(shell, "compile", None), "_filename_map", {}).get(filename)
    return "" if count is None else f"In [{count}]"
