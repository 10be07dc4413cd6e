"""What the scripts beside this one share: the version of torch, on one thread; seeded inputs; and the file of answers."""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

TORCH = "2.15.0"
if torch.__version__.split("+")[0] != TORCH:
    raise SystemExit(f"this is torch {torch.__version__}; the recorded answers are those of torch {TORCH}")
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)

tensors: dict[str, np.ndarray] = {}


def record(kind, case, **arrays):
    """Keeps each array as `KIND.CASE.NAME`; masks as 0 and 1."""
    for name, array in arrays.items():
        array = array.detach().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
        if array.dtype == bool:
            array = array.astype(np.uint8)
        tensors[f"{kind}.{case}.{name}"] = np.array(array, order="C")


def save(script):
    """Writes what was recorded beside the script, the names in order."""
    path = Path(script).with_suffix(".safetensors")
    save_file(dict(sorted(tensors.items())), path, metadata={"torch": TORCH})
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size} bytes")


def generator(seed):
    """The same numbers from the same seed, on every machine."""
    return np.random.Generator(np.random.Philox(seed))


def normal(random, *shape):
    """Standard normal, float32."""
    return torch.from_numpy(random.standard_normal(shape, dtype=np.float32))
