"""PyTorch's optimizers as the tape knows optimizers: groups of mirrors."""

from __future__ import annotations

import weakref
from typing import Any

from .mirror import Mirrors


class Optimizer:
    """The parameters of an optimizer, mirrored; the same list as long as they are the same."""

    def __init__(self, optimizer: Any, mirrors: Mirrors) -> None:
        self._ref = weakref.ref(optimizer)
        self._mirrors = mirrors
        self._known: list[tuple[Any, list[Any]]] = []

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        optimizer = self._ref()
        groups = [] if optimizer is None else optimizer.param_groups
        found, known = [], []
        for i, group in enumerate(groups):
            params = group["params"]
            key = (id(params), len(params), id(params[0]) if params else 0)
            if i < len(self._known) and self._known[i][0] == key:
                mirrored = self._known[i][1]
            else:
                mirrored = [self._mirrors.of(p) for p in params]
            known.append((key, mirrored))
            found.append({"params": mirrored, "lr": group.get("lr")})
        self._known = known
        return found


class Optimizers:
    """One stand-in for each optimizer, as long as that lives."""

    def __init__(self, mirrors: Mirrors) -> None:
        self._mirrors = mirrors
        self._all: weakref.WeakKeyDictionary[Any, Optimizer] = weakref.WeakKeyDictionary()
        self._classes: dict[str, type[Optimizer]] = {}

    def of(self, optimizer: Any) -> Optimizer:
        known = self._all.get(optimizer)
        if known is None:
            name = type(optimizer).__name__    # which is how its learning rate is called
            cls = self._classes.get(name) or self._classes.setdefault(name, type(name, (Optimizer,), {}))
            known = self._all[optimizer] = cls(optimizer, self._mirrors)
        return known
