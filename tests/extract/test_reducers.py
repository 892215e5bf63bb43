"""Pooled responses, stored maps and moments against NumPy over everything at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unitscope.data import Batch
from unitscope.errors import UnitscopeError
from unitscope.extract import Moments, Pooled, StoredMaps

MAPS = torch.randn(23, 4, 3, 5, generator=torch.Generator().manual_seed(0)) * 3 + 100  # far from 0 on purpose


def feed(reducer, rows):
    for part in torch.as_tensor(rows).split(4):
        reducer.update({"a": MAPS[part]}, Batch(torch.empty(len(part), 0), part, part))
    return reducer


def in_two_parts(make):
    """One pass, and the same with the later half first, through saved states."""
    first, second, empty = feed(make(), range(9, 23)), feed(make(), range(9)), make()
    for part in (first, second):
        loaded = make()
        loaded.load_state({name: value.clone() for name, value in part.state().items()})
        empty.merge(loaded)
    return feed(make(), range(23)).result(), empty.result()


@pytest.mark.parametrize("how", ["mean", "max"])
def test_pooled_is_numpy_in_dataset_order(how):
    for found in in_two_parts(lambda: Pooled("a", how)):
        np.testing.assert_allclose(found, getattr(np, how)(MAPS.numpy(), axis=(2, 3)), rtol=1e-6)


def test_stored_maps_are_the_maps():
    for found in in_two_parts(lambda: StoredMaps("a", (3, 1))):
        assert torch.equal(found, MAPS[:, [3, 1]])


def test_moments_are_numpy_in_double():
    values = MAPS.double().numpy()
    for found in in_two_parts(lambda: Moments("a")):
        np.testing.assert_allclose(found.mean, values.mean((0, 2, 3)), rtol=1e-7)
        np.testing.assert_allclose(found.var, values.var((0, 2, 3)), rtol=1e-5)
        np.testing.assert_array_equal(found.min, values.min((0, 2, 3)))
        np.testing.assert_array_equal(found.max, values.max((0, 2, 3)))
        assert found.count == 23 * 15


def test_errors():
    with pytest.raises(UnitscopeError, match="unknown pooling 'median'"):
        Pooled("a", "median")
    with pytest.raises(UnitscopeError, match="`channels` must hold"):
        StoredMaps("a", ())
    with pytest.raises(UnitscopeError, match=r"0\.\.3, got \[1, 9\]"):
        feed(StoredMaps("a", (1, 9)), range(4))
    for reducer in (Pooled("a"), StoredMaps("a", (0,)), Moments("a")):
        with pytest.raises(UnitscopeError, match="no image yet"):
            reducer.result()
