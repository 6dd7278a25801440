"""Code of the page's half of a view that is handed over when it is first wanted: a bundle is one text and can name no file beside it."""

from __future__ import annotations

import json
import re
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from ..link import commands

BUNDLES = Path(__file__).parent.parent / "static"


def texts(view: str) -> dict[str, str]:
    """The parts of a bundle, by name."""
    return _texts(BUNDLES / view)


def _texts(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.js"))}


def packed(view: str) -> bytes:
    """All parts of a bundle, compressed: what a saved notebook keeps beside its recording."""
    return _packed(BUNDLES / view)


@cache
def _packed(folder: Path) -> bytes:
    found = _texts(folder)
    return zlib.compress(json.dumps(found, ensure_ascii=False).encode(), 9) if found else b""


def _part(_: Any, args: dict[str, Any]) -> str:
    name = str(args.get("name"))
    found = next(BUNDLES.glob(f"*/{name}"), None) if re.fullmatch(r"[\w-]+\.js", name) else None
    if found is None:
        raise FileNotFoundError(f"this kernel's views have no part {name!r}: the page is of another version. Run the cell again, or reload the page")
    return found.read_text(encoding="utf-8")


commands.register("view.part", _part, anywhere=True)
