"""The loader of human responses, on a small download of the same format; simulated observers."""

import json

import pandas as pd
import pytest
import torch
from PIL import Image
from unitscope.data.critters import critter_set
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.agreement import (
    against_observer,
    against_people,
    agreement,
    by_group,
    judges,
    layer_trials,
    levels,
    of_all,
    whole,
)
from unitscope.evidence.directions.humans import (
    RESPONSES,
    STIMULI,
    load_study,
    read_responses,
    simulated_answers,
    stage,
)
from unitscope.evidence.directions.roc import area_under_curve, drawn_areas
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.trials import difficulty_trials, margins

UNITS = (("layer1_0_conv1", 3), ("layer4_2_conv3", 77))
EXTRA = {  # the release's other columns
    "rt": 1234.5,
    "button_pressed": 4,
    "switched_queries": True,
    "min_query": "anonymized",
    "max_query": "anonymized",
    "min_references": "anonymized",
    "max_references": "anonymized",
    "trial_type": "html",
    "trial_index": 7,
    "time_elapsed": 1,
    "internal_node_id": "0.0",
    "response_index": 1,
    "participant_id": "P0001",
    "corrected_trial_index": 3,
    "task_number": 61,
    "passed_checks": True,
    "multi_participation": False,
}


def row(layer, channel, batch, correct, **changes):
    found = {
        "model": "resnet50", "layer": layer, "channel": float(channel), "batch": float(batch), "mode": "natural",
        "task_id": "resnet50_natural-61", "catch_trial": False, "is_demo": False, "confidence": 3.0, "correct": correct,
        "choice": "b" if correct else "a", **EXTRA,
    }  # fmt: skip
    return found | changes


@pytest.fixture
def download(tmp_path):
    """Two units, two batches each, and every kind of row that must be dropped."""
    names = {}
    for layer, channel in UNITS:
        for batch in range(2):
            files = {}
            for side in ("max", "min"):
                for place in range(10):
                    path = f"n01440764/n01440764_{len(names) * 20 + len(files)}.JPEG"
                    shade = (200 if side == "max" else 40, channel, 10 * place)
                    (tmp_path / "train/n01440764").mkdir(parents=True, exist_ok=True)
                    Image.new("RGB", (80, 64), shade).save(tmp_path / "train" / path)
                    files[f"{side}_{place}.png"] = path
            names.setdefault(f"{layer}/channel_{channel}", {})[f"batch_{batch}"] = files
    rows = [row(*unit, batch, correct) for unit in UNITS for batch in range(2) for correct in (True, False, True)]
    rows += [
        row(*UNITS[0], 0, True, catch_trial=True, model="catch/manual"), row(*UNITS[0], 0, True, is_demo=True),
        row(*UNITS[0], 0, True, mode="optimized", task_id="resnet50_optimized-3"),
        row(*UNITS[0], 0, True, task_id="resnet50_hard95_natural-3"), row(*UNITS[0], 0, True, model="googlenet"),
    ]  # fmt: skip
    for name, write in (
        (RESPONSES, lambda p: pd.DataFrame(rows).to_csv(p)),
        (STIMULI, lambda p: p.write_text(json.dumps({"resnet50": names}))),
    ):
        (tmp_path / "imi" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "imi" / name)
    return tmp_path


def test_a_study_joins_answers_with_their_images(download):
    study = load_study(download / "imi", download / "train", size=32)
    assert len(study.trials) == 4 and study.trials.units.tolist() == [0, 0, 1, 1]
    assert study.stages == ("layer1", "layer1", "layer4", "layer4")
    assert study.answers.correct.tolist() == [True, False, True] * 4 and study.answers.trial.tolist() == sorted(
        [0, 1, 2, 3] * 3
    )
    shades = study.images.load(study.trials.queries.flatten()).images.mean((2, 3))
    assert (shades[0::2, 0] > 0.7).all() and (shades[1::2, 0] < 0.2).all()  # q+ comes first
    assert torch.allclose(shades[:, 2], torch.tensor(90 / 255), atol=0.03)  # queries are the files numbered 9
    delta = margins(Similarity("rgb", study.images.load(range(len(study.images))).images.mean((2, 3))), study.trials)
    assert (delta > 0).all()


def test_only_natural_answers_of_the_network_are_kept(download):
    table = read_responses(download / "imi" / RESPONSES)
    assert len(table) == 12 and set(table["task_id"]) == {"resnet50_natural-61"}
    with pytest.raises(UnitscopeError, match="did you mean 'resnet50'"):
        read_responses(download / "imi" / RESPONSES, "resnet51")


def test_missing_files_columns_and_images_are_named(download):
    with pytest.raises(UnitscopeError, match="8131197"):
        load_study(download, download / "train")
    with pytest.raises(UnitscopeError, match="ImageNet's train folder"):
        load_study(download / "imi", download / "elsewhere")
    path = download / "imi" / RESPONSES
    pd.read_csv(path).drop(columns="confidence").to_csv(path)
    with pytest.raises(UnitscopeError, match="lacks the columns confidence"):
        read_responses(path)


def test_confidence_selects_answers(download):
    study = load_study(download / "imi", download / "train", size=32)
    assert len(study.answers.confident(3).trial) == 12 and len(study.answers.confident(1).trial) == 0


@pytest.mark.parametrize(
    "layer, group", [("layer3_4_conv1", "layer3"), ("visual_layer2_0_bn1", "layer2"), ("mixed4b_3x3", "mixed4")]
)
def test_layers_are_grouped_as_in_the_figures(layer, group):
    assert stage(layer) == group


def test_area_under_the_curve_recovers_the_planted_slope():
    rows = Similarity("s", torch.randn(600, 4, generator=torch.Generator().manual_seed(0)))
    trials = difficulty_trials(torch.randn(600, 40, generator=torch.Generator().manual_seed(1)), 0.0, trials=10)
    delta, areas = margins(rows, trials), []
    for slope in (0.0, 0.7, 3.0):
        answers = simulated_answers(rows, trials, slope=slope)
        areas.append(area_under_curve(delta[answers.trial], answers.correct))
    assert areas[0] == pytest.approx(0.5, abs=0.04) and areas[0] + 0.05 < areas[1] < areas[2] - 0.05


def test_agreement_is_the_area_of_each_group():
    rows = Similarity("s", torch.randn(300, 4, generator=torch.Generator().manual_seed(0)))
    y = {"layer1": torch.rand(300, 6), "layer2": torch.rand(300, 3)}
    trials, groups = layer_trials(y, units=4, batches=5)
    assert groups == ["layer1"] * 20 + ["layer2"] * 15
    answers = simulated_answers(rows, trials, slope=2.0)
    found = by_group([rows], trials, answers, groups)
    assert [one.group for one in found] == ["layer1", "layer2"] and found[1].answers == 45
    delta = margins(rows, trials)[answers.trial]
    late = answers.trial >= 20
    assert found[1].area == area_under_curve(delta[late], answers.correct[late])
    assert found[0].interval[0] <= found[0].area <= found[0].interval[1]
    whole = agreement(rows, trials, answers, evidence="max_only")
    assert whole.area != agreement(rows, trials, answers).area
    with pytest.raises(UnitscopeError, match="35 trials"):
        by_group([rows], trials, answers, groups[:-1])


def test_people_are_asked_stage_by_stage_and_only_where_they_are(download):
    found = against_people(str(download / "imi"), str(download / "train"), "resnet50", "colour")
    assert [one.group for one in found] == ["layer1", "layer1", "layer4", "layer4"] and set(whole(found)) == {
        "layer1",
        "layer4",
    }
    assert all(
        one.answers == 6 and one.units == 1 and one.area == 0.5 for one in found
    )  # each trial twice right, once wrong
    named = against_people(str(download / "imi"), str(download / "train"), "resnet50", "colour", name="again")
    assert set(whole(named)) == {"again layer1", "again layer4"}
    assert against_people("", "", "resnet50", "colour") == []


def test_the_whole_judge_stands_behind_its_layers():
    generator = torch.Generator().manual_seed(0)
    part, total = (Similarity(name, torch.randn(300, 4, generator=generator)) for name in ("part", "total"))
    y = {"early": torch.rand(300, 5, generator=generator), "late": torch.rand(300, 5, generator=generator)}
    found = against_observer([part, total], total, y, prefix="net")
    assert {name: one.name for name, one in whole(found).items()} == {"net early": "total", "net late": "total"}
    scored = of_all({"part": part, "total": total}, total, y)
    assert scored["total"].area > 0.6 > scored["part"].area and scored["total"].answers == 300


def test_areas_are_drawn_by_unit_and_alike_for_every_score(rng):
    units, right = torch.arange(120) // 10, torch.from_numpy(rng.random(120) < 0.6)
    scores = torch.from_numpy(rng.normal(size=120))
    drawn = drawn_areas(scores, right, units, 40, seed=3)
    generator = torch.Generator().manual_seed(3)
    for value in drawn[:10].tolist():
        rows = torch.cat(
            [(units == unit).nonzero().flatten() for unit in torch.randint(12, (12,), generator=generator)]
        )
        assert value == pytest.approx(area_under_curve(scores[rows], right[rows]))
    torch.testing.assert_close(drawn_areas(-scores, right, units, 40, seed=3), 1 - drawn)


def test_levels_and_judges_are_those_that_the_images_allow():
    images = critter_set("test", 12, image_size=16)
    lpips = Similarity("lpips", torch.rand(12, 3))
    assert list(levels(images, lpips)) == ["colour", "LPIPS", "label"]
    found = judges(["colour", "label"], "colour", lpips, lpips, images)
    assert list(found) == ["colour", "label", "colour, untrained", "the observer itself"] and found["colour"] is lpips
