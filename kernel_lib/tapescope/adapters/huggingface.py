"""`transformers.Trainer` on the tape: `Trainer(..., callbacks=[TapescopeCallback()])`."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import Any

from transformers import TrainerCallback

from .torch import TorchTape, record

ALWAYS = {"learning_rate", "num_train_epochs", "per_device_train_batch_size", "weight_decay", "seed"}


def _started_with(args: Any) -> dict[str, Any]:
    """The numbers and words of TrainingArguments that somebody has chosen."""
    chosen = ALWAYS | {f.name for f in dataclasses.fields(args) if getattr(args, f.name) != f.default}
    return {k: v for k, v in args.to_dict().items() if k in chosen and isinstance(v, (int, float, str))}       # where tokens are left out


class TapescopeCallback(TrainerCallback):  # type: ignore[misc]
    """Records a Trainer's training, from its begin to its end; `tape` is the recording, live while it trains and kept afterwards.

    The arguments are those of `tapescope.adapters.torch.record`; `tape.params` are the TrainingArguments that are not the default,
    and those that every run has. A step is an optimizer step: with gradient accumulation its batches are one.
    The Trainer's tokenizer, where it has one (`processing_class`), names what the model reads. What the Trainer logs becomes series "train/loss", "train/learning_rate", "eval/loss" ... When training raises, `callback.tape.stop()` ends the recording.
    """

    def __init__(self, *, path: str | os.PathLike[str] | None = None, values: str = "stats", every: int = 1, module: str | None = None, op: str | None = None,
                 name: str | None = None, control: bool = False) -> None:
        self._options: dict[str, Any] = {"path": path, "values": values, "every": every, "module": module, "op": op, "name": name, "control": control}
        self.tape: TorchTape | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, processing_class: Any = None, **kwargs: Any) -> None:
        if self.tape is not None:
            self.tape.stop()
        tokenizer = processing_class if hasattr(processing_class, "get_vocab") else None
        self.tape = record(model, tokenizer=tokenizer, params=_started_with(args), **self._options)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if self.tape is None:
            return
        at = max(int(state.global_step) - 1, 0)
        for key, value in (logs or {}).items():
            if isinstance(value, (int, float)) and math.isfinite(value) and key != "epoch":
                place, _, rest = key.partition("_")
                self.tape.log_scalar(f"{place}/{rest}" if place in ("eval", "train", "test") and rest else f"train/{key}", value, step=at)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.tape is not None:
            self.tape.stop()


__all__ = ["TapescopeCallback"]
