"""Sentences of the chapter that depend on network and images: what was done, in words; other networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unitscope.errors import UnitscopeError
from unitscope.evidence.pure.contents import CRITTER_FACTORS, Factor
from unitscope.models.load import load_models
from unitscope.network_names import label, labels
from unitscope.papers.pure.collect import LayerStudy, study

BY_RELEVANCE = (
    "Relevance (LRP) is followed from the unit's peak back to the pixels, and the crop is the square around what it "
    "touches."
)
BY_FIELD = (
    "No relevance is followed here: the crop is a square around the unit's peak, as large as the layer effectively "
    "looks (its receptive field, measured by gradients)."
)


def of_crops(known: LayerStudy) -> str:
    """How crops were made."""
    way = BY_RELEVANCE if known.setting.crop == "lrp" else BY_FIELD
    return f"{way} Crops cover {float(known.areas().mean()):.0%} of the image in the mean."


def of_data(factors: Mapping[str, Factor]) -> str:
    """What is known of the images, and so what can be asked."""
    if CRITTER_FACTORS.keys() <= factors.keys():
        return "The images are computed from known factors."
    if factors:
        return f"Of these images the {' and the '.join(factors)} is known, and nothing else."
    return "Nothing is known of these images, not even a class, so this cannot be asked of them and is skipped."


def of_references(known: LayerStudy) -> str:
    """How references were ranked, and which units were left out for it."""
    n, limit = known.references.shape[1], known.setting.model.layer(known.setting.layer).limit
    found = []
    if limit is not None:
        found.append(
            f"The layer's activation ends at {limit:g}, which many images reach; they are ranked by the value before "
            "it."
        )
    if len(known.saturated):
        found.append(
            f"Of {len(known.saturated)} units more than {n} images have one and the same largest response, so that the "
            "order of the images would choose the references; "
            + ("these units are left out." if not set(known.saturated.tolist()) & set(known.units.tolist())
               else "no others respond, so read everything below with that in mind.")
        )  # fmt: skip
    return " ".join(found)


def family(
    names: Sequence[str | Mapping[str, str]], studied: LayerStudy, model: str, weights: str, device: str = "auto", **how
) -> tuple[dict[str, LayerStudy], str]:
    """Other networks at the same layers and images, in the order of their names, the studied one among them.

    Returns
    -------
    {short name: LayerStudy}, empty where the studied network is not among `names`; and what was left out, in words.
    """
    setting = studied.setting
    known = {label(model), label({"name": model, "weights": weights})}
    given = labels(names)
    if not known & set(given):
        asked = f"`networks` lists {', '.join(given)}" if given else "`networks` is empty"
        return {}, f"{asked}, and not the studied network, so no other network is compared."
    found, reasons = {}, []
    for name, spec in given.items():
        if name in known:
            found[name] = studied
            continue
        (other,) = load_models([spec], device=device).values()
        try:
            found[name] = study(other, setting.images, setting.layer, setting.lower, **how)
        except UnitscopeError as error:
            reasons.append(f"{name} is left out: {error}")
    return {short(name, found): one for name, one in found.items()}, " ".join(reasons)


def short(name: str, among: Sequence[str]) -> str:
    """The last part of a name, or all of it where two would be called alike."""
    last = name.split("/")[-1]
    return last if sum(other.split("/")[-1] == last for other in among) == 1 else name
