"""PyTorch's attention on the GPU, timed as chapter 9's program times its rungs: medians by the GPU's own clock, after a
warm-up, with inputs that take turns and together are larger than any cache. Prints a table.
"""

import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

HEADS = 16
BEYOND_CACHES = 256 << 20
SITTING = 0.3

date, driver = sys.argv[1:]
card = torch.cuda.get_device_name()


def rounds(sets, count, causal):
    """Seconds of each round; the inputs take turns."""
    events = []
    for i in range(count):
        q, k, v = sets[i % len(sets)]
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        scaled_dot_product_attention(q, k, v, is_causal=causal)
        after.record()
        events.append((before, after))
    torch.cuda.synchronize()
    return [before.elapsed_time(after) / 1e3 for before, after in events]


print("card,driver,date,what,heads,n,d,causal,rounds,median_us,low_us,high_us,tflops,bound_us")
torch.manual_seed(1)
for name, dtype, backend in [
    ("torch flash bf16", torch.bfloat16, SDPBackend.FLASH_ATTENTION),
    ("torch efficient f32", torch.float32, SDPBackend.EFFICIENT_ATTENTION),
]:
    for d in [64, 128]:
        for causal in [False, True]:
            for n in [1024, 2048, 4096, 8192, 16384]:
                size = 4 * HEADS * n * d * torch.finfo(dtype).bits // 8
                count = min(max(-(-BEYOND_CACHES // size), 2), 64)
                sets = [
                    [torch.randn(1, HEADS, n, d, device="cuda", dtype=dtype) for _ in range(3)]
                    for _ in range(count)
                ]
                with sdpa_kernel(backend), torch.no_grad():
                    warm = rounds(sets, 3, causal)[-1]
                    times = rounds(sets, int(min(max(SITTING / max(warm, 1e-6), 7), 200)), causal)
                times.sort()
                median = times[len(times) // 2]
                seen = n * (n + 1) / 2 if causal else n * n
                rate = 4 * HEADS * d * seen / median / 1e12
                us = ",".join(f"{x * 1e6:.2f}" for x in (median, times[0], times[-1]))
                row = f"{card},{driver},{date},{name} {torch.__version__},{HEADS},{n},{d},{str(causal).lower()}"
                print(f"{row},{len(times)},{us},{rate:.3f},", flush=True)
