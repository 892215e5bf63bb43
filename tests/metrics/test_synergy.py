"""Synergy of all pairs, held against adding every pair in full."""

import subprocess
import sys

import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.metrics.similarity import Similarity
from unitscope.metrics.synergy import halves_of, peak_bytes, standardise, synergies, varying


def literal(similarity, y, m):
    """Eq. 8 letter by letter: z-score, add, sort, average over all pairs of images."""
    z = (y - y.mean(0)) / y.std(0, correction=0)

    def index(values):
        order = sorted(range(len(values)), key=lambda i: (-values[i].item(), i))[:m]
        gaps = similarity.vectors[order][:, None] - similarity.vectors[order][None]
        return -similarity.scale * gaps.square().sum(2).mean().item()

    pairs = torch.combinations(torch.arange(y.shape[1])).tolist()
    return torch.tensor([index(z[:, a] + z[:, b]) - max(index(z[:, a]), index(z[:, b])) for a, b in pairs])


@pytest.mark.parametrize("length", [6, 12, 40, 400])  # few, most and all pairs proven early; no lists at all
def test_pruned_search_is_the_full_search(length):
    generator = torch.Generator().manual_seed(3)
    y = torch.randn(300, 9, generator=generator).relu()
    lpips = Similarity("lpips", torch.randn(300, 7, generator=generator), scale=0.2)
    found = synergies(lpips, y, m=5, length=length)
    torch.testing.assert_close(found.values.float(), literal(lpips, y, 5), rtol=1e-4, atol=1e-5)
    low, high = {6: (0.1, 0.99), 12: (0.9, 1), 40: (1, 1), 400: (0, 0)}[length]
    assert low <= found.proven <= high


def test_equal_sums_go_to_the_lower_number_by_either_way():
    y = torch.randint(0, 4, (200, 6), generator=torch.Generator().manual_seed(0)).float()
    lpips = Similarity("lpips", torch.randn(200, 3))
    short, full = (synergies(lpips, y, m=7, length=length) for length in (20, 400))
    assert torch.equal(short.sets, full.sets)


def test_best_partner_is_the_largest_of_a_units_pairs():
    y, lpips = torch.randn(60, 5), Similarity("lpips", torch.randn(60, 4))
    found = synergies(lpips, y)
    for unit in range(5):
        mine = (found.pairs == unit).any(1)
        assert found.best_partner()[unit] == found.values[mine].max()


def test_two_halves_of_one_concept_are_synergistic():
    y = torch.rand(200, 2) * 0.1
    rows = torch.randn(200, 6)
    concept = torch.arange(0, 10)  # both units answer to the concept, each also to something of its own
    y[concept] += 1.0
    y[20:30, 0] += 1.5
    y[40:50, 1] += 1.5
    rows[concept] = torch.ones(6)
    assert synergies(Similarity("lpips", rows), y).values.item() > 0


def test_a_null_breaks_what_two_units_share():
    y, lpips = torch.rand(150, 4), Similarity("lpips", torch.randn(150, 3))
    real, null = synergies(lpips, y), synergies(lpips, y, null=1)
    assert torch.equal(real.single, null.single) and not torch.equal(real.sets, null.sets)
    shuffled = torch.randperm(150, generator=torch.Generator().manual_seed(1))
    z = standardise(y)
    for pair, found in zip(null.pairs.tolist(), null.sets, strict=True):
        assert set(found.tolist()) == set((z[:, pair[0]] + z[shuffled, pair[1]]).topk(5).indices.tolist())


def test_some_images_only_are_the_whole_of_a_smaller_world():
    y, lpips = torch.rand(90, 4), Similarity("lpips", torch.randn(90, 3))
    rows = torch.arange(0, 90, 2)
    part = synergies(lpips, y[rows], rows=rows)
    alone = synergies(Similarity("lpips", lpips.vectors[rows]), y[rows])
    torch.testing.assert_close(part.values, alone.values, atol=1e-6, rtol=1e-5)
    assert torch.equal(part.sets, rows[alone.sets])


def test_constant_and_lonely_units_are_refused():
    y = torch.rand(20, 3)
    y[:, 1] = 0.5
    with pytest.raises(UnitscopeError, match=r"units \[1\]"):
        standardise(y)
    with pytest.raises(UnitscopeError, match="two units"):
        synergies(Similarity("x", torch.rand(20, 2)), y[:, :1])


@pytest.mark.parametrize("tabulated", [True, False])
def test_memory_stays_below_its_bound(tabulated):
    """In a process of its own, whose largest size is read before and after."""
    n, units = (4000, 90) if tabulated else (40000, 60)
    rise = subprocess.run(
        [sys.executable, "-c", PEAK, str(n), str(units), str(int(tabulated))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(rise.stdout) < peak_bytes(n, units)


PEAK = """
import resource, sys, torch
from unitscope.metrics.similarity import Similarity
from unitscope.metrics.synergy import synergies
n, units, tabulated = map(int, sys.argv[1:])
lpips = Similarity("lpips", torch.randn(n, 600 if tabulated else 64))
lpips = lpips.tabulated() if tabulated else lpips
y = torch.rand(n, units)
lpips.norms, synergies(lpips, y[:200, :3], rows=torch.arange(200))       # whatever is loaded or kept at first use
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
synergies(lpips, y, null=1)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def test_columns_that_only_round_do_not_vary(rng):
    y = torch.from_numpy(rng.normal(size=(50, 4)))
    y[:, 1], y[:, 3] = 3.0, 1e6 + 1e-3 * y[:, 3]
    assert varying(y).tolist() == [True, False, True, False]
    assert not varying(torch.zeros(5, 1)).any()


def test_halves_are_the_even_and_the_odd_images():
    judge = Similarity("s", torch.randn(60, 4, generator=torch.Generator().manual_seed(0)))
    y = torch.rand(60, 5, generator=torch.Generator().manual_seed(1))
    y[::2, 3] = 1.0  # constant on the even images
    for rows, found in zip((torch.arange(0, 60, 2), torch.arange(1, 60, 2)), halves_of(judge, y, 3), strict=True):
        expected = synergies(judge, y[rows][:, [0, 1, 2, 4]], 3, rows=rows)
        torch.testing.assert_close(found.values, expected.values)
        assert set(found.sets.flatten().tolist()) <= set(rows.tolist())
    with pytest.raises(UnitscopeError, match="two images"):
        halves_of(judge, y[:1], 3)
