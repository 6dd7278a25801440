"""jit.trace beside PyTorch's: values, state, warnings and errors."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest

import tapescope as ts

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")


def told(lib: Any, program: Any) -> Any:
    lib.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = program(lib)
        except Exception as error:
            result = f"{type(error).__name__}: {str(error).split(' (')[0].split(chr(10))[0]}"
    return result, sorted({str(w.message) for w in caught if "Tracer" in w.category.__name__})


def conv(torch: Any) -> Any:
    nn = torch.nn
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 3)).eval()
    traced = torch.jit.trace(model, torch.randn(2, 1, 8, 8))
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    loaded = torch.jit.load(file)
    x = torch.randn(5, 1, 8, 8)
    return [[round(v, 4) for v in row] for row in loaded(x).tolist()], list(loaded.state_dict()), loaded.training, torch.jit.is_tracing(), loaded.original_name


def boolean(torch: Any) -> Any:
    traced = torch.jit.trace(lambda x: x * 2 if x.sum() > 0 else x - 1, torch.ones(2))
    return traced(-torch.ones(2)).tolist()


def number(torch: Any) -> Any:
    return torch.jit.trace(lambda x: x * float(x.sum()), torch.ones(2))(torch.ones(2) * 3).tolist()


def bad_input(torch: Any) -> Any:
    return torch.jit.trace(lambda x: x, (3,))


def bad_output(torch: Any) -> Any:
    return torch.jit.trace(lambda x: (x, 3), torch.ones(2))


def checked(torch: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(lambda x: x * 2 if x.sum() > 0 else x - 3, torch.ones(2), check_inputs=[(-torch.ones(2),)])


def unfrozen(torch: Any) -> Any:
    return torch.jit.freeze(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)).train())


@pytest.mark.parametrize("program", [conv, boolean, number, bad_input, checked, unfrozen], ids=lambda p: p.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_tells_the_same(program: Any) -> None:
    ours, theirs = told(ts, program), told(torch, program)
    assert ours == theirs
