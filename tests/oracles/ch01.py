"""PyTorch's answers to chapter 1, for the tests in `tests/ch01_torch.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/oracles/ch01.py

writes `ch01.safetensors` beside this file; the same bytes every time. Inputs are float32 and come from numpy's Philox
generator, seeded with the number of the case; everything else is computed by torch in float64 from them, on the CPU, by
`nn.RNN`, `nn.RNNCell` and `nn.GRU` with their own layout of weights: (outputs, inputs), and two biases. A tensor is called
`KIND.CASE.NAME`, as in `rnn.33 tokens.states`.
"""

import numpy as np
import torch

from recorded import generator, normal, record, save


def weights(random, gates, d_in, d):
    """The four tensors of a recurrent layer, float32, as torch names them."""
    return {
        "weight_ih": normal(random, gates * d, d_in) / d_in**0.5,
        "weight_hh": normal(random, gates * d, d) * (0.7 / d**0.5),
        "bias_ih": normal(random, gates * d) * 0.5,
        "bias_hh": normal(random, gates * d) * 0.5,
    }


def layer(module, tensors, suffix="_l0"):
    """A module of torch in float64 with these weights."""
    module = module.double()
    state = {name + suffix: tensor.double() for name, tensor in tensors.items()}
    module.load_state_dict(state)
    return module


def recurrent_cases():
    """The states after each token, from zeros: `nn.RNN` and `nn.GRU`."""
    for seed, (m, d_in, d) in enumerate([(1, 1, 1), (7, 3, 5), (33, 31, 16), (129, 8, 33)]):
        for kind, gates, module in [("rnn", 1, torch.nn.RNN), ("gru", 3, torch.nn.GRU)]:
            random = generator(seed + 10 * gates)
            own = weights(random, gates, d_in, d)
            inputs = normal(random, m, d_in)
            states, last = layer(module(d_in, d), own)(inputs.double())
            assert torch.equal(states[-1:], last)
            record(kind, f"{m} tokens", inputs=inputs, states=states, **own)


def attend(state, states):
    weights = torch.softmax(states @ state, dim=0)
    return weights @ states, weights


def attention_cases():
    for seed, (m, d) in enumerate([(1, 1), (5, 4), (31, 33), (129, 16)], start=100):
        random = generator(seed)
        state, states = normal(random, d), normal(random, m, d)
        context, looked = attend(state.double(), states.double())
        record("attend", f"{m} states", state=state, states=states, context=context, weights=looked)


def decoder_cases():
    """`nn.RNNCell`, fed the input beside a context: fixed, or found by the state before."""
    for seed, (n, m, d_in, d) in enumerate([(1, 1, 1, 1), (4, 4, 4, 4), (7, 33, 5, 31), (31, 7, 8, 16)], start=200):
        random = generator(seed)
        own = weights(random, 1, d_in + d, d)
        cell = layer(torch.nn.RNNCell(d_in + d, d), own, suffix="")
        states, inputs = normal(random, m, d), normal(random, n, d_in)
        wide, y = states.double(), inputs.double()
        fixed, looking, looked = [], [], []
        one = other = wide[-1]
        for t in range(n):
            one = cell(torch.cat([y[t], wide[-1]]), one)
            context, weights_t = attend(other, wide)
            other = cell(torch.cat([y[t], context]), other)
            fixed.append(one)
            looking.append(other)
            looked.append(weights_t)
        record(
            "decode", f"{n} steps", states=states, inputs=inputs, **own,
            fixed=torch.stack(fixed), looking=torch.stack(looking), looked=torch.stack(looked),
        )  # fmt: skip


def loss_cases():
    """`cross_entropy` of a decoder whose logits depend on the token that it is fed."""
    for seed, (v, n) in enumerate([(5, 1), (7, 4), (33, 31)], start=300):
        random = generator(seed)
        logits = normal(random, v, v)
        targets = torch.from_numpy(random.integers(0, v, n))
        fed = torch.cat([torch.tensor([2]), targets[:-1]])
        loss = torch.nn.functional.cross_entropy(logits.double()[fed], targets)
        record("loss", f"{n} targets", logits=logits, targets=targets.numpy().astype(np.float32), loss=loss.reshape(1))


recurrent_cases()
attention_cases()
decoder_cases()
loss_cases()
save(__file__)
