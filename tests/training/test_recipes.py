"""Training: the loop resumes exactly, the objectives are their papers' formulas, the zoo is written whole."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from unitscope import training
from unitscope.data.critters import critter_set
from unitscope.errors import UnitscopeError
from unitscope.files import read_json, sha256
from unitscope.models.architectures import ARCHITECTURES, build, critter_tokenize
from unitscope.training import objectives, trainer
from unitscope.training.pictures import IDENTITY, as_bytes, second_sighting
from unitscope.training.trainer import Schedule

SHORT = Schedule(images=8 * 16, batch=16, rate=1e-3)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def world():
    return critter_set("train", limit=48)


class Line(nn.Module):
    """A toy objective: a linear map learns to add three numbers; it can be told to fail."""

    def __init__(self, poison: int = -1):
        super().__init__()
        self.network, self.poison, self.calls = nn.Linear(3, 1), poison, 0

    def loss(self, rows, generator, progress):
        self.calls += 1
        x = torch.randn(len(rows), 3, generator=generator)
        return (self.network(x) - x.sum(1, keepdim=True)).square().mean() * (
            math.nan if self.calls == self.poison else 1
        )

    def after(self, progress):
        pass


def line(**options):
    torch.manual_seed(0)
    return Line(**options)


def test_every_epoch_shows_every_picture_once():
    rows = torch.cat([trainer.batch_rows(Schedule(images=100, batch=7), step, 20) for step in range(12)])
    assert sorted(rows[:20].tolist()) == list(range(20)) == sorted(rows[20:40].tolist())
    assert rows[:20].tolist() != rows[20:40].tolist()


def test_learning_rate_warms_up_then_falls_to_zero():
    plan = Schedule(images=1000 * 10, batch=10, rate=1.0, warmup=0.1)
    rates = np.array([trainer.learning_rate(plan, step) for step in range(plan.steps)])
    assert rates.argmax() in range(95, 105) and 0.98 < rates.max() <= 1
    assert (np.diff(rates[:95]) > 0).all() and (np.diff(rates[105:]) < 0).all() and rates[-1] < 1e-5


def test_a_second_cycle_repeats_the_first():
    once, twice = Schedule(images=400, batch=10), Schedule(images=800, batch=10, cycles=2)
    first = [trainer.learning_rate(once, step) for step in range(40)]
    assert [trainer.learning_rate(twice, step) for step in range(80)] == pytest.approx(first + first)


def test_a_stopped_training_resumes_to_the_same_weights(tmp_path):
    whole, parts = line(), line()
    trainer.train(whole, 40, SHORT, tmp_path / "a.pt")
    state = trainer.train(parts, 40, SHORT, tmp_path / "b.pt", stop_after=0)
    assert not state["finished"] and state["step"] == 1
    fresh = line()  # a new process would start like this
    state = trainer.train(fresh, 40, SHORT, tmp_path / "b.pt")
    assert state["finished"] and fresh.calls == SHORT.steps - 1
    assert torch.equal(fresh.network.weight, whole.network.weight)


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path):
    trainer.train(line(), 40, SHORT, tmp_path / "a.pt", stop_after=0)
    with pytest.raises(UnitscopeError, match="another schedule"):
        trainer.train(line(), 40, Schedule(images=64, batch=16), tmp_path / "a.pt")


def test_a_loss_that_explodes_stops_and_keeps_the_last_checkpoint(tmp_path):
    trainer.train(line(), 40, SHORT, tmp_path / "a.pt", stop_after=0)
    before = sha256(tmp_path / "a.pt")
    with pytest.raises(UnitscopeError, match="loss is nan at step 3"):
        trainer.train(line(poison=3), 40, SHORT, tmp_path / "a.pt")
    assert sha256(tmp_path / "a.pt") == before


def test_pictures_are_kept_as_bytes_of_the_set(world):
    kept = as_bytes(world)
    assert (
        kept.dtype == torch.uint8
        and (kept.float() / 255 - world.load(range(48)).images).abs().max() <= 0.5 / 255 + 1e-6
    )


def test_second_sightings_keep_the_animal_and_change_the_scene(world):
    from unitscope.data.critters.latent_factors import COORDINATES

    again = second_sighting(world)
    assert again.shape == (48, 3, 64, 64)
    assert (again.float() / 255 - world.load(range(48)).images).abs().mean() > 0.05
    assert set(IDENTITY) < set(COORDINATES) and not {"background", "x", "facing", "tongue"} & set(IDENTITY)


def test_momentum_takes_the_place_of_adam(world):
    kinds = [type(trainer.optimizer_of(line(), Schedule(images=8, momentum=m))) for m in (0.0, 0.9)]
    assert kinds == [torch.optim.AdamW, torch.optim.SGD]


def slow_cross_entropy(target, scores):
    """-sum p log softmax, one row at a time."""
    rows = []
    for p, row in zip(target, scores, strict=True):
        log_sum = row.max() + np.log(np.exp(row - row.max()).sum())
        rows.append(-sum(p[k] * (row[k] - log_sum) for k in range(len(row))))
    return np.mean(rows)


@pytest.mark.parametrize("options", [{}, {"shift": 3, "colours": 0.0, "smoothing": 0.2}])
def test_supervised_loss_smooths_the_labels(world, options):
    net = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(27, len(world.classes)))
    objective, seen = objectives.Supervised(net, world, **options), []
    net.register_forward_hook(lambda module, given, out: seen.append(out.detach().double().numpy()))
    loss = objective.loss(torch.arange(7), torch.Generator().manual_seed(3), 0.0).item()
    share = options.get("smoothing", 0.05)
    target = (1 - share) * np.eye(len(world.classes))[world.labels[:7]] + share / len(world.classes)
    assert loss == pytest.approx(slow_cross_entropy(target, seen[0]), rel=1e-5)


def test_self_distillation_is_the_sum_over_pairs_of_views(world, monkeypatch):
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 8))
    net.num_features = 8
    objective, views_made = objectives.SelfDistillation(net, world).eval(), []
    original = objective.view
    monkeypatch.setattr(objective, "view", lambda *a: views_made.append(original(*a)) or views_made[-1])
    loss = objective.loss(torch.arange(5), torch.Generator().manual_seed(0), 0.0)
    with torch.no_grad():
        student = [objective.student["head"](net(v)) for v in views_made]
        teacher = [objective.teacher["head"](objective.teacher["network"](v)) for v in views_made[:2]]
    targets = objectives.sinkhorn(torch.cat([cosines for _, cosines in teacher]) / 0.04).chunk(2)
    total = 0.0
    for t, s in ((0, 1), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3)):
        total += slow_cross_entropy(targets[t].double().numpy(), student[s][1].double().numpy() / 0.1)
        total += slow_cross_entropy(np.eye(5), (student[s][0] @ teacher[t][0].T).double().numpy() / 0.1)
    assert loss.item() == pytest.approx(total / 6, rel=1e-4)


def test_views_are_as_large_and_as_grey_as_asked(world, monkeypatch):
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 8))
    net.num_features = 8
    objective, views_made = objectives.SelfDistillation(net, world, **objectives.NATIVE, grey=1.0), []
    monkeypatch.setattr(objectives, "normalise", lambda images: views_made.append(images) or images)
    objective.loss(torch.arange(5), torch.Generator().manual_seed(0), 0.0)
    assert [tuple(v.shape) for v in views_made] == [(5, 3, 48, 48)] * 2 + [(5, 3, 32, 32)] * 2
    assert all(torch.equal(v[:, 0], v[:, 1]) and torch.equal(v[:, 0], v[:, 2]) for v in views_made)


def test_sinkhorn_shares_the_batch_evenly(world):
    shares = objectives.sinkhorn(torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * 3, rounds=60)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(shares.sum(0), 40 / 6, rtol=1e-3)


def test_the_teacher_is_a_moving_average_of_the_student(world):
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    net.num_features = 3
    objective = objectives.SelfDistillation(net, world)
    before = objective.teacher["network"][1].weight.clone()
    with torch.no_grad():
        net[1].weight.add_(1.0)
    objective.after(0.0)
    torch.testing.assert_close(objective.network[1].weight, before + 0.01)


def test_masked_patches_score_hidden_patches_only(world, monkeypatch):
    objective = objectives.MaskedPatches(build("critters/mae_vit"), world)
    monkeypatch.setattr(objectives, "random_crops", lambda images, *a, **k: images)
    seen_rows = {}

    def guess(tokens):  # a decoder that answers all zeros
        seen_rows["shape"] = tokens.shape
        return torch.zeros(*tokens.shape[:2], 192)

    objective.pixels.forward = guess
    loss = objective.loss(torch.arange(3), torch.Generator().manual_seed(4), 0.0).item()
    order = torch.rand(3, 64, generator=torch.Generator().manual_seed(4)).argsort(1)
    images = objectives.normalise(objective.pictures[:3].float() / 255).numpy()
    errors = []
    for n in range(3):
        for token in order[n, 16:].tolist():
            i, j = divmod(token, 8)
            patch = images[n, :, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8]
            patch = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-2)
            errors.append((patch**2).mean())
    assert seen_rows["shape"] == (3, 65, 96)
    assert loss == pytest.approx(np.mean(errors), rel=1e-4)


def test_equal_captions_in_a_batch_are_not_mistakes(world):
    objective = objectives.Captions(build("critters/clip_resnet"), world)
    objective.tokens[:] = objective.tokens[:1, :1]  # everyone has one caption
    loss = objective.loss(torch.arange(8), torch.Generator().manual_seed(0), 0.0).item()
    assert loss == pytest.approx(math.log(8), rel=0.2)  # text -> image cannot be told apart, nor punished beyond chance


def test_every_architecture_keeps_a_map_of_four_by_four():
    for name in ARCHITECTURES:
        network = build(name).eval()
        assert not torch.equal(next(build(name, seed=1).parameters()), next(network.parameters()))
        if name.endswith(("resnet", "resnet_s", "resnet_l")):
            trunk = getattr(network, "visual", network)
            shapes = []
            trunk.layer4.register_forward_hook(lambda m, i, o, s=shapes: s.append(o.shape))
            trunk(torch.zeros(1, 3, 64, 64))
            assert shapes[0][2] >= 4 and 256 <= shapes[0][1] <= 512
    assert (
        sum(sum(p.numel() for p in build(n).parameters()) for n in ARCHITECTURES if n.startswith("critters/")) * 2
        < 35e6
    )


def test_tokenizer_takes_captions_and_names_foreign_words(world):
    tokens = critter_tokenize(world.captions(range(20)))
    assert tokens.shape == (20, 16) and (tokens.max(1).values == tokens.max()).all()
    with pytest.raises(UnitscopeError, match="did you mean 'zebra'"):
        critter_tokenize("a zebre")
    with pytest.raises(UnitscopeError, match="14 words"):
        critter_tokenize("a " * 15)


def test_a_network_comes_from_the_first_stage(tmp_path, monkeypatch):
    """What the second stage starts from are the weights with which the first one ended; each has a checkpoint of its
    own.
    """
    seen = []

    class Still(objectives.Supervised):
        def __init__(self, network, images):
            super().__init__(network, images)
            seen.append(network.fc.weight.detach().clone())

    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path / "cache"))
    tiny = training.Recipe(
        Still, SHORT, (lambda net, test: {"top1": 0.5},), "labels", first=(objectives.Supervised, SHORT)
    )
    monkeypatch.setitem(training.RECIPES, "critters/resnet_s", tiny)
    monkeypatch.setattr(training, "load_dataset", lambda name, root: critter_set(name.split("/")[1], limit=48))
    assert not training.train("critters/resnet_s", stop_after=0, folder=tmp_path)["finished"] and not seen
    card = training.train("critters/resnet_s", folder=tmp_path)
    first = torch.load(training.checkpoint_of("critters/resnet_s", first=True), weights_only=True)
    assert (
        torch.equal(seen[0], first["objective"]["network.fc.weight"])
        and first["step"] == card["training"]["steps"] == SHORT.steps
    )
    assert card["recipe"]["objective"] == "Still" and card["recipe"]["first"]["objective"] == "Supervised"
    again = training.export_checkpoint("critters/resnet_s", folder=tmp_path)
    assert (again["sha256"], again["recipe"]) == (card["sha256"], card["recipe"])
    training.checkpoint_of("critters/resnet_s", first=True).unlink()
    with pytest.raises(UnitscopeError, match="resnet_s_first.pt does not exist"):
        training.export_checkpoint("critters/resnet_s", folder=tmp_path)
    with pytest.raises(UnitscopeError, match="another schedule"):
        training.train("critters/resnet_s", images=64, folder=tmp_path)
    assert not training.checkpoint_of("critters/resnet_s", first=True).exists()  # refused before the first stage began


def test_train_writes_weights_and_card_only_when_done(tmp_path, monkeypatch):
    tiny = training.Recipe(objectives.Supervised, SHORT, (lambda net, test: {"top1": 0.5},), "labels")
    monkeypatch.setitem(training.RECIPES, "critters/resnet_s", tiny)
    monkeypatch.setattr(training, "load_dataset", lambda name, root: critter_set(name.split("/")[1], limit=48))
    state = training.train("critters/resnet_s", stop_after=0, folder=tmp_path)
    assert not state["finished"] and not list(tmp_path.iterdir())
    card = training.train("critters/resnet_s", folder=tmp_path)
    weights = tmp_path / "resnet_s.safetensors"
    assert card == read_json(tmp_path / "resnet_s.json") and card["sha256"] == sha256(weights)
    assert card["training"]["steps"] == SHORT.steps and card["metrics"] == {"top1": 0.5}
    assert load_file(weights)["fc.weight"].dtype == torch.float16
    with pytest.raises(UnitscopeError, match="did you mean 'critters/resnet_s'"):
        training.train("critters/resnet_z")
