"""Graphs in files: what `serialization.save` writes, and nothing in it that could run."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..nn.modules.module import Module
from ..nn.parameter import Parameter
from ..serialization import load as load_plain
from ..serialization import save as save_plain
from .script import Graphs, RecursiveScriptModule, ScriptFunction, ScriptModule, held_names, place
from .store import Damaged, from_data, to_data

FORMAT, VERSION = "tapescope.jit", 1


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Writes what `trace` or `script` gave to a file: the ops by name, their parameters, and the tensors.

    Raises RuntimeError where nothing was captured, and says why.
    """
    if not isinstance(m, (ScriptModule, ScriptFunction)):
        raise AttributeError(f"'{type(m).__name__}' object has no attribute 'save': give jit.save what jit.trace or jit.script returned")
    module = m if isinstance(m, Module) else None
    state: dict[str, Tensor] = {}
    parameters: list[str] = []
    if module is not None:
        for name, t in (*module.named_parameters(), *module.named_buffers()):
            state[name] = t.detach()
            if isinstance(t, Parameter):
                parameters.append(name)
    stored = []
    for k, (graph, held) in enumerate(m._graphs.stored()):
        names = [n if not n.startswith("constant.") else f"constant.{k}.{n[9:]}" for n in held_names(module, held)]
        for n, t in zip(names, held, strict=True):
            state.setdefault(n, t.detach())
        stored.append(to_data(graph, names))
    save_plain({"format": FORMAT, "version": VERSION, "kind": "function" if module is None else "module",
                "name": m.__name__ if isinstance(m, ScriptFunction) else m.original_name, "training": module is not None and module.training,
                "modules": [] if module is None else [[n, getattr(part, "original_name", type(part).__name__)] for n, part in module.named_modules() if n],
                "state": state, "parameters": parameters, "graphs": stored, "extra": dict(_extra_files or {})}, f)


def load(f: Any, map_location: Any = None, _extra_files: dict[str, Any] | None = None) -> Any:
    """What `jit.save` wrote, without the program that made it. Raises RuntimeError for a file that is none, or is damaged; nothing in a file is ever run as code."""
    data = load_plain(f, map_location=map_location)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise RuntimeError("this file holds no graph: jit.load reads what jit.save wrote; for states of modules there is load()")
    if data.get("version") != VERSION:
        raise RuntimeError(f"this graph was written by another version (its format is {data.get('version')!r}, this one reads {VERSION})")
    try:
        return _built(data, _extra_files)
    except Damaged as why:
        raise RuntimeError(f"the graph in this file is damaged: {why}") from None
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError, RuntimeError) as why:
        raise RuntimeError(f"the graph in this file is damaged ({type(why).__name__}: {why})") from None


def _built(data: dict[str, Any], extra: dict[str, Any] | None) -> Any:
    state, name = data["state"], data["name"]
    if not isinstance(state, dict) or not all(type(k) is str and isinstance(v, Tensor) for k, v in state.items()):
        raise Damaged("the state is no dictionary of tensors")
    if type(name) is not str or type(data["graphs"]) is not list or not data["graphs"] or type(data["parameters"]) is not list:
        raise Damaged("a part is missing")
    for n in data["parameters"]:
        state[n] = Parameter(state[n], requires_grad=state[n].dtype.is_floating_point)
    graphs = Graphs(None, None, None)
    for entry in data["graphs"]:
        graph, names = from_data(entry, state)
        graphs.add(graph, [state[n] for n in names])
    if extra is not None:
        stored = data["extra"] if isinstance(data["extra"], dict) else {}
        extra.update({k: stored.get(k, extra[k]) for k in extra})
    if data["kind"] == "function":
        return ScriptFunction(graphs, name)
    module = RecursiveScriptModule(graphs, name)
    for entry in data["modules"]:
        if type(entry) is not list or len(entry) != 2 or not all(type(x) is str for x in entry) or len(entry[0].split(".")) > 64:
            raise Damaged("a module has no name")
        into: Any = module
        for part in entry[0].split("."):
            if part not in into._modules:
                into.add_module(part, RecursiveScriptModule(None, entry[1]))
            into = into._modules[part]
    for n, t in state.items():
        if not n.startswith("constant."):
            place(module, n, t)
    graphs.module = module
    module.train(bool(data["training"]))
    return module
