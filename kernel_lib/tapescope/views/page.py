"""One file that replays a recording in a browser, without a kernel and without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

from ..tape import Tape
from . import parts
from .packed import Packed

MOST = 5_000_000                     # bytes of a page when nothing is said
_STYLE = """
html, body { margin: 0; height: 100%; font: 13px/1.45 system-ui, -apple-system, 'Segoe UI', sans-serif; background: #fff; color: #1c2430 }
body { display: flex; flex-direction: column }
body > header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; padding: 8px 14px; border-bottom: 1px solid #dfe3e8;
  h1 { font-size: 15px; margin: 0; max-width: 60ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
  span, summary, dt { color: #566170 } details { flex-basis: auto } details[open] { flex-basis: 100% } summary { cursor: pointer }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 6px 0 } dd { margin: 0; overflow-wrap: anywhere } ul { margin: 6px 0; padding-left: 18px }
}
#view { flex: 1; min-height: 0 } noscript, .trouble { padding: 14px } noscript { color: #566170 }
@media (prefers-color-scheme: dark) { html, body { background: #15181d; color: #e4e8ee } body > header { border-color: #333942; span, summary, dt { color: #a2acb8 } } noscript { color: #a2acb8 } }
"""


def export_html(tape: Tape, path: str | os.PathLike[str], max_bytes: int = MOST, title: str | None = None) -> Path:
    """Writes a page with all views of this recording that opens in a browser by itself; gives its path back.

    Graph, replay of backward passes, histograms, projections of what was probed, metrics and findings are as alive as in the notebook. The file has at most
    `max_bytes`: where they do not suffice, steps are thinned, and the page says which. Raises ValueError where not even the structure has room, and FileNotFoundError
    when the page's views have not been built.
    """
    script = parts.BUNDLES / "page.js"
    if not script.exists():
        raise FileNotFoundError(f"the page's views have not been built: {script.name} is missing. Run `npm run build` in the repository, or install a released wheel")
    code = script.read_text(encoding="utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")
    later = "\n".join(f'<script type="text/plain" class="code" data-name="{name}">{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}</script>' for name, text in parts.texts("page").items())
    room = int(max_bytes) - len(code.encode()) - len(later) - 16_384 - sum(len(str(v)) + len(k) + 40 for k, v in tape.params.items())
    if room < 65_536:
        raise ValueError(f"max_bytes={max_bytes:,} is too little: the views alone take {len(code) + len(later) + 16_384:,} bytes; give at least {len(code) + len(later) + 150_000:,}")
    packed = Packed(tape, room * 3 // 4)
    target = Path(path)
    text = _page(tape, packed, code, later, title or tape.name)
    part = target.with_name(target.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _page(tape: Tape, packed: Packed, code: str, later: str, title: str) -> str:
    proof = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{proof}' blob:; style-src 'unsafe-inline'; img-src data: blob:; media-src blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
    index = json.dumps(packed.index, ensure_ascii=True).replace("<", "\\u003c")
    data = "\n".join(f'<script type="text/plain" class="part">{base64.b64encode(p).decode()}</script>' for p in packed.parts)
    steps = tape.step_number
    facts = [f"{steps:,} step{'s' * (steps != 1)}", f"exported {time.strftime('%Y-%m-%d %H:%M')}", f"Tapescope {packed.index['version']}"]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
<header><h1>{_text(title)}</h1><span>{_text(", ".join(facts))}</span>{_details("Parameters", _list(tape.params))}{_details("What was thinned", _lines(packed.notes))}</header>
<noscript>This page draws a recording by its own script; no script runs here.</noscript>
<div id="view"></div>
<script type="application/json" id="tape">{index}</script>
{data}
{later}
<script type="module">{code}</script>
</html>
"""


def _details(name: str, body: str) -> str:
    return f"<details><summary>{_text(name)}</summary>{body}</details>" if body else ""


def _list(params: dict[str, Any]) -> str:
    rows = "".join(f"<dt>{_text(k)}</dt><dd>{_text(str(v))}</dd>" for k, v in params.items())
    return f"<dl>{rows}</dl>" if rows else ""


def _lines(notes: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(n)}</li>" for n in notes) + "</ul>" if notes else ""


def _text(words: str) -> str:
    return html.escape("".join(c if c.isprintable() else " " for c in words))
