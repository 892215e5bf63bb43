"""Small networks that all tests share: an untrained classifier, the renderer and an untrained generator, and pairs of
them.
"""

import pytest
import torch
from unitscope.models import load_generator, load_model
from unitscope.papers import linking

SPECIES = ("pika", "hare", "cat")


@pytest.fixture(scope="session")
def reader():
    return linking.Reader(load_model("critters/resnet_s", device="cpu"))


@pytest.fixture(scope="session")
def headless():
    return linking.Reader(load_model("critters/dino_resnet", device="cpu", pretrained=False))


@pytest.fixture(scope="session")
def renderer():
    return load_generator("critters/procedural", device="cpu")


@pytest.fixture(scope="session")
def neural():
    return load_generator("critters/stylegan", device="cpu", pretrained=False)


@pytest.fixture(scope="session")
def study(renderer, reader):
    torch.set_num_threads(1)
    return linking.study(renderer, reader, SPECIES, 40, 6, truncation=0.7)
