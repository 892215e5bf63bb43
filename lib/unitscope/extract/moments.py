"""Moments of every channel over all images and positions, merged by Chan, Golub and LeVeque (1979).

n  values seen of a channel    m2  sum of their squared deviations from the mean
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import Batch
from unitscope.extract.reducer import Reducer, unseen


@dataclass(frozen=True)
class ChannelMoments:
    """mean, var (population), min, max (C,) float64, on the CPU, and the number of values behind them."""

    mean: Tensor
    var: Tensor
    min: Tensor
    max: Tensor
    count: int


@dataclass(eq=False)
class Moments(Reducer):
    """Mean, variance, smallest and largest response of every channel of `layer`; NaN where a response is no number."""

    layer: str
    count: Tensor = unseen()
    mean: Tensor = unseen()
    m2: Tensor = unseen()
    low: Tensor = unseen()
    high: Tensor = unseen()
    state_names: ClassVar = ("count", "mean", "m2", "low", "high")

    def __post_init__(self):
        checking.text("layer", self.layer)

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def update(self, maps: dict[str, Tensor], batch: Batch) -> None:
        values, over = maps[self.layer], (0, 2, 3)
        var, mean = torch.var_mean(values, dim=over, correction=0)
        part = self.fresh()
        part.count = torch.tensor(values.numel() // values.shape[1])
        part.mean, part.m2 = mean.double(), var.double() * part.count
        part.low, part.high = values.amin(dim=over).double(), values.amax(dim=over).double()
        self.merge(part)

    def combine(self, other: Self) -> None:
        n, m = self.count, other.count
        step = other.mean.to(self.mean.device) - self.mean
        self.mean = self.mean + step * (m / (n + m))
        self.m2 = self.m2 + other.m2.to(step.device) + step.square() * (n * m / (n + m))
        self.low = torch.minimum(self.low, other.low.to(step.device))
        self.high = torch.maximum(self.high, other.high.to(step.device))
        self.count = n + m

    def result(self) -> ChannelMoments:
        self._needs_images()
        var = self.m2 / self.count
        return ChannelMoments(self.mean.cpu(), var.cpu(), self.low.cpu(), self.high.cpu(), int(self.count))
