"""PyTorch's answers to chapter 4, for the tests in `tests/ch04_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch04.py

writes `ch04.safetensors` beside this file; the same bytes every time. Inputs and weights are float32 and come from
numpy's Philox generator, seeded with the number of the case; everything else is computed by torch in float64 from
them, on the CPU. A tensor is called `KIND.CASE.NAME`, as in `multi_head.causal 31x31.out`. Weights are written as the
course has them, (inputs, outputs), the transpose of torch's.

Torch has no rotary embedding of its own. The two layouts are stated here as the two families of models compute them:
interleaved with complex numbers (RoFormer, arXiv:2104.09864, §3.4.2, and Meta's code of LLaMA), half by a vector whose
halves are exchanged, the second with a minus (GPT-NeoX, and Hugging Face's LLaMA).
"""

import numpy as np
import torch
from torch.nn.functional import layer_norm, relu, scaled_dot_product_attention

from recorded import generator, normal, record, save

torch.set_grad_enabled(False)

EPSILON = float(np.float32(1e-5))  # the course's is an f32


def matrix(random, rows, columns):
    return normal(random, rows, columns) / np.float32(rows**0.5)


def bottom_right(n, m):
    i, j = np.arange(n)[:, None], np.arange(m)[None, :]
    return torch.from_numpy(j <= m - n + i)


# Rotary embedding


def angles(n, d, start, base):
    positions = torch.arange(start, start + n, dtype=torch.float64)
    frequencies = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    return torch.outer(positions, frequencies)  # n×d/2


def interleaved(x, start, base):
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    turn = angles(x.shape[-2], x.shape[-1], start, base)
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(turn), turn)).flatten(-2)


def half(x, start, base):
    turn = angles(x.shape[-2], x.shape[-1], start, base)
    turn = torch.cat([turn, turn], dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * turn.cos() + torch.cat([-second, first], dim=-1) * turn.sin()


ROPE = {"interleaved": interleaved, "half": half}


def rope_cases():
    sizes = [(1, 2, 0, 10_000.0), (5, 6, 3, 100.0), (31, 32, 0, 10_000.0), (33, 64, 1000, 10_000.0)]
    for seed, (n, d, start, base) in enumerate(sizes):
        x = normal(generator(seed), n, d)
        for layout, turn in ROPE.items():
            record(
                "rope",
                f"{layout} {n}x{d}",
                x=x,
                start=np.int64(start),
                base=np.float32(base),
                out=turn(x.double(), start, base),
            )


# Multi-head attention, by torch.nn.MultiheadAttention


def layer_weights(random, h, d, d_model, d_memory):
    return {
        "w_q": matrix(random, d_model, h * d),
        "w_k": matrix(random, d_memory, h * d),
        "w_v": matrix(random, d_memory, h * d),
        "w_o": matrix(random, h * d, d_model),
    }


def multi_head_case(seed, name, n, m, h, d, d_memory, mask=None, padding=None, own=False):
    """torch's module wants h·d = d_model, and flags that are true where a key is *left out*."""
    random, d_model = generator(seed), h * d
    weights = layer_weights(random, h, d, d_model, d_memory)
    x = normal(random, n, d_model)
    memory = x if own else normal(random, m, d_memory)
    layer = torch.nn.MultiheadAttention(
        d_model, h, bias=False, kdim=d_memory, vdim=d_memory, batch_first=True, dtype=torch.float64
    )
    wide = {name: weight.double().T.contiguous() for name, weight in weights.items()}
    if d_memory == d_model:
        layer.in_proj_weight.copy_(torch.cat([wide["w_q"], wide["w_k"], wide["w_v"]]))
    else:
        layer.q_proj_weight.copy_(wide["w_q"])
        layer.k_proj_weight.copy_(wide["w_k"])
        layer.v_proj_weight.copy_(wide["w_v"])
    layer.out_proj.weight.copy_(wide["w_o"])
    batch = [t.double()[None] for t in (x, memory, memory)]
    left_out = None if mask is None else ~mask
    padded = None if padding is None else torch.from_numpy(~padding)[None]
    out, each = layer(*batch, attn_mask=left_out, key_padding_mask=padded, average_attn_weights=False)
    case = f"{name} {n}x{m}"
    record("multi_head", case, x=x, memory=memory, h=np.int64(h), out=out[0], **weights)
    if n < 100:
        record("multi_head", case, weights=each[0])
    if padding is not None:
        record("multi_head", case, padding_keys=padding)


def multi_head_cases():
    multi_head_case(100, "none", 1, 1, 1, 1, 1)
    multi_head_case(101, "none", 5, 7, 2, 4, 6)
    multi_head_case(102, "none", 33, 31, 4, 8, 32)
    multi_head_case(103, "none", 31, 31, 4, 8, 32, own=True)
    multi_head_case(104, "causal", 31, 31, 4, 8, 32, mask=bottom_right(31, 31), own=True)
    multi_head_case(105, "causal", 31, 33, 8, 4, 16, mask=bottom_right(31, 33))
    keys = generator(106).random(33) < 0.7
    keys[0] = True  # torch gives NaN for a row without keys
    multi_head_case(106, "padding", 31, 33, 3, 5, 7, padding=keys)
    multi_head_case(107, "causal", 127, 129, 2, 16, 8, mask=bottom_right(127, 129))


# Layer normalisation, by torch.nn.functional.layer_norm


def norm_weights(random, d_model):
    return 1 + normal(random, d_model) / 2, normal(random, d_model) / 2


def layer_norm_cases():
    def case(name, x, random):
        gain, bias = norm_weights(random, x.shape[1])
        out = layer_norm(x.double(), x.shape[1:], gain.double(), bias.double(), eps=EPSILON)
        record("layer_norm", name, x=x, gain=gain, bias=bias, out=out)

    for seed, (n, width) in enumerate([(1, 1), (5, 7), (33, 31), (127, 129)], start=200):
        random = generator(seed)
        case(f"normal {n}x{width}", normal(random, n, width), random)
    random = generator(210)
    case("small", normal(random, 4, 16) * 0.003, random)
    x = normal(random, 4, 16)
    x[1] = 2.0
    case("row 1 constant", x, random)


# The decoder's block, from torch's parts


def attend(weights, h, x, memory, turn, causal):
    def heads(of, name):
        return (of @ weights[name].double()).unflatten(1, (h, -1)).transpose(0, 1)  # (h, n, d)

    q, k, v = turn(heads(x, "w_q")), turn(heads(memory, "w_k")), heads(memory, "w_v")
    out = scaled_dot_product_attention(q, k, v, is_causal=causal)
    return out.transpose(0, 1).flatten(1) @ weights["w_o"].double()


def block_cases():
    sizes = [(1, 1, 1, 2, 3, 3), (5, 7, 2, 4, 8, 6), (33, 31, 4, 4, 16, 16)]
    for seed, (n, m, h, d, d_model, d_memory) in enumerate(sizes, start=300):
        for layout, rope in ROPE.items():
            random = generator(seed)
            own = layer_weights(random, h, d, d_model, d_model)
            cross = layer_weights(random, h, d, d_model, d_memory)
            norms = [norm_weights(random, d_model) for _ in range(3)]
            d_ff = 2 * d_model + 1
            w_1, b_1 = matrix(random, d_model, d_ff), normal(random, d_ff) / 2
            w_2, b_2 = matrix(random, d_ff, d_model), normal(random, d_model) / 2
            x, memory = normal(random, n, d_model), normal(random, m, d_memory)

            def seen(x, i):
                return layer_norm(x, x.shape[1:], norms[i][0].double(), norms[i][1].double(), eps=EPSILON)

            y = x.double()
            looked = seen(y, 0)
            y = y + attend(own, h, looked, looked, lambda heads: rope(heads, 0, 100.0), causal=True)
            y = y + attend(cross, h, seen(y, 1), memory.double(), lambda heads: heads, causal=False)
            y = y + relu(seen(y, 2) @ w_1.double() + b_1.double()) @ w_2.double() + b_2.double()
            case = f"{layout} {n}x{m}"
            record("block", case, x=x, memory=memory, h=np.int64(h), out=y, w_1=w_1, b_1=b_1, w_2=w_2, b_2=b_2)
            for name in own:
                record("block", case, **{f"own_{name}": own[name], f"cross_{name}": cross[name]})
            for i, (gain, bias) in enumerate(norms, start=1):
                record("block", case, **{f"gain_{i}": gain, f"bias_{i}": bias})


rope_cases()
multi_head_cases()
layer_norm_cases()
block_cases()
save(__file__)
