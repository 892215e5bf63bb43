"""Cross-moments against explicit resizing and numpy's corrcoef, and against pictures paired anew."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import UnitscopeError
from unitscope.extract.cross_moments import CrossMoments
from unitscope.extract.unit_views import Pilot, UnitTable, views

devices = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
)


def table(name, **sides):
    return UnitTable(
        name, tuple(sides), tuple(count for count, _ in sides.values()), tuple(side for _, side in sides.values())
    )


LEFT = table("left", a=(3, 8), b=(2, 20), c=(4, 12), d=(1, 7))  # not sorted by side on purpose
RIGHT = table("right", x=(3, 24), y=(5, 7), z=(2, 8), w=(2, 8))


def noise(rng, one, n, common=0.0):
    """Maps with a large mean, some ReLU-like, sharing a smooth pattern so that correlations are not all near zero."""
    maps = {}
    for name, count, side in zip(one.layers, one.channels, one.sides, strict=True):
        own = rng.normal(size=(n, count, side, side)) + rng.uniform(0, 4, size=(1, count, 1, 1))
        line = np.linspace(-1, 1, side)
        shared = common * np.random.default_rng(5).normal(size=(n, 1, 1, 1)) * np.outer(line, line)
        place = np.random.default_rng(6).normal(size=(1, count, 1, 1)) * np.exp(-4 * (line[:, None] ** 2 + line**2))
        maps[name] = torch.from_numpy((own + shared + common * place).clip(-1)).float()
    return maps


def slow(left, right, permuted=None):
    """Eq. (2) letter by letter: each pair of layers resized to the larger side, then numpy's corrcoef."""
    rows = []
    for g in left.values():
        row = []
        for d in right.values():
            side = max(g.shape[-1], d.shape[-1])
            up = [F.interpolate(m.double(), size=(side, side), mode="bilinear", align_corners=False) for m in (g, d)]
            a, b = (m.transpose(0, 1).flatten(1).numpy() for m in up)
            row.append(np.corrcoef(np.concatenate([a, b]))[: len(a), len(a) :])
        rows.append(np.concatenate(row, 1))
    return np.concatenate(rows)


def run(left, right, batches, pilots=None, device="cpu"):
    pilots = pilots or (Pilot(LEFT), Pilot(RIGHT))
    moments = CrossMoments(*pilots)
    for rows in torch.arange(len(left["a"])).split(batches):
        seen = [
            views({name: maps[rows].to(device) for name, maps in side.items()}, pilot, other.table.sides)
            for side, pilot, other in ((left, pilots[0], pilots[1]), (right, pilots[1], pilots[0]))
        ]
        moments.update(*seen)
    return moments


@pytest.fixture
def maps(rng):
    return noise(rng, LEFT, 30, 1.0), noise(rng, RIGHT, 30, 1.0)


@devices
def test_it_is_corrcoef_after_resizing(maps, device):
    found = run(*maps, 11, device=device).result()
    np.testing.assert_allclose(found.rho, slow(*maps), atol=1e-5)
    assert found.rho.abs().max() > 0.3


@pytest.mark.parametrize("small, large", [(7, 16), (8, 8), (28, 64)])
def test_single_pairs_of_odd_sizes(rng, small, large):
    one, other = table("one", a=(3, small)), table("other", b=(4, large))
    left, right = noise(rng, one, 9, 1.0), noise(rng, other, 9, 1.0)
    pilots = Pilot(one), Pilot(other)
    moments = CrossMoments(*pilots)
    moments.update(views(left, pilots[0], [large]), views(right, pilots[1], [small]))
    np.testing.assert_allclose(moments.result().rho, slow(left, right), atol=1e-5)


def test_batch_size_does_not_matter(maps):
    one, other = run(*maps, 30).result(), run(*maps, 4).result()
    np.testing.assert_allclose(one.rho, other.rho, atol=5e-6)  # single precision, another order of sums
    np.testing.assert_allclose(one.image, other.image, atol=5e-6)


def test_merged_shards_are_one_pass(maps):
    pilots = Pilot(LEFT), Pilot(RIGHT)
    first, second = (
        run({k: v[rows] for k, v in maps[0].items()}, {k: v[rows] for k, v in maps[1].items()}, 5, pilots)
        for rows in (slice(0, 20), slice(20, 30))
    )
    merged = CrossMoments(*pilots).merge(first).merge(second).merge(CrossMoments(*pilots)).result()
    np.testing.assert_allclose(merged.rho, slow(*maps), atol=1e-5)
    np.testing.assert_allclose(merged.position, run(*maps, 30).result().position, atol=1e-6)
    assert first.n == 20  # merging changes only what is merged into


def test_dead_units_give_zero(maps):
    left, right = maps
    left["a"][:, 1], right["y"][:, 2] = 0, 0.7
    found = run(left, right, 7).result()
    row, column = LEFT.units("a")[1], RIGHT.units("y")[2]
    assert found.dead[0].nonzero().flatten().tolist() == [row] and found.dead[1].nonzero().flatten().tolist() == [
        column
    ]
    for part in (found.rho, found.image, found.position, found.rest):
        assert part.isfinite().all() and not part[row].any() and not part[:, column].any()


def test_a_unit_that_wakes_up_after_the_first_batch_counts(maps):
    left, right = maps
    left["a"][:10, 0] = 0
    np.testing.assert_allclose(run(left, right, 10).result().rho, slow(left, right), atol=1e-5)


def test_pictures_paired_anew_have_the_positions_share_on_average(maps):
    """All n cyclic shifts of one side pair every picture with every other once: their mean is the expectation,
    exactly.
    """
    left, right = ({name: m[:12] for name, m in side.items()} for side in maps)
    paired = [slow(left, {name: m.roll(shift, 0) for name, m in right.items()}) for shift in range(12)]
    np.testing.assert_allclose(run(left, right, 5).result().position, np.mean(paired, 0), atol=1e-5)


def test_the_share_of_images_is_that_of_their_means(rng):
    one, other = table("one", a=(2, 5)), table("other", b=(3, 5))
    left, right = noise(rng, one, 12, 1.0), noise(rng, other, 12, 1.0)
    pilots = Pilot(one), Pilot(other)
    moments = CrossMoments(*pilots)
    moments.update(views(left, pilots[0], [5]), views(right, pilots[1], [5]))
    flat = [{name: m.mean((2, 3), keepdim=True).expand_as(m) for name, m in side.items()} for side in (left, right)]
    full = [torch.cat(list(side.values()), 1).double().transpose(0, 1).flatten(1).numpy() for side in (left, right)]
    means = [torch.cat(list(side.values()), 1).double().transpose(0, 1).flatten(1).numpy() for side in flat]
    centred = [m - m.mean(1, keepdims=True) for m in means]
    expected = centred[0] @ centred[1].T / full[0].shape[1] / np.outer(full[0].std(1), full[1].std(1))
    np.testing.assert_allclose(moments.result().image, expected, atol=1e-6)


def test_mistakes_are_named(maps):
    with pytest.raises(UnitscopeError, match="no image"):
        CrossMoments(Pilot(LEFT), Pilot(RIGHT)).result()
    with pytest.raises(UnitscopeError, match="same pilots"):
        run(*maps, 30).merge(run(*maps, 30))
    pilots = Pilot(LEFT), Pilot(RIGHT)
    with pytest.raises(UnitscopeError, match="same images"):
        CrossMoments(*pilots).update(
            views(maps[0], pilots[0], [8]), views({k: v[:3] for k, v in maps[1].items()}, pilots[1], [8])
        )


def test_units_are_numbered_layer_after_layer():
    assert LEFT.place(0) == ("a", 0) and LEFT.place(4) == ("b", 1) and LEFT.place(9) == ("d", 0)
    assert list(LEFT.units("c")) == [5, 6, 7, 8]
    with pytest.raises(UnitscopeError, match="from 0 to 9, got unit=10"):
        LEFT.place(10)
