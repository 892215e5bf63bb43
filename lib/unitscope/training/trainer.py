"""One training loop for all objectives: reproducible from a seed, resumed after a kill from its last checkpoint."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from unitscope.errors import UnitscopeError
from unitscope.files import atomic
from unitscope.progress import progress

CHECKPOINT_SECONDS = 60


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: linear warm-up, then a cosine to zero; `images` counts every picture shown.

    AdamW, or gradient descent with Nesterov's momentum where `momentum` is not 0. More than one cycle repeats warm-up
    and cosine from the start (warm restarts, Loshchilov and Hutter 2017).
    """

    images: int
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    warmup: float = 0.05
    seed: int = 0
    cycles: int = 1
    momentum: float = 0.0

    @property
    def steps(self) -> int:
        return self.images // self.batch

    @property
    def optimizer(self) -> str:
        """What moves the weights, in a card's words."""
        return f"{'SGD' if self.momentum else 'AdamW'}, cosine, bf16 autocast"


def learning_rate(schedule: Schedule, step: int) -> float:
    """The learning rate of a step, 0 <= step < steps."""
    length = schedule.steps / schedule.cycles
    done = step % length / length
    if done < schedule.warmup:
        return schedule.rate * (step % length + 1) / (schedule.warmup * length + 1)
    return schedule.rate * 0.5 * (1 + math.cos(math.pi * (done - schedule.warmup) / (1 - schedule.warmup)))


def optimizer_of(objective: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum; vectors (biases, norms) are spared the weight decay."""
    trained = [p for p in objective.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": schedule.decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if schedule.momentum:
        return torch.optim.SGD(groups, lr=schedule.rate, momentum=schedule.momentum, nesterov=True)
    return torch.optim.AdamW(groups, lr=schedule.rate, betas=(0.9, 0.95 if schedule.batch >= 256 else 0.99))


def batch_rows(schedule: Schedule, step: int, count: int) -> torch.Tensor:
    """The pictures of a step: epochs of `count` without repetition, shuffled by (seed, epoch)."""
    return epoch_rows(step * schedule.batch, schedule.batch, count, schedule.seed)


def epoch_rows(first: int, batch: int, count: int, seed: int) -> torch.Tensor:
    """The next `batch` pictures after `first` were shown, of epochs of `count` without repetition, shuffled by (seed,
    epoch).
    """
    rows = []
    while len(rows) < batch:
        epoch, offset = divmod(first + len(rows), count)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
        rows += order[offset : offset + batch - len(rows)].tolist()
    return torch.tensor(rows)


def resumed(checkpoint: Path, schedule: Schedule) -> dict | None:
    """What a checkpoint holds, None where there is none.

    Raises
    ------
    UnitscopeError
        If it belongs to another schedule.
    """
    if not checkpoint.exists():
        return None
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    if saved["schedule"] != asdict(schedule):
        raise UnitscopeError(
            f"checkpoint {checkpoint.name} belongs to another schedule ({saved['schedule']}); remove it or restore the"
            " schedule."
        )
    return saved


def train(objective: nn.Module, count: int, schedule: Schedule, checkpoint: Path, stop_after: float = math.inf) -> dict:
    """Train in place to the end of the schedule; a checkpoint that fits is resumed, one that does not is refused.

    Parameters
    ----------
    objective : an object of `training.objectives`.
    count : pictures in the training set.
    checkpoint : file for the state, rewritten about once a minute (whole or not at all).
    stop_after : seconds after which to leave with a checkpoint; a later call goes on.

    Returns
    -------
    dict with `step`, `loss` (mean of the last hundred steps), `seconds` (of all calls together), `finished`.
    """
    optimizer = optimizer_of(objective, schedule)
    state = {"step": 0, "seconds": 0.0, "loss": float("nan"), "schedule": asdict(schedule)}
    if saved := resumed(checkpoint, schedule):
        objective.load_state_dict(saved.pop("objective"))
        optimizer.load_state_dict(saved.pop("optimizer"))
        state.update(saved)

    def save() -> None:
        with atomic(checkpoint) as part:
            torch.save({**state, "objective": objective.state_dict(), "optimizer": optimizer.state_dict()}, part)

    objective.train()
    device = next(objective.parameters()).device
    started = kept_at = time.monotonic()
    before = state["seconds"]
    for step in progress(range(state["step"], schedule.steps), label="training"):
        generator = torch.Generator().manual_seed(schedule.seed * 1_000_003 + step)
        torch.manual_seed(schedule.seed * 1_000_003 + step)  # dropout
        done = step / schedule.steps
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(schedule, step)
        with torch.autocast(device.type, torch.bfloat16):
            loss = objective.loss(batch_rows(schedule, step, count), generator, done)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in objective.parameters() if p.requires_grad], 3.0)
        optimizer.step()
        objective.after(done)
        value = loss.item()
        if not math.isfinite(value):
            raise UnitscopeError(
                f"the loss is {value} at step {step}; the last checkpoint is kept in {checkpoint.name}."
            )
        now = time.monotonic()
        smooth = value if math.isnan(state["loss"]) else 0.99 * state["loss"] + 0.01 * value
        state.update(step=step + 1, loss=smooth, seconds=before + now - started)
        if now - kept_at > CHECKPOINT_SECONDS:
            save()
            kept_at = now
        if now - started > stop_after:
            break
    save()
    return {**{k: state[k] for k in ("step", "loss", "seconds")}, "finished": state["step"] >= schedule.steps}
