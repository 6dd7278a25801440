"""A private Jupyter server and the page that shows it, driven by commands instead of by typing."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import TimeoutError as TooLate

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "tapescope"
LOOPBACK = re.compile(r"^(https?|wss?)://(127\.0\.0\.1|localhost)(:\d+)?/|^(blob|data|about):")


class Server:
    """JupyterLab or Notebook 7 with a home of its own: it reads no settings of the user's and writes none."""

    def __init__(self, state: Path, application: str = "lab") -> None:
        self.application = application
        self.root = state / "work"
        self.root.mkdir(parents=True)
        self.settings = state / "settings"
        settings = state / "app"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps({
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
        }))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        env = os.environ | {
            "JUPYTER_CONFIG_DIR": str(state / "config"), "JUPYTER_DATA_DIR": str(state / "data"),
            "JUPYTER_RUNTIME_DIR": str(state / "runtime"), "IPYTHONDIR": str(state / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.settings), "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
            "JUPYTER_PREFER_ENV_PATH": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT / "kernel_lib"),
        }
        trait = "LabApp" if application == "lab" else "JupyterNotebookApp"
        self.log = (state / "server.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab" if application == "lab" else "notebook", "--no-browser", "--allow-root",
             "--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
             f"--ServerApp.root_dir={self.root}", f"--{trait}.app_settings_dir={settings}",
             f"--{trait}.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
             "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
            env=env, stdout=self.log, stderr=subprocess.STDOUT)
        self._await_answer(state / "server.log")

    def forget(self) -> None:
        """Drops what a test has set, its theme among it, and ends its kernels, of which some train or are halted: the next one begins as everybody does, on a machine that does nothing else."""
        for session in json.load(self._ask("sessions")):
            self._ask(f"sessions/{session['id']}", "DELETE").close()
        for kernel in json.load(self._ask("kernels")):
            self._ask(f"kernels/{kernel['id']}", "DELETE").close()
        shutil.rmtree(self.settings, ignore_errors=True)

    def _ask(self, path: str, method: str = "GET") -> Any:
        return urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/{path}?token={TOKEN}", method=method), timeout=30)

    def _await_answer(self, log: Path) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the Jupyter server ended:\n{log.read_text()[-4000:]}")
            try:
                urllib.request.urlopen(f"{self.url}/api?token={TOKEN}", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the Jupyter server did not answer in 60 s:\n{log.read_text()[-4000:]}")

    def notebook(self, name: str, cells: list[str]) -> str:
        """Writes a notebook with these code cells; returns its path as the server knows it."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.root / name)
        return name

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Lab:
    """One page on a server. Every request and every error of the page is kept, for the test to judge."""

    def __init__(self, server: Server, page: Any) -> None:
        self.server, self.page = server, page
        self.opened: str | None = None                            # the notebook that was opened last
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.expected_errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: dialog.accept())         # "leave the page with unsaved changes?"

    def strangers(self) -> list[str]:
        """Requests that left the machine."""
        return [url for url in self.requests if not LOOPBACK.match(url)]

    # -- the application ------------------------------------------------------------------------------------------------

    def open(self, path: str | None = None, reset: bool = True) -> None:
        where = "lab" if self.server.application == "lab" else f"notebooks/{path}"
        self.page.goto(f"{self.server.url}/{where}?token={TOKEN}{'&reset' if reset else ''}")
        self.await_app()
        if self.server.application == "lab" and path is not None:
            self.open_notebook(path)
        elif path is not None:
            self.await_kernel()

    def await_app(self) -> None:
        self.page.wait_for_function("() => window.jupyterapp", timeout=60_000)
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")

    def command(self, command: str, args: dict[str, Any] | None = None) -> None:
        """Starts a command and does not wait for its end."""
        self.page.evaluate("([c, a]) => { window.jupyterapp.commands.execute(c, a ?? {}); }", [command, args])

    def choose_in_palette(self, words: str) -> None:
        """Types into the command palette, which closes when something else takes the focus: a notebook that has just come up."""
        field = self.page.locator(".lm-CommandPalette-input")

        def chosen() -> bool:
            if not field.is_visible():
                self.command("apputils:activate-command-palette")
                return False
            try:
                field.fill(words, timeout=1000)
                field.press("Enter", timeout=1000)
            except TooLate:
                return False
            return True

        self.until(chosen, what="the command palette")

    def open_notebook(self, path: str) -> None:
        self.opened = path
        self.page.evaluate("async path => { await window.jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook' }); }", path)
        self.await_kernel()

    def open_notebook_busy(self, path: str) -> None:
        """Opens a notebook whose kernel is in the middle of a cell."""
        self.opened = path
        self.page.evaluate("async path => { await window.jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook' }); }", path)
        self._in_notebook("await panel.sessionContext.ready;")
        self.await_current(path)

    def await_current(self, path: str) -> None:
        """Until JupyterLab takes this notebook for the one that is worked in, which it does when the focus has come there."""
        self.page.wait_for_function("path => window.jupyterapp.shell.currentWidget?.context?.path === path", arg=path)

    def _in_notebook(self, body: str, argument: Any = None) -> Any:
        """Runs JavaScript with `panel`, the active notebook (else the one that was opened last), and `x`, the argument."""
        return self.page.evaluate("""async ([body, x, opened]) => {
            const shown = [...window.jupyterapp.shell.widgets('main')].filter(w => w.content?.activeCell !== undefined && w.sessionContext);
            const panel = shown.find(w => w === window.jupyterapp.shell.currentWidget) ?? shown.find(w => w.context.path === opened) ?? shown.find(w => w.isVisible) ?? shown[0];
            return await (new Function('panel', 'x', `return (async () => { ${body} })()`))(panel, x);
        }""", [body, argument, self.opened])

    def await_kernel(self) -> None:
        self._in_notebook("""
            const until = Date.now() + 30000;
            while (Date.now() < until) {
                if (panel?.sessionContext?.session?.kernel?.status === 'idle') return;
                await new Promise(done => setTimeout(done, 50));
            }
            throw new Error('no idle kernel after 30 s: ' + panel?.sessionContext?.session?.kernel?.status);""")

    def run(self, cell: int, wait: bool = True) -> None:
        """Runs one cell of the active notebook, as Ctrl-Enter does, once JupyterLab lets it."""
        self._in_notebook("panel.content.activeCellIndex = x; window.jupyterapp.shell.activateById(panel.id);", cell)
        self.page.wait_for_function("() => window.jupyterapp.commands.isEnabled('notebook:run-cell')")
        self.command("notebook:run-cell")
        if wait:
            self.await_cell(cell)

    def await_cell(self, cell: int, timeout: float = 60) -> None:
        self.until(lambda: self.cell_state(cell)["count"] is not None, timeout, f"cell {cell} to end")

    def cell_state(self, cell: int) -> dict[str, Any]:
        state = self._in_notebook("""
            const model = panel.content.widgets[x].model;
            return { count: model.executionCount, running: model.executionState ?? '', outputs: model.outputs.toJSON() };""", cell)
        if state["running"] == "running":
            state["count"] = None
        return dict(state)

    def text_of(self, cell: int) -> str:
        """What the cell printed, and the errors it raised."""
        out = []
        for output in self.cell_state(cell)["outputs"]:
            out.append(output.get("text") or output.get("evalue") or output.get("data", {}).get("text/plain", ""))
        return "".join("".join(part) for part in out)

    def save(self) -> None:
        self._in_notebook("await panel.context.save();")

    def restart_kernel(self) -> None:
        self._in_notebook("await panel.sessionContext.session.kernel.restart();")

    def theme(self, name: str) -> None:
        self.page.evaluate("async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme }); }", name)
        self.page.wait_for_function("dark => document.body.dataset.jpThemeLight === String(!dark)", arg="Dark" in name)

    # -- the panel ------------------------------------------------------------------------------------------------------

    @property
    def panel(self) -> Any:
        return self.page.locator("#tapescope-panel")

    def open_panel(self, tab: str | None = None) -> None:
        self.command("tapescope:open", {"tab": tab} if tab else {})
        self.panel.wait_for(state="visible", timeout=20_000)

    def await_panel(self, state: str, timeout: float = 60) -> None:
        self.page.wait_for_function("state => document.querySelector('#tapescope-panel')?.dataset.state === state",
                                    arg=state, timeout=timeout * 1000)

    def tab(self, tab: str) -> None:
        self.panel.locator(f"[role=tab][data-tab={tab}]").click()

    def until(self, condition: Callable[[], Any], timeout: float = 60, what: str = "") -> Any:
        """Polls until the condition holds; returns what it returned."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout} s for {what or condition}")
            self.page.wait_for_timeout(50)
