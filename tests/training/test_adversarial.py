"""The projected discriminator and its training: the papers' formulas, gradients that arrive, a run that resumes
exactly.
"""

import json
from dataclasses import replace
from functools import partialmethod

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import nn
from unitscope import training
from unitscope.data.datasets import Pixels
from unitscope.errors import UnitscopeError
from unitscope.models import load_generator, zoo
from unitscope.models.generators.photographs import IMAGENETTE, PhotographGAN
from unitscope.models.packaged import load_lite
from unitscope.publish.cli import line
from unitscope.training import adversarial, diffaugment, projected
from unitscope.training.adversarial import Adversaries, Duel

PLAN = Duel(images=40, batch=8, later_batch=16, grows_at=24, seen_at=32, later_seen_at=64, fade=24)


class Toy(nn.Module):
    """Four stages of EfficientNet-Lite0's channels from random 1 x 1 convolutions of shrunken pictures."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(9)
        self.convs = nn.ModuleList(nn.Conv2d(3, channels, 1) for channels in projected.CHANNELS)
        self.requires_grad_(False)

    def forward(self, images):
        return [conv(F.avg_pool2d(images, 2 ** (number + 2))) for number, conv in enumerate(self.convs)]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def photographs():
    rng = np.random.default_rng(0)
    return Pixels("noise", rng.integers(0, 256, (40, 64, 64, 3), dtype=np.uint8), np.arange(40) % 10, IMAGENETTE)


def duel(photographs, seed=0):
    torch.manual_seed(seed)
    return Adversaries(PhotographGAN(z_dim=6, w_dim=8, widths=(16, 12, 8, 8, 4)), photographs, Toy())


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


# augmentation


def test_augmentation_is_repeated_by_its_generator_and_passes_gradients():
    images = (torch.rand(6, 3, 16, 16, generator=draws()) * 2 - 1).requires_grad_()
    once, again, other = (diffaugment.augmented(images, draws(seed)) for seed in (1, 1, 2))
    assert torch.equal(once, again) and not torch.allclose(once, other)
    once.square().sum().backward()
    assert (images.grad.flatten(1).abs().sum(1) > 0).all()


def test_colours_are_brightness_saturation_and_contrast_in_turn():
    images, found = torch.rand(3, 3, 4, 4, generator=draws()), draws(5)
    ours = diffaugment.recoloured(images, draws(5))
    light, vivid, hard = (torch.rand(3, 1, 1, 1, generator=found) for _ in range(3))
    for i in range(3):
        x = images[i] + light[i] - 0.5
        x = (x - x.mean(0)) * 2 * vivid[i] + x.mean(0)
        x = (x - x.mean()) * (hard[i] + 0.5) + x.mean()
        torch.testing.assert_close(ours[i], x)


def test_translation_moves_whole_pictures_and_lets_zero_in():
    images, found = torch.rand(20, 3, 16, 16, generator=draws()) + 1, draws(2)
    ours = diffaugment.translated(images, draws(2))
    down, right = (torch.randint(-2, 3, (20, 1), generator=found).flatten().tolist() for _ in range(2))
    assert set(down) == set(right) == {-2, -1, 0, 1, 2}
    for i in range(20):
        slow = F.pad(images[i], [2] * 4)[:, 2 + down[i] : 18 + down[i], 2 + right[i] : 18 + right[i]]
        assert torch.equal(ours[i], slow)


def test_the_hole_is_half_the_side_and_may_stick_out():
    holes = (diffaugment.cut_out(torch.ones(200, 1, 16, 16), draws()) == 0)[:, 0]
    high, wide = holes.any(2).sum(1), holes.any(1).sum(1)
    assert torch.equal(holes.sum((1, 2)), high * wide)  # a rectangle
    assert high.max() == wide.max() == 8 and 4 <= high.min() < 8


# what the discriminators see


def test_the_frozen_network_is_efficientnet_lite0_with_its_norms_folded_in():
    images = torch.rand(2, 3, 96, 96, generator=draws()) * 2 - 1
    plain = load_lite(0).forward_intermediates(images, indices=[1, 2, 3, 4], intermediates_only=True)
    stages = projected.lite_stages()
    assert not any(isinstance(part, nn.BatchNorm2d) for part in stages.modules())
    for ours, theirs in zip(stages(images), plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-3)


def test_mixing_standardises_then_mixes_channels_then_scales():
    torch.manual_seed(0)
    mixing = projected.Mixing(channels=(3, 4), mixed=(5, 6))
    stages = [torch.randn(8, 3, 4, 4) * 7 + 2, torch.randn(8, 4, 2, 2) - 3]
    mixing.calibrate(stages)
    clean = [(s - s.mean((0, 2, 3), keepdim=True)) / s.std((0, 2, 3)).view(1, -1, 1, 1) for s in stages]
    mixed = [
        torch.einsum("oi,nihw->nohw", conv.weight[:, :, 0, 0], s)
        for conv, s in zip(mixing.across_channels, clean, strict=True)
    ]
    down = torch.einsum("oi,nihw->nohw", mixing.across_scales[0].weight[:, :, 0, 0], mixed[1])
    mixed[0] = (mixed[0] + F.interpolate(down, scale_factor=2, mode="bilinear")) / 2**0.5
    for ours, theirs in zip(mixing(stages), mixed, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert not any(p.requires_grad for p in mixing.parameters())


def test_heads_judge_each_picture_by_itself_and_by_its_class():
    torch.manual_seed(0)
    heads = projected.Heads(10).eval()
    maps = [
        torch.randn(4, channels, 32 // 2**number, 32 // 2**number) for number, channels in enumerate(projected.MIXED)
    ]
    labels = torch.tensor([0, 1, 2, 3])
    logits = heads(maps, labels)
    assert [tuple(x.shape) for x in logits] == [(4, 4, 4)] * 4
    for one, whole in zip(heads([m[1:2] for m in maps], labels[1:2]), logits, strict=True):
        torch.testing.assert_close(one, whole[1:2], atol=1e-5, rtol=1e-4)
    other = heads(maps, torch.tensor([0, 9, 2, 3]))
    for before, after in zip(logits, other, strict=True):
        moved = (before - after).abs().amax((1, 2)) > 1e-4
        assert moved.tolist() == [False, True, False, False]


def test_the_class_enters_as_a_projection_of_spectrally_normed_weights():
    torch.manual_seed(0)
    head = projected.Head(6, 0, 10).train()
    x, labels = torch.randn(3, 6, 4, 4), torch.tensor([2, 5, 2])
    for _ in range(30):
        head(x, labels)  # power iterations
    head.eval()
    h = head.body(x)
    weight, table = head.plain.weight[:, :, 0, 0], head.of_class.weight
    assert torch.linalg.matrix_norm(table, 2).item() == pytest.approx(
        1, abs=2e-2
    ) and weight.norm().item() == pytest.approx(1, abs=1e-3)
    slow = torch.einsum("nchw,nc->nhw", h, weight + table[labels]) + head.plain.bias
    torch.testing.assert_close(head(x, labels), slow, atol=1e-5, rtol=1e-4)


def test_losses_are_the_hinge_and_minus_the_logit():
    real, drawn = [torch.tensor([2.0, 0.5]), torch.tensor([-1.0])], [torch.tensor([-3.0, 0.0]), torch.tensor([1.0])]
    assert projected.hinge(real, drawn).item() == pytest.approx(((0 + 0.5) / 2 + (0 + 1) / 2 + 2 + 2) / 2)
    assert projected.persuasion(drawn).item() == pytest.approx(-(-1.5 + 1) / 2)


def test_variety_within_classes_by_plain_loops():
    generator = draws()
    real, drawn, labels = (
        torch.randn(9, 2, 3, 3, generator=generator),
        0.5 * torch.randn(9, 2, 3, 3, generator=generator),
        torch.tensor([0, 0, 0, 4, 4, 7, 7, 7, 7]),
    )

    def slow(maps):
        total = 0.0
        for label in (0, 4, 7):
            rows = maps[labels == label].flatten(1).double().numpy()
            total += ((rows - rows.mean(0)) ** 2).sum()
        return (total / (9 - 3) / 18) ** 0.5

    assert projected.within(real, labels).item() == pytest.approx(slow(real), rel=1e-4)
    assert projected.shortfall([real], [drawn], labels).item() == pytest.approx(1 - slow(drawn) / slow(real), rel=1e-3)
    assert projected.shortfall([drawn], [real], labels).item() == 0
    assert projected.shortfall([real], [drawn[labels]], labels).item() == pytest.approx(
        1, abs=1e-3
    )  # one picture a class


def test_layouts_do_not_see_brightness_and_contrast():
    images = torch.rand(3, 3, 64, 64, generator=draws())
    images = F.interpolate(F.avg_pool2d(images, 16), size=64)
    torch.testing.assert_close(
        adversarial.layout(80 * images), adversarial.layout(800 * images - 3), atol=2e-2, rtol=2e-2
    )
    assert torch.pdist(adversarial.layout(images).flatten(1)).min() > 0.5


def test_the_blur_is_a_gaussian_that_fades():
    images = torch.rand(2, 3, 20, 24, generator=draws(), dtype=torch.float64)
    slow = np.stack(
        [[gaussian_filter(plane, 1.5, mode="mirror", radius=5) for plane in picture] for picture in images.numpy()]
    )
    np.testing.assert_allclose(adversarial.blurred(images, 1.5), slow, atol=1e-10)
    assert adversarial.blurred(images, 0.0) is images
    assert [PLAN.sigma(seen) for seen in (0, 12, 24, 99)] == [2.0, 1.0, 0.0, 0.0]
    assert [PLAN.batch_at(seen) for seen in (0, 23, 24)] == [8, 8, 16] and [PLAN.side_at(seen) for seen in (0, 24)] == [
        32,
        64,
    ]


# the training


def test_a_stopped_training_resumes_to_the_same_weights(photographs, tmp_path):
    whole, parts = duel(photographs), duel(photographs)
    state = adversarial.train(whole, 40, PLAN, tmp_path / "a.pt")
    assert (state["seen"], state["step"], state["finished"]) == (40, 4, True)  # 8, 8, 8, then 16
    state = adversarial.train(parts, 40, PLAN, tmp_path / "b.pt", stop_after=0)
    assert (state["seen"], state["finished"]) == (8, False)
    fresh = duel(photographs, seed=7)  # a new process would know nothing
    assert adversarial.train(fresh, 40, PLAN, tmp_path / "b.pt")["finished"]
    for (name, one), other in zip(whole.state_dict().items(), fresh.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert not any(
        torch.equal(a, b)
        for a, b in zip(whole.live.parameters(), duel(photographs).live.parameters(), strict=True)
        if a.ndim > 1
    )


def test_both_sides_learn_and_the_mixing_does_not(photographs):
    rivals = duel(photographs)
    before = {name: value.clone() for name, value in rivals.state_dict().items()}
    optimizers = {name: torch.optim.Adam(getattr(rivals, name).parameters(), lr=1e-3) for name in ("live", "heads")}
    figures = rivals.step(torch.arange(16), 1.0, 64, draws(), optimizers)
    assert set(figures) == {"loss_d", "loss_g", "alike", "logit_real", "logit_drawn"}
    moved = {name.split(".")[0] for name, value in rivals.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"live", "heads"}
    rivals.follow(0.25)
    name = "average.start.weight"
    torch.testing.assert_close(rivals.state_dict()[name], 0.75 * before[name] + 0.25 * rivals.live.start.weight)
    assert PLAN.forgetting(10**6, 10_000) == pytest.approx(0.5) and PLAN.forgetting(200, 10) == pytest.approx(0.5)


def test_a_checkpoint_of_another_plan_is_refused_and_the_end_may_move(photographs, tmp_path):
    adversarial.train(duel(photographs), 40, replace(PLAN, images=8), tmp_path / "c.pt")
    with pytest.raises(UnitscopeError, match="another schedule"):
        adversarial.train(duel(photographs), 40, replace(PLAN, rate=1e-3), tmp_path / "c.pt")
    assert adversarial.train(duel(photographs), 40, replace(PLAN, images=16), tmp_path / "c.pt")["seen"] == 16


def test_photographs_of_other_classes_or_sizes_are_refused(photographs):
    few = Pixels("few", photographs.pixels, photographs.labels, IMAGENETTE[:9])
    with pytest.raises(UnitscopeError, match="64 px in 10 classes, got 64 px in 9"):
        duel(few)


def test_the_diary_holds_figures_and_contact_sheets(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(adversarial, "NOTE_SECONDS", 0)
    monkeypatch.setattr(adversarial, "LOOK_SECONDS", 0)
    monkeypatch.setattr(adversarial.Notes, "named", lambda self, duel, pictures: 0.5)
    adversarial.train(duel(photographs), 40, replace(PLAN, images=8), tmp_path / "d.pt")
    line = json.loads((tmp_path / "d.jsonl").read_text().splitlines()[-1])
    assert line["seen"] == 8 and line["named"] == 0.5 and 0 < line["spread_within"] <= line["spread"] * 1.1
    assert (tmp_path / "d" / "00000008.png").stat().st_size > 0


def test_spreads_are_deviations_and_a_sheet_has_a_row_a_class():
    pictures = torch.rand(3, 4, 3, 5, 6, generator=draws())
    x = 2 * pictures.numpy() - 1
    spreads = adversarial.spreads(pictures)
    assert spreads["spread"] == pytest.approx(x.reshape(12, -1).std(0, ddof=1).mean(), abs=1e-4)
    assert spreads["spread_within"] == pytest.approx(
        np.mean([x[c].reshape(4, -1).std(0, ddof=1).mean() for c in range(3)]), abs=1e-4
    )
    sheet = adversarial.sheet(pictures)
    assert torch.equal(sheet[:, 5:10, 12:18], pictures[1, 2])


def test_a_training_under_way_is_exported_and_says_so(photographs, tmp_path, monkeypatch):
    name, plan = "imagenette/stylegan", replace(PLAN, images=16, batch=4, grows_at=16)
    monkeypatch.setattr(training, "data_of", lambda recipe, root: (photographs, photographs))
    quick = replace(
        training.RECIPES[name],
        objective=lambda network, images: Adversaries(network, images, Toy()),
        schedule=plan,
        judges=(lambda net, test, known: {"named_at_1": 0.5},),
    )
    monkeypatch.setitem(training.RECIPES, name, quick)
    monkeypatch.setattr(PhotographGAN, "settle", partialmethod(PhotographGAN.settle, 64))
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path / "cache"))
    assert training.train(name, device="cpu", stop_after=0, folder=tmp_path)["seen"] == 4
    file = training.checkpoint_of(name)
    torch.save(torch.load(file, weights_only=True) | {"remarks": ["a smaller batch before 4"]}, file)
    card = training.export_checkpoint(name, device="cpu", folder=tmp_path)
    assert card["training"]["remarks"] == ["a smaller batch before 4"]
    assert card["status"] == "in training, 4 of 16 pictures seen" and card["training"]["pictures"] == 4
    assert (
        card["recipe"]["seed"] == 0
        and card["recipe"]["optimizer"].startswith("Adam (0, 0.99)")
        and card["bytes"] < 10e6
    )
    file = tmp_path / "imagenette" / "stylegan.safetensors"
    gan = load_generator(name, weights=file, device="cpu")
    assert (
        gan.classes == IMAGENETTE
        and gan.w_mean.abs().sum() > 0
        and gan.synthesize(gan.sample(2, "church", truncation=0.7)).shape == (2, 3, 64, 64)
    )
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    entry = next(entry for entry in zoo.verify_generators() if entry.name == name)
    assert (entry.status, entry.note) == ("ready", card["status"]) and "(in training, 4 of 16 pictures seen)" in line(
        entry
    )
    whole = training.train(name, device="cpu", folder=tmp_path)
    assert "status" not in whole and whole["training"]["remarks"] == card["training"]["remarks"]
