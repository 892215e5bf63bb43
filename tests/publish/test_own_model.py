"""A reader's own network, which the project has never seen: chapters run on its checkpoint, images and layer.

The network is written here: odd channel counts, group normalisation, SiLU, an input of 40 pixels. The images have odd
shapes and no labels that the project knows.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from unitscope.publish.run import records
from unitscope.publish.sources import read_notebook

NETWORK = """
from torch import nn

def block(inside, outside):
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.GroupNorm(1, outside), nn.SiLU())

class Strange(nn.Module):
    def __init__(self):
        super().__init__()
        self.eye, self.mind = block(3, 9), nn.Sequential(block(9, 14), block(14, 22))
        self.voice = nn.Linear(22, 3)

    def forward(self, x):
        return self.voice(self.mind(self.eye(x)).mean((2, 3)))

def build():
    return Strange(), {"input_size": 40, "mean": [0.5] * 3, "std": [0.25] * 3}
"""
PURE = [
    "layer=mind.1",
    "lower=mind.0",
    "n_images=60",
    "n_ref=12",
    "n_units=4",
    "n_units_each=2",
    "n_pairs=2",
    "networks=[]",
]
DIRECTIONS = ["layer=mind.0", "n_images=200", "judges=['colour']", "others=[]", "trials=1", "sae_ratios=[1.0]",
              "sae_steps=10", "n_pairs=6", "steps=5", "n_embedded=60"]  # fmt: skip


@pytest.fixture(scope="module")
def own(book):
    """A folder with what a reader brings: a Python file, a checkpoint, a folder of images."""
    folder, rng = Path(tempfile.mkdtemp(prefix="own", dir=book)), np.random.default_rng(0)
    (folder / "my_net.py").write_text(NETWORK)
    names: dict = {}
    exec(NETWORK, names)
    torch.manual_seed(0)
    torch.save({"model_state_dict": names["Strange"]().state_dict()}, folder / "last.pt")
    for index in range(200):
        colour, height = rng.integers(0, 256, 3), 40 + index % 17
        image = np.tile(colour.astype(np.uint8), (height, 52, 1))
        top, left = rng.integers(0, 25, 2)
        image[top : top + 14, left : left + 20] = rng.integers(0, 256, 3)
        (folder / "photos" / f"class{index % 3}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "photos" / f"class{index % 3}" / f"{index}.png")
    return folder


@pytest.mark.parametrize(
    "chapter, given",
    [("pure", PURE), pytest.param("directions", DIRECTIONS, marks=pytest.mark.long)],  # 45 s each
)
def test_a_chapter_runs_on_a_network_of_the_readers_own(own, chapter, given):
    words = ["model=python:my_net.py:build", "weights=last.pt", "images=folder:photos", *given]
    parameters = [part for word in words for part in ("-p", word)]
    command = [sys.executable, "-m", "unitscope.publish.cli", "run", chapter, "--preset", "smoke", *parameters]
    done = subprocess.run(command, cwd=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    notebook = read_notebook(next(line for line in done.stdout.splitlines() if line.endswith(".ipynb")))
    used = notebook.metadata["unitscope"]["parameters"]
    assert used["model"] == f"python:{own / 'my_net.py'}:build" and used["weights"] == str(own / "last.pt")
    assert len(records(notebook, "application/vnd.unitscope.claim+json")) >= 20
