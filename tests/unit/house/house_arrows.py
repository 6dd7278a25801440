"""Which room may import which, and what of a source breaks it. The tables say what ARCHITECTURE.md says; `test_arrows.py` holds the tree against them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "kernel_lib" / "tapescope"
WIDGETS = ROOT / "widgets" / "src"
EXTENSION = ROOT / "extension" / "jupyterlab" / "src"
VSCODE = ROOT / "extension" / "vscode" / "src"

# ---- Python ----------------------------------------------------------------------------------------------------------

ANALYSIS = {"core", "ops", "tape"}
BELOW_LINK = {"core", "ops", "tape", "debugger", "diagnose", "project"}

# A room may always import itself. "" is tapescope/__init__.py, "facade" is facade.py, "cuda" cuda.py.
ARROWS: Mapping[str, set[str]] = {
    "formats": set(),
    "core": set(),
    "ops": {"core"},
    "autograd": {"core", "ops"},
    "amp": {"core", "ops"},
    "cuda": {"core", "amp"},
    "accelerator": {"core", "cuda"},
    "backends": set(),
    "random": {"core"},
    "multiprocessing": {"core", "nn"},
    "linalg": {"ops"},
    "special": {"ops"},
    "fft": {"ops"},
    "masked": {"core", "ops"},
    "func": {"core", "ops"},
    "signal": {"ops"},
    "nn": {"core", "ops"},
    "compiler": {"core", "ops", "nn"},
    "jit": {"core", "nn", "compiler", "serialization"},
    "optim": {"core", "ops", "nn"},          # swa_utils averages modules; nn knows no optimizer
    "utils": {"core", "ops", "formats"},
    "serialization": {"core", "formats", "nn"},
    "distributions": {"core", "ops", "nn"},
    "safetensors": {"core"},
    "distributed": {"core"},
    "vision": {"core", "ops", "nn", "utils", "formats"},
    "tape": {"core", "formats"},
    "debugger": ANALYSIS,
    "diagnose": ANALYSIS,
    "project": ANALYSIS,
    "link": BELOW_LINK,
    "views": BELOW_LINK | {"formats", "link", "utils"},        # utils writes TensorBoard's files
    "facade": BELOW_LINK | {"link", "views"},
    "adapters": {"core", "tape", "debugger"},
    "__main__": {"adapters", "facade", "tape"},
    "": {"core", "ops"},
}

# Against the arrows, and only inside a function that runs when the house stands.
LATER: Mapping[str, set[str]] = {
    "": {"facade"},             # record(), debug(), a Tensor's picture: looked up when they are used
    "nn": {"compiler", "cuda", "distributed"},         # module.compile(); parallel: which devices and processes there are
    "tape": {""},               # __version__, which stands in every recording on disk
    "link": {""},               # __version__, which is told to a page that attaches
    "views": {""},              # __version__, which stands on an exported page
    "adapters": {"facade"},     # a recording of theirs gets its views, as one of ours does
}

# Packages of others: NumPy anywhere, these when the room is loaded, and those only inside functions.
OTHERS: Mapping[str, set[str]] = {"views": {"anywidget", "nbconvert", "traitlets"}, "adapters": {"torch", "transformers"}}
OTHERS_LATER: Mapping[str, set[str]] = {
    "safetensors": {"safetensors"},
    "serialization": {"cupy"},
    "utils": {"PIL", "matplotlib"},
    "vision": {"PIL", "tqdm"},
    "core": {"cupy", "ml_dtypes"},
    "ops": {"cupy", "cupyx"},
    "tape": {"cupy", "pandas"},
    "distributed": {"cupy", "mpi4py"},
    "link": {"comm"},
    "views": {"IPython", "pandas", "plotly", "pyarrow", "resvg_py"},
}

# Modules that load their own room's parts by names that are only known as they run, and one that loads what a file names when its user trusts the file.
BY_NAME = {"tapescope", "tapescope.vision", "tapescope.ops.lazy", "tapescope.link", "tapescope.serialization.save_load"}


class Import(NamedTuple):
    """One import: the line, the dotted name ("" when it is not written down), and whether it happens as the module loads."""

    line: int
    name: str
    loading: bool


def module_name(file: PurePosixPath) -> str:
    """`tape/reduce.py` is `tapescope.tape.reduce`, `tape/__init__.py` is `tapescope.tape`."""
    parts = file.with_suffix("").parts
    return ".".join(("tapescope", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def python_imports(source: str, file: PurePosixPath) -> Iterator[Import]:
    """Every import of a module of ours, relative ones made absolute."""
    package = ["tapescope", *file.parent.parts]

    def visit(node: ast.AST, loading: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(child.lineno, alias.name, loading) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = ".".join([*package[:len(package) - child.level + 1], *filter(None, [child.module])]) if child.level else str(child.module)
                if base == "tapescope":
                    yield from (Import(child.lineno, f"{base}.{alias.name}", loading) for alias in child.names)
                else:
                    yield Import(child.lineno, base, loading)
            elif isinstance(child, ast.Call) and ast.unparse(child.func).split(".")[-1] in ("import_module", "__import__"):
                name = child.args[0] if child.args else None
                written = isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith(".")
                yield Import(child.lineno, name.value if written else "", loading)
            deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, loading and not deferred)

    return visit(ast.parse(source), True)


def python_breaches(source: str, file: PurePosixPath) -> list[str]:
    """The imports of a file of the package (path relative to it) that no arrow allows."""
    inside = file.parts[0] if len(file.parts) > 1 else file.stem.replace("__init__", "")
    if inside not in ARROWS:
        return [f"{file}: no arrows are stated for the room {inside!r}"]
    found = []
    for line, name, loading in python_imports(source, file):
        root, _, rest = name.partition(".")
        if not name:
            allowed, what = module_name(file) in BY_NAME, "something by a name that is computed"
        elif root == "tapescope":
            target = rest.split(".")[0]
            target = target if target in ARROWS else ""          # a name of the package itself, or a room without arrows
            allowed = target == inside or target in ARROWS[inside] or (not loading and target in LATER.get(inside, ()))
            what = f"{target or 'the top of the package'} ({name})"
        else:
            known = OTHERS.get(inside, set()) | (set() if loading else OTHERS_LATER.get(inside, set()))
            allowed, what = root == "numpy" or root in sys.stdlib_module_names or root in known, root
        if not allowed:
            found.append(f"{file}:{line}: {inside or 'the top of the package'} may not import {what}{'' if loading else ', not even inside a function'}")
    return found


# ---- TypeScript ------------------------------------------------------------------------------------------------------

VIEWS = {"views/" + name for name in ("backward", "dashboard", "findings", "graph", "histograms", "media", "metrics", "projector", "runs", "tensor")}
VIEW_STANDS_ON = {"chrome", "engines", "generated", "hub", "probe", "store", "theme", "ticker", "views/mount", "worker"}

# Rooms of widgets/src by the longest path that fits: folders, files at the top, single views, and the connection apart from the codec,
# for the codec stands below the store and the connection above it. Imports of types alone vanish when it is built; see TYPES_FROM.
TS_ARROWS: Mapping[str, set[str]] = {
    "ticker": set(),
    "selection": set(),
    "chrome": set(),
    "generated": set(),
    "parts": set(),                                                          # code that comes later: only what is the outermost of a bundle says from where
    "wire": set(),
    "theme": {"chrome"},
    "store": {"ticker", "wire"},
    "engines": {"generated", "store", "theme"},
    "worker": {"engines", "generated"},
    "room": {"selection", "store", "ticker", "wire"},
    "wire/link": {"room", "ticker", "wire"},
    "hub": {"room", "selection", "store", "ticker", "wire", "wire/link"},
    "probe": {"hub", "store"},
    "views/mount": {"chrome", "hub", "theme"},
    "views/heights": set(),
    **dict.fromkeys(VIEWS, VIEW_STANDS_ON),
    "breaks": {"chrome", "engines", "store"},                                # breakpoints: where they stand, their list, a click on a place
    **dict.fromkeys(("views/findings", "views/graph", "views/histograms"), VIEW_STANDS_ON | {"breaks"}),
    "views/backward": VIEW_STANDS_ON | {"breaks", "views/graph", "views/tensor"},      # its picture is the graph's, mirrored; its values are the tensor's heat maps
    "views/media": VIEW_STANDS_ON | {"views/histograms", "views/metrics"},   # the scrubber over steps; tags in groups, as charts have them
    "views/projector": VIEW_STANDS_ON | {"views/histograms"},                # the scrubber over steps
    "views/dashboard": VIEW_STANDS_ON | VIEWS - {"views/dashboard"},
    "replay": {"store", "wire"},                                             # a packed recording that answers as a kernel does
    "replay/page": {"parts", "replay", "views/dashboard"},
    "anywidget": VIEWS | {"hub", "parts", "replay", "selection", "views/heights"},
    "words": set(),                                                          # tables of other languages: loaded where they are spoken
    "index": VIEWS | {"chrome", "hub", "store", "theme", "wire"},
    "testing": VIEWS | {"hub", "store", "theme", "wire"},                    # what tests and the page for developing stand on; nobody else may
}
TYPES_FROM = {"chrome", "engines", "hub", "room", "selection", "store", "theme", "ticker", "wire"}

TS_OTHERS: Mapping[str, set[str]] = {
    "chrome": {"preact", "preact/hooks"},
    "views/mount": {"preact"},
    "breaks": {"preact", "preact/hooks"},
    **{view: {"preact", "preact/hooks"} for view in VIEWS},
}
EXTENSION_OTHERS = re.compile(r"@jupyterlab/|@lumino/|@codemirror/(state|view)$|@tapescope/widgets(/hub|/views/[a-z]+|/words/[a-z]+|/breaks/words|/chrome/words)?$")
# The part that runs in a page has the views; the extension host has VS Code and Node.
VSCODE_OTHERS = {"host": re.compile(r"vscode$|node:|@tapescope/widgets/(chrome/words|words/es_[a-z]+)$"),      # of the views their words alone
                 "page": re.compile(r"@tapescope/widgets(/heights|/replay/[a-z]+|/words/[a-z]+)?$")}

_IMPORT = re.compile(r"""^\s*(?P<kind>import|export)\s+(?P<what>[^;'"()]*?)\s*\bfrom\s*['"](?P<from>[^'"]+)['"]"""
                     r"""|^\s*import\s*['"](?P<bare>[^'"]+)['"]|\bimport\(\s*['"](?P<later>[^'"]+)['"]""", re.MULTILINE)


class TsImport(NamedTuple):
    """One import of a TypeScript file: the line, what is imported from, and whether nothing but types is."""

    line: int
    name: str
    types: bool


def ts_imports(source: str) -> Iterator[TsImport]:
    """Every import and re-export."""
    for match in _IMPORT.finditer(source):
        name = match["from"] or match["bare"] or match["later"]
        what = (match["what"] or "").strip()
        inner = what.strip("{} \n").split(",") if what.startswith("{") else []
        types = what == "type" or what.startswith(("type ", "type{")) or bool(inner) and all(part.strip().startswith("type ") for part in inner if part.strip())
        yield TsImport(source.count("\n", 0, match.start(match.lastgroup or 0)) + 1, name, types)


def ts_room(path: PurePosixPath) -> str:
    """The room of a path under widgets/src (with or without its ending)."""
    plain = PurePosixPath(re.sub(r"\.tsx?$", "", str(path)))
    for candidate in (plain, *plain.parents):
        if str(candidate) in TS_ARROWS:
            return str(candidate)
    return str(plain)


def for_tests(path: PurePosixPath) -> bool:
    """Whether a TypeScript file is a test or what only tests read."""
    return re.search(r"\.(test|samples)\.tsx?$", path.name) is not None


def inside(file: PurePosixPath, name: str) -> PurePosixPath:
    """What a relative import points at, as a path under the same source folder."""
    parts: list[str] = []
    for part in (*file.parent.parts, *PurePosixPath(name).parts):
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


def ts_breaches(source: str, file: PurePosixPath) -> list[str]:
    """The imports of a file under widgets/src that no arrow allows."""
    room = ts_room(file)
    if room not in TS_ARROWS and not for_tests(file):
        return [f"{file}: no arrows are stated for the room {room!r}"]
    found = []
    for line, name, types in ts_imports(source):
        if for_tests(file):
            allowed, target = not re.match(r"@jupyter|@lumino", name), name
        elif name.startswith("."):
            path = inside(file, name)
            target = ts_room(path)
            allowed = not for_tests(path.with_suffix(path.suffix + ".ts")) and (target == room or target in TS_ARROWS[room] or types and target in TYPES_FROM)
        else:
            allowed, target = name in TS_OTHERS.get(room, ()), name
        if not allowed:
            found.append(f"{file}:{line}: {room} may not import {target} ({name})")
    return found


def extension_breaches(source: str, file: PurePosixPath) -> list[str]:
    """The imports of a file of the extension that are neither its own, nor Jupyter's, nor the widgets' front door."""
    return [f"{file}:{line}: the extension may not import {name}" for line, name, _ in ts_imports(source)
            if not (name.startswith(".") and (".." not in inside(file, name).parts or re.fullmatch(r"\.\./style/[\w-]+\.css", name))) and not EXTENSION_OTHERS.match(name)]


def vscode_breaches(source: str, file: PurePosixPath) -> list[str]:
    """The imports of a file of VS Code's extension that its side, extension host or page, may not have; from the other side types alone."""
    side = "page" if file.parts[0] == "page" else "host"
    found = []
    for line, name, types in ts_imports(source):
        other = "page" if name.startswith(".") and inside(file, name).parts[0] == "page" else "host"
        allowed = (other == side or types) if name.startswith(".") else bool(VSCODE_OTHERS[side].match(name))
        if not allowed:
            found.append(f"{file}:{line}: the {side} may not import {name}")
    return found


# ---- circles ---------------------------------------------------------------------------------------------------------

def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """One circle of a graph as the names on it, first and last alike; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name):], name]
        if name in done:
            return []
        for target in sorted(arrows.get(name, ())):
            if found := walk(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])
