"""PyTorch's answers to chapter 11, for the tests in `tests/ch11_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/pip install --no-deps fla-core==0.6.0 einops==0.8.2
    .venv/bin/python tests/oracles/ch11.py

writes `ch11.safetensors` beside this file; the same bytes every time. Inputs are float64, as in the chapter's exercises, and
come from numpy's Philox generator, seeded with the number of the case; everything else is computed by torch in float64 from
them, on the CPU. A tensor is called `KIND.CASE.NAME`.

The equations are those of the papers, written as the papers have them: S is a matrix, A a matrix that is multiplied out. Before
anything is recorded, the same inputs go through the naive reference functions of flash-linear-attention (`fla/ops/*/naive.py`,
which need no GPU and are loaded by themselves). Those are in float32, and the two have to agree to 1e-5.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch

from recorded import generator, record, save

# Without importing the package, which wants triton.
FLA = Path(importlib.util.find_spec("fla").submodule_search_locations[0]) / "ops"


def naive(file, function):
    spec = importlib.util.spec_from_file_location(file.replace("/", "_").removesuffix(".py"), FLA / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


def agree(name, ours, theirs):
    apart = ((ours - theirs.double()).abs().max() / ours.abs().max()).item()
    if not apart <= 1e-5:
        raise SystemExit(f"{name}: flash-linear-attention gives something else, by {apart:.1e} of the largest entry")
    print(f"{name}: within {apart:.1e} of flash-linear-attention")


class Source:
    def __init__(self, seed, n, d, d_v):
        self.random = generator(seed)
        self.n, self.d, self.d_v = n, d, d_v
        self.state = self.normal(d, d_v)
        self.q, self.k, self.v = self.normal(n, d), self.normal(n, d), self.normal(n, d_v)
        self.k = self.k / self.k.norm(dim=1, keepdim=True)

    def normal(self, *shape):
        return torch.from_numpy(self.random.standard_normal(shape))

    def uniform(self, *shape):
        return torch.from_numpy(self.random.uniform(0.05, 1.0, shape))

    def tokens(self):
        return {"state": self.state, "q": self.q, "k": self.k, "v": self.v}

    def naive(self):
        """What flash-linear-attention takes, with its scale of 1/sqrt(d) undone: axes B H T D."""
        root = self.d**0.5
        return [x[None, None].float() for x in (self.q * root, self.k, self.v)], self.state[None, None].float()


def recurrence(source, forget=None, beta=None, bonus=None):
    """S <- A S + beta k v^T; the query reads after, or before with a bonus."""
    state, rows, identity = source.state, [], torch.eye(source.d, dtype=torch.float64)
    for t in range(source.n):
        q, k, v = source.q[t], source.k[t], source.v[t]
        matrix = identity if forget is None else torch.diag(forget[t].expand(source.d))
        if bonus is not None:
            rows.append((state + torch.outer(bonus * k, v)).T @ q)
        if beta is None:
            state = matrix @ state + torch.outer(k, v)
        else:
            state = (identity - beta[t] * torch.outer(k, k)) @ matrix @ state + beta[t] * torch.outer(k, v)
        if bonus is None:
            rows.append(state.T @ q)
    return torch.stack(rows), state


def turned(*tensors):
    """B H T D to B T H D."""
    return [x.transpose(1, 2) for x in tensors]


def by_features(seed, name, n, r, d_v):
    """Eqs 7 and 9 of the Linear Transformer, and Eqs 16 to 20."""
    source = Source(seed, n, r, d_v)
    phi_q, phi_k = (torch.nn.functional.elu(x) + 1 for x in (source.q, source.k))
    weights = (phi_q @ phi_k.T).tril()
    out = weights @ source.v / weights.sum(1, keepdim=True)
    theirs, _ = naive("linear_attn/naive.py", "naive_recurrent_linear_attn")(
        *turned(*(x[None, None].float() for x in (phi_q, phi_k, source.v))), normalize=True
    )
    agree(f"features, {name}", out, theirs[0, :, 0])
    record("features", name, q=source.q, k=source.k, v=source.v, phi_q=phi_q, phi_k=phi_k, out=out)


def performer(seed, name, n, d, m):
    """Lemma 1 of Performers."""
    source = Source(seed, n, d, 1)
    omega = source.normal(m, d)
    x = source.q / d**0.25
    record("performer", name, x=source.q, directions=omega,
           out=torch.exp(x @ omega.T - (x**2).sum(1, keepdim=True) / 2) / m**0.5)


def retention(seed, name, n, d, d_v, head):
    source = Source(seed, n, d, d_v)
    gamma = torch.tensor(1 - 2.0 ** (-5 - head), dtype=torch.float64)
    out, after = recurrence(source, gamma.expand(n, 1))
    heads = [x.expand(1, head + 1, -1, -1) for x in source.naive()[0]]
    without = out - torch.stack([gamma ** (t + 1) * source.state.T @ source.q[t] for t in range(n)])
    agree(f"retention, {name}", without, naive("retention/naive.py", "naive_retention")(*heads)[0, head])
    record("retention", name, **source.tokens(), head=np.float64(head), gamma=gamma, out=out, after=after)


def gla(seed, name, n, d, d_v):
    source = Source(seed, n, d, d_v)
    before = source.normal(n, d)
    log_gates = torch.nn.functional.logsigmoid(before) / 16
    out, after = recurrence(source, log_gates.exp())
    (q, k, v), state = source.naive()
    theirs, _ = naive("gla/naive.py", "naive_recurrent_gla")(*turned(q, k, v, log_gates[None, None].float()), initial_state=state)
    agree(f"gla, {name}", out, theirs[0, :, 0])
    record("gla", name, **source.tokens(), before=before, log_gates=log_gates, out=out, after=after)


def ssd(seed, name, n, d, d_v):
    source = Source(seed, n, d, d_v)
    a, steps = source.normal(1)[0], torch.nn.functional.softplus(source.normal(n))
    log_gates = -a.exp() * steps
    x, source.v = source.v, source.v * steps[:, None]
    out, after = recurrence(source, log_gates.exp()[:, None])
    (q, k, v), state = source.naive()
    theirs, _ = naive("simple_gla/naive.py", "naive_recurrent_simple_gla")(
        *turned(q, k, v), log_gates[None, :, None].float(), initial_state=state
    )
    agree(f"ssd, {name}", out, theirs[0, :, 0])
    # The masked product of the paper, and what the state gives.
    between = log_gates.cumsum(0)
    mask = (between[:, None] - between[None, :]).exp().tril()
    given = torch.stack([between[t].exp() * source.state.T @ source.q[t] for t in range(n)])
    assert torch.allclose(out, (mask * (source.q @ source.k.T)) @ source.v + given)
    record("ssd", name, **source.tokens(), x=x, a=a, steps=steps, out=out, after=after)


def rwkv6(seed, name, n, d, d_v):
    source = Source(seed, n, d, d_v)
    w, bonus = source.normal(n, d), source.normal(d)
    log_gates = -w.exp()
    out, after = recurrence(source, log_gates.exp(), bonus=bonus)
    (q, k, v), state = source.naive()
    theirs, _ = naive("rwkv6/recurrent_naive.py", "naive_recurrent_rwkv6")(
        q, k, v, log_gates[None, None].float(), bonus[None].float(), initial_state=state
    )
    agree(f"rwkv6, {name}", out, theirs[0, 0])
    record("rwkv6", name, **source.tokens(), w=w, bonus=bonus, out=out, after=after)


def delta(seed, name, n, d, d_v):
    source = Source(seed, n, d, d_v)
    beta = source.uniform(n)
    out, after = recurrence(source, beta=beta)
    (q, k, v), state = source.naive()
    theirs, _ = naive("delta_rule/naive.py", "delta_rule_recurrence")(q, k, v, beta[None, None].float(), initial_state=state)
    agree(f"delta, {name}", out, theirs[0, 0])
    record("delta", name, **source.tokens(), beta=beta, out=out, after=after)


def gated_delta(seed, name, n, d, d_v):
    source = Source(seed, n, d, d_v)
    beta, log_gates = source.uniform(n), source.uniform(n).log()
    out, after = recurrence(source, log_gates.exp()[:, None], beta)
    (q, k, v), state = source.naive()
    theirs, _ = naive("gated_delta_rule/naive.py", "naive_recurrent_gated_delta_rule")(
        *turned(q, k, v), beta[None, :, None].float(), log_gates[None, :, None].float(), initial_state=state
    )
    agree(f"gated_delta, {name}", out, theirs[0, :, 0])
    record("gated_delta", name, **source.tokens(), beta=beta, log_gates=log_gates, out=out, after=after)


def kda(seed, name, n, d, d_v):
    source = Source(seed, n, d, d_v)
    beta, log_gates = source.uniform(n), source.uniform(n, d).log()
    out, after = recurrence(source, log_gates.exp(), beta)
    (q, k, v), state = source.naive()
    theirs, _ = naive("kda/naive.py", "naive_recurrent_kda")(
        *turned(q, k, v, log_gates[None, None].float()), beta[None, :, None].float(), initial_state=state
    )
    agree(f"kda, {name}", out, theirs[0, :, 0])
    record("kda", name, **source.tokens(), beta=beta, log_gates=log_gates, out=out, after=after)


def backward(seed, name, c, d, d_v):
    """The gradients of a chunk, by autograd."""
    source = Source(seed, c, d, d_v)
    d_out, d_next = source.normal(c, d_v), source.normal(d, d_v)
    inputs = {key: x.clone().requires_grad_() for key, x in source.tokens().items()}
    scores = (inputs["q"] @ inputs["k"].T).tril()
    out = inputs["q"] @ inputs["state"] + scores @ inputs["v"]
    following = inputs["state"] + inputs["k"].T @ inputs["v"]
    ((out * d_out).sum() + (following * d_next).sum()).backward()
    record("backward", name, **source.tokens(), d_out=d_out, d_next=d_next,
           **{f"d_{key}": x.grad for key, x in inputs.items()})


SIZES = [(1, 1, 1), (7, 3, 2), (33, 8, 5), (20, 4, 4)]
for seed, (n, d, d_v) in enumerate(SIZES):
    name = f"n {n} d {d} d_v {d_v}"
    by_features(100 + seed, name, n, d, d_v)
    performer(200 + seed, name, n, d, 2 * d_v + 1)
    retention(300 + seed, name, n, d, d_v, seed)
    gla(400 + seed, name, n, d, d_v)
    ssd(500 + seed, name, n, d, d_v)
    rwkv6(600 + seed, name, n, d, d_v)
    delta(700 + seed, name, n, d, d_v)
    gated_delta(800 + seed, name, n, d, d_v)
    kda(900 + seed, name, n, d, d_v)
    backward(1000 + seed, name, n, d, d_v)
save(__file__)
