"""PyTorch's answers to chapter 7, for the tests in `tests/ch07_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0 transformers==5.24.0
    .venv/bin/python tests/oracles/ch07.py

writes `ch07.safetensors` beside this file; the same bytes every time. Inputs and weights are float64, as in the
chapter's exercises, and come from numpy's Philox generator, seeded with the number of the case; everything else is
computed by torch in float64 from them, on the CPU. A tensor is called `KIND.CASE.NAME`.

The layer is equations 9 to 19 of DeepSeek-V2 (arXiv:2405.04434, §2.1.2 and §2.1.3), written as the paper has them. The
norms on the latents are those of its §3.1.2, with the course's epsilon. Before anything is recorded, the same weights go
through `DeepseekV2Attention` of transformers, whose norm and rotation are in float32: the two have to agree to 1e-5.
"""

import numpy as np
import torch
from torch.nn.functional import rms_norm, scaled_dot_product_attention
from transformers import DeepseekV2Config
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Attention

from recorded import generator, record, save

torch.set_grad_enabled(False)

BASE = 100.0
EPSILON = 1e-5


class Source:
    def __init__(self, seed):
        self.random = generator(seed)

    def normal(self, *shape):
        return torch.from_numpy(self.random.standard_normal(shape))

    def weights(self, inputs, *shape):
        return self.normal(*shape) / inputs**0.5

    def gain(self, width):
        return 1 + self.normal(width) / 4


def turn_by(positions, width):
    frequencies = BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.outer(positions.double(), frequencies)
    return torch.polar(torch.ones_like(angles), angles)


def rope(x):
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(pairs * turn_by(torch.arange(x.shape[-2]), x.shape[-1])).flatten(-2)


def layer(x, w):
    """Equations 12 to 19, and 9 to 11; w_dq and gain_q are missing where queries are not compressed."""
    t = x.shape[0]
    c = rms_norm(x @ w["w_dkv"], w["gain"].shape, w["gain"], EPSILON)
    k_r = rope(x @ w["w_kr"])
    c_q = rms_norm(x @ w["w_dq"], w["gain_q"].shape, w["gain_q"], EPSILON) if "w_dq" in w else x
    q = torch.cat([c_q @ w["w_uq"], rope(c_q @ w["w_qr"])], dim=-1)  # (h, t, d + d_r)
    h = q.shape[0]
    k = torch.cat([c @ w["w_uk"], k_r.expand(h, t, -1)], dim=-1)
    heads = scaled_dot_product_attention(q, k, c @ w["w_uv"], is_causal=True)
    return {"c": c, "k_r": k_r, "heads": heads, "out": (heads @ w["w_o"]).sum(0)}


def by_transformers(x, w):
    """The same layer, as transformers has it."""
    (h, _, d), (d_model, d_r), d_v = w["w_uk"].shape, w["w_kr"].shape, w["w_uv"].shape[2]
    config = DeepseekV2Config(
        hidden_size=d_model,
        num_attention_heads=h,
        num_key_value_heads=h,
        q_lora_rank=w["w_dq"].shape[1] if "w_dq" in w else None,
        kv_lora_rank=w["w_dkv"].shape[1],
        qk_nope_head_dim=d,
        qk_rope_head_dim=d_r,
        v_head_dim=d_v,
        attention_bias=False,
        attn_implementation="eager",
    )
    theirs = DeepseekV2Attention(config, 0).double().eval()

    def fill(linear, weight):
        linear.weight.copy_(weight.T)

    def all_heads(*parts):  # (h, inputs, width) each
        return torch.cat(parts, dim=-1).transpose(0, 1).flatten(1)

    queries = all_heads(w["w_uq"], w["w_qr"])
    if "w_dq" in w:
        fill(theirs.q_a_proj, w["w_dq"])
        theirs.q_a_layernorm.weight.copy_(w["gain_q"])
        theirs.q_a_layernorm.variance_epsilon = EPSILON
        fill(theirs.q_b_proj, queries)
    else:
        fill(theirs.q_proj, queries)
    fill(theirs.kv_a_proj_with_mqa, torch.cat([w["w_dkv"], w["w_kr"]], dim=1))
    theirs.kv_a_layernorm.weight.copy_(w["gain"])
    theirs.kv_a_layernorm.variance_epsilon = EPSILON
    fill(theirs.kv_b_proj, all_heads(w["w_uk"], w["w_uv"]))
    fill(theirs.o_proj, w["w_o"].flatten(0, 1))
    t = x.shape[0]
    hidden = torch.full((t, t), float("-inf"), dtype=torch.float64).triu(1)
    turn = turn_by(torch.arange(t), d_r).to(torch.complex64)[None]
    return theirs(x[None], attention_mask=hidden[None, None], position_embeddings=turn)[0][0]


def layer_case(seed, name, t, d_model, h, d, d_r, d_v, d_c, d_q=None):
    source = Source(seed)
    w = {"w_dkv": source.weights(d_model, d_model, d_c), "gain": source.gain(d_c)}
    w["w_kr"] = source.weights(d_model, d_model, d_r)
    if d_q is not None:
        w |= {"w_dq": source.weights(d_model, d_model, d_q), "gain_q": source.gain(d_q)}
    inputs = d_model if d_q is None else d_q
    w["w_uq"] = source.weights(inputs, h, inputs, d)
    w["w_qr"] = source.weights(inputs, h, inputs, d_r)
    w["w_uk"] = source.weights(d_c, h, d_c, d)
    w["w_uv"] = source.weights(d_c, h, d_c, d_v)
    w["w_o"] = source.weights(h * d_v, h, d_v, d_model)
    x = source.normal(t, d_model)
    found = layer(x, w)
    theirs = by_transformers(x, w)
    apart = ((found["out"] - theirs).abs().max() / theirs.abs().max()).item()
    if apart > 1e-5:
        raise SystemExit(f"{name}: transformers gives something else, by {apart:.1e} of the largest entry")
    print(f"{name}: within {apart:.1e} of transformers")
    record("layer", name, x=x, base=np.float64(BASE), **w, **found)


def grouped_case(seed, name, h, h_kv, n, m, d, d_v):
    source = Source(seed)
    q, k, v = source.normal(h, n, d), source.normal(h_kv, m, d), source.normal(h_kv, m, d_v)
    mask = torch.arange(m)[None, :] <= m - n + torch.arange(n)[:, None]
    out = scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask, enable_gqa=True)[0]
    record("grouped", name, q=q, k=k, v=v, out=out)


layer_case(0, "one of everything", t=1, d_model=1, h=1, d=1, d_r=2, d_v=1, d_c=1)
layer_case(1, "queries of the token", t=9, d_model=6, h=3, d=4, d_r=2, d_v=5, d_c=7)
layer_case(2, "queries of a latent", t=17, d_model=24, h=4, d=8, d_r=4, d_v=8, d_c=12, d_q=10)
layer_case(3, "V2's proportions", t=33, d_model=40, h=8, d=8, d_r=4, d_v=8, d_c=32, d_q=96)
grouped_case(100, "4 on 2", h=4, h_kv=2, n=9, m=9, d=4, d_v=4)
grouped_case(101, "6 on 3, decode", h=6, h_kv=3, n=1, m=33, d=8, d_v=5)
grouped_case(102, "8 on 1", h=8, h_kv=1, n=5, m=17, d=2, d_v=2)
save(__file__)
