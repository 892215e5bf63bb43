"""Claims on inverting and editing: each holds on data made for it, is contradicted by data made against it, stays open
in noise.
"""

import numpy as np
import pytest
import torch
from unitscope.evidence.rosetta import editing
from unitscope.evidence.rosetta.inversions import Inverted
from unitscope.metrics import verdicts
from unitscope.papers.rosetta.matches import UnitPairs

N = 24


def near(mean, spread=0.05, seed=0, n=N):
    """n numbers with exactly this mean."""
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=n))
    return mean + spread * (noise - noise.mean())


class Traced:
    def __init__(self, losses):
        self.trace = {"reconstruction": losses}


def inverted(psnr, spread=0.05, seed=0, falls=8):
    """Pictures whose PSNR lies near a value, SSIM and LPIPS following it, and whose loss reaches 0 after `falls` steps,
    about.
    """
    value = near(psnr, spread, seed)
    ends = near(falls, 0.8 if spread < 1 else 30.0, seed + 9).round().clamp(1, 39)
    losses = (ends[None] - torch.arange(40)[:, None]).clamp(min=0).double()
    return Inverted("a way", Traced(losses), value, value / 40, -value / 20)


def table(dino, clip, all_, mismatched=0.0, spread=0.05, falls=(20, 8)):
    ways = {"perceptual": 0.0, "+ DINO": dino, "+ CLIP": clip, "+ all": all_, "+ mismatched": mismatched}
    return {
        way: inverted(14 + value, spread, seed, falls[way != "perceptual"])
        for seed, (way, value) in enumerate(ways.items())
    }


GOOD, BAD, NOISE = (
    table(1.0, 1.2, 1.4),
    table(-1.0, -1.2, -1.4, 1.0, falls=(8, 20)),
    table(0.6, 0.6, 0.6, 0.6, spread=6.0, falls=(8, 8)),
)
ONE, ZERO = near(1.0), near(0.0, seed=1)
WIDE = near(0.1, 3.0, 2)
PEAKS = torch.arange(N) % 2 == 0
RANDOM = torch.linspace(0, 1, 64)
CASES = {  # claim: (check, holds, contradicted, undecided)
    "C15-psnr": (editing.guided_gain, (GOOD, "psnr"), (BAD, "psnr"), (NOISE, "psnr")),
    "C15-ssim": (editing.guided_gain, (GOOD, "ssim"), (BAD, "ssim"), (NOISE, "ssim")),
    "C15-lpips": (editing.guided_gain, (GOOD, "lpips"), (BAD, "lpips"), (NOISE, "lpips")),
    "C16": (editing.order, (GOOD,), (BAD,), (NOISE,)),
    "C17": (editing.faster, (GOOD, "+ all"), (BAD, "+ all"), (NOISE, "+ all")),
    "C18": (editing.no_gain, (GOOD,), (BAD,), (NOISE,)),
    "C19": (editing.nearer, (ONE, ZERO), (ZERO, ONE), (WIDE, ZERO)),
    "C20": (editing.rises, (ONE, ZERO), (ZERO, ONE), (WIDE, ZERO)),
    "C21": (
        editing.single_unit,
        ({0: (ONE + 1, RANDOM)},),
        ({0: (ZERO, RANDOM)},),
        ({0: (torch.cat([ONE + 1, ZERO]), RANDOM)},),
    ),
    "C22": (editing.in_time, (10.0, 4), (4000.0, 4), None),
    "C23": (editing.moved, (near(0.25), near(-0.25)), (near(0.0), near(0.0)), (near(0.25, 1.0), near(-0.25, 1.0))),
    "C24": (editing.enlarged, (near(2.0),), (near(1.0),), (near(1.5, 1.0),)),
    "C25": (editing.doubled, (ONE, ZERO, PEAKS | True), (ONE, ZERO, PEAKS & False), (ONE, ZERO, PEAKS)),
    "C26": (editing.removed, (near(0.9), ONE, ONE, ZERO), (near(0.1), ONE, ONE, ZERO), (near(0.9), WIDE, ONE, ZERO)),
    "C27": (editing.gentler, (ZERO, ONE), (ONE, ZERO), (WIDE, ZERO)),
    "C28": (editing.added, (ONE,), (-ONE,), (WIDE,)),
}


@pytest.mark.parametrize("check, good, bad, noise", CASES.values(), ids=CASES)
def test_a_claim_can_hold_be_contradicted_and_stay_open(check, good, bad, noise):
    assert check(*good).state == "holds"
    assert check(*bad).state == "contradicted"
    assert noise is None or check(*noise).state == "undecided"


def test_a_gain_far_below_the_papers_is_contradicted_without_a_loss():
    assert editing.gain(table(0.2, 0.2, 0.2), "+ DINO").state == "holds"  # above zero all the same
    level = {"perceptual": inverted(14.0), "+ DINO": inverted(14.001, seed=4)}
    assert editing.gain(level, "+ DINO").state == "contradicted"


def test_steps_count_to_the_mark():
    trace = torch.tensor([[3.0, 3.0], [2.0, 3.0], [1.0, 3.0]])
    assert editing.steps_to(trace, torch.tensor([2.0, 1.0])).tolist() == [1, 3]


def test_a_generator_unit_is_kept_out_with_all_its_partners():
    pairs = UnitPairs(torch.tensor([5, 5, 1, 2, 10]), torch.arange(5), torch.ones(5))
    assert editing.split_units(pairs).tolist() == [True, True, False, False, True]


def test_nothing_drawn_is_untested_and_words_say_each_state():
    assert editing.single_unit({}).state == "untested"
    states = [verdicts.exceeds(0, np.mean, column.numpy()) for column in (ONE, -ONE, WIDE)]
    assert [editing.words(one, "better", "no better") for one in states] == [
        "better",
        "no better",
        "neither clearly better nor clearly no better",
    ]
