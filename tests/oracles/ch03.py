"""PyTorch's answers to chapter 3, for the tests in `tests/ch03_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch03.py

writes `ch03.safetensors` beside this file; the same bytes every time. Inputs are float32 and come from numpy's Philox
generator, seeded with the number of the case; everything else is computed by torch in float64 from them, on the CPU,
gradients by autograd. A tensor is called `KIND.CASE.NAME`, as in `attention.prefix 31x33.out`.

Torch gives NaN for a row that may attend to nothing; the course defines such a row as zeros, with log-sum-exp −∞ and
no gradient. Here its scores are set to 0 before the softmax and its weights to 0 after it, which autograd follows.
"""

import math

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from recorded import generator, normal, record, save

# Masks, written out here once more: True where query i may attend to key j.


def everything(n, m):
    return np.ones((n, m), dtype=bool)


def bottom_right(n, m):
    i, j = np.arange(n)[:, None], np.arange(m)[None, :]
    return j <= m - n + i


def top_left(n, m):
    i, j = np.arange(n)[:, None], np.arange(m)[None, :]
    return j <= i


def prefix(n, m, p):
    return bottom_right(n, m) | (np.arange(m)[None, :] < p)


def padding(n, m, keys):
    return np.broadcast_to(keys, (n, m))


def dense(n, m, random):
    table = random.random((n, m)) < 0.6
    table[n // 2] = False  # a row that may attend to nothing
    return table


def softmax(scores, empty):
    """The weights and the log-sum-exp of masked scores; `empty` (n×1) marks rows without a finite score."""
    safe = scores.masked_fill(empty, 0.0)
    weights = torch.softmax(safe, dim=1).masked_fill(empty, 0.0)
    lse = torch.logsumexp(safe, dim=1).masked_fill(empty[:, 0], -math.inf)
    return weights, lse


def attention(q, k, v, table):
    allowed = torch.from_numpy(np.array(table))
    scores = q @ k.T / math.sqrt(q.shape[1])
    scores = scores.masked_fill(~allowed, -math.inf)
    weights, lse = softmax(scores, ~allowed.any(dim=1, keepdim=True))
    return weights @ v, lse


def softmax_cases():
    def case(name, x):
        wide = x.double()
        empty = torch.isneginf(wide).all(dim=1, keepdim=True)
        record("softmax", name, x=x, weights=softmax(wide, empty)[0])

    for seed, (n, m) in enumerate([(1, 1), (1, 31), (31, 33), (33, 31), (127, 129), (129, 1)]):
        case(f"normal {n}x{m}", normal(generator(seed), n, m))
    case("scores of 1e4", normal(generator(10), 31, 33) * 1e4)
    case("rows 1e4 apart", normal(generator(11), 3, 33) + torch.tensor([[-1e4], [0.0], [1e4]]))
    scattered = normal(generator(12), 33, 31)
    scattered[scattered > 0.8] = -math.inf
    scattered[7] = -math.inf
    case("some -inf, row 7 all", scattered)


def attention_case(seed, name, n, m, d, d_v, table, factor=1.0, gradients=True, **parameters):
    """`parameters` tell the tests which mask is meant: prefix_keys, padding_keys, dense."""
    random = generator(seed)
    q, k, v, d_out = (normal(random, *s) for s in [(n, d), (m, d), (m, d_v), (n, d_v)])
    q, k = q * factor, k * factor
    wide = [x.double().requires_grad_() for x in (q, k, v)]
    out, lse = attention(*wide, table)
    case = f"{name} {n}x{m}"
    record("attention", case, q=q, k=k, v=v, table=np.array(table), out=out, lse=lse, **parameters)
    if gradients:
        dq, dk, dv = torch.autograd.grad(out, wide, d_out.double())
        record("attention", case, d_out=d_out, dq=dq, dk=dk, dv=dv)

    # Where every row may attend to something, torch's own function has to say the same.
    if np.array(table).any(axis=1).all():
        own = scaled_dot_product_attention(*wide, attn_mask=torch.from_numpy(np.array(table)))
        assert torch.allclose(own, out, rtol=1e-12, atol=1e-12), case


def attention_cases():
    sizes = [(1, 1), (1, 129), (129, 1), (31, 33), (33, 31), (127, 129), (129, 127)]
    for seed, (n, m) in enumerate(sizes, start=100):
        attention_case(seed, "none", n, m, 8, 5, everything(n, m))
        attention_case(seed + 100, "causal", n, m, 8, 5, bottom_right(n, m))
    for seed, (n, m) in enumerate([(31, 33), (33, 31)], start=300):
        random = generator(seed)
        keys = random.random(m) < 0.7
        keys[0] = False  # under the causal mask a row can become empty
        table = dense(n, m, random)
        attention_case(seed, "prefix", n, m, 16, 7, prefix(n, m, 5), prefix_keys=np.int64(5))
        attention_case(seed + 10, "padding", n, m, 16, 7, padding(n, m, keys), padding_keys=keys)
        attention_case(seed + 20, "dense", n, m, 16, 7, table, dense=table)
        attention_case(
            seed + 30, "combined", n, m, 16, 7, bottom_right(n, m) & keys & table, padding_keys=keys, dense=table
        )
    attention_case(400, "logits of 1e4", 31, 33, 16, 7, everything(31, 33), factor=100.0, gradients=False)
    attention_case(401, "wide", 33, 31, 64, 64, bottom_right(33, 31))


def is_causal_cases():
    """What `is_causal=True` does where n ≠ m."""
    for seed, (n, m) in enumerate([(2, 5), (5, 2), (31, 33), (33, 31)], start=500):
        random = generator(seed)
        q, k, v = normal(random, n, 4), normal(random, m, 4), normal(random, m, 3)
        wide = [x.double() for x in (q, k, v)]
        out = scaled_dot_product_attention(*wide, is_causal=True)
        assert torch.allclose(out, attention(*wide, top_left(n, m))[0], rtol=1e-12, atol=1e-12)
        record("is_causal", f"{n}x{m}", q=q, k=k, v=v, out=out)


softmax_cases()
attention_cases()
is_causal_cases()
save(__file__)
