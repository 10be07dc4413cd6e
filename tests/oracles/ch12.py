"""PyTorch's answers to chapter 12, for the tests in `tests/ch12_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch12.py

writes `ch12.safetensors` beside this file; the same bytes every time. Inputs are float64, as in the chapter's exercises, and
come from numpy's Philox generator, seeded with the number of the case; everything else is computed by torch in float64 from
them, on the CPU. A tensor is called `KIND.CASE.NAME`.

Patterns go through `scaled_dot_product_attention` with a mask, and through FlexAttention with the pattern as a function of two
positions; the two have to agree. Sparse attention by content is written as the papers' equations are.
"""

import numpy as np
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from recorded import generator, record, save


class Source:
    def __init__(self, seed):
        self.random = generator(seed)

    def normal(self, *shape):
        return torch.from_numpy(self.random.standard_normal(shape))

    def three(self, n, d, d_v):
        return self.normal(n, d), self.normal(n, d), self.normal(n, d_v)


def attention(q, k, v, seen):
    """Rows that see nothing are zeros."""
    out = scaled_dot_product_attention(q[None, None], k[None, None], v[None, None], attn_mask=seen[None, None])[0, 0]
    return torch.where(seen.any(1, keepdim=True), out, 0.0)


def pattern(seed, name, n, d, window, dilation, global_tokens, drawn, causal):
    source = Source(seed)
    q, k, v = source.three(n, d, d)
    random = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        random[i, source.random.permutation(n)[:drawn]] = True
    is_global = torch.zeros(n, dtype=torch.bool)
    is_global[list(global_tokens)] = True

    def sees(_batch, _head, i, j):
        away = i - j
        near = (away % dilation == 0) & (away.abs() // dilation <= (window - 1 if causal else window // 2))
        seen = near | is_global[i] | is_global[j] | random[i, j]
        return seen & (j <= i) if causal else seen

    i, j = torch.arange(n)[:, None], torch.arange(n)[None, :]
    seen = sees(0, 0, i, j)
    out = attention(q, k, v, seen)
    mask = create_block_mask(sees, None, None, n, n, device="cpu", BLOCK_SIZE=16)
    flexible = flex_attention(q[None, None], k[None, None], v[None, None], block_mask=mask)[0, 0]
    apart = (out - flexible).abs().max().item()
    if apart > 1e-12:
        raise SystemExit(f"{name}: FlexAttention gives something else, by {apart:.1e}")
    print(f"{name}: within {apart:.1e} of FlexAttention")
    record("pattern", name, q=q, k=k, v=v, window=np.int64(window), dilation=np.int64(dilation),
           globals=is_global, random=random, causal=np.int64(causal), seen=seen, out=out)


def nsa(seed, name, n, d, length, stride, block, count, window):
    """Eqs 5 to 12 of NSA, with the mean in the place of its learned function."""
    source = Source(seed)
    q, k, v = source.three(n, d, d)
    gates = torch.sigmoid(source.normal(n, 3))
    starts = range(0, n - length + 1, stride)
    keys = torch.stack([k[s : s + length].mean(0) for s in starts])
    values = torch.stack([v[s : s + length].mean(0) for s in starts])
    t = torch.arange(n)[:, None]
    ended = torch.tensor([s + length - 1 for s in starts])[None, :] <= t
    scores = (q @ keys.T / d**0.5).masked_fill(~ended, -torch.inf)
    weights = torch.where(ended.any(1, keepdim=True), scores.softmax(1), 0.0)
    compressed = weights @ values
    # How many pieces of `stride` tokens each span and each block share.
    blocks = -(-n // block)
    shared = torch.zeros(len(starts), blocks, dtype=torch.float64)
    for b, s in enumerate(starts):
        for token in range(s, s + length):
            shared[b, token // block] += 1 / stride
    importance = weights @ shared
    seen = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        own = i // block
        rank = importance[i, : own + 1].clone()
        rank[[0, max(own - 1, 0), own]] = torch.inf
        for b in rank.topk(min(count, own + 1)).indices.tolist():
            seen[i, b * block : (b + 1) * block] = True
    past = torch.arange(n)[None, :] <= t
    selected = attention(q, k, v, seen & past)
    near = attention(q, k, v, past & (torch.arange(n)[None, :] > t - window))
    out = gates[:, :1] * compressed + gates[:, 1:2] * selected + gates[:, 2:] * near
    sizes = {name: np.int64(size) for name, size in
             [("length", length), ("stride", stride), ("block", block), ("count", count), ("window", window)]}
    record("nsa", name, q=q, k=k, v=v, gates=gates, weights=weights, compressed=compressed, importance=importance,
           out=out, **sizes)


def dsa(seed, name, n, d, heads, d_index, keep):
    """Eqs 1 and 2 of DeepSeek-V3.2, in one head of plain attention."""
    source = Source(seed)
    q, k, v = source.three(n, d, d)
    index_q, index_k, w = source.normal(heads, n, d_index), source.normal(n, d_index), source.normal(n, heads)
    scores = torch.einsum("th,hts->ts", w, torch.relu(index_q @ index_k.T))
    past = torch.ones(n, n, dtype=torch.bool).tril()
    scores = scores.masked_fill(~past, -torch.inf)
    seen = torch.zeros(n, n, dtype=torch.bool)
    for t in range(n):
        # Where all heads are cut off the score is 0, so there are equal ones: the earlier key is taken.
        best = scores[t].sort(descending=True, stable=True).indices[: min(keep, t + 1)]
        seen[t, best] = True
    record("dsa", name, q=q, k=k, v=v, index_q=index_q, index_k=index_k, w=w, keep=np.int64(keep),
           scores=torch.where(past, scores, 0.0), out=attention(q, k, v, seen))


def moba(seed, name, n, d, block, count):
    """Eqs 2 to 6 of MoBA, and its two rules for a causal model."""
    source = Source(seed)
    q, k, _ = source.three(n, d, d)
    means = torch.stack([part.mean(0) for part in k.split(block)])
    gates = q @ means.T
    own = torch.arange(n) // block
    blocks = torch.arange(len(means))
    gates = gates.masked_fill(blocks[None, :] > own[:, None], -torch.inf)
    gates = gates.masked_fill(blocks[None, :] == own[:, None], torch.inf)
    best = gates.topk(min(count, len(means)), dim=1)
    chosen = torch.zeros_like(gates, dtype=torch.bool).scatter(1, best.indices, best.values > -torch.inf)
    record("moba", name, q=q, k=k, block=np.int64(block), count=np.int64(count), chosen=chosen)


def turned(x, positions):
    """RoPE, interleaved: a pair of numbers is a complex one."""
    d = x.shape[1]
    angles = positions[:, None].double() * 10_000.0 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    pairs = torch.view_as_complex(x.reshape(-1, d // 2, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).reshape(-1, d)


def stream(seed, name, n, d, sinks, window):
    """At every token a short text of the tokens that are kept."""
    source = Source(seed)
    q, k, v = source.three(n, d, d)
    rows = []
    for t in range(n):
        kept = torch.tensor([j for j in range(t + 1) if j < sinks or j > t - window])
        places = torch.arange(len(kept))
        seen = torch.ones(1, len(kept), dtype=torch.bool)
        rows.append(attention(turned(q[t : t + 1], places[-1:]), turned(k[kept], places), v[kept], seen)[0])
    record("stream", name, q=q, k=k, v=v, sinks=np.int64(sinks), window=np.int64(window), out=torch.stack(rows))


pattern(1, "window", 33, 8, 5, 1, [], 0, True)
pattern(2, "dilated", 40, 8, 4, 3, [], 0, True)
pattern(3, "longformer", 40, 8, 7, 1, [0, 11], 0, False)
pattern(4, "big bird", 48, 16, 3, 1, [0], 3, False)
pattern(5, "causal big bird", 48, 16, 4, 2, [0, 20], 3, True)
nsa(11, "spans side by side", 40, 8, 4, 4, 4, 3, 6)
nsa(12, "spans that overlap", 64, 8, 4, 2, 8, 4, 8)
nsa(13, "a last block that is not full", 45, 16, 8, 4, 8, 3, 5)
dsa(21, "one head", 20, 8, 1, 4, 4)
dsa(22, "four heads", 48, 16, 4, 8, 9)
moba(31, "full blocks", 48, 8, 8, 3)
moba(32, "a last block that is not full", 45, 8, 6, 2)
stream(41, "no sinks", 24, 8, 0, 6)
stream(42, "four sinks", 40, 8, 4, 8)
save(__file__)
