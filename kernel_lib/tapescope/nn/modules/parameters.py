"""Modules that hold parameters, as a list and as a dict."""
# mypy: no-warn-return-any

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

from ...core.tensor import Tensor
from ..parameter import Parameter
from .container import pairs
from .module import Module


def _learned(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _lines(items: Iterable[tuple[Any, Any]], tensor_name: bool = False) -> str:
    found = []
    for k, p in items:
        if isinstance(p, Tensor):
            kind = "Parameter" if isinstance(p, Parameter) else "Tensor"
            where = f" ({p.device})" if p.is_cuda else ""
            found.append(f"  ({k}): {kind} containing: [{p.type() if tensor_name else p.dtype} of size {'x'.join(map(str, p.shape))}{where}]")
        else:
            found.append(f"  ({k}): Object of type: {type(p).__name__}")
    return "\n".join(found)


class ParameterList(Module):
    """A list whose tensors are parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _at(self, i: int) -> str:
        i = operator.index(i)
        if not -self._size <= i < self._size:
            raise IndexError(f"index {i} is out of range")
        return str(i % self._size)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return type(self)(self[j] for j in range(*i.indices(self._size)))
        return getattr(self, self._at(i))

    def __setitem__(self, i: int, value: Any) -> None:
        setattr(self, self._at(i), _learned(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(self._size)])

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def append(self, value: Any) -> ParameterList:
        """Adds a parameter at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Adds parameters at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for v in values:
            self.append(v)
        return self

    def extra_repr(self) -> str:
        return _lines(enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict whose tensors are parameters."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _at(self, key: Any) -> str:
        if not isinstance(key, str):
            raise TypeError(f"Index given to ParameterDict cannot be used as a key as it is not a string (type is '{type(key).__name__}'). Open an "
                            "issue on github if you need non-string keys.")
        return key

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, self._at(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[self._at(key)] = None
        setattr(self, key, _learned(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._at(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, or `default`."""
        return getattr(self, key) if key in self._keys else default

    def pop(self, key: str) -> Any:
        """Takes a parameter out."""
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Forgets all parameters."""
        for key in list(self._keys):
            del self[key]

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return [self[k] for k in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return [(k, self[k]) for k in self._keys]

    def update(self, parameters: Any) -> None:
        """Adds or replaces parameters, from a mapping or from pairs."""
        for key, value in pairs(parameters, "ParametersDict.update", "ParameterDict"):
            self[key] = value

    def extra_repr(self) -> str:
        return _lines(self.items(), tensor_name=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")
