"""Once around: w -> picture -> r -> f(r) -> picture (Wehrheim et al. 2024, section 4.2, Fig. 3B, 3C and S1).

    n  held-out pictures    I their picture, J = G(f(r)) the cycled one
    Five distances between two pictures or their latents, smaller is nearer: MSE in W, pixel MSE, LPIPS, 1 - SSIM, and
    1 - cosine of a self-supervised network's embeddings, in the role of the paper's MoCo v2

Each is held against three baselines: another picture of the same class, one of another class, and the class mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.extract.penultimate import Reader
from unitscope.models import Generator
from unitscope.papers.linking.pairs import Pairs

BATCH = 64


@dataclass(frozen=True)
class Cycle:
    """w (n, D) and images (n, 3, H, W) after one round; r (n, d) read from them again."""

    w: Tensor
    images: Tensor
    r: Tensor


@torch.no_grad()
def cycle(gan: Generator, reader: Reader, link, r: Tensor) -> Cycle:
    """Draw f(r) of activations r (n, d), and read the drawing."""
    w = link.predict(r)
    images = torch.cat([gan.synthesize(part.to(gan.device)).cpu() for part in w.split(BATCH)])
    return Cycle(w.cpu(), images, reader.read(images)[0].cpu())


@torch.no_grad()
def kept_class(reader: Reader, pairs: Pairs, cycled: Cycle) -> Tensor | None:
    """Whether each cycled picture is still classified as its class (n,); None without a head."""
    if not reader.has_head:
        return None
    numbers = reader.columns(pairs.names)[pairs.groups]
    return reader.logits(cycled.r.to(reader.model.device)).argmax(1).cpu() == numbers
