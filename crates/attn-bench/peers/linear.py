"""RetNet in chunks by PyTorch, all heads at once, timed on request.

Reads a line of JSON a measurement and answers with a line of JSON:

    {"n": 8192, "heads": 8, "d": 64, "chunk": 64, "threads": 2}
    {"seconds": 0.0123}

The first answer to new sizes is a warm run, which also makes the inputs. The first line of all says the version.
"""

import json
import sys
import time

import torch

print(json.dumps({"version": torch.__version__}), flush=True)


def chunkwise(q, k, v, gamma, chunk):
    heads, n, d = k.shape
    place = torch.arange(chunk)
    apart = place[:, None] - place[None, :]
    log = gamma.log()[:, None, None]
    within = torch.where(apart >= 0, torch.exp(log * apart.clamp(min=0)), torch.tensor(0.0))
    until = torch.exp(log * (place + 1)[None, :, None])
    behind = torch.exp(log * (chunk - 1 - place)[None, :, None])
    whole = torch.exp(log * chunk)
    state = torch.zeros(heads, d, v.shape[2])
    out = torch.empty(heads, n, v.shape[2])
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        a, b, c = q[:, rows], k[:, rows], v[:, rows]
        scores = torch.bmm(a, b.transpose(1, 2)) * within
        out[:, rows] = torch.baddbmm(torch.bmm(a * until, state), scores, c)
        state = torch.baddbmm(whole * state, (b * behind).transpose(1, 2), c)
    return out


sizes = None
with torch.no_grad():
    for line in sys.stdin:
        asked = json.loads(line)
        torch.set_num_threads(asked["threads"])
        if asked != sizes:
            sizes = asked
            torch.manual_seed(1)
            heads, n, d, chunk = (asked[name] for name in ["heads", "n", "d", "chunk"])
            assert n % chunk == 0
            q, k, v = (torch.randn(heads, n, d) for _ in range(3))
            gamma = 1 - 2.0 ** (-5 - torch.arange(heads))
        start = time.perf_counter()
        chunkwise(q, k, v, gamma, chunk)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
