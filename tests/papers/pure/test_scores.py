"""Scores against slow definitions, on vectors whose answer is planted."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from unitscope.metrics.clusters import pooled_correlation
from unitscope.papers.pure import scores
from unitscope.papers.pure.scores import CropPairs, Split


def with_vectors(study, **vectors):
    """The toy study with other vectors (U, n, D), and references that fit them."""
    first = next(iter(vectors.values()))
    references = torch.arange(first.shape[0] * first.shape[1]).view(first.shape[:2])
    return replace(study, vectors=vectors, references=references, units=torch.arange(len(first)))


def test_one_is_the_mean_over_all_pairs_of_all_units(rng):
    vectors = torch.from_numpy(rng.normal(size=(3, 5, 4)))
    found = scores.distances(vectors)
    pairs = [(u, i, j) for u in range(3) for i, j in itertools.permutations(range(5), 2)]
    plain = {pair: np.linalg.norm(vectors[pair[0], pair[1]] - vectors[pair[0], pair[2]]) for pair in pairs}
    mean = sum(plain.values()) / len(plain)
    for pair, value in plain.items():
        assert found[pair].item() == pytest.approx(value / mean)


def test_the_judges_own_split_is_the_widest(study):
    found = scores.splits(study)
    assert list(found) == ["rival", "PURE", "activations", "judge"]
    assert (found["judge"].gap >= found["activations"].gap - 1e-9).all()
    assert found["PURE"].overall.mean() == pytest.approx(1)
    # with w the share of pairs within clusters: overall = w intra + (1 - w) inter
    for one in found.values():
        same = (one.labels[:, :, None] == one.labels[:, None, :]).double()
        w = (same.sum((1, 2)) - 20) / (20 * 19)
        torch.testing.assert_close(one.overall, w * one.intra + (1 - w) * one.inter)


def test_agreement_is_perfect_with_itself_and_blind_to_numbering(study):
    found = scores.splits(study)["PURE"]
    turned = Split(1 - found.labels, found.intra, found.inter, found.overall)
    assert scores.agreement(found, turned).tolist() == [1.0] * len(found.labels)


def test_the_clearest_unit_has_two_clusters_to_show():
    labels = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    found = Split(labels, torch.zeros(3), torch.tensor([0.9, 0.2, 0.4]), torch.ones(3))
    assert scores.clearest(found, fewest=2) == 2 and scores.clearest(found, fewest=3) == 0


def test_the_top_rows_come_in_order_and_from_those_allowed():
    score = torch.tensor([0.1, 0.9, 0.5, 0.7])
    assert scores.top(score, 2).tolist() == [1, 3]
    assert scores.top(score, 2, torch.tensor([True, False, True, False])).tolist() == [2, 0]


def test_ranks_are_those_of_sorted_distances(study):
    found, n = scores.pairs(study), study.references.shape[1]
    listed = list(itertools.combinations(range(n), 2))
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == listed
    vectors = study.vectors["judge"][0].numpy()
    plain = [np.linalg.norm(vectors[i] - vectors[j]) for i, j in listed]
    nearest, farthest = (found.ranks["judge"][0, int(f(plain))] for f in (np.argmin, np.argmax))
    ranks = found.ranks["judge"]
    assert (
        nearest < 0.5 < farthest and ranks.amin() >= 0 and ranks.amax() <= 1
    )  # ties share a rank, so 0 and 1 may be missing
    torch.testing.assert_close(ranks.mean(1), torch.full((len(ranks),), 0.5, dtype=torch.float64))
    assert found.at("judge", 0, 2, 7) == found.ranks["judge"][0, listed.index((2, 7))]


def ranked(activations, pure, judge):
    ranks = {"activations": activations, "PURE": pure, "judge": judge, "rival": judge}
    places = torch.triu_indices(4, 4, offset=1)
    return CropPairs(*places, {view: torch.tensor([row]) for view, row in ranks.items()})


def test_overestimates_count_alike_pairs_only():
    found = ranked([0.9, 0.7, 0.5, 0.0, 0.0, 0.0], [0.1, 0.2, 0.3, 1.0, 1.0, 1.0], [0.0, 0.1, 0.2, 0.6, 0.7, 0.8])
    assert scores.overestimate(found).item() == pytest.approx(0.7 - 0.2)
    assert scores.overestimate(found, torch.tensor([[True, *[False] * 5]])).item() == pytest.approx(0.8)
    assert scores.overestimate(found, torch.tensor([[*[False] * 5, True]])).isnan().all()


def test_the_worst_pair_is_shown_and_no_image_twice(study):
    found = ranked([0.2, 0.9, 0.5, 0.0, 0.0, 0.0], [0.1] * 6, [0.0, 0.1, 0.2, 0.6, 0.7, 0.8])
    two = CropPairs(found.first, found.second, {view: ranks.repeat(2, 1) for view, ranks in found.ranks.items()})
    apart = replace(study, references=torch.arange(8).view(2, 4))
    assert scores.exemplary(apart, two, torch.ones(2, 6, dtype=torch.bool)) == [(0, 0, 2), (1, 0, 2)]
    shared = replace(study, references=torch.arange(4).repeat(2, 1))
    assert len(scores.exemplary(shared, two, torch.ones(2, 6, dtype=torch.bool))) == 1
    assert scores.exemplary(apart, two, torch.zeros(2, 6, dtype=torch.bool)) == []


def test_small_crops_are_small_on_both_sides(study):
    boxes = torch.tensor([[0, 0, 8, 8], [0, 0, 16, 16], [0, 0, 4, 4]])[None]
    found = CropPairs(torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2]), {})
    assert scores.small_crops(replace(study, boxes=boxes), found).tolist() == [[False, True, False]]


def test_correlations_follow_the_judge(study, rng):
    judge = torch.from_numpy(rng.normal(size=(8, 10, 3)))
    noise = torch.from_numpy(rng.normal(size=(8, 10, 3)))
    sums = scores.pair_sums(
        with_vectors(study, judge=judge, rival=2 * judge, PURE=judge + 0.5 * noise, activations=noise)
    )
    found = {view: pooled_correlation(*one.T) for view, one in sums.items()}
    assert found["rival"] == pytest.approx(1) and found["rival"] > found["PURE"] > found["activations"]
    half = [np.linalg.norm(judge[u, i] - judge[u, j]) for u in range(8) for i, j in itertools.permutations(range(5), 2)]
    other = [
        np.linalg.norm(noise[u, i] - noise[u, j]) for u in range(8) for i, j in itertools.permutations(range(5), 2)
    ]
    assert found["activations"] == pytest.approx(np.corrcoef(half, other)[0, 1])  # of the stronger half


def test_distance_to_own_cluster_is_the_plain_mean(study, rng):
    known = with_vectors(study, judge=torch.from_numpy(rng.normal(size=(2, 4, 3))))
    new = with_vectors(study, judge=torch.from_numpy(rng.normal(size=(1, 3, 3))))
    labels, found = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1]])
    own, other = scores.to_clusters(known, new, torch.tensor([1]), labels, found)
    plain = np.array(
        [[np.linalg.norm(a - b) for b in known.vectors["judge"][1].numpy()] for a in new.vectors["judge"][0].numpy()]
    )
    same = found[0].numpy()[:, None] == labels[0].numpy()
    assert own.item() == pytest.approx(plain[same].mean() / plain.mean())
    assert other.item() == pytest.approx(plain[~same].mean() / plain.mean())


def test_every_variant_of_the_attributions_is_judged(study):
    found = scores.ablation(study, [0, 1])
    assert set(found) == {*scores.VARIANTS, "activations"} and all(len(one.gap) == 2 for one in found.values())
    torch.testing.assert_close(found["as coded, eq. (3')"].labels, scores.splits(study)["PURE"].labels)
