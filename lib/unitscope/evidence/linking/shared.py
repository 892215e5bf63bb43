"""What generator and classifier must have in common, asked before a picture is drawn.

Pictures are drawn class by class, and a classifier with a head is asked for the same classes: so both must know them.
"""

from __future__ import annotations

from collections.abc import Sequence

from unitscope.data.critters import NAMES
from unitscope.errors import UnitscopeError, nearest
from unitscope.evidence.linking.crossing import ends
from unitscope.extract.penultimate import Reader

FEWEST = 2  # classes: what is linked is compared between classes
SHOWN = 8


def check_shared(gan, reader: Reader, species: Sequence[str], ways: Sequence[str]) -> None:
    """Everything that a chapter needs generator and classifier to agree on, in one message.

    Parameters
    ----------
    species : classes to draw; at least two.
    ways : "one>other", from a class to another, both among the species.

    Raises
    ------
    UnitscopeError
        Naming what is missing, the classes that both know, and the parameters to change.
    """
    faults, shared = [], shared_classes(gan, reader)
    if len(set(species)) < FEWEST:
        faults.append(f"`species` must name {FEWEST} classes at least, got {', '.join(species) or 'none'}")
    faults += _absent(f"`generator` {gan.name} draws", species, gan.classes)
    if reader.has_head:
        faults += _absent(f"`classifier` {reader.name} knows", species, reader.classes)
    if not ways:
        faults.append("`ways` must name one way at least, as 'pika>hare'")
    for way in ways if reader.has_head else ():
        faults += [f"`ways` {way!r}: {one} is not among `species`" for one in ends(way) if one not in species]
    if not faults:
        return
    both = "both" if reader.has_head else "the generator"
    known = f"{both} know {_some(shared)}" if shared else f"{gan.name} and {reader.name} have no class in common"
    remedy = (
        f"Name some of these in `species` and `ways`, take another `classifier` or `generator`, {_headless(reader)}."
    )
    raise UnitscopeError(f"{'; '.join(faults)}. {known[0].upper()}{known[1:]}. {remedy}")


def shared_classes(gan, reader: Reader) -> list[str]:
    """Classes that the generator draws and the classifier, where it has a head, knows."""
    return [name for name in gan.classes if not reader.has_head or name in reader.classes]


def head_in_words(reader: Reader) -> str:
    """What the classifier's logits are computed from, where that is not the usual linear layer."""
    if not reader.has_head:
        return "The classifier's classes are not asked: it is read at its embedding."
    if reader.exact:
        return ""
    return (
        "The classifier ends in a convolution of 1 x 1 with an activation before its mean over places. Here the "
        "convolution is applied to the mean, as a linear head, which is near its logits and not equal to them."
    )


def parts_in_words(gan) -> str:
    """What the measured parts say of this generator's pictures, where they are not critters."""
    if set(gan.classes) <= set(NAMES):
        return ""
    return (
        "**The parts that are measured are those of critters, labelled by a network that knows critters: of this "
        "generator's pictures they say nothing, so claims about parts are not tested.**"
    )


def _absent(who: str, wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Nothing, or which of the wanted classes are not known, with the nearest names."""
    missing = [name for name in wanted if name not in known]
    near = [found for name in missing if (found := nearest(name, known)) is not None]
    close = f" (near to that: {_some(list(dict.fromkeys(near)))})" if near else ""
    count = f"{len(known)} classes" if len(known) != 1 else "1 class"
    return [f"{who} {count}, not {_some(missing)}{close}"] if missing else []


def _some(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _headless(reader: Reader) -> str:
    return (
        "or set `head` to False, which leaves the classifier's classes aside" if reader.has_head else "or other species"
    )
