# Words: embeddings, an n-gram model, an LSTM tagger, padded and packed sequences, attention.
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(1)
word_to_ix = {"hello": 0, "world": 1}
embeds = nn.Embedding(2, 5)
lookup_tensor = torch.tensor([word_to_ix["hello"]], dtype=torch.long)
print(embeds(lookup_tensor))

CONTEXT_SIZE, EMBEDDING_DIM = 2, 10
text = """When forty winters shall besiege thy brow,
And dig deep trenches in thy beauty's field,
Thy youth's proud livery so gazed on now,
Will be a totter'd weed of small worth held:""".split()
ngrams = [([text[i - j - 1] for j in range(CONTEXT_SIZE)], text[i]) for i in range(CONTEXT_SIZE, len(text))]
print(ngrams[:3])
ix = {word: i for i, word in enumerate(sorted(set(text)))}


class NGramLanguageModeler(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 128)
        self.linear2 = nn.Linear(128, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        out = F.relu(self.linear1(embeds))
        return F.log_softmax(self.linear2(out), dim=1)


losses = []
loss_function = nn.NLLLoss()
model = NGramLanguageModeler(len(ix), EMBEDDING_DIM, CONTEXT_SIZE)
optimizer = optim.SGD(model.parameters(), lr=0.001)
for _epoch in range(5):
    total_loss = 0
    for context, target in ngrams:
        model.zero_grad()
        log_probs = model(torch.tensor([ix[w] for w in context], dtype=torch.long))
        loss = loss_function(log_probs, torch.tensor([ix[target]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    losses.append(round(total_loss, 3))
print(losses)
print(model.embeddings.weight[ix["winters"]])

lstm = nn.LSTM(3, 3)
inputs = [torch.randn(1, 3) for _ in range(5)]
hidden = (torch.randn(1, 1, 3), torch.randn(1, 1, 3))
for i in inputs:
    out, hidden = lstm(i.view(1, 1, -1), hidden)
inputs = torch.cat(inputs).view(len(inputs), 1, -1)
hidden = (torch.randn(1, 1, 3), torch.randn(1, 1, 3))
out, hidden = lstm(inputs, hidden)
print(out.detach(), [h.detach() for h in hidden])

seqs = [torch.arange(1.0, n + 1).unsqueeze(1) for n in (4, 2, 3)]
padded = pad_sequence(seqs, batch_first=True)
print(padded.squeeze(2))
packed = pack_padded_sequence(padded, torch.tensor([4, 2, 3]), batch_first=True, enforce_sorted=False)
print(packed)
out, h = nn.GRU(1, 2, batch_first=True)(packed)
print(pad_packed_sequence(out, batch_first=True), h)

q = torch.randn(1, 2, 3, 4)
print(F.scaled_dot_product_attention(q, q, q, is_causal=True))
attention = nn.MultiheadAttention(8, 2, batch_first=True)
x = torch.randn(1, 3, 8)
print(*attention(x, x, x), sep="\n")
print(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)(x))
print(F.gumbel_softmax(torch.zeros(2, 3)), F.one_hot(torch.tensor([0, 2]), 3), F.cosine_similarity(x[0, 0], x[0, 1], dim=0))
