"""Kinds of frames that the tape does not hold itself: findings, projections, the held backward pass."""

from __future__ import annotations

from typing import Any

from ..tape import Frame, Tape, provide


def _findings(tape: Tape, id: str | None, cursor: Any, max_bytes: int, most: int | None) -> tuple[list[Frame], Any]:
    from .. import diagnose

    return diagnose.frames(tape, cursor)


def _projection(tape: Tape, id: str | None, cursor: Any, max_bytes: int, most: int | None) -> tuple[list[Frame], Any]:
    from .. import project

    return project.frames(tape, id or "", cursor, most)


def _debug(tape: Tape, id: str | None, cursor: Any, max_bytes: int, most: int | None) -> tuple[list[Frame], Any]:
    from .. import debugger

    return debugger.frames(tape, cursor)


provide("findings", _findings)
provide("projection", _projection)
provide("debug", _debug)
