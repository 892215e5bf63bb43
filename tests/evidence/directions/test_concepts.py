"""Concepts, purity and parts, held against slow definitions in the critter world."""

import pytest
import torch
from sklearn.metrics import roc_auc_score
from unitscope.data.critters import NAMES, PARTS, critter_set
from unitscope.data.datasets import Pixels
from unitscope.data.held import hold
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.concepts import (
    concentration,
    concept_areas,
    concepts,
    observer,
    part_shares,
    purity,
    world,
)
from unitscope.metrics.interpretability import top_images
from unitscope.models import load_model
from unitscope.papers.directions import activations, find


@pytest.fixture(scope="module")
def images():
    return hold(critter_set("test", 60))


def test_concepts_are_the_worlds_factors(images):
    found = concepts(images)
    assert torch.equal(world(images).factors.x, images.source.factors(range(60)).x) and found.shown.shape == (
        60,
        len(found.names),
    )
    column = found.shown[:, found.names.index(f"species: {NAMES[3]}")]
    assert torch.equal(column, images.labels == 3)
    assert not any(name.endswith(": none") for name in found.names)


def test_a_part_of_the_world_knows_what_the_whole_knows(images):
    """A subset once fell back to class labels without a word."""
    rows = torch.arange(50, 10, -2)
    whole, part = concepts(images), concepts(images.subset(rows))
    for name in ("background: maze", "facing: left", f"species: {NAMES[2]}"):
        if name in part.names:
            assert torch.equal(part.shown[:, part.names.index(name)], whole.shown[rows, whole.names.index(name)])
    assert sum(name.startswith("background") for name in part.names) > 1
    assert observer(images.subset(rows)).name == "known factors"


def test_sets_without_factors_have_classes_and_labels(images):
    batch = images.load(range(20))
    bytes_ = (batch.images * 255).byte().permute(0, 2, 3, 1).numpy()
    plain = Pixels("plain", bytes_, batch.labels.tolist(), NAMES)
    assert world(plain) is None
    assert torch.equal(concepts(plain).shown.long().argmax(1), plain.labels)
    everyone = torch.arange(20)[None]
    assert torch.equal(observer(plain).between(everyone, everyone)[0], (plain.labels[:, None] == plain.labels).float())
    plain.labels = torch.full((20,), -1)
    assert concepts(plain) is None and observer(plain) is None


def test_the_observer_counts_what_differs(images):
    s, found = observer(images), images.source.factors(range(60))
    everyone = torch.arange(60)[None]
    table = s.between(everyone, everyone)[0]
    torch.testing.assert_close(table.diagonal(), torch.full((60,), 5.0))
    a, b = 0, 1
    expected = 5.0
    for kind, weight in {
        "species": 1,
        "colour": 1,
        "pattern": 1,
        "background": 1,
        "object": 0.5,
        "occluder": 0.5,
    }.items():
        expected -= weight * float(getattr(found, kind)[a] != getattr(found, kind)[b])
    for kind, weight in {"facing": 0.5, "x": 0.25, "y": 0.25, "scale": 0.25, "brightness": 0.25}.items():
        value = getattr(found, kind)
        expected -= 0.5 * weight * float((value[a] - value[b]) / value.std()) ** 2
    assert table[a, b].item() == pytest.approx(expected, rel=1e-4)


def test_concept_areas_are_scikit_learns(images):
    shown = concepts(images).shown[:, :5]
    responses = torch.randint(0, 5, (60, 3), generator=torch.Generator().manual_seed(0)).float()
    found = concept_areas(responses, shown)
    for k in range(3):
        for q in range(5):
            assert found[k, q].item() == pytest.approx(roc_auc_score(shown[:, q].numpy(), responses[:, k].numpy()))


def test_purity_is_one_for_a_concept_and_small_for_noise(images):
    found = concepts(images)
    number = found.names.index("facing: left")
    pure = purity(top_images(found.shown[:, [number]].float() + 0.001 * torch.rand(60, 1), 10), found.shown)
    assert pure.values.item() == 1 and found.shown[:, pure.concept].float().mean() <= 1
    noise = purity(top_images(torch.rand(60, 50), 30), found.shown)
    assert noise.values.mean() < 0.5


def test_parts_of_a_planted_unit(images):
    """A network whose unit 0 is the mask of the head and unit 1 is the same everywhere."""
    from torch import nn

    class Masks(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            masks = (
                images.source.masks(self.rows)
                if x.shape[0] == len(self.rows)
                else torch.zeros(x.shape[0], *x.shape[2:])
            )
            head = (masks == PARTS.index("head")).float()
            return self.layer(torch.stack([head, torch.ones_like(head)], 1))

    network = Masks()
    network.rows = torch.arange(6)
    model = load_model(network, device="cpu", input_size=64, layers=["layer"])
    given = activations(torch.rand(60, 2))
    network.rows = torch.arange(6)
    share, area = part_shares(model, "layer", images, given, torch.eye(2), torch.stack([torch.arange(6)] * 2))
    assert share[0, PARTS.index("head")].item() == pytest.approx(1)
    torch.testing.assert_close(share[1], area[1], atol=1e-4, rtol=0)
    found = concentration(share, area)
    assert found[0] > 1 and abs(found[1]) < 1e-3
    blank = Pixels("blank", torch.zeros(6, 64, 64, 3, dtype=torch.uint8).numpy(), [0] * 6, ["a"])
    with pytest.raises(UnitscopeError, match="part masks"):
        part_shares(model, "layer", blank, given, torch.eye(2), torch.zeros(2, 1).long())


def test_more_exciting_images_agree_more_where_a_unit_is_a_concept(images):
    shown = concepts(images).shown[:, :12].float() + 0.01 * torch.rand(60, 12)
    given = activations(shown)
    found = find("neurons", given)
    s = observer(images)
    from unitscope.metrics.interpretability import interpretability

    ii = interpretability(s, top_images(found.responses, 4))
    noise = interpretability(s, top_images(torch.rand(60, 200), 4))
    assert ii.mean() > noise.mean()
