"""Parts from feature maps with few labelled pictures (Tritrong et al. 2021, in Wehrheim et al. 2024, section 3.2).

    n  pictures    K  labels    maps {name: (n, C, h, w)}  feature maps of any size, aligned with the picture

Three convolutions, as the paper's text has it (its code has five). The first is 1 x 1 over all maps stacked at the
picture's size; since upsampling and a 1 x 1 convolution commute, it runs at each map's own size and its few outputs are
upsampled and added: the same numbers without the gigabyte of stacked maps.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.parts.masked_regions import checked_masks

HIDDEN, SLOPE = 16, 0.2
RATE, DECAY = 3e-3, 1e-4
BATCH = 5


class PartHead(nn.Module):
    """Scores (n, K, H, W) of every label from maps; `channels` {name: C} names the maps that it reads.

    Maps are standardised by channel with statistics of the labelled pictures (`standardise`).
    """

    def __init__(self, channels: Mapping[str, int], labels: int, size: int, hidden: int = HIDDEN):
        super().__init__()
        self.names, self.labels, self.size = tuple(channels), labels, size
        self.inputs = nn.ModuleList(
            nn.Conv2d(c, hidden, 1, bias=number == 0) for number, c in enumerate(channels.values())
        )
        for number, c in enumerate(channels.values()):
            self.register_buffer(f"mean{number}", torch.zeros(1, c, 1, 1))
            self.register_buffer(f"scale{number}", torch.ones(1, c, 1, 1))
        self.middle = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.output = nn.Conv2d(hidden, labels, 3, padding=2, dilation=2)

    def standardise(self, maps: Mapping[str, Tensor]) -> None:
        """Take mean and spread of each channel from `maps`."""
        for number, name in enumerate(self.names):
            getattr(self, f"mean{number}").copy_(maps[name].mean((0, 2, 3), keepdim=True))
            getattr(self, f"scale{number}").copy_(1 / maps[name].std((0, 2, 3), keepdim=True).clamp(min=1e-4))

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        parts = []
        for number, name in enumerate(self.names):
            mean, scale = getattr(self, f"mean{number}"), getattr(self, f"scale{number}")
            parts.append(self._resize(self.inputs[number]((maps[name] - mean) * scale)))
        return self.output(F.leaky_relu(self.middle(F.leaky_relu(sum(parts[1:], parts[0]), SLOPE)), SLOPE))

    def _resize(self, maps: Tensor) -> Tensor:
        if maps.shape[2:] == (self.size, self.size):
            return maps
        return F.interpolate(maps, (self.size, self.size), mode="bilinear", align_corners=False)

    @torch.inference_mode()
    def masks(self, maps: Mapping[str, Tensor]) -> Tensor:
        """The label of every pixel: (n, H, W) uint8."""
        return self(maps).argmax(1).to(torch.uint8)


def fit_head(
    maps: Mapping[str, Tensor], masks: Tensor, labels: int, *, epochs: int = 100, seed: int = 0, batch: int = BATCH
) -> PartHead:
    """Learn parts from labelled pictures: cross-entropy, Adam, the rate divided by ten for the last quarter.

    Parameters
    ----------
    maps : {name: (n, C, h, w)} of the labelled pictures.
    masks : (n, H, W) integers in 0..labels-1, square.

    Raises
    ------
    UnitscopeError
        If there are no maps, or maps and masks are not of the same pictures.
    """
    maps = _maps(maps)
    masks = checked_masks(masks, labels)
    epochs, batch, seed = (
        checking.count("epochs", epochs),
        checking.count("batch", batch),
        checking.count("seed", seed, 0),
    )
    if masks.shape[1] != masks.shape[2]:
        raise UnitscopeError(f"`masks` must be square, got {tuple(masks.shape)}.")
    if not maps or any(len(one) != len(masks) for one in maps.values()):
        raise UnitscopeError(
            f"fit_head needs maps of the {len(masks)} labelled pictures, got"
            f" { ({k: len(v) for k, v in maps.items()}) }."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = PartHead({name: one.shape[1] for name, one in maps.items()}, labels, masks.shape[-1]).to(masks.device)
    head.standardise(maps)
    order = torch.Generator().manual_seed(seed)
    learn = torch.optim.Adam(head.parameters(), RATE, weight_decay=DECAY)
    rate = torch.optim.lr_scheduler.StepLR(learn, max(1, round(0.75 * epochs)), 0.1)
    for _ in range(epochs):
        for rows in torch.randperm(len(masks), generator=order).split(batch):
            loss = F.cross_entropy(head({name: one[rows] for name, one in maps.items()}), masks[rows].long())
            learn.zero_grad()
            loss.backward()
            learn.step()
        rate.step()
    return head.eval().requires_grad_(False)


def _maps(maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Finite maps (n, C, h, w) by name."""
    checking.instance("maps", maps, Mapping, "{name: (n, C, h, w)}")
    return {
        checking.text("name of a map", name): checking.finite(f"maps[{name!r}]", one, "(n, C, h, w)")
        for name, one in maps.items()
    }


def iou(found: Tensor, true: Tensor, labels: int) -> Tensor:
    """Intersection over union of every label, pooled over all pixels of masks (n, H, W): (labels,); NaN where neither
    has it.
    """
    found, true = checked_masks(found, labels), checked_masks(true, labels)
    if found.shape != true.shape:
        raise UnitscopeError(f"iou needs masks of one shape, got {tuple(found.shape)} and {tuple(true.shape)}.")
    table = torch.bincount(true.flatten().long() * labels + found.flatten().long(), minlength=labels**2)
    table = table.view(labels, labels).double()
    both = table.diagonal()
    return both / (table.sum(0) + table.sum(1) - both)
