"""Programs that fit, decide, walk over graphs, solve equations and learn to learn."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
from program import program
from worlds import CartPole, club
from worlds import digits as real_digits


@program(at_most=0.1)
def regression(torch: Any) -> tuple[list[float], float]:
    """A polynomial of fourth degree is found from noisy points by hand-written SGD on one layer; the largest error between -1 and 1."""
    F = torch.nn.functional
    torch.manual_seed(0)
    W_target = torch.randn(4, 1) * 5
    b_target = torch.randn(1) * 5

    def make_features(x):
        x = x.unsqueeze(1)
        return torch.cat([x**i for i in range(1, 5)], 1)

    def f(x):
        return x.mm(W_target) + b_target.item()

    fc = torch.nn.Linear(W_target.size(0), 1)
    losses = []
    for batch_idx in count(1):
        x = make_features(torch.rand(64) * 2 - 1)
        fc.zero_grad()
        output = F.smooth_l1_loss(fc(x), f(x))
        loss = output.item()
        output.backward()
        for param in fc.parameters():
            param.data.add_(-0.4 * param.grad)
        losses.append(loss)
        if loss < 1e-7 or batch_idx == 1500:
            break
    with torch.no_grad():
        x = make_features(torch.linspace(-1, 1, 101))
        return losses[:400], (fc(x) - f(x)).abs().max().item()


@program(at_least=80.0, rtol=2e-2, score_rtol=0.5, chance=True)
def actor_critic(torch: Any) -> tuple[list[float], float]:
    """A pole is balanced: one network with two heads, actions drawn from a Categorical, the mean of the last episodes."""
    nn, F = torch.nn, torch.nn.functional
    from importlib import import_module

    Categorical = import_module(torch.__name__ + ".distributions").Categorical

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.affine1, self.action_head, self.value_head = nn.Linear(4, 64), nn.Linear(64, 2), nn.Linear(64, 1)

        def forward(self, x):
            x = F.relu(self.affine1(x))
            return F.softmax(self.action_head(x), dim=-1), self.value_head(x)

    torch.manual_seed(543)
    model = Policy()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    env = CartPole(543, limit=120)
    eps = np.finfo(np.float32).eps.item()
    losses, lengths = [], []
    for _ in range(90):
        state, saved, rewards, done = env.reset(), [], [], False
        while not done:
            probs, value = model(torch.tensor(state))
            m = Categorical(probs)
            action = m.sample()
            saved.append((m.log_prob(action), value))
            state, reward, done = env.step(action.item())
            rewards.append(reward)
        R, returns = 0.0, []
        for r in rewards[::-1]:
            R = r + 0.99 * R
            returns.insert(0, R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        policy_losses, value_losses = [], []
        for (log_prob, value), R in zip(saved, returns):
            advantage = R - value.item()
            policy_losses.append(-log_prob * advantage)
            value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        lengths.append(len(rewards))
    return losses[:25], sum(lengths[-10:]) / 10


@program(at_least=0.9, chance=True)
def gcn(torch: Any) -> tuple[list[float], float]:
    """A graph convolutional network tells from two labels who follows whom in the karate club."""
    nn, F = torch.nn, torch.nn.functional

    class GraphConv(nn.Module):
        def __init__(self, input_dim, output_dim):
            super().__init__()
            self.kernel = nn.Parameter(torch.Tensor(input_dim, output_dim))
            nn.init.xavier_normal_(self.kernel)
            self.bias = nn.Parameter(torch.zeros(output_dim))

        def forward(self, x, adjacency):
            return torch.mm(adjacency, torch.mm(x, self.kernel)) + self.bias

    class GCN(nn.Module):
        def __init__(self):
            super().__init__()
            self.gc1, self.gc2, self.dropout = GraphConv(34, 16), GraphConv(16, 2), nn.Dropout(0.3)

        def forward(self, x, adjacency):
            x = self.dropout(F.relu(self.gc1(x, adjacency)))
            return F.log_softmax(self.gc2(x, adjacency), dim=1)

    torch.manual_seed(12)
    adjacency, halves = club()
    adjacency, halves = torch.from_numpy(adjacency), torch.from_numpy(halves)
    known = torch.tensor([0, 33])
    model = GCN()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
    losses = []
    for _ in range(120):
        model.train()
        optimizer.zero_grad()
        loss = F.nll_loss(model(torch.eye(34), adjacency)[known], halves[known])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses, (model(torch.eye(34), adjacency).argmax(1) == halves).float().mean().item()


@program(at_most=0.12)
def neural_ode(torch: Any) -> tuple[list[float], float]:
    """The law of a spiral is learnt from its path: the gradient goes through every stage of Runge-Kutta."""
    nn = torch.nn
    true_A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])

    class ODEFunc(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 2))
            for m in self.net.modules():
                if isinstance(m, nn.Linear):
                    nn.init.normal_(m.weight, mean=0, std=0.1)
                    nn.init.constant_(m.bias, val=0)

        def forward(self, y):
            return self.net(y**3)

    def odeint(func, y, steps, h=0.05):
        path = [y]
        for _ in range(steps):
            k1 = func(y)
            k2 = func(y + h / 2 * k1)
            k3 = func(y + h / 2 * k2)
            k4 = func(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            path.append(y)
        return torch.stack(path)

    torch.manual_seed(13)
    with torch.no_grad():
        true_y = odeint(lambda y: torch.mm(y**3, true_A), torch.tensor([[2.0, 0.0]]), 200)
    func = ODEFunc()
    optimizer = torch.optim.RMSprop(func.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        at = torch.randint(0, 190, (24,))
        target = torch.stack([true_y[at + i] for i in range(10)])[:, :, 0]
        loss = torch.mean(torch.abs(odeint(func, true_y[at, 0], 9) - target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, sum(losses[-5:]) / 5


@program(at_most=0.3, rtol=5e-3)
def maml(torch: Any) -> tuple[list[float], float]:
    """Learning to learn: a network from which one gradient step fits any sine; the gradient of a gradient step. Error after over before the step."""
    F = torch.nn.functional
    rng = np.random.default_rng(14)
    torch.manual_seed(14)
    weights = [torch.randn(1, 40) * 0.5, torch.zeros(40), torch.randn(40, 40) * 0.2, torch.zeros(40), torch.randn(40, 1) * 0.2, torch.zeros(1)]
    weights = [w.requires_grad_() for w in weights]

    def net(x, w):
        return torch.tanh(torch.tanh(x @ w[0] + w[1]) @ w[2] + w[3]) @ w[4] + w[5]

    def task():
        amplitude, phase = rng.uniform(0.5, 3.0), rng.uniform(0, np.pi)
        x = rng.uniform(-2, 2, (20, 1)).astype(np.float32)
        x, y = torch.from_numpy(x), torch.from_numpy((amplitude * np.sin(x - phase)).astype(np.float32))
        return x[:10], y[:10], x[10:], y[10:]

    def adapt(x, y, create_graph):
        grads = torch.autograd.grad(F.mse_loss(net(x, weights), y), weights, create_graph=create_graph)
        return [w - 0.1 * g for w, g in zip(weights, grads)]

    optimizer = torch.optim.Adam(weights, lr=5e-3)
    losses = []
    for _ in range(200):
        meta = 0.0
        for _ in range(4):
            x, y, xt, yt = task()
            meta = meta + F.mse_loss(net(xt, adapt(x, y, True)), yt)
        optimizer.zero_grad()
        meta.backward()
        optimizer.step()
        losses.append(meta.item() / 4)
    before = after = 0.0
    for _ in range(40):
        x, y, xt, yt = task()
        before += F.mse_loss(net(xt, weights), yt).item()
        after += F.mse_loss(net(xt, adapt(x, y, False)), yt).item()
    return losses, after / before


@program(at_most=0.02, score_rtol=2.0)
def equation(torch: Any) -> tuple[list[float], float]:
    """A physics-informed network solves u'' + u = 0 with u(0) = 0, u'(0) = 1, whose solution is the sine; the largest error on [0, 3]."""
    nn = torch.nn
    torch.manual_seed(15)
    net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)).double()
    optimizer = torch.optim.LBFGS(net.parameters(), lr=1, max_iter=60, history_size=20, line_search_fn="strong_wolfe")
    t = torch.linspace(0, 3, 32, dtype=torch.double).unsqueeze(1).requires_grad_()
    losses = []

    def closure():
        u = net(t)
        (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
        (ddu,) = torch.autograd.grad(du.sum(), t, create_graph=True)
        loss = ((ddu + u) ** 2).mean() + u[0, 0] ** 2 + (du[0, 0] - 1) ** 2
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        return losses[:30], (net(t) - torch.sin(t)).abs().max().item()


@program(at_least=0.85, rtol=0.1)
def forward_forward(torch: Any) -> tuple[list[float], float]:
    """Hinton's forward-forward: each layer learns for itself, with no gradient between layers."""
    nn = torch.nn

    def overlay(x, y):
        x = x.clone()
        x[:, :10] = 0.0
        x[range(x.shape[0]), y] = 3 * x.max()
        return x

    class Layer(nn.Linear):
        def __init__(self, i, o):
            super().__init__(i, o)
            self.relu, self.opt = nn.ReLU(), torch.optim.Adam(self.parameters(), lr=0.03)

        def forward(self, x):
            direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
            return self.relu(torch.mm(direction, self.weight.T) + self.bias.unsqueeze(0))

        def learn(self, positive, negative, losses):
            g_pos = self.forward(positive).pow(2).mean(1)
            g_neg = self.forward(negative).pow(2).mean(1)
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + 2.0, g_neg - 2.0]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
            return self.forward(positive).detach(), self.forward(negative).detach()

    torch.manual_seed(16)
    images, labels = map(torch.from_numpy, real_digits())
    images = torch.nn.functional.pad(images.flatten(1), (10, 0))
    layers, losses = [Layer(74, 128), Layer(128, 128)], []
    for _epoch in range(90):
        for rows in torch.randperm(1400).split(200):
            x, y = images[rows], labels[rows]
            positive, negative = overlay(x, y), overlay(x, (y + torch.randint(1, 10, y.shape)) % 10)
            for layer in layers:
                positive, negative = layer.learn(positive, negative, losses)
    goodness = []
    with torch.no_grad():
        for label in range(10):
            h, found = overlay(images[1400:], torch.full((397,), label)), []
            for layer in layers:
                h = layer(h)
                found.append(h.pow(2).mean(1))
            goodness.append(sum(found).unsqueeze(1))
    return losses, (torch.cat(goodness, 1).argmax(1) == labels[1400:]).float().mean().item()


def hogwild_worker(library: str, model: Any, seed: int, steps: int) -> None:
    """One process: trains the shared model, with no lock, on batches of its own."""
    from importlib import import_module

    torch = import_module(library)
    torch.manual_seed(seed)
    images, labels = map(torch.from_numpy, real_digits())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for _ in range(steps):
        rows = torch.randint(0, 1400, (64,))
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images[rows].flatten(1)), labels[rows])
        loss.backward()
        optimizer.step()


@program(at_least=0.9, score_rtol=0.1)
def hogwild(torch: Any) -> tuple[list[float], float]:
    """Processes train one model in shared memory: first one after another, which can be compared, then two at once, which can only be judged."""
    from importlib import import_module

    nn = torch.nn
    mp = import_module(torch.__name__ + ".multiprocessing").get_context("fork")
    torch.manual_seed(17)
    model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    model.share_memory()
    assert all(p.is_shared() for p in model.parameters())
    images, labels = map(torch.from_numpy, real_digits())

    def workers(seeds: list[int], steps: int) -> None:
        found = [mp.Process(target=hogwild_worker, args=(torch.__name__, model, seed, steps)) for seed in seeds]
        for p in found:
            p.start()
        for p in found:
            p.join(60)
            assert p.exitcode == 0

    def logits() -> Any:
        with torch.no_grad():
            return model(images[1400:].flatten(1))

    losses = []
    for seed in (1, 2, 3):
        workers([seed], 40)
        losses.append(nn.functional.cross_entropy(logits(), labels[1400:]).item())
    workers([4, 5], 150)
    return losses, (logits().argmax(1) == labels[1400:]).float().mean().item()
