"""Fixtures over `tiny`, which the tests here import by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from timm.models.resnet import Bottleneck

sys.path.insert(0, str(Path(__file__).parent))

from tiny import Noise, resnet, small_vit, wrap


@pytest.fixture
def noise():
    return Noise()


@pytest.fixture
def model():
    return wrap(resnet())


@pytest.fixture
def bottleneck():
    return wrap(resnet(Bottleneck))


@pytest.fixture
def vit():
    return wrap(small_vit(), 16)
