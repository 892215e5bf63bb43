"""The usual way to find the pictures that drive a unit, in plain PyTorch: no word of this library.

Started by `rows/photographs.py`; every line on standard input starts one pass.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

WORKERS = 2


class Pictures(Dataset):
    def __init__(self, folder: Path, transform):
        self.paths, self.transform = sorted(folder.glob("*.jpg")), transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


def main() -> None:
    asked = json.loads(sys.argv[1])
    torch.set_num_threads(asked["threads"])
    folder, device = Path(asked["folder"]), asked["device"]
    network = timm.create_model(asked["network"], pretrained=False).eval().to(device)
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    look = timm.data.resolve_data_config({}, model=network)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(look["mean"], look["std"])])
    pictures = DataLoader(Pictures(folder / "pictures", transform), batch_size=asked["batch"], num_workers=WORKERS)
    found: dict[str, list[torch.Tensor]] = {name: [] for name in asked["layers"]}
    for name, kept in found.items():
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, kept=kept: kept.append(output.amax(dim=(2, 3)).cpu())
        )
    print("ready", flush=True)
    for _ in sys.stdin:
        for kept in found.values():
            kept.clear()
        with torch.no_grad():
            for batch in pictures:
                network(batch.to(device))
        pooled = {name: torch.cat(kept) for name, kept in found.items()}
        for responses in pooled.values():
            responses.sort(dim=0, descending=True, stable=True).indices[: asked["k"]]
        save_file(pooled, folder / "pooled.safetensors")
        print("ready", flush=True)


if __name__ == "__main__":
    main()
