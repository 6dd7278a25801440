"""A notebook as one HTML file whose views are alive, without a kernel and without a network.

`jupyter nbconvert --to html notebook.ipynb` does it by `LiveViews`, which the wheel's etc/jupyter/jupyter_nbconvert_config.json puts into nbconvert's HTML;
`--to tapescope` also leaves out what nbconvert itself fetches from the network. Elsewhere add it: `HTMLExporter(preprocessors=[LiveViews])`.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import Preprocessor

from . import parts
from .widgets import METHODS, MIME

VIEWS = {cls.view for cls in METHODS.values()}
WIDGET = "application/vnd.jupyter.widget-view+json"

# What needs a network is left out where nothing in the notebook asks for it.
_TEMPLATE = """{%- extends 'index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- if resources.tapescope_scripts -%}{{ super() }}{%- endif -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- if resources.tapescope_math -%}{{ super() }}{%- endif -%}{%- endblock -%}
"""

# Each view gets what anywidget would give it: a model without a kernel, whose `replay` answers. It is made when it comes into sight; until then, and where it fails, its picture stands there.
_SCRIPT = """
const inflate = async text => new Uint8Array(await new Response(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer());
const textOf = id => document.getElementById(id).textContent;
const modules = new Map();
const moduleOf = view => {
  if (!modules.has(view)) modules.set(view, inflate(textOf(`tapescope-code-${view}`)).then(code => import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))));
  return modules.get(view);
};
const bytesOf = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
async function show(el) {
  const { view, options, data } = JSON.parse(textOf(`tapescope-view-${el.dataset.view}`));
  const state = { options, recording: 'latest', replay: bytesOf(data), parts: bytesOf(textOf(`tapescope-parts-${view}`)) };
  const model = { comm_live: false, get: name => state[name], set(name, value) { state[name] = value; }, save_changes() {}, send() { throw new Error('there is no kernel'); }, on() {}, off() {} };
  (await moduleOf(view)).default.render({ model, el });
}
const seen = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) { seen.unobserve(target); show(target).catch(error => console.error('tapescope:', error)); }
}, { rootMargin: '600px' });
for (const el of document.querySelectorAll('.tapescope-view')) seen.observe(el);
"""


class LiveViews(Preprocessor):  # type: ignore[misc]
    """Puts live views in the place of their outputs. How much of a recording each has is `tapescope.views.widgets.settings.saved_bytes` when its cell ran."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(**{**kw, "enabled": True})

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        saved: list[dict[str, Any]] = []
        last: dict[str, Any] = {}
        for out in outputs(nb):
            view = out["data"].get(MIME)
            if drawable(view):
                picture = out["data"].get("text/html", "")
                out["data"] = {"text/html": f'<div class="tapescope-view" data-view="{len(saved)}">{picture if isinstance(picture, str) else "".join(picture)}</div>'}
                last = out["data"]
                saved.append(view)
            elif MIME in out.get("metadata", {}) or view is not None:
                out["data"].pop(WIDGET, None)                  # its picture needs no network, what draws widgets does
        if saved:
            last["text/html"] += carried(saved)
        rest = [out["data"] for out in outputs(nb)]
        if not any(WIDGET in data for data in rest):
            nb.metadata.pop("widgets", None)                   # nobody is left who would need their states, and what draws them
        return nb, resources


class NotebookExporter(HTMLExporter):  # type: ignore[misc]
    """nbconvert's HTML, with the views of recordings alive in it, and nothing that needs a network where nothing in the notebook asks for it."""

    export_from_notebook = "HTML with live Tapescope views"
    raw_template = _TEMPLATE

    def _init_preprocessors(self) -> None:
        super()._init_preprocessors()
        self.register_preprocessor(LiveViews, enabled=True)

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        rest = [out["data"] for out in outputs(nb) if not drawable(out["data"].get(MIME))]
        resources = dict(resources or {})
        resources["tapescope_scripts"] = any("application/javascript" in data or "<script" in str(data.get("text/html", "")) for data in rest)
        resources["tapescope_math"] = any("text/latex" in data for data in rest) or any(c.cell_type == "markdown" and ("$" in c.source or "\\" in c.source) for c in nb.cells)
        text, resources = super().from_notebook_node(nb, resources, **kw)
        return text, resources


def outputs(nb: Any) -> list[Any]:
    """All outputs of a notebook that show something."""
    return [out for cell in nb.cells for out in cell.get("outputs", []) if "data" in out]


def drawable(view: Any) -> bool:
    """Whether this output is a view of ours, and its code is here."""
    return (isinstance(view, dict) and view.get("format") == 1 and view.get("view") in VIEWS and isinstance(view.get("data"), str) and isinstance(view.get("options"), dict)
            and (parts.BUNDLES / f"{view['view']}.js").exists())


def carried(saved: list[dict[str, Any]]) -> str:
    """Recordings, the code of the views that are there, once, and what puts them together: a module, which a browser runs when it has read the whole page."""
    found = [f'<script type="application/json" id="tapescope-view-{i}">{_json(view)}</script>' for i, view in enumerate(saved)]
    for name in sorted({str(view["view"]) for view in saved}):
        code = zlib.compress((parts.BUNDLES / f"{name}.js").read_bytes(), 9)
        found += [f'<script type="text/plain" id="tapescope-code-{name}">{base64.b64encode(code).decode()}</script>',
                  f'<script type="text/plain" id="tapescope-parts-{name}">{base64.b64encode(parts.packed(name)).decode()}</script>']
    return "\n".join([*found, f'<script type="module">{_SCRIPT}</script>\n'])


def _json(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")
