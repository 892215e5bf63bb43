"""What the renderer knows: which parts of two species differ, and which factor a tuned unit should change (ours).

    K  labels, the critters' PARTS    U  units    n  pictures

The species are defined by lengths and angles of parts, coats and colours, so the true difference of two species is
known. With the procedural generator, w is itself a list of factors: what tuning a unit does to them can be read off.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from unitscope.data.critters import NAMES, PARTS, SPECIES
from unitscope.data.critters.species import MEASURES
from unitscope.metrics.parts import METRICS
from unitscope.models import Generator

OWNERS = {
    "body": "body",
    "hip": "body",
    "shoulder": "body",
    "neck": "body",
    "leg": "legs",
    "head": "head",
    "snout": "snout",
    "ear": "ears",
    "tail": "tail",
}
COAT = "coat"
CLOSE = 2  # parts in which relatives differ at most
# factor of the renderer -> where it must show: (labels, measure); "lean" is the tilt, reversed for critters that face
# left
SHOWS = {
    "eye_size": (("eyes",), "area"), "plumpness": (("body",), "area"), "scale": (("body", "head", "legs"), "area"),
    "tongue": (("tongue",), "area"), "brightness": (("background",), "luminance"), "shade": (("body",), "luminance"),
    "lean": (("body",), "angle"),
}  # fmt: skip


def differing_parts(one: str, other: str) -> set[str]:
    """Parts whose shape differs between two species, and "coat" if their patterns do.

    Unknown species (of another world than the critters') differ in everything.
    """
    if one not in SPECIES or other not in SPECIES:
        return {*PARTS[1:], COAT}
    a, b = SPECIES[one], SPECIES[other]
    found = {OWNERS[name.split("_")[0]] for name in MEASURES if getattr(a, name) != getattr(b, name)}
    return found | ({COAT} if a.patterns != b.patterns else set())


def related(one: str, other: str) -> bool:
    """Whether two species differ in two parts at most: pika and hare, cat, lynx and leopard, fox and hound, ..."""
    return len(differing_parts(one, other)) <= CLOSE


def kin(species: Sequence[str]) -> list[tuple[str, str]]:
    """All related pairs among `species`."""
    return [pair for pair in combinations(species, 2) if related(*pair)]


def expected(one: str, other: str) -> dict[str, float]:
    """{part: sign of its area's change} on the way from one species to the other, by length; empty if only the coat
    differs.
    """
    if one not in SPECIES or other not in SPECIES:
        return {}
    size = {
        name: (getattr(SPECIES[one], name), getattr(SPECIES[other], name))
        for name in ("ear", "tail", "snout", "leg")
        if hasattr(SPECIES[one], name)
    }
    return {OWNERS[name]: float(np.sign(b - a)) for name, (a, b) in size.items() if a != b}


def true_share(changes: Tensor, one: str, other: str) -> float:
    """Share of the summed relative area changes (K, M) that lies in the parts in which two species differ."""
    parts = [PARTS.index(part) for part in differing_parts(one, other) if part in PARTS]
    area = changes[:, METRICS.index("area")].abs()[1:]
    total = float(area.sum())
    return float(sum(area[part - 1] for part in parts)) / total if total else 0.0


def factor_changes(gan: Generator, w: Tensor) -> dict[str, Tensor]:
    """How each factor of SHOWS changes from the lowest to the highest value of every unit: w (U, 2, n, D) -> {factor:
    (U, n)}.
    """
    shape = w.shape[:-1]
    found = dict(vars(gan.factors(w.reshape(-1, w.shape[-1]))))
    found["lean"] = found["tilt"] * found["facing"]
    return {name: (values := found[name].float().view(shape).cpu())[:, 1] - values[:, 0] for name in SHOWS}


def measured_changes(values: Tensor) -> dict[str, Tensor]:
    """The profile's changes (U, n, K, M) where each factor must show: {factor: (U, n)}."""
    found = {}
    for name, (labels, metric) in SHOWS.items():
        columns = [PARTS.index(label) for label in labels]
        found[name] = values[:, :, columns, METRICS.index(metric)].mean(-1)
    return found


def agreement(factors: dict[str, Tensor], measured: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
    """Rank correlation over units between the factor's and the measure's mean change, with its counterpart for every
    wrong factor.

    Returns
    -------
    right {factor: scalar}, and the table (F, F) of all factors (rows) with all measures (columns).
    """
    names = list(factors)
    true, seen = (torch.stack([ranks(one[name].mean(1)) for name in names]) for one in (factors, measured))
    table = torch.corrcoef(torch.cat([true, seen])).nan_to_num(0.0)[: len(names), len(names) :]
    return {name: table[row, row] for row, name in enumerate(names)}, table


def ranks(values: Tensor) -> Tensor:
    """Ranks of values (m,), 1 the smallest, ties at the mean of their ranks, as float64."""
    return torch.from_numpy(rankdata(values.cpu().numpy(), nan_policy="propagate"))


def known(gan: Generator) -> bool:
    """Whether the generator knows its masks and factors."""
    return not gan.layers and set(gan.classes) <= set(NAMES)
