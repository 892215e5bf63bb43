"""One interface for colour, label, LPIPS and embeddings, held against the definition of each."""

import pytest
import torch
from unitscope.data.critters import critter_set
from unitscope.errors import UnitscopeError
from unitscope.metrics.lpips import Embedding
from unitscope.metrics.similarity import (
    Similarity,
    colour,
    ensemble,
    features,
    judge,
    label,
    perceptual,
    perceptual_layers,
)

ALL = torch.arange(6)[None]


def table(similarity):
    return similarity.between(ALL, ALL)[0]


@pytest.fixture
def images():
    return critter_set("test", 6)


def test_colour_is_minus_the_distance_of_mean_colours(images):
    means = images.load(range(6)).images.mean((2, 3))
    torch.testing.assert_close(table(colour(images)), -torch.cdist(means, means), atol=2e-4, rtol=1e-3)


def test_label_is_the_indicator():
    labels = torch.tensor([2, 0, 2, 1, 1, 0])
    assert torch.equal(table(label(labels)), (labels[:, None] == labels[None]).float())
    with pytest.raises(UnitscopeError, match="leave 'label' out"):
        label(torch.tensor([0, -1]))


def test_features_are_cosines():
    rows = torch.randn(6, 9)
    torch.testing.assert_close(table(features("x", rows)), torch.cosine_similarity(rows[:, None], rows[None], dim=2))


def test_perceptual_is_the_mean_over_layers():
    embedding = Embedding("e", torch.randn(6, 10), (4, 6))
    layers = perceptual_layers(embedding)
    assert [len(part.vectors[0]) for part in layers] == [4, 6]
    torch.testing.assert_close(table(perceptual(embedding)), (table(layers[0]) + table(layers[1])) / 2)
    slow = -((embedding.vectors[1] - embedding.vectors[4]) ** 2).sum() / 2
    torch.testing.assert_close(table(perceptual(embedding))[1, 4], slow)


def test_an_ensemble_is_the_mean_of_its_members():
    a, b = features("a", torch.randn(6, 3)), label(torch.tensor([0, 1, 0, 1, 2, 2]))
    torch.testing.assert_close(table(ensemble([a, b])), (table(a) + table(b)) / 2)
    with pytest.raises(UnitscopeError, match="squared-distance"):
        ensemble([a, Similarity("colour", torch.randn(6, 3), root=True)])


def test_a_table_answers_like_the_rows():
    plain = features("x", torch.randn(30, 9))
    a, b = torch.randint(0, 30, (4, 2)), torch.randint(0, 30, (4, 5))
    torch.testing.assert_close(plain.tabulated().between(a, b), plain.between(a, b), atol=1e-6, rtol=1e-5)


def test_judges_by_name(images):
    assert judge("colour", images).root
    torch.testing.assert_close(table(judge("label", images)).diagonal(), torch.ones(6))
    for spec in ("lpips:critters/alexnet", "embed:critters/dino_vit", "clip:critters/clip_resnet"):
        found = judge(spec, images, device="cpu", size=32 if "lpips" in spec else None, pretrained=False)
        assert len(found) == 6 and torch.isfinite(table(found)).all()
    both = judge("label + embed:critters/resnet_s", images, device="cpu", pretrained=False)
    assert torch.allclose(table(both).diagonal(), torch.ones(6), atol=1e-5)
    with pytest.raises(UnitscopeError, match="colour"):
        judge("color", images)


def test_images_outside_of_the_set_are_refused():
    with pytest.raises(UnitscopeError, match="0..5"):
        label(torch.tensor([0, 1, 0, 1, 2, 2])).between(torch.tensor([[6]]), ALL)
