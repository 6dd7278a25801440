"""A real VS Code workbench to test in: `python tests/vscode/workbench.py` builds one where the system can; `Workbench` runs it with our extension.

It is the web server inside the npm package code-server, without that package's launcher. Its native modules are built one by one, because some that it does not need here cannot be.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("TAPESCOPE_WORKBENCH", Path.home() / ".cache" / "tapescope-tests" / "vscode"))
SERVER = HOME / "node_modules" / "code-server" / "lib" / "vscode"
READY = HOME / "ready"
PACKAGE = "code-server@4"
DEBIAN = ("libkrb5-dev", "libsecret-1-dev", "libx11-dev", "libxkbfile-dev", "pkg-config", "ripgrep", "g++", "make")
NATIVE = ("kerberos", "@vscode/spdlog", "@parcel/watcher", "native-watchdog", "@vscode/sqlite3", "@vscode/deviceid", "node-pty")


def missing() -> str:
    """Why there is no workbench; "" when there is one."""
    if not READY.exists():
        return "there is no VS Code workbench here: `python tests/vscode/workbench.py` builds one"
    if not (ROOT / "extension/vscode/dist/extension.js").exists():
        return "the VS Code extension has not been built: run `make build`"
    return ""


def build() -> str:
    """Builds a workbench; why that was not possible, or ""."""
    if READY.exists():
        return ""
    if shutil.which("npm") is None:
        return "npm is missing"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", *DEBIAN], check=False, stdout=subprocess.DEVNULL)
    ripgrep = shutil.which("rg")
    if ripgrep is None:
        return "ripgrep is missing"
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "package.json").write_text("{}")
    quiet = ["--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
    for command, where in ((["npm", "install", PACKAGE, *quiet], HOME), (["npm", "install", "--omit=dev", *quiet], SERVER)):
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{' '.join(command[:3])} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    for module in NATIVE:
        subprocess.run(["npm", "rebuild", module], cwd=SERVER, capture_output=True, check=False)      # whether it suffices is seen below
    link = SERVER / "node_modules/@vscode/ripgrep/bin/rg"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(ripgrep)
    try:
        Workbench(HOME / "trial", HOME, extension=False).stop()
    except RuntimeError as error:
        return str(error)
    shutil.rmtree(HOME / "trial", ignore_errors=True)
    READY.touch()
    return ""


class Workbench:
    """A server with a home of its own, on a folder, with our extension in it; with `trust` it asks whether the folder is trusted, with `locale` it speaks another language."""

    def __init__(self, state: Path, folder: Path, *, settings: dict[str, object] | None = None, extension: bool = True, trust: bool = False, locale: str = "en") -> None:
        self.folder, self.state = folder, state
        user = state / "data" / "User"
        user.mkdir(parents=True)
        self.settings = {"workbench.startupEditor": "none", "remote.autoForwardPorts": False, "telemetry.telemetryLevel": "off", "update.mode": "none",
                         "tapescope.pythonPath": sys.executable, "workbench.tips.enabled": False, "chat.disableAIFeatures": True, "files.autoSave": "off"} | (settings or {})
        (user / "settings.json").write_text(json.dumps(self.settings))
        if locale != "en":                                    # a language pack without words: VS Code's own stay English, an extension's are its
            (state / "pack.json").write_text(json.dumps({"contents": {}}))
            (state / "data" / "languagepacks.json").write_text(json.dumps({locale: {
                "hash": "tested", "label": locale, "extensions": [{"extensionIdentifier": {"id": "tested.pack"}, "version": "1.0.0"}], "translations": {"vscode": str(state / "pack.json")}}}))
        if extension:
            vsix = packer().pack(state / "tapescope.vsix")
            with zipfile.ZipFile(vsix) as archive:
                archive.extractall(state / "unpacked")
            (state / "extensions").mkdir()
            shutil.move(state / "unpacked" / "extension", state / "extensions" / "tapescope.tapescope-0.1.0")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.origin = f"http://127.0.0.1:{port}"
        self.url = f"{self.origin}/?folder={folder}"
        self.log = (state / "server.log").open("w")
        env = {k: v for k, v in os.environ.items() if not k.startswith("VSCODE_")} | {"PYTHONPATH": str(ROOT / "kernel_lib"), "OPENBLAS_NUM_THREADS": "1", "HOME": str(state)}
        self.process = subprocess.Popen(
            ["node", "out/server-main.js", "--host", "127.0.0.1", "--port", str(port), "--without-connection-token", "--accept-server-license-terms", "--telemetry-level", "off",
             "--server-data-dir", str(state), "--locale", locale, *([] if trust else ["--disable-workspace-trust"]), "--extensions-dir", str(state / "extensions")],
            cwd=SERVER, env=env, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.origin, timeout=5).close()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"the workbench did not start: {(state / 'server.log').read_text()[-600:]}") from error
                time.sleep(0.1)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def packer() -> object:
    """`extension/vscode/pack.py`."""
    spec = importlib.util.spec_from_file_location("tapescope_vsix", ROOT / "extension/vscode/pack.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    why = build()
    print(f"no VS Code workbench could be built, its tests will be skipped: {why}" if why else f"{SERVER}")
