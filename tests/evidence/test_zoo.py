"""The zoo's claims in every state, and the measures of generators against the judge's own and plain loops."""

import itertools

import numpy as np
import pytest
import torch
import yaml
from claim_table import BOOK, cells, claims_of, reaches
from unitscope.data.critters import critter_set
from unitscope.errors import UnitscopeError
from unitscope.evidence import zoo
from unitscope.models import load_generator, load_model
from unitscope.training import generators_judge as judging

N = 1000


def card(random=0.1, **metrics):
    return {"metrics": {"samples": 500, **metrics}, "random_weights": dict.fromkeys(metrics, random)}


def drawn(near, diversity=0.9, spread=0.1, sets=12):
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 12)))
    noise -= noise.mean(1, keepdim=True)
    return zoo.Drawn(near + spread * noise[0, :sets], 1 + spread * noise[1, :sets], diversity + spread * noise[2])


def named(share):
    return torch.from_numpy(zoo.hits(share, N))


SHARP, WEAK = (
    {"critters/resnet": card(top1=0.99), "critters/alexnet": card(top1=0.5)},
    {"critters/resnet": card(top1=0.9)},
)
GENERATOR = {
    "named": (
        zoo.named,
        [card(**{"named_at_0.7": 0.95})],
        [card(**{"named_at_0.7": 0.6})],
        [card(**{"named_at_0.7": 0.81})],
        [None],
    ),
    "near": (zoo.nearer_than_blurred, [drawn(0.5)], [drawn(1.5)], [drawn(0.98, spread=0.5)], [None]),
    "diverse": (zoo.diverse, [drawn(1, 0.9)], [drawn(1, 0.3)], [drawn(1, 0.62, 0.3)], [None]),
}
CASES = {  # claim: (check, arguments that support it, that speak against it, that leave it open[, that cannot test it])
    "Z1": (zoo.pixels_do_not_suffice, [named(0.3)], [named(0.7)], [named(0.59)]),
    "Z2": (zoo.supervised, [SHARP, N], [SHARP | WEAK, N], [{"critters/resnet_s": card(top1=0.955)}, N], [{}, N]),
    "Z3": (zoo.probed, [card(knn5=0.8), "knn5", N], [card(knn5=0.6), "knn5", N], [card(knn5=0.71), "knn5", N]),
    "Z4": (
        zoo.probed,
        [card(knn5=0.9), "knn5", N],
        [card(0.7, knn5=0.8), "knn5", N],
        [card(0.5, knn5=0.76), "knn5", N],
    ),
    "Z5": (
        zoo.probed,
        [card(linear=0.7), "linear", N],
        [card(linear=0.5), "linear", N],
        [card(linear=0.61), "linear", N],
    ),
    **{
        f"Z{number}": (
            zoo.zero_shot,
            [card(**{key: 0.9}), factor, N],
            [card(**{key: 0.5}), factor, N],
            [card(**{key: bar + 0.01}), factor, N],
        )
        for number, (factor, bar) in enumerate(zoo.ZERO_SHOT.items(), 6)
        for key in [f"zero_shot_{factor}"]
    },
    **{f"Z{number}": case for number, case in enumerate([*GENERATOR.values()] * 2, 9)},
}


@pytest.mark.parametrize("name, state", cells(CASES))
def test_a_claim_reaches_every_state(name, state):
    reaches(CASES, name, state)


def test_every_claim_of_the_list_is_in_the_table_and_in_the_chapter():
    (page,) = [one for one in yaml.safe_load((BOOK / "claims.yaml").read_text()) if one["chapters"] == ["zoo"]]
    assert sorted(claims_of("zoo")) == sorted(CASES) == sorted(page["own"])


def test_networks_of_other_pictures_are_not_asked_about_critters():
    assert zoo.supervised(SHARP | {"cifar10/resnet": card(top1=0.86)}, N).holds


def test_a_share_is_as_many_pictures():
    assert zoo.hits(0.25, 8).tolist() == [True] * 2 + [False] * 6
    with pytest.raises(UnitscopeError, match="0 to 1"):
        zoo.hits(25, 8)


def test_kernel_distance_is_binkowskis(rng):
    real, other = (torch.from_numpy(rng.normal(size=(70, 4))) for _ in range(2))
    found = zoo.kernel_distances(real, other)
    assert len(found) == 70 // zoo.SET

    def kernel(a, b):
        return (float(a @ b) / 4 + 1) ** 3

    for start, ours in zip((0, 30), found, strict=True):
        x, y = real[start : start + 30], other[start : start + 30]
        pairs = list(itertools.permutations(range(30), 2))
        within = np.mean([kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs])
        across = np.mean([kernel(a, b) for a, b in itertools.product(x, y)])
        assert ours == pytest.approx(within - 2 * across)


def test_the_renderer_draws_what_is_real_and_random_weights_do_not():
    real = critter_set("test", limit=120)
    makers = [
        load_generator(name, pretrained=False, device="cpu") for name in ("critters/procedural", "critters/stylegan")
    ]
    good, bad = zoo.measure(makers, real, 60).values()
    assert len(good.near) == 2 and good.near.mean() < good.blurred.mean() < bad.near.mean()
    assert good.diversity.mean() > 0.6 > bad.diversity.mean() and len(good.diversity) == 12
    pooled = judging.Pooled(load_model("critters/resnet", device="cpu"))
    assert torch.equal(zoo.features(pooled, real.subset(range(3))), pooled(real.load(range(3)).images).double())
    with pytest.raises(UnitscopeError, match="count must be 30 to 60"):
        zoo.measure(makers, real, 61)
