"""Public functions with arguments that are right: the table that `test_functions.py` spoils, one argument at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn
from unitscope import extract
from unitscope.data import load_dataset
from unitscope.evidence.rosetta import effects, nulls
from unitscope.extract import pairs as pair_schedule
from unitscope.extract import resize_adjoint, taps, unit_views
from unitscope.metrics import clusters, interpretability, parts, pictures, similarity, statistics, synergy
from unitscope.metrics.parts.masked_regions import check_masks, mean_inside, moments
from unitscope.models import load_model
from unitscope.papers.linking import link
from unitscope.papers.pure import circuits, scores
from unitscope.papers.rosetta import edits, matches

SIZE = 16


@dataclass(frozen=True)
class Case:
    """A function and valid arguments by name.

    free : arguments that are left as they are: any string is a name.
    none : arguments that take None.
    """

    function: Callable
    arguments: dict[str, object]
    free: frozenset[str] = frozenset()
    none: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.function.__module__.removeprefix('unitscope.')}.{self.function.__qualname__}"


OPTIONAL = frozenset({"device", "normalise", "image_size", "smallest", "rows", "null"})


def case(function, _free=(), _none=(), **arguments) -> Case:
    return Case(function, arguments, frozenset(_free), frozenset(_none) | OPTIONAL)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def whole(high: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


@cache
def model():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()), nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU())
    )
    return load_model(network, device="cpu", input_size=SIZE, preprocess=lambda images: images, layers=["0", "1"])


@cache
def images():
    return load_dataset("critters/test", limit=12, size=SIZE)


def cases() -> list[Case]:
    """Every function of the table; arguments are made anew."""
    return [*extraction(), *of_clusters(), *of_directions(), *of_parts(), *of_papers()]


def extraction() -> list[Case]:
    net, units, references = model(), whole(6, 3), whole(12, 3, 4)
    square = uniform(2, 8, 8)
    return [
        case(
            extract.stream,
            model=net,
            images=images(),
            layers=["0", "1"],
            reducers=[extract.Pooled("1")],
            batch_size=5,
            shard=7,
            device="cpu",
        ),
        case(extract.TopK, layer="1", k=3, _free=["layer"]),
        case(extract.Pooled, layer="1", how="max", _free=["layer"]),
        case(extract.Moments, layer="1", _free=["layer"]),
        case(extract.StoredMaps, layer="1", channels=(0, 2), _free=["layer"], _none=["channels"]),
        case(extract.Taps, model=net, layers=["0", "1"]),
        case(
            extract.conditional_attributions,
            model=net,
            images=images(),
            layer="1",
            lower="0",
            units=units,
            references=references,
            seed_map="sum",
            pool="abs",
            normalise="l1",
            batch_size=4,
            _none=["batch_size"],
        ),
        case(
            extract.unit_crops,
            model=net,
            images=images(),
            layer="1",
            units=units,
            n=2,
            size=8,
            crop="receptive field",
            ranking=extract.stream(net, images(), ["1"], [extract.TopK("1", 3)])[0],
            _none=["ranking"],
        ),
        case(extract.crop_boxes, heat=normal(3, 12, 14), threshold=0.1, blur=3),
        case(
            extract.crop_images,
            images=uniform(2, 3, 12, 14),
            boxes=torch.tensor([[0, 0, 6, 6], [2, 2, 9, 9]]),
            size=5,
            stretch=True,
        ),
        case(
            extract.lrp_heatmaps,
            model=net,
            images=uniform(3, 3, SIZE, SIZE),
            layer="1",
            units=units,
            positions=whole(64, 3),
            batch_size=2,
        ),
        case(
            extract.lrp_boxes,
            model=net,
            images=images(),
            layer="1",
            units=units,
            references=references,
            positions=whole(64, 3, 4),
            threshold=0.1,
            blur=3,
            batch_size=4,
        ),
        case(extract.receptive_field_boxes, model=net, layer="1", positions=whole(64, 4), share=0.9, image_size=SIZE),
        case(
            pair_schedule.check_pairs,
            layer=net.layer("1"),
            images=images(),
            units=units,
            references=references,
            _free=["layer"],
        ),
        case(resize_adjoint.resize_matrix, small=4, large=7),
        case(resize_adjoint.enlarge, maps=square, large=11),
        case(resize_adjoint.pull_down, maps=square, small=5),
        case(resize_adjoint.pull_down_pixels, maps=uniform(2, 8, 8, 3), small=5),
        case(resize_adjoint.resized_sums, maps=square, large=11),
        case(resize_adjoint.resized_squares, maps=square, large=11),
        case(resize_adjoint.keeps_means, small=4, large=8),
        case(resize_adjoint.neighbour_products, maps=uniform(2, 8, 8, 3), count=5),
        case(resize_adjoint.squares_at, products=uniform(5, 8, 8, 3), large=11),
        case(unit_views.unit_table, network=net, layers=["0", "1"], _none=["layers"]),
        case(unit_views.unit_table(net).place, unit=3),
        case(unit_views.unit_table(net).units, layer="1"),
        case(taps.layer_of, model=net, name="1"),
    ]


def of_clusters() -> list[Case]:
    vectors, labels = normal(3, 10, 4), whole(2, 3, 10)
    D, E = clusters.distances(vectors), clusters.distances(normal(3, 10, 4, seed=1))
    return [
        case(clusters.distances, vectors=vectors),
        case(clusters.kmeans_labels, x=vectors, k=2, seed=0, n_init=2),
        case(clusters.assign, vectors=vectors, centroids=vectors[:, :2]),
        case(clusters.overall_distance, D=D),
        case(clusters.intra_inter, D=D, labels=labels),
        case(clusters.partition_gaps, D=D, partitions=whole(2, 3, 5, 10)),
        case(clusters.adjusted_rand, one=labels[0], other=labels[1]),
        case(clusters.pair_sums, judge=D, other=E),
        case(clusters.within_correlation, judge=D, other=E),
        case(statistics.paired_test, a=normal(9).double(), b=normal(9, seed=1).double(), seed=0),
        case(pictures.psnr, a=uniform(2, 3, 9, 9), b=uniform(2, 3, 9, 9, seed=1)),
        case(pictures.ssim, a=uniform(2, 3, 9, 9), b=uniform(2, 3, 9, 9, seed=1)),
    ]


def of_directions() -> list[Case]:
    likeness = similarity.features("test", normal(30, 5))
    sets, other = whole(30, 4, 3), whole(30, 4, 3, seed=1)
    rows, z = normal(6, 30), normal(30, 6)
    chosen = torch.combinations(torch.arange(6))
    return [
        case(similarity.colour, images=images(), batch_size=5),
        case(similarity.label, labels=whole(3, 8)),
        case(similarity.features, name="test", vectors=normal(8, 5), _free=["name"]),
        case(similarity.ensemble, members=[likeness, likeness], name="both", _free=["name"]),
        case(similarity.judge, spec="colour", images=images(), device="cpu", pretrained=True, _free=["device"]),
        case(likeness.between, a=sets, b=other),
        case(likeness.check, indices=sets),
        case(interpretability.top_images, responses=normal(30, 6), m=4),
        case(
            interpretability.interpretability_index,
            model=model(),
            images=images(),
            layer="1",
            units=torch.tensor([0, 2]),
            similarity="colour",
            m=2,
            pool="max",
            _none=["units"],
        ),
        case(interpretability.interpretability, similarity=likeness, sets=sets, normalise="mean"),
        case(interpretability.pairs, similarity=likeness, sets=sets),
        case(interpretability.spread, similarity=likeness, sets=sets),
        case(interpretability.cross_interpretability, similarity=likeness, a=sets, b=other),
        case(interpretability.normalised_interpretability, similarity=likeness, sets=sets),
        case(interpretability.at_quantiles, index=normal(9), quantiles=[0.1, 0.5]),
        case(
            interpretability.half_sample_interval,
            similarity=likeness,
            ranked=whole(30, 4, 8),
            m=2,
            draws=5,
            level=0.9,
            seed=0,
        ),
        case(synergy.varying, y=z),
        case(synergy.standardise, y=z),
        case(synergy.synergies, similarity=likeness, y=z, m=3, length=8, rows=torch.arange(30)),
        case(synergy.halves_of, similarity=likeness, y=z, m=3),
        case(synergy.peak_bytes, n=30, units=6, m=3),
        case(synergy.pair_tops, z=rows, pairs=chosen, m=3, length=8),
        case(synergy.listed_tops, z=rows, pairs=chosen, m=3, length=8),
        case(synergy.full_tops, z=rows, pairs=chosen, m=3),
    ]


def of_parts() -> list[Case]:
    seen, masks = uniform(2, 3, 12, 12), whole(3, 2, 12, 12)
    table = parts.measure(seen, masks, 3)
    other = parts.measure(uniform(2, 3, 12, 12, seed=1), whole(3, 2, 12, 12, seed=1), 3)
    return [
        case(parts.measure, images=seen, masks=masks, labels=3),
        case(parts.change, first=table, last=other, side=12, smallest=1.0),
        case(parts.stacked, values=table),
        case(parts.regions, masks=masks, labels=3),
        case(moments, masks=masks, labels=3),
        case(parts.luminance, images=seen),
        case(parts.local_entropy, images=seen, radius=2, levels=16),
        case(mean_inside, values=uniform(2, 12, 12), masks=masks, labels=3),
        case(check_masks, masks=masks, labels=3),
        case(parts.fit_head, maps={"a": normal(2, 4, 6, 6)}, masks=masks, labels=3, epochs=1, seed=0, batch=2),
        case(parts.iou, found=masks, true=whole(3, 2, 12, 12, seed=1), labels=3),
        case(parts.hoyer, x=normal(4, 5)),
        case(parts.hoyer_null, k=4, draws=9, seed=0),
    ]


def of_papers() -> list[Case]:
    vectors, rho = normal(3, 10, 4), normal(8, 9)
    D, labels = scores.distances(vectors), whole(2, 10)
    found = matches.best_buddies(rho, (3, 3))
    maps = normal(2, 3, 8, 8)
    return [
        case(circuits.purify, vectors=vectors, clusters=2, seed=0, n_init=2),
        case(circuits.typical_channels, vectors=vectors[0], labels=labels, count=2),
        case(circuits.largest_first, labels=whole(2, 3, 10), clusters=2),
        case(scores.distances, vectors=vectors),
        case(scores.split, vectors=vectors, found=D, k=2, seed=0),
        case(scores.top, score=normal(9), count=3),
        case(matches.among_best, rho=rho, k=2),
        case(matches.best_buddies, rho=rho, k=(3, 3)),
        case(matches.one_sided, rho=rho),
        case(matches.chosen_pairs, rho=rho, chosen=rho > 0.5),
        case(nulls.expected_buddies, left=8, right=9, k=(3, 3)),
        case(matches.shared, matches={"a": found}, units=8),
        case(matches.count_tuples, matches={"a": found}, units=found.left[:2]),
        case(matches.tuples, matches={"a": found}, units=found.left[:2]),
        case(matches.clusters, rho=normal(8, 8), units=torch.arange(5), k=2),
        case(edits.zoom, a=maps, factor=2),
        case(edits.shift, a=maps, fraction=0.25),
        case(edits.paste, a=maps, fraction=0.25),
        case(edits.remove, a=maps),
        case(edits.add, a=maps),
        case(effects.displacement, before=maps, after=normal(2, 3, 8, 8, seed=1)),
        case(effects.growth, before=maps[:, 0] > 0, after=maps[:, 1] > 0),
        case(link.fit_linear, r=normal(9, 3), w=normal(9, 2, seed=1), ridge=0.5),
    ]
