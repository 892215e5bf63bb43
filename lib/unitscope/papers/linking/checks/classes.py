"""Claims 20 to 24: which units matter to a class (Fig. 6). The paper's dogs have roles here, since critters have no such names:

    {Chihuahua, Weimaraner, Pug}    the related species among those studied    Border Collie    the species with fewest relevant units

`None` where the classifier has no head.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from unitscope.metrics import old_verdicts as verdicts
from unitscope.papers.linking.relevance import Relevance, correlations, pair_means, venn
from unitscope.papers.linking.truth import related

NO_HEAD = "the classifier has no head, so there are no probabilities"
SMALL, LARGE = 0.02, 0.15


def most_do_little(found: Relevance | None) -> dict:
    """20: the median |dp| is below 0.02 while the largest exceeds 0.15 in some class."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    size = found.change.abs()
    middle, largest = float(size.median()), float(size.max())
    return {"ours": f"median {middle:.3f}, largest {largest:.2f}", "holds": middle < SMALL and largest > LARGE}


def unique_and_shared(found: Relevance | None) -> dict:
    """21: one class has no relevant unit (or fewer than all others); some units matter to two classes, more to exactly one."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    counts = found.relevant.sum(1)
    members = venn(found.sets())
    single = sum(count for key, count in members if len(key) == 1)
    several = sum(count for key, count in members if len(key) > 1)
    least = counts.min()
    parts = {
        "a class without any": {"holds": bool(least == 0 or int((counts == least).sum()) == 1)},
        "shared units": {"holds": several > 0}, "more units of one class": {"holds": single > several},
    }  # fmt: skip
    per = ", ".join(f"{name} {int(count)}" for name, count in zip(found.names, counts, strict=True))
    return {**verdicts.every(parts), "ours": f"{per}; {single} unique, {several} shared"}


def kin_correlate(found: Relevance | None) -> dict:
    """22: changes correlate more among related classes than in any other pair."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    kin, others = pair_means(correlations(found), found.names, related)
    if not kin or not others:
        return verdicts.untested("the species studied are all related, or none are")
    ours = f"related {np.mean(kin):.2f} (least {min(kin):.2f}), others {np.mean(others):.2f} (most {max(others):.2f})"
    return {"ours": ours, "holds": min(kin) > max(others)}


def shared_unit_flips(found: Relevance | None, spans: Tensor | None, flips: Tensor | None) -> dict:
    """23: tuning the most shared unit changes the predicted class for some species, and moves another's probability by less than 0.1.

    spans (C,) range of the mean p(own class) along the strip; flips (C,) whether the class of its picture changes.
    """
    if found is None or spans is None:
        return verdicts.untested(NO_HEAD)
    quiet = int(spans.argmin())
    parts = {"a class flips": {"holds": bool(flips.any())}, "another stays flat": {"holds": float(spans[quiet]) < 0.1}}
    ours = f"{int(flips.sum())} of {len(flips)} flip; {found.names[quiet]} moves by {float(spans[quiet]):.2f}"
    return {**verdicts.every(parts), "ours": ours}


def head_knows_a_part(found: Relevance | None, promised: Tensor | None) -> dict:
    """24: the head's weights times the range predict dp, but not all of it: 0 < correlation < 0.9."""
    if found is None or promised is None:
        return verdicts.untested(NO_HEAD)
    own, said = found.change.flatten().numpy(), promised.flatten().numpy()
    value, interval = verdicts.pearson(own, said), verdicts.interval_of(verdicts.pearson, own, said)
    return verdicts.verdict(value, interval, 0 < interval[0] and interval[1] < 0.9, f"{len(own)} pairs of unit and class")


def beyond_random(units: Relevance | None, random: Relevance | None) -> dict:
    """Ours: the most relevant units move probabilities more than the most relevant of as many random directions."""
    if units is None or random is None:
        return verdicts.untested(NO_HEAD)
    count = min(random.change.shape[1], units.change.shape[1])
    one = units.change.abs().flatten().numpy()
    rng = np.random.default_rng(0)
    tops = [np.sort(rng.choice(one, count * len(units.names), replace=False))[-max(1, count * len(units.names) // 10) :].mean() for _ in range(500)]
    top = max(1, count * len(units.names) // 10)
    other = float(random.change[:, :count].abs().flatten().sort().values[-top:].mean())
    low, high = np.quantile(np.array(tops) - other, [0.025, 0.975])
    return verdicts.verdict(np.mean(tops) - other, (low, high), low > 0, f"random directions {other:.3f}")
