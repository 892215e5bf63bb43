"""Adversarial training of a generator of photographs with a projected discriminator (Sauer et al. 2021;
`projected.py`).

    z  (B, Z) latents    c  (B,) classes    images  (B, 3, H, W)

A step draws one batch of pictures. The discriminators learn from it beside as many photographs, then the generator from
the same pictures against the discriminators as they are now: so each picture goes through the frozen network once. Both
kinds are blurred alike at first, by a Gaussian whose sigma falls to 0 (as in Projected GAN's code), and augmented
alike. Every random number is drawn from (seed, pictures seen), and the moving average of the generator's weights is
what is kept.
"""

from __future__ import annotations

import json
import math
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.files import atomic
from unitscope.progress import progress
from unitscope.training.diffaugment import augmented
from unitscope.training.pictures import as_bytes
from unitscope.training.projected import Heads, Mixing, hinge, lite_stages, persuasion, shortfall
from unitscope.training.trainer import epoch_rows

CHECKPOINT_SECONDS, NOTE_SECONDS, LOOK_SECONDS = 300, 60, 600
CALIBRATED_ON, CALIBRATED_AT = 256, 128  # photographs that tell each stage's mean and deviation, and their side
WATCHED_ON = 1000  # photographs that teach the watch the classes
LAYOUT = 8  # pixels a side in which the variety of layouts is compared
PER_CLASS = 8  # pictures a class on a contact sheet


@dataclass(frozen=True)
class Duel:
    """How long and how fast. `images` counts the photographs shown, as many pictures are drawn.

    batch, later_batch : before and after `grows_at` photographs.
    seen_at, later_seen_at : side in pixels at which pictures enter the frozen network, likewise; what is blurred loses
        nothing in fewer pixels, and they cost half as much.
    rate : Adam's, for both sides, beta 0 and 0.99.
    blur, fade : sigma in pixels at the start, and the photographs until it is 0.
    half_life : photographs after which the moving average has forgotten half; shorter at first (a twentieth of those
    seen).
    """

    images: int
    batch: int = 32
    later_batch: int = 64
    grows_at: int = 150_000
    rate: float = 2e-4
    blur: float = 2.0
    fade: int = 150_000
    half_life: int = 10_000
    seen_at: int = 96
    later_seen_at: int = 128
    seed: int = 0

    @property
    def optimizer(self) -> str:
        """What moves the weights, in a card's words."""
        return "Adam (0, 0.99) for both sides, constant rate, fp32"

    def batch_at(self, seen: int) -> int:
        """Photographs of the step that comes after `seen`."""
        return self.batch if seen < self.grows_at else self.later_batch

    def side_at(self, seen: int) -> int:
        """Side of the pictures that the frozen network is shown after `seen` photographs."""
        return self.seen_at if seen < self.grows_at else self.later_seen_at

    def sigma(self, seen: int) -> float:
        """The blur after `seen` photographs, in pixels."""
        return self.blur * max(0.0, 1 - seen / self.fade)

    def forgetting(self, seen: int, batch: int) -> float:
        """The share of the moving average that a step renews."""
        return 1 - 0.5 ** (batch / max(1.0, min(self.half_life, seen / 20)))


class Adversaries(nn.Module):
    """The generator, its moving average, the random mixing and the discriminators; `state_dict` holds all but the
    frozen network.

    Parameters
    ----------
    network : a generator with `mapping`, `settle`, `z_dim` and `classes`.
    images : photographs with labels, of the generator's size.
    stages : the frozen network (pictures in [-1, 1] -> maps); None: EfficientNet-Lite0.
    """

    def __init__(self, network: nn.Module, images: ImageSet, stages: nn.Module | None = None):
        super().__init__()
        if images.image_size != network.image_size or len(images.classes) != len(network.classes):
            raise UnitscopeError(
                f"the photographs must be {network.image_size} px in {len(network.classes)} classes, got"
                f" {images.image_size} px in {len(images.classes)}: {images.name}."
            )
        self.live, self.average = network, deepcopy(network).requires_grad_(False)
        self.mixing, self.heads = Mixing(), Heads(len(network.classes))
        self.pictures, self.labels = as_bytes(images), images.labels
        self.frozen = [stages or lite_stages()]  # in a list: no part of the state
        rows = torch.linspace(0, len(images) - 1, min(CALIBRATED_ON, len(images))).long()
        with torch.no_grad():
            self.mixing.calibrate(self.frozen[0](enlarged(self.pictures[rows].float() / 127.5 - 1, CALIBRATED_AT)))
        self.to(memory_format=torch.channels_last)

    @property
    def network(self) -> nn.Module:
        """A copy of the averaged generator with class means and norms of its own."""
        settled = deepcopy(self.average)
        settled.settle()
        return settled.eval()

    def to(self, *args, **options) -> Adversaries:
        self.frozen[0].to(*args, **options)
        return super().to(*args, **options)

    def maps(self, images: Tensor, sigma: float, side: int, generator: Generator) -> list[Tensor]:
        """What the discriminators see of pictures in [-1, 1]."""
        images = augmented(blurred(images, sigma), generator)
        return self.mixing(self.frozen[0](enlarged(images, side)))

    def step(
        self, rows: Tensor, sigma: float, side: int, generator: Generator, optimizers: dict[str, torch.optim.Optimizer]
    ) -> dict[str, float]:
        """One step of both sides; returns both losses, the shortfall of variety, and the mean logits of photographs and
        drawn pictures.
        """
        n, device = len(rows), self.live.w_mean.device
        flip = torch.rand(n, generator=generator) < 0.5
        real = self.pictures[rows].float() / 127.5 - 1
        real = torch.where(flip[:, None, None, None], real.flip(3), real).to(device)
        labels = self.labels[rows].to(device)  # the drawn pictures have the classes of the photographs
        z = torch.randn(n, self.live.z_dim, generator=generator).to(device)
        pictures = 2 * self.live(self.live.mapping(z, labels)) - 1
        drawn = self.maps(pictures, sigma, side, generator)
        with torch.no_grad():
            known = self.maps(real, sigma, side, generator)
        self.heads.train().requires_grad_(True)
        both = self.heads(
            [torch.cat([k, d.detach()]) for k, d in zip(known, drawn, strict=True)], torch.cat([labels, labels])
        )
        of_real, of_drawn = [b[:n] for b in both], [b[n:] for b in both]
        loss = hinge(of_real, of_drawn)
        update(optimizers["heads"], loss)
        self.heads.eval().requires_grad_(False)
        lesson = persuasion(self.heads(drawn, labels))
        alike = shortfall(known, drawn, labels) + shortfall([layout(real)], [layout(pictures)], labels)
        update(optimizers["live"], lesson + alike)
        mean = [sum(part.mean().item() for part in parts) / len(parts) for parts in (of_real, of_drawn)]
        return {
            "loss_d": loss.item(),
            "loss_g": lesson.item(),
            "alike": alike.item(),
            "logit_real": mean[0],
            "logit_drawn": mean[1],
        }

    @torch.no_grad()
    def follow(self, share: float) -> None:
        """Move the average towards the trained weights."""
        for ours, theirs in zip(self.average.parameters(), self.live.parameters(), strict=True):
            ours.lerp_(theirs, share)


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def layout(images: Tensor) -> Tensor:
    """Where a picture is light, dark and coloured, in `LAYOUT` x `LAYOUT` pixels of mean 0 and deviation 1.

    Brightness and contrast are taken out: augmentation hides them from the discriminators, so that variety in them is
    free.
    """
    small = F.adaptive_avg_pool2d(images, LAYOUT)
    small = small - small.mean((1, 2, 3), keepdim=True)
    return small / (small.square().mean((1, 2, 3), keepdim=True) + 1e-2).sqrt()


def enlarged(images: Tensor, side: int) -> Tensor:
    """Images brought to `side` pixels."""
    return F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images through a Gaussian of `sigma` pixels, cut off at three sigma; reflected at the rim. Below a tenth of a
    pixel as they are.
    """
    radius = math.ceil(3 * sigma)
    if sigma < 0.1:
        return images
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma).square()).to(images)
    line = (line / line.sum()).expand(images.shape[1], 1, 1, -1)
    for kernel, pad in ((line, (radius, radius, 0, 0)), (line.transpose(2, 3), (0, 0, radius, radius))):
        images = F.conv2d(F.pad(images, pad, mode="reflect"), kernel, groups=images.shape[1])
    return images


@torch.no_grad()
def samples(network: nn.Module, per_class: int = PER_CLASS, seed: int = 0, psi: float = 1.0) -> Tensor:
    """Pictures (S, per_class, 3, H, W) in [0, 1] of a network in evaluation mode."""
    classes, size = len(network.classes), network.image_size
    z = torch.randn(classes * per_class, network.z_dim, generator=Generator().manual_seed(seed))
    labels = torch.arange(classes).repeat_interleave(per_class)
    centre = network.w_mean[labels]
    return network(centre + psi * (network.mapping(z, labels) - centre)).view(classes, per_class, 3, size, size)


def spreads(pictures: Tensor) -> dict[str, float]:
    """Deviation between pictures (S, n, 3, H, W), in [-1, 1], averaged over pixels: of all, and within a class.

    0 where all latents give one picture; Imagenette's own are 0.54 and 0.52.
    """
    pictures = 2 * pictures - 1
    return {
        "spread": round(pictures.flatten(0, 1).std(0).mean().item(), 4),
        "spread_within": round(pictures.std(1).mean().item(), 4),
    }


def sheet(pictures: Tensor) -> Tensor:
    """Pictures (S, n, 3, H, W) as one (3, S H, n W), one row per class."""
    rows, columns, _, high, wide = pictures.shape
    return pictures.permute(2, 0, 3, 1, 4).reshape(3, rows * high, columns * wide)


def restored(checkpoint: Path, schedule: Duel) -> dict | None:
    """What a checkpoint holds, None where there is none; only the planned end may differ.

    Raises
    ------
    UnitscopeError
        If it belongs to another schedule.
    """
    if not checkpoint.exists():
        return None
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    ours, theirs = (
        {key: value for key, value in plan.items() if key != "images"} for plan in (asdict(schedule), saved["schedule"])
    )
    if ours != theirs:
        raise UnitscopeError(
            f"checkpoint {checkpoint.name} belongs to another schedule ({saved['schedule']}); remove it or restore the"
            " schedule."
        )
    return saved


def train(duel: Adversaries, count: int, schedule: Duel, checkpoint: Path, stop_after: float = math.inf) -> dict:
    """Train in place until `schedule.images` photographs were shown; a checkpoint that fits is resumed, another is
    refused.

    Beside the checkpoint lie `NAME.jsonl`, a line a minute (pictures seen, losses, logits, pictures a second; every ten
    minutes the average's spread and class agreement), and `NAME/`, contact sheets of the average.

    Parameters
    ----------
    count : photographs in the training set.
    checkpoint : file for the state, rewritten every five minutes (whole or not at all).
    stop_after : seconds after which to leave with a checkpoint; a later call goes on.

    Returns
    -------
    dict with `step`, `seen`, `seconds` (of all calls together), `loss` (the generator's, smoothed), `finished`.
    """
    optimizers = {
        name: torch.optim.Adam(getattr(duel, name).parameters(), lr=schedule.rate, betas=(0.0, 0.99))
        for name in ("live", "heads")
    }
    state = {
        "step": 0,
        "seen": 0,
        "seconds": 0.0,
        "loss": float("nan"),
        "remarks": [],
    }  # remarks: what was changed on the way
    if saved := restored(checkpoint, schedule):
        duel.load_state_dict(saved["objective"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        state = {key: saved.get(key, value) for key, value in state.items()}

    def save() -> None:
        kept = {name: optimizer.state_dict() for name, optimizer in optimizers.items()}
        with atomic(checkpoint) as part:
            torch.save(
                {**state, "schedule": asdict(schedule), "objective": duel.state_dict(), "optimizers": kept}, part
            )

    notes = Notes(checkpoint, state["seen"])
    duel.live.train()
    started = kept_at = time.monotonic()
    before = state["seconds"]
    with progress(total=schedule.images, label="training") as bar:
        while state["seen"] < schedule.images:
            seen = state["seen"]
            batch = schedule.batch_at(seen)
            generator = Generator().manual_seed(schedule.seed * 1_000_003 + seen)
            figures = duel.step(
                epoch_rows(seen, batch, count, schedule.seed),
                schedule.sigma(seen),
                schedule.side_at(seen),
                generator,
                optimizers,
            )
            if not all(math.isfinite(value) for value in figures.values()):
                raise UnitscopeError(
                    f"a loss is not finite after {seen} photographs: {figures}; the last checkpoint is kept in"
                    f" {checkpoint.name}."
                )
            seen += batch
            duel.follow(schedule.forgetting(seen, batch))
            now = time.monotonic()
            smooth = figures["loss_g"] if math.isnan(state["loss"]) else 0.99 * state["loss"] + 0.01 * figures["loss_g"]
            state.update(step=state["step"] + 1, seen=seen, loss=smooth, seconds=before + now - started)
            notes.take(figures, seen, state["seconds"], duel)
            bar.update(batch)
            if now - kept_at > CHECKPOINT_SECONDS:
                save()
                kept_at = now
            if now - started > stop_after:
                break
    save()
    return {**state, "finished": state["seen"] >= schedule.images}


class Notes:
    """The diary of a training: means of the figures once a minute, spread and a contact sheet of the average every
    ten.
    """

    def __init__(self, checkpoint: Path, seen: int):
        self.file, self.folder = checkpoint.with_suffix(".jsonl"), checkpoint.with_suffix("")
        self.noted_at = self.started = time.monotonic()
        self.looked_at, self.since, self.kept, self.watch = self.started - LOOK_SECONDS, seen, [], None

    def take(self, figures: dict[str, float], seen: int, seconds: float, duel: Adversaries) -> None:
        """Remember a step's figures; write them down if it is time."""
        self.kept.append(figures)
        now = time.monotonic()
        if now - self.noted_at < NOTE_SECONDS:
            return
        line = {
            "seen": seen,
            "seconds": round(seconds),
            "per_second": round((seen - self.since) / (now - self.noted_at), 2),
        }
        line |= {key: round(sum(kept[key] for kept in self.kept) / len(self.kept), 4) for key in figures}
        if now - self.looked_at > LOOK_SECONDS:
            line |= self.look(duel, seen)
            self.looked_at = now
        with self.file.open("a", encoding="utf-8") as diary:
            diary.write(json.dumps(line) + "\n")
        self.noted_at, self.since, self.kept = time.monotonic(), seen, []

    def look(self, duel: Adversaries, seen: int) -> dict[str, float]:
        """The average's spreads and the share of its samples named as intended; a contact sheet goes to the folder."""
        from torchvision.utils import save_image

        network = deepcopy(duel.average)
        network.settle(count=512)
        pictures = samples(network.eval())
        self.folder.mkdir(parents=True, exist_ok=True)
        save_image(sheet(pictures), self.folder / f"{seen:08d}.png")
        return spreads(pictures) | {"named": round(self.named(duel, pictures), 4)}

    @torch.no_grad()
    def named(self, duel: Adversaries, pictures: Tensor) -> float:
        """The share that AlexNet's features under a linear head name as intended; it takes no part in the training."""
        from unitscope.training.photographs_judge import Names, alex

        if self.watch is None:
            rows, see = torch.linspace(0, len(duel.labels) - 1, WATCHED_ON).long(), alex()
            known = torch.cat([see(duel.pictures[some].float() / 255) for some in rows.split(50)])
            self.watch = see, Names(known, duel.labels[rows])
        see, names = self.watch
        labels = torch.arange(pictures.shape[0]).repeat_interleave(pictures.shape[1])
        return names.share(see(pictures.flatten(0, 1)), labels)
