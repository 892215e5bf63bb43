"""A vision network as the book sees it: images in [0, 1] in, named unit layers, logits, embeddings.

B  images    C  channels of a layer    D  dimensions of an embedding
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError, unknown
from unitscope.identity import fingerprint
from unitscope.models.layers import Layer, LayerTable, last_hidden, layer_at, table, trace, unit_layers

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INTERPOLATIONS = ("bilinear", "bicubic")
LOOKED_AT_LATER = 64  # batches whose range a GPU may still owe
RANGE_SLACK = 0.5  # a generator may overshoot [0, 1] a little; 0..255 or normalised images are a mistake


@dataclass
class Ranges:
    """The check that images lie in [0, 1] and hold no NaN.

    Every batch in the computer's memory is looked at, at about a thousandth of a network's price. Of batches on a GPU
    the first is waited for; the range of each later one is copied while the GPU works and read when a following batch
    comes, so that nothing waits, an error comes a few batches late, and the last batches of a pass may go unseen.
    """

    waited: bool = field(default=False, compare=False)
    waiting: list[tuple[Tensor, torch.cuda.Event]] = field(default_factory=list, compare=False)

    @torch.no_grad()
    def check(self, images: Tensor) -> None:
        """Refuse images far out of [0, 1], not finite included.

        Raises
        ------
        UnitscopeError
            For these images, or for earlier ones that lay on a GPU.
        """
        while self.waiting and self.waiting[0][1].query():
            self.refuse(self.waiting.pop(0)[0])
        if images.numel() == 0:
            return
        found = torch.stack(images.detach().aminmax())
        if found.device.type != "cuda" or not self.waited:
            self.waited = self.waited or found.device.type == "cuda"
            self.refuse(found)
        elif len(self.waiting) < LOOKED_AT_LATER:
            copied, event = found.to("cpu", non_blocking=True), torch.cuda.Event()
            event.record(torch.cuda.current_stream(images.device))
            self.waiting.append((copied, event))

    def refuse(self, found: Tensor) -> None:
        low, high = found.tolist()
        if not (low >= -RANGE_SLACK and high <= 1 + RANGE_SLACK):  # true of NaN, too
            self.waiting.clear()
            self.waited = False
            raise UnitscopeError(
                f"images must lie in [0, 1], got {low:.3g} to {high:.3g}; pass them neither as 0..255 nor normalised."
                + (
                    " Some of their numbers are not finite."
                    if not math.isfinite(low) or not math.isfinite(high)
                    else ""
                )
            )


class Preprocess(nn.Module):
    """Images (B, 3, H, W), float RGB in [0, 1], to the network's input: resized with antialias, then normalised.

    Differentiable. Images of the right size are not resized; bicubic overshoot is clamped, as PIL does.
    """

    def __init__(
        self,
        size: int,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        interpolation: str = "bilinear",
    ):
        super().__init__()
        if not isinstance(size, int) or size < 1:
            raise UnitscopeError(f"input_size must be a whole number of pixels, at least 1, got {size!r}.")
        if interpolation not in INTERPOLATIONS:
            raise unknown("interpolation", interpolation, INTERPOLATIONS)
        self.size, self.interpolation = size, interpolation
        self.register_buffer("mean", _per_channel("mean", mean))
        self.register_buffer("std", _per_channel("std", std))
        if self.std.min() <= 0:
            raise UnitscopeError(f"std must be above 0 in every channel, got {self.std.flatten().tolist()}.")
        self.ranges = Ranges()

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise UnitscopeError(
                f"images must be (B, 3, H, W), float RGB in [0, 1], got {tuple(images.shape)} of {images.dtype}; "
                "divide bytes by 255, add a batch axis with images[None]."
            )
        self.ranges.check(images)
        images = images.to(self.mean.device, non_blocking=True)
        if images.shape[2:] != (self.size, self.size):
            images = F.interpolate(images, (self.size, self.size), mode=self.interpolation, antialias=True)
            images = images.clamp(0, 1) if self.interpolation == "bicubic" else images
        return (images - self.mean) / self.std


def _per_channel(name: str, values: Sequence[float]) -> Tensor:
    """Three finite numbers as (1, 3, 1, 1) float32."""
    try:
        found = torch.as_tensor(values, dtype=torch.float32).flatten()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UnitscopeError(f"{name} must be three numbers, one a channel, got {values!r}.") from error
    if found.shape != (3,) or not found.isfinite().all():
        raise UnitscopeError(f"{name} must be three finite numbers, one a channel, got {values!r}.")
    return found.clone().view(1, 3, 1, 1)


@dataclass
class Network:
    """What a source knows of a network before it becomes a VisionModel.

    `module` takes preprocessed images. `clip` is the whole two-tower model where `module` is its image tower, and
    `tokenize` makes its text input. `hidden` names the module whose output `embed` averages, where the rule of
    `last_hidden` is not right. `classes` are the names of the logits, None where there is no head.
    """

    module: nn.Module
    preprocess: Callable[[Tensor], Tensor]
    input_size: int
    classes: tuple[str, ...] | None = None
    clip: nn.Module | None = None
    tokenize: Callable[[list[str]], Tensor] | None = None
    hidden: str | None = None


class VisionModel:
    """A frozen network in evaluation mode with its preprocessing and its unit layers; made by `load_model`.

    Owns the network: parameters need no gradient and ReLUs no longer work in place, so that taps see what they gave.
    """

    def __init__(self, name: str, network: Network, device: torch.device, layers: Sequence[str] | None = None):
        self.name, self.module, self.preprocess = name, network.module, network.preprocess
        self.weights = "its own"  # where they came from, in words
        self.input_size, self.classes = network.input_size, network.classes
        self.clip, self.tokenize = network.clip, network.tokenize
        self._whole = network.clip if network.clip is not None else network.module
        self._whole.eval().requires_grad_(False)
        for part in self._whole.modules():
            if getattr(part, "inplace", False) is True:
                part.inplace = False
        self.to(device)
        self._calls = self._dry_run()
        self.layers: LayerTable = unit_layers(self._calls)
        if layers is not None:
            self.layers = table([self.layer(path).name for path in layers], self._calls)
        self._hidden = self._calls[network.hidden].layer if network.hidden in self._calls else last_hidden(self._calls)
        self._check_classes()

    def _dry_run(self) -> dict:
        size = self.input_size
        try:
            calls = trace(self.module, self.preprocess(torch.full((1, 3, size, size), 0.5, device=self.device)))
        except (RuntimeError, AssertionError, TypeError) as error:
            raise UnitscopeError(
                f"{self.name} cannot take an image of {size} x {size} ({str(error).splitlines()[0]}); "
                "pass input_size= and check the network's input."
            ) from error
        if isinstance(self.preprocess, Preprocess):
            self.preprocess.ranges = Ranges()  # the grey image was no batch
        return calls

    def _check_classes(self) -> None:
        shape = self._calls[""].shape
        if self.classes is not None and shape != (1, len(self.classes)):
            raise UnitscopeError(f"{len(self.classes)} class names, but {self.name} gives {shape} for one image.")

    def __repr__(self) -> str:
        return (
            f"VisionModel({self.name!r}, input {self.input_size}, {len(self.layers)} layers, {self.device}, "
            f"weights: {self.weights})"
        )

    def to(self, device: torch.device | str) -> VisionModel:
        """Move everything to `device`, in place."""
        self.device = torch.device(device)
        self._whole.to(self.device)
        if isinstance(self.preprocess, nn.Module):
            self.preprocess.to(self.device)
        return self

    def layer(self, name: str) -> Layer:
        """A listed unit layer, or any module path whose output reads as a map; else an error with the nearest name."""
        return self.layers[name] if name in self.layers else layer_at(name, self.module, self._calls, self.layers)

    def __call__(self, images: Tensor) -> Tensor:
        """The network's output for images (B, 3, H, W) in [0, 1]: logits, or features where there is no head."""
        return self.module(self.preprocess(images))

    @property
    def has_head(self) -> bool:
        """Whether the output is one logit per class."""
        return self.classes is not None

    def logits(self, images: Tensor) -> Tensor:
        """Class scores (B, classes)."""
        if not self.has_head:
            raise UnitscopeError(
                f"{self.name} has no classifier; take one that has, or name its outputs: load_model(..., classes=...)."
            )
        return self(images)

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings (B, D): the mean over all tokens of the last hidden state, class token included, for a ViT; the
        mean over the positions of the last map for a CNN.

        CLIP ViTs are read before their closing LayerNorm, DINO's and others after it, as in the paper.
        """
        kept: list[Tensor] = []
        handle = self.module.get_submodule(self._hidden.path).register_forward_hook(lambda *io: kept.append(io[2]))
        try:
            self(images)
        finally:
            handle.remove()
        if self._hidden.kind == "tokens":
            return kept[-1].mean(1 - self._hidden.batch_axis)
        return self._hidden.to_map(kept[-1]).mean((2, 3))

    def encode_image(self, images: Tensor) -> Tensor:
        """CLIP's image embeddings (B, D), unit norm."""
        return F.normalize(self._two_towers().encode_image(self.preprocess(images)), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """CLIP's text embeddings (B, D), unit norm."""
        clip = self._two_towers()
        return F.normalize(clip.encode_text(self.tokenize(list(texts)).to(self.device)), dim=-1)

    def _two_towers(self) -> nn.Module:
        if self.clip is None:
            raise UnitscopeError(f"{self.name} has no text tower; take a CLIP model such as critters/clip_resnet.")
        return self.clip

    def fingerprint(self) -> str:
        """16 hexadecimal digits over all that decides the outputs: weights and modules with their settings (both towers
        of a CLIP model), preprocessing, input size, tokenizer, where `embed` reads. See `unitscope.identity`.
        """
        return fingerprint(self._whole, self.preprocess, self.input_size, self.tokenize, self._hidden)
