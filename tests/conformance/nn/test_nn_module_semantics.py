"""Module's attributes, hooks, state and errors: the same program with both libraries says the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

NET = """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)
        self.norm = nn.BatchNorm1d(n)
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("seen", torch.zeros(2))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)
        self.nothing = None
        self.register_parameter("absent", None)
    def forward(self, x, gain=1.0):
        return torch.relu(self.norm(self.fc(x))) * self.scale * gain
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(4), Block(4)])
        self.head = nn.Linear(4, 2)
        self.shared = self.head
    def forward(self, x):
        for b in self.blocks:
            x = b(x)
        return self.head(x)
net = Net()
x = torch.linspace(-1, 1, 12).reshape(3, 4)
"""

PROGRAMS = {
    "names": """
for f in ("named_modules", "named_children", "named_parameters", "named_buffers"):
    say([n for n, _ in getattr(net, f)()])
say([n for n, _ in net.named_modules(prefix="p", remove_duplicate=False)])
say([n for n, _ in net.named_parameters(prefix="p", recurse=True, remove_duplicate=False)])
say([n for n, _ in net.blocks[0].named_parameters(recurse=False)])
say(len(list(net.parameters())), len(list(net.modules())), len(list(net.children())), len(list(net.buffers())))
say(net)
say(type(net.get_submodule("blocks.1.fc")).__name__, tuple(net.get_parameter("head.bias").shape), tuple(net.get_buffer("blocks.0.seen").shape))
say(dir(net).count("blocks"), "blocks" in dir(net))
""",
    "state keys": "say(list(net.state_dict())); say(net.load_state_dict(net.state_dict())); say(net.state_dict(prefix='p.').keys())",
    "missing keys": "s = net.state_dict(); del s['head.weight']; del s['blocks.0.seen']; s['other.weight'] = 1; s['blocks.0.more'] = 2; s['extra'] = 3; net.load_state_dict(s)",
    "not strict": "s = net.state_dict(); del s['head.weight']; s['extra'] = 3; say(net.load_state_dict(s, strict=False))",
    "wrong shapes": "s = net.state_dict(); s['head.weight'] = torch.zeros(3, 4); s['head.bias'] = [1, 2]; net.load_state_dict(s)",
    "not a state": "net.load_state_dict([1])",
    "old batch norm": "s = dict(net.state_dict()); s = {k: v for k, v in s.items() if 'num_batches' not in k}; say(net.load_state_dict(s))",
    "a copy, not the tensor": "s = {k: torch.ones_like(v) for k, v in net.state_dict().items()}; net.load_state_dict(s); s['head.bias'][0] = 5.; say(net.head.bias)",
    "assign": "s = {k: torch.ones_like(v) for k, v in net.state_dict().items()}; net.load_state_dict(s, assign=True); s['head.bias'][0] = 5.; say(net.head.bias)",
    "state hooks": """
def post(m, d, prefix, meta): d[prefix + "hooked"] = 1
h = net.head.register_state_dict_post_hook(post)
say(list(net.state_dict())); h.remove(); say(list(net.state_dict()))
net.head.register_state_dict_pre_hook(lambda m, prefix, keep: say("pre", prefix, keep))
net.register_load_state_dict_pre_hook(lambda m, d, *rest: say(type(m).__name__, sorted(d)[:2], rest))
net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
s = net.state_dict(); del s["head.bias"]; say(net.load_state_dict(s))
""",
    "extra state": """
class E(nn.Linear):
    def get_extra_state(self): return {"k": 1}
    def set_extra_state(self, s): say("set", s)
m = nn.Sequential(E(1, 1)); s = m.state_dict(); say(list(s)); m.load_state_dict(s); del s["0._extra_state"]; m.load_state_dict(s)
""",
    "before init": "class M(nn.Module):\n    def __init__(self): self.fc = nn.Linear(1, 1)\nM()",
    "parameter before init": "class M(nn.Module):\n    def __init__(self): self.w = nn.Parameter(torch.ones(1))\nM()",
    "buffer before init": "class M(nn.Module):\n    def __init__(self): self.register_buffer('b', torch.ones(1))\nM()",
    "tensor as parameter": "net.head.weight = torch.ones(2, 4)",
    "number as parameter": "net.head.weight = 3",
    "number as module": "net.head = 3",
    "number as buffer": "net.blocks[0].seen = 3",
    "none as parameter": "net.head.bias = None; say(net.head.bias, [n for n, _ in net.head.named_parameters()], net.head)",
    "tensor as buffer": "net.blocks[0].seen = torch.ones(5); say([tuple(b.shape) for b in net.blocks[0].buffers()])",
    "parameter over attribute": "net.nine = 9; net.nine = nn.Parameter(torch.ones(9)); say('nine' in net.__dict__, [n for n, _ in net.named_parameters(recurse=False)])",
    "module over parameter": "net.q = nn.Parameter(torch.ones(1)); net.q = nn.ReLU(); say([n for n, _ in net.named_children()], [n for n, _ in net.named_parameters(recurse=False)])",
    "buffer as attribute": "net.b = nn.Buffer(torch.ones(2)); net.c = nn.Buffer(torch.ones(2), persistent=False); say([n for n, _ in net.named_buffers(recurse=False)], 'c' in net.state_dict())",
    "deleting": "del net.head; say([n for n, _ in net.named_children()]); del net.blocks[0].scale; say([n for n, _ in net.blocks[0].named_parameters()]); net.head",
    "no such attribute": "net.hed",
    "no such attribute to delete": "del net.hed",
    "register twice": "net.register_buffer('head', torch.ones(1))",
    "register a number": "net.register_parameter('p', 3)",
    "register a tensor": "net.register_parameter('p', torch.ones(1))",
    "register a non-leaf": "net.register_parameter('p', nn.Parameter(torch.ones(1)) * 2)",
    "non-leaf parameter": "p = nn.Parameter(torch.ones(1)); p.mul_(1) if False else None; net.w = p; say(net.w is p)",
    "dots": "net.add_module('a.b', nn.ReLU())",
    "empty name": "net.add_module('', nn.ReLU())",
    "number as name": "net.add_module(3, nn.ReLU())",
    "buffer with a dot": "net.register_buffer('a.b', torch.ones(1))",
    "adding a number": "net.add_module('a', 3)",
    "adding over an attribute": "net.add_module('training', nn.ReLU())",
    "no such submodule": "net.get_submodule('blocks.1.fx')",
    "not a submodule": "net.get_submodule('blocks.1.scale.x')",
    "not a parameter": "net.get_parameter('blocks.1.seen')",
    "no such parameter": "net.get_parameter('head.wait')",
    "no forward": "nn.Module()(1)",
    "train with a number": "net.train(3)",
    "train and eval": "say(net.eval().training, net.blocks[0].fc.training, net.train().blocks[1].norm.training)",
    "to an integer dtype": "net.to(torch.int64)",
    "to double": "net.double(); say([(n, t.dtype) for n, t in net.state_dict().items()]); net.to(torch.float32); say(net.head.weight.dtype); say(type(net.head.weight).__name__)",
    "requires grad": "net.requires_grad_(False); say([p.requires_grad for p in net.parameters()]); net(x).sum().backward()",
    "zero grad": """
net(x).sum().backward(); g = net.head.weight.grad; net.zero_grad(set_to_none=False); say(g.sum(), net.head.weight.grad is None)
net.zero_grad(); say(net.head.weight.grad)
""",
    "apply": "order = []; net.apply(lambda m: order.append(type(m).__name__)); say(order)",
    "forward hooks": """
def pre(m, args): say("pre", type(m).__name__, len(args)); return (args[0] * 2,)
def post(m, args, out): say("post", type(m).__name__, len(args), tuple(out.shape)); return out + 1
h1, h2 = net.head.register_forward_pre_hook(pre), net.head.register_forward_hook(post)
net.head.register_forward_hook(lambda m, a, o: say("second", o.sum().item() != 0)); net.head.register_forward_hook(lambda m, a, o: say("first"), prepend=True)
a = net(x); h1.remove(); h2.remove(); b = net(x); say(torch.allclose(a, b), tuple(a.shape))
""",
    "hooks with kwargs": """
b = net.blocks[0]
b.register_forward_pre_hook(lambda m, args, kwargs: say("pre", len(args), kwargs) or (args, {"gain": 0.0}), with_kwargs=True)
b.register_forward_hook(lambda m, args, kwargs, out: say("post", len(args), kwargs, out.abs().sum().item()), with_kwargs=True)
b(x, gain=2.0)
""",
    "a bad pre-hook": "b = net.blocks[0]; b.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True); b(x)",
    "always called": "net.head.register_forward_hook(lambda m, a, o: say('always', o), always_call=True)\ntry:\n    net.head('x')\nexcept Exception: say('raised')",
    "full backward hooks": """
def back(m, gi, go): say(type(m).__name__, [None if g is None else tuple(g.shape) for g in gi], [tuple(g.shape) for g in go])
net.head.register_full_backward_hook(back); net.blocks[1].register_full_backward_hook(back); net.blocks[0].fc.register_full_backward_hook(back)
net(x).sum().backward()
""",
    "replacing gradients": """
net.head.register_full_backward_hook(lambda m, gi, go: (gi[0] * 0,)); net.head.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
net(x).sum().backward(); say(net.head.bias.grad, net.blocks[1].fc.weight.grad.abs().sum())
""",
    "backward hook, input with gradient": """
net.blocks[0].register_full_backward_hook(lambda m, gi, go: say([None if g is None else tuple(g.shape) for g in gi]))
y = x.clone().requires_grad_(); net.blocks[0](y, gain=2.0).sum().backward(); say(y.grad.shape)
net.blocks[0](y, 2.0).sum().backward()
""",
    "a bad backward hook": "net.head.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0])); net(x).sum().backward()",
    "hooks under no_grad": "net.head.register_full_backward_hook(lambda m, gi, go: say('called'))\nwith torch.no_grad(): say(net(x).requires_grad)",
    "sequential": """
from collections import OrderedDict
s = nn.Sequential(OrderedDict([("a", nn.Linear(1, 2)), ("b", nn.ReLU())])); say(s, len(s), s[0], s[-1], s["a"] if False else s.a)
t = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid()); say(t[1:], t + nn.Sequential(nn.GELU()), nn.Sequential(nn.ReLU()) * 2); del t[1]; say(t); say(t.pop(0), t)
t.append(nn.ReLU()).insert(0, nn.SiLU()); t.extend([nn.ELU()]); say(t); t[0] = nn.Tanh(); say(list(t)[0]); t[7]
""",
    "sequential plus a list": "nn.Sequential() + [1]",
    "module list": """
l = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]); say(l, l[1:], l[-1], len(l)); l.insert(1, nn.GELU()); say(l); del l[0]; say(l, l.pop(-1), l)
l += [nn.Sigmoid()]; say(l + [nn.ELU()]); say(l(x))
""",
    "module list of a number": "nn.ModuleList(3)",
    "module list of numbers": "nn.ModuleList([3])",
    "module list index": "nn.ModuleList([nn.ReLU()])[1]",
    "module dict": """
d = nn.ModuleDict([["a", nn.ReLU()], ("b", nn.Tanh())]); say(d, list(d), "a" in d, len(d)); d["c"] = nn.GELU(); del d["a"]; d.update({"e": nn.ELU()}); say(d.pop("b"), list(d.items())); d.clear(); say(d)
""",
    "module dict of a number": "nn.ModuleDict(3)",
    "module dict of triples": "nn.ModuleDict([(1, 2, 3)])",
    "parameter list": """
l = nn.ParameterList([torch.ones(2), torch.zeros(3)]); l.append(nn.Parameter(torch.ones(1))); l += [torch.ones(4)]; l[0] = torch.ones(7)
say(l, len(l), [n for n, _ in l.named_parameters()], [tuple(p.shape) for p in l[1:]], l[-1].requires_grad); l[9]
""",
    "parameter dict": "d = nn.ParameterDict({'a': torch.ones(2)}); d['b'] = torch.ones(3); say(list(d), [n for n, _ in d.named_parameters()], d.get('z'), 'a' in d, d.pop('a').shape, len(d)); d[3] = 1",
    "parameter": """
p = nn.Parameter(torch.ones(2)); say(p, p.requires_grad, p.is_leaf, isinstance(p, torch.Tensor), (p * 2).grad_fn.name(), type(p + 1).__name__, type(p.data).__name__)
say(nn.Parameter(torch.ones(1), requires_grad=False).requires_grad)
""",
    "dropout": "nn.Dropout(1.5)",
    "conv groups": "nn.Conv2d(3, 4, 1, groups=2)",
    "conv padding": "nn.Conv2d(3, 4, 3, stride=2, padding='same')",
    "conv channels": "nn.Conv2d(3, 4, 3)(torch.zeros(1, 2, 5, 5))",
    "batch norm dims": "nn.BatchNorm2d(3)(torch.zeros(2, 3))",
    "one value per channel": "nn.BatchNorm1d(3)(torch.zeros(1, 3))",
    "linear shapes": "nn.Linear(3, 2)(torch.zeros(4, 5))",
    "embedding index": "nn.Embedding(3, 2)(torch.tensor([0, 1])); nn.Embedding(3, 2, padding_idx=5)",
    "bilinear": "nn.Bilinear(0, 1, 1)",
    "bilinear shapes": "nn.Bilinear(2, 3, 1)(torch.zeros(1, 2), torch.zeros(1, 4))",
    "unflatten": "nn.Unflatten(1, 3)",
    "attention heads": "nn.MultiheadAttention(7, 2)",
    "attention zero": "nn.MultiheadAttention(0, 2)",
    "attention causal": "m = nn.MultiheadAttention(4, 2); q = torch.ones(3, 1, 4); m(q, q, q, is_causal=True)",
    "attention mask": "m = nn.MultiheadAttention(4, 2); q = torch.ones(3, 1, 4); m(q, q, q, attn_mask=torch.zeros(2, 2))",
    "gain": "nn.init.calculate_gain('swish')",
    "gain slope": "nn.init.calculate_gain('leaky_relu', 'x')",
    "fans": "nn.init.xavier_uniform_(torch.ones(3))",
    "fan mode": "nn.init.kaiming_uniform_(torch.ones(3, 3), mode='fan')",
    "nothing to fill": "nn.init.kaiming_uniform_(torch.ones(0, 3))",
    "eye of a vector": "nn.init.eye_(torch.ones(3))",
    "orthogonal vector": "nn.init.orthogonal_(torch.ones(3))",
    "far truncation": "say(tuple(nn.init.trunc_normal_(torch.ones(3), mean=9.).shape))",
    "clipping NaN": "p = nn.Parameter(torch.ones(1)); p.grad = torch.tensor([float('nan')]); nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)",
    "clipping NaN quietly": "p, q = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1)); p.grad = torch.tensor([float('nan')]); q.grad = torch.ones(1); say(nn.utils.clip_grad_norm_([p, q], 1.0), q.grad)",
    "clipping nothing": "say(nn.utils.clip_grad_norm_([nn.Parameter(torch.ones(1))], 1.0)); say(nn.utils.clip_grad_norm_((p for p in []), 1.0))",
    "padding sequences": """
s = [torch.ones(2, 3), torch.ones(4, 3) * 2]; say(nn.utils.rnn.pad_sequence(s).shape, nn.utils.rnn.pad_sequence(s, True, 9.0), nn.utils.rnn.pad_sequence(s, True, padding_side="left")[0])
""",
    "functional": """
F = nn.functional
say(F.pad(torch.arange(4.).reshape(1, 1, 4), (2, 1), "reflect"), F.pad(torch.arange(4.).reshape(1, 1, 4), (5, 1), mode="replicate"), F.pad(torch.arange(4.).reshape(1, 1, 4), (3, 1), mode="circular"))
F.dropout2d(torch.ones(2, 2, 2, 2), 1.5)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_module(name: str, says_the_same: Callable[[str], None]) -> None:
    says_the_same(NET + PROGRAMS[name])


def test_batch_norms_are_made_ones_that_synchronise(says_the_same: Callable[[str], None]) -> None:
    says_the_same("""
model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, eps=0.1), nn.Sequential(nn.BatchNorm1d(3, affine=False), nn.InstanceNorm2d(2), nn.BatchNorm3d(4, bias=False))).eval()
weight, mean = model[1].weight, model[1].running_mean
made = nn.SyncBatchNorm.convert_sync_batchnorm(model)
say(made, made is model, made[1].weight is weight, made[1].running_mean is mean, made[1].training, list(made.state_dict()))
say(nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(2)), nn.SyncBatchNorm(2, process_group=None))
""")
