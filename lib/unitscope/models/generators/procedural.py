"""The renderer of the critter world behind the generators' contract: the ground truth beside the networks.

    w = [z (32) | one-hot species (12)]      species = argmax of the last twelve

Truncation shrinks z alone, since the class mean is (0, one-hot). Masks and factors are exact.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data.critters import CHUNK, LATENT, NAMES, VERSION, Factors, Pictures, factors, render
from unitscope.models.generators.contract import Generator


class Procedural(Generator):
    """`critters/procedural`: no weights, no layers, no gradients; any w is drawn."""

    name, classes, image_size = "critters/procedural", NAMES, 64
    z_dim, w_dim, differentiable, knows_truth = LATENT, LATENT + len(NAMES), False, True

    def __init__(self, device: str | torch.device = "auto"):
        super().__init__(device)
        self.w_mean = torch.cat([torch.zeros(len(NAMES), LATENT), torch.eye(len(NAMES))], 1).to(self.device)

    def draw(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, F.one_hot(labels, len(self.classes)).to(z)], 1)

    def factors(self, w: Tensor) -> Factors:
        w = self.check(w)
        return factors(w[:, :LATENT], w[:, LATENT:].argmax(1))

    @torch.no_grad()
    def pictures(self, w: Tensor) -> Pictures:
        """Pictures and masks of any w (n, D), painted in one go."""
        found = self.factors(w)
        chunks = [
            render(found.select(rows), self.image_size)
            for rows in torch.arange(len(w), device=self.device).split(CHUNK)
        ]
        return Pictures(torch.cat([c.images for c in chunks]), torch.cat([c.masks for c in chunks]))

    def synthesize(self, w: Tensor) -> Tensor:
        return self.pictures(w).images

    def masks(self, w: Tensor) -> Tensor:
        return self.pictures(w).masks

    def fingerprint(self) -> str:
        return f"procedural-v{VERSION}"
