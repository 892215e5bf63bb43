"""Recipes of the embedded zoo: `train(name)` makes the weights file and the card of one network.

A recipe is an objective, a schedule and the figures by which its network is judged. Training goes on from its last
checkpoint after a kill; the zoo's file is written only when the schedule is done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from unitscope.data import ImageSet, load_dataset
from unitscope.device import pick_device
from unitscope.errors import UnitscopeError, unknown
from unitscope.files import atomic, cache_folder, read_json, sha256, write_json
from unitscope.models.architectures import build
from unitscope.models.zoo import ZOO
from unitscope.training import adversarial, evaluate, generators, objectives
from unitscope.training.trainer import Schedule, resumed
from unitscope.training.trainer import train as run


@dataclass(frozen=True)
class Recipe:
    """`objective(network, images)`, a schedule, the judging functions, a sentence for the card, and the data set by
    name.

    `first`: an objective and a schedule from which the network comes, trained before with a checkpoint of its own.
    `loop`: what trains the objective; it has the form of `trainer.train`.
    `beside_training`: the judging functions are also given the training pictures.
    """

    objective: Callable[..., nn.Module]
    schedule: Schedule | adversarial.Duel
    judges: tuple[Callable[..., dict[str, float]], ...]
    learns_from: str
    data: str = "critters"
    first: tuple[Callable[..., nn.Module], Schedule] | None = None
    loop: Callable[..., dict] = run
    beside_training: bool = False


LABELS = "species labels; mirrored, cropped (60 to 100 % of the area) and slightly recoloured pictures"
GENTLE = "labels; pictures mirrored and moved by up to 4 pixels"
SIGHTINGS = (
    "no labels: two sightings of each animal (same species, coat and build; new scene, pose and light), two large and"
    " two small crops, recoloured"
)
PATCHES = "no labels: the normalised pixels of the hidden three quarters of 8 x 8 patches"
TEXTS = "captions in four wordings: everything, the species, species and place, coat and species"
DRAWING = (
    "no training set: fresh latents, rendered on the way with one texture seed and four phases a background; L1 (parts"
    " weighted), the eye of critters/resnet_s, and w made to tell the factors linearly; no adversarial steps"
)

ADVERSARIES = (
    "photographs and their mirror images with class labels; a projected discriminator on features of EfficientNet-Lite0"
    " (ImageNet weights), differentiable augmentation, moving average"
)

COATLESS = (
    " strongly: brightness, contrast and saturation by 40 %, hue by any angle, one view in five grey; views of 48 and"
    " 32 pixels that keep the picture's scale"
)
AFTER = "; before that, the normalised pixels of hidden patches, as critters/mae_vit but from another seed"
BLIND = partial(objectives.SelfDistillation, **objectives.NATIVE, colours=0.4, hue=1.0, grey=0.2)
DISTILLED = (partial(evaluate.probes, read=evaluate.summary),)

RECIPES: dict[str, Recipe] = {
    "critters/resnet_s": Recipe(objectives.Supervised, Schedule(360_000), (evaluate.top1,), LABELS),
    "critters/resnet": Recipe(objectives.Supervised, Schedule(300_000), (evaluate.top1,), LABELS),
    "critters/resnet_l": Recipe(objectives.Supervised, Schedule(240_000), (evaluate.top1,), LABELS),
    "critters/alexnet": Recipe(objectives.Supervised, Schedule(120_000, rate=1e-3), (evaluate.top1,), LABELS),
    "critters/dino_resnet": Recipe(BLIND, Schedule(1_500_000, rate=1.5e-3), DISTILLED, SIGHTINGS + COATLESS),
    "critters/dino_vit": Recipe(
        BLIND,
        Schedule(300_000, rate=7e-4, seed=1),
        DISTILLED,
        SIGHTINGS + COATLESS + AFTER,
        first=(objectives.MaskedPatches, Schedule(600_000, rate=1.5e-3, seed=1)),
    ),
    "critters/mae_vit": Recipe(objectives.MaskedPatches, Schedule(800_000, rate=1.5e-3), (evaluate.probes,), PATCHES),
    "critters/clip_resnet": Recipe(
        objectives.Captions, Schedule(512_000, batch=256, cycles=2), (evaluate.zero_shot,), TEXTS
    ),
    "cifar10/resnet": Recipe(
        partial(objectives.Supervised, shift=4, colours=0.0, smoothing=0.1),
        Schedule(960_000, rate=0.2, decay=5e-4, warmup=0.2, momentum=0.9),
        (evaluate.top1,),
        GENTLE,
        "cifar10",
    ),
    "critters/stylegan": Recipe(
        generators.Distilled,
        Schedule(121_600, batch=16, rate=2e-3, decay=0.0, warmup=0.02),
        (generators.figures,),
        DRAWING,
    ),
    "critters/biggan": Recipe(
        generators.Distilled,
        Schedule(80_000, batch=16, rate=2e-3, decay=0.0, warmup=0.02),
        (generators.figures,),
        DRAWING,
    ),
    "imagenette/stylegan": Recipe(
        adversarial.Adversaries,
        adversarial.Duel(1_000_000),
        (lambda *given: photographs(*given),),
        ADVERSARIES,
        "imagenette",
        loop=adversarial.train,
        beside_training=True,
    ),
}


def train(
    name: str,
    *,
    images: int | None = None,
    device: str = "auto",
    root: str | None = None,
    threads: int | None = None,
    stop_after: float = math.inf,
    folder: Path = ZOO,
) -> dict:
    """Train one network of the zoo and write NAME.safetensors (fp16) and NAME.json to `folder`.

    Parameters
    ----------
    name : a key of RECIPES.
    images : how many pictures to show (a first stage keeps its own number); None: the recipe's number, which two cores
    can afford. device : where to train, as in `pick_device`. root : where the data set lies, for recipes that do not
    paint their own pictures. threads : processor threads; None leaves torch's choice. stop_after : seconds after which
    to leave with a checkpoint instead of the finished weights.

    Returns
    -------
    The card, or the trainer's state if time ran out.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    if threads:
        torch.set_num_threads(threads)
    recipe, place = RECIPES[name], pick_device(device)
    schedule = replace(recipe.schedule, images=images or recipe.schedule.images)
    known, test = data_of(recipe, root)
    network, left = build(name, schedule.seed).to(memory_format=torch.channels_last), time.monotonic() + stop_after
    if recipe.first:
        resumed(checkpoint_of(name), schedule)  # one that does not fit is refused before anything is trained
        state = run(
            recipe.first[0](network, known).to(place),
            len(known),
            recipe.first[1],
            checkpoint_of(name, first=True),
            stop_after,
        )
        if not state["finished"]:
            return state
    objective = recipe.objective(network, known).to(place)
    state = recipe.loop(objective, len(known), schedule, checkpoint_of(name), left - time.monotonic())
    return (
        export(name, objective.network.cpu(), made_by(name, schedule, state, place), known, test, folder)
        if state["finished"]
        else state
    )


def export_checkpoint(name: str, *, device: str = "auto", root: str | None = None, folder: Path = ZOO) -> dict:
    """Weights and card from the checkpoint of a training that is not finished (or is); the checkpoint stays as it is.

    The card's `training` says how many steps and pictures the network has seen, its `recipe` how many were planned.

    Raises
    ------
    UnitscopeError
        If there is no such recipe or no checkpoint.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    path, recipe, place = checkpoint_of(name), RECIPES[name], pick_device(device)
    for needed in (path, checkpoint_of(name, first=True)) if recipe.first else (path,):
        if not needed.is_file():
            raise UnitscopeError(
                f"{name} has no checkpoint: {needed} does not exist. Train it with `unitscope zoo train {name}`."
            )
    state = torch.load(path, weights_only=True, map_location="cpu")
    schedule = type(recipe.schedule)(**state["schedule"])
    known, test = data_of(recipe, root)
    objective = recipe.objective(build(name, schedule.seed), known)
    objective.load_state_dict(state["objective"])
    return export(name, objective.network, made_by(name, schedule, state, place), known, test, folder)


def data_of(recipe: Recipe, root: str | Path | None) -> tuple[ImageSet, ImageSet]:
    """The pictures to learn from and those to be judged on.

    Raises
    ------
    UnitscopeError
        If the recipe needs a folder of photographs and none is named.
    """
    if recipe.data != "imagenette":
        return tuple(load_dataset(f"{recipe.data}/{split}", root=root) for split in ("train", "test"))
    if root is None:
        raise UnitscopeError(
            "root is missing: name the folder of Imagenette that holds train/ and val/ (--root FOLDER)."
        )
    return tuple(load_dataset(f"folder:{Path(root) / split}", size=64) for split in ("train", "val"))


def checkpoint_of(name: str, first: bool = False) -> Path:
    """The file that keeps the state of a network's training, or of the one that comes first."""
    return cache_folder() / "training" / f"{name.replace('/', '_')}{'_first' if first else ''}.pt"


def made_by(name: str, schedule: Schedule | adversarial.Duel, state: dict, place: torch.device) -> dict:
    """How a network was made, for its card: the recipe as planned and the training as it went."""
    recipe, seen = RECIPES[name], state.get("seen", state["step"] * schedule.batch)
    made = {
        "recipe": planned(recipe.objective, schedule),
        "training": {
            "steps": state["step"],
            "pictures": seen,
            "seconds": round(state["seconds"]),
            "last_loss": round(state["loss"], 4),
            "device": place.type,
        },
    }
    if state.get("remarks"):
        made["training"]["remarks"] = state["remarks"]
    if seen + schedule.batch <= schedule.images:
        made["status"] = f"in training, {seen:,} of {schedule.images:,} pictures seen"
    if recipe.first:
        made["recipe"]["first"] = planned(*recipe.first)
        made["training"]["seconds_before"] = round(
            torch.load(checkpoint_of(name, first=True), weights_only=True, map_location="cpu")["seconds"]
        )
    return made


def planned(objective: Callable[..., nn.Module], schedule: Schedule | adversarial.Duel) -> dict:
    """An objective and its schedule in a card's words."""
    return {
        **asdict(schedule),
        "objective": getattr(objective, "func", objective).__name__,
        "optimizer": schedule.optimizer,
    }


def figures_of(name: str, network: nn.Module, test: ImageSet, known: ImageSet) -> dict[str, float]:
    """The figures of a network by its recipe's judges, on the test images (beside the training images), in fp32."""
    network, sets = network.float().eval(), (test, known) if RECIPES[name].beside_training else (test,)
    return {key: value for measure in RECIPES[name].judges for key, value in measure(network, *sets).items()}


def photographs(network: nn.Module, test: ImageSet, known: ImageSet) -> dict[str, float]:
    """The figures of the generator of photographs; imported late, since they load packaged networks."""
    from unitscope.training.photographs_judge import quickly

    return quickly(network, test, known)


def judge_photographs(
    name: str,
    root: str | Path,
    samples: int,
    squeezenet: str | Path | None = None,
    deep: bool = True,
    folder: Path = ZOO,
) -> dict[str, float]:
    """Judge a shipped generator of photographs on more samples than an export does, and keep the figures on its card as
    `judged`.

    Parameters
    ----------
    root : folder that holds train/ and val/.
    samples, squeezenet, deep : as in `photographs_judge.photograph_figures`.

    Raises
    ------
    UnitscopeError
        If the recipe of that name learns from no photographs, or its card is missing.
    """
    from unitscope.models.generators.load import load_generator
    from unitscope.training.photographs_judge import photograph_figures

    if name not in RECIPES or not RECIPES[name].beside_training:
        raise unknown(
            "generator of photographs", name, [key for key, recipe in RECIPES.items() if recipe.beside_training]
        )
    known, test = data_of(RECIPES[name], root)
    path = folder / f"{name.removeprefix('critters/')}.safetensors"
    figures = photograph_figures(
        load_generator(name, weights=path, device="cpu"), known, test, samples, squeezenet=squeezenet, deep=deep
    )
    write_json(path.with_suffix(".json"), read_json(path.with_suffix(".json")) | {"judged": figures})
    return figures


def export(name: str, network: nn.Module, made: dict, known: ImageSet, test: ImageSet, folder: Path) -> dict:
    """Write weights and card; `made` says how they were made; the figures are those of the rounded fp16 weights."""
    halves = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in network.state_dict().items()
    }
    network.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in halves.items()}
    )
    figures = {
        "metrics": figures_of(name, network, test, known),
        "random_weights": figures_of(name, build(name, seed=1), test, known),
    }
    path = folder / f"{name.removeprefix('critters/')}.safetensors"
    with atomic(path) as part:
        save_file(halves, part, metadata={"name": name})
    card = {
        "name": name,
        "architecture": f"unitscope.models.architectures.build({name!r})",
        "parameters": sum(p.numel() for p in network.parameters()),
        "data": known.fingerprint(),
        "learns_from": RECIPES[name].learns_from,
        **made,
        "test_data": test.fingerprint(),
        **figures,
        "licence": "MIT",
        "date": time.strftime("%Y-%m-%d"),
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
    }
    write_json(path.with_suffix(".json"), card)
    return card
