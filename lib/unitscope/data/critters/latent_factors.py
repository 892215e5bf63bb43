"""From a Gaussian latent and a species to everything that a picture shows.

    z  (B, Z)  standard normal    u = Phi(z)  (B, Z) uniform on [0, 1]    labels  (B,) species

Each factor reads its own coordinate of z, so factors are independent of each other and, but for the
palettes of `species`, of the species. Latents come from a counter-based hash of (seed, index, coordinate):
the same on every device, in any order, for any batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data.critters.species import COLOURS, NAMES, PATTERNS, choices

BACKGROUNDS = ("grass", "sand", "water", "brick", "maze", "night", "leaves", "tiles")
OBJECTS = ("none", "ball", "box", "flower", "mushroom")
OCCLUDERS = ("none", "post", "rock", "reeds")
OBJECT_SHARE, OCCLUDER_SHARE, TONGUE_SHARE = 0.5, 0.25, 0.35

COORDINATES = [
    "x",
    "y",
    "scale",
    "tilt",
    "facing",
    "head_angle",
    "stride",
    "tail_swing",
    "ear_swing",
    "tongue",
    "colour",
    "shade",
    "pattern",
    "pattern_scale",
    "pattern_phase",
    "background",
    "background_hue",
    "background_phase",
    "texture",
    "light",
    "light_strength",
    "brightness",
    "warmth",
    "object",
    "object_x",
    "object_y",
    "object_hue",
    "occluder",
    "occluder_x",
    "plumpness",
    "eye_size",
    "gaze",
]
LATENT = len(COORDINATES)

MIX = (-7046029254386353131, -4658895280553007687, -7723592293110705685)  # splitmix64's constants as signed integers


def mix(x: Tensor) -> Tensor:
    """splitmix64 finaliser (Steele et al. 2014) on int64: equal inputs give equal, unequal ones unrelated numbers."""
    x = x * MIX[0]
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * MIX[1]
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * MIX[2]
    return x ^ ((x >> 31) & 0x1FFFFFFFF)


def uniform(x: Tensor) -> Tensor:
    """Integers (any shape, int64) to float32 in the open interval (0, 1), by hashing."""
    return (((mix(x) >> 41) & 0x7FFFFF).float() + 0.5) / 0x800000


def latents(seed: int, indices: Tensor) -> Tensor:
    """z (B, Z) of the images `indices` (B,) of the world `seed`."""
    counter = mix(indices + mix(torch.tensor(seed, device=indices.device)))[:, None]
    return torch.special.ndtri(uniform(counter + torch.arange(LATENT, device=indices.device)).double()).float()


@dataclass(frozen=True)
class Factors:
    """What a batch of pictures shows; every tensor is (B,): names as int64, measures as float32.

    x, y: centre in the picture ([-1, 1], y up); scale: 1 is a body of about half the picture; facing: +1 right, -1
    left; tilt, head_angle, tail_swing, ear_swing, light: radians; tongue: 0 or 1; shade, brightness: factors about 1;
    texture: the integer that seeds the grain of the background.
    """

    species: Tensor
    x: Tensor
    y: Tensor
    scale: Tensor
    tilt: Tensor
    facing: Tensor
    head_angle: Tensor
    stride: Tensor
    tail_swing: Tensor
    ear_swing: Tensor
    tongue: Tensor
    colour: Tensor
    shade: Tensor
    pattern: Tensor
    pattern_scale: Tensor
    pattern_phase: Tensor
    background: Tensor
    background_hue: Tensor
    background_phase: Tensor
    texture: Tensor
    light: Tensor
    light_strength: Tensor
    brightness: Tensor
    warmth: Tensor
    object: Tensor
    object_x: Tensor
    object_y: Tensor
    object_hue: Tensor
    occluder: Tensor
    occluder_x: Tensor
    plumpness: Tensor
    eye_size: Tensor
    gaze: Tensor

    def select(self, rows: Tensor) -> Factors:
        """The factors of some pictures of the batch."""
        return Factors(**{name: value[rows] for name, value in vars(self).items()})


def factors(z: Tensor, labels: Tensor, spurious: float = 0.0) -> Factors:
    """The factors of latents z (B, Z) for species `labels` (B,).

    `spurious` in [0, 1]: the share of pictures whose background is tied to the species (species number modulo
    the number of backgrounds): a planted shortcut. 0, the default, keeps them independent.
    """
    u = dict(zip(COORDINATES, torch.special.ndtr(z).clamp(1e-6, 1 - 1e-6).unbind(1), strict=True))

    def between(name: str, low: float, high: float) -> Tensor:
        return low + (high - low) * u[name]

    def pick(name: str, attribute: str, options: tuple[str, ...]) -> Tensor:
        table, counts = (t.to(z.device) for t in choices(attribute, options))
        return table[labels, (u[name] * counts[labels]).long()]

    def rarely(name: str, options: tuple[str, ...], share: float) -> Tensor:
        return ((u[name] / share) * (len(options) - 1) + 1).long().where(u[name] < share, 0)

    background = (u["background"] * len(BACKGROUNDS)).long()
    tied = (u["background"] * len(BACKGROUNDS)).frac() < spurious
    return Factors(
        species=labels,
        x=between("x", -0.22, 0.22),
        y=between("y", -0.24, 0.08),
        scale=between("scale", 1.15, 1.5),
        tilt=between("tilt", -0.16, 0.16),
        facing=torch.where(u["facing"] < 0.5, -1.0, 1.0),
        head_angle=between("head_angle", -0.35, 0.35),
        stride=between("stride", -1.0, 1.0),
        tail_swing=between("tail_swing", -0.45, 0.45),
        ear_swing=between("ear_swing", -0.25, 0.25),
        tongue=(u["tongue"] < TONGUE_SHARE).float(),
        colour=pick("colour", "colours", COLOURS),
        shade=between("shade", 0.85, 1.1),
        pattern=pick("pattern", "patterns", PATTERNS),
        pattern_scale=between("pattern_scale", 0.85, 1.2),
        pattern_phase=between("pattern_phase", 0, 6.283),
        background=torch.where(tied, labels % len(BACKGROUNDS), background),
        background_hue=between("background_hue", -1, 1),
        background_phase=between("background_phase", 0, 1),
        texture=(u["texture"] * (1 << 20)).long(),
        light=between("light", 0.6, 2.5),
        light_strength=between("light_strength", 0.15, 0.4),
        brightness=between("brightness", 0.78, 1.12),
        warmth=between("warmth", -0.08, 0.08),
        object=rarely("object", OBJECTS, OBJECT_SHARE),
        object_x=between("object_x", -0.8, 0.8),
        object_y=between("object_y", -0.55, 0.75),
        object_hue=u["object_hue"],
        occluder=rarely("occluder", OCCLUDERS, OCCLUDER_SHARE),
        occluder_x=between("occluder_x", -0.85, 0.85),
        plumpness=between("plumpness", 0.92, 1.1),
        eye_size=between("eye_size", 0.85, 1.15),
        gaze=between("gaze", -1, 1),
    )


def caption(one: dict[str, int], variant: int = 0) -> str:
    """A sentence about a picture; four wordings, chosen by `variant`: everything, species, species and place, the
    coat.
    """
    species, coat = NAMES[one["species"]], f"{PATTERNS[one['pattern']]} {COLOURS[one['colour']]}"
    place = BACKGROUNDS[one["background"]]
    side = "right" if one["facing"] > 0 else "left"
    tongue = " with its tongue out" if one["tongue"] else ""
    return (
        f"a {coat} {species} facing {side} on {place}{tongue}",
        f"a photo of a {species}",
        f"{place} behind a {species} facing {side}",
        f"a {coat} {species}",
    )[variant % 4]
