"""The link with other classifiers and with real pictures (the supplement, and ours)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from sklearn.linear_model import RidgeCV
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.evidence.linking.cycles import Eyes, class_means, distances, partners
from unitscope.extract.penultimate import Reader
from unitscope.papers.linking.link import Link, squared_error
from unitscope.papers.linking.studies import Cycle, LinkStudy, cycle

PENALTIES = tuple(
    10.0**power for power in range(-2, 5)
)  # the best of these, by leave-one-out, on standardised activations


def other_links(study: LinkStudy, models: Sequence, per_class: int = 120) -> dict[str, tuple[float, float | None]]:
    """{classifier: (R^2 within classes, share of kept classes)} on the same pictures; the studied one stands first.

    The kept share is None without a head, or with one for other classes. Every classifier gets the same pairs; its
    activations are standardised and its ridge penalty is the best one by leave-one-out, so that the scale of its
    activations does not matter.
    """
    train = study.train.rows(
        torch.cat([(study.train.groups == g).nonzero().flatten()[:per_class] for g in range(len(study.species))])
    )
    with torch.no_grad():
        images = torch.cat([study.gan.synthesize(part.to(study.gan.device)).cpu() for part in train.w.split(64)])
    test, found = study.test, {}
    baseline = (test.w.double() - class_means(study.train)[test.groups].double()).square().mean(1)
    for reader in [study.reader, *(_reader(model) for model in models)]:
        own = reader is study.reader
        taught, r = (train.r, test.r) if own else (reader.read(images)[0].cpu(), reader.read(test.images)[0].cpu())
        link = fit_standardised(taught, train.w)
        within = 1 - float(squared_error(link, r, test.w).mean() / baseline.mean())
        kept = None
        if reader.has_head and set(study.species) <= set(reader.classes):
            drawn = cycle(study.gan, reader, link, r)
            kept = float(
                (
                    reader.logits(drawn.r.to(reader.model.device)).argmax(1).cpu()
                    == reader.columns(study.species)[test.groups]
                )
                .double()
                .mean()
            )
        found[reader.name] = (within, kept)
    return found


def _reader(model) -> Reader:
    """A network at its penultimate layer; at its embedding where its head is of another kind."""
    try:
        return Reader(model)
    except UnitscopeError:
        return Reader(model, head=False)


def fit_standardised(r: Tensor, w: Tensor) -> Link:
    """Ridge regression on standardised activations, its penalty chosen among `PENALTIES` by leave-one-out."""
    scale = r.double().std(0).clamp(min=1e-9)
    found = RidgeCV(PENALTIES).fit((r.double() / scale).numpy(), w.double().numpy())
    return Link(torch.from_numpy(found.coef_ / scale.numpy()).float(), torch.from_numpy(found.intercept_).float())


@dataclass(frozen=True)
class RealCycle:
    """images (n, 3, H, W), labels' names, their cycle, distances {"judge" | ...: {"cycled" | "same class": (n,)}}, kept
    (n,) or None.
    """

    images: Tensor
    names: list[str]
    cycled: Cycle
    found: dict[str, dict[str, Tensor]]
    kept: Tensor | None


@torch.no_grad()
def real_cycle(study: LinkStudy, world: ImageSet, eyes: Eyes, n: int = 120, seed: int = 0) -> RealCycle | None:
    """Pictures that the generator never drew, once around; None if the set holds none of the species studied."""
    numbers = {world.classes.index(name): group for group, name in enumerate(study.species) if name in world.classes}
    chosen = torch.tensor(
        [i for i, label in enumerate(world.labels.tolist()) if label in numbers][:n], dtype=torch.int64
    )
    if len(chosen) < 2 * len(numbers) or not numbers:
        return None
    batch = world.load(chosen)
    images, groups = batch.images.cpu(), torch.tensor([numbers[label] for label in batch.labels.tolist()])
    cycled = cycle(study.gan, study.reader, study.link, study.reader.read(images)[0].cpu())
    own = eyes.look(images)
    same, _ = partners(groups, seed)
    columns = {"cycled": distances(own, eyes.look(cycled.images)), "same class": distances(own, own.rows(same))}
    kept = None
    if study.reader.has_head:
        right = study.reader.columns(study.species)[groups]
        kept = study.reader.logits(cycled.r.to(study.reader.model.device)).argmax(1).cpu() == right
    table = {
        name: {column: values[name].double() for column, values in columns.items()}
        for name in ("judge", "LPIPS", "pixels", "SSIM")
    }
    return RealCycle(images, [study.species[g] for g in groups.tolist()], cycled, table, kept)
