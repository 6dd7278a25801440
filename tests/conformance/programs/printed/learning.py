# Learning: data, loss, optimizer, schedule; the third-order polynomial of the sine from NumPy to nn.
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

torch.manual_seed(0)
torch.set_printoptions(sci_mode=False)
x = torch.linspace(-math.pi, math.pi, 2000)
y = torch.sin(x)
a, b, c, d = (torch.randn((), requires_grad=True) for _ in range(4))
for t in range(200):
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).sum()
    if t % 50 == 49:
        print(t, round(loss.item(), 2))
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 1e-6 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.3f} + {b.item():.3f} x + {c.item():.3f} x^2 + {d.item():.3f} x^3")

xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))
loss_fn = nn.MSELoss(reduction="sum")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for t in range(200):
    loss = loss_fn(model(xx), y)
    if t % 50 == 49:
        print(t, f"{loss.item():.2f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model[0].bias.item() > 0, model[0].weight.shape)


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return {"x": torch.tensor([float(i)]), "name": f"item {i}"}, i**2


for batch, target in DataLoader(Squares(5), batch_size=2, shuffle=True):
    print(batch, target)
train, test = random_split(TensorDataset(torch.arange(10.0), torch.arange(10)), [0.7, 0.3], generator=torch.Generator().manual_seed(42))
print(list(train.indices), list(test.indices), next(iter(DataLoader(train, batch_size=4))))

torch.manual_seed(3)
w = nn.Parameter(torch.tensor([1.0, 2.0]))
for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam"):
    optimizer = getattr(torch.optim, name)([w], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(3):
        optimizer.zero_grad()
        (w**2).sum().backward()
        optimizer.step()
        schedule.step()
    print(name, w, schedule.get_last_lr(), sorted(optimizer.state_dict()["state"].get(0, {})))

net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9, nesterov=True, weight_decay=1e-4)
data, labels = torch.randn(60, 4), torch.randint(0, 3, (60,))
labels = (data[:, 0] > 0).long() + (data[:, 1] > 0).long()
for epoch in range(5):
    for i in torch.randperm(60).split(20):
        loss = nn.functional.cross_entropy(net(data[i]), labels[i])
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}, norm {norm.item():.3f}")
net.eval()
with torch.no_grad():
    print("accuracy", (net(data).argmax(1) == labels).float().mean())
