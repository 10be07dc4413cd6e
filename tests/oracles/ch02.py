"""PyTorch's answers to chapter 2, for the tests in `tests/ch02_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch02.py

writes `ch02.safetensors` beside this file; the same bytes every time. Inputs are float32 and come from numpy's Philox
generator, seeded with the number of the case; everything else is computed by torch in float64 from them, on the CPU,
gradients by autograd. A tensor is called `KIND.CASE.NAME`, as in `additive.31x33.scores`.
"""

import numpy as np
import torch

from recorded import generator, normal, record, save

SIZES = [(1, 1, 1, 1, 1), (1, 33, 8, 5, 3), (31, 33, 16, 16, 8), (33, 31, 7, 32, 31)]


def linear(weight, bias=None):
    """`nn.Linear` in float64 with this weight, (outputs, inputs)."""
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=torch.float64)
    layer.load_state_dict({"weight": weight.double()} | ({} if bias is None else {"bias": bias.double()}))
    return layer


def additive(w_q, w_k, v, q, k):
    """The usual broadcast: one hidden layer for each pair."""
    hidden = torch.tanh(linear(w_q.T)(q)[:, None, :] + linear(w_k.T)(k)[None, :, :])
    return linear(v[None, :])(hidden)[:, :, 0]


def additive_cases():
    for seed, (n, m, d_q, d_k, a) in enumerate(SIZES):
        random = generator(seed)
        w_q, w_k, v = normal(random, d_q, a), normal(random, d_k, a), normal(random, a)
        q, k = normal(random, n, d_q), normal(random, m, d_k)
        record("additive", f"{n}x{m}", w_q=w_q, w_k=w_k, v=v, q=q, k=k, scores=additive(w_q, w_k, v, q.double(), k.double()))


def general_cases():
    """`nn.Bilinear` with one output, for every pair."""
    for seed, (n, m, d_q, d_k, _) in enumerate(SIZES, start=100):
        random = generator(seed)
        w, q, k = normal(random, d_q, d_k), normal(random, n, d_q), normal(random, m, d_k)
        bilinear = torch.nn.Bilinear(d_q, d_k, 1, bias=False, dtype=torch.float64)
        bilinear.load_state_dict({"weight": w.double()[None]})
        pairs = q.double()[:, None, :].expand(n, m, d_q), k.double()[None, :, :].expand(n, m, d_k)
        scores = bilinear(pairs[0].contiguous(), pairs[1].contiguous())[:, :, 0]
        record("general", f"{n}x{m}", w=w, q=q, k=k, scores=scores)


def concat_cases():
    for seed, (n, m, d_q, d_k, a) in enumerate(SIZES, start=200):
        random = generator(seed)
        w, v = normal(random, d_q + d_k, a), normal(random, a)
        q, k = normal(random, n, d_q), normal(random, m, d_k)
        both = torch.cat([q[:, None, :].expand(n, m, d_q), k[None, :, :].expand(n, m, d_k)], dim=2).double()
        scores = linear(v[None, :])(torch.tanh(linear(w.T)(both)))[:, :, 0]
        record("concat", f"{n}x{m}", w=w, v=v, q=q, k=k, scores=scores)


def location_cases():
    for seed, (n, m, d_q, s) in enumerate([(1, 1, 1, 1), (5, 7, 4, 12), (33, 31, 16, 127)], start=300):
        random = generator(seed)
        w, q = normal(random, d_q, s), normal(random, n, d_q)
        weights = torch.softmax(linear(w.T)(q.double())[:, :m], dim=1)
        record("location", f"{n}x{m}", w=w, q=q, weights=weights)


def local_cases():
    """Local-p: the rest hidden by −inf before the softmax, the Gaussian after it."""
    for seed, (n, m, d_q, a, half) in enumerate([(1, 1, 1, 1, 1), (6, 12, 3, 4, 3), (33, 129, 16, 8, 10)], start=400):
        random = generator(seed)
        w_p, v_p = normal(random, d_q, a), normal(random, a)
        q, scores = normal(random, n, d_q), normal(random, n, m)
        p = m * torch.sigmoid(linear(v_p[None, :])(torch.tanh(linear(w_p.T)(q.double()))))
        off = torch.arange(m, dtype=torch.float64)[None, :] - p
        align = torch.softmax(scores.double().masked_fill(off.abs() > half, -torch.inf), dim=1)
        weights = align * torch.exp(-off.square() / (2 * (half / 2) ** 2))
        record("local", f"{n}x{m}", w_p=w_p, v_p=v_p, q=q, scores=scores, half=np.int64(half), weights=weights)


def gradient_cases():
    """The gradient of the loss Σ (weights · values)² with respect to the queries, by autograd."""
    for seed, (n, m, d_q, d_k, a) in enumerate([(1, 3, 2, 2, 2), (4, 5, 3, 2, 6)], start=500):
        random = generator(seed)
        w_q, w_k, v = normal(random, d_q, a), normal(random, d_k, a), normal(random, a)
        q, k, values = normal(random, n, d_q), normal(random, m, d_k), normal(random, m, 2)
        wide = q.double().requires_grad_()
        out = torch.softmax(additive(w_q, w_k, v, wide, k.double()), dim=1) @ values.double()
        loss = out.square().sum()
        (dq,) = torch.autograd.grad(loss, wide)
        record("gradient", f"{n}x{m}", w_q=w_q, w_k=w_k, v=v, q=q, k=k, values=values, dq=dq, loss=loss.reshape(1))


additive_cases()
general_cases()
concat_cases()
location_cases()
local_cases()
gradient_cases()
save(__file__)
