"""Removable hooks, kept in a dict in the order of registration."""

from __future__ import annotations

import itertools
from collections.abc import Callable, MutableMapping
from typing import Any

_next_id = itertools.count(1).__next__


class RemovableHandle:
    """Takes a hook away again: `handle.remove()`, or at the end of a `with` block."""

    def __init__(self, hooks: MutableMapping[int, Any], *others: MutableMapping[int, Any]) -> None:
        self.id = _next_id()
        self._all = (hooks, *others)

    def remove(self) -> None:
        for hooks in self._all:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(hooks: MutableMapping[int, Any], fn: Callable[..., Any]) -> RemovableHandle:
    """Appends a hook and returns the handle that removes it."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = fn
    return handle
