"""Claims 20 to 24: which units matter to a class (Fig. 6). The paper's dogs have roles here, since critters have no
such names:

    {Chihuahua, Weimaraner, Pug}  the related species among those studied
    Border Collie                 the species with fewest relevant units

`None` where the classifier has no head. Where a unit or class is chosen, this is done on one half of the pictures.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from unitscope.evidence.linking import NO_HEAD, ONE_PICTURE
from unitscope.evidence.linking.relevance import Relevance, correlations, pair_means
from unitscope.evidence.linking.rendered_truth import related
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict

PICTURES, DIRECTIONS = "pictures", "directions"
SMALL, LARGE = 0.02, 0.15  # |dp| of a unit that does little, of one that matters
ROBUST = 0.5  # relevant units of the most robust class, as a share of the other classes' mean
SHARED = 0.01  # share of units that matter to several classes
FLAT = 0.1  # |dp| of a class that a unit leaves alone
EXPLAINED, WHOLE = 0.1, 0.81  # share of the reliable variance of dp that the head must, and must not, explain
TOP = 4  # a quarter of the directions are the "most relevant" ones


def most_do_little(found: Relevance | None) -> Verdict:
    """20: the median |dp| is below 0.02, while the largest, chosen on one half of the pictures, exceeds 0.15 on the
    other.
    """
    if (missing := untestable(found)) is not None:
        return missing
    first, second = found.halves()
    size = found.change.abs().numpy()
    group, unit = divmod(int(first.change.abs().argmax()), size.shape[1])
    largest = second.moves[group, unit] * first.change[group, unit].sign()
    parts = {
        f"median below {SMALL}": verdicts.falls_short(
            SMALL, lambda rows: np.median(size[:, rows.astype(int)]), np.arange(size.shape[1])
        ),
        f"largest above {LARGE}": verdicts.exceeds(LARGE, np.mean, largest, of=PICTURES),
    }
    ours = f"median {np.median(size):.3f}, largest {float(largest.mean()):.2f}"
    return verdicts.every(parts).but(ours=ours, samples=parts[f"median below {SMALL}"].samples)


def unique_and_shared(found: Relevance | None) -> Verdict:
    """21: one class has less than half as many relevant units as the others (the paper: none); some units matter to
    several classes, more to one alone. A unit is relevant if both halves of the pictures say so.
    """
    if (missing := untestable(found)) is not None:
        return missing
    first, second = found.halves()
    if not bool(first.relevant.any()) or not bool(second.relevant.any()):
        return verdicts.untested("no unit is relevant to a class")
    least = int(first.relevant.sum(1).argmin())
    others = [group for group in range(len(found.names)) if group != least]
    own, rest = second.relevant[least].double(), second.relevant[others].double().mean(0)
    classes = (first.relevant & second.relevant).sum(0)
    parts = {
        f"{found.names[least]} robust": verdicts.falls_short(ROBUST, _ratio, own, rest, effect=ROBUST),
        "shared units": verdicts.share((classes > 1).numpy(), SHARED),
        "more of one class": verdicts.above((classes == 1).double(), (classes > 1).double()),
    }  # fmt: skip
    per = ", ".join(f"{name} {int(count)}" for name, count in zip(found.names, found.relevant.sum(1), strict=True))
    return verdicts.every(parts).but(
        ours=f"{int((classes == 1).sum())} of one class, {int((classes > 1).sum())} shared",
        samples=f"{len(classes)} units", reason=f"by all pictures: {per}",
    )  # fmt: skip


def _ratio(own, rest, axis=-1):
    return own.mean(axis) / np.maximum(rest.mean(axis), 1e-12)


def kin_correlate(found: Relevance | None) -> Verdict:
    """22: changes correlate more in every related pair of classes than in any other pair; units are drawn again."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    kin, others = pair_means(correlations(found.change), found.names, related)
    if not kin or not others:
        return verdicts.untested("the species studied are all related, or none are")

    change, size = found.change.double().numpy(), len(found.names)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    close = np.array([related(found.names[i], found.names[j]) for i, j in pairs])
    places = tuple(np.array(pairs).T)

    def lead(rows) -> float:
        table = np.nan_to_num(np.corrcoef(change[:, rows.astype(int)]))[places]
        return table[close].min() - table[~close].max()

    with np.errstate(invalid="ignore"):
        verdict = verdicts.exceeds(0, lead, np.arange(change.shape[1]))
    words = f"related {np.mean(kin):.2f} (least {min(kin):.2f}), others {np.mean(others):.2f} (most {max(others):.2f})"
    return verdict.but(reason=words)


def shared_unit_flips(found: Relevance | None, random: Relevance | None) -> Verdict:
    """23: in one class the unit shared by most classes changes the decision in more pictures than random directions do,
    and it moves the probability of another class by less than 0.1. The unit and both classes are chosen on one half of
    the pictures.
    """
    if (missing := untestable(found)) is not None or (missing := untestable(random)) is not None:
        return missing
    first, second = found.halves()
    unit = first.shared()
    most = int(first.flipped[:, unit].double().mean(1).argmax())
    rest = [group for group in range(len(found.names)) if group != most]
    quiet = min(rest, key=lambda group: float(first.change[group, unit].abs())) if rest else most
    own, chance = second.flipped[most, unit].double(), random.halves()[1].flipped[most].double().mean(0)
    parts = {
        f"{found.names[most]} flips": verdicts.above(own, chance, of=PICTURES),
        f"{found.names[quiet]} stays": verdicts.falls_short(
            FLAT, np.mean, second.moves[quiet, unit].abs(), of=PICTURES
        ),
    }
    return verdicts.every(parts).but(
        ours=(
            f"{found.names[most]} flips in {float(own.mean()):.0%} (random directions {float(chance.mean()):.0%}); "
            f"{found.names[quiet]} moves by {parts[f'{found.names[quiet]} stays'].ours:.2f}"
        ),
        samples=f"{len(own)} pictures of each class",
    )


def head_knows_a_part(found: Relevance | None, promised: Tensor | None) -> Verdict:
    """24: the head's weights times the range explain between 10 % and 81 % of what is reliable in dp.

    ours: their correlation over units and classes, divided by the square root of dp's reliability (two halves of the
    pictures, Spearman and Brown), so that noise in dp does not pass for what the head does not know. Units are drawn
    again.
    """
    if (missing := untestable(found)) is not None or promised is None:
        return missing or verdicts.untested(NO_HEAD)
    own, said = found.change.numpy(), promised.numpy()
    first, second = (half.change.flatten().numpy() for half in found.halves())
    agreed = max(0.0, verdicts.pearson(first, second))
    reliable = (2 * agreed / (1 + agreed)) ** 0.5
    if reliable < 0.3:
        return verdicts.untested(f"the two halves of the pictures do not agree on dp (correlation {agreed:.2f})")

    def known(rows) -> float:
        rows = rows.astype(int)
        return verdicts.pearson(own[:, rows].ravel(), said[:, rows].ravel()) / reliable

    verdict = verdicts.within(EXPLAINED**0.5, WHOLE**0.5, known, np.arange(own.shape[1]))
    return verdict.but(reason=f"correlation {verdict.ours * reliable:.2f}, at most {reliable:.2f} for noise in dp")


def beyond_random(found: Relevance | None, random: Relevance | None) -> Verdict:
    """Control: the most relevant quarter of the units move probabilities more than the most relevant quarter of random
    directions.

    Directions and the class of each are chosen on one half of the pictures and judged on the other.
    """
    if (missing := untestable(found)) is not None or (missing := untestable(random)) is not None:
        return missing
    return verdicts.larger(strongest(found), strongest(random), of=DIRECTIONS)


def strongest(found: Relevance) -> np.ndarray:
    """dp of the most relevant quarter of the directions, each in its own class and counted in the sense of the other
    half.
    """
    first, second = found.halves()
    size, group = first.change.abs().max(0)
    top = size.argsort(descending=True)[: max(1, len(size) // TOP)]
    return (second.change[group[top], top] * first.change[group[top], top].sign()).double().numpy()


def untestable(found: Relevance | None) -> Verdict | None:
    """Why nothing can be chosen on one half of the pictures and judged on the other; None where it can."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    return verdicts.untested(ONE_PICTURE) if found.halves() is None else None
