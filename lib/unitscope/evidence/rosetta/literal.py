"""The published procedure, written from its description: what our one pass is measured and checked against.

`pairwise` runs both networks twice, once for means and deviations and once for products, and resizes every map anew for
every pair of layers. `batch_cosine` is the score of the published code, which is not the paper's: the cosine of maps
centred at the data set's mean, one for each batch, averaged over batches. Two units that are silent in a batch have the
same negative constant there and score 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.extract.cross_moments import CrossMoments
from unitscope.extract.taps import Taps
from unitscope.extract.unit_views import Pilot, unit_table, views
from unitscope.models import Generator, VisionModel


def resized(maps: Tensor, size: int) -> Tensor:
    """Maps (B, C, s, s) at another size, bilinear, corners not aligned."""
    return (
        maps if maps.shape[-1] == size else F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False)
    )


@torch.no_grad()
def pairwise(gan: Generator, model: VisionModel, batches: Sequence[Tensor]) -> Tensor:
    """rho (N_g, N_d) by two passes over latents `batches` and an upsampled copy for every pair of layers.

    Means and deviations are taken after resizing, so that the result is Pearson's correlation.
    """
    own, theirs = unit_table(gan), unit_table(model)
    blocks = [(a, b, max(s, t)) for a, s in zip(own.layers, own.sides) for b, t in zip(theirs.layers, theirs.sides)]
    n = sum(map(len, batches))
    total = {block: [0, 0, 0, 0] for block in blocks}
    products = dict.fromkeys(blocks, 0)
    with Taps(model, theirs.layers) as taps:
        for w in batches:
            for block, g, d in pairs_of(gan, taps, w, blocks):
                sums = [m.double().sum((0, 2, 3)) for m in (g, d)] + [
                    m.double().square().sum((0, 2, 3)) for m in (g, d)
                ]
                total[block] = [old + new for old, new in zip(total[block], sums, strict=True)]
        means, deviations = {}, {}
        for a, b, size in blocks:
            values = n * size**2
            sg, sd, qg, qd = total[a, b, size]
            means[a, b, size] = (sg / values).float(), (sd / values).float()
            deviations[a, b, size] = [
                (q / values - (s / values).square()).clamp(min=0).sqrt() for s, q in ((sg, qg), (sd, qd))
            ]
        for w in batches:
            for block, g, d in pairs_of(gan, taps, w, blocks):
                g, d = (m - mean[:, None, None] for m, mean in zip((g, d), means[block], strict=True))
                products[block] = products[block] + torch.einsum("nahw,nbhw->ab", g, d).double()
    rows = {name: [] for name in own.layers}
    for a, b, size in blocks:
        scale = torch.outer(*deviations[a, b, size]) * n * size**2
        rows[a].append(torch.where(scale > 0, products[a, b, size] / scale, 0.0))
    return torch.cat([torch.cat(row, 1) for row in rows.values()])


def pairs_of(gan: Generator, taps: Taps, w: Tensor, blocks):
    """Both maps of every pair of layers, resized to the larger side."""
    images, maps = gan.synthesize_with_features(w)
    seen = taps(images)
    for a, b, size in blocks:
        yield (a, b, size), resized(maps[a], size), resized(seen[b], size)


@torch.no_grad()
def batch_cosine(gan: Generator, model: VisionModel, batches: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The published code's score and Pearson's correlation (both (N_g, N_d)) over the same batches.

    The cosine of one batch needs no more than that batch's moments about the data set's mean.
    """
    own, theirs = Pilot(unit_table(gan)), Pilot(unit_table(model))
    with Taps(model, theirs.table.layers) as taps:
        whole, parts = CrossMoments(own, theirs), []
        for w in batches:
            images, maps = gan.synthesize_with_features(w)
            part = CrossMoments(own, theirs)
            part.update(views(maps, own, theirs.table.sides), views(taps(images), theirs, own.table.sides))
            parts.append(part)
            whole.merge(part)
    centres = [side_means(whole, side) for side in (0, 1)]
    scores = torch.stack([cosine(part, *centres) for part in parts]).mean(0).cpu()
    back = own.table.order.argsort(), theirs.table.order.argsort()
    return scores[back[0]][:, back[1]], whole.result().rho


def side_means(moments: CrossMoments, side: int) -> Tensor:
    """Means (units,) at native size, in sorted order and in shifted and scaled values."""
    return torch.cat([moments.maps[side][s].sum((0, 1)) / (moments.n * s * s) for s in sorted(moments.maps[side])])


def cosine(part: CrossMoments, left: Tensor, right: Tensor) -> Tensor:
    """Cosine of the maps of a batch about given centres (N_g,), (N_d,), in sorted order; 0 for a map without norm."""
    found = torch.zeros_like(part.products, dtype=torch.float64)
    for s, t in part.blocks():
        rows, columns = slice(*part.rows[s]), slice(*part.columns[t])
        large = max(s, t)
        values = part.n * large**2
        a, b = part.total(0, s, large), part.total(1, t, large)
        u, v = left[rows], right[columns]
        product = (
            part.products[rows, columns].double() - torch.outer(a, v) - torch.outer(u, b) + values * torch.outer(u, v)
        )
        norms = [
            (part.squares(side, size, large) - 2 * centre * total + values * centre.square()).clamp(min=0)
            for side, size, centre, total in ((0, s, u, a), (1, t, v, b))
        ]
        scale = torch.outer(*norms).sqrt()
        found[rows, columns] = torch.where(scale > 1e-9 * values, product / scale.clamp(min=1e-300), 0.0)
    return found
