# Automatic differentiation: gradients, the graph, hooks, functions of one's own, second derivatives; and what is refused.
import torch

x = torch.ones(5)
y = torch.zeros(3)
torch.manual_seed(1)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print(z, loss, z.grad_fn.name(), loss.grad_fn.name())
loss.backward()
print(w.grad, b.grad, sep="\n")
print(z.requires_grad)
with torch.no_grad():
    z = torch.matmul(x, w) + b
print(z.requires_grad, z.detach().requires_grad, w.is_leaf, loss.is_leaf)

inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")
inp.grad.zero_()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nCall after zeroing gradients\n{inp.grad}")

a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
Q.backward(gradient=torch.tensor([1.0, 1.0]))
print(9 * a**2 == a.grad, -2 * b == b.grad)


def names(node, depth=0):
    if node is not None and depth < 6:
        print("  " * depth + node.name().split("::")[-1])
        for above, _ in node.next_functions:
            names(above, depth + 1)


names(((a * b).exp().sum() / a.norm()).grad_fn)


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


x = torch.linspace(-1, 1, 5, requires_grad=True)
y = LegendrePolynomial3.apply(x)
y.sum().backward()
print(y.detach(), x.grad)

x = torch.tensor(2.0, requires_grad=True)
y = x**4
(g,) = torch.autograd.grad(y, x, create_graph=True)
(h,) = torch.autograd.grad(g, x)
print(g, h)
v = torch.tensor([1.0, 2.0], requires_grad=True)
v.register_hook(lambda g: print("hook", g))
u = v * 2
u.retain_grad()
u.sum().backward()
print(u.grad, v.grad)


def attempt(f):
    try:
        print(f())
    except Exception as error:
        print(f"{type(error).__name__}: {str(error).split(' (')[0]}")


attempt(lambda: torch.ones(2).sum().backward())
attempt(lambda: torch.ones(2, requires_grad=True).add_(1))
attempt(lambda: torch.ones(2, requires_grad=True).numpy())
attempt(lambda: torch.ones(2, 3) @ torch.ones(2, 3))
attempt(lambda: torch.ones(2, 3) + torch.ones(2, 4))
attempt(lambda: torch.ones(2, requires_grad=True).exp().backward())
attempt(lambda: torch.tensor([1, 2], requires_grad=True))
attempt(lambda: torch.zeros(2)[5])
attempt(lambda: torch.zeros(2).view(3))
attempt(lambda: torch.cat([torch.zeros(2, 2), torch.zeros(3, 3)]))
