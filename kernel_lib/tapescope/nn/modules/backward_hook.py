"""Full backward hooks: identity nodes around a module's forward whose hooks see its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.op import op
from ...core.tensor import Tensor

if TYPE_CHECKING:
    from .module import Module


@op(r"{x}", name="backward_hook", node="BackwardHookFunction")
def _pass(x: Any) -> Any:
    return x


_pass.op.node_name = "BackwardHookFunctionBackward"
_pass.vjp(lambda g: g)


def around(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs forward with its tensors led through identity nodes, and calls the module's hooks when both gradients are known."""
    seen: dict[str, list[Any]] = {"in": [None] * len(args), "out": []}
    tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a._req]
    inner = list(args)
    pending = {"in": len(tensors)}
    for i in tensors:
        inner[i] = _pass(args[i])

        def arrived(grads: Any, outs: Any, i: int = i) -> Any:
            seen["in"][i] = grads[0]
            pending["in"] -= 1
            if pending["in"] == 0:
                return finish(i)
            return None
        inner[i].grad_fn.register_hook(arrived)

    def finish(last: int | None) -> Any:
        current = tuple(seen["in"])
        for hook in list(module._backward_hooks.values()):
            replaced = hook(module, current, tuple(seen["out"]))
            if replaced is not None:
                current = replaced if isinstance(replaced, tuple) else (replaced,)
        return None if last is None else (current[last],)

    output = module.forward(*inner, **kwargs)
    single = not isinstance(output, tuple)
    outs = [output] if single else list(output)
    seen["out"] = [None] * len(outs)
    for k, o in enumerate(outs):
        if isinstance(o, Tensor) and o._req:
            outs[k] = _pass(o)

            def known(grads: Any, k: int = k) -> Any:
                seen["out"][k] = grads[0]
                for hook in list(module._backward_pre_hooks.values()):
                    replaced = hook(module, tuple(seen["out"]))
                    if replaced is not None:
                        seen["out"] = list(replaced if isinstance(replaced, tuple) else (replaced,))
                if not tensors:
                    finish(None)
                return (seen["out"][k],)
            outs[k].grad_fn.register_prehook(known)
    return outs[0] if single else tuple(outs)
