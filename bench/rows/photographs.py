"""Reference samples of a network of timm on photographs in a folder, on a CPU at 224 pixels.

Floor: the bare forward pass over the same pictures in memory, in this process. Peer: the usual way, in a process of its
own that knows nothing of this library: a DataLoader with two workers, forward hooks on the same modules, all pooled
responses kept and sorted (`peers/photographs.py`). All three start from the same weights; ours and the peer from the
same JPEG files. EfficientNet-Lite0 by timm's name, with random weights where its own are not there.

Ours runs channels last and the peer channels first, so responses differ in the last digits. The top k are the same if
each response agrees to TOLERANCE of its unit's largest, and no picture left out is above the last one kept by more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import DEVICE, Row, network
from PIL import Image
from safetensors.torch import load_file, save_file
from unitscope.data import load_dataset
from unitscope.extract import TopK, stream
from unitscope.extract.taps import to_device

NETWORK, SIZE, COUNT, BATCH, K = "timm/tf_efficientnet_lite0.in1k", 224, 512, 64, 50
LAYERS = ("blocks.2", "blocks.4", "blocks.6", "bn2.act")
TOLERANCE = 1e-4
PEER = Path(__file__).parents[1] / "peers" / "photographs.py"


def prepare(quick: bool) -> Row:
    kept = tempfile.TemporaryDirectory(prefix="photographs")
    folder, count = Path(kept.name), 128 if quick else COUNT
    write_pictures(folder / "pictures", count)
    model, weights = network(NETWORK)
    layers = [name for name in LAYERS if name in dict(model.module.named_modules())]
    save_file(
        {name: value.contiguous() for name, value in model.module.state_dict().items()}, folder / "weights.safetensors"
    )
    images = load_dataset(f"folder:{folder / 'pictures'}")
    held = [batch.images for batch in images.batches(BATCH)]
    child = Peer(folder, layers)

    def ours():
        return stream(model, images, layers, [TopK(layer, K) for layer in layers], batch_size=BATCH, progress=False)

    def floor():
        with torch.inference_mode():
            for batch in held:
                model(to_device(batch, torch.device(DEVICE)))

    def error() -> float:
        child.run()
        theirs = load_file(folder / "pooled.safetensors")
        return max(apart(mine, theirs[layer]) for layer, mine in zip(layers, ours(), strict=True))

    note = f"{model.name} ({weights}), {len(layers)} layers, {count} JPEGs of {SIZE} px, top {K}"
    row = Row(ours, floor, child.run, error, note, repeats=1 if quick else 3, peer_repeats=1 if quick else 3, wall=True)
    child.keep = kept  # the folder lives as long as the row
    return row


def apart(mine, pooled: torch.Tensor) -> float:
    """Largest difference of our top k from the peer's responses (n, C), as a share of each unit's largest."""
    values, scale = pooled.T, pooled.abs().amax(0).clamp(min=1e-6)[:, None]
    same = ((mine.values - values.gather(1, mine.indices)).abs() / scale).max()
    outside = values.scatter(1, mine.indices, -torch.inf).amax(1, keepdim=True)
    missed = ((outside - mine.values[:, -1:]) / scale).clamp(min=0).max()
    worst = float(torch.maximum(same, missed))
    assert worst < TOLERANCE, f"other references than the peer's: {worst:.1e} of the largest response"
    return worst


def write_pictures(folder: Path, count: int) -> None:
    """Smooth colours with grain, so that decoding costs what it costs for photographs."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (7, 7, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32)
        grain = draw.normal(0, 12, (SIZE, SIZE, 1))
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / f"{number:04d}.jpg", quality=90)


class Peer:
    """The other process: started once, told to go for each pass, so that its start is not timed."""

    def __init__(self, folder: Path, layers):
        asked = {
            "folder": str(folder),
            "layers": list(layers),
            "network": NETWORK.split("/")[1].split(".")[0],
            "batch": BATCH,
        }
        asked |= {"threads": torch.get_num_threads(), "device": DEVICE, "size": SIZE, "k": K}
        self.process = subprocess.Popen(
            [sys.executable, str(PEER), json.dumps(asked)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        )  # fmt: skip
        self._wait()

    def run(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the peer ended with status {self.process.wait()}")
