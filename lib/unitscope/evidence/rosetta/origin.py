"""Where the chapter's pictures come from: a generator, or photographs with a network in the generator's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from unitscope.data import load_dataset
from unitscope.data.critters import NAMES
from unitscope.data.held import hold
from unitscope.errors import UnitscopeError
from unitscope.evidence.rosetta.across import generator as load
from unitscope.metrics.verdicts import Verdict, untested
from unitscope.models import Generator, VisionModel, load_model
from unitscope.network_names import label
from unitscope.papers.rosetta.anchor import Anchor, without_anchor

CRITTERS = "critters/test"
NO_GENERATOR = "the pictures are photographs, and no generator takes part"
NO_MASKS = "no masks of these pictures are known"
ON_PICTURES = "on pictures"


def source(
    generator: str,
    weights: str,
    anchor: str | Mapping[str, str],
    images: str,
    models: Mapping[str, VisionModel],
    n: int,
    *,
    device: str = "auto",
    skip_corrupt: bool = False,
) -> tuple[Generator | Anchor, str, dict[str, VisionModel], int]:
    """What plays the generator's part, its state in a word, the networks to be matched with it, and how many pictures.

    Parameters
    ----------
    anchor, images : where one of them is named, a network reads the images and no generator is loaded: `anchor`, by
        default the first of the networks, on `images`, by default critters. Else the generator, by name and file.
    models : networks by name; the anchor is taken out of them.
    n : pictures, at most as many as there are.
    """
    if not anchor and not images:
        return *load(generator, weights, device), dict(models), n
    pictures = hold(load_dataset(images or CRITTERS, limit=n, skip_corrupt=skip_corrupt))
    chosen = label(anchor) if anchor else next(iter(models), None)
    if chosen is None:
        raise UnitscopeError("`networks` is empty: name the networks to be matched, and `anchor` beside them.")
    network = models[chosen] if chosen in models else load_model(anchor, device=device)
    found = Anchor(network, pictures)
    rest = without_anchor(models, found)
    if not rest:
        raise UnitscopeError(f"`networks` names the anchor {chosen} alone; name another one to be matched with it.")
    return found, ON_PICTURES, rest, len(pictures)


def source_in_words(gan: Generator | Anchor, state: str) -> str:
    """One sentence on pictures and generator."""
    if not isinstance(gan, Anchor):
        return "All networks are trained." if state == "trained" else (
            "**The generator has random weights: its pictures show nothing, and this page shows only that the method "
            "runs.**"
        )  # fmt: skip
    return (
        f"**No generator takes part: the units of {gan.name} play its part, on {len(gan.images)} pictures of "
        f'{gan.images.name}; read "generator" below as this network.** {gan.images.left_out}'
    ).rstrip()


def only_with_masks(gan: Generator | Anchor) -> Callable[[Verdict], Verdict]:
    """Verdicts on what masks teach pass where the pictures show critters; of others no mask is known."""
    return lambda found: found if draws_critters(gan) else untested(NO_MASKS)


def masks_in_words(gan: Generator | Anchor) -> str:
    """What a segmenter that knows critters says of these pictures, where they show others."""
    if draws_critters(gan):
        return ""
    return (
        "**No masks of this generator's pictures are known: what a segmenter that knows critters sees there says "
        "nothing, and claims that rest on it are not tested.**"
    )


def draws_critters(gan: Generator | Anchor) -> bool:
    """Whether the pictures show critters, so that concepts can be named by the masks of renders."""
    return bool(gan.classes) and set(gan.classes) <= set(NAMES)
