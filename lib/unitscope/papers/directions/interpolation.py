"""Between and beyond two far clusters: II on the way, and input gradients (Klindt et al. 2023, Fig. 7).

mu (K, N)  centroids    (a, b)  a pair of far clusters    A  steps alpha    P  pairs    x  image    y^(x) unit responses
v(alpha) = (1 - alpha) mu_a + alpha mu_b, to unit norm         (5), alpha = 0 at a as the text around Fig. 7C needs
f_v(x) = -|y^(x) - v|                                          (6)
|grad_x f_v| = |J^T (y^ - v) / (|y^ - v| + 1e-8)|, J = dy^/dx  (7), pixels in [0, 1]
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract.taps import Taps
from unitscope.metrics.interpretability import top_images
from unitscope.models import VisionModel
from unitscope.papers.directions.basis import NORM_FLOOR, Activations

EPSILON = 1e-8


def alphas(steps: int = 21) -> Tensor:
    """Steps on [-0.5, 1.5]; 0 and 1 are among them.

    Raises
    ------
    UnitscopeError
        If 0, 0.5 and 1 do not fall on steps: steps - 1 must be a multiple of 4.
    """
    if steps < 5 or (steps - 1) % 4:
        raise UnitscopeError(
            f"steps must be 5, 9, 13, 17, 21, ... so that alpha = 0, 0.5 and 1 are among them, got {steps}."
        )
    return torch.linspace(-0.5, 1.5, steps)


def far_pairs(centroids: Tensor) -> Tensor:
    """A partner for every cluster, all different, with the largest sum of distances (Hungarian algorithm): (K, 2)."""
    if len(centroids) < 2:
        raise UnitscopeError(f"pairs of clusters need at least two, got {len(centroids)}.")
    distance = torch.cdist(centroids.double(), centroids.double()).fill_diagonal_(-1e9)
    a, b = linear_sum_assignment(distance.numpy(), maximize=True)
    return torch.stack([torch.from_numpy(a), torch.from_numpy(b)], 1)


def path(centroids: Tensor, pairs: Tensor, steps: Tensor) -> Tensor:
    """v(alpha) of every pair and step: (P, A, N), unit norm."""
    a, b = centroids[pairs[:, :1]], centroids[pairs[:, 1:]]
    return F.normalize((1 - steps)[:, None] * a + steps[:, None] * b, dim=2)


def exciting_on_path(x: Tensor, vectors: Tensor, m: int = 5) -> Tensor:
    """MEIs of v(alpha) on rows x (n, N) of unit norm: the largest x.v are the smallest |x - v|. (P, A, m)."""
    return torch.stack([top_images(x @ step.T, m) for step in vectors.unbind(1)], 1)


def gradient_norms(
    model: VisionModel,
    layer: str,
    given: Activations,
    images: ImageSet,
    rows: Tensor,
    targets: Tensor,
    batch_size: int = 64,
) -> Tensor:
    """|grad_x |y^(x) - v|| for images `rows` (R,) and vectors `targets` (R, N): (R,).

    Samples do not mix in evaluation mode, so one backward pass of a batch gives every image's own gradient. Gradients
    pass through preprocessing, network, mean over positions and normalisation.
    """
    units, found = given.units.to(model.device), []
    with Taps(model, [layer]) as taps, torch.enable_grad():
        for chunk, wanted in zip(rows.split(batch_size), targets.split(batch_size), strict=True):
            pixels = images.load(chunk).images.to(model.device).requires_grad_()
            y = taps(pixels)[layer].mean((2, 3))[:, units].float()
            y = y / y.norm(dim=1, keepdim=True).clamp(min=NORM_FLOOR)
            away = y.detach() - wanted.to(y.device)
            pull = away / (away.norm(dim=1, keepdim=True) + EPSILON)
            (gradient,) = torch.autograd.grad((y * pull).sum(), pixels)
            found.append(gradient.flatten(1).norm(dim=1).cpu())
    return torch.cat(found)


def sensitivity(
    model: VisionModel,
    layer: str,
    given: Activations,
    images: ImageSet,
    sets: Tensor,
    vectors: Tensor,
    own: bool = False,
) -> Tensor:
    """Gradient norm at each of the MEIs of v(alpha): (P, A, M).

    Parameters
    ----------
    sets, vectors : MEIs (P, A, M) and v(alpha) (P, A, N) of every pair and step.
    own : the norm of f at v(alpha) itself; default: of f at the start, v(0), for which the text's claim is made.
    """
    pairs, steps, m = sets.shape
    start = int((alphas(steps) - 0).abs().argmin())
    goal = torch.arange(steps) if own else torch.full((steps,), start)
    key = torch.arange(pairs)[:, None] * steps + goal  # (P, A): which vector
    asked = torch.stack([key[:, :, None].expand_as(sets).flatten(), sets.flatten()], 1)
    distinct, where = asked.unique(dim=0, return_inverse=True)
    norms = gradient_norms(model, layer, given, images, distinct[:, 1], vectors.flatten(0, 1)[distinct[:, 0]])
    return norms[where].view(pairs, steps, m)
