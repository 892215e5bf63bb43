"""The judge of generators against torchmetrics by hand, scipy and the LPIPS of `metrics`."""

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.ndimage import gaussian_filter
from unitscope.data.critters import critter_set
from unitscope.data.images import Batch, ImageSet
from unitscope.metrics.lpips import embed_set, from_model, squared_distances
from unitscope.models import load_generator, load_model
from unitscope.training import generators_judge as judging


class Pictures(ImageSet):
    """Given images as a set."""

    def __init__(self, images, labels):
        self.images, self.labels, self.name, self.classes, self.image_size = (
            images,
            labels,
            "pictures",
            ("a", "b"),
            images.shape[-1],
        )

    def load(self, indices):
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)


def slow_frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Dowson and Landau's formula with scipy's matrix root."""
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root.real))


class Means(torch.nn.Module):
    """Six features of a picture, none a combination of others."""

    num_features = 6

    def forward(self, images):
        return torch.cat([images.mean((2, 3)), images.std((2, 3))], 1)


def test_frechet_distance_is_the_formula_with_and_without_blur():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(40, 3, 16, 16, generator=generator) ** power for power in (1.0, 1.5))
    labels = torch.zeros(40, dtype=torch.int64)
    features = [Means()(x).double().numpy() for x in (a, b)]
    assert judging.frechet(Means(), Pictures(a, labels), Pictures(b, labels)) == pytest.approx(
        slow_frechet(*features), rel=1e-4
    )
    smooth = torch.from_numpy(gaussian_filter(b.numpy(), (0, 0, 1, 1), mode="mirror", radius=3))
    expected = slow_frechet(features[0], Means()(smooth).double().numpy())
    assert judging.frechet(Means(), Pictures(a, labels), Pictures(b, labels), blur=1.0) == pytest.approx(
        expected, rel=1e-3
    )


def test_within_class_diversity_is_the_mean_lpips_of_all_pairs():
    world = critter_set("val", limit=14)
    images = Pictures(world.load(range(14)).images, torch.tensor([0] * 9 + [1] * 4 + [5]))  # one class has no pair
    distances = squared_distances(embed_set(from_model(load_model("critters/alexnet", device="cpu")), images).vectors)
    expected = []
    for first, last in ((0, 9), (9, 13)):
        pairs = [distances[i, j].item() for i in range(first, last) for j in range(first, last) if i != j]
        expected.append(np.mean(pairs))
    assert judging.within_class(images, judging.eye()) == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_renderer_is_judged_like_real_pictures_and_random_weights_are_not():
    test = critter_set("test", limit=240)
    good, bad = (
        judging.generator_figures(load_generator(name, pretrained=False, device="cpu"), test, samples=120)
        for name in ("critters/procedural", "critters/stylegan")
    )
    assert good["named_at_1"] > 0.97 and good["named_at_0.7"] > 0.97 and bad["named_at_1"] < 0.3
    assert (
        good["frechet_at_1"] < 2 * good["frechet_real"]
        and bad["frechet_at_1"] > good["frechet_blurred"] > good["frechet_real"]
    )
    assert 0.85 < good["diversity_at_1"] < 1.15 and good["diversity_at_0.7"] < good["diversity_at_1"]
    assert good["frechet_real"] == bad["frechet_real"] and (good["samples"], good["seed"]) == (120, 0)
