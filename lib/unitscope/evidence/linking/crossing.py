"""Counterfactuals of several pairs of species and the ways to them; nothing without a head.

a way is written "pika>hare": from pictures of pika to the class hare
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.evidence.linking.cycles import Eyes, distances
from unitscope.evidence.linking.gradcam import grad_cam
from unitscope.evidence.linking.journey import STEPS, Journey, journey
from unitscope.extract.penultimate import Reader
from unitscope.papers.linking.counterfactuals import (
    MAX_STEPS,
    ORIGINAL_WEIGHT,
    RATE,
    STARTS,
    Counterfactual,
    counterfactual,
    drawn_as,
)
from unitscope.papers.linking.segmentation import Artist
from unitscope.papers.linking.studies import LinkStudy

WEAKER = (1.0, 0.3)  # identity weights tried beside the paper's 10, whose logits span more than ours


def ends(way: str) -> tuple[str, str]:
    """The two species of a way.

    Raises
    ------
    UnitscopeError
        If it is not written "one>other".
    """
    names = tuple(name.strip() for name in way.split(">"))
    if len(names) != 2 or not all(names):
        raise UnitscopeError(f"a way is written 'pika>hare', got {way!r}.")
    return names


def crossings(
    study: LinkStudy, ways: Sequence[str], n: int = 12, max_steps: int = MAX_STEPS, seed: int = 0
) -> dict[str, dict[str, Counterfactual]]:
    """{way: {start: counterfactual}} of `n` held-out pictures each, by a zero and by a random start; {} without a head.

    Pictures whose drawing is not seen as their own class are left out, as far as there are enough others.
    """
    if not study.reader.has_head:
        return {}
    found = {}
    for way in ways:
        one, other = ends(way)
        if one not in study.species:
            raise UnitscopeError(
                f"a way starts at one of the species studied ({', '.join(study.species)}), got {way!r}."
            )
        r = study.test.of(study.species.index(one)).r
        home = drawn_as(study.gan, study.reader, study.link, r).cpu() == study.reader.columns([one])
        r = r[torch.argsort(~home, stable=True)[:n]]
        found[way] = {
            start: counterfactual(
                study.gan, study.reader, study.link, r, one, other, start=start, max_steps=max_steps, seed=seed
            )
            for start in STARTS
        }
    return found


def pooled(tried: Mapping[str, Mapping[str, Counterfactual]]) -> dict[str, Counterfactual]:
    """{setting: all its ways as one}."""
    return {name: joined(list(ways.values())) for name, ways in tried.items()}


def joined(parts: Sequence[Counterfactual]) -> Counterfactual:
    """Several counterfactuals as one."""
    return Counterfactual(
        *(torch.cat([getattr(part, name) for part in parts]) for name in ("start", "end", "steps", "reached"))
    )


def settings(
    study: LinkStudy,
    found: Mapping[str, Mapping[str, Counterfactual]],
    max_steps: int = MAX_STEPS,
    weaker: Sequence[float] = WEAKER,
) -> dict[str, dict[str, Counterfactual]]:
    """{setting: {way: counterfactual}}: ours from both starts, then from the zero start identity terms of the weights
    `weaker` instead of 10, and the rate of the authors' code. {} without a head.
    """
    if not found:
        return {}
    result = {f"{start} start": {way: starts[start] for way, starts in found.items()} for start in STARTS}
    other = {weight_name(weight): {"weights": (ORIGINAL_WEIGHT, weight)} for weight in weaker} | {
        f"rate {RATE}": {"rate": RATE}
    }
    for name, setting in other.items():
        result[name] = {
            way: counterfactual(
                study.gan, study.reader, study.link, starts["zero"].start, *ends(way), max_steps=max_steps, **setting
            )
            for way, starts in found.items()
        }
    return result


def weight_name(weight: float) -> str:
    """How a setting with another identity weight is called."""
    return f"identity weight {weight:g}"


def most_faithful(
    tried: Mapping[str, Mapping[str, Counterfactual]], weaker: Sequence[float] = WEAKER, least: float = 0.5
) -> str | None:
    """The setting whose ways are drawn: the strongest identity term, from a zero start, with which half of the pictures
    reach the target; where none does, the one with which most do. None without a head.
    """
    names = ["zero start", *map(weight_name, sorted(weaker, reverse=True))]
    shares = {name: float(one.reached.double().mean()) for name, one in pooled(tried).items() if name in names}
    shares = {name: shares[name] for name in names if name in shares}
    enough = [name for name, share in shares.items() if share >= least]
    return enough[0] if enough else max(shares, key=shares.get, default=None)


def logit_spread(study: LinkStudy) -> float:
    """Standard deviation of the logits over held-out pictures and classes: what an identity weight is to be compared
    with.
    """
    return (
        float(study.reader.logits(study.test.r.to(study.reader.model.device)).std())
        if study.reader.has_head
        else float("nan")
    )


def named_by_head(study: LinkStudy, found: Mapping[str, Mapping[str, Counterfactual]], start: str = "zero") -> Tensor:
    """Whether the head alone, asked about r' itself and not its drawing, names the target (n,); empty without a
    head.
    """
    device, parts = study.reader.model.device, [torch.zeros(0, dtype=torch.bool)]
    for way, starts in found.items():
        seen = study.reader.logits(starts[start].end.to(device)).argmax(1).cpu()
        parts.append(seen == study.reader.columns([ends(way)[1]]))
    return torch.cat(parts)


def journeys(
    study: LinkStudy,
    artist: Artist,
    found: Mapping[str, Counterfactual],
    eyes: Eyes,
    per_way: int = 6,
    steps: int = STEPS,
) -> dict[str, list[Journey]]:
    """{way: journeys} of the first pictures that reached the target; an empty list where none did."""
    return {
        way: [
            journey(artist, study.reader, study.link, one, row, ends(way), eyes, steps)
            for row in one.reached.nonzero().flatten()[:per_way].tolist()
        ]
        for way, one in found.items()
    }


def step_sizes(ways: Sequence[Journey], eyes: Eyes) -> list[float]:
    """LPIPS between the two pictures at the boundary of every way; 0 where there is none."""
    return [
        (
            float(distances(*(eyes.look(way.images[k][None]) for k in (way.boundary - 1, way.boundary)))["LPIPS"])
            if way.boundary
            else 0.0
        )
        for way in ways
    ]


def heats(study: LinkStudy, ways: Sequence[Journey]) -> list[Tensor]:
    """Grad-CAM of the target on the two pictures around every boundary: (2, H, W) each."""
    found = []
    for way in ways:
        after = way.boundary or len(way.positions) // 2
        found.append(grad_cam(study.reader.model, way.images[after - 1 : after + 1], way.numbers[1]))
    return found


def straight(
    reader: Reader,
    r: Tensor,
    original: str,
    target: str,
    steps: int,
    *,
    weight: float = ORIGINAL_WEIGHT,
    rate: float = RATE,
) -> Tensor:
    """r' (n, d) after `steps` steps from a zero start without the identity term: the closed form."""
    o, t = reader.columns([original, target]).tolist()
    v = reader.weight
    return r + steps * rate * (v[t] - weight * v[o]).to(r)
