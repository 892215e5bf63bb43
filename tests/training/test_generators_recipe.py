"""Distilling the renderer: what is drawn, how mistakes are counted, and that a training under way can be exported."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from unitscope import training
from unitscope.data.critters import LATENT, NAMES, PARTS, critter_set, factors, render
from unitscope.data.critters.latent_factors import COORDINATES
from unitscope.data.critters.renderer import Pictures
from unitscope.errors import UnitscopeError
from unitscope.files import read_json
from unitscope.metrics.lpips import embed, from_model
from unitscope.models import load_generator, load_model
from unitscope.models.architectures import GENERATORS, build
from unitscope.training import generators
from unitscope.training.trainer import Schedule

SHORT = Schedule(images=4 * 3, batch=4, rate=1e-3, decay=0.0)


@pytest.fixture
def draws():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(20, LATENT, generator=generator), torch.arange(20) % len(NAMES)


def test_truncation_moves_measures_and_keeps_choices(draws):
    z, labels = draws
    before, after = factors(z, labels), factors(generators.truncated(z, torch.full((20,), 0.5)), labels)
    np.testing.assert_allclose(after.x, 0.5 * before.x, atol=1e-5)  # x lies evenly around 0
    middle = (0.85 + 1.2) / 2
    np.testing.assert_allclose(after.pattern_scale, middle + 0.5 * (before.pattern_scale - middle), atol=1e-5)
    for name in generators.CHOICES:
        assert torch.equal(getattr(after, name), getattr(before, name))
    torch.testing.assert_close(generators.truncated(z, torch.ones(20)), z, atol=1e-4, rtol=1e-4)
    assert set(generators.MEASURES) | set(generators.CHOICES) | {"texture"} == set(COORDINATES) | {"species"}


def test_targets_are_renders_with_one_texture_and_four_phases(draws):
    z, labels = draws
    found = generators.simplified(z, labels)
    assert found.texture.unique().tolist() == [0] and set(found.background_phase.tolist()) <= {
        0.125,
        0.375,
        0.625,
        0.875,
    }
    assert (found.background_phase - factors(z, labels).background_phase).abs().max() <= 0.125 + 1e-6
    drawn, whole = generators.targets(z, labels), render(found)
    torch.testing.assert_close(drawn.images, whole.images)
    assert torch.equal(drawn.masks, whole.masks)


def test_answers_are_the_factors(draws):
    z, labels = draws
    measures, chosen = generators.answers(z, labels)
    np.testing.assert_allclose(
        measures[:, generators.MEASURES.index("tilt")], 2 * norm.cdf(z[:, COORDINATES.index("tilt")]) - 1, atol=1e-5
    )
    truth = factors(z, labels)
    assert torch.equal(chosen["species"], labels) and torch.equal(chosen["colour"], truth.colour)
    assert chosen["facing"].tolist() == [int(f > 0) for f in truth.facing]
    assert all(0 <= chosen[name].min() and chosen[name].max() < count for name, count in generators.CHOICES.items())


def test_pixels_count_thrice_on_the_critter_and_five_times_on_telling_parts():
    generator = torch.Generator().manual_seed(1)
    drawn, truth = torch.rand(2, 3, 5, 5, generator=generator), torch.rand(2, 3, 5, 5, generator=generator)
    masks = torch.randint(len(PARTS), (2, 5, 5), generator=generator).to(torch.uint8)
    total = weights = 0.0
    for i, y, x in np.ndindex(2, 5, 5):
        part = PARTS[masks[i, y, x]]
        weight = 1 if part == "background" else 3 if part in ("body", "legs") else 5
        total += weight * sum(abs(drawn[i, c, y, x].item() - truth[i, c, y, x].item()) for c in range(3)) / 3
        weights += weight
    assert generators.Distilled.pixels(drawn, Pictures(truth, masks)).item() == pytest.approx(total / weights, rel=1e-5)


def test_the_eye_is_lpips_over_the_four_stages():
    a, b = critter_set("val").load([0, 1, 2]).images, critter_set("val").load([3, 4, 5]).images
    model = from_model(load_model(generators.TEACHER, device="cpu"), generators.STAGES)
    expected = np.mean(
        [sum((p - q).square().sum(1) for p, q in zip(embed(model, a), embed(model, b), strict=True)).mean() / 4]
    )
    assert generators.Eye().distance(a, b).item() == pytest.approx(expected, rel=1e-3)
    assert generators.TEACHER != "critters/resnet"  # the judge never sees a training


def test_lessons_teach_the_code_the_factors():
    objective = generators.Distilled(build("critters/stylegan"), None, asked=128, lessons=120)
    z, labels = torch.randn(100, LATENT, generator=torch.Generator().manual_seed(2)), torch.arange(100) % 12

    def mistakes():
        with torch.no_grad():
            return objective.telling(objective.live.code(objective.live.mapping(z, labels)), z, labels).item()

    before = mistakes()
    objective.take_lessons(torch.Generator().manual_seed(0))
    assert mistakes() < 0.6 * before
    assert objective.live.w_mean.abs().sum() > 0


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("critters/")])
def test_a_training_under_way_is_exported_with_what_it_has_seen(name, tmp_path, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path / "cache"))
    quick = training.Recipe(
        lambda network, images: generators.Distilled(network, images, asked=24, lessons=2),
        SHORT,
        (lambda net, test: {"named": 0.5},),
        "fresh latents",
    )
    monkeypatch.setitem(training.RECIPES, name, quick)
    with pytest.raises(UnitscopeError, match="no checkpoint"):
        training.export_checkpoint(name, folder=tmp_path)
    state = training.train(name, device="cpu", stop_after=0, folder=tmp_path)
    assert state["step"] == 1 and math.isfinite(state["loss"])
    card = training.export_checkpoint(name, device="cpu", folder=tmp_path)
    file = tmp_path / f"{name.removeprefix('critters/')}.safetensors"
    assert card == read_json(file.with_suffix(".json"))
    assert (card["training"]["pictures"], card["recipe"]["images"]) == (4, 12)
    gan = load_generator(name, weights=file, device="cpu")
    assert gan.w_mean.isfinite().all() and gan.synthesize(gan.sample(2)).shape == (2, 3, 64, 64)
    assert file.stat().st_size < 15e6
    assert training.train(name, device="cpu", folder=tmp_path)["training"]["pictures"] == 12  # and goes on to its end
    if name == "critters/stylegan":
        z = torch.randn(512, LATENT, generator=torch.Generator().manual_seed(0))
        gan = load_generator(name, weights=file, device="cpu")
        torch.testing.assert_close(gan.w_mean[3], gan.draw(z, torch.full((512,), 3)).mean(0), atol=2e-2, rtol=2e-2)


def test_unknown_names_are_refused():
    with pytest.raises(UnitscopeError, match="did you mean 'critters/biggan'"):
        training.export_checkpoint("critters/bigan")
