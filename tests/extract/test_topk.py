"""Top-k references against a full sort of everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unitscope.data import Batch
from unitscope.errors import UnitscopeError
from unitscope.extract import TopK


def batch_of(indices) -> Batch:
    indices = torch.as_tensor(indices)
    return Batch(torch.empty(len(indices), 0), torch.zeros_like(indices), indices)


def run(maps, k, sizes, order=None) -> TopK:
    """Feed maps (N, C, h, w) to a TopK in batches of the given sizes."""
    order = torch.arange(len(maps)) if order is None else order
    top = TopK("a", k)
    for rows in order.split(sizes):
        top.update({"a": maps[rows]}, batch_of(rows))
    return top


def slow_topk(maps, k):
    """Sort all images of a channel by response, then by index."""
    maps = maps.numpy()
    n, c = maps.shape[:2]
    peaks = maps.reshape(n, c, -1).max(2)
    order = np.stack([np.lexsort((np.arange(n), -peaks[:, j]))[:k] for j in range(c)])
    values = np.stack([peaks[order[j], j] for j in range(c)])
    where = np.stack([[maps[i, j].ravel().argmax() for i in order[j]] for j in range(c)])
    return values, order, where


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("sizes", [1, 7, 50])
@pytest.mark.parametrize("levels", [3, 1000])  # few levels: many ties
def test_topk_is_the_head_of_a_full_sort(layout, sizes, levels):
    draw = torch.Generator().manual_seed(levels)
    maps = torch.randint(-levels, levels, (50, 6, 3, 5), generator=draw).float() / 7
    values, indices, positions = slow_topk(maps, 12)
    found = run(maps.contiguous(memory_format=layout), 12, sizes).result()
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.positions, positions)
    peaks = maps.numpy().reshape(50, 6, -1).max(2)
    last = values[:, -1]
    outside = [(np.delete(peaks[:, j], indices[j]) == last[j]).any() for j in range(6)]
    assert found.tied().tolist() == [bool(out and value > 0) for out, value in zip(outside, last)]


def test_neither_order_nor_merging_changes_the_result():
    maps = torch.randint(-4, 4, (60, 5, 2, 2), generator=torch.Generator().manual_seed(0)).float()
    whole = run(maps, 10, 16).result()
    mixed = run(maps, 10, 9, torch.randperm(60, generator=torch.Generator().manual_seed(1))).result()
    rows = torch.arange(60)
    late, early = run(maps, 10, 8, rows[35:]), run(maps, 10, 8, rows[:35])
    merged = TopK("a", 10).merge(late).merge(early).merge(TopK("a", 10)).result()
    for other in (mixed, merged):
        assert torch.equal(other.values, whole.values) and torch.equal(other.indices, whole.indices)
        assert torch.equal(other.positions, whole.positions)


def test_extreme_values_keep_their_order():
    values = torch.tensor([-0.0, 0.0, 1e-45, -1e-45, float("inf"), -float("inf"), 3.4e38, -3.4e38, 1.5, -1.5])
    found = run(values[:, None, None, None], 10, 4).result()
    assert found.indices[0].tolist() == [4, 6, 8, 2, 0, 1, 3, 9, 7, 5]  # 0 and -0 tie
    assert torch.equal(found.values[0], values[found.indices[0]])


def test_dead_channels_are_flagged():
    maps = torch.zeros(8, 3, 2, 2)
    maps[5, 1, 0, 1], maps[:, 2] = 0.5, -1
    assert run(maps, 3, 4).result().dead.tolist() == [True, False, True]


def test_memory_depends_on_k_alone():
    maps = torch.rand(200, 4, 2, 2)
    sizes = [sum(value.nbytes for value in run(maps[:n], 10, 16).state().values()) for n in (20, 200)]
    assert sizes[0] == sizes[1] == 4 * 11 * 16


def test_too_few_images_names_both_numbers():
    with pytest.raises(UnitscopeError, match="100 references.*60 images"):
        TopK("a", 100).check(60)
    with pytest.raises(UnitscopeError, match="100 references.*6 images"):
        run(torch.rand(6, 2, 1, 1), 100, 4).result()


def test_errors():
    with pytest.raises(UnitscopeError, match="k=0"):
        TopK("a", 0)
    with pytest.raises(UnitscopeError, match="no image yet"):
        TopK("a", 3).result()
    with pytest.raises(UnitscopeError, match="one question"):
        TopK("a", 3).merge(TopK("a", 4))


NEGATIVE_NAN = torch.tensor(-0x400000, dtype=torch.int32).view(torch.float32)  # what inf - inf and 0 / 0 give on x86


@pytest.mark.parametrize("nan", [torch.tensor(float("nan")), NEGATIVE_NAN, torch.tensor(float("inf")) - float("inf")])
@pytest.mark.parametrize("sizes", [1, 3, 8])
def test_a_response_that_is_not_a_number_is_an_error_with_its_place(nan, sizes):
    maps = torch.rand(8, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    maps[5, 3, 1, 0] = nan
    with pytest.raises(UnitscopeError, match="layer 'a' gave values that are not numbers.* unit 3 at image 5"):
        run(maps, 2, sizes).result()
    first, second = run(maps, 2, 8, torch.arange(4)), run(maps, 2, 8, torch.arange(4, 8))
    with pytest.raises(UnitscopeError, match="unit 3 at image 5"):
        first.merge(second).result()
