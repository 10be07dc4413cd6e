"""PyTorch's answers to chapter 6, for the tests in `tests/ch06_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch06.py

writes `ch06.safetensors` beside this file; the same bytes every time. Inputs are float32 and come from numpy's Philox
generator, seeded with the number of the case; everything else is computed by torch in float64 from them, on the CPU:
the output by `scaled_dot_product_attention` with `enable_gqa`, the gradients by autograd. A tensor is called
`grouped.CASE.NAME`. Where n differs from m, torch's own causal mask is top-left, so the course's is given as an array.
"""

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from recorded import generator, record, save


def case(seed, name, h, h_kv, n, m, d, d_v):
    random = generator(seed)

    def normal(*shape):
        return random.standard_normal(shape, dtype=np.float32)

    arrays = {"q": normal(h, n, d), "k": normal(h_kv, m, d), "v": normal(h_kv, m, d_v), "d_out": normal(h, n, d_v)}
    q, k, v, d_out = (torch.from_numpy(x).double() for x in arrays.values())
    for x in (q, k, v):
        x.requires_grad_()
    mask = None
    if name == "causal":
        mask = torch.arange(m)[None, :] <= m - n + torch.arange(n)[:, None]
    # torch wants a batch: without it, it takes the first of three axes for the batch, and finds no heads to share.
    out = scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask, enable_gqa=True)[0]
    (out * d_out).sum().backward()
    arrays |= {"out": out.detach().numpy(), "dq": q.grad.numpy(), "dk": k.grad.numpy(), "dv": v.grad.numpy()}
    record("grouped", f"{name} {h} on {h_kv} {n}x{m}", **arrays)


case(0, "none", 1, 1, 1, 1, 1, 1)
case(1, "none", 4, 2, 5, 7, 3, 6)
case(2, "none", 6, 3, 1, 33, 8, 8)
case(3, "none", 8, 1, 1, 129, 16, 16)
case(4, "causal", 8, 2, 31, 31, 8, 8)
case(5, "causal", 9, 3, 17, 33, 8, 4)
case(6, "causal", 5, 1, 7, 9, 2, 2)
case(7, "causal", 4, 4, 16, 16, 8, 8)
save(__file__)
