"""The critter world against letter-by-letter definitions in plain Python and numpy, and against what it promises."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from unitscope.data.critters import (
    BACKGROUNDS,
    COLOURS,
    LATENT,
    NAMES,
    PARTS,
    PATTERNS,
    Critters,
    critter_set,
    factors,
    render,
)
from unitscope.data.critters.anatomy import limbs
from unitscope.data.critters.latent_factors import latents, mix
from unitscope.errors import UnitscopeError

CLOSE_RELATIVES = [("pika", "hare", {"ears"}), ("pig", "tapir", {"snout", "tongue"}), ("cat", "lynx", {"tail"})]


@pytest.fixture(scope="module")
def world():
    return critter_set("test", limit=600)


def slow_splitmix(x):
    """splitmix64's finaliser with Python's integers, kept to 64 bits by hand."""
    full = (1 << 64) - 1
    x = (x * 0x9E3779B97F4A7C15) & full
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & full
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & full
    return x ^ (x >> 31)


def test_hash_is_splitmix64():
    numbers = [0, 1, 2, 77, 2**40 + 13, 2**62 - 1]
    ours = mix(torch.tensor(numbers)).tolist()
    assert [n & ((1 << 64) - 1) for n in ours] == [slow_splitmix(n) for n in numbers]


def test_latents_are_standard_normal_and_unrelated():
    z = latents(5, torch.arange(4000)).numpy()
    assert z.shape == (4000, LATENT)
    assert min(stats.kstest(column, "norm").pvalue for column in z.T) > 1e-4
    off_diagonal = np.corrcoef(z.T)[~np.eye(LATENT, dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(4000)
    assert abs(np.corrcoef(z[:-1, 0], z[1:, 0])[0, 1]) < 5 / np.sqrt(4000)


def test_a_picture_depends_on_seed_and_index_alone(world):
    rows = [599, 3, 64, 3]
    together = world.load(rows).images
    alone = torch.stack([world[i].image for i in rows])
    again = critter_set("test").load(rows).images
    assert torch.equal(together, again) and torch.allclose(together, alone, atol=1e-6)
    assert torch.equal(together[1], together[3])
    assert not torch.equal(together[0], Critters(99, 600).load([599]).images[0])
    assert not torch.equal(together[0], critter_set("val").load([599]).images[0])


def test_images_have_the_promised_form(world):
    batch = world.load(range(40))
    assert batch.images.shape == (40, 3, 64, 64) and batch.images.dtype == torch.float32
    assert batch.images.min() >= 0 and batch.images.max() <= 1
    assert torch.equal(batch.labels, world.labels[:40])
    counts = torch.bincount(critter_set("test").labels)
    assert len(counts) == len(NAMES) >= 12 and counts.max() - counts.min() <= 1


def slow_mask(f, row, size):
    """Which part each pixel shows: every limb's distance, pixel by pixel, the last one that covers half of it."""
    number = {name: float(value[row]) for name, value in vars(f).items()}
    shapes = [
        [float(v[row]) for v in (limb.ax, limb.ay, limb.bx, limb.by, limb.ra, limb.rb)] + [limb.part]
        for limb in limbs(f)
    ]
    mask = np.zeros((size, size), dtype=int)
    for i, j in np.ndindex(size, size):
        x, y = (j + 0.5) * 2 / size - 1, 1 - (i + 0.5) * 2 / size
        dx, dy = (x - number["x"]) * number["facing"], y - number["y"]
        cos, sin = np.cos(number["tilt"]), np.sin(number["tilt"])
        px, py = (cos * dx + sin * dy) / number["scale"], (cos * dy - sin * dx) / number["scale"]
        for ax, ay, bx, by, ra, rb, part in shapes:
            length = (bx - ax) ** 2 + (by - ay) ** 2
            t = 0.0 if length == 0 else min(1.0, max(0.0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length))
            distance = np.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay)) - (ra + t * (rb - ra))
            if distance <= 0:
                mask[i, j] = part
    return mask


def test_masks_are_the_geometry_pixel_by_pixel(world):
    found = world.factors(range(200))
    free = (found.occluder == 0).nonzero()[:3, 0]
    ours = world.masks(free).numpy()
    for row, mask in zip(free.tolist(), ours, strict=True):
        assert (mask != slow_mask(found, row, 64)).mean() < 0.002  # rounding at exact edges


def test_masks_partition_the_picture(world):
    masks = world.masks(range(300))
    shares = torch.stack([(masks == part) for part in range(len(PARTS))]).float()
    assert torch.equal(shares.sum(0), torch.ones_like(shares[0]))  # each pixel has one part, no other value occurs
    seen = shares.flatten(2).amax(2).mean(1)  # how often each part shows
    assert (seen[:6] > 0.97).all() and seen[PARTS.index("tail")] > 0.8 and 0.2 < seen[PARTS.index("tongue")] < 0.5


def test_what_the_mask_calls_background_does_not_depend_on_the_fur(world):
    found = world.factors(range(64))
    found = found.select((found.occluder == 0).nonzero()[:, 0])  # a soft edge in front lets fur through
    recoloured = factors_with(found, colour=(found.colour + 1) % len(COLOURS))
    a, b = render(found), render(recoloured)
    changed = (a.images - b.images).abs().amax(1) > 1e-6
    far = torch.nn.functional.max_pool2d((a.masks > 0).float(), 5, 1, 2) == 0  # two pixels from the critter's edge
    assert not (changed & far).any() and changed.any()


def factors_with(f, **changes):
    return type(f)(**{**vars(f), **changes})


@pytest.mark.parametrize("first, second, parts", CLOSE_RELATIVES)
def test_close_relatives_differ_in_one_part_only(first, second, parts):
    z = latents(0, torch.arange(24))
    a, b = (render(factors(z, torch.full((24,), NAMES.index(name)))) for name in (first, second))
    numbers = torch.tensor([PARTS.index(part) for part in parts])
    own = torch.isin(a.masks.long(), numbers) | torch.isin(b.masks.long(), numbers)
    near = torch.nn.functional.max_pool2d(own.float(), 5, 1, 2) > 0
    differ = (a.images - b.images).abs().amax(1) > 0.02
    assert differ.any() and not (differ & ~near).any()


def test_pattern_alone_tells_horse_from_zebra_and_cat_from_leopard():
    z = latents(0, torch.arange(400))
    for first, second in (("horse", "zebra"), ("cat", "leopard")):
        a, b = (factors(z, torch.full((400,), NAMES.index(name))) for name in (first, second))
        assert not set(a.pattern.tolist()) & set(b.pattern.tolist())
        same = {k: torch.equal(v, getattr(b, k)) for k, v in vars(a).items()}
        assert [k for k, equal in same.items() if not equal] == ["species", "pattern"]


def test_backgrounds_are_independent_of_species_unless_planted():
    free, planted = critter_set("test"), Critters(3, 4000, spurious=1.0)
    for world, low, high in ((free, 1e-3, 1), (planted, 0, 1e-9)):
        table = np.zeros((len(NAMES), len(BACKGROUNDS)))
        np.add.at(table, (world.labels.numpy(), world.factors(range(4000)).background.numpy()), 1)
        assert low <= stats.chi2_contingency(table).pvalue <= high


def test_captions_say_what_the_factors_are(world):
    found = world.factors(range(30))
    for i, text in enumerate(world.captions(range(30), variant=0)):
        words = text.split()
        assert {
            NAMES[found.species[i]],
            COLOURS[found.colour[i]],
            PATTERNS[found.pattern[i]],
            BACKGROUNDS[found.background[i]],
        } <= set(words)
        assert ("tongue" in words) == bool(found.tongue[i])
        assert ("right" in words) == (found.facing[i] > 0)


def test_a_linear_classifier_on_pixels_stays_below_sixty_percent():
    train, test = (critter_set(split, limit=n).load(range(n)) for split, n in (("train", 5000), ("test", 1000)))
    small = [torch.nn.functional.avg_pool2d(batch.images, 2).flatten(1).numpy() for batch in (train, test)]
    score = RidgeClassifier(alpha=300.0).fit(small[0], train.labels).score(small[1], test.labels)
    assert 1 / len(NAMES) < score < 0.6


def test_other_sizes_show_the_same_scene(world):
    large = Critters(3, 600, image_size=128).masks([7, 8])
    small = world.masks([7, 8])
    assert (large[:, ::2, ::2] == small).float().mean() > 0.97


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: critter_set("tset"), "did you mean 'test'"),
        (lambda: Critters(0, 0), "size >= 1"),
        (lambda: critter_set("val").load([5000]), r"0\.\.1999"),
        (lambda: Critters(0, 5, spurious=2), "spurious"),
    ],
)
def test_mistakes_are_named(wrong, words):
    with pytest.raises(UnitscopeError, match=words):
        wrong()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_paints_the_same_pictures(world):
    there = Critters(3, 600, device="cuda").pictures(range(64))
    here = world.pictures(range(64))
    assert (there.images.cpu() - here.images).abs().mean() < 1e-4
    assert (there.masks.cpu() == here.masks).float().mean() > 0.999
