"""Programs that see: digits are told apart, drawn, compared, made sharp and painted over."""

from __future__ import annotations

from typing import Any

from program import program
from worlds import digits as real_digits


@program(at_least=0.95, rtol=5e-3, chance=True)
def digits(torch: Any) -> tuple[list[float], float]:
    """A convolutional network with batch norm and dropout, as in the MNIST example: Adadelta, StepLR, DataLoader, eval()."""
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim
    from_numpy = torch.from_numpy

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 8, 3, 1, 1)
            self.norm = nn.BatchNorm2d(8)
            self.conv2 = nn.Conv2d(8, 16, 3, 1, 1)
            self.dropout = nn.Dropout(0.25)
            self.fc1 = nn.Linear(16 * 4 * 4, 64)
            self.fc2 = nn.Linear(64, 10)

        def forward(self, x):
            x = F.relu(self.norm(self.conv1(x)))
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = F.relu(self.fc1(torch.flatten(x, 1)))
            return F.log_softmax(self.fc2(self.dropout(x)), dim=1)

    torch.manual_seed(1)
    images, labels = map(from_numpy, real_digits())
    data = torch.utils.data
    train = data.DataLoader(data.TensorDataset(images[:1400], labels[:1400]), batch_size=64, shuffle=True, drop_last=True)
    test = data.DataLoader(data.TensorDataset(images[1400:], labels[1400:]), batch_size=200)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    losses = []
    for _ in range(3):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            loss = F.nll_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in test:
            right += model(x).argmax(dim=1, keepdim=True).eq(y.view_as(model(x).argmax(dim=1, keepdim=True))).sum().item()
    return losses, right / len(test.dataset)


@program(at_most=16.0)
def vae(torch: Any) -> tuple[list[float], float]:
    """A variational autoencoder: reparametrised samples, BCE and the divergence from the prior."""
    nn, F = torch.nn, torch.nn.functional

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(64, 96), nn.Linear(96, 8), nn.Linear(96, 8)
            self.fc3, self.fc4 = nn.Linear(8, 96), nn.Linear(96, 64)

        def encode(self, x):
            h1 = F.relu(self.fc1(x))
            return self.fc21(h1), self.fc22(h1)

        def reparameterize(self, mu, logvar):
            std = torch.exp(0.5 * logvar)
            eps = torch.randn_like(std)
            return mu + eps * std

        def decode(self, z):
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

        def forward(self, x):
            mu, logvar = self.encode(x.view(-1, 64))
            return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss_function(recon_x, x, mu, logvar):
        bce = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
        return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

    torch.manual_seed(2)
    images = torch.from_numpy(real_digits()[0])
    blank = F.binary_cross_entropy(images[:1280].mean(0, keepdim=True).expand(1280, 1, 8, 8), images[:1280], reduction="sum").item() / 1280
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _epoch in range(12):
        for x in images[:1280].split(128):
            optimizer.zero_grad()
            loss = loss_function(*_first(model(x), x))
            loss.backward()
            losses.append(loss.item() / len(x))
            optimizer.step()
    with torch.no_grad():
        sample = model.decode(torch.randn(64, 8))
        assert sample.shape == (64, 64)
        assert 0 <= float(sample.min()) <= float(sample.max()) <= 1
    return losses, sum(losses[-10:]) / 10 - blank + 16                  # nats beyond what the mean image costs


def _first(out: Any, x: Any) -> Any:
    return out[0], x, out[1], out[2]


@program(at_most=0.35)
def gan(torch: Any) -> tuple[list[float], float]:
    """A generator of transposed convolutions against a discriminator, each with an optimizer of its own."""
    nn = torch.nn

    def weights_init(m):
        name = m.__class__.__name__
        if name.find("Conv") != -1:
            nn.init.normal_(m.weight, 0.0, 0.05)
        elif name.find("BatchNorm") != -1:
            nn.init.normal_(m.weight, 1.0, 0.02)
            nn.init.zeros_(m.bias)

    torch.manual_seed(3)
    generator = nn.Sequential(nn.ConvTranspose2d(16, 32, 2, 1, 0, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
                              nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
                              nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False), nn.Sigmoid())
    discriminator = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
                                  nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2, inplace=True),
                                  nn.Conv2d(32, 1, 2, 1, 0, bias=False), nn.Flatten(0))
    generator.apply(weights_init)
    discriminator.apply(weights_init)
    images = torch.from_numpy(real_digits()[0])
    criterion = nn.BCEWithLogitsLoss()
    opt_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    losses = []
    for step in range(60):
        real = images[step * 64 % 1344:][:64]
        discriminator.zero_grad()
        err_real = criterion(discriminator(real), torch.full((64,), 1.0))
        err_real.backward()
        fake = generator(torch.randn(64, 16, 1, 1))
        err_fake = criterion(discriminator(fake.detach()), torch.zeros(64))
        err_fake.backward()
        opt_d.step()
        generator.zero_grad()
        err_g = criterion(discriminator(fake), torch.ones(64))
        err_g.backward()
        opt_g.step()
        losses += [(err_real + err_fake).item(), err_g.item()]
    generator.eval()
    with torch.no_grad():                                  # the mean of what is made nears the mean of what is real
        made = generator(torch.randn(256, 16, 1, 1)).mean(0)
    return losses, (made - images.mean(0)).abs().mean().item()


@program(at_least=0.9, alike=60)                 # then a choice of the greatest, by PReLU and pooling, may turn on the last bit
def siamese(torch: Any) -> tuple[list[float], float]:
    """Metric learning: an embedding by triplets, judged by nearest neighbours among what was learnt from."""
    nn, F = torch.nn, torch.nn.functional

    class Embed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(8, 16, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2, 2))
            self.head = nn.Linear(64, 16)

        def forward(self, x):
            return F.normalize(self.head(self.body(x).flatten(1)), dim=1)

    torch.manual_seed(4)
    images, labels = map(torch.from_numpy, real_digits())
    of = [torch.nonzero(labels[:1200] == d).squeeze(1) for d in range(10)]
    model = Embed()
    criterion = nn.TripletMarginLoss(margin=0.4)
    optimizer = torch.optim.NAdam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(100):
        anchor = torch.randint(0, 10, (48,))
        other = (anchor + torch.randint(1, 10, (48,))) % 10
        pick = [[int(torch.randint(0, len(of[d]), ())) for d in which.tolist()] for which in (anchor, anchor, other)]
        rows = [torch.stack([of[d][i] for d, i in zip(which.tolist(), chosen)]) for which, chosen in zip((anchor, anchor, other), pick)]
        loss = criterion(*(model(images[r]) for r in rows))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.inference_mode():
        known, asked = model(images[:1200]), model(images[1200:])
        nearest = torch.cdist(asked, known).topk(5, largest=False).indices
        found = torch.mode(labels[:1200][nearest], dim=1).values
    return losses, (found == labels[1200:]).float().mean().item()


@program(at_least=1.5)
def super_resolution(torch: Any) -> tuple[list[float], float]:
    """Sub-pixel convolution: 4 x 4 becomes 8 x 8, and is nearer to the truth than bicubic interpolation by so many decibels."""
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self, upscale_factor):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 24, 5, 1, 2), nn.Conv2d(24, 16, 3, 1, 1)
            self.conv3 = nn.Conv2d(16, upscale_factor**2, 3, 1, 1)
            self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
            nn.init.orthogonal_(self.conv1.weight, nn.init.calculate_gain("relu"))
            nn.init.orthogonal_(self.conv2.weight, nn.init.calculate_gain("relu"))
            nn.init.orthogonal_(self.conv3.weight)

        def forward(self, x):
            return self.pixel_shuffle(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))))

    torch.manual_seed(5)
    sharp = torch.from_numpy(real_digits()[0])
    coarse = F.avg_pool2d(sharp, 2)
    model, criterion = Net(2), nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    losses = []
    for _epoch in range(6):
        for x, y in zip(coarse[:1440].split(96), sharp[:1440].split(96)):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    def psnr(made):
        return 10 * torch.log10(1 / F.mse_loss(made, sharp[1440:]))

    with torch.no_grad():
        plain = F.interpolate(coarse[1440:], scale_factor=2, mode="bicubic", align_corners=False)
        return losses, (psnr(model(coarse[1440:])) - psnr(plain)).item()


@program(at_most=0.05, rtol=2e-2, score_rtol=0.5)
def style(torch: Any) -> tuple[list[float], float]:
    """Neural style: an image is changed by L-BFGS until Gram matrices of random features agree; what is left of the loss."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(6)
    features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.Tanh()).requires_grad_(False)

    def gram_matrix(x):
        a, b, c, d = x.size()
        flat = x.view(a * b, c * d)
        return torch.mm(flat, flat.t()).div(a * b * c * d)

    class StyleLoss(nn.Module):
        def __init__(self, target):
            super().__init__()
            self.target = gram_matrix(target).detach()

        def forward(self, x):
            self.loss = F.mse_loss(gram_matrix(x), self.target)
            return x

    grid = torch.linspace(-1, 1, 24)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    content = torch.exp(-4 * (xx**2 + yy**2)).expand(1, 3, 24, 24).clone()
    painting = torch.stack([torch.sin(9 * xx + 3 * yy), torch.cos(7 * yy), torch.sin(8 * xx * yy)]).unsqueeze(0) / 2 + 0.5
    model, layers = nn.Sequential(), []
    for i, layer in enumerate(features):
        model.add_module(f"layer_{i}", layer)
        if isinstance(layer, nn.Tanh):
            layers.append(StyleLoss(model(painting)))
            model.add_module(f"style_{i}", layers[-1])
    image = content.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([image], max_iter=12)
    losses = []

    def closure():
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        model(image)
        loss = 1e4 * sum(s.loss for s in layers) + 1e-2 * F.mse_loss(image, content)
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    return losses, losses[-1] / losses[0]
