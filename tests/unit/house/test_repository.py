"""What the repository and an import must not bring along."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Heavy packages that only what uses them may load; the stricter test below names none.
UNWANTED = ("ipywidgets", "anywidget", "plotly", "jupyterlab", "torch", "cupy", "matplotlib", "IPython", "scipy", "pandas")

# A machine's package index belongs to its own configuration: a lock file or a script that names one fails wherever that one is not reachable.
INDEX = re.compile(r"https?://[\w.\-@:]*(?:pypi|pythonhosted|npmjs|npmmirror|yarnpkg|anaconda|jsr\.io|crates\.io|artifactory|devpi|nexus|verdaccio)"
                   r"|--(?:extra-)?index-url|--registry[= ]|^\s*registry\s*=\s*\S*://|\b(?:PIP_INDEX_URL|UV_INDEX_URL|npm_config_registry)\b", re.IGNORECASE | re.MULTILINE)


def python(code: str) -> list[str]:
    """The words that a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.split()


def test_import_loads_none_of_the_heavy_packages():
    assert python(f"import sys, tapescope; print(*[name for name in {UNWANTED} if name in sys.modules])") == []


def test_import_loads_numpy_and_the_standard_library_alone():
    code = ("import sys, numpy.random; before = set(sys.modules); import tapescope; new = {name.split('.')[0] for name in set(sys.modules) - before};"
            "print(*(new - set(sys.stdlib_module_names)))")
    assert python(code) == ["tapescope"]


def test_the_checks_of_an_import_can_fail():
    assert "plotly" in python(f"import sys, tapescope.views.figures, plotly; print(*[name for name in {UNWANTED} if name in sys.modules])")


def tracked() -> list[Path]:
    """Every file of the repository that git knows or would take."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the repository cannot be told")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_package_index():
    mine = Path(__file__).resolve()
    found = []
    for path in tracked():
        if path == mine:
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}" for match in INDEX.finditer(text)]
    assert found == []


@pytest.mark.parametrize("line", [
    '"resolved": "https://registry.npmjs.org/uplot/-/uplot-1.6.32.tgz"', "url = 'http://pypi.org/simple'", "https://user:secret@files.pythonhosted.org/x",
    "pip install --index-url x", "pip install --extra-index-url=x", "registry=http://somewhere", "npm ci --registry=x", "export PIP_INDEX_URL=x",
])
def test_a_named_index_is_found(line):
    assert INDEX.search(f"first\n{line}\nlast")


def test_the_lock_file_names_no_server():
    assert re.findall(r'"resolved": "(?:https?|git)[^"]*"', (ROOT / "package-lock.json").read_text(encoding="utf-8")) == []


DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")]


def wrong_words(text: str) -> list[str]:
    """What a document tells to run or to read and what is not there: make targets, npm scripts, files and folders, links."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    packages = {data["name"]: data for path in ("widgets", "extension/jupyterlab", "extension/vscode") if (data := json.loads((ROOT / path / "package.json").read_text(encoding="utf-8")))}
    wrong = [f"make {name}" for words in re.findall(r"\bmake ((?:[A-Z]+=\S+ )*[a-z][\w\-]*(?: [\w\-]+)*)", code) for name in re.sub(r"[A-Z]+=\S+ ", "", words).split()
             if name not in targets]
    wrong += [f"npm run {script} -w {package}" for script, package in re.findall(r"npm run ([\w:]+) -w (\S+?)[`\s]", code + "\n") if script not in packages[package]["scripts"]]
    paths = re.findall(r"(?<![\w@/.\-])((?:tests|kernel_lib|widgets|extension|examples)/[\w./\-]*)", code) + re.findall(r"\]\((?!https?:|#)([^)]+)\)", text)
    return wrong + [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.exists()], ids=lambda path: path.name)
def test_a_document_names_only_what_is_there(document):
    assert wrong_words(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("text", "wrong"), [
    ("`make tests`", ["make tests"]), ("`make PORT=1 labs`", ["make labs"]), ("```\nmake test\nmake clean rebuild\n```", ["make rebuild"]),
    ("`npm run serve -w @tapescope/widgets`", ["npm run serve -w @tapescope/widgets"]), ("see `tests/units/core`", ["tests/units/core"]), ("[x](LICENCE)", ["LICENCE"]),
    ("`make test`, to make sense of [it](LICENSE) and `tests/unit`, `npm run dev -w @tapescope/widgets`", []),
])
def test_a_document_that_is_wrong_is_found(text, wrong):
    assert wrong_words(text) == wrong
