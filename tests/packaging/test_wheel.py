"""The wheel as a newcomer gets it: what lies in it, and what it does in an environment that has never seen this repository. Nothing here reaches a network.

It is built as `make wheel` builds it, from the TypeScript that has already been built: hatchling takes what it finds and calls Node only for what is missing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "kernel_lib" / "tapescope"
LABEXTENSION = "share/jupyter/labextensions/@tapescope/labextension"
VIEWS = {"graph", "backward", "histograms", "metrics", "projector", "tensor", "findings", "runs", "dashboard"}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

# One worker makes them all, once.
pytestmark = pytest.mark.xdist_group("packaging")


def ran(*command: object, **options) -> str:
    """Standard output and errors of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def built(kind: str, source: Path, out: Path, **options) -> Path:
    ran(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", out, source, **options)
    [file] = out.iterdir()
    return file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    if not (PACKAGE / "labextension" / "package.json").exists() or not (PACKAGE / "static" / "graph.js").exists():
        pytest.skip("the TypeScript has not been built: run `make build` first")
    if list((PACKAGE / "labextension" / "static").glob("*.map")):
        pytest.fail("what lies in kernel_lib/tapescope/labextension was built for development, by `npm run build` or `npm run watch`: `make clean build` makes what is shipped")
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def content(wheel) -> dict[str, bytes]:
    """Where every file of the wheel ends up, and what is in it: under `tapescope/`, under `share/`, or in the wheel's own records."""
    with zipfile.ZipFile(wheel) as archive:
        return {name.removeprefix(f"tapescope-{VERSION}.data/data/"): archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The interpreter of a fresh environment with the wheel, which borrows all that is not ours from the one that runs the tests."""
    home = tmp_path_factory.mktemp("home")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ran(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--disable-pip-version-check", wheel, env=apart(home))
    # Only now: pip would take the editable tapescope there for an older one of its own, and remove it. A path in a .pth file brings the packages
    # of a folder and not that folder's own .pth files, so the editable install stays invisible.
    [site] = (home / "lib").glob("python*/site-packages") if os.name != "nt" else [home / "Lib" / "site-packages"]
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def apart(home: Path) -> dict[str, str]:
    """An environment in which neither this repository nor a user's Jupyter can be found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTHON", "VIRTUAL_ENV", "PIP_"))}
    return {**kept, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_DATA_DIR": str(home / "data"), "IPYTHONDIR": str(home / "ipython")}


def say(python: Path, code: str) -> list[str]:
    """The lines that a program prints in the fresh environment; a warning is an error there, too."""
    home = python.parents[1]
    return ran(python, "-W", "error", "-c", code, cwd=home, env=apart(home)).splitlines()


def test_nbconvert_is_told_of_live_views(content):
    assert json.loads(content["etc/jupyter/jupyter_nbconvert_config.json"]) == {"HTMLExporter": {"preprocessors": ["tapescope.views.notebook.LiveViews"]}}


def test_library_views_and_labextension_are_in_it(content):
    modules = {f"tapescope/{path.relative_to(PACKAGE).as_posix()}" for path in PACKAGE.rglob("*.py")}
    assert modules <= set(content)
    assert {f"tapescope/static/{view}.js" for view in VIEWS} <= set(content)
    assert {f"{LABEXTENSION}/package.json", f"{LABEXTENSION}/install.json"} <= set(content)
    entry = json.loads(content[f"{LABEXTENSION}/package.json"])["jupyterlab"]["_build"]["load"]
    assert content[f"{LABEXTENSION}/{entry}"]
    assert json.loads(content[f"{LABEXTENSION}/install.json"])["packageName"] == "tapescope"


def test_nothing_else_is_in_it(content):
    record = f"tapescope-{VERSION}.dist-info/"
    kinds = (re.escape("etc/jupyter/jupyter_nbconvert_config.json"), r"tapescope/[\w/]+\.py", r"tapescope/static/\w+(/[\w\-]+)?\.js", re.escape(LABEXTENSION) + r"/static/[\w.\-]+\.(js|json)",
             re.escape(LABEXTENSION) + r"/(package|install)\.json", re.escape(LABEXTENSION) + r"/schemas/@tapescope/labextension/(\w+\.json|package\.json\.orig)",
             re.escape(record) + r"(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/LICENSE)")
    assert [name for name in content if not any(re.fullmatch(kind, name) for kind in kinds)] == []
    assert [name for name in content if "test" in name.lower() or name.endswith((".map", ".ts", ".tsx"))] == []
    assert not any(name.startswith("tapescope/labextension") for name in content), "the labextension travels twice"


def test_no_bundle_refers_to_a_map_or_a_machine(content):
    for name, data in content.items():
        if name.endswith(".js"):
            assert not re.search(rb"//# sourceMappingURL=[\w.\-]+", data), name
            assert str(ROOT).encode() not in data, name


def test_licence_name_and_needs(content, wheel):
    assert wheel.name == f"tapescope-{VERSION}-py3-none-any.whl"
    assert content[f"tapescope-{VERSION}.dist-info/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    data = HeaderParser().parsestr(content[f"tapescope-{VERSION}.dist-info/METADATA"].decode())
    assert data["Version"] == VERSION and data["Requires-Python"] == ">=3.11" and data["License-Expression"] == "BSD-3-Clause"
    needs = {re.split(r"[^\w-]", need)[0] for need in data.get_all("Requires-Dist") if "extra ==" not in need}
    assert needs == {"numpy", "ipywidgets", "anywidget", "plotly"}
    assert {"cuda12", "cuda13", "examples", "test"} <= set(data.get_all("Provides-Extra"))


def test_nbconvert_finds_the_exporter(installed):
    code = "import warnings; warnings.simplefilter('ignore'); from importlib.metadata import entry_points; print(entry_points(group='nbconvert.exporters')['tapescope'].load().export_from_notebook)"
    assert say(installed, code) == ["HTML with live Tapescope views"]


def test_one_version_everywhere(content):
    for package in ("widgets", "extension/jupyterlab"):
        assert json.loads((ROOT / package / "package.json").read_text(encoding="utf-8"))["version"] == VERSION
    assert json.loads(content[f"{LABEXTENSION}/package.json"])["version"] == VERSION
    assert f'__version__ = "{VERSION}"'.encode() in content["tapescope/__init__.py"]
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_a_wheel_from_the_sdist_is_the_same_and_needs_no_node(content, tmp_path):
    sdist = built("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    source = tmp_path / "source" / f"tapescope-{VERSION}"
    bare = {**os.environ, "PATH": ""}                        # neither npm nor node can be found
    again = built("wheel", source, tmp_path / "wheel", env=bare)
    with zipfile.ZipFile(again) as archive:
        assert {name.removeprefix(f"tapescope-{VERSION}.data/data/") for name in archive.namelist()} == set(content)


def test_jupyter_lists_the_extension_as_enabled_and_ok(installed):
    home = installed.parents[1]
    listed = ran(installed, "-m", "jupyterlab.labextensions", "list", cwd=home, env=apart(home))
    listed = re.sub(r"\x1b\[[\d;]*m", "", listed)
    assert re.search(rf"@tapescope/labextension v{re.escape(VERSION)}\s+enabled\s+OK \(python, tapescope\)", listed), listed


def test_it_is_the_installed_library_that_answers(installed):
    lines = say(installed, "import tapescope, sys; print(tapescope.__version__); print(tapescope.__file__);"
                           "from importlib.metadata import version; print(version('tapescope')); print(*[path for path in sys.path if 'kernel_lib' in path])")
    assert lines[0] == lines[2] == VERSION and lines[3] == ""
    assert Path(lines[1]).is_relative_to(installed.parents[1])


def test_it_trains_and_records(installed):
    assert say(installed, """
import tapescope as ts
from tapescope import nn, optim
import tapescope.nn.functional as F
ts.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
opt = optim.SGD(model.parameters(), lr=0.5)
x, y = ts.randn(16, 4), ts.randint(0, 3, (16,))
with ts.record() as tape:
    losses = []
    for _ in range(5):
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
print(losses[-1] < losses[0], tape.state, tape.status()["step"])
print([finding.severity for finding in tape.findings()])
""") == ["True stopped 5", "[]"]


def test_the_views_find_their_half_of_the_page_in_the_installed_place(installed):
    lines = say(installed, """
import tapescope as ts
from tapescope.views.parts import BUNDLES, texts
a = ts.ones(3, requires_grad=True)
with ts.record() as tape:
    (a * a).sum().backward()
print(BUNDLES)
for view in (tape.graph(), tape.backward(), tape.histograms(), tape.metrics(), tape.projector(), tape.tensor(), tape.findings_view(), tape.dashboard()):
    text = view._esm
    print(view.view, text == (BUNDLES / f"{view.view}.js").read_text(encoding="utf-8") and "export" in text and len(text) > 10_000, len(texts(view.view)) > 0)
""")
    assert Path(lines[0]) == next((installed.parents[1] / "lib").glob("python*")) / "site-packages" / "tapescope" / "static"
    assert set(lines[1:]) == {f"{view} True True" for view in VIEWS - {"runs"}}


def test_the_magic_loads(installed):
    assert say(installed, """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "tapescope")
print("tapescope" in shell.magics_manager.magics["cell"])
""") == ["True"]


def test_what_a_browser_gets_is_within_its_budgets(wheel):
    told = subprocess.run(["node", ROOT / "widgets" / "sizes.mjs"], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "dashboard" in told.stdout and "labextension, core" in told.stdout
