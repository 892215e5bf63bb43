"""Masks, known differences of species, recovered factors, and claims on numbers that are right or wrong by construction."""

import pytest
import torch

from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.models import load_model
from unitscope.papers import linking
from unitscope.papers.linking import others, segmentation, truth
from unitscope.papers.linking.checks import boundary, classes, units
from unitscope.papers.linking.checks import link as link_claims
from unitscope.papers.linking.relevance import Relevance
from unitscope.papers.linking.segmentation import ShotScores
from unitscope.papers.linking.spaces import Likeness


@pytest.fixture(scope="module")
def oracle():
    return linking.fit_oracle(load_model("critters/resnet_s", device="cpu"), n=30, epochs=4, n_test=12)


def test_exact_masks_are_the_generators(renderer):
    w = renderer.sample(3, seed=1)
    found = linking.Artist(renderer).paint_all(w)
    assert torch.equal(found.masks, renderer.masks(w)) and torch.equal(found.images, renderer.synthesize(w))


def test_a_neural_generator_needs_a_head(neural, oracle):
    with pytest.raises(UnitscopeError, match="no exact masks"):
        linking.Artist(neural)
    head = linking.few_shot(neural, oracle, ["pika", "hare"], shots=1, epochs=2)
    assert list(head.names) == segmentation.every_second(neural) and head.names[-1] == list(neural.layers)[-1]
    w = neural.sample(2)
    found = linking.Artist(neural, head).paint(w)
    torch.testing.assert_close(found.images, neural.synthesize(w))
    assert found.masks.shape == (2, 64, 64) and int(found.masks.max()) < 9


def test_the_oracle_sees_large_parts(oracle):
    assert float(oracle.iou[0]) > 0.7 and oracle.iou.shape == (9,)


def test_more_labels_help(renderer, oracle):
    scores = segmentation.shot_scores(renderer, oracle, ["pika", "hare"], (1, 4), ["hare"], n_test=6, epochs=20)
    assert scores.large(scores.by_shots[4]) > scores.large(scores.by_shots[1]) - 0.1 and set(scores.unseen) == {"hare"}


def test_species_differ_where_they_are_made_to():
    assert truth.differing_parts("pika", "hare") == {"ears"}
    assert truth.differing_parts("cat", "lynx") == {"tail"}
    assert truth.differing_parts("cat", "leopard") == {"coat"}
    assert truth.related("fox", "hound") and not truth.related("pika", "horse")
    assert truth.expected("pika", "hare") == {"ears": 1.0} and truth.expected("cat", "lynx") == {"tail": -1.0}
    assert not truth.related("tench", "pika")


def test_a_factor_shows_where_it_must(renderer):
    w = renderer.sample(40, "cat", seed=2, truncation=0.3)[:, None, None].repeat(1, 2, 1, 1)
    from unitscope.data.critters.factors import COORDINATES

    w[:, 1, 0, COORDINATES.index("eye_size")] += torch.linspace(-2, 2, 40)
    found = truth.factor_changes(renderer, w)
    assert found["eye_size"].shape == (40, 1) and float(found["scale"].abs().max()) == 0
    assert float(torch.corrcoef(torch.stack([found["eye_size"][:, 0], torch.linspace(-2, 2, 40)]))[0, 1]) > 0.95


def test_agreement_is_a_rank_correlation():
    one = {name: torch.arange(9.0)[:, None].expand(9, 2) for name in ("a", "b")}
    other = {"a": one["a"] ** 3, "b": -one["b"]}
    right, table = truth.agreement(one, other)
    assert float(right["a"]) == pytest.approx(1) and float(right["b"]) == pytest.approx(-1) and table.shape == (2, 2)


def test_other_classifiers_read_the_same_pictures(study, headless):
    found = others.other_links(study, [headless.model], per_class=20)
    assert found[study.reader.name][1] is not None and found[headless.name][1] is None
    assert others.real_cycle(study, load_dataset("critters/val", limit=2), None) is None


def column(value, n=20, spread=0.01):
    return value + spread * torch.randn(n, generator=torch.Generator().manual_seed(0)).double()


def test_claims_about_the_link():
    good = {"cycled": column(0.1), "class mean": column(0.5), "same class": column(1.0), "other class": column(2.0)}
    found = dict.fromkeys(("W", "judge", "LPIPS", "pixels", "SSIM"), good)
    assert link_claims.linked_beats_random(found)["holds"] and link_claims.chain(found, "judge")["holds"] and link_claims.chains(found)["holds"]
    bad = {**found, "SSIM": {**good, "cycled": column(3.0)}}
    assert not link_claims.chains(bad)["holds"]
    assert link_claims.linear_suffices(column(0.2), column(0.19), column(1.0))["holds"]
    assert not link_claims.linear_suffices(column(0.6), column(0.1), column(1.0))["holds"]
    assert link_claims.linear_suffices(column(0.2), column(2.0), column(1.0))["holds"] is None
    assert link_claims.keeps_class(None, column(1.0), column(1.0))["holds"] is None
    assert link_claims.keeps_class(torch.ones(30, dtype=torch.bool), column(1.0), column(0.8))["holds"]
    assert not link_claims.keeps_class(torch.ones(30, dtype=torch.bool), column(1.0), column(0.2))["holds"]
    assert link_claims.truncation_separates({1.0: 0.2, 0.5: 0.9})["holds"] and not link_claims.truncation_separates({1.0: 0.9, 0.5: 0.2})["holds"]
    assert link_claims.fitting_is_cheap(0.1, 10)["holds"] and not link_claims.fitting_is_cheap(5, 10)["holds"]
    alike = Likeness(*({key: column(value) for key in keys} for keys, value in ((("W", "R", "shuffled"), 0.9), (("similarity",), 0.8), (("similarity",), 0.1), (("similarity",), 0.3))))
    assert link_claims.alike(alike)["holds"] and not link_claims.both_separate(alike)["holds"]         # shuffled classes separate as well


def test_claims_about_units():
    one = torch.zeros(2, 40, 9)
    one[:, torch.arange(40), torch.arange(40) % 8 + 1] = 1.0
    assert units.sparsest_speak_of_one_part(one)["holds"] and units.stable_across_classes(one)["holds"]
    mixed = torch.randn(2, 40, 9, generator=torch.Generator().manual_seed(0))
    assert not units.sparsest_speak_of_one_part(mixed)["holds"] and not units.stable_across_classes(mixed)["holds"]
    assert units.sparser_than_random(one, mixed)["holds"] and not units.sparser_than_random(mixed, one)["holds"]
    for claim in (units.long_tail, units.beyond_noise, units.classes_differ, units.sparsest_speak_of_one_part):
        assert claim(torch.zeros(2, 40, 9))["holds"] is None
    share = torch.tensor([0.8, 0.1, 0.05, 0.001, 0, 0, 0, 0, 0])
    scores = ShotScores({5: torch.tensor([0.99, 0.7, 0.6, 0.0, 0, 0, 0, 0, 0])}, {"cat": (0.6, 0.55)}, share)
    assert units.few_labels_suffice(scores, 5)["holds"] and scores.large(scores.by_shots[5]) == pytest.approx(0.65)
    assert not units.few_labels_suffice(ShotScores(scores.by_shots, {"cat": (0.6, 0.2)}, share), 5)["holds"]


def test_claims_about_classes():
    table = torch.full((3, 50), 0.001)
    table[0, :3], table[1, 2] = 0.4, 0.3
    found = Relevance(("pika", "hare", "cat"), table, table > 0.15, table)
    assert classes.most_do_little(found)["holds"] and classes.unique_and_shared(found)["holds"]
    assert classes.shared_unit_flips(found, torch.tensor([0.5, 0.3, 0.01]), torch.tensor([True, False, False]))["holds"]
    for claim in (classes.most_do_little, classes.unique_and_shared, classes.kin_correlate):
        assert claim(None)["holds"] is None and "head" in claim(None)["reason"]


def test_claims_without_a_head_say_so(study, headless):
    for verdict in (boundary.reaches(None, None, 1), boundary.abrupt([]), boundary.part_grows([]), boundary.zero_start_is_shorter(None),
                    boundary.closed_form(study.gan, headless, study.link, study.test.r, "pika", "hare"), boundary.finds_true_difference({})):
        assert verdict["holds"] is None and "head" in verdict["reason"]
