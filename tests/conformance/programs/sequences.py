"""Programs that read and write: words, letters, signals, lines of digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from program import program
from worlds import ALICE, words
from worlds import digits as real_digits


@program(at_most=12.0, rtol=2e-3)
def word_language_model(torch: Any) -> tuple[list[float], float]:
    """An LSTM with tied weights that learns a page by heart: truncated backpropagation, clipped gradients, SGD; its perplexity."""
    nn = torch.nn

    class RNNModel(nn.Module):
        def __init__(self, ntoken, nhid, nlayers):
            super().__init__()
            self.encoder = nn.Embedding(ntoken, nhid)
            self.rnn = nn.LSTM(nhid, nhid, nlayers)
            self.decoder = nn.Linear(nhid, ntoken)
            self.decoder.weight = self.encoder.weight
            nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
            nn.init.zeros_(self.decoder.bias)

        def forward(self, input, hidden):
            output, hidden = self.rnn(self.encoder(input), hidden)
            return self.decoder(output).view(-1, self.decoder.out_features), hidden

        def init_hidden(self, bsz):
            weight = next(self.parameters())
            return weight.new_zeros(self.rnn.num_layers, bsz, self.rnn.hidden_size), weight.new_zeros(self.rnn.num_layers, bsz, self.rnn.hidden_size)

    def repackage_hidden(h):
        return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)

    torch.manual_seed(1)
    vocabulary, text = words()
    bsz, bptt = 6, 12
    ids = torch.tensor(text, dtype=torch.long)
    nbatch = ids.size(0) // bsz
    batches = ids.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()
    model = RNNModel(len(vocabulary), 64, 2)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        hidden = model.init_hidden(bsz)
        for i in range(0, batches.size(0) - 1, bptt):
            n = min(bptt, len(batches) - 1 - i)
            model.zero_grad()
            hidden = repackage_hidden(hidden)
            output, hidden = model(batches[i:i + n], hidden)
            loss = criterion(output, batches[i + 1:i + 1 + n].view(-1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            losses.append(loss.item())
    return losses, math.exp(sum(losses[-5:]) / 5)


@program(at_most=2.0)
def gpt(torch: Any) -> tuple[list[float], float]:
    """A small GPT that reads letters: causal attention, AdamW with two groups, a cosine with warm-up; then it writes."""
    nn, F = torch.nn, torch.nn.functional
    chars = sorted(set(ALICE))
    d, heads, block = 48, 4, 32

    class CausalSelfAttention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.register_buffer("bias", torch.tril(torch.ones(block, block)).view(1, 1, block, block))

        def forward(self, x):
            B, T, C = x.size()
            q, k, v = self.c_attn(x).split(d, dim=2)
            k = k.view(B, T, heads, C // heads).transpose(1, 2)
            q = q.view(B, T, heads, C // heads).transpose(1, 2)
            v = v.view(B, T, heads, C // heads).transpose(1, 2)
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = F.softmax(att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf")), dim=-1)
            return self.c_proj((att @ v).transpose(1, 2).contiguous().view(B, T, C))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(d), CausalSelfAttention(), nn.LayerNorm(d)
            self.mlp = nn.ModuleDict({"c_fc": nn.Linear(d, 4 * d), "act": nn.GELU(approximate="tanh"), "c_proj": nn.Linear(4 * d, d)})

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp.c_proj(self.mlp.act(self.mlp.c_fc(self.ln_2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(len(chars), d), nn.Embedding(block, d)
            self.h = nn.ModuleList([Block() for _ in range(2)])
            self.ln_f, self.lm_head = nn.LayerNorm(d), nn.Linear(d, len(chars), bias=False)
            self.apply(self._init_weights)

        def _init_weights(self, module):
            if isinstance(module, (nn.Linear, nn.Embedding)):
                torch.nn.init.normal_(module.weight, mean=0.0, std=0.05)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    torch.nn.init.zeros_(module.bias)

        def forward(self, idx, targets=None):
            pos = torch.arange(0, idx.size(1), dtype=torch.long).unsqueeze(0)
            x = self.wte(idx) + self.wpe(pos)
            for layer in self.h:
                x = layer(x)
            logits = self.lm_head(self.ln_f(x))
            return logits, None if targets is None else F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)

        @torch.no_grad()
        def generate(self, idx, n):
            for _ in range(n):
                logits, _ = self(idx[:, -block:])
                logits = logits[:, -1, :] / 0.5
                v, _ = torch.topk(logits, 5)
                logits[logits < v[:, [-1]]] = -float("Inf")
                idx = torch.cat((idx, torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)), dim=1)
            return idx

    torch.manual_seed(7)
    text = torch.tensor([chars.index(c) for c in ALICE])
    model = GPT()
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=5e-3, betas=(0.9, 0.95))
    steps = 110
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1.0, (i + 1) / 10) * 0.5 * (1 + math.cos(math.pi * i / steps)))
    losses = []
    for _ in range(steps):
        at = torch.randint(len(text) - block, (12,))
        x = torch.stack([text[i:i + block] for i in at])
        y = torch.stack([text[i + 1:i + 1 + block] for i in at])
        _, loss = model(x, y)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    model.eval()
    written = "".join(chars[i] for i in model.generate(text[:8].unsqueeze(0), 40)[0].tolist())
    assert written.startswith(ALICE[:8])
    assert len(written) == 48
    return losses, sum(losses[-10:]) / 10


@program(at_most=0.02, rtol=2e-2, score_rtol=0.5)
def time_series(torch: Any) -> tuple[list[float], float]:
    """Two LSTM cells in double precision, trained on sines by L-BFGS, go on by themselves; the error of what they foretell."""
    nn = torch.nn

    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm1, self.lstm2, self.linear = nn.LSTMCell(1, 20), nn.LSTMCell(20, 20), nn.Linear(20, 1)

        def forward(self, input, future=0):
            outputs = []
            h_t, c_t, h_t2, c_t2 = (torch.zeros(input.size(0), 20, dtype=torch.double) for _ in range(4))
            for input_t in input.split(1, dim=1):
                h_t, c_t = self.lstm1(input_t, (h_t, c_t))
                h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
                output = self.linear(h_t2)
                outputs += [output]
            for _ in range(future):
                h_t, c_t = self.lstm1(output, (h_t, c_t))
                h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
                output = self.linear(h_t2)
                outputs += [output]
            return torch.cat(outputs, dim=1)

    np.random.seed(2)
    x = np.arange(40)[None] + np.random.randint(-20, 20, (16, 1))
    data = torch.from_numpy(np.sin(x / 5.0))
    torch.manual_seed(0)
    seq = Sequence()
    seq.double()
    criterion = nn.MSELoss()
    optimizer = torch.optim.LBFGS(seq.parameters(), lr=0.8, max_iter=15)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = criterion(seq(data[3:, :-1]), data[3:, 1:])
        losses.append(loss.item())
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
    with torch.no_grad():
        foretold = seq(data[:3, :30], future=9)[:, -9:]
        return losses, criterion(foretold[:, :4], data[:3, 31:35]).item()


@program(at_least=0.75, rtol=5e-3, score_rtol=0.1, alike=120)
def ctc(torch: Any) -> tuple[list[float], float]:
    """Lines of three digits are read column by column without being told where each stands: a bidirectional GRU and CTC."""
    nn, F = torch.nn, torch.nn.functional
    images, labels = real_digits()
    rng = np.random.default_rng(8)

    def lines(n, low, high):
        which = rng.integers(low, high, (n, 3))
        return torch.from_numpy(np.concatenate([images[which[:, i], 0] for i in range(3)], 2).transpose(2, 0, 1).copy()), torch.from_numpy(labels[which] + 1)

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.see = nn.Conv1d(8, 48, 5, padding=2)
            self.gru = nn.GRU(48, 40, bidirectional=True)
            self.head = nn.Linear(80, 11)

        def forward(self, x):
            seen = F.relu(self.see(x.permute(1, 2, 0))).permute(2, 0, 1)
            return F.log_softmax(self.head(self.gru(seen)[0]), dim=2)

    torch.manual_seed(9)
    model, criterion = Reader(), nn.CTCLoss(blank=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(220):
        x, y = lines(32, 0, 1400)
        loss = criterion(model(x), y, torch.full((32,), 24), torch.full((32,), 3))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
    x, y = lines(200, 1400, 1797)
    with torch.no_grad():
        best = model(x).argmax(2).t()
    read = [[int(v) for v in torch.unique_consecutive(row) if v != 0] for row in best]
    return losses, float(np.mean([a == b for a, b in zip(read, y.tolist())]))


@program(at_least=0.9, rtol=0.15)
def translation(torch: Any) -> tuple[list[float], float]:
    """An encoder and decoder of nn.Transformer learns to turn words around: masks, padding, teacher forcing; letters that are right."""
    nn = torch.nn
    vocabulary, n, d = 12, 6, 32                           # 0 pads, 1 begins

    class Seq2Seq(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.place = nn.Embedding(vocabulary, d, padding_idx=0), nn.Embedding(n + 1, d)
            self.transformer = nn.Transformer(d, 4, 1, 1, 64, dropout=0.0, batch_first=True)
            self.generator = nn.Linear(d, vocabulary)

        def look(self, ids):
            return self.embed(ids) * math.sqrt(d) + self.place(torch.arange(ids.shape[1]))

        def forward(self, src, tgt):
            mask = self.transformer.generate_square_subsequent_mask(tgt.shape[1])
            out = self.transformer(self.look(src), self.look(tgt), tgt_mask=mask, src_key_padding_mask=(src == 0), memory_key_padding_mask=(src == 0),
                                   tgt_is_causal=True)
            return self.generator(out)

    rng = np.random.default_rng(10)

    def batch(size):
        src, tgt = np.zeros((size, n), np.int64), np.zeros((size, n + 1), np.int64)
        for i in range(size):
            word = rng.integers(2, vocabulary, rng.integers(3, n + 1))
            src[i, :len(word)], tgt[i, 0], tgt[i, 1:len(word) + 1] = word, 1, word[::-1]
        return torch.from_numpy(src), torch.from_numpy(tgt)

    torch.manual_seed(11)
    model = Seq2Seq()
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    criterion = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=200)
    losses = []
    for _ in range(200):
        src, tgt = batch(48)
        loss = criterion(model(src, tgt[:, :-1]).reshape(-1, vocabulary), tgt[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    src, tgt = batch(100)
    made = tgt[:, :1]
    with torch.no_grad():
        for _ in range(n):
            made = torch.cat([made, model(src, made)[:, -1:].argmax(-1)], 1)
    real = tgt[:, 1:] != 0
    return losses, (made[:, 1:] == tgt[:, 1:])[real].float().mean().item()
