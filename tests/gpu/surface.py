"""What CuPy declares, as data: `python tests/gpu/surface.py` where CuPy is installed (it needs no driver) writes cupy.json, from which stand_in.py works.

A function is its parameters ("a axis= out="), a ufunc the dtypes that its loops take, an array's method its parameters or null where CuPy tells none.
"""

from __future__ import annotations

import inspect
import json
import types
import warnings
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("cupy.json")
MODULES = ("", "linalg", "fft", "random", "lib.stride_tricks")


def parameters(function: Any) -> str | None:
    try:
        found = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    words, star = [], False
    for p in found:
        if p.kind is p.VAR_POSITIONAL:
            words.append("*" + p.name)
            star = True
        elif p.kind is p.VAR_KEYWORD:
            words.append("**" + p.name)
        else:
            if p.kind is p.KEYWORD_ONLY and not star:
                words.append("*")
                star = True
            words.append(p.name + "=" * (p.default is not p.empty))
    return " ".join(words)


def method(name: str, function: Any) -> str | None:
    """The parameters of a compiled method stand in the first line of its text."""
    head = (function.__doc__ or "").partition("\n")[0]
    if f".{name}(self" not in head or "*" in head:
        return None
    return " ".join(part.split("=")[0].split()[-1] + "=" * ("=" in part) for part in head.partition("(self")[2].partition(")")[0].split(",") if part.strip())


def collect() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                     # CuPy's about its own environment
        import cupy
        import cupyx.scipy.special
    functions: dict[str, str | None] = {}
    ufuncs: dict[str, Any] = {}
    others: list[str] = []
    places = [(path + "." * bool(path), eval(f"cupy.{path}" if path else "cupy", {"cupy": cupy})) for path in MODULES]
    for prefix, module in [*places, ("special.", cupyx.scipy.special)]:
        for name in sorted(n for n in dir(module) if not n.startswith("_")):
            value = getattr(module, name)
            if isinstance(value, cupy.ufunc):
                ufuncs[prefix + name] = " ".join(sorted({kind.partition("->")[0] for kind in value.types}))
            elif isinstance(value, types.FunctionType | types.BuiltinFunctionType):
                functions[prefix + name] = parameters(value)
            elif callable(value) and not isinstance(value, type):
                functions[prefix + name] = None             # gufuncs: matmul and its like
            elif not isinstance(value, types.ModuleType):
                others.append(prefix + name)
    state = {n: parameters(getattr(cupy.random.RandomState, n)) for n in dir(cupy.random.RandomState) if not n.startswith("_")}
    array = {n: method(n, getattr(cupy.ndarray, n)) for n in dir(cupy.ndarray) if not n.startswith("_")}
    return {"version": cupy.__version__, "functions": functions, "ufuncs": ufuncs, "others": others, "ndarray": array, "RandomState": state}


if __name__ == "__main__":
    FILE.write_text(json.dumps(collect(), indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(FILE, FILE.stat().st_size)
