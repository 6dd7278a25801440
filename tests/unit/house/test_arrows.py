"""Imports point one way: every file of the package, of the widgets and of the extension, and files that break the rules on purpose."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from house_arrows import (
    ARROWS,
    EXTENSION,
    PACKAGE,
    ROOT,
    TS_ARROWS,
    VSCODE,
    WIDGETS,
    circle,
    extension_breaches,
    python_breaches,
    python_imports,
    ts_breaches,
    vscode_breaches,
)

from tapescope.core.site import PACKAGES


def files(folder, *patterns):
    found = sorted(path for pattern in patterns for path in folder.rglob(pattern))
    assert found, f"nothing like {patterns} in {folder}"
    return [(path.read_text(encoding="utf-8"), PurePosixPath(path.relative_to(folder).as_posix())) for path in found]


PY = files(PACKAGE, "*.py")
TS = files(WIDGETS, "*.ts", "*.tsx")
HOUSE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("\n## The house\n")[1].split("\n## ")[0]
TABLE = re.findall(r"^\| (`[^|]+) \| [^|]* \| ([^|]*) \|$", HOUSE, re.MULTILINE)
ON_DISK = {path.parent.relative_to(PACKAGE).parts for path in PACKAGE.rglob("__init__.py")}


def test_the_package_imports_downwards():
    assert [breach for source, file in PY for breach in python_breaches(source, file)] == []


@pytest.mark.parametrize(("file", "source", "why"), [
    ("core/storage.py", "from ..ops import add", "core may not import ops (tapescope.ops)"),
    ("core/storage.py", "def f():\n    from ..tape import record", "core may not import tape (tapescope.tape), not even inside a function"),
    ("core/storage.py", "import tapescope.views.widgets", "core may not import views (tapescope.views.widgets)"),
    ("core/storage.py", "from tapescope import tape", "core may not import tape (tapescope.tape)"),
    ("core/storage.py", "from .. import Tensor", "core may not import the top of the package (tapescope.Tensor)"),
    ("core/device.py", "import cupy", "core may not import cupy"),
    ("core/device.py", "import torch", "core may not import torch"),
    ("core/device.py", "import importlib\nimportlib.import_module('tapescope.' + 'tape')", "core may not import something by a name that is computed"),
    ("ops/conv.py", "x = __import__('torch')", "ops may not import torch"),
    ("nn/modules/linear.py", "from ...optim import SGD", "nn may not import optim (tapescope.optim)"),
    ("utils/summary.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..tape import Tape", "utils may not import tape (tapescope.tape)"),
    ("tape/tape.py", "class Tape:\n    from ..ops import add", "tape may not import ops (tapescope.ops)"),
    ("tape/tape.py", "def f():\n    from .. import facade", "tape may not import facade (tapescope.facade), not even inside a function"),
    ("diagnose/rules.py", "from ..debugger import held", "diagnose may not import debugger (tapescope.debugger)"),
    ("link/client.py", "from .. import __version__", "link may not import the top of the package (tapescope.__version__)"),
    ("link/client.py", "from ..views import widgets", "link may not import views (tapescope.views)"),
    ("views/static/svg.py", "from ...nn import Linear", "views may not import nn (tapescope.nn)"),
    ("views/figures.py", "import plotly.graph_objects as go", "views may not import plotly"),
    ("facade.py", "from .nn import Linear", "facade may not import nn (tapescope.nn)"),
    ("__init__.py", "from .tape import record", "the top of the package may not import tape (tapescope.tape)"),
    ("cellar/wine.py", "", "no arrows are stated for the room 'cellar'"),
])
def test_a_wrong_import_is_found(file, source, why):
    breaches = python_breaches(source, PurePosixPath(file))
    assert len(breaches) == 1 and breaches[0].endswith(why), breaches


@pytest.mark.parametrize(("file", "source"), [
    ("core/tensor.py", "import numpy as np\nfrom collections import abc\nfrom .storage import Storage"),
    ("core/device.py", "def f():\n    import cupy"),
    ("nn/modules/linear.py", "from ...core.tensor import Tensor\nfrom ..parameter import Parameter\nfrom ...ops.creation import empty"),
    ("link/client.py", "def f():\n    from .. import __version__"),
    ("views/widgets.py", "import anywidget\nfrom ..link.widget import connect"),
    ("__init__.py", "import importlib\ndef __getattr__(name):\n    return importlib.import_module('.' + name, __name__)"),
])
def test_a_right_import_is_not_found(file, source):
    assert python_breaches(source, PurePosixPath(file)) == []


def test_relative_imports_are_read_as_python_reads_them():
    source = "from . import a\nfrom .b import c\nfrom .. import d\nfrom ... import e\nfrom ...f.g import h\nimport i.j"
    assert [name for _, name, _ in python_imports(source, PurePosixPath("nn/modules/x.py"))] == [
        "tapescope.nn.modules", "tapescope.nn.modules.b", "tapescope.nn", "tapescope.e", "tapescope.f.g", "i.j"]
    assert [name for _, name, _ in python_imports("from . import ops", PurePosixPath("__init__.py"))] == ["tapescope.ops"]


def test_the_widgets_import_downwards():
    assert [breach for source, file in TS for breach in ts_breaches(source, file)] == []


@pytest.mark.parametrize(("file", "source", "target"), [
    ("wire/frame.ts", "import { Run } from '../store/run';", "store"),
    ("engines/layout.ts", "import { hubOf } from '../hub';", "hub"),
    ("engines/layout.ts", "import {\n  chain,\n  type Link,\n} from '../testing/graphs';", "testing"),
    ("engines/layout.ts", "import { h } from 'preact';", "preact"),
    ("engines/layout.ts", "import { model } from './graphmodel.samples';", "engines"),
    ("store/run.ts", "export { hubOf } from '../hub';", "hub"),
    ("store/run.ts", "export * from '../views/graph';", "views/graph"),
    ("store/run.ts", "import type { View } from '../views/graph/view';", "views/graph"),
    ("store/run.ts", "const late = await import('../hub');", "hub"),
    ("views/tensor/index.tsx", "import { Stage } from '../graph/stage';", "views/graph"),
    ("views/graph/view.tsx", "import { NotebookPanel } from '@jupyterlab/notebook';", "@jupyterlab/notebook"),
    ("views/graph/graph.test.tsx", "import { Signal } from '@lumino/signaling';", "@lumino/signaling"),
    ("hub.ts", "import './views/graph';", "views/graph"),
])
def test_a_wrong_import_of_a_view_is_found(file, source, target):
    breaches = ts_breaches(source, PurePosixPath(file))
    assert len(breaches) == 1 and f" may not import {target} (" in breaches[0], breaches


@pytest.mark.parametrize(("file", "source"), [
    ("wire/link.ts", "import { KernelRoom, type Carrier } from '../room';\nimport type { Host } from '../store/types';"),
    ("wire/frame.ts", "import { type Kind } from '../store/types';"),
    ("views/dashboard/parts.ts", "import { graph } from '../graph';"),
    ("views/graph/graph.test.tsx", "import { chain } from '../../testing/graphs';\nimport { test } from 'vitest';"),
    ("engines/layout.ts", "// import { hubOf } from '../hub';\nconst said = \"from '../hub'\";"),
])
def test_a_right_import_of_a_view_is_not_found(file, source):
    assert ts_breaches(source, PurePosixPath(file)) == []


def test_a_room_without_arrows_is_found():
    assert ts_breaches("", PurePosixPath("cellar/wine.ts")) == ["cellar/wine.ts: no arrows are stated for the room 'cellar/wine'"]


def test_the_extension_knows_jupyter_and_the_front_door_of_the_widgets():
    assert [breach for source, file in files(EXTENSION, "*.ts", "*.tsx") for breach in extension_breaches(source, file)] == []
    for wrong in ("preact", "uplot", "@tapescope/widgets/lib/hub", "../../../widgets/src/hub"):
        assert extension_breaches(f"import {{ x }} from '{wrong}';", PurePosixPath("panel.ts")) == [f"panel.ts:1: the extension may not import {wrong}"]


def test_the_extension_of_vs_code_keeps_its_two_sides_apart():
    sources = [(source, file) for source, file in files(VSCODE, "*.ts") if not file.name.endswith(".test.ts")]
    assert [breach for source, file in sources for breach in vscode_breaches(source, file)] == []
    for file, wrong in (("panel.ts", "@tapescope/widgets"), ("panel.ts", "./page/host"), ("page/panel.ts", "vscode"), ("page/panel.ts", "../framing"), ("page/host.ts", "preact")):
        assert vscode_breaches(f"import {{ x }} from '{wrong}';", PurePosixPath(file)) == [f"{file}:1: the {file.split('/')[0] if '/' in file else 'host'} may not import {wrong}"]


def test_the_arrows_make_no_circle():
    """Between rooms; files of one room may know each other."""
    assert circle(ARROWS) == []
    assert circle(TS_ARROWS) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_the_packages_that_are_never_the_users_are_the_packages_that_there_are():
    """A frame belongs to the user unless its `__package__` is one of ours, so a package that is missing in the list would be shown as the user's line."""
    assert {".".join(("tapescope", *parts)) for parts in ON_DISK} == set(PACKAGES)


def test_architecture_names_the_rooms_that_there_are():
    named = {name.removeprefix("kernel_lib/tapescope/") for names, _ in TABLE for name in re.findall(r"`([^`]+)`", names)}
    extensions = {f"extension/{path.parent.name}" for path in (ROOT / "extension").glob("*/package.json")}
    assert named == {parts[0] for parts in ON_DISK if parts} | {"widgets"} | extensions


def test_architecture_states_the_arrows_that_are_checked():
    plain = 0
    for names, may_import in TABLE:
        stated = set() if may_import == "nothing of ours" else set(may_import.split(", "))
        for name in re.findall(r"`([^`]+)`", names):
            room = name.removeprefix("kernel_lib/tapescope/")
            if room in ARROWS and stated <= set(ARROWS):
                assert ARROWS[room] == stated, room
                plain += 1
    assert plain >= 8, "the table of ARCHITECTURE.md is no longer read"
