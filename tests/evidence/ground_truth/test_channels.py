"""Summed channels: the sum itself by plain loops, the choice of sources, and sources found again in a toy network."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "papers" / "pure"))

from toy import Patches, apart, eye
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import channels
from unitscope.evidence.pure import planted
from unitscope.papers import pure

NAMES = {"judge": "CLIP", "rival": "DINO"}


@pytest.fixture(scope="module")
def clean():
    """A bench of the toy's red and green detectors."""
    study = pure.study(apart(), Patches(), "upper", "lower", eye(), eye(), n_ref=20)
    chosen = torch.tensor([0, 1])
    maps = torch.stack(
        [torch.nn.functional.relu(study.setting.images.images[:, 0]), 2 * study.setting.images.images[:, 1]], 1
    )
    ranked = study.ranking.indices[chosen, :20]
    return channels.Bench(study, chosen, maps, study.ranking.values[chosen, :20].mean(1), ranked)


def test_a_sum_of_many_by_plain_loops(rng):
    maps, scales = torch.from_numpy(rng.uniform(size=(9, 3, 2, 3))), torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    references, positions, source = planted.merge(maps, scales, 4)
    peaks = [
        max(sum(float(scales[k] * maps[i, k, y, x]) for k in range(3)) for y, x in np.ndindex(2, 3)) for i in range(9)
    ]
    assert references.tolist() == sorted(range(9), key=lambda i: -peaks[i])[:4]
    for image, place, owner in zip(references, positions, source, strict=True):
        parts = [float(scales[k] * maps[image, k].flatten()[place]) for k in range(3)]
        assert sum(parts) == pytest.approx(peaks[image]) and owner == int(np.argmax(parts))


def test_sets_share_hardly_any_reference(rng):
    ranked = torch.from_numpy(np.stack([rng.permutation(60)[:8] for _ in range(14)]))
    found = list(channels.sets(ranked, 3, 1))
    assert found and len({tuple(rows.tolist()) for rows in found}) == len(found)
    for rows in found:
        for a in rows.tolist():
            for b in rows.tolist():
                assert a == b or len(set(ranked[a].tolist()) & set(ranked[b].tolist())) <= 0.05 * 8


def test_pairs_correlate_as_asked(rng):
    peaks = torch.from_numpy(rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)))
    table = np.corrcoef(peaks.numpy().T)
    found = {tuple(rows.tolist()) for rows in channels.correlated_sets(peaks, 0.1, 0.5)}
    assert found == {(i, j) for i in range(6) for j in range(i + 1, 6) if 0.1 < table[i, j] <= 0.5}


def test_sources_are_found_again(clean):
    found = channels.plant(clean, channels.sets(clean.ranked, 2), 3, looked=None)
    scores = channels.circuit_recovery(found, NAMES)
    assert set(scores) == {"PURE", "activations", "CLIP", "DINO", "chance"}
    assert scores["PURE"] == [1.0] and abs(scores["chance"][0]) < 0.2


def test_without_eyes_the_rest_is_the_same(clean):
    all_, some = (channels.plant(clean, channels.sets(clean.ranked, 2), 1, looked=looked) for looked in (1, 0))
    assert set(some.vectors) == {"PURE", "activations"}
    for view, vectors in some.vectors.items():
        torch.testing.assert_close(vectors, all_.vectors[view])


def test_equal_sources_are_brought_to_one_strength_and_weights_tell_them_apart(clean):
    even, odd = (channels.plant(clean, channels.sets(clean.ranked, 2), 1, w, 0) for w in ((), (2.0, 0.5)))
    strength = clean.strength * even.scales[0]
    assert strength[0].item() == pytest.approx(strength[1].item(), rel=1e-5)
    torch.testing.assert_close(odd.scales[0] / even.scales[0], torch.tensor([2.0, 0.5]))


def test_curves_leave_out_what_cannot_be_planted(clean):
    assert channels.by_number(clean, (2, 3), NAMES, 2)[3] == {}
    weighted = channels.by_weight(clean, (1.0, 1e6), NAMES, 2)
    assert weighted[1.0]["PURE"] and weighted[1e6] == {}
    with pytest.raises(UnitscopeError, match="more channels"):
        channels.by_correlation(clean, NAMES, ((0.99, 1.0),))
