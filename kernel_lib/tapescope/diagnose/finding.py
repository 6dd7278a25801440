"""What a rule has to say."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..core.say import heard, telling

SEVERITIES = ("error", "warning", "info")
WORDS = ("title", "cause", "fix", "value", "threshold")


@dataclass(frozen=True, slots=True)
class Finding:
    """One trouble: what, why, what to do, the number beside its threshold, and where."""

    rule: str
    severity: str
    title: str
    cause: str
    fix: str
    id: str
    value: float | str | None = None
    threshold: float | str | None = None
    source: tuple[str, int, str] | None = None             # file, line, notebook cell
    graph: int | None = None
    node: int | None = None
    op: int | None = None
    step: int | None = None
    parameter: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the wire carries it: JSON only, numbers that are none as text; under `said` the sentences that a page may say in another language."""
        found = asdict(self) | telling(**{name: getattr(self, name) for name in WORDS})
        for name in ("value", "threshold"):
            v = found[name]
            if isinstance(v, float) and not math.isfinite(v):
                found[name] = str(v)
        found["source"] = None if self.source is None else list(self.source)
        return found

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Finding:
        """A finding again from what `as_dict` made; what is not known here is left out."""
        known = {name: found[name] for name in cls.__slots__ if name in found}
        if known.get("source") is not None:
            file, line, cell = known["source"]
            known["source"] = (str(file), int(line), str(cell))
        for name, text in (found.get("said") or {}).items():
            if name in WORDS and str(heard(text)) == known.get(name):
                known[name] = heard(text)
        return cls(**{"rule": "", "severity": "info", "title": "", "cause": "", "fix": "", "id": "", **known})

    def __repr__(self) -> str:
        value = "" if self.value is None else f", value={_short(self.value)}"
        threshold = "" if self.threshold is None else f", threshold={_short(self.threshold)}"
        where = ""
        if self.source is not None:
            where = f", source={(self.source[2] or self.source[0]) + ':' + str(self.source[1])!r}"
        return f"Finding({self.rule!r}, {self.severity}: {self.title}{value}{threshold}{where})"


def _short(v: float | str) -> str:
    return f"{v:.3g}" if isinstance(v, (int, float)) else str(v)
