"""What moves between two pictures once their common motion is taken out (Wehrheim et al. 2024, section 3.2, Fig. 2B and
4).

    I_o, I_p  (3, H, W)  original and tuned picture    flow (2, H, W)  (down, right): I_o(x) = I_p(x + flow(x)), in
    pixels

Match densely, fit one affine map to the matches by RANSAC, warp I_p with it, match again: the second field is what no
shift, turn or zoom explains. The paper matches with PUMP, whose weights are not free for every use; here scikit-image's
TV-L1 flow and RANSAC take its place (OpenCV is not among our libraries). The authors' code builds its field from the
matches before alignment; here the field is that after it, as the paper's text says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from skimage.measure import ransac
from skimage.registration import optical_flow_tvl1
from skimage.transform import AffineTransform, warp
from torch import Tensor

from unitscope.errors import UnitscopeError

GRID, THRESHOLD, TRIALS = 3, 1.0, 200  # pixels between matches for RANSAC; its residual in pixels; its trials
STRONGEST = 90  # percentile of arrow lengths that are kept
BORDER = 3


@dataclass(frozen=True)
class Motion:
    """before, after (2, H, W): the field of the pair as it is, and once I_p is warped; affine (3, 3) maps points
    (right, down) of I_o into I_p; aligned (3, H, W): I_p warped onto I_o.
    """

    before: np.ndarray
    after: np.ndarray
    affine: np.ndarray
    aligned: Tensor

    @property
    def lengths(self) -> tuple[float, float]:
        """Median length of the arrows before and after alignment, in pixels, over the picture's textured inside."""
        return tuple(float(np.median(np.hypot(*inside(field)))) for field in (self.before, self.after))


def motion(original: Tensor, tuned: Tensor, seed: int = 0) -> Motion:
    """The field of changes from `original` to `tuned`, both (3, H, W) in [0, 1].

    Raises
    ------
    UnitscopeError
        If the pictures are not of one shape (3, H, W).
    """
    if original.shape != tuned.shape or original.ndim != 3:
        raise UnitscopeError(
            f"motion needs two pictures (3, H, W), got {tuple(original.shape)} and {tuple(tuned.shape)}."
        )
    before = flow(original, tuned)
    affine = fit_affine(before, seed)
    aligned = torch.from_numpy(
        np.stack([warp(channel, affine, order=1, mode="edge") for channel in tuned.double().numpy()])
    ).float()
    return Motion(before, flow(original, aligned), affine.params, aligned)


def flow(one: Tensor, other: Tensor) -> np.ndarray:
    """Dense flow (2, H, W) from grey values: one(x) = other(x + flow(x))."""
    return optical_flow_tvl1(one.double().mean(0).numpy(), other.double().mean(0).numpy())


def fit_affine(field: np.ndarray, seed: int = 0) -> AffineTransform:
    """The affine map that most matches of a field (2, H, W) follow; the identity where there is none."""
    rows, columns = np.mgrid[BORDER : field.shape[1] - BORDER : GRID, BORDER : field.shape[2] - BORDER : GRID]
    rows, columns = rows.ravel(), columns.ravel()
    source = np.stack([columns, rows], 1).astype(float)
    target = source + np.stack([field[1][rows, columns], field[0][rows, columns]], 1)
    found, inliers = ransac(
        (source, target), AffineTransform, min_samples=3, residual_threshold=THRESHOLD, max_trials=TRIALS, rng=seed
    )
    return found if found and inliers is not None and inliers.sum() >= 3 else AffineTransform()


def inside(field: np.ndarray) -> np.ndarray:
    """A field without its border, where arrows would point out of the picture."""
    return field[:, BORDER:-BORDER, BORDER:-BORDER]


def strongest(field: np.ndarray, percentile: float = STRONGEST) -> np.ndarray:
    """Where arrows longer than the percentile stand: (H, W) bool, none at the border."""
    length = np.hypot(*field)
    kept = np.zeros(length.shape, dtype=bool)
    kept[BORDER:-BORDER, BORDER:-BORDER] = inside(length[None])[0] > np.percentile(inside(length[None]), percentile)
    return kept & (length > 1e-3)


def enrichment(field: np.ndarray, mask: Tensor) -> float:
    """How much more of the strongest arrows lie on a mask (H, W) than of all pixels; NaN for no arrows or no mask."""
    member, arrows = mask.numpy().astype(bool), strongest(field)
    if not arrows.any() or not member.any():
        return float("nan")
    return float(member[arrows].mean() / member.mean())
