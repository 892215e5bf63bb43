"""LPIPS as an embedding (Zhang et al. 2018): the distance of two images is a squared Euclidean distance.

    x      (B, 3, H, W)          images, RGB in [0, 1]
    f_l    (B, C_l, H_l, W_l)    maps of layer l, divided by their norm over channels at every position
    w_l    (C_l,)                non-negative head of layer l
    phi_l  (B, P_l)              sqrt(w_l / (H_l W_l)) f_l, flattened;   phi = [phi_1, ..., phi_L]

    D_l(x, x') = |phi_l(x) - phi_l(x')|^2,    D = sum over l of D_l = |phi(x) - phi(x')|^2

So every image passes the network once, and the distances of all pairs are one matrix product. Channels whose head is
zero are dropped. The distance does not feel a common shift: embeddings are centred, which keeps the product accurate.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from unitscope.data import ImageSet
from unitscope.errors import MissingWeights, UnitscopeError, unknown
from unitscope.extract.taps import Taps, device_of
from unitscope.models.downloads import Remote, fetch
from unitscope.models.own_code import forget
from unitscope.models.packaged import Trunk
from unitscope.models.vision import Preprocess, VisionModel
from unitscope.models.weights import fit, read_state
from unitscope.progress import progress

TRUNKS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}  # the package's name: torchvision's
SHIFT_TOLERANT = "-st"  # ending of the networks of stlpips-pytorch
PACKAGE_NETWORKS = (*TRUNKS, "alex-st", "vgg-st")
NORM_FLOOR = 1e-10  # the package's own: an all-zero position stays zero
GRADIENT_FLOOR = 1e-5  # where gradients are wanted: it bounds them at positions that are nearly zero


@dataclass(frozen=True)
class Perceptual:
    """What LPIPS needs to know of a network.

    maps : images (B, 3, H, W) in [0, 1] -> one map (B, C_l, H_l, W_l) per layer.
    heads : one (C_l,) per layer, never negative; None for uniform weights (the package's `lpips=False`).
    """

    name: str
    maps: Callable[[Tensor], Sequence[Tensor]]
    heads: tuple[Tensor, ...] | None
    device: torch.device


@dataclass(frozen=True)
class Embedding:
    """phi of n images, shifted by one common vector: `vectors` (n, P); layer l owns sizes[l] of its columns."""

    name: str
    vectors: Tensor
    sizes: tuple[int, ...]

    def layer(self, number: int) -> Tensor:
        """phi_l (n, P_l) of layer `number`, counted from 0."""
        if not 0 <= number < len(self.sizes):
            raise UnitscopeError(f"{self.name} has layers 0..{len(self.sizes) - 1}, got {number}.")
        start = sum(self.sizes[:number])
        return self.vectors[:, start : start + self.sizes[number]]


def from_package(module: nn.Module) -> Perceptual:
    """The network and heads of an `lpips.LPIPS` module; distances equal the module's own with `normalize=True`.

    Raises
    ------
    UnitscopeError
        If a head has a negative weight: its distance is no squared Euclidean distance.
    """
    module = module.eval()
    heads = tuple(lin.model[-1].weight.detach().flatten() for lin in module.lins) if module.lpips else None
    if heads is not None and min(head.min() for head in heads) < 0:
        raise UnitscopeError(
            "an LPIPS head has negative weights, so no embedding exists; take version 0.1 of the package."
        )

    def maps(images: Tensor) -> Sequence[Tensor]:
        scaled = 2 * images - 1
        return module.net(module.scaling_layer(scaled) if module.version == "0.1" else scaled)

    device = next(module.buffers()).device
    return Perceptual(f"lpips:{module.pnet_type}", maps, heads, device)


def package_network(net: str = "alex", pretrained: bool = True, weights: str | Path | None = None) -> Perceptual:
    """LPIPS with its calibrated heads: "alex", "vgg", "squeeze" of the lpips package, or "alex-st", "vgg-st".

    The last two are shift-tolerant LPIPS (Ghildyal and Liu 2022) of the package stlpips-pytorch, ImageNet-trained
    trunks included: the same measure on networks whose halvings blur first. Distances differ from those of "alex" and
    "vgg".

    Of the first three, the trunk's ImageNet weights are torchvision's: from torch's or our own cache, or downloaded,
    with their hash compared; or those of a local file, `weights`. The package and torchvision only build the networks;
    every file is read here, without running a pickle.
    `pretrained=False` leaves the trunk random, for tests.

    Raises
    ------
    UnitscopeError
        For an unknown network, or if the trunk's weights cannot be had or are not the published ones.
    """
    if net not in PACKAGE_NETWORKS:
        raise unknown("LPIPS network", net, PACKAGE_NETWORKS)
    if weights is not None and net not in TRUNKS:
        raise UnitscopeError(f"lpips:{net} brings the weights of its trunk along; leave the file {weights} out.")
    if net.endswith(SHIFT_TOLERANT):
        return shift_tolerant(net.removesuffix(SHIFT_TOLERANT), pretrained)
    import lpips  # on demand: it imports all of torchvision's models

    with contextlib.redirect_stdout(io.StringIO()):
        module = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, verbose=False)
    heads = Path(lpips.__file__).parent / "weights" / f"v{module.version}" / f"{net}.pth"
    fit(module.lins, {key.removeprefix("lin"): value for key, value in read_state(heads).items()}, heads)
    if pretrained:
        _fill_trunk(module.net, net, weights)
    return from_package(module)


def shift_tolerant(kind: str, pretrained: bool = True) -> Perceptual:
    """Shift-tolerant LPIPS on "alex" or "vgg"; `pretrained=False` gives its trunk random weights."""
    trunk = Trunk(kind)
    if not pretrained:
        forget(trunk)
    return Perceptual(f"lpips:{kind}{SHIFT_TOLERANT}", trunk, trunk.heads, torch.device("cpu"))


def _fill_trunk(trunk: nn.Module, net: str, weights: str | Path | None) -> None:
    """Torchvision's published weights into a trunk of the package, whose `slice2.3` is torchvision's `features.3`."""
    try:
        remote = Remote(url=get_model_weights(TRUNKS[net]).DEFAULT.url)
        path = fetch(remote, f"lpips:{net}") if weights is None else weights
    except MissingWeights as error:
        raise MissingWeights(
            f"{error} Or take a network of the zoo with uniform weights instead, 'lpips:critters/alexnet'."
        ) from error
    state = read_state(path)
    source = {key: f"features.{key.partition('.')[2]}" for key in trunk.state_dict()}
    fit(trunk, {key: state[name] for key, name in source.items() if name in state}, path)


def from_model(model: VisionModel, layers: Sequence[str] | None = None, size: int | None = None) -> Perceptual:
    """Any VisionModel as an LPIPS trunk with uniform weights.

    Parameters
    ----------
    layers : names of the layers to compare; default: all its unit layers.
    size : side in pixels at which images enter; default: the model's own. The paper's images have 32. The network runs
        up to the last of `layers` only, so that its later pooling need not stand small images.
    """
    names = list(layers or model.layers)
    for name in names:
        model.layer(name)
    if size is not None:
        if not isinstance(model.preprocess, Preprocess):
            raise UnitscopeError(
                f"{model.name} has a preprocessing of its own, which knows no other size; leave size out."
            )
        smaller = copy.copy(model.preprocess)
        smaller.size = size
        model = copy.copy(model)  # shares the network; only the size is its own
        model.preprocess = smaller

    def maps(images: Tensor) -> list[Tensor]:
        with Taps(model, names) as taps:
            read = taps(images)
        return [read[name] for name in names]

    return Perceptual(f"lpips:{model.name}", maps, None, device_of(model))


def unit_maps(perceptual: Perceptual, images: Tensor, floor: float = NORM_FLOOR) -> list[Tensor]:
    """sqrt(w_l) f_l (B, C_l, H_l, W_l) of images (B, 3, H, W), layer by layer; gradients pass.

    Maps keep the network's number format; norms are taken in float32. `floor` is the norm below which a position counts
    as empty.
    """
    found = []
    for number, raw in enumerate(perceptual.maps(images)):
        unit = raw * (raw.float().square().sum(1, keepdim=True) + floor**2).rsqrt().to(raw.dtype)
        if perceptual.heads is not None:
            head = perceptual.heads[number]
            unit = unit[:, head > 0] * head[head > 0].sqrt()[:, None, None]
        found.append(unit)
    return found


def distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """D (B,) of two batches, pair by pair, from their `unit_maps`; gradients pass."""
    parts = [(a - b).float().square().sum(1).mean((1, 2)) for a, b in zip(one, other, strict=True)]
    return torch.stack(parts).sum(0)


@torch.inference_mode()
def embed(perceptual: Perceptual, images: Tensor) -> list[Tensor]:
    """phi_l (B, P_l) of images (B, 3, H, W), layer by layer, float32, on the network's device."""
    maps = unit_maps(perceptual, images.to(perceptual.device))
    return [(unit.float() / (unit.shape[2] * unit.shape[3]) ** 0.5).flatten(1) for unit in maps]


def phi(perceptual: Perceptual, images: Tensor) -> Tensor:
    """phi (B, P) of images (B, 3, H, W): `embed`, all layers side by side."""
    return torch.cat(embed(perceptual, images), 1)


def embed_set(
    perceptual: Perceptual, images: ImageSet, *, batch_size: int = 64, dtype: torch.dtype = torch.float32
) -> Embedding:
    """phi of every image of a set, one forward pass an image, on the CPU.

    All are shifted by the mean of the first batch, which changes no distance. float16 halves the memory and costs
    about 1e-4 of a distance; memory is n * P numbers.

    Raises
    ------
    UnitscopeError
        If the set is empty or a value is not finite.
    """
    if not len(images):
        raise UnitscopeError("embed_set needs at least one image, got none.")
    vectors, shift, start = torch.empty(0, 0), None, 0
    sizes: tuple[int, ...] = ()
    for batch in progress(images.batches(batch_size), -(-len(images) // batch_size), "LPIPS"):
        parts = embed(perceptual, batch.images)
        rows = torch.cat(parts, 1)
        if shift is None:
            shift, sizes = rows.mean(0), tuple(part.shape[1] for part in parts)
            vectors = torch.empty(len(images), rows.shape[1], dtype=dtype)
        vectors[start : start + len(rows)] = rows - shift
        start += len(rows)
    if not torch.isfinite(vectors[:, 0]).all() or not torch.isfinite(vectors.sum(0)).all():
        raise UnitscopeError(f"{perceptual.name} gave values that are not numbers; check weights and images.")
    return Embedding(perceptual.name, vectors, sizes)


def squared_distances(a: Tensor, b: Tensor | None = None, rows: int = 2048) -> Tensor:
    """|a_i - b_j|^2 of all pairs of rows a (n, P), b (m, P) by matrix products in blocks -> (n, m) float32.

    With b left out: all pairs of a, symmetric with a zero diagonal. Never negative. Centre a and b first if their
    common mean is large against their spread.
    """
    same, b = b is None, a if b is None else b
    norms_a, norms_b = squared_norms(a), squared_norms(b)
    found = torch.empty(len(a), len(b), dtype=torch.float32)
    for top in range(0, len(a), rows):
        left = a[top : top + rows].float()
        for side in range(top if same else 0, len(b), rows):
            block = left @ b[side : side + rows].float().T
            block = norms_a[top : top + rows, None] + norms_b[None, side : side + rows] - 2 * block
            block = (
                (block + block.T) / 2 if same and side == top else block
            )  # a product of matrices need not be symmetric
            found[top : top + rows, side : side + rows] = block.clamp_(min=0)
            if same and side > top:
                found[side : side + rows, top : top + rows] = found[top : top + rows, side : side + rows].T
    return found.fill_diagonal_(0) if same else found


def squared_norms(vectors: Tensor, rows: int = 1024) -> Tensor:
    """|v|^2 of every row of vectors (n, P): (n,) float64."""
    return torch.cat([part.double().square().sum(1) for part in vectors.split(rows)])
