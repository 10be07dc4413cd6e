"""PyTorch's answers to chapter 8, for the tests in `tests/ch08_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch08.py

writes `ch08.safetensors` beside this file; the same bytes every time. Inputs are float32 and come from numpy's Philox
generator, seeded with the number of the case; everything else is computed by torch in float64 from them, on the CPU,
gradients by autograd. A tensor is called `KIND.CASE.NAME`, as in `heads.causal 31x33.out`.

Causal is aligned bottom-right, as in the course. A row that may attend to nothing is zeros, with log-sum-exp −∞ and no
gradient: its scores are set to 0 before the softmax and its weights to 0 after it, which autograd follows.
"""

import math

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from recorded import generator, normal, record, save


def allowed(n, m, causal):
    i, j = np.arange(n)[:, None], np.arange(m)[None, :]
    return torch.from_numpy(j <= m - n + i if causal else np.ones((n, m), dtype=bool))


def attention(q, k, v, table):
    """All heads, keys and values repeated for their groups."""
    group = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(group, dim=0), v.repeat_interleave(group, dim=0)
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[2])
    scores = scores.masked_fill(~table, -math.inf)
    empty = ~table.any(dim=1, keepdim=True)
    safe = scores.masked_fill(empty, 0.0)
    weights = torch.softmax(safe, dim=2).masked_fill(empty, 0.0)
    lse = torch.logsumexp(safe, dim=2).masked_fill(empty[:, 0], -math.inf)
    return weights @ v, lse


def heads_case(seed, name, h, h_kv, n, m, d, d_v, causal, factor=1.0):
    random = generator(seed)
    q, k = normal(random, h, n, d) * factor, normal(random, h_kv, m, d) * factor
    v, d_out = normal(random, h_kv, m, d_v), normal(random, h, n, d_v)
    wide = [x.double().requires_grad_() for x in (q, k, v)]
    table = allowed(n, m, causal)
    out, lse = attention(*wide, table)
    dq, dk, dv = torch.autograd.grad(out, wide, d_out.double())
    case = f"{name} {n}x{m}"
    record("heads", case, q=q, k=k, v=v, d_out=d_out, causal=np.int64(causal))
    record("heads", case, out=out, lse=lse, dq=dq, dk=dk, dv=dv)

    # Where every row may attend to something, torch's own function has to say the same.
    if table.any(dim=1).all():
        own = scaled_dot_product_attention(*(x[None] for x in wide), attn_mask=table, enable_gqa=True)
        assert torch.allclose(own[0], out, rtol=1e-12, atol=1e-12), case


def varlen_case(seed, name, queries, keys, d, d_v, causal):
    random = generator(seed)
    q, k, v = normal(random, sum(queries), d), normal(random, sum(keys), d), normal(random, sum(keys), d_v)
    q_starts, k_starts = np.cumsum([0] + queries), np.cumsum([0] + keys)
    outs, lses = [], []
    for a, b, c, e in zip(q_starts, q_starts[1:], k_starts, k_starts[1:]):
        parts = (x[None].double() for x in (q[a:b], k[c:e], v[c:e]))
        out, lse = attention(*parts, allowed(b - a, e - c, causal))
        outs.append(out[0])
        lses.append(lse[0])
    starts = {"q_starts": q_starts.astype(np.float32), "k_starts": k_starts.astype(np.float32)}
    record("varlen", name, q=q, k=k, v=v, **starts, causal=np.int64(causal))
    record("varlen", name, out=torch.cat(outs), lse=torch.cat(lses))


for seed, (n, m) in enumerate([(1, 1), (1, 129), (129, 1), (31, 33), (33, 31), (127, 129), (129, 127)], start=100):
    heads_case(seed, "full", 2, 1, n, m, 8, 5, False)
    heads_case(seed + 100, "causal", 2, 1, n, m, 8, 5, True)
heads_case(300, "groups", 6, 2, 31, 33, 16, 8, True)
heads_case(301, "own keys", 3, 3, 33, 31, 16, 8, True)
heads_case(302, "wide", 1, 1, 65, 70, 64, 64, True)
heads_case(303, "scores of some tens", 1, 1, 33, 31, 16, 8, True, factor=4.0)
varlen_case(400, "same lengths", [2, 3, 31], [2, 3, 31], 8, 5, True)
varlen_case(401, "new tokens for caches", [1, 1, 1], [4, 33, 7], 8, 5, True)
varlen_case(402, "full", [5, 1, 33], [3, 31, 2], 8, 5, False)
save(__file__)
