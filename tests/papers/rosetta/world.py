"""A small generator with random weights, two networks, and one mining of them, shared by the tests here."""

from functools import cache

from unitscope.models import load_generator, load_model
from unitscope.papers.rosetta import mine
from unitscope.papers.rosetta.dictionary import dictionary

NAMES = ("critters/resnet_s", "critters/dino_vit")


@cache
def gan():
    return load_generator("critters/stylegan", pretrained=False, device="cpu")


@cache
def networks():
    return {name: load_model(name, pretrained=False, device="cpu") for name in NAMES}


@cache
def mined():
    return mine(gan(), networks(), 24, shards=4, batch_size=6)


@cache
def concepts():
    return dictionary(mined(), NAMES)
