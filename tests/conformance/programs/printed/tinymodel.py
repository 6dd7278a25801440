# Models, layers and training as a course shows them: parameters, convolutions, recurrence, transformers, functions, losses, a loop with reports.
import torch
import torch.nn.functional as F
from torch import nn

torch.set_printoptions(sci_mode=False)
torch.manual_seed(11)


class TinyModel(torch.nn.Module):

    def __init__(self):
        super().__init__()

        self.linear1 = torch.nn.Linear(100, 200)
        self.activation = torch.nn.ReLU()
        self.linear2 = torch.nn.Linear(200, 10)
        self.softmax = torch.nn.Softmax(dim=0)

    def forward(self, x):
        x = self.linear1(x)
        x = self.activation(x)
        x = self.linear2(x)
        x = self.softmax(x)
        return x


tinymodel = TinyModel()
print("The model:")
print(tinymodel)
print("\n\nJust one layer:")
print(tinymodel.linear2)
print("\n\nModel params:")
for param in tinymodel.parameters():
    print(param.shape, param.flatten()[:4])

lin = torch.nn.Linear(3, 2)
x = torch.rand(1, 3)
print("Input:", x, "\n\nWeight and Bias parameters:")
for param in lin.parameters():
    print(param)
y = lin(x)
print("\n\nOutput:", y)


class LeNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 5)
        self.conv2 = torch.nn.Conv2d(6, 16, 3)
        self.fc1 = torch.nn.Linear(16 * 6 * 6, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


net = LeNet()
print(net)
print("Image batch shape:", torch.rand(1, 1, 32, 32).shape, net(torch.rand(2, 1, 32, 32)).shape)


class LSTMTagger(torch.nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = torch.nn.Embedding(vocab_size, embedding_dim)
        self.lstm = torch.nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = torch.nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        return F.log_softmax(self.hidden2tag(lstm_out.view(len(sentence), -1)), dim=1)


def prepare_sequence(seq, to_ix):
    return torch.tensor([to_ix[w] for w in seq], dtype=torch.long)


training_data = [("The dog ate the apple".split(), ["DET", "NN", "V", "DET", "NN"]), ("Everybody read that book".split(), ["NN", "V", "DET", "NN"])]
word_to_ix = {}
for sent, _tags in training_data:
    for word in sent:
        word_to_ix.setdefault(word, len(word_to_ix))
print(word_to_ix)
tag_to_ix = {"DET": 0, "NN": 1, "V": 2}
model = LSTMTagger(6, 6, len(word_to_ix), len(tag_to_ix))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with torch.no_grad():
    print(model(prepare_sequence(training_data[0][0], word_to_ix)))
for _ in range(40):
    for sentence, tags in training_data:
        model.zero_grad()
        loss = nn.NLLLoss()(model(prepare_sequence(sentence, word_to_ix)), prepare_sequence(tags, tag_to_ix))
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print(model(prepare_sequence(training_data[0][0], word_to_ix)))

my_tensor = torch.rand(1, 6, 6)
print(my_tensor, torch.nn.MaxPool2d(3)(my_tensor), torch.nn.AvgPool2d(2)(my_tensor))
my_tensor = torch.rand(1, 4, 4) * 20 + 5
norm_layer = torch.nn.BatchNorm1d(4)
print(my_tensor.mean(), norm_layer(my_tensor).mean().abs() < 1e-6, norm_layer)
dropout = torch.nn.Dropout(p=0.4)
my_tensor = torch.rand(1, 4, 4)
print(dropout(my_tensor), dropout(my_tensor), sep="\n")
for layer in (nn.Transformer(8, 2, 1, 1, 16, batch_first=True), nn.Conv1d(2, 3, 3, padding="same", padding_mode="reflect"), nn.GRU(2, 3, batch_first=True), nn.LayerNorm(4), nn.GroupNorm(2, 4),
              nn.Bilinear(2, 3, 4), nn.PReLU(), nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d((1, 1)), nn.Softmax(dim=1), nn.CosineSimilarity(), nn.PixelShuffle(2),
              nn.Flatten(), nn.Unflatten(1, (2, 2)), nn.ConstantPad2d(1, 0.0), nn.ParameterList([nn.Parameter(torch.ones(2))]), nn.ModuleList([nn.ReLU(), nn.ReLU()])):
    print(layer)
input, target = torch.randn(3, 5, requires_grad=True), torch.tensor([1, 0, 4])
for loss in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1), nn.NLLLoss(), nn.MultiMarginLoss()):
    print(loss, loss(input, target))
t = torch.rand(3, 5)
for loss in (nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss(delta=0.5), nn.BCEWithLogitsLoss(), nn.KLDivLoss(reduction="batchmean"), nn.PoissonNLLLoss(), nn.SoftMarginLoss()):
    print(loss, loss(input, t))
print(F.one_hot(target), F.normalize(input[:1]), F.pairwise_distance(input[:1], t[:1]).detach(), F.leaky_relu(input[:1]), F.gelu(input[:1]), F.hardswish(input[:1]), F.glu(torch.arange(4.0)))
print(nn.utils.parameters_to_vector(nn.Linear(2, 1).parameters()), nn.utils.clip_grad_norm_([nn.Parameter(torch.ones(2))], 1.0))
w = torch.empty(3, 5)
for fill in (nn.init.xavier_uniform_, nn.init.kaiming_normal_, nn.init.trunc_normal_, nn.init.uniform_, nn.init.normal_, nn.init.eye_, nn.init.ones_):
    print(fill.__name__, fill(w))
