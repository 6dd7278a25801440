"""`torch.autograd`, `torch.func` and `torch.utils.checkpoint` as programs use them: both libraries tell the same."""

from __future__ import annotations

import gc
import weakref

import pytest

import tapescope as ts


def test_jacobians_hessians_and_products(says_the_same):
    says_the_same("""
from_f = torch.autograd.functional
x = torch.tensor([1.0, 2.0, 3.0]); y = torch.tensor([0.5, -1.0, 2.0])
f = lambda x, y: (x * y).sum() * x.exp()
say(from_f.jacobian(f, (x, y)))
g = lambda x: (x ** 3).sum()
say(from_f.hessian(g, x))
say(from_f.hessian(lambda x, y: (x * y * y).sum(), (x, y)))
say(from_f.vjp(f, (x, y), torch.ones(3)))
say(from_f.jvp(f, (x, y), (torch.ones(3), torch.ones(3))))
say(from_f.vhp(g, x, torch.ones(3)), from_f.hvp(g, x, torch.ones(3)))
z = x.clone().requires_grad_()
j = from_f.jacobian(lambda t: t * t, z, create_graph=True)
say(j.requires_grad); j.sum().backward(); say(z.grad)
say(from_f.jacobian(lambda t: t.sum(), x), from_f.jacobian(lambda t: torch.ones(2), x))
for h in (lambda: from_f.jacobian(lambda t: torch.ones(2), x, strict=True), lambda: from_f.vjp(f, (x, y)), lambda: from_f.vjp(g, x, torch.ones(2)),
          lambda: from_f.jvp(f, (x, y), torch.ones(3)), lambda: from_f.hessian(f, (x, y)), lambda: from_f.jacobian(f, 3), lambda: from_f.hessian(lambda t: t.sum(), x, strict=True)):
    try: h()
    except Exception as e: say(type(e).__name__, e)
""")


def test_hooks_of_every_kind(says_the_same):
    says_the_same("""
log = []
a = torch.ones(3, requires_grad=True) * 2; b = torch.ones(3, requires_grad=True)
c = torch.full((3,), 3.0, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: log.append(tuple(t.shape)) or t * 10, lambda t: t / 10):
    y = (c * b).exp() + c.sigmoid()
y.sum().backward()
say(len(log), c.grad, b.grad)
c.grad = None
with torch.autograd.graph.save_on_cpu():
    y = (c * c * c).sum()
g, = torch.autograd.grad(y, c, create_graph=True)
g.sum().backward(); say(c.grad)
try:
    with torch.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t): pass
except RuntimeError as e: say(e)
with torch.autograd.graph.saved_tensors_hooks(lambda t: 1, lambda t: "a"):
    y = c * c
try: y.sum().backward()
except TypeError as e: say(e)
calls = []
a = torch.rand(2, 3, requires_grad=True); b = torch.rand(2, 3, requires_grad=True)
h = torch.autograd.graph.register_multi_grad_hook((a, b), lambda gs: calls.append([g is not None for g in gs]))
(a * b).sum().backward(); a.sum().backward(); (a + b).sum().backward()
say(calls); h.remove(); (a * b).sum().backward(); say(calls)
calls2 = []
h = torch.autograd.graph.register_multi_grad_hook((a, b), lambda g: calls2.append(tuple(g.shape)), mode="any")
(a * b).sum().backward(); say(calls2)
order = []
w = torch.ones(2, requires_grad=True)
w.register_hook(lambda g: order.append("tensor")); w.register_post_accumulate_grad_hook(lambda t: order.append("post " + str(t.grad.tolist())))
m = w * 3
m.grad_fn.register_prehook(lambda g: order.append("pre")); m.grad_fn.register_hook(lambda i, o: order.append("node"))
m.sum().backward(); say(order)
say(m.grad_fn.name(), [type(n).__name__ for n, k in m.grad_fn.next_functions][0:1], m.grad_fn.metadata, isinstance(m.grad_fn, torch.autograd.graph.Node))
e = torch.autograd.graph.get_gradient_edge(w); say(e.output_nr, type(e.node).__name__)
say(torch.autograd.grad((w * 2).sum(), e))
""")


def test_gradients_in_batches(says_the_same):
    says_the_same("""
x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * x
say(torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True))
try: torch.autograd.grad(x * x, x, torch.ones(3), is_grads_batched=True)
except RuntimeError as e: say(type(e).__name__)
""")


def test_functions_of_ones_own(says_the_same):
    says_the_same("""
from_f = torch.autograd.Function
once = torch.autograd.function.once_differentiable
class Sq(from_f):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x); return x * x
    @staticmethod
    @once
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return 2 * x * g
x = torch.tensor([3.0], requires_grad=True)
y = Sq.apply(x)
g, = torch.autograd.grad(y, x, create_graph=True)
say(g.tolist(), g.requires_grad)
try: g.sum().backward()
except RuntimeError as e: say(str(e).split(' (it is')[0])
y = Sq.apply(x)
v = torch.ones(1, requires_grad=True)
g, = torch.autograd.grad(y, x, v, create_graph=True)
say(g.requires_grad)
try: g.sum().backward()
except RuntimeError as e: say(e)
class Two(from_f):
    @staticmethod
    def forward(x, k):
        return x * k, x > 0
    @staticmethod
    def setup_context(ctx, inputs, output):
        x, k = inputs
        ctx.k = k; ctx.mark_non_differentiable(output[1]); ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
    @staticmethod
    def backward(ctx, g, h):
        say("grads", g is None, h is None, ctx.needs_input_grad)
        return g * ctx.k, None
a, b = Two.apply(x, 4.0)
say(a.requires_grad, b.requires_grad, a.grad_fn.name())
a.sum().backward(); say(x.grad)
class Inplace(from_f):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2); ctx.mark_dirty(x); return x
    @staticmethod
    def backward(ctx, g):
        return g * 2
z = x * 1; w = Inplace.apply(z); say(w is z, z.grad_fn.name()); x.grad = None; z.sum().backward(); say(x.grad)
class Bad(from_f):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(3); return x * 1
    @staticmethod
    def backward(ctx, g): return g, g
try: Bad.apply(x)
except TypeError as e: say(e)
class Bad2(from_f):
    @staticmethod
    def forward(ctx, x): return x * 1
    @staticmethod
    def backward(ctx, g): return g, g
try: Bad2.apply(x).sum().backward()
except RuntimeError as e: say(e)
""")


def test_inference_mode(says_the_same):
    says_the_same("""
with torch.inference_mode():
    say(torch.is_inference_mode_enabled(), torch.is_grad_enabled())
    with torch.inference_mode(False):
        say(torch.is_inference_mode_enabled(), torch.is_grad_enabled())
say(torch.is_inference_mode_enabled(), torch.is_grad_enabled())
with torch.no_grad():
    with torch.inference_mode(False): say(torch.is_grad_enabled())
@torch.inference_mode()
def f(x): return x * 2
say(f(torch.ones(2, requires_grad=True)).requires_grad)
""")


def test_functions_of_functions(says_the_same):
    says_the_same("""
import warnings; warnings.simplefilter("ignore")          # PyTorch compiles pieces of its own
from_f = torch.func
x = torch.tensor([1.0, 2.0, 3.0])
f = lambda x: (x.sin() * x).sum()
say(from_f.grad(f)(x), from_f.grad_and_value(f)(x))
say(from_f.jacrev(lambda x: x ** 2)(x), from_f.hessian(f)(x).sum(0))
say(from_f.grad(lambda x: from_f.grad(lambda y: (y ** 4))(x))(torch.tensor(2.0)))
out, pull = from_f.vjp(lambda x, y: (x * y, x.sum()), x, x + 1)
say(out, pull((torch.ones(3), torch.tensor(2.0))))
say(from_f.jvp(lambda x: x.exp(), (x,), (torch.ones(3),)))
say(torch.vmap(lambda a, b: (a * b).sum())(torch.ones(2, 3), torch.ones(2, 3)), torch.vmap(lambda a, b: a + b, in_dims=(0, None), out_dims=1)(torch.arange(6.0).reshape(2, 3), x))
say(from_f.vmap(from_f.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(x, torch.eye(3)))
m = nn.Linear(3, 2)
p = {k: torch.ones_like(v) for k, v in m.named_parameters()}
say(from_f.functional_call(m, p, (x,)), m.weight.requires_grad)
g = from_f.grad(lambda p: from_f.functional_call(m, p, x).sum())(p)
say(g)
say(from_f.grad(lambda d: (d["a"] * d["b"]).sum())({"a": x, "b": x * 2}), from_f.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, x + 1), from_f.grad(lambda a: (a.sum(), a * 2), has_aux=True)(x))
for h in (lambda: from_f.grad(lambda x: x)(x), lambda: torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(3, 3)), lambda: from_f.jvp(f, x, (x,))):
    try: h()
    except Exception as e: say(type(e).__name__)
""")


def test_checkpoints(says_the_same):
    says_the_same("""
cp = __import__(torch.__name__ + ".utils.checkpoint", fromlist=["x"])
m = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.0), nn.Linear(5, 2))
x = torch.arange(8.0).reshape(2, 4).requires_grad_()
for re in (False, True):
    m.zero_grad(); x.grad = None
    count = []
    def f(x):
        count.append(1); return m(x)
    y = cp.checkpoint(f, x, use_reentrant=re)
    y.square().sum().backward()
    say(len(count), round(x.grad.sum().item(), 5), [round(p.grad.sum().item(), 3) for p in m.parameters()])
    x.grad = None
    y = cp.checkpoint_sequential(m, 2, x, use_reentrant=re); y.sum().backward(); say(round(x.grad.sum().item(), 4))
x.grad = None
y = cp.checkpoint(lambda x: x.sin() * x, x, use_reentrant=False)
g, = torch.autograd.grad(y.sum(), x, create_graph=True)
g.sum().backward(); say(round(x.grad.sum().item(), 4))
k = []
def uneven(x):
    k.append(1)
    return x.sin().cos() if len(k) == 1 else x.sin()
y = cp.checkpoint(uneven, x, use_reentrant=False)
try: y.sum().backward()
except Exception as e: say(type(e).__name__)
with torch.no_grad(): say(cp.checkpoint(lambda x: x * 2, x, use_reentrant=False).requires_grad)
""")


ANOMALY = """
say(torch.is_anomaly_enabled())
x = torch.tensor([0.0, -1.0], requires_grad=True)
torch.autograd.set_detect_anomaly(True)
say(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
y = (x.clamp(0).sqrt() * 0).sum()
try: y.backward()
except RuntimeError as e: say(str(e).split(" (")[0])
torch.autograd.set_detect_anomaly(False)
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    y = (x.clamp(0).sqrt() * 0).sum(); y.backward(); say(x.grad)
say(torch.is_anomaly_enabled())
"""


@pytest.mark.filterwarnings("ignore")
def test_anomalies_have_pytorchs_words(says_the_same):
    lines = []
    for lib in (ts, pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")):
        told = []
        exec(ANOMALY, {"torch": lib, "say": lambda *a, told=told: told.append(" ".join(map(str, a)))})
        lines.append(told)
    assert lines[0] == lines[1]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_an_anomaly_names_the_forward_line_in_the_error_and_in_a_warning():
    x = ts.zeros(2, requires_grad=True)
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        mode = ts.autograd.detect_anomaly()
    with mode:
        y = (x.sqrt() * 0).sum()                           # here
        with pytest.warns(UserWarning, match=r"Error detected in SqrtBackward0. Traceback of forward call(.|\n)*# here"), pytest.raises(
                RuntimeError, match=r"Function 'SqrtBackward0' returned nan values in its 0th output(.|\n)*# here"):
            y.backward()
    assert not ts.is_anomaly_enabled()
    (x.sqrt() * 0).sum().backward()                        # silent again


def test_an_error_in_a_backward_is_told_with_its_forward_line():
    class Fails(ts.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("on purpose")

    with pytest.warns(UserWarning, match="Anomaly Detection"):
        mode = ts.autograd.detect_anomaly()
    with mode:
        y = Fails.apply(ts.ones(1, requires_grad=True))    # this call
        with pytest.warns(UserWarning, match=r"Error detected in FailsBackward(.|\n)*# this call"), pytest.raises(ValueError, match="on purpose"):
            y.sum().backward()


def test_a_checkpoint_keeps_nothing_of_what_lies_within():
    from tapescope.utils.checkpoint import checkpoint

    within = []

    def f(x):
        y = x.exp()
        within.append(weakref.ref(y))
        return (y * y).sin()

    x = ts.ones(3, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False)
    gc.collect()
    assert within[0]() is None
    y.sum().backward()
    z = ts.ones(3, requires_grad=True)
    f(z).sum().backward()
    assert ts.equal(x.grad, z.grad)


def test_random_numbers_of_a_checkpoint_are_drawn_again():
    from tapescope.utils.checkpoint import checkpoint

    x = ts.ones(1000, requires_grad=True)
    for reentrant in (False, True):
        x.grad = None
        y = checkpoint(lambda t: ts.nn.functional.dropout(t, 0.5) * t, x, use_reentrant=reentrant)
        y.sum().backward()
        assert ts.equal(x.grad, 2 * y.detach())


def test_hooks_and_a_recording_stand_each_other():
    packed = []
    with ts.record() as tape:
        x = ts.ones(3, requires_grad=True)
        with ts.autograd.graph.saved_tensors_hooks(lambda t: packed.append(1) or t, lambda t: t):
            y = x.exp() * x
        y.sum().backward()
    assert len(packed) == 3
    assert ts.allclose(x.grad, 2 * x.detach().exp())
    assert tape.steps() if hasattr(tape, "steps") else tape


def test_nodes_written_by_hand_have_a_namespace(says_the_same):
    says_the_same("""
x = torch.ones(3, requires_grad=True)
leaf = x.sum().grad_fn.next_functions[0][0]
say(leaf.name(), repr(leaf).split()[0])
y = torch.zeros(3)
y[0] = x[0]
say(y, y.grad_fn.name())
z = torch.zeros(3)
z.copy_(x)
say(z, z.grad_fn.name())
""")


def test_jacobians_forward_and_backward(says_the_same):
    says_the_same("""
jacfwd, jacrev, hessian, jvp, vjp = (getattr(torch.func, n) for n in ('jacfwd', 'jacrev', 'hessian', 'jvp', 'vjp'))
x, w = torch.tensor([0.5, -1.0, 2.0]), torch.arange(6.0).reshape(2, 3)
def f(x, w): return {'u': w @ x ** 2, 'v': x.sin().sum()}
for J in (jacfwd, jacrev):
    for argnums in (0, 1, (0, 1)):
        say(J(f, argnums)(x, w))
    say(J(lambda x: (x ** 3, x.sum()), has_aux=True)(x))
say(jacfwd(jacrev(lambda x: (x ** 3).prod()))(x), hessian(lambda x: (x ** 2).prod())(x))
try: jvp(lambda x: x, (x,), (x,), has_aux=True)
except RuntimeError as e: say('no pair')
say(jvp(lambda x: (x * x, x[:1]), (x,), (x,), has_aux=True)[:2])
""")


def test_what_slow_samples_and_tutorials_have_found(says_the_same):
    says_the_same("""
x = torch.randn(3, dtype=torch.double, requires_grad=True)
say(torch.autograd.gradgradcheck(lambda v: v.exp(), (x,)), torch.rand(2))
c = torch.arange(16.0).reshape(1, 1, 4, 4).requires_grad_()
y = torch.nn.functional.pad(c, (-1, 1, -2, 1), 'circular')
y.pow(2).sum().backward()
say(y, c.grad)
say(torch.nn.functional.bilinear(torch.ones(0, 3), torch.ones(0, 2), torch.ones(4, 3, 2)).shape)
say(torch.searchsorted(torch.ones(2, 0), torch.ones(2, 3)), torch.ones(2, 2, dtype=torch.int32).prod(1, dtype=torch.int32).dtype)
for f in (lambda: torch.einsum('i$->', c[0, 0]), lambda: torch.einsum('ij->iij', c[0, 0]), lambda: torch.einsum('ij->i.j', c[0, 0]), lambda: torch.einsum('.ij', c[0, 0])):
    try: f()
    except RuntimeError as e: say(e)
say(torch.accelerator.is_available(), torch.accelerator.current_accelerator(), torch.accelerator.device_count())
""")


def test_a_batch_of_products_needs_batches(says_the_same):
    says_the_same("torch.bmm(torch.ones(2, 3), torch.ones(3))")
    says_the_same("torch.bmm(torch.ones(2, 3, 4), torch.ones(3))")
