"""What every unit changes, in numbers (Wehrheim et al. 2024, sections 3.2, 4.3 and 4.4; Fig. 5 and 6).

C  classes    U  units    n  pictures of each    K  labels    M  measures    c  logits
Each picture is drawn with unit i at its lowest and at its highest value and measured, part by part, both times;
nothing of a picture is kept but its measures, the probabilities that the classifier gives it, and unit i itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unitscope.extract.penultimate import Reader
from unitscope.metrics.parts import METRICS, change, measure
from unitscope.metrics.statistics import median
from unitscope.papers.linking.link import Link
from unitscope.papers.linking.pairs import LinkedPairs
from unitscope.papers.linking.segmentation import LABELS, Artist
from unitscope.papers.linking.tuning import Tuner
from unitscope.progress import progress

BATCH = 64
SEEN = 0.1  # share of pictures in which a label must be present to count


@dataclass(frozen=True)
class Profile:
    """names: classes; tuner: what was tuned.

    values : (C, U, n, K, M) changes from lowest to highest, 0 for absent parts.
    present : (C, U, n, K) whether the part was there.
    ends : (C, U, 2, n, c) probabilities at both ends; None without a head.
    echo : (C, U, 2, n) the tuned direction of R, read again from the drawn pictures.
    """

    names: tuple[str, ...]
    tuner: Tuner
    values: Tensor
    present: Tensor
    ends: Tensor | None
    echo: Tensor

    def vectors(self, metric: str = "area", drop: bool = False, bounded: bool = False) -> Tensor:
        """Median change over pictures of every label by one measure (C, U, K).

        drop : leave out labels that are hardly ever seen, whose zeros make any vector sparse.
        bounded : areas relative to the mean of both ends instead of the first, (b - a) / ((a + b) / 2), so that a part
            that appears counts 2 and not its number of pixels.
        """
        found = self.values[..., METRICS.index(metric)]
        found = 2 * found / (2 + found) if bounded else found
        found = median(found, 2)
        return found[..., self.kept()] if drop else found

    def all_vectors(self) -> Tensor:
        """Median changes by all measures (C, U, K, M)."""
        return median(self.values, 2)

    def kept(self) -> Tensor:
        """(K,) labels that are present in at least a tenth of the pictures; all where only one would be left."""
        seen = self.present.float().mean((0, 1, 2)) >= SEEN
        return seen if int(seen.sum()) > 1 else torch.ones_like(seen)

    def halves(self) -> tuple[Profile, Profile] | None:
        """The same units on every second picture, and on the others; None where there is one picture only."""
        if self.values.shape[2] < 2:
            return None
        return tuple(
            replace(
                self,
                values=self.values[:, :, start::2],
                present=self.present[:, :, start::2],
                echo=self.echo[..., start::2],
                ends=None if self.ends is None else self.ends[:, :, :, start::2],
            )
            for start in (0, 1)
        )

    def rise(self) -> Tensor:
        """How far each direction rises when the drawings of its two ends are read again, as a share of how far it was
        tuned.

        Mean over classes and pictures, (V,) of those that have a range.
        """
        reach = self.tuner.high - self.tuner.low
        rise = (self.echo[:, :, 1] - self.echo[:, :, 0]).mean((0, 2))
        return (rise / reach.clamp(min=1e-9))[reach > 0]


@torch.no_grad()
def profile(artist: Artist, reader: Reader, link: Link, pairs: LinkedPairs, tuner: Tuner, n: int) -> Profile:
    """Tune every direction on the first `n` pairs of every class.

    The masks' middle step of the paper serves its rule for small parts only; here two ends are enough.
    """
    values, present, ends, echo = [], [], [], []
    side = artist.gan.image_size
    for group in progress(range(len(pairs.names)), len(pairs.names), "classes"):
        r = pairs.of(group, n).r
        w = tuner.latents(link, r, 2)
        table, p, back = _measured(artist, reader, w, tuner)
        found = change(table[:, 0], table[:, 1], side)
        values.append(found.values)
        present.append(found.present)
        ends.append(p)
        echo.append(back)
    whole = None if ends[0] is None else torch.stack(ends)
    return Profile(pairs.names, tuner, torch.stack(values), torch.stack(present), whole, torch.stack(echo))


def _measured(artist: Artist, reader: Reader, w: Tensor, tuner: Tuner) -> tuple[Tensor, Tensor | None, Tensor]:
    """Measures (U, 2, n, K, M), probabilities (U, 2, n, c) and echoes (U, 2, n) of latents w (U, 2, n, D)."""
    shape, flat = w.shape[:-1], w.reshape(-1, w.shape[-1])
    which = torch.arange(shape[0]).repeat_interleave(shape[1] * shape[2])
    tables, probabilities, echoes = [], [], []
    for rows in torch.arange(len(flat)).split(BATCH):
        drawn = artist.paint_all(flat[rows])
        tables.append(measure(drawn.images, drawn.masks, LABELS))
        r = reader.read(drawn.images)[0]
        echoes.append((r.cpu() * tuner.inputs[which[rows]]).sum(1))
        if reader.has_head:
            probabilities.append(reader.probabilities(r).cpu())
    p = torch.cat(probabilities).view(*shape, -1) if probabilities else None
    return torch.cat(tables).view(*shape, LABELS, len(METRICS)), p, torch.cat(echoes).view(shape)
