"""From heat to crop: the part of an image that a unit responds to (PURE, appendix A.1, after the authors' code).

    n  images    box  (top, left, bottom, right) in pixels, ends exclusive

Unlike the code, the shorter side grows to exactly the longer one where the code may fall one pixel short.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from unitscope import checking
from unitscope.errors import UnitscopeError

BLUR, THRESHOLD = 5, 0.02  # the authors' kernel and share of the peak; 51 and 0.01 in their displayed figures


def crop_boxes(heat: Tensor, threshold: float = THRESHOLD, blur: int = BLUR) -> Tensor:
    """A square box around the heat.

    The heat is blurred (kernel `blur`, sigma 0.15 * blur + 0.35), made positive and divided by its peak. The box spans
    what exceeds `threshold`, from the first hot row and column up to, not including, the last. Its shorter side grows
    evenly to a square; a box that starts before the image is moved in, one that ends behind it is cut, so boxes at the
    far borders may not be square. Heat without a box (none, or a single hot row or column) gives the whole image but
    its last row and column, as in the authors' code.

    Parameters
    ----------
    heat : (n, H, W), any sign.

    Returns
    -------
    (n, 4) int64.

    Raises
    ------
    UnitscopeError
        If heat is not finite (n, H, W), or the kernel is even or does not fit into the image.
    """
    heat = checking.finite("heat", heat, "(n, H, W)")
    threshold, blur = checking.real("threshold", threshold), checking.count("blur", blur)
    if blur % 2 == 0 or blur // 2 >= min(heat.shape[1:]):
        raise UnitscopeError(
            f"crop_boxes needs heat (n, H, W) and a smaller odd blur, got {tuple(heat.shape)}, {blur}."
        )
    heat = gaussian_blur(heat[:, None], blur)[:, 0].abs()
    hot = heat > threshold * heat.amax(dim=(1, 2), keepdim=True)
    (top, bottom), (left, right) = _span(hot.any(dim=2)), _span(hot.any(dim=1))
    height, width = heat.shape[1:]
    whole = (top >= bottom) | (left >= right)
    top, left = top.masked_fill(whole, 0), left.masked_fill(whole, 0)
    bottom, right = bottom.masked_fill(whole, height - 1), right.masked_fill(whole, width - 1)
    missing = torch.where(whole, 0, (bottom - top) - (right - left))
    top, bottom = _grow(top, bottom, (-missing).clamp(min=0), height)
    left, right = _grow(left, right, missing.clamp(min=0), width)
    return torch.stack([top, left, bottom, right], dim=1)


def _span(hot: Tensor) -> tuple[Tensor, Tensor]:
    """First and last true position of each row (n, size); (0, 0) where there is none."""
    places = torch.arange(hot.shape[1], device=hot.device).expand_as(hot)
    last = torch.where(hot, places, 0).amax(dim=1)
    return torch.where(hot.any(dim=1), hot.int().argmax(dim=1), 0), last


def _grow(start: Tensor, end: Tensor, by: Tensor, size: int) -> tuple[Tensor, Tensor]:
    start, end = start - by // 2, end + by - by // 2
    end = (end - start.clamp(max=0)).clamp(max=size)  # a start before 0 extends the end
    return start.clamp(min=0), end


def crop_images(images: Tensor, boxes: Tensor, size: int, *, stretch: bool = False) -> Tensor:
    """Cut `boxes` out of `images` and resize them, bilinear with antialias, all in two batched matrix products.

    Parameters
    ----------
    images : (n, 3, H, W).
    boxes : (n, 4), inside the image and not empty; boxes that are not square are stretched to one.
    size : height and width of the crops.
    stretch : let each crop span [0, 1], its three colours together, as the authors do before embedding.

    Returns
    -------
    (n, 3, size, size)

    Raises
    ------
    UnitscopeError
        If a box is empty or leaves the image, or there is not one box for each image.
    """
    images = checking.finite("images", images, "(n, 3, H, W)").float()
    boxes, size = checking.tensor("boxes", boxes, "(n, 4)").to(images.device), checking.count("size", size)
    checking.flag("stretch", stretch)
    height, width = images.shape[2:]
    if boxes.shape != (len(images), 4):
        raise UnitscopeError(f"crop_images needs boxes ({len(images)}, 4) for its images, got {tuple(boxes.shape)}.")
    if boxes.dtype == torch.bool or boxes.is_floating_point():
        raise UnitscopeError(f"`boxes` must hold whole pixels (top, left, bottom, right), got {boxes.dtype}.")
    top, left, bottom, right = boxes.unbind(dim=1)
    inside = (0 <= top) & (top < bottom) & (bottom <= height) & (0 <= left) & (left < right) & (right <= width)
    if not inside.all():
        raise UnitscopeError(f"boxes must be (top, left, bottom, right) inside {height} x {width} and not empty.")
    rows, columns = _resampler(top, bottom, height, size), _resampler(left, right, width, size)
    crops = rows[:, None] @ images @ columns[:, None].transpose(2, 3)
    if stretch:
        low, high = crops.amin(dim=(1, 2, 3), keepdim=True), crops.amax(dim=(1, 2, 3), keepdim=True)
        crops = (crops - low) / (high - low).clamp(min=1e-8)
    return crops


def _resampler(start: Tensor, end: Tensor, pixels: int, size: int) -> Tensor:
    """Weights (n, size, pixels) that resize the interval [start, end) of a line of `pixels` to `size` samples.

    A triangle as wide as a sample's footprint, at least two pixels, normalised over the interval: what PIL and
    `torch.nn.functional.interpolate(antialias=True)` do.
    """
    scale = ((end - start) / size)[:, None, None]
    places = torch.arange(pixels, device=start.device)
    centres = start[:, None, None] + (torch.arange(size, device=start.device)[:, None] + 0.5) * scale
    weights = (1 - (places + 0.5 - centres).abs() / scale.clamp(min=1)).clamp(min=0)
    weights = weights * ((places >= start[:, None, None]) & (places < end[:, None, None]))
    return weights / weights.sum(dim=2, keepdim=True)
