"""The same critters drawn in other ways: pencil sketches and flat cartoons, out of every network's experience.

    cartoon   parts in one flat colour each with dark outlines, on one flat ground: no light, no pattern, no texture
    sketch    dark outlines of the parts on paper, with hatching where the coat is patterned

Both are painted from the exact part masks and factors, so poses and species are those of the picture with that index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data.critters import CHUNK
from unitscope.data.critters.anatomy import coats
from unitscope.data.critters.latent_factors import Factors
from unitscope.data.critters.renderer import grid, render
from unitscope.data.critters.species import PARTS
from unitscope.data.images import Batch, ImageSet, Truth
from unitscope.errors import UnitscopeError, unknown

GROUNDS = torch.tensor([
    [0.62, 0.80, 0.50], [0.95, 0.87, 0.66], [0.55, 0.80, 0.92], [0.85, 0.60, 0.50],
    [0.90, 0.87, 0.80], [0.30, 0.30, 0.52], [0.45, 0.65, 0.42], [0.84, 0.86, 0.90],
])  # fmt: skip
INK, PAPER = (0.12, 0.11, 0.13), (0.98, 0.97, 0.94)
FINE = 4  # masks are painted that much larger, so that lines are smooth


def outlines(masks: Tensor) -> Tensor:
    """1 where neighbouring pixels of masks (B, H, W) belong to different parts, (B, 1, H, W), two pixels wide."""
    padded = F.pad(masks[:, None].float(), (1, 1, 1, 1), mode="replicate")
    high, low = F.max_pool2d(padded, 3, 1), -F.max_pool2d(-padded, 3, 1)
    return (high != low).float()


def cartoon(f: Factors, masks: Tensor) -> Tensor:
    """Flat-shaded pictures (B, 3, H, W) of factors and their masks (B, H, W)."""
    fur, dark = coats(f)
    fixed = torch.tensor([[0.99, 0.99, 0.97], [0.95, 0.45, 0.52]], device=masks.device).expand(len(masks), 2, 3)
    coat, pale = fur[:, 0], fur[:, 2]
    table = {
        "background": GROUNDS.to(masks.device)[f.background],
        "eyes": fixed[:, 0],
        "tongue": fixed[:, 1],
        "snout": pale,
        "ears": dark * 1.4,
        "legs": fur[:, 1],
    }
    colours = torch.stack([table.get(part, coat) for part in PARTS], 1).clamp(0, 1)  # (B, parts, 3)
    flat = torch.gather(colours, 1, masks.flatten(1)[..., None].long().expand(-1, -1, 3))
    canvas = flat.transpose(1, 2).unflatten(2, masks.shape[1:])
    return torch.lerp(canvas, ink(masks), outlines(masks))


def sketch(f: Factors, masks: Tensor) -> Tensor:
    """Pencil drawings (B, 3, H, W) of factors and their masks (B, H, W)."""
    x, y = grid(masks.shape[-1], masks.device)
    paper = torch.tensor(PAPER, device=masks.device).view(1, 3, 1, 1).expand(len(masks), 3, *masks.shape[1:])
    patterned = (f.pattern > 0)[:, None, None] & (masks == PARTS.index("body"))
    hatching = ((x + y) * 9 % 1 < 0.22)[None] & patterned
    lines = torch.maximum(outlines(masks), 0.7 * hatching[:, None].float())
    return torch.lerp(paper, ink(masks), lines)


def ink(masks: Tensor) -> Tensor:
    return torch.tensor(INK, device=masks.device).view(1, 3, 1, 1).expand(len(masks), 3, *masks.shape[1:])


STYLES: dict[str, Callable[[Factors, Tensor], Tensor]] = {"cartoon": cartoon, "sketch": sketch}


class Styled(ImageSet):
    """The critters of another set, drawn in a style of `STYLES`; the truth is that set's.

    critters : any set whose truth is known: the world itself, or a part of it, in memory or not.

    Raises
    ------
    UnitscopeError
        For an unknown style, or a set whose factors are not known.
    """

    def __init__(self, critters: ImageSet, style: str):
        if style not in STYLES:
            raise unknown("style", style, STYLES)
        if critters.truth([]) is None:
            raise UnitscopeError(
                f"{critters.name} cannot be drawn as {style}: what its images show is not known; take critters/test."
            )
        self.critters, self.style, self.name = critters, style, f"{critters.name} as {style}"
        self.classes, self.image_size, self.labels = critters.classes, critters.image_size, critters.labels

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        found = self.critters.truth(order).factors
        fine = [
            render(found.select(rows), FINE * self.image_size).masks for rows in torch.arange(len(order)).split(CHUNK)
        ]
        drawn = STYLES[self.style](found, torch.cat(fine))
        return Batch(F.avg_pool2d(drawn, FINE).clamp(0, 1), self.labels[order], order)

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        return self.critters.truth(indices)

    def fingerprint(self) -> str:
        return f"{self.critters.fingerprint()}-{self.style}"
