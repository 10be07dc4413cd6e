"""PyTorch's attention, timed on request.

Reads a line of JSON a measurement and answers with a line of JSON:

    {"n": 2048, "m": 2048, "heads": 8, "d": 64, "causal": true, "backward": false, "threads": 2}
    {"seconds": 0.0123}

The first answer to new sizes is a warm run, which also makes the inputs. The first line of all says the version.
"""

import json
import sys
import time

import torch
from torch.nn.functional import scaled_dot_product_attention

print(json.dumps({"version": torch.__version__}), flush=True)
sizes = None
for line in sys.stdin:
    asked = json.loads(line)
    torch.set_num_threads(asked["threads"])
    if asked != sizes:
        sizes = asked
        torch.manual_seed(1)
        heads, n, m, d = (asked[name] for name in ["heads", "n", "m", "d"])
        q = torch.randn(1, heads, n, d, requires_grad=asked["backward"])
        k, v = (torch.randn(1, heads, m, d, requires_grad=asked["backward"]) for _ in range(2))
        d_out = torch.randn(1, heads, n, d)
    if asked["backward"]:
        out = scaled_dot_product_attention(q, k, v, is_causal=asked["causal"])
        start = time.perf_counter()
        torch.autograd.grad(out, (q, k, v), d_out)
    else:
        with torch.no_grad():
            start = time.perf_counter()
            scaled_dot_product_attention(q, k, v, is_causal=asked["causal"])
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
