"""Masks, known differences of species, and recovered factors."""

import pytest
import torch
from sklearn.linear_model import RidgeCV
from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.evidence.linking import others, rendered_truth, shots
from unitscope.metrics.parts import iou
from unitscope.models import load_generator, load_model
from unitscope.papers import linking
from unitscope.papers.linking import segmentation
from unitscope.training.generators import targets


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
    scores = shots.shot_scores(renderer, oracle, ["pika", "hare"], (1, 4), ["hare"], n_test=6, epochs=20)
    few, many = (float(scores.by_shots[count][1:4].mean()) for count in (1, 4))
    assert many > few - 0.1 and set(scores.unseen) == {"hare"}
    assert torch.equal(scores.tables[4], scores.exact[4]) and scores.unseen["hare"][0].shape == (6, 9, 2)


def test_overlaps_are_counted_pixel_by_pixel(rng):
    found, true = (torch.from_numpy(rng.integers(0, 9, (3, 8, 8))) for _ in range(2))
    table = shots.overlaps(found, true)
    for row in range(3):
        for label in range(9):
            a, b = found[row].numpy() == label, true[row].numpy() == label
            assert table[row, label].tolist() == [(a & b).sum(), (a | b).sum()]
    torch.testing.assert_close(table[..., 0].sum(0) / table[..., 1].sum(0), iou(found, true, 9))


def test_exact_masks_are_those_of_the_render_that_was_to_be_drawn(neural):
    masks = shots.exact_masks(neural, ["pika", "cat"], 3, seed=5, truncation=1.0)
    labels = torch.full((3,), neural.classes.index("cat"))
    expected = targets(neural.latents(3, 5 * 977 + 1), labels).masks
    assert torch.equal(masks[3:], expected) and masks.shape == (6, 64, 64)
    assert (
        shots.exact_masks(load_generator("critters/biggan", device="cpu", pretrained=False), ["cat"], 2, seed=0) is None
    )


def test_species_differ_where_they_are_made_to():
    assert rendered_truth.differing_parts("pika", "hare") == {"ears"}
    assert rendered_truth.differing_parts("cat", "lynx") == {"tail"}
    assert rendered_truth.differing_parts("cat", "leopard") == {"coat"}
    assert rendered_truth.related("fox", "hound") and not rendered_truth.related("pika", "horse")
    assert rendered_truth.expected("pika", "hare") == {"ears": 1.0}
    assert rendered_truth.expected("cat", "lynx") == {"tail": -1.0}
    assert not rendered_truth.related("tench", "pika")


def test_a_factor_shows_where_it_must(renderer):
    w = renderer.sample(40, "cat", seed=2, truncation=0.3)[:, None, None].repeat(1, 2, 1, 1)
    from unitscope.data.critters.latent_factors import COORDINATES

    w[:, 1, 0, COORDINATES.index("eye_size")] += torch.linspace(-2, 2, 40)
    found = rendered_truth.factor_changes(renderer, w)
    assert found["eye_size"].shape == (40, 1) and float(found["scale"].abs().max()) == 0
    assert float(torch.corrcoef(torch.stack([found["eye_size"][:, 0], torch.linspace(-2, 2, 40)]))[0, 1]) > 0.95


def test_agreement_is_a_rank_correlation():
    one = {name: torch.arange(9.0)[:, None].expand(9, 2) for name in ("a", "b")}
    other = {"a": one["a"] ** 3, "b": -one["b"]}
    right, table = rendered_truth.agreement(one, other)
    assert float(right["a"]) == pytest.approx(1) and float(right["b"]) == pytest.approx(-1) and table.shape == (2, 2)


def test_other_classifiers_read_the_same_pictures(study, headless):
    found = others.other_links(study, [headless.model], per_class=20)
    assert found[study.reader.name][1] is not None and found[headless.name][1] is None
    assert others.real_cycle(study, load_dataset("critters/val", limit=2), None) is None


def test_the_scale_of_the_activations_does_not_matter_to_other_classifiers(study):
    r, w = study.train.r, study.train.w
    one, other = others.fit_standardised(r, w), others.fit_standardised(100 * r, w)
    torch.testing.assert_close(one.predict(study.test.r), other.predict(100 * study.test.r), atol=1e-3, rtol=1e-3)
    x = r.double() / r.double().std(0).clamp(min=1e-9)
    best = RidgeCV(others.PENALTIES).fit(x.numpy(), w.double().numpy())
    torch.testing.assert_close(one.predict(r).double(), torch.from_numpy(best.predict(x.numpy())), atol=1e-3, rtol=1e-3)
