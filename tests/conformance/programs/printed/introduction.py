# An introduction: arithmetic, broadcasting, comparisons, reductions, linear algebra, in place, copies, shapes; gradients of everyday things.
import math

import numpy as np
import torch

torch.set_printoptions(sci_mode=False)
zeros = torch.zeros(2, 3)
print(zeros, torch.ones(2, 3))
torch.manual_seed(1729)
random = torch.rand(2, 3)
print(random)
torch.manual_seed(1729)
random1, random2 = torch.rand(2, 3), torch.rand(2, 3)
torch.manual_seed(1729)
random3, random4 = torch.rand(2, 3), torch.rand(2, 3)
print(random1, random2, random3, random4)
x = torch.empty(2, 2, 3)
print(x.shape, torch.empty_like(x).shape, torch.zeros_like(x).shape, torch.rand_like(x).shape)
print(torch.tensor([[3.1415926, 2.7182818], [1.61803, 0.0072897]]), torch.tensor((2, 3, 5, 7, 11, 13, 17, 19)), torch.tensor(((2, 4, 6), [3, 6, 9])))
a = torch.ones((2, 3), dtype=torch.int16)
b = torch.rand((2, 3), dtype=torch.float64) * 20.0
print(a, b, b.to(torch.int32))
ones = torch.zeros(2, 2) + 1
twos = torch.ones(2, 2) * 2
threes = (torch.ones(2, 2) * 7 - 1) / 2
print(ones, twos, threes, twos**2, twos**0.5, twos ** torch.tensor([[1, 2], [3, 4]]), ones + twos, threes * 4)
try:
    torch.rand(2, 3) * torch.rand(3, 2)
except RuntimeError as error:
    print(str(error).split(" (a has")[0])
rand = torch.rand(2, 4)
print(rand, rand * (torch.ones(1, 4) * 2))
a = torch.ones(4, 3, 2)
print(a * torch.rand(3, 2), a * torch.rand(3, 1), a * torch.rand(1, 2))
a = torch.rand(2, 4) * 2 - 1
print(torch.abs(a), torch.ceil(a), torch.floor(a), torch.clamp(a, -0.5, 0.5))
angles = torch.tensor([0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
sines = torch.sin(angles)
print(angles, sines, torch.asin(sines))
print(torch.bitwise_xor(torch.tensor([1, 5, 11]), torch.tensor([2, 7, 10])))
d, e = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.ones(1, 2)
print(torch.eq(d, e), torch.max(d), torch.max(d).item(), torch.mean(d), torch.std(d), torch.prod(d), torch.unique(torch.tensor([1, 2, 1, 2, 1, 2])))
v1, v2 = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
m1, m2 = torch.rand(2, 2), torch.tensor([[3.0, 0.0], [0.0, 3.0]])
print(torch.linalg.cross(v2, v1), m1, torch.linalg.matmul(m1, m2), torch.linalg.svdvals(m2), torch.linalg.det(m2), torch.linalg.inv(m2))
a = torch.tensor([0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
print(torch.sin(a), a, torch.sin_(a), a)
a, b = torch.ones(2, 2), torch.rand(2, 2)
print(a.add_(b), a, b, b.mul_(b), b)
c = torch.zeros(2, 2)
old_id = id(c)
d = torch.matmul(a, b, out=c)
print(c, c is d, id(c) == old_id)
a = torch.ones(2, 2)
b, c = a, a.clone()
a[0][1] = 561
print(b, c, torch.eq(a, c))
a = torch.rand(2, 2, requires_grad=True)
print(a, a.clone(), a.detach().clone())
a = torch.rand(3, 226, 226)
print(a.shape, a.unsqueeze(0).shape, torch.rand(1, 1, 1, 1, 1), torch.rand(1, 20).squeeze(0).shape, torch.rand(2, 2).squeeze(0).shape)
output3d = torch.rand(6, 20, 20)
print(output3d.reshape(6 * 20 * 20).shape, torch.reshape(output3d, (6 * 20 * 20,)).shape, output3d.view(6, -1).shape, output3d.permute(2, 0, 1).shape)
numpy_array = np.ones((2, 3))
pytorch_tensor = torch.from_numpy(numpy_array)
numpy_array[1, 1] = 23
pytorch_tensor[1, 2] = 17
print(numpy_array, pytorch_tensor, torch.rand(2, 3).numpy())

a = torch.linspace(0.0, 2.0 * math.pi, steps=5, requires_grad=True)
b = torch.sin(a)
c = 2 * b
d = c + 1
out = d.sum()
print(a, b, c, d, out, sep="\n")
print(d.grad_fn.next_functions[0][0].name(), c.grad_fn.name(), b.grad_fn.next_functions[0][0].name().split("::")[-1])
out.backward()
print(a.grad)
x = torch.rand(3, requires_grad=True)
y = x * 2
while y.data.norm() < 1000:
    y = y * 2
y.backward(torch.tensor([0.1, 1.0, 0.0001]))
print(y, x.grad)


@torch.no_grad()
def add_tensors(x, y):
    return x + y


a = torch.ones(2, 3, requires_grad=True) * 2
print(a + 1, add_tensors(a, a), torch.is_grad_enabled())


def exp_adder(x, y):
    return 2 * x.exp() + 3 * y


print(torch.autograd.functional.jacobian(exp_adder, (torch.rand(1), torch.rand(1))))
print(torch.autograd.functional.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.tensor([0.1, 1.0])))
print(torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0])))
print(torch.stack([torch.arange(3)] * 2), torch.cat((torch.zeros(2, 1), torch.ones(2, 1)), 1), torch.tril(torch.ones(3, 3)), torch.diag(torch.tensor([1, 2])), torch.trace(torch.eye(3)))
print(torch.arange(6).view(2, 3).sum(0), torch.arange(6.0).view(2, 3).mean(1, keepdim=True), torch.arange(6).roll(2), torch.arange(6).flip(0), torch.arange(4).repeat(2, 2), torch.arange(3).repeat_interleave(2))
print(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), torch.combinations(torch.arange(3)), torch.cartesian_prod(torch.arange(2), torch.arange(2)))
print(torch.nn.functional.pad(torch.ones(1, 2), (1, 1, 0, 1)), torch.nn.functional.softmax(torch.tensor([1.0, 2.0, 3.0]), 0), torch.sigmoid(torch.zeros(2)), torch.quantile(torch.arange(5.0), 0.3))
print(torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3), torch.bucketize(torch.tensor([3, 6, 9]), torch.tensor([1, 3, 5, 7, 9])), torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([2, 5])))
print(torch.tensor([1.0, 2.0]).allclose(torch.tensor([1.0, 2.0 + 1e-9])), torch.isclose(torch.tensor([1.0]), torch.tensor([1.1])), torch.equal(torch.ones(2), torch.ones(2)), torch.is_tensor(3), torch.numel(torch.ones(2, 3)))
print(torch.finfo(torch.float32).eps, torch.iinfo(torch.int8), torch.finfo(torch.float16), torch.get_default_dtype(), torch.result_type(torch.ones(1, dtype=torch.int32), 1.5), torch.promote_types(torch.int8, torch.float16))
