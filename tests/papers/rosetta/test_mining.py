"""Mining against the published procedure written out, and what halves and nulls are made of."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import UnitscopeError
from unitscope.evidence.rosetta import measures, mining, nulls
from unitscope.evidence.rosetta.across import generator
from unitscope.evidence.rosetta.literal import batch_cosine, pairwise
from unitscope.extract.taps import Taps
from unitscope.papers.rosetta import mine
from unitscope.papers.rosetta.matches import best_buddies
from world import NAMES, concepts, gan, mined, networks


def test_one_pass_is_the_published_procedure():
    slow = pairwise(gan(), networks()[NAMES[0]], mined().w.split(8))
    np.testing.assert_allclose(mined().match(NAMES[0]).whole.rho, slow, atol=1e-5)


def test_halves_merge_to_the_whole_and_statistics_are_those_of_the_maps():
    match = mined().match(NAMES[1])
    assert sum(shard.n for shard in match.shards) == 24 and match.moments.n == 24
    with torch.no_grad():
        images, drawn = gan().synthesize_with_features(mined().w)
    mean, deviation = mined().moments_of()
    layer = mined().table.layers[2]
    rows = list(mined().table.units(layer))
    np.testing.assert_allclose(mean[rows], drawn[layer].double().mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        deviation[rows], drawn[layer].double().std((0, 2, 3), correction=0), rtol=1e-4, atol=1e-6
    )


def test_chosen_pairs_have_the_same_scores_as_the_whole_matrix():
    match = mined().match(NAMES[0])
    pairs = best_buddies(match.whole.rho)
    rho, image, position = match.moments.of_pairs(pairs.left, pairs.right)
    at = pairs.left, pairs.right
    for one, whole in ((rho, match.whole.rho), (image, match.whole.image), (position, match.whole.position)):
        np.testing.assert_allclose(one, whole[at], atol=1e-6)


def test_the_codes_score_is_the_cosine_of_batches():
    w = mined().w[:12].split(4)
    score, exact = batch_cosine(gan(), networks()[NAMES[0]], w)
    np.testing.assert_allclose(exact, pairwise(gan(), networks()[NAMES[0]], w), atol=1e-5)
    table, model = mined().table, networks()[NAMES[0]]
    g_layer, d_layer = table.layers[-1], list(model.layers)[0]
    maps = []
    for batch in w:
        with torch.no_grad(), Taps(model, [d_layer]) as taps:
            images, drawn = gan().synthesize_with_features(batch)
            maps.append((drawn[g_layer][:, 1].double(), taps(images)[d_layer][:, 2].double()))
    centres = [torch.cat([pair[i] for pair in maps]).mean() for i in (0, 1)]
    size = maps[0][0].shape[-1]
    expected = []
    for g, d in maps:
        d = F.interpolate(d[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]
        expected.append(float(F.cosine_similarity((g - centres[0]).flatten(), (d - centres[1]).flatten(), dim=0)))
    unit = table.units(g_layer)[1]
    assert float(score[unit, 2]) == pytest.approx(np.mean(expected), abs=1e-5)


def test_held_out_scores_come_from_the_other_half():
    match = mined().match(NAMES[0])
    held = nulls.held_out(match)
    first = best_buddies(match.halves[0].rho)
    np.testing.assert_allclose(held.rho[held.first], match.halves[1].rho[first.left, first.right])
    estimate = nulls.interval_over_shards(match, held, nulls.median_of("rho"))
    assert estimate.interval[0] <= estimate.value <= estimate.interval[1]
    assert estimate.value == pytest.approx(float(held.rho.median()), abs=1e-5)


def test_jackknife_is_the_standard_error_of_a_mean(rng):
    x = rng.normal(size=8)
    found = nulls.jackknife(np.array([x.mean(), *(np.delete(x, i).mean() for i in range(8))]))
    assert (found.interval[1] - found.value) / 2.364624 == pytest.approx(x.std(ddof=1) / np.sqrt(8), rel=1e-5)


def test_a_dictionary_covers_the_shared_units():
    found = concepts()
    assert sum(found.size(concept) for concept in range(len(found))) == len(found.units)
    assert set(found.tuple_of(0)) == {gan().name, *NAMES}
    scores = found.scores[found.first]
    assert (scores[:-1] >= scores[1:]).all()


def test_mistakes_are_named():
    with pytest.raises(UnitscopeError, match="networks"):
        mine(gan(), {}, 100)
    with pytest.raises(UnitscopeError, match="did you mean 'critters/resnet_s'"):
        mined().match("critters/resnet_z")
    with pytest.raises(UnitscopeError, match="unknown generator"):
        generator("critters/stylegam", device="cpu")


def test_only_weights_that_are_not_there_leave_a_random_generator(monkeypatch, tmp_path):
    """Not a file of another network, nor one that is corrupt, whatever words its error holds."""
    from safetensors.torch import save_file
    from unitscope.errors import MissingWeights
    from unitscope.files import sha256, write_json
    from unitscope.models import zoo

    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    with pytest.warns(UserWarning, match="weights of critters/stylegan are missing.*Random"):
        found, word = generator("critters/stylegan", device="cpu")
    assert word == "random weights" and found.fingerprint() == gan().fingerprint()
    path = tmp_path / "stylegan.safetensors"
    save_file({key: value.contiguous() for key, value in gan().module.state_dict().items() if "bias" not in key}, path)
    write_json(path.with_suffix(".json"), {"parameters": 1, "sha256": sha256(path)})
    with pytest.raises(UnitscopeError, match="do not fit.*missing:.*bias") as error:
        generator("critters/stylegan", device="cpu")
    assert not isinstance(error.value, MissingWeights)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnitscopeError, match="corrupt"):
        generator("critters/stylegan", device="cpu")
    with pytest.raises(UnitscopeError, match="does not exist"):
        generator("critters/stylegan", weights=str(tmp_path / "none.safetensors"), device="cpu")


def test_what_stands_behind_the_claims():
    match = mined().match(NAMES[0])
    one = measures.evidence(match)
    assert not mining.beats_nulls({NAMES[0]: one}, {NAMES[0]: one}).holds  # nothing beats itself
    assert not mining.more_above({NAMES[0]: one}, {NAMES[0]: one}).holds
    units = len(mined().table)
    slow = [
        all(match.halves[1 - side].rho[unit, int(match.halves[side].rho[unit].argmax())] > one.tau for side in (0, 1))
        for unit in range(units)
    ]
    assert measures.passing(one).tolist() == slow
    first, second = (best_buddies(half.rho) for half in match.halves)
    again = set(zip(second.left.tolist(), second.right.tolist()))
    kept = {
        unit: [
            (unit, partner) in again for left, partner in zip(first.left.tolist(), first.right.tolist()) if left == unit
        ]
        for unit in range(units)
    }
    np.testing.assert_allclose(measures.replication_of_units(one), [np.mean(found) for found in kept.values() if found])
    both = measures.against_literal(mined(), NAMES[0], 16, runs=2)
    assert mining.equal(both).holds and both.error < 1e-5 and len(both.slow) == len(both.fast) == 2
