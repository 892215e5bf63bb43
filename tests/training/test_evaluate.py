"""The figures on the cards: neighbours and counts by plain loops, the probe where its answer is known."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from unitscope.data.critters import critter_set
from unitscope.models.architectures import build
from unitscope.training import evaluate
from unitscope.training.objectives import normalise

KNOWN = 200


class Colours(nn.Module):
    """Mean colour of each quarter of a picture, 12 numbers: a network without weights."""

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


@pytest.fixture(scope="module")
def test():
    return critter_set("test", limit=301)


@pytest.fixture
def train(monkeypatch):
    monkeypatch.setattr(evaluate, "KNOWN", KNOWN)
    return critter_set("train", limit=KNOWN)


def features(images):
    return Colours()(normalise(images.load(range(len(images))).images)).double().numpy()


def by_loops(known, labels, asked):
    """The commonest label of the five training pictures with the largest cosine; of equal counts the smallest label."""
    answers = []
    for row in asked:
        cosines = [row @ other / np.sqrt((row @ row) * (other @ other)) for other in known]
        counts = Counter(int(labels[i]) for i in sorted(range(len(known)), key=lambda i: -cosines[i])[:5])
        answers.append(min(counts, key=lambda label: (-counts[label], label)))
    return answers


def test_neighbours_vote_by_cosine(train, test):
    answers = by_loops(features(train), train.labels, features(test))
    found = evaluate.probes(Colours(), test, read=evaluate.summary)
    assert found["knn5"] == round(
        sum(a == b for a, b in zip(answers, test.labels.tolist(), strict=True)) / len(test), 4
    )


def test_the_probe_reads_what_is_there_and_nothing_else(train, test):
    labels = torch.cat([train.labels, test.labels])
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(len(labels), 4))).float()

    def probed(rows):
        given = iter(rows.split(1))
        return evaluate.probes(None, test, read=lambda _: lambda images: torch.cat([next(given) for _ in images]))[
            "linear"
        ]

    assert probed(nn.functional.one_hot(labels, 12).float() + 0.01 * noise[:, :1]) == 1.0
    assert probed(noise) < 0.3


def test_confusion_counts_by_label_and_answer(test):
    network = nn.Sequential(Colours(), nn.Linear(12, 12, bias=False))
    counts = np.zeros((12, 12), int)
    weight = network[1].weight.detach().double().numpy()
    for row, label in zip(features(test), test.labels.tolist(), strict=True):
        counts[label, np.argmax(weight @ row)] += 1
    np.testing.assert_array_equal(evaluate.confusion(network, test), counts)
    assert evaluate.top1(network, test) == {"top1": round(np.trace(counts) / len(test), 4)}


@pytest.mark.parametrize("name", ["critters/resnet_s", "critters/mae_vit"])
def test_pooled_features_are_means_over_positions(name, test):
    network, images = build(name, 0).eval(), normalise(test.load(range(3)).images)
    with torch.no_grad():
        maps = network.forward_features(images)
        means = maps[:, 1:].mean(1) if maps.ndim == 3 else maps.mean((2, 3))
        torch.testing.assert_close(evaluate.pooled(network)(images), means)
