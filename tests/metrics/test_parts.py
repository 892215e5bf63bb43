"""Measures of parts against scikit-image's regionprops, rank filter and plain loops; sparsity against the fact sheet's
table.
"""

import numpy as np
import pytest
import torch
from skimage.draw import ellipse
from skimage.filters.rank import entropy
from skimage.measure import regionprops
from skimage.morphology import disk
from sklearn.metrics import jaccard_score
from unitscope.errors import UnitscopeError
from unitscope.metrics import parts
from unitscope.metrics.parts.masked_regions import mean_inside, regions


def blobs(rng, n=5, height=21, width=34, labels=6):
    """Masks with label 0 around random ellipses; label `labels - 1` never occurs."""
    masks = np.zeros((n, height, width), np.uint8)
    for mask in masks:
        for label in range(1, labels - 1):
            centre, radii = rng.uniform(4, [height - 4, width - 4]), rng.uniform(1, 7, 2)
            mask[ellipse(*centre, *radii, shape=mask.shape, rotation=rng.uniform(-3, 3))] = label
    return masks


def test_ellipses_are_those_of_scikit_image(rng):
    masks = blobs(rng, 300, labels=6)  # more than one block
    found = regions(torch.from_numpy(masks), 6)
    checked = 0
    for mask, area, eccentricity, angle in zip(masks, found.area, found.eccentricity, found.angle, strict=True):
        for one in regionprops(mask + 1):
            label = one.label - 1
            assert area[label] == one.area
            assert eccentricity[label] == pytest.approx(one.eccentricity, abs=1e-6)
            if one.eccentricity > 0.2:  # orientation is counted from the rows there
                turned = (np.rad2deg(one.orientation) + 90 - float(angle[label]) + 90) % 180 - 90
                assert abs(turned) < 1e-4
                checked += 1
    assert checked > 900


def test_absent_labels_are_not_a_number(rng):
    found = regions(torch.from_numpy(blobs(rng)), 6)
    assert (found.area[:, 5] == 0).all() and found.eccentricity[:, 5].isnan().all() and found.angle[:, 5].isnan().all()


def test_known_shapes():
    mask = torch.zeros(3, 101, 101, dtype=torch.uint8)
    mask[0][ellipse(50, 50, 30, 30)] = 1
    mask[1][ellipse(50, 50, 20, 40)] = 1  # twice as wide as high
    mask[2, 20:80, 50] = 1  # an upright line
    found = regions(mask, 2)
    assert float(found.eccentricity[0, 1]) < 0.05
    assert float(found.eccentricity[1, 1]) == pytest.approx(0.866, abs=0.01)
    assert float(found.angle[1, 1]) % 180 == pytest.approx(0, abs=1e-6)
    assert float(found.angle[2, 1]) == pytest.approx(90) and float(found.eccentricity[2, 1]) == pytest.approx(1)


def test_a_line_that_rises_to_the_right_has_a_positive_angle():
    mask = torch.zeros(1, 40, 40, dtype=torch.int64)
    for step in range(30):
        mask[0, 35 - step // 2, 5 + step] = 1
    assert 20 < float(regions(mask, 2).angle[0, 1]) < 35


def test_light_and_grain(rng):
    white, black = torch.ones(1, 3, 9, 9), torch.zeros(1, 3, 9, 9)
    assert parts.luminance(white).allclose(torch.tensor(85.0)) and parts.luminance(black).abs().max() == 0
    assert parts.local_entropy(white).abs().max() == 0
    images = torch.from_numpy(rng.random((2, 3, 17, 13), dtype=np.float32))
    grey = np.einsum("nchw,c->nhw", images.numpy(), [0.299, 0.587, 0.114])
    direct = np.stack([entropy((one * 32).astype(np.uint8), disk(3)) for one in grey])
    np.testing.assert_allclose(parts.local_entropy(images), direct, atol=1e-5)


def test_local_entropy_by_its_definition(rng):
    images = torch.from_numpy(rng.random((1, 3, 9, 9), dtype=np.float32))
    grey = (np.einsum("nchw,c->nhw", images.numpy(), [0.299, 0.587, 0.114]) * 8).astype(int)[0]
    inside = [grey[y, x] for y in range(9) for x in range(9) if (y - 4) ** 2 + (x - 3) ** 2 <= 4]
    share = np.bincount(inside)[np.bincount(inside) > 0] / len(inside)
    found = parts.local_entropy(images, radius=2, levels=8)[0, 4, 3]
    assert float(found) == pytest.approx(-(share * np.log2(share)).sum(), abs=1e-5)


def test_means_inside_by_a_loop(rng):
    masks, values = blobs(rng), rng.normal(size=(5, 21, 34))
    found = mean_inside(torch.from_numpy(values), torch.from_numpy(masks), 6).numpy()
    for i, label in np.ndindex(5, 6):
        inside = values[i][masks[i] == label]
        assert found[i, label] == pytest.approx(inside.mean()) if len(inside) else np.isnan(found[i, label])


def test_the_table_has_five_measures_a_part(rng):
    images, masks = torch.rand(3, 3, 21, 34), torch.from_numpy(blobs(rng, 3))
    table = parts.measure(images, masks, 6)
    assert table.shape == (3, 6, 5) and table.dtype == torch.float32
    torch.testing.assert_close(table[..., 0].double(), regions(masks, 6).area)
    torch.testing.assert_close(
        table[..., 1].double(), mean_inside(parts.luminance(images), masks, 6), rtol=1e-5, atol=1e-4, equal_nan=True
    )
    with pytest.raises(UnitscopeError, match="images .n, 3, H, W. and masks"):
        parts.measure(images, masks[:, :20], 6)
    with pytest.raises(UnitscopeError, match="0..3"):
        parts.measure(images, masks, 4)


def test_changes_follow_the_papers_rules():
    first = torch.tensor(
        [[100.0, 10, 1, 0.5, 179], [0, torch.nan, torch.nan, torch.nan, torch.nan], [3, 5, 2, 0.1, 10]]
    )
    last = torch.tensor([[150.0, 27, 3, 0.25, 1], [40, 20, 1, 0.5, 60], [4, 80, 1, 0.9, 80]])
    found = parts.change(first, last, side=64)
    torch.testing.assert_close(found.values[0], torch.tensor([0.5, 0.2, 2, -0.25, 2]))
    assert found.values[1].tolist() == [40, 0, 0, 0, 0]  # an empty part is divided by 1
    assert found.present.tolist() == [True, True, False] and not found.values[2].any()  # 20 px at 128 are 5 at 64
    assert parts.change(first, last, side=64, smallest=2).present.all()
    assert parts.stacked(found.values).shape == (15,)
    assert float(parts.stacked(found.values)[4]) == pytest.approx(2 / 90)


def test_sparsity_is_hoyers(rng):
    x = torch.from_numpy(rng.normal(size=(7, 9)))
    slow = [(3 - np.abs(row).sum() / np.sqrt((row**2).sum())) / 2 for row in x.numpy()]
    np.testing.assert_allclose(parts.hoyer(x), slow, atol=1e-12)
    torch.testing.assert_close(parts.hoyer(5 * x), parts.hoyer(x))
    torch.testing.assert_close(parts.hoyer(x[:, torch.randperm(9)]), parts.hoyer(x))
    assert parts.hoyer(torch.zeros(9)).isnan()


@pytest.mark.parametrize("entries, expected", zip(range(1, 10), [1, 0.793, 0.634, 0.5, 0.382, 0.275, 0.177, 0.086, 0]))
def test_sparsity_of_equal_entries(entries, expected):
    x = torch.zeros(9)
    x[:entries] = -2.0
    assert float(parts.hoyer(x)) == pytest.approx(expected, abs=6e-4)


def test_sparsity_of_the_notebooks_bars():
    bars = torch.tensor([-0.38, 0.12, 0, 0, 0, 0.17, -0.06, -0.09, 0])
    assert float(parts.hoyer(bars)) == pytest.approx(0.58, abs=0.01)


@pytest.mark.parametrize("k, mean, high", [(9, 0.270, 0.524), (45, 0.232, 0.324)])
def test_sparsity_of_noise(k, mean, high):
    null = parts.hoyer_null(k)
    assert float(null.mean()) == pytest.approx(mean, abs=2e-3) and float(null.quantile(0.99)) == pytest.approx(
        high, abs=6e-3
    )


def test_iou_is_scikit_learns(rng):
    one, other = (torch.from_numpy(rng.integers(0, 4, (3, 11, 7))) for _ in range(2))
    expected = jaccard_score(other.flatten(), one.flatten(), average=None)
    np.testing.assert_allclose(parts.iou(one, other, 5)[:4], expected, atol=1e-12)
    assert parts.iou(one, other, 5)[4].isnan()


def test_the_head_equals_convolutions_over_stacked_maps(rng):
    maps = {"coarse": torch.randn(2, 5, 4, 4), "fine": torch.randn(2, 3, 16, 16)}
    head = parts.PartHead({"coarse": 5, "fine": 3}, 4, 16)
    head.standardise(maps)
    stacked = torch.cat(
        [
            torch.nn.functional.interpolate(
                (m - m.mean((0, 2, 3), keepdim=True)) / m.std((0, 2, 3), keepdim=True), (16, 16), mode="bilinear"
            )
            for m in maps.values()
        ],
        1,
    )
    first = torch.nn.Conv2d(8, 16, 1)
    first.weight.data = torch.cat([one.weight for one in head.inputs], 1)
    first.bias.data = head.inputs[0].bias
    leaky = torch.nn.functional.leaky_relu
    expected = head.output(leaky(head.middle(leaky(first(stacked), 0.2)), 0.2))
    torch.testing.assert_close(head(maps), expected, atol=1e-5, rtol=1e-4)


def test_parts_are_learned_from_few_pictures():
    draw = torch.Generator().manual_seed(0)
    masks = (torch.rand(8, 4, 4, generator=draw) * 3).long().repeat_interleave(4, 1).repeat_interleave(4, 2)
    fine = torch.nn.functional.one_hot(masks, 3).permute(0, 3, 1, 2).float() + 0.3 * torch.randn(
        8, 3, 16, 16, generator=draw
    )
    head = parts.fit_head({"fine": fine[:4]}, masks[:4], 3, epochs=40)
    assert float(parts.iou(head.masks({"fine": fine[4:]}), masks[4:], 3).min()) > 0.8
    again = parts.fit_head({"fine": fine[:4]}, masks[:4], 3, epochs=40)
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), again.parameters(), strict=True))
    with pytest.raises(UnitscopeError, match="4 labelled pictures"):
        parts.fit_head({"fine": fine}, masks[:4], 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_measures_on_a_gpu_are_the_same(rng):
    images, masks = torch.rand(3, 3, 21, 34), torch.from_numpy(blobs(rng, 3))
    torch.testing.assert_close(
        parts.measure(images.cuda(), masks.cuda(), 6), parts.measure(images, masks, 6), equal_nan=True
    )
    torch.testing.assert_close(regions(masks.cuda(), 6).angle.cpu(), regions(masks, 6).angle, equal_nan=True)
