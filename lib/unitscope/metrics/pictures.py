"""How alike two pictures are, pixel by pixel: PSNR and SSIM, by torchmetrics.

a, b  (n, 3, H, W)  RGB in [0, 1]; compared as bytes, as scikit-image would after rounding
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from unitscope import checking
from unitscope.errors import UnitscopeError

WINDOW = 7  # scikit-image's default


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise ratio in dB of every pair, (n,); 100 where two pictures are equal.

    Raises
    ------
    UnitscopeError
        If the two are not of one shape (n, 3, H, W).
    """
    a, b = _bytes(a, b)
    error = (a - b).square().mean((1, 2, 3))
    return (10 * torch.log10(255**2 / error)).clamp(max=100)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of every pair, (n,): uniform window of 7 pixels, mean over channels and places."""
    a, b = _bytes(a, b)
    if min(a.shape[2:]) < WINDOW:
        raise UnitscopeError(f"ssim needs pictures of at least {WINDOW} x {WINDOW} pixels, got {tuple(a.shape)}.")
    _, full = structural_similarity_index_measure(
        a, b, gaussian_kernel=False, kernel_size=WINDOW, data_range=255.0, reduction="none", return_full_image=True
    )
    rim = WINDOW // 2  # where the window leaves the picture, scikit-image does not look
    return full[..., rim:-rim, rim:-rim].mean((1, 2, 3))


def _bytes(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    a, b = checking.finite("a", a), checking.finite("b", b)
    if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3:
        raise UnitscopeError(
            f"pictures must be two tensors of one shape (n, 3, H, W), got {tuple(a.shape)} and {tuple(b.shape)}."
        )
    a, b = ((x.detach().clamp(0, 1) * 255).round().double() for x in (a, b))
    return a, b
