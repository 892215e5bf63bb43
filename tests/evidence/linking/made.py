"""Numbers that are right, wrong or undecidable by construction, in the forms that the checks take."""

import numpy as np
import torch
import torch.nn.functional as F
from unitscope.data.critters import PARTS
from unitscope.evidence.linking.depth import LayerLink
from unitscope.evidence.linking.examples import Moved
from unitscope.evidence.linking.journey import Journey
from unitscope.evidence.linking.others import RealCycle
from unitscope.evidence.linking.recovery import Recovery
from unitscope.evidence.linking.relevance import Relevance
from unitscope.evidence.linking.rendered_truth import SHOWS, agreement
from unitscope.evidence.linking.shots import ShotScores
from unitscope.evidence.linking.spaces import Likeness
from unitscope.metrics.parts import METRICS
from unitscope.papers.linking.counterfactuals import Counterfactual
from unitscope.papers.linking.link import Link
from unitscope.papers.linking.motions import Motion
from unitscope.papers.linking.profiles import Profile
from unitscope.papers.linking.studies import Cycle
from unitscope.papers.linking.tuning import Tuner

NAMES = ("pika", "hare", "cat")
K, AREA, LIGHT = len(PARTS), METRICS.index("area"), METRICS.index("luminance")


def draw(seed):
    return torch.Generator().manual_seed(seed)


def column(value, n=40, spread=0.01, seed=0):
    """n values around `value`."""
    return value + spread * torch.randn(n, generator=draw(seed), dtype=torch.float64)


def hits(count, n):
    """`count` of n are True."""
    return torch.arange(n) < count


# the link


def distances(cycled, same=1.0, other=2.0, mean=0.5, spread=0.01, n=40):
    one = {
        name: column(value, n, spread, seed)
        for seed, (name, value) in enumerate(
            {"cycled": cycled, "same class": same, "other class": other, "class mean": mean}.items()
        )
    }
    return dict.fromkeys(("W", "judge", "LPIPS", "pixels", "SSIM"), one)


def likeness(w=0.9, r=0.9, rsa=0.8, null=0.1, within=0.3, spread=0.01, n=20):
    ari = {
        name: column(value, n, spread, seed)
        for seed, (name, value) in enumerate({"W": w, "R": r, "shuffled": 0.0}.items())
    }
    kinds = ({"similarity": column(value, n, spread, 3 + seed)} for seed, value in enumerate((rsa, null, within)))
    return Likeness(ari, *kinds)


def layers(early, last, spread=0.01, n=40):
    baseline = column(1.0, n)
    return {
        name: LayerLink(column(value, n, spread, seed), baseline, None)
        for seed, (name, value) in enumerate((("layer1", early), ("penultimate", last)))
    }


# units


def profile(values, echo=None):
    """A profile of area changes (C, U, n, K), or of all measures (C, U, n, K, M), with units tuned from 0 to 1."""
    values = torch.as_tensor(values, dtype=torch.float32)
    if values.ndim == 4:
        values = torch.stack([values, *[torch.zeros_like(values)] * (len(METRICS) - 1)], -1)
    classes, units, n = values.shape[:3]
    tuner = Tuner(torch.zeros(units, 2), torch.zeros(units), torch.ones(units), torch.arange(units), torch.eye(units))
    rise = torch.zeros(units) if echo is None else echo.float()
    echo = torch.stack([torch.zeros(units), rise], 1)[None, :, :, None].expand(classes, units, 2, n)
    return Profile(NAMES[:classes], tuner, values, torch.ones(values.shape[:4], dtype=torch.bool), None, echo)


def patterns(strength, units=40, pictures=8, noise=1.0, classes=2, seed=0):
    """Changes of all measures: a pattern of each unit, the same in every picture and class, and noise."""
    own = strength * torch.randn(1, units, 1, K, len(METRICS), generator=draw(seed))
    return own + noise * torch.randn(classes, units, pictures, K, len(METRICS), generator=draw(seed + 1))


def of_sparsity(s):
    """Vectors (U, K) of the given label sparsities: one entry of 1, the others equal."""
    t = np.linspace(0, 1, 2001)
    score = (K**0.5 - (1 + (K - 1) * t) / np.sqrt(1 + (K - 1) * t * t)) / (K**0.5 - 1)
    rest = torch.from_numpy(np.interp(np.asarray(s), score[::-1], t[::-1]))
    found = rest[:, None].repeat(1, K)
    found[torch.arange(len(found)), torch.arange(len(found)) % (K - 1) + 1] = 1.0
    return found


def sparse(s, classes=2):
    """Vectors (C, U, K): the same sparsities in every class."""
    return of_sparsity(s).expand(classes, -1, -1)


def by_class(sparsities, units=40, pictures=16):
    """A profile whose classes have the given sparsities."""
    return profile(
        torch.stack([of_sparsity(np.full(units, s)) for s in sparsities])[:, :, None].repeat(1, 1, pictures, 1)
    )


def leading(labels, pictures=8, noise=0.01):
    """A profile in which each unit changes one part alone; noise beside it."""
    one = F.one_hot(torch.tensor(labels), K).double()[None, :, None].repeat(2, 1, pictures, 1)
    return profile(one + noise * torch.randn(one.shape, generator=draw(0)))


def number(*names):
    return [PARTS.index(name) for name in names]


def groups(mixed, apart, each=30, noise=0.05, seed=0):
    """Vectors of units (U, K): in one group the parts `mixed` change together, each led by one; `apart` change
    alone.
    """
    rows, (a, b), lead = [], number(*apart), number(*mixed)
    for place in range(each):
        one = torch.zeros(K)
        one[lead] = 1.0
        one[lead[place % len(lead)]] += 0.2
        rows += [one, F.one_hot(torch.tensor(a), K).float(), F.one_hot(torch.tensor(b), K).float()]
    rows = torch.stack(rows)
    return rows + noise * torch.randn(rows.shape, generator=draw(seed))


def clusters(*profiles, each=20, noise=0.02, seed=0):
    """Vectors of units in clusters, each cluster around one profile {part: change}."""
    rows = []
    for one in profiles:
        centre = torch.zeros(K)
        for part, value in one.items():
            centre[PARTS.index(part)] = value
        rows.append(centre.expand(each, K))
    rows = torch.cat(rows)
    return rows + noise * torch.randn(rows.shape, generator=draw(seed))


# masks


def moved(before, after, on=True, units=10, spread=0.0):
    """Pairs whose arrows are `before` long, and after alignment `after` but for ten long ones, on the part or off
    it.
    """
    mask = torch.zeros(40, 40, dtype=torch.bool)
    mask[10:20, 10:20] = True
    fields, shake = [], np.random.default_rng(0)
    for _ in range(units):
        first, second = np.zeros((2, 40, 40)), np.zeros((2, 40, 40))
        first[0], second[0] = before + spread * shake.normal(), after + spread * shake.normal()
        spot = slice(10, 20) if on else slice(25, 35)
        second[1, spot, spot] = 9.0
        fields.append(Motion(first, second, np.eye(3), torch.zeros(3, 40, 40)))
    return Moved([], list(range(units)), fields, ["ears"] * units, [mask] * units)


def shots(taught, unseen, n=20, spread=0.01, exact=None):
    """Scores with the given overlap on large parts, and that of one class when taught and when left out."""

    def table(iou, seed):
        both = 100 * column(iou, n, spread, seed).clamp(0, 1)
        return torch.stack([both[:, None].expand(n, K), torch.full((n, K), 100.0, dtype=torch.float64)], -1)

    tables = {5: table(taught, 0)}
    return ShotScores(
        tables,
        {"cat": (table(unseen[0], 1), table(unseen[1], 2))},
        torch.full((K,), 0.1),
        None if exact is None else {5: table(exact, 3)},
    )


def recovery(right, cross=0.0, units=80, noise=0.3):
    """Factors and measures of units: each measure follows its factor by `right`, and the next factor by `cross`."""
    names = list(SHOWS)
    true = torch.randn(len(names), units, 3, generator=draw(0))
    seen = right * true + cross * true.roll(1, 0) + noise * torch.randn(true.shape, generator=draw(1))
    factors, measures = (dict(zip(names, side, strict=True)) for side in (true, seen))
    return Recovery(*agreement(factors, measures), factors, measures)


# classes


def relevance(means, pictures=16, noise=0.01, flipped=None, names=NAMES, seed=0):
    """Changes around `means` (C, U) in every picture; flipped (C, U) shares of pictures whose class changes."""
    means = torch.as_tensor(means, dtype=torch.float32)
    shape = (*means.shape, pictures)
    moves = means[..., None] + noise * torch.randn(shape, generator=draw(seed))
    share = torch.zeros_like(means) if flipped is None else torch.as_tensor(flipped, dtype=torch.float32)
    return Relevance(names[: len(means)], moves, torch.rand(shape, generator=draw(seed + 1)) < share[..., None])


def changes(counts, shared=0, units=60):
    """Mean changes (C, U): `counts` units relevant to each class alone, the first `shared` units to all classes."""
    found, place = torch.zeros(len(counts), units), shared
    found[:, :shared] = 0.5
    for group, count in enumerate(counts):
        found[group, place : place + count] = 0.5
        place += count
    return found


def related_changes(kin, others, units=80):
    """Mean changes of pika, hare (related) and cat, correlated by `kin` between the first two and by `others` with the
    third.
    """
    mix = torch.linalg.cholesky(torch.tensor([[1, kin, others], [kin, 1, others], [others, others, 1.0]]))
    return 0.1 * mix @ torch.randn(3, units, generator=draw(0))


# the boundary


def reached(share, length, n=40, d=6, toward=1.0):
    """Counterfactuals from one start; the first `share` of them reach the target. `toward` 1 moves along r, -1 against
    it.
    """
    start = torch.eye(d)[0].expand(n, d).clone()
    shift = length * (toward * start + 0.01 * torch.randn(n, d, generator=draw(0)))
    return Counterfactual(start, start + shift, torch.full((n,), 5), hits(round(share * n), n))


LINK = Link(torch.eye(6), torch.zeros(6))


def way(
    jump=True,
    smooth=True,
    part="ears",
    rise=1.0,
    before=1.0,
    after=0.1,
    light=0.0,
    names=("pika", "hare"),
    wobble=0.0,
    seed=0,
):
    """A way of 51 steps that crosses at step 25.

    jump : p(target) changes in one step there, else step by step. smooth : the distances grow evenly, else in one step.
    part, rise : whose area grows over the way, by how much. before, after : slopes of its luminance on either side.
    light : slope of the luminance of head, eyes and body.
    """
    steps, k = 51, 25
    line = torch.linspace(0, 1, steps)
    step = (torch.arange(steps) >= k).float()
    p = torch.zeros(steps, 3)
    p[:, 1] = 0.1 + 0.8 * step if jump else 0.3 + 0.4 * line
    p[:, 0] = 1 - p[:, 1]
    p[k, 1], p[k, 0] = max(float(p[k, 1]), 0.51), 0.4
    table = torch.ones(steps, K, len(METRICS)) * 50
    shake = wobble * torch.randn(steps, generator=draw(seed))
    table[:, PARTS.index(part), AREA] = 50 * (1.5 + rise * line + shake)
    place = torch.arange(steps).float()
    table[:, PARTS.index(part), LIGHT] = 10 + before * place.clamp(max=k) + after * (place - k).clamp(min=0)
    for name in ("head", "eyes", "body"):
        table[:, PARTS.index(name), LIGHT] = 40 + light * (place - k) + 20 * shake
    far = line if smooth else step
    images = line[:, None, None, None].expand(steps, 3, 64, 64).clone()
    masks = torch.zeros(steps, 64, 64, dtype=torch.uint8)
    masks[:, 16:48, 16:48] = 1
    return Journey(names, (0, 1), 1.5 * line, images, masks, p, table, {"pixels": far, "LPIPS": far}, k)


def ways(n=8, **how):
    return [way(seed=seed, **how) for seed in range(n)]


def heat(inside, outside, n=8):
    """Heat maps on the figure (the middle quarter of the picture) and on the ground."""
    one = torch.full((64, 64), float(outside))
    one[16:48, 16:48] = inside
    return [one + 1e-3 * seed for seed in range(n)]


def real(cycled, same, spread=0.01, n=30):
    column_of = {"cycled": column(cycled, n, spread), "same class": column(same, n, spread, 1)}
    nothing = torch.zeros(n, 2)
    return RealCycle(nothing, [], Cycle(nothing, nothing, nothing), {"judge": column_of, "LPIPS": column_of}, None)


class Toy:
    """Generator, classifier and device in one: pictures are latents, and what the classifier reads is the picture."""

    has_head, device = True, torch.device("cpu")

    def __init__(self, curved=False):
        self.model, self.curved = self, curved
        self.head = torch.nn.Linear(6, 3)
        with torch.no_grad():
            self.head.weight.copy_(torch.randn(3, 6, generator=draw(0)))
            self.head.bias.copy_(torch.tensor([5.0, -50.0, 0.0]))  # the target is never seen
        self.weight = self.head.weight.detach()

    def columns(self, names):
        return torch.tensor([("a", "b", "c").index(name) for name in names])

    def logits(self, r):
        return self.head(r.square() if self.curved else r)

    def synthesize(self, w):
        return w

    def read(self, images):
        return images, {}
