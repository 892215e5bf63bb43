"""Counterfactuals in R and the way to them (Wehrheim et al. 2024, eqs. 3 and 4, Fig. 7).

    r (n, d) activations of pictures of a class o    t  the target class    r' = r + shift
    L = -o_t(r') + l1 o_o(r') - l2 cos(f(r), f(r')),   l1 = 0.6, l2 = 10, gradient descent with rate 0.5

As in the authors' code: logits, not probabilities; no gradient passes the generator; the loss sees r' as it is, the
picture its positive part; descent ends when the classifier names the drawn picture as t. It is asked 40 times on the
way, theirs at every step. Their start is uniform noise, which is far from r; a zero start stands beside it.
Without the identity term (l2 = 0) every step is the same, r' - r = start + steps * rate * (v_t - l1 v_o): a straight
line in closed form (`straight`).

Ours differs in the rate. The paper gives none, its code 0.5. A step of the identity term overshoots where the link is
steep, and then r' is thrown to latents that the generator never draws. So the rate is 0.5, or less where the link asks
for it (`stable_rate`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.errors import UnitscopeError, unknown
from unitscope.extract.penultimate import Reader
from unitscope.models import Generator
from unitscope.papers.linking.link import Link

ORIGINAL_WEIGHT, IDENTITY_WEIGHT, RATE, MAX_STEPS = 0.6, 10.0, 0.5, 2000
STARTS = ("zero", "random")
CHECKS = 40  # how often, at most, a descent is drawn and classified
CURVATURE = 2 / 3**0.5  # no second derivative of cos(u, w) by w exceeds this over |w|^2; reached where cos^2 = 1/3


@dataclass(frozen=True)
class Counterfactual:
    """start (n, d): r; end (n, d): r', clipped where activations are never negative; steps (n,); reached (n,)."""

    start: Tensor
    end: Tensor
    steps: Tensor
    reached: Tensor

    @property
    def shift(self) -> Tensor:
        """r' - r (n, d)."""
        return self.end - self.start


def loss(
    reader: Reader,
    link: Link,
    r: Tensor,
    moved: Tensor,
    original: int,
    target: int,
    weights=(ORIGINAL_WEIGHT, IDENTITY_WEIGHT),
) -> Tensor:
    """L of each picture (n,), eq. (3), for r and r' (n, d)."""
    logits = reader.logits(moved)
    return (
        -logits[:, target]
        + weights[0] * logits[:, original]
        - weights[1] * F.cosine_similarity(link.predict(r), link.predict(moved))
    )


def stable_rate(link: Link, r: Tensor, weight: float = IDENTITY_WEIGHT, most: float = RATE) -> Tensor:
    """The rate (n, 1) for activations r (n, d): `most`, or less where a step of the identity term would overshoot.

    Gradient descent never overshoots at the inverse of the largest second derivative. That of weight * cos(f(r), f(r'))
    is at most weight * CURVATURE * s^2 / |f(r')|^2, s the largest singular value of A; |f(r)| stands for |f(r')|.
    """
    steepest = torch.linalg.matrix_norm(link.A, 2).to(r)
    bound = weight * CURVATURE * steepest**2 / link.predict(r).square().sum(1, keepdim=True)
    return (1 / bound.clamp(min=1e-12)).clamp(max=most)


def counterfactual(
    gan: Generator, reader: Reader, link: Link, r: Tensor, original: str, target: str, *, start: str = "zero",
    weights: tuple[float, float] = (ORIGINAL_WEIGHT, IDENTITY_WEIGHT), rate: float | None = None,
    max_steps: int = MAX_STEPS, seed: int = 0,
) -> Counterfactual:  # fmt: skip
    """Walk every r (n, d) until its drawing is classified as `target`.

    Parameters
    ----------
    start : "zero", or "random": uniform noise is subtracted from r first, as in the authors' code.
    rate : of every picture; None: `stable_rate` of each.

    Raises
    ------
    UnitscopeError
        For an unknown start or class, or a classifier without a head.
    """
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    if not reader.has_head:
        raise UnitscopeError(f"{reader.name} has no head, so there is no boundary to cross; take critters/resnet.")
    o, t = reader.columns([original, target]).tolist()
    r = r.to(reader.model.device)
    floor = 0.0 if bool((r >= 0).all()) else -torch.inf
    noise = torch.rand(r.shape, generator=torch.Generator().manual_seed(seed)).to(r.device)
    moved = r - noise if start == "random" else r.clone()
    rates = stable_rate(link, r, weights[1]) if rate is None else torch.full((len(r), 1), rate).to(r)
    steps, active, every = torch.zeros(len(r), dtype=torch.int64), torch.arange(len(r)), max(1, max_steps // CHECKS)
    for step in range(max_steps + 1):
        steps[active] = step
        if step % every == 0 or step == max_steps:
            done = drawn_as(gan, reader, link, moved[active].clamp(min=floor)) == t
            active = active[~done.cpu()]
        if not len(active) or step == max_steps:
            break
        moved[active] -= rates[active] * gradient(reader, link, r[active], moved[active], o, t, weights)
    reached = torch.ones(len(r), dtype=torch.bool)
    reached[active] = False
    return Counterfactual(r.cpu(), moved.clamp(min=floor).cpu(), steps, reached)


def gradient(
    reader: Reader, link: Link, r: Tensor, moved: Tensor, original: int, target: int, weights: tuple[float, float]
) -> Tensor:
    """d L / d r' (n, d)."""
    with torch.enable_grad():
        leaf = moved.detach().requires_grad_()
        return torch.autograd.grad(loss(reader, link, r, leaf, original, target, weights).sum(), leaf)[0]


@torch.no_grad()
def drawn_as(gan: Generator, reader: Reader, link: Link, r: Tensor) -> Tensor:
    """The class (n,) that the classifier sees in the drawings of r (n, d)."""
    images = gan.synthesize(link.predict(r).to(gan.device))
    return reader.logits(reader.read(images)[0]).argmax(1)
