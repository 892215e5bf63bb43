"""The human responses of Zimmermann, Klein and Brendel 2023 (IMI, Zenodo 8131197), and observers in people's stead.

    responses_main.csv                  one row an answer (columns in `COLUMNS`)
    imagenet_exemplars_file_map.json    map[model]["LAYER/channel_C"]["batch_B"]["max_0.png"] -> ImageNet train file

In a batch, max_0..max_8 and min_0..min_8 are references, max_9 and min_9 the two queries. A participant is right when
the query max_9 was chosen (`choice == "b"`). Queries are less extreme than all references.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.data.datasets import Files
from unitscope.errors import UnitscopeError, unknown
from unitscope.files import read_json
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.trials import REFERENCES, Trials, margins

RESPONSES, STIMULI = "human_responses/responses_main.csv", "image_data/imagenet_exemplars_file_map.json"
COLUMNS = (
    "model",
    "layer",
    "channel",
    "batch",
    "mode",
    "task_id",
    "catch_trial",
    "is_demo",
    "confidence",
    "correct",
    "choice",
)


@dataclass(frozen=True)
class Answers:
    """What observers answered: trial (A,) numbers into Trials, correct (A,) bool, confidence (A,) 1 to 3."""

    trial: Tensor
    correct: Tensor
    confidence: Tensor

    def confident(self, level: int = 3) -> Answers:
        """Answers given with this confidence; the authors' Fig. 2 shows those of level 3."""
        kept = self.confidence == level
        return Answers(self.trial[kept], self.correct[kept], self.confidence[kept])


@dataclass(frozen=True)
class HumanStudy:
    """One network's trials with people's answers: images, trials, stages (T,) of each trial's layer, answers."""

    images: ImageSet
    trials: Trials
    stages: tuple[str, ...]
    answers: Answers


def read_responses(path: str | Path, model: str = "resnet50") -> pd.DataFrame:
    """The natural-image answers for one network: no catch and demonstration rows, no optimised or harder tasks.

    `model` alone does not tell tasks apart; the prefix of `task_id` must be `MODEL_natural`, too.

    Raises
    ------
    UnitscopeError
        If the file or a column is missing, or holds no row of this network.
    """
    path = Path(path)
    if not path.is_file():
        raise UnitscopeError(
            f"{path} is not there; unpack Zenodo record 8131197 and name the folder that holds {RESPONSES}."
        )
    table = pd.read_csv(path, low_memory=False)
    if missing := [column for column in COLUMNS if column not in table]:
        raise UnitscopeError(f"{path.name} lacks the columns {', '.join(missing)}; is it responses_main.csv of IMI?")
    true = {
        column: table[column].astype(str).str.lower().isin(("true", "1", "1.0"))
        for column in ("catch_trial", "is_demo", "correct")
    }
    natural = (table["mode"] == "natural") & ~true["catch_trial"] & ~true["is_demo"]
    chosen = natural & (table["model"] == model) & table["task_id"].astype(str).str.startswith(f"{model}_natural")
    if not chosen.any():
        raise unknown("model", model, sorted(table.loc[natural, "model"].astype(str).unique()), f"In {path.name}.")
    kept = table.loc[chosen].assign(correct=true["correct"][chosen])
    return kept.astype({"channel": int, "batch": int, "confidence": int})


def stage(layer: str) -> str:
    """The group of a layer in Figs. 2 and 13: "layer3_4_conv1" -> "layer3", "mixed4b_3x3" -> "mixed4"."""
    first = layer.removeprefix("visual_").split("_")[0]
    return first[:-1] if first.startswith("mixed") and first[-1].isalpha() else first


def load_study(folder: str | Path, imagenet: str | Path, model: str = "resnet50", size: int = 224) -> HumanStudy:
    """Trials and answers of IMI for one network.

    Parameters
    ----------
    folder : the unpacked download, with `human_responses/` and `image_data/`.
    imagenet : ImageNet's training images, `<wnid>/<wnid>_<k>.JPEG`.
    size : shorter side to size * 256 / 224, centre crop of `size`, as in the study.

    Raises
    ------
    UnitscopeError
        If a file is missing, or a trial was answered whose images are not listed.
    """
    table = read_responses(Path(folder) / RESPONSES, model)
    stimuli = read_json(Path(folder) / STIMULI)
    if model not in stimuli:
        raise unknown("model", model, stimuli, f"In {STIMULI}.")
    keys = list(dict.fromkeys(zip(table["layer"], table["channel"], table["batch"], strict=True)))
    files: dict[str, int] = {}
    rows = [[files.setdefault(name, len(files)) for name in _names(stimuli[model], *key)] for key in keys]
    rows = torch.tensor(rows)  # (T, 20): max_0..max_9, min_0..min_9
    images = _pictures(Path(imagenet), list(files), size)
    number = {key: position for position, key in enumerate(keys)}
    units = {key[:2]: None for key in keys}
    order = {unit: position for position, unit in enumerate(units)}
    owner = torch.tensor([order[key[:2]] for key in keys])
    trials = Trials(
        owner, rows[:, [REFERENCES, 2 * REFERENCES + 1]], rows[:, :REFERENCES], rows[:, REFERENCES + 1 : -1]
    )
    trial = [number[key] for key in zip(table["layer"], table["channel"], table["batch"], strict=True)]
    answers = Answers(
        *(torch.tensor(column) for column in (trial, table["correct"].tolist(), table["confidence"].tolist()))
    )
    return HumanStudy(images, trials, tuple(stage(key[0]) for key in keys), answers)


def _names(stimuli: dict, layer: str, channel: int, batch: int) -> list[str]:
    """The 20 files of one trial."""
    unit, number = f"{layer}/channel_{channel}", f"batch_{batch}"
    try:
        listed = stimuli[unit][number]
        return [listed[f"{side}_{place}.png"] for side in ("max", "min") for place in range(REFERENCES + 1)]
    except KeyError as error:
        raise UnitscopeError(
            f"{STIMULI} does not list {error} for {unit}, {number}; its release differs from the responses'."
        ) from error


def _pictures(root: Path, names: Sequence[str], size: int) -> ImageSet:
    """The named files below ImageNet's training folder as an image set, in this order."""
    if missing := [name for name in names if not (root / name).is_file()]:
        raise UnitscopeError(
            f"{len(missing)} of {len(names)} images are not in {root}, e.g. {missing[0]}; name ImageNet's train folder."
        )
    return Files("imagenet/imi", root, [root / name for name in names], [-1] * len(names), [], size)


def simulated_answers(
    observer: Similarity, trials: Trials, *, responses: int = 3, slope: float = 2.0, bias: float = 0.5, seed: int = 0
) -> Answers:
    """Answers of noisy observers who judge by `observer`: P(correct) = sigmoid(bias + slope * Delta / sd(Delta)).

    They stand in for people where there are no human answers. slope = 0: observers who guess blindly of Delta.
    """
    delta = margins(observer, trials).double()
    chance = torch.sigmoid(bias + slope * delta / delta.std().clamp(min=1e-12))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(responses, len(trials), generator=generator, dtype=torch.float64) < chance
    trial = torch.arange(len(trials)).repeat(responses)
    return Answers(trial, drawn.flatten(), torch.full((len(trial),), 3))
