"""Everyone can use it: axe over every tab of the panel and every view in a cell, in every theme, zoomed, with forced colours and less motion.

Of forced colours only what axe sees is judged: canvases and the tracks of sliders are not yet drawn in the reader's colours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab
from .programs import MODEL, train
from .test_cells import CALLS, SEEN, output
from .test_debugging import breaches
from .test_panel import CONTRAST, DRAWN

Write = Callable[..., str]
TABS = {"dashboard": "loss", "graph": "ops", "backward": "replay", "histograms": "encoder.0.weight", "metrics": "accuracy", "projector": "Which layer?", "tensor": "",
        "media": "Nothing was logged", "findings": "", "runs": ""}
PROBED = train(1).replace("end =", "tape.probe('activation/encoder.0'); tape.probe('weight/head.weight'); end =")


def walked(lab: Lab, shots: Path, name: str) -> list[str]:
    """Breaches of every tab, with its name."""
    found = []
    for tab in lab.panel.locator("[role=tab][data-tab]").evaluate_all("els => els.map(e => e.dataset.tab)"):
        lab.tab(tab)
        lab.until(lambda t=tab: TABS[t] in lab.panel.inner_text(), what=tab)
        lab.page.wait_for_timeout(700)
        lab.page.screenshot(path=shots / f"access-{name}-{tab}.png")
        found += [f"{tab}: {b}" for b in breaches(lab)]
    return found


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_every_tab_is_clean_for_axe(lab: Lab, notebook_of: Write, shots: Path, theme: str) -> None:
    lab.open(notebook_of(MODEL, PROBED))
    lab.theme(theme)
    lab.open_panel("dashboard")
    lab.run(0)
    lab.run(1)
    lab.await_panel("live")
    assert walked(lab, shots, theme.split()[-1].lower()) == []
    if "Contrast" in theme:
        assert lab.page.evaluate("() => document.querySelector('#tapescope-panel [data-ts-theme]').dataset.tsTheme") == "contrast"
        assert lab.page.evaluate(CONTRAST.replace("ratio < 4.5", "ratio < 7")) == []


def test_zoomed_to_200_percent_with_forced_colours_and_less_motion(page_on: Any, browser: Any, lab_server: Any, notebook_of: Write, shots: Path) -> None:
    """Half the room, two pixels for each: nothing is cut off, nothing moves, and the theme of high contrast is taken."""
    context = browser.new_context(service_workers="block", viewport={"width": 760, "height": 520}, device_scale_factor=2, forced_colors="active", reduced_motion="reduce")
    lab = Lab(lab_server, context.new_page())
    try:
        lab.open(notebook_of(MODEL, PROBED))
        lab.command("filebrowser:hide-main")
        lab.run(0)
        lab.run(1)
        lab.open_panel("dashboard")
        lab.await_panel("live")
        assert walked(lab, shots, "zoomed") == []
        lab.tab("graph")
        lab.until(lambda: any(c.evaluate(DRAWN) > 50 for c in lab.panel.locator("canvas").all()), what="the graph")
        canvas = lab.panel.locator("canvas").first
        assert canvas.evaluate("e => e.width / e.clientWidth") >= 1.5
        assert lab.page.evaluate("() => document.querySelector('#tapescope-panel [data-ts-theme]').dataset.tsTheme") == "contrast"
        moving = lab.page.evaluate("() => document.getAnimations().filter(a => a.playState === 'running' && a.effect?.target?.closest?.('#tapescope-panel')).length")
        assert moving == 0
    finally:
        context.close()


def test_every_view_in_a_cell_is_clean_for_axe(lab: Lab, notebook_of: Write, shots: Path) -> None:
    calls = [*CALLS, "tape.media()", "tape.findings_view()"]
    lab.open(notebook_of(MODEL, PROBED, *calls))
    lab.run(0)
    lab.run(1)
    for i, call in enumerate(calls):
        lab.run(2 + i)
        name, out = call[5:].partition("(")[0], output(lab, 2 + i)
        lab.until(lambda o=out, n=name: SEEN.get(n, "") in o.inner_text() and o.locator(".ts-view").count(), what=call)
        lab.page.wait_for_timeout(700)
        out.first.evaluate("(el, id) => { el.id = id; }", f"seen-{name}")
        assert breaches(lab, f"#seen-{name}") == [], call
