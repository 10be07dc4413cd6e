"""PyTorch's answers to chapter 5, for the tests in `tests/ch05_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch05.py

writes `ch05.safetensors` beside this file; the same bytes every time. Inputs and weights are float32 and come from
numpy's Philox generator, seeded with the number of the case; everything else is computed by torch in float64 from
them, on the CPU. A tensor is called `KIND.CASE.NAME`. Weights are written as the course has them, (inputs, outputs).

Torch knows nothing of caches: it computes every text whole, and the tests cut it.
"""

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from recorded import generator, normal, record, save

torch.set_grad_enabled(False)

BASE = 100.0


def matrix(random, rows, columns):
    return normal(random, rows, columns) / np.float32(rows**0.5)


def angles(n, d):
    frequencies = BASE ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    return torch.outer(torch.arange(n, dtype=torch.float64), frequencies)  # n×d/2


def interleaved(x):
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    turn = angles(x.shape[-2], x.shape[-1])
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(turn), turn)).flatten(-2)


def half(x):
    turn = angles(x.shape[-2], x.shape[-1])
    turn = torch.cat([turn, turn], dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * turn.cos() + torch.cat([-second, first], dim=-1) * turn.sin()


def weights_of(random, h, d, d_model, d_memory):
    return {
        "w_q": matrix(random, d_model, h * d),
        "w_k": matrix(random, d_memory, h * d),
        "w_v": matrix(random, d_memory, h * d),
        "w_o": matrix(random, h * d, d_model),
    }


def heads(rows, weight, h):
    return (rows.double() @ weight.double()).unflatten(1, (h, -1)).transpose(0, 1)  # (h, n, d)


def merged(found, weights):
    return found.transpose(0, 1).flatten(1) @ weights["w_o"].double()


def layer_cases():
    """A causal layer with rotary positions, over a whole text."""
    sizes = [(1, 1, 2, 3), (7, 2, 4, 8), (33, 3, 8, 5), (65, 4, 16, 64)]
    for seed, (t, h, d, d_model) in enumerate(sizes):
        for layout, turn in {"interleaved": interleaved, "half": half}.items():
            random = generator(seed)
            weights, x = weights_of(random, h, d, d_model, d_model), normal(random, t, d_model)
            q, k, v = (heads(x, weights[name], h) for name in ("w_q", "w_k", "w_v"))
            out = merged(scaled_dot_product_attention(turn(q), turn(k), v, is_causal=True), weights)
            record("layer", f"{layout} {t}", x=x, h=np.int64(h), base=np.float32(BASE), out=out, **weights)


def window_cases():
    """Each token sees itself and the w - 1 before it."""
    sizes = [(1, 1, 1, 1, 1), (9, 4, 2, 3, 5), (40, 7, 1, 8, 8), (33, 64, 2, 4, 2), (130, 31, 2, 16, 16)]
    for seed, (t, w, h, d, d_v) in enumerate(sizes, start=100):
        random = generator(seed)
        q, k, v = normal(random, h, t, d), normal(random, h, t, d), normal(random, h, t, d_v)
        i, j = torch.arange(t)[:, None], torch.arange(t)[None, :]
        mask = (j <= i) & (j > i - w)
        out = scaled_dot_product_attention(q.double(), k.double(), v.double(), attn_mask=mask)
        record("window", f"{t} tokens, window {w}", q=q, k=k, v=v, window=np.int64(w), out=out)


def cross_cases():
    """A text that looks at a memory of other width and length."""
    for seed, (n, m, h, d, d_model, d_memory) in enumerate(
        [(1, 1, 1, 1, 1, 1), (5, 7, 2, 4, 6, 3), (31, 33, 4, 8, 16, 20)], start=200
    ):
        random = generator(seed)
        weights = weights_of(random, h, d, d_model, d_memory)
        x, memory = normal(random, n, d_model), normal(random, m, d_memory)
        q = heads(x, weights["w_q"], h)
        k, v = heads(memory, weights["w_k"], h), heads(memory, weights["w_v"], h)
        out = merged(scaled_dot_product_attention(q, k, v), weights)
        record("cross", f"{n}x{m}", x=x, memory=memory, h=np.int64(h), out=out, **weights)


layer_cases()
window_cases()
cross_cases()
save(__file__)
