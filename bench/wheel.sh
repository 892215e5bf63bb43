#!/bin/bash
# Build the wheel, install it into a bare environment outside the checkout, and load every network of the zoo from it.
#   bench/wheel.sh [PYTHON]      PIP_CPU_TORCH=URL takes PyTorch alone from that index
# The environment is thrown away; the wheel stays in dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT

rm -rf dist
"$python" -m venv "$bare/env"
"$bare/env/bin/pip" install --quiet --disable-pip-version-check build
"$bare/env/bin/python" -m build --outdir dist . >"$bare/build.log" 2>&1 || { tail -20 "$bare/build.log"; exit 1; }

"$python" -m venv --clear "$bare/env"
if [ -n "${PIP_CPU_TORCH:-}" ]; then
    "$bare/env/bin/pip" install --quiet --disable-pip-version-check --index-url "$PIP_CPU_TORCH" "torch>=2.15" "torchvision>=0.29"
fi
"$bare/env/bin/pip" install --quiet --disable-pip-version-check dist/*.whl
cd "$bare"
env -u PYTHONPATH "$bare/env/bin/unitscope" zoo verify
env -u PYTHONPATH "$bare/env/bin/python" - <<'PYTHON'
import torch
from unitscope.models import load_generator, load_model
from unitscope.models.zoo import list_generators, list_zoo

for entry in list_zoo():
    model = load_model(entry.name)
    with torch.no_grad():
        assert torch.as_tensor(model(torch.rand(1, 3, model.input_size, model.input_size))).isfinite().all()
    print(entry.name, "loads and runs")
for entry in list_generators():
    generator = load_generator(entry.name)
    with torch.no_grad():
        assert generator.synthesize(generator.sample(1, seed=0)).isfinite().all()
    print(entry.name, "loads and draws")
PYTHON
