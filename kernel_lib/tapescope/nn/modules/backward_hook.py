"""Full backward hooks: one identity node around a module's inputs and one around its outputs, whose hooks see all gradients together."""
# mypy: no-warn-return-any

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ...core.function import Function
from ...core.state import mode
from ...core.tensor import Tensor

if TYPE_CHECKING:
    from .module import Module


class BackwardHookFunction(Function):
    """Gives its tensors back; where a gradient is known, none is missing any more."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.mark_non_differentiable(*[a for a in args if not a._req])
        return args

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads


def _through(args: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None, Any]:
    """The arguments led through one node, where their tensors stand, and the node; no node when nothing needs a gradient."""
    where = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    if not (mode.grad and any(args[i]._req for i in where)):
        return args, None, None
    new = BackwardHookFunction.apply(*[args[i] for i in where])
    given = list(args)
    for i, t in zip(where, new, strict=True):
        given[i] = t
    return tuple(given), where, next(t._node for t in new if t._node is not None)


def _spread(where: list[int], values: Any, n: int) -> tuple[Any, ...]:
    all_: list[Any] = [None] * n
    for i, v in zip(where, values, strict=True):
        all_[i] = v
    return tuple(all_)


def around(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs forward between the two nodes; the module's hooks are called when the gradients of outputs and inputs are known."""
    inner, inputs, entry = _through(args)
    known: list[Any] = [None]                              # the gradients of the outputs, while backward is between the two nodes

    if entry is not None:
        def at_inputs(grads: Any, _: Any) -> Any:
            if known[0] is None:
                return None                                # reached without passing the outputs, as in a double backward
            found = _spread(inputs or [], grads, len(args))
            for hook in list(module._backward_hooks.values()):
                new = hook(module, found, known[0])
                if new is not None:
                    if len(new) != len(found):
                        raise RuntimeError(f"Backward hook returned an invalid number of grad_input, got {len(new)}, but expected {len(found)}")
                    found = new
            known[0] = None
            return tuple(found[i] for i in inputs or [])
        entry.register_hook(at_inputs)

    output = module.forward(*inner, **kwargs)
    if not isinstance(output, (Tensor, tuple)) or (isinstance(output, tuple) and not all(isinstance(o, Tensor) for o in output)):
        warnings.warn(f"For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received {type(output)}",
                      stacklevel=4)
        return output
    outer, outputs, exit_ = _through(output if isinstance(output, tuple) else (output,))
    if exit_ is None:
        return output

    def at_outputs(grads: Any) -> Any:
        found = _spread(outputs or [], grads, len(outer))
        for hook in list(module._backward_pre_hooks.values()):
            new = hook(module, found)
            if new is not None:
                new = new if isinstance(new, tuple) else (new,)
                if len(new) != len(found):
                    raise RuntimeError(f"Backward pre hook returned an invalid number of grad_output, got {len(new)}, but expected {len(found)}")
                found = new
        known[0] = found
        if entry is None:
            _without_inputs(module, len(args), found)
            known[0] = None
        return tuple(found[i] for i in outputs or [])
    exit_.register_prehook(at_outputs)
    return outer if isinstance(output, tuple) else outer[0]


def _without_inputs(module: Module, n: int, grads: Any) -> None:
    warnings.warn("Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require gradients. See "
                  "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details.",
                  stacklevel=5)
    for hook in list(module._backward_hooks.values()):
        result = hook(module, (None,) * n, grads)
        if result is not None and any(r is not None for r in result):
            raise RuntimeError("Backward hook for Modules where no input requires gradient should always return None or None for all gradients.")
