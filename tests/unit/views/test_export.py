"""What is exported is read again by other readers and compared with what was recorded."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

import tapescope as ts
from tapescope import nn
from tapescope.tape import Tape
from tapescope.views import export
from tapescope.views.read import scalars


def test_dot_has_every_op_edge_and_module(tape: Tape, tmp_path: Path) -> None:
    text = tape.graph().to_dot(tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text(encoding="utf-8") == text
    assert text.count("{") == text.count("}")
    assert [re.search(rf'subgraph cluster_\d+ {{\nlabel="{name}"', text) is not None for name in ("Sequential", "0: Linear", "1: ReLU", "2: Linear")] == [True] * 4
    [loss] = re.findall(r'(o\d+) \[label="nll_loss', text)
    assert re.search(rf'o\d+ -> {loss} \[label="30×3"\]', text)
    strings = re.sub(r'"(?:[^"\\]|\\.)*"', "S", text)                        # names with quotes and markup stay inside their strings
    assert "<" not in strings and '"' not in strings


def test_model_explorer_gets_namespaces_edges_and_shapes(tape: Tape) -> None:
    [graph] = json.loads(tape.graph().to_model_explorer())["graphs"]
    nodes = {n["id"]: n for n in graph["nodes"]}
    loss = next(n for n in nodes.values() if n["label"] == "nll_loss")
    before = nodes[loss["incomingEdges"][0]["sourceNodeId"]]
    assert (loss["namespace"], before["label"], before["namespace"]) == ("", "log_softmax", "")
    assert before["outputsMetadata"][0]["attrs"] == [{"key": "tensor_shape", "value": "30x3"}]
    weight = next(n for n in nodes.values() if n["label"] == "2.weight")
    assert weight["namespace"] == "Sequential/2"
    assert [n["label"] for n in nodes.values() if any(e["sourceNodeId"] == weight["id"] for e in n["incomingEdges"])] == ["t"]
    assert all(e["sourceNodeId"] in nodes for n in nodes.values() for e in n["incomingEdges"])


def test_a_module_called_twice_is_two_namespaces() -> None:
    layer = nn.Linear(3, 3)
    with ts.record() as made:
        layer(layer(ts.ones(2, 3)))
    spaces = [n["namespace"] for n in json.loads(export.to_model_explorer(made))["graphs"][0]["nodes"] if n["id"].startswith("o")]
    assert list(dict.fromkeys(spaces)) == ["Linear", "Linear (2)"]


def test_csv_has_every_scalar(tape: Tape, tmp_path: Path) -> None:
    tape.metrics().to_csv(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for tag, (steps, values) in scalars(tape).items():
        mine = [r for r in rows if r["tag"] == tag]
        assert [int(r["step"]) for r in mine] == steps.tolist()
        assert [float(r["value"]) for r in mine] == values.tolist()
    assert list(rows[0]) == ["tag", "step", "time", "value"]


def test_no_graph_is_said(empty: Tape) -> None:
    with pytest.raises(RuntimeError, match="'nothing' has no graph yet"):
        export.to_dot(empty)
