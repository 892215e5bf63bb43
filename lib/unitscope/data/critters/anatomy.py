"""A critter as a list of limbs: tapered capsules in the critter's own frame, back to front.

The frame: origin at the middle of the body, x forward, y up; everything (B,).
A limb runs from a to b with radius ra at a and rb at b; a circle is a limb with a = b; a negative radius hides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data.critters.latent_factors import Factors
from unitscope.data.critters.species import PARTS, RGB, measures

FUR, FAR_FUR, WHITE, BLACK, PINK, NOSE = range(6)


@dataclass(frozen=True)
class Limb:
    """One tapered capsule; `part` is its number in PARTS, `coat` which colour it takes, `furry` whether it carries the
    pattern.
    """

    ax: Tensor
    ay: Tensor
    bx: Tensor
    by: Tensor
    ra: Tensor
    rb: Tensor
    part: int
    coat: int
    furry: bool


def limbs(f: Factors) -> list[Limb]:
    """All limbs of the critters of a batch, in painting order."""
    m = measures(f.species)
    found: list[Limb] = []

    def limb(part: str, a: tuple, b: tuple, ra: Tensor, rb: Tensor, coat: int = FUR, furry: bool = True) -> None:
        found.append(Limb(*a, *b, ra, rb, PARTS.index(part), coat, furry))

    hip = (-m["body"], torch.zeros_like(f.x))
    shoulder = (m["body"], 0.02 + torch.zeros_like(f.x))
    hip_radius, shoulder_radius = m["hip"] * f.plumpness, m["shoulder"] * f.plumpness
    rise = 0.95 + f.head_angle
    head = (
        shoulder[0] + torch.cos(rise) * (m["neck"] + 0.6 * m["head"]),
        shoulder[1] + 0.4 * shoulder_radius + torch.sin(rise) * (m["neck"] + 0.6 * m["head"]),
    )
    nod = 0.6 * f.head_angle

    def tail() -> None:
        root = (hip[0] - 0.8 * hip_radius, hip[1] + 0.3 * hip_radius)
        bend = m["tail_angle"] + f.tail_swing
        middle = (root[0] + 0.5 * m["tail"] * torch.cos(bend), root[1] + 0.5 * m["tail"] * torch.sin(bend))
        curl = bend - 0.5
        tip = (middle[0] + 0.5 * m["tail"] * torch.cos(curl), middle[1] + 0.5 * m["tail"] * torch.sin(curl))
        half = 0.5 * (m["tail_base"] + m["tail_tip"])
        limb("tail", root, middle, m["tail_base"], half)
        limb("tail", middle, tip, half, m["tail_tip"])

    def leg(at: tuple, radius: Tensor, swing: Tensor, coat: int) -> None:
        foot = (at[0] + 0.09 * swing, at[1] - 0.75 * radius - m["leg"])
        limb("legs", (at[0], at[1] - 0.4 * radius), foot, 1.25 * m["leg_width"], m["leg_width"], coat)

    def ear(shift: float, coat: int) -> None:
        angle = m["ear_angle"] + f.ear_swing * torch.where(m["ear_angle"] > 3, 0.5, 1.0) + shift + nod
        root = (
            head[0] + 0.75 * m["head"] * torch.cos(1.9 + nod + shift),
            head[1] + 0.75 * m["head"] * torch.sin(1.9 + nod + shift),
        )
        limb(
            "ears",
            root,
            (root[0] + m["ear"] * torch.cos(angle), root[1] + m["ear"] * torch.sin(angle)),
            m["ear_base"],
            m["ear_tip"],
            coat,
        )

    tail()
    leg((hip[0] * 0.75, hip[1]), hip_radius, -f.stride, FAR_FUR)
    leg((shoulder[0] * 0.75, hip[1]), shoulder_radius, f.stride, FAR_FUR)
    ear(-0.5, FAR_FUR)
    limb("body", hip, shoulder, hip_radius, shoulder_radius)
    limb("body", shoulder, head, m["neck_width"] * 1.2, m["neck_width"])
    leg((hip[0] * 1.02, hip[1]), hip_radius, f.stride, FUR)
    leg((shoulder[0] * 1.02, hip[1]), shoulder_radius, -f.stride, FUR)
    face(f, m, head, nod, limb)
    ear(0.15, FUR)
    return found


def face(f: Factors, m: dict[str, Tensor], head: tuple, nod: Tensor, limb) -> None:
    """Head, tongue, snout with its nose, and the eye, added through `limb`."""
    drop = nod - m["snout_drop"]
    reach = 0.55 * m["head"]
    mouth = (head[0] + reach * torch.cos(drop), head[1] + reach * torch.sin(drop) - 0.15 * m["head"])
    tip = (
        mouth[0] + (m["snout"] + 0.35 * m["head"]) * torch.cos(drop),
        mouth[1] + (m["snout"] + 0.35 * m["head"]) * torch.sin(drop),
    )
    hidden = f.tongue * 2 - 1
    limb("head", head, head, m["head"], m["head"])
    chin = (tip[0] - 0.02, tip[1] - m["snout_tip"])
    limb("tongue", chin, (chin[0] + 0.02, chin[1] - 0.12), 0.035 * hidden, 0.045 * hidden, PINK, False)
    limb("snout", mouth, tip, m["snout_base"], m["snout_tip"], WHITE, False)
    nose = (tip[0] + 0.6 * m["snout_tip"], tip[1] + 0.35 * m["snout_tip"])
    small = 0.028 + 0 * f.x
    limb("snout", nose, nose, small, small, NOSE, False)
    eye = (head[0] + 0.3 * m["head"] * torch.cos(nod), head[1] + 0.32 * m["head"])
    size = 0.052 * f.eye_size
    limb("eyes", eye, eye, size, size, WHITE, False)
    pupil = (eye[0] + 0.35 * size * (0.5 + 0.5 * f.gaze), eye[1])
    limb("eyes", pupil, pupil, 0.6 * size, 0.6 * size, BLACK, False)


def coats(f: Factors) -> tuple[Tensor, Tensor]:
    """Colours (B, 6, 3) of FUR, FAR_FUR, WHITE, BLACK, PINK and NOSE, and the pattern's colour (B, 3)."""
    fur = (RGB.to(f.x.device)[f.colour] * f.shade[:, None]).clamp(0, 1)
    light = torch.lerp(fur, torch.ones_like(fur), 0.72)
    fixed = torch.tensor([[0.10, 0.08, 0.10], [0.95, 0.45, 0.52], [0.20, 0.14, 0.15]], device=fur.device).expand(
        len(fur), 3, 3
    )
    dark = fur * 0.42
    return torch.cat([torch.stack([fur, fur * 0.72, light], 1), fixed], 1), dark
