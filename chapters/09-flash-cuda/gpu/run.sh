#!/usr/bin/env bash
# Checks and times chapter 9's kernels on this machine's GPU, and PyTorch's attention beside them where it is installed.
# It needs a driver, and neither Rust nor a network. The tables go into the folder that is named, or `tables`.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tables="${1:-$here/tables}"
mkdir -p "$tables"
driver=none
if command -v nvidia-smi >/dev/null; then
    driver="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)"
fi
date="$(date +%F)"
"$here/gpu" "$tables" --date "$date" --driver "$driver"
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    python3 "$here/torch_attention.py" "$date" "$driver" >"$tables/measured-torch.csv"
else
    echo "PyTorch with CUDA is not here, so nothing was measured beside it."
fi
