# A network: how layers and models print, what their states hold, how they are saved and loaded.
import io

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(42)
torch.set_printoptions(sci_mode=False)


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, 10),
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits


model = NeuralNetwork().to("cpu")
print(model)
X = torch.rand(1, 28, 28)
logits = model(X)
pred_probab = nn.Softmax(dim=1)(logits)
print(logits, pred_probab, f"Predicted class: {pred_probab.argmax(1)}")
for name, param in model.named_parameters():
    print(f"Layer: {name} | Size: {param.size()} | Values : {param[:2]} \n")

input_image = torch.rand(3, 28, 28)
flat_image = nn.Flatten()(input_image)
hidden1 = nn.Linear(in_features=28 * 28, out_features=20)(flat_image)
print(f"Before ReLU: {hidden1}\n\n")
print(f"After ReLU: {nn.ReLU()(hidden1)}")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


net = Net()
print(net)
params = list(net.parameters())
print(len(params), params[0].size(), sum(p.numel() for p in params))
input = torch.randn(1, 1, 32, 32)
out = net(input)
print(out)
target = torch.randn(10).view(1, -1)
loss = nn.MSELoss()(out, target)
print(loss, loss.grad_fn.name(), loss.grad_fn.next_functions[0][0].name())
net.zero_grad()
print("conv1.bias.grad before backward", net.conv1.bias.grad)
loss.backward()
print("conv1.bias.grad after backward", net.conv1.bias.grad)

optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
print("Model's state_dict:")
for name in net.state_dict():
    print(name, "\t", net.state_dict()[name].size())
print("Optimizer's state_dict:")
for name in optimizer.state_dict():
    print(name, "\t", optimizer.state_dict()[name])
print(optimizer, torch.optim.Adam(net.parameters()), sep="\n")

file = io.BytesIO()
torch.save({"epoch": 5, "model": net.state_dict(), "loss": 0.4}, file)
file.seek(0)
checkpoint = torch.load(file, weights_only=True)
print(sorted(checkpoint), checkpoint["epoch"], Net().load_state_dict(checkpoint["model"]))
print(checkpoint["model"]["fc3.bias"])
try:
    nn.Linear(2, 2).load_state_dict({"weight": torch.ones(2, 3), "other": torch.ones(1)})
except RuntimeError as error:
    print(error)

block = nn.ModuleDict({"a": nn.LSTM(3, 4, num_layers=2, bidirectional=True, dropout=0.1), "b": nn.ModuleList([nn.BatchNorm2d(3), nn.Dropout(0.2), nn.GELU()])})
print(block, nn.TransformerEncoderLayer(8, 2), nn.MultiheadAttention(8, 2), nn.ConvTranspose2d(3, 4, 2, stride=2, bias=False), nn.Embedding(5, 3, padding_idx=0), sep="\n")
print(nn.Parameter(torch.ones(2)), nn.Linear(2, 1).weight, nn.Linear(2, 1).double().bias)
m = nn.BatchNorm1d(3)
m(torch.randn(8, 3))
print(m.state_dict(), m.training, m.eval().training)
print(nn.Dropout(0.5)(torch.ones(3, 4)), nn.CrossEntropyLoss()(torch.randn(3, 5), torch.tensor([1, 0, 4])))
print([n for n, _ in model.named_modules()], [type(c).__name__ for c in model.children()])
